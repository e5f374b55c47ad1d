//! A file's content on its way into an archive, and the tap that it goes through.

use super::walk::fatal;
use crate::error::{Error, Result};
use crate::repository::Repository;
use crate::restore::REFUSED;
use crate::sieve::{Copy, Sieve};
use crate::tree::{self, Indexed};
use rustic_core::BlobId;
use rustic_core::repofile::{BlobType, Node};
use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::rc::Rc;

/// Bytes of a piece of a copy.
const COPIED: usize = 256 << 10;

/// Why something is not in an archive.
#[derive(Debug)]
pub(super) enum Trouble {
    /// This entry cannot be had, or not in this format.
    Entry(String),
    /// Nothing can go on.
    All(Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::All(Error::Write(error))
    }
}

/// How long a file is, says the index, which knows of each piece: what the PC wrote beside the
/// name may be wrong.
pub(super) fn length(indexed: &Indexed, node: &Node) -> Result<u64, String> {
    if node.content.is_none() && node.meta.size > 0 {
        return Err("the snapshot holds no content for it".to_owned());
    }
    let piece = |id| match indexed.get_index_entry(id) {
        Ok(entry) => Ok(u64::from(entry.data_length())),
        Err(_) => Err("a piece of its content is not in the repository".to_owned()),
    };
    node.content.iter().flatten().map(piece).sum()
}

/// One file's content.
pub(super) struct Content<'a> {
    repository: &'a Repository,
    indexed: &'a Indexed,
    node: &'a Node,
    length: u64,
    /// Bytes of the files before.
    before: u64,
    tell: &'a mut dyn FnMut(u64) -> ControlFlow<()>,
    /// All of it, once a sieve has let it through.
    copy: Option<Copy>,
}

impl<'a> Content<'a> {
    pub(super) fn new(
        repository: &'a Repository,
        indexed: &'a Indexed,
        node: &'a Node,
        before: u64,
        tell: &'a mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<Self, Trouble> {
        let length = length(indexed, node).map_err(Trouble::Entry)?;
        Ok(Self { repository, indexed, node, length, before, tell, copy: None })
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Which pieces it is made of.
    pub(super) fn ids(&self) -> Vec<String> {
        self.node.content.iter().flatten().map(|id| id.to_hex().to_string()).collect()
    }

    /// Has a sieve look at it. What follows is read from the copy that was looked at.
    pub(super) fn sift(&mut self, path: &Path, sieve: &Sieve<'_>) -> Result<(), Trouble> {
        if self.length == 0 {
            return Ok(());
        }
        let unscanned = |error: io::Error| Trouble::Entry(format!("it cannot be scanned before it goes out: {error}"));
        let mut copy = sieve.copy().map_err(unscanned)?;
        let mut full = Ok(());
        self.pieces(false, &mut |piece| {
            full = copy.write_all(piece);
            // It ends here, and not all that is written with it.
            if full.is_ok() { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
        })
        .map_err(|trouble| match std::mem::replace(&mut full, Ok(())) {
            Ok(()) => trouble,
            Err(error) => unscanned(error),
        })?;
        if !sieve.admits(path, &mut copy).map_err(unscanned)? {
            return Err(Trouble::Entry(REFUSED.to_owned()));
        }
        self.copy = Some(copy);
        Ok(())
    }

    /// Reads all of it, without passing it on.
    pub(super) fn check(&mut self) -> Result<(), Trouble> {
        self.pieces(false, &mut |_| Ok(()))
    }

    /// Passes on each piece, verified. Its length is what [`Self::length`] said, or it is trouble.
    pub(super) fn each(&mut self, write: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> Result<(), Trouble> {
        self.pieces(true, write)
    }

    fn pieces(&mut self, counts: bool, write: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> Result<(), Trouble> {
        if let Some(mut copy) = self.copy.take() {
            let done = self.copied(&mut copy, counts, write);
            self.copy = Some(copy);
            return done;
        }
        let mut read = 0;
        for id in self.node.content.iter().flatten() {
            let piece = match tree::blob(self.indexed, BlobId::from(**id), BlobType::Data) {
                Ok(piece) => piece,
                Err(why) => {
                    fatal(self.repository).map_err(Trouble::All)?;
                    return Err(Trouble::Entry(format!("its content cannot be read: {why}")));
                }
            };
            read += piece.len() as u64;
            if read > self.length {
                break;
            }
            write(&piece)?;
            if (self.tell)(self.before + if counts { read } else { 0 }).is_break() {
                return Err(Trouble::All(Error::Cancelled));
            }
        }
        match read == self.length {
            true => Ok(()),
            false => Err(Trouble::Entry("its content has another length than the index says".to_owned())),
        }
    }

    fn copied(
        &mut self,
        copy: &mut Copy,
        counts: bool,
        write: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), Trouble> {
        let lost = |error: io::Error| Trouble::Entry(format!("its copy cannot be read: {error}"));
        let (mut read, mut piece) = (0, vec![0; COPIED]);
        copy.rewind().map_err(lost)?;
        loop {
            let length = copy.read(&mut piece).map_err(lost)?;
            if length == 0 {
                return Ok(());
            }
            read += length as u64;
            write(&piece[..length])?;
            if (self.tell)(self.before + if counts { read } else { 0 }).is_break() {
                return Err(Trouble::All(Error::Cancelled));
            }
        }
    }
}

/// What has become of a tap.
#[derive(Default)]
enum State {
    #[default]
    Open,
    Closed,
    Failed(io::Error),
}

/// Closes a tap, and says what went wrong in it.
#[derive(Clone, Default)]
pub(super) struct Valve(Rc<RefCell<State>>);

impl Valve {
    pub(super) fn close(&self) {
        *self.0.borrow_mut() = State::Closed;
    }

    pub(super) fn check(&self) -> Result<()> {
        let mut state = self.0.borrow_mut();
        match &*state {
            State::Failed(_) => match std::mem::replace(&mut *state, State::Closed) {
                State::Failed(error) => Err(Error::Write(error)),
                State::Open | State::Closed => Ok(()),
            },
            State::Open | State::Closed => Ok(()),
        }
    }
}

/// The way out. The formats' writers end an archive when they are dropped, also one that broke
/// off: what they write once the tap is closed goes nowhere.
pub(super) struct Tap<'a> {
    out: &'a mut dyn Write,
    valve: Valve,
}

impl<'a> Tap<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, valve: Valve::default() }
    }

    pub(super) fn valve(&self) -> Valve {
        self.valve.clone()
    }

    fn pass(&mut self, work: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        let mut state = self.valve.0.borrow_mut();
        if matches!(*state, State::Open)
            && let Err(error) = work(self.out)
        {
            *state = State::Failed(error);
        }
    }
}

impl Write for Tap<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pass(|out| out.write_all(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass(|out| out.flush());
        Ok(())
    }
}
