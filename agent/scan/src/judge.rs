//! One thread's work: a file is opened, read, judged by the rules, opened up, and what lies
//! in it judged in turn.

use crate::budget::{Budget, FREE_OF_CHARGE, Share};
use crate::compiled::RuleSet;
use crate::handed::Worst;
use crate::identity::Identity;
use crate::names::{Names, asks};
use crate::platform;
use crate::read::{Opened, Unread};
use crate::rules::GLOBALS;
use crate::scanner::{Match, ScanError, Scanner};
use crate::slow::{self, SlowRule};
use crate::tally::{Found, Outcome, Tally};
use crate::tuning::Tuned;
use crate::verdicts::{ContentKey, Known, Verdicts};
use keepwatch_unpack::{INSIDE, Limits, Reason, Source, Visitor};
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A file that is read in windows is given up after this, pauses left out.
const WINDOWS_TIME: Duration = Duration::from_secs(600);
/// Contents of members that are remembered as clean within one scan: documents share parts.
const MOST_SEEN: usize = 400_000;
/// Objects of one scan for which the rule is looked for that made them slow.
const SEARCHES: usize = 3;
/// Larger objects are not kept for it.
const SEARCHED_BYTES: usize = 64 << 20;

/// What all threads of a scan share.
pub(crate) struct Shared<'s> {
    pub(crate) rules: &'s RuleSet,
    pub(crate) names_in_use: [bool; GLOBALS.len()],
    pub(crate) tuned: Tuned<'s>,
    pub(crate) verdicts: Option<Verdicts>,
    /// Do not ask the verdicts.
    pub(crate) fresh: bool,
    pub(crate) unpack: Option<Limits>,
    pub(crate) whole_bytes: u64,
    pub(crate) budget: Arc<Budget>,
    pub(crate) seen: Mutex<HashSet<ContentKey>>,
    /// How often a slow rule was looked for.
    pub(crate) searches: AtomicUsize,
    pub(crate) tally: Tally<'s>,
}

/// A file whose turn has come.
pub(crate) struct Task {
    pub(crate) path: PathBuf,
    pub(crate) opened: Result<Opened, Unread>,
    pub(crate) content: Content,
    /// Where its verdict is waited for.
    pub(crate) reply: Option<SyncSender<Worst>>,
}

impl Task {
    /// A file that nobody has read.
    pub(crate) fn new(path: PathBuf, opened: Result<Opened, Unread>) -> Self {
        Self { path, opened, content: Content::OnDisk, reply: None }
    }
}

/// Where a file's content is.
pub(crate) enum Content {
    OnDisk,
    /// Read already.
    InMemory(Whole),
}

/// A file's content, and what it takes of the budget; clones are one.
#[derive(Clone)]
pub(crate) struct Whole(Arc<(Vec<u8>, Share)>);

impl Whole {
    pub(crate) fn new(bytes: Vec<u8>, share: Share) -> Self {
        Self(Arc::new((bytes, share)))
    }
}

impl AsRef<[u8]> for Whole {
    fn as_ref(&self) -> &[u8] {
        &self.0.0
    }
}

/// What came of a file.
pub(crate) struct Judged {
    pub(crate) worst: Worst,
    pub(crate) took: Duration,
}

impl Shared<'_> {
    /// Whether a file is as it was when it was judged; if so, it is done with.
    pub(crate) fn is_known(&self, path: &Path, identity: &Identity, owner: &str) -> bool {
        let Some(verdicts) = self.verdicts.as_ref().filter(|_| !self.fresh) else { return false };
        let names = if asks(self.names_in_use) { Names::of(path, owner) } else { Names::default() };
        match verdicts.known(identity, &names.asked(self.names_in_use)) {
            Some(Known::Clean) => self.tally.unchanged(path, identity.size, false),
            Some(Known::CleanInWindows) => self.tally.unchanged(path, identity.size, true),
            Some(Known::SetAside(why)) => self.tally.set_aside(path, &why),
            None => return false,
        }
        true
    }

    /// Whether rules ask for the owner's name.
    pub(crate) fn asks_for_owner(&self) -> bool {
        GLOBALS.iter().zip(self.names_in_use).any(|(name, asked)| asked && *name == "owner")
    }
}

