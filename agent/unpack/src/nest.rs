//! One container in another: the only door through which an unpacker hands anything on. It
//! counts, bounds, shows each member to the visitor, and opens it in turn.

use crate::budget::{Budget, Limits};
use crate::kind::Kind;
use crate::{INSIDE, Source};
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Bytes that are read before the budget is asked again.
const STEP: usize = 64 << 10;
/// Longest name of one member that is passed on, in bytes.
const LONGEST_NAME: usize = 1 << 10;

/// Why something in a container was not inspected, or not to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// It needs a password.
    #[error("encrypted")]
    Encrypted,
    /// Its bytes are not what its format says; what could be read was inspected.
    #[error("damaged: {0}")]
    Damaged(String),
    /// A format, or a part of one, that is not opened here.
    #[error("{0} is not supported")]
    Unsupported(&'static str),
    /// Too many bytes for memory.
    #[error("larger than {0} bytes unpacked")]
    TooLarge(u64),
    /// Containers in containers.
    #[error("packed more than {0} levels deep")]
    TooDeep(usize),
    /// The file has too many members.
    #[error("more than {0} members in one file")]
    TooMany(u64),
    /// Too many bytes come out of the file.
    #[error("more than {0} bytes come out of one file")]
    Exhausted(u64),
    /// What comes out is out of all proportion.
    #[error("more than {0} times its size comes out: a decompression bomb")]
    Ratio(u64),
    /// It takes too long.
    #[error("it takes longer than {} seconds to unpack", .0.as_secs())]
    TooSlow(Duration),
}

impl Reason {
    /// What a reader that failed says.
    pub(crate) fn damaged(error: impl std::fmt::Display) -> Self {
        let mut text = error.to_string();
        text.truncate(text.floor_char_boundary(200));
        Self::Damaged(text)
    }
}

/// Sees what comes out.
pub trait Visitor {
    /// A member, as much of it as could be read. `inside` is the way to it from the file on
    /// the disk, without that: `invoice.zip!/invoice.js`.
    fn member(&mut self, inside: &str, bytes: &[u8]);
    /// A member, or with an empty `inside` the file itself, that was not inspected or not to
    /// its end.
    fn missed(&mut self, inside: &str, reason: Reason);
    /// Asked often. May wait, as long as the work is paused; `false` calls it off.
    fn carry_on(&mut self) -> bool;
}

/// Why an unpacker stops before its container's end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    /// Nothing more of the whole file: its budget is used up, or the work is called off. It
    /// has been said already.
    End,
    /// Nothing more of this container.
    Bad(Reason),
}

impl From<std::io::Error> for Halt {
    fn from(error: std::io::Error) -> Self {
        // A decoder that knows the reason says it in an error of its own.
        Self::Bad(error.downcast().unwrap_or_else(Reason::damaged))
    }
}

/// How opening goes.
pub(crate) type Opening = Result<(), Halt>;

/// All that is open, from the file on the disk inwards.
pub(crate) struct Nest<'v> {
    budget: Budget,
    visitor: &'v mut dyn Visitor,
    /// Names of the members that are open.
    way: Vec<String>,
    over: bool,
}

impl<'v> Nest<'v> {
    pub(crate) fn new(file: u64, limits: &Limits, visitor: &'v mut dyn Visitor) -> Self {
        Self { budget: Budget::new(file, *limits), visitor, way: vec![], over: false }
    }

    /// Opens what stands at the end of the way.
    pub(crate) fn open(&mut self, source: &mut Source<'_>) -> Option<Kind> {
        let kind = match Kind::of(source) {
            Ok(kind) => kind?,
            Err(error) => {
                self.say(Reason::damaged(error));
                return None;
            }
        };
        self.open_as(kind, source);
        Some(kind)
    }

    /// Opens what stands at the end of the way, which is of this kind.
    pub(crate) fn open_as(&mut self, kind: Kind, source: &mut Source<'_>) {
        if self.way.len() >= self.budget.limits.depth {
            return self.say(Reason::TooDeep(self.budget.limits.depth));
        }
        if let Err(Halt::Bad(reason)) = self.attempt(|nest| kind.open(source, nest)) {
            self.say(reason);
        }
    }

    /// Runs what a library may crash on: it meets bytes that its authors did not dream of.
    /// A crash is damage, of what the way leads to.
    pub(crate) fn attempt(&mut self, work: impl FnOnce(&mut Self) -> Opening) -> Opening {
        let (depth, held) = (self.way.len(), self.budget.held());
        catch_unwind(AssertUnwindSafe(|| work(self))).unwrap_or_else(|_| {
            self.way.truncate(depth);
            self.budget.let_go(self.budget.held() - held);
            Err(Halt::Bad(Reason::Damaged("the unpacker crashed on it".into())))
        })
    }