/// An object over which the rules took too long.
struct Slow {
    file: PathBuf,
    inside: String,
    names: Names,
    bytes: Vec<u8>,
    took: Duration,
}

/// One of the threads.
pub(crate) struct Judge<'s> {
    shared: &'s Shared<'s>,
    thread: usize,
    scanner: Option<Scanner<'s>>,
    buffer: Vec<u8>,
    /// What a slow rule is to be looked for in, once no time limit of the object runs.
    slow: Option<Slow>,
    owners: HashMap<u32, String>,
}

impl<'s> Judge<'s> {
    pub(crate) fn new(shared: &'s Shared<'s>, thread: usize) -> Self {
        Self { shared, thread, scanner: None, buffer: Vec::new(), slow: None, owners: HashMap::new() }
    }

    /// Judges a file and says what became of it.
    pub(crate) fn judge(&mut self, task: Task, alone: bool) -> Judged {
        let (tally, started) = (&self.shared.tally, Instant::now());
        let Task { path, opened, content, reply } = task;
        tally.begins(self.thread, &path, alone);
        let mut worst = None;
        match opened.and_then(|opened| self.judge_opened(&path, opened, content)) {
            Ok(Some(outcome)) => {
                worst = outcome.found.iter().flat_map(|found| &found.matches).map(|m| m.severity).max();
                tally.judged(&path, &outcome);
            }
            Ok(None) => {}
            Err(why) => tally.unread(&path, &why),
        }
        if let Some(reply) = reply {
            // Who asked may have given up.
            let _ = reply.try_send(worst);
        }
        // Before the next file's share is taken: what others may take must be free.
        if self.buffer.capacity() > FREE_OF_CHARGE + 1 {
            self.buffer = Vec::new();
        }
        self.find_slow_rule();
        let took = started.elapsed();
        tally.ends(self.thread, &path, took);
        Judged { worst, took }
    }

    fn judge_opened(&mut self, path: &Path, opened: Opened, content: Content) -> Result<Option<Outcome>, Unread> {
        let shared = self.shared;
        let owner = match shared.asks_for_owner() {
            true => self.owners.entry(opened.owner).or_insert_with(|| platform::owner_name(opened.owner)).clone(),
            false => String::new(),
        };
        // Where the walk could not tell, or the file was changed since.
        if opened.known_as.is_some_and(|identity| shared.is_known(path, &identity, &owner)) {
            return Ok(None);
        }
        let names = Names::of(path, &owner);
        let outcome = match content {
            Content::InMemory(whole) => self.judge_bytes(path, &opened, &names, whole.as_ref()),
            Content::OnDisk if opened.len > shared.whole_bytes => self.judge_windows(path, opened, &names),
            Content::OnDisk => self.judge_whole(path, opened, &names),
        };
        outcome.map(Some)
    }

    fn judge_whole(&mut self, path: &Path, mut opened: Opened, names: &Names) -> Result<Outcome, Unread> {
        let _share = self.shared.budget.share(opened.len);
        let mut bytes = std::mem::take(&mut self.buffer);
        opened.read_whole(&mut bytes)?;
        let outcome = self.judge_bytes(path, &opened, names, &bytes)?;
        self.buffer = bytes;
        Ok(outcome)
    }

    fn judge_bytes(&mut self, path: &Path, opened: &Opened, names: &Names, bytes: &[u8]) -> Result<Outcome, Unread> {
        let shared = self.shared;
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        let asked = names.asked(shared.names_in_use);
        let content = content_key(&digest, &asked);
        let copy = !shared.fresh && shared.verdicts.as_ref().is_some_and(|v| v.content_known(&content));
        let mut outcome = Outcome { bytes: bytes.len() as u64, ..Outcome::default() };
        if !copy {
            let file_hash = hex::encode(digest);
            self.judge_object(path, "", names, bytes, &file_hash, &mut outcome);
            self.open_up(path, &mut Source::bytes(bytes), &file_hash, names.owner(), &mut outcome)?;
        }
        self.keep(opened, &asked, &outcome, Some(content));
        Ok(outcome)
    }

    fn judge_windows(&mut self, path: &Path, mut opened: Opened, names: &Names) -> Result<Outcome, Unread> {
        let shared = self.shared;
        let _share = shared.budget.share(crate::read::WINDOW as u64);
        let mut outcome = Outcome { windowed: true, bytes: opened.len, ..Outcome::default() };
        let (mut buffer, mut matches) = (std::mem::take(&mut self.buffer), Vec::new());
        let (mut trouble, mut ends) = (None, Instant::now() + WINDOWS_TIME);
        let reading = opened.read_windows(&mut buffer, &mut |_, window| {
            let asked = Instant::now();
            self.find_slow_rule();
            if !shared.tally.carry_on() {
                return false;
            }
            ends += asked.elapsed();
            match self.ask_rules(path, "", names, window) {
                Ok(more) => matches.extend(more),
                Err(error) => trouble = Some(error.to_string()),
            }
            if Instant::now() > ends {
                trouble = Some(format!("not inspected to its end within {} seconds", WINDOWS_TIME.as_secs()));
            }
            trouble.is_none()
        });
        self.buffer = buffer;
        match (reading, trouble) {
            (Err(Unread::CalledOff), Some(why)) => outcome.trouble = Some(why),
            (reading, _) => reading?,
        }
        matches.sort_by(|a, b| (&a.namespace, &a.rule).cmp(&(&b.namespace, &b.rule)));
        matches.dedup();
        self.take_matches(path, "", opened.len, &[], matches, &mut outcome);
        let mut source = Source::file(opened.again()?, opened.len);
        self.open_up(path, &mut source, "", names.owner(), &mut outcome)?;
        self.keep(&opened, &names.asked(shared.names_in_use), &outcome, None);
        Ok(outcome)
    }

    /// Judges one object: a file, or something that lies in one.
    fn judge_object(
        &mut self,
        path: &Path,
        inside: &str,
        names: &Names,
        bytes: &[u8],
        file_hash: &str,
        outcome: &mut Outcome,
    ) {
        let shared = self.shared;
        let hash = if inside.is_empty() { None } else { Some(<[u8; 32]>::from(Sha256::digest(bytes))) };
        let key = hash.map(|hash| content_key(&hash, &names.asked(shared.names_in_use)));
        if key.is_some_and(|key| shared.seen.lock().unwrap_or_else(PoisonError::into_inner).contains(&key)) {
            return;
        }
        match self.ask_rules(path, inside, names, bytes) {
            Ok(matches) if matches.is_empty() => {
                if let Some(key) = key {
                    let mut seen = shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
                    if seen.len() < MOST_SEEN {
                        seen.insert(key);
                    }
                }
            }
            Ok(matches) => {
                let hash = hash.map(hex::encode);
                let hashes = [hash.as_deref().unwrap_or(file_hash), file_hash];
                self.take_matches(path, inside, bytes.len() as u64, &hashes, matches, outcome);
            }
            Err(error) if inside.is_empty() => outcome.trouble = Some(error.to_string()),
            Err(error) => shared.tally.unopened(outcome, path, inside, &error.to_string()),
        }
    }

    fn take_matches(
        &self,
        path: &Path,
        inside: &str,
        size: u64,
        hashes: &[&str],
        matches: Vec<Match>,
        outcome: &mut Outcome,
    ) {
        outcome.matched |= !matches.is_empty();
        let matches = self.shared.tuned.judge(path, hashes, matches);
        if !matches.is_empty() {
            let hash = |of: Option<&&str>| of.map(|h| (*h).to_owned()).unwrap_or_default();
            outcome.found.push(Found {
                file: path.to_owned(),
                inside: inside.to_owned(),
                size,
                sha256: hash(hashes.first()),
                file_sha256: hash(hashes.last()),
                matches,
            });
        }
    }