    /// Reads a member to its end, shows it, and opens it in turn. What cannot be read to its
    /// end is shown as far as it could be, and named. The unpacker goes on, unless told to end.
    pub(crate) fn member(&mut self, name: &str, content: &mut dyn Read) -> Opening {
        self.enter(name)?;
        let mut bytes = Vec::new();
        let reading = self.read(content, &mut bytes);
        let complaint = match &reading {
            Err(Halt::Bad(reason)) => Some(reason.clone()),
            _ => None,
        };
        if reading != Err(Halt::End) {
            self.show(&bytes);
        }
        if let Some(reason) = complaint {
            self.say(reason);
        }
        self.budget.let_go(bytes.len());
        self.way.pop();
        if self.over { Err(Halt::End) } else { Ok(()) }
    }

    /// As [`member`](Self::member), of bytes that are in memory anyway.
    pub(crate) fn bytes(&mut self, name: &str, bytes: &[u8]) -> Opening {
        self.enter(name)?;
        if let Err(reason) = self.budget.out(bytes.len()) {
            return self.end(reason);
        }
        self.show(bytes);
        self.way.pop();
        if self.over { Err(Halt::End) } else { Ok(()) }
    }

    /// Counts bytes that came out and are no member: those on the way to one.
    pub(crate) fn passed(&mut self, bytes: usize) -> Opening {
        self.budget.out(bytes).or_else(|reason| self.end(reason))?;
        self.tick()
    }

    /// Names a member that is not inspected; with an empty name the container itself.
    pub(crate) fn missed(&mut self, name: &str, reason: Reason) -> Opening {
        if name.is_empty() {
            self.say(reason);
            return self.tick();
        }
        self.enter(name)?;
        self.say(reason);
        self.way.pop();
        Ok(())
    }

    /// To be asked in every loop from which nothing comes out for a while.
    pub(crate) fn tick(&mut self) -> Opening {
        let before = Instant::now();
        let carry_on = self.visitor.carry_on();
        let waited = before.elapsed();
        if waited > Duration::from_millis(10) {
            self.budget.paused(waited);
        }
        if !carry_on {
            self.over = true;
            return Err(Halt::End);
        }
        self.budget.in_time().or_else(|reason| self.end(reason))
    }

    fn enter(&mut self, name: &str) -> Opening {
        if self.over {
            return Err(Halt::End);
        }
        self.budget.entry().or_else(|reason| self.end(reason))?;
        self.tick()?;
        self.way.push(tidy(name));
        Ok(())
    }

    fn read(&mut self, content: &mut dyn Read, bytes: &mut Vec<u8>) -> Opening {
        let mut step = [0; STEP];
        loop {
            let read = match content.read(&mut step) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            if let Err(reason) = self.budget.out(read) {
                self.budget.let_go(bytes.len());
                bytes.clear();
                return self.end(reason);
            }
            self.tick()?;
            if (bytes.len() + read) as u64 > self.budget.limits.member {
                return Err(Halt::Bad(Reason::TooLarge(self.budget.limits.member)));
            }
            self.budget.hold(read).map_err(Halt::Bad)?;
            if bytes.try_reserve(read).is_err() {
                self.budget.let_go(read);
                return Err(Halt::Bad(Reason::TooLarge(bytes.len() as u64)));
            }
            bytes.extend_from_slice(&step[..read]);
        }
    }

    fn show(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.visitor.member(&self.way.join(INSIDE), bytes);
            self.open(&mut Source::bytes(bytes));
        }
    }

    fn say(&mut self, reason: Reason) {
        self.visitor.missed(&self.way.join(INSIDE), reason);
    }

    /// The whole file's budget is used up: said once, of the file itself.
    fn end(&mut self, reason: Reason) -> Opening {
        if !self.over {
            self.over = true;
            self.visitor.missed("", reason);
        }
        Err(Halt::End)
    }
}

/// A name that can be shown: containers claim anything.
fn tidy(name: &str) -> String {
    let mut tidy = String::new();
    for c in name.chars() {
        if tidy.len() >= LONGEST_NAME {
            tidy.push('…');
            break;
        }
        if c.is_control() { tidy.extend(c.escape_default()) } else { tidy.push(c) }
    }
    if tidy.is_empty() { "(no name)".into() } else { tidy }
}