    fn open_up(
        &mut self,
        path: &Path,
        source: &mut Source<'_>,
        file_hash: &str,
        owner: &str,
        outcome: &mut Outcome,
    ) -> Result<(), Unread> {
        let Some(limits) = self.shared.unpack else { return Ok(()) };
        let mut inside = Inside { judge: self, path, owner, file_hash, outcome, called_off: false };
        keepwatch_unpack::unpack(source, &limits, &mut inside);
        if inside.called_off { Err(Unread::CalledOff) } else { Ok(()) }
    }

    /// Remembers the verdict, if it is one that may be relied on later.
    fn keep(&self, opened: &Opened, asked: &[u8; 32], outcome: &Outcome, content: Option<ContentKey>) {
        let Some((verdicts, identity)) = self.shared.verdicts.as_ref().zip(opened.known_as) else { return };
        if !outcome.matched && outcome.unopened == 0 && outcome.trouble.is_none() && opened.is_as_it_was() {
            let known = if outcome.windowed { Known::CleanInWindows } else { Known::Clean };
            verdicts.keep(&identity, asked, &known, content);
        }
    }

    /// What the rules say of bytes. Where they take far too long, it is found out which.
    fn ask_rules(&mut self, path: &Path, inside: &str, names: &Names, bytes: &[u8]) -> Result<Vec<Match>, ScanError> {
        let scanner = self.scanner()?;
        let began = Instant::now();
        let said = scanner.scan(names, bytes);
        let took = began.elapsed();
        let first = self.slow.is_none() && bytes.len() <= SEARCHED_BYTES;
        if first && slow::is_slow(took, bytes.len()) {
            let (file, inside, names) = (path.to_owned(), inside.to_owned(), names.clone());
            self.slow = Some(Slow { file, inside, names, bytes: bytes.to_vec(), took });
        }
        said
    }

    /// Looks for the rule that made an object slow, if one was.
    fn find_slow_rule(&mut self) {
        let Shared { tally, rules, searches, .. } = self.shared;
        let Some(Slow { file, inside, names, bytes, took }) = self.slow.take() else { return };
        if searches.fetch_add(1, Ordering::Relaxed) >= SEARCHES {
            return;
        }
        // Where the sources are gone there is nothing to try.
        let Ok(sources) = rules.sources() else { return };
        if let Some((rule, namespace, took)) = slow::blame(sources, &names, &bytes, took, &|| tally.carry_on()) {
            tally.slow_rule(SlowRule { rule, namespace, file, inside, took });
        }
    }

    fn scanner(&mut self) -> Result<&mut Scanner<'s>, ScanError> {
        if self.scanner.is_none() {
            let rules = self.shared.rules.rules().map_err(|e| ScanError::Engine(e.to_string()))?;
            self.scanner = Some(Scanner::new(rules));
        }
        self.scanner.as_mut().ok_or(ScanError::Crash)
    }
}

/// Sees what lies in a file.
struct Inside<'j, 's> {
    judge: &'j mut Judge<'s>,
    path: &'j Path,
    owner: &'j str,
    file_hash: &'j str,
    outcome: &'j mut Outcome,
    called_off: bool,
}

impl Visitor for Inside<'_, '_> {
    fn member(&mut self, inside: &str, bytes: &[u8]) {
        let mut way = self.path.as_os_str().to_owned();
        way.push(INSIDE);
        way.push(inside);
        let names = Names::of(Path::new(&way), self.owner);
        self.judge.judge_object(self.path, inside, &names, bytes, self.file_hash, self.outcome);
    }

    fn missed(&mut self, inside: &str, reason: Reason) {
        self.judge.shared.tally.unopened(self.outcome, self.path, inside, &reason.to_string());
    }

    fn carry_on(&mut self) -> bool {
        // What passes here is not the object's time.
        self.judge.find_slow_rule();
        let carry_on = self.judge.shared.tally.carry_on();
        self.called_off |= !carry_on;
        carry_on
    }
}

/// Content, and what rules ask of its name.
fn content_key(digest: &[u8; 32], asked: &[u8; 32]) -> ContentKey {
    let both: [u8; 32] = Sha256::new().chain_update(digest).chain_update(asked).finalize().into();
    let mut key = [0; 16];
    key.copy_from_slice(&both[..16]);
    key
}
