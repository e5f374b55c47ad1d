//! What a child says of its job, heard to the last word: detections go into the ledger as
//! they come, the rest is kept for the job's end. A job may take several children, each of
//! which says again what those before it had said.

use super::deaths::Deaths;
use crate::ledger::{Ledger, LedgerError};
use crate::worker::{Leash, Named, Said, Suspect};
use keepwatch_proto::detection::Detection;
use keepwatch_proto::ids::JobId;
use keepwatch_proto::job::{Ended, FailureKind, JobState, Progress};
use keepwatch_proto::quarantine::{Item, NAMED_RULES};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashSet};
use tokio::io::AsyncWrite;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Things said that are taken in one go, and written down in one transaction.
const AT_ONCE: usize = 64;
/// Files that one scan has put away, at most. One that finds more is more likely to go by a wrong rule.
pub(super) const MOST_AT_ONCE: usize = 100;
/// Detections that are told from repeated ones. Beyond them one is rather said twice.
const REMEMBERED: usize = 50_000;

/// What staff say of a job while it runs.
pub(super) struct Wishes {
    /// It is no longer wanted.
    pub(super) called_off: CancellationToken,
    /// Whether it is to wait.
    pub(super) held: watch::Receiver<bool>,
}

/// One job's account.
pub(super) struct Account<'a> {
    job: JobId,
    ledger: &'a Ledger,
    progress: &'a mpsc::Sender<Progress>,
    named: Named,
    end: Option<Ended>,
    /// How it ends where a child dies that has done what the job is for.
    so_far: Option<Ended>,
    last: Option<Progress>,
    called_off: bool,
    found: HashSet<[u8; 16]>,
    suspects: Suspects,
}

/// Files in which a scan finds what has them put away, by path.
#[derive(Default)]
pub(super) struct Suspects {
    pub(super) files: BTreeMap<String, Suspect>,
    /// There are more than are put away at once.
    pub(super) too_many: bool,
}

impl Suspects {
    fn add(&mut self, suspect: Suspect) {
        if self.files.len() == MOST_AT_ONCE && !self.files.contains_key(&suspect.path) {
            self.too_many = true;
            return;
        }
        let Suspect { sha256, inside, rules, .. } = suspect.clone();
        let known = self.files.entry(suspect.path.clone()).or_insert(suspect);
        // What was read last is what is there.
        (known.sha256, known.inside) = (sha256, known.inside && inside);
        for rule in rules {
            if !known.rules.contains(&rule) && known.rules.len() < NAMED_RULES {
                known.rules.push(rule);
            }
        }
    }
}

/// Tells one detection of a job from every other.
fn key(d: &Detection) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in [&d.rule, &d.namespace, &d.path, &d.sha256] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let mut key = [0; 16];
    key.copy_from_slice(&hash.finalize()[..16]);
    key
}

impl<'a> Account<'a> {
    /// Opens one. What the job has found before, when it goes on, is in the ledger.
    pub(super) fn new(
        job: JobId,
        ledger: &'a Ledger,
        progress: &'a mpsc::Sender<Progress>,
    ) -> Result<Self, LedgerError> {
        let found = ledger.found_by(job)?.iter().take(REMEMBERED).map(key).collect();
        Ok(Self {
            job,
            ledger,
            progress,
            named: Named::default(),
            end: None,
            so_far: None,
            last: None,
            called_off: false,
            found,
            suspects: Suspects::default(),
        })
    }

    /// Whether nothing more is to come: a child has said how it ends, or it was called off.
    pub(super) fn is_over(&self) -> bool {
        self.end.is_some() || self.called_off
    }

    /// How it ends if no child comes further.
    pub(super) fn so_far(&self) -> Option<&Ended> {
        self.so_far.as_ref()
    }

    /// Hears a child until it says no more. One that is to wait is told so; one that is called
    /// off is killed, and what it had said by then counts like the rest.
    pub(super) async fn hear_out(
        &mut self,
        said: &mut mpsc::Receiver<Said>,
        wishes: &mut Wishes,
        leash: &mut Leash<impl AsyncWrite + Unpin>,
        kill: impl Future<Output = ()>,
    ) -> Result<(), LedgerError> {
        tokio::pin!(kill);
        let mut heard = Vec::new();
        if *wishes.held.borrow_and_update() {
            leash.hold(true).await;
        }
        loop {
            tokio::select! {
                more = said.recv_many(&mut heard, AT_ONCE) => if more == 0 { return Ok(()) },
                _ = wishes.called_off.cancelled(), if !self.called_off => {
                    kill.as_mut().await;
                    self.called_off = true;
                }
                Ok(()) = wishes.held.changed() => {
                    let held = *wishes.held.borrow_and_update();
                    leash.hold(held).await;
                }
            }
            self.take(&mut heard)?;
        }
    }

    fn take(&mut self, heard: &mut Vec<Said>) -> Result<(), LedgerError> {
        let (job, mut detections) = (self.job, Vec::new());
        for said in heard.drain(..) {
            match said {
                Said::Progress { phase, files, bytes, total_bytes } => {
                    self.last = Some(Progress { job, phase, files, bytes, total_bytes });
                }
                Said::Detection(detection) if self.is_new(&detection) => {
                    detections.push(Detection { job, ..detection });
                }
                Said::Detection(_) => {}
                Said::Failure(failure) => self.named.add(failure),
                Said::SoFar(ended) => {
                    // It must not depend on this process: what follows may take long.
                    self.ledger.so_far(job, ended.clone())?;
                    self.so_far = Some(ended);
                }
                Said::Ended(ended) => self.end = Some(ended),
                Said::Suspect(suspect) => self.suspects.add(suspect),
                Said::PutAway(item) => self.ledger.quarantined(Item { job, ..item })?,
                Said::Judged(_) => {}
            }
        }
        if !detections.is_empty() {
            self.ledger.found(detections)?;
        }
        if let Some(progress) = &self.last {
            // Nobody listens, or is behind: progress is never kept.
            let _ = self.progress.try_send(progress.clone());
        }
        Ok(())
    }

    fn is_new(&mut self, detection: &Detection) -> bool {
        let key = key(detection);
        let known = self.found.contains(&key);
        if self.found.len() < REMEMBERED {
            self.found.insert(key);
        }
        !known
    }

    /// How the job ended; where no child has said, this is why.
    pub(super) fn close(self, why: String, deaths: &Deaths) -> (Ended, Suspects) {
        // A later child that came to nothing does not undo what an earlier one did.
        let nothing = |ended: &Ended| ended.outcome == JobState::Failed;
        let end = match (self.end, self.so_far) {
            (Some(end), Some(so_far)) if nothing(&end) => Some(so_far),
            (end, so_far) => end.or(so_far),
        };
        let mut ended = match end {
            // Also where it was called off: it was done before that came.
            Some(ended) => ended,
            None => {
                let mut ended = if self.called_off {
                    Ended { outcome: JobState::Cancelled, ..Ended::failed("it was called off while it ran") }
                } else {
                    Ended::failed(why).by(FailureKind::Crashed)
                };
                let (files, bytes) = self.last.map_or((0, 0), |progress| (progress.files, progress.bytes));
                (ended.tally.files, ended.tally.bytes) = (files.max(deaths.files), bytes.max(deaths.bytes));
                return (self.named.in_end(ended), self.suspects);
            }
        };
        deaths.add_to(&mut ended.tally);
        (self.named.in_end(ended), self.suspects)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::worker::Word;
    use keepwatch_proto::clock::Clock;
    use keepwatch_proto::detection::Severity;
    use keepwatch_proto::event::EventKind;
    use keepwatch_proto::ids::HostId;
    use keepwatch_proto::job::Failure;
    use std::collections::BTreeMap;
    use tokio::io::{AsyncBufReadExt, BufReader};

    fn detection(job: JobId, path: String) -> Said {
        Said::Detection(Detection {
            job,
            rule: "EICAR".into(),
            namespace: "test".into(),
            severity: Severity::High,
            metadata: BTreeMap::new(),
            path,
            size: 68,
            sha256: String::new(),
            bundle: 1,
        })
    }

    #[test]
    fn two_that_differ_in_anything_are_two() {
        let Said::Detection(one) = detection(JobId::new(&Clock::system()), "/a".into()) else { panic!() };
        let others = [
            Detection { rule: "x".into(), ..one.clone() },
            Detection { namespace: "x".into(), ..one.clone() },
            Detection { path: "/a!/b".into(), ..one.clone() },
            Detection { sha256: "x".into(), ..one.clone() },
            Detection { rule: format!("{}t", one.rule), namespace: "est".into(), ..one.clone() },
        ];
        assert!(others.iter().all(|other| key(other) != key(&one)));
        assert_eq!(key(&Detection { job: JobId::new(&Clock::system()), bundle: 9, ..one.clone() }), key(&one));
    }

    /// What a job ends with, of which this was said before it was called off.
    async fn called_off(all: impl Fn(JobId) -> Vec<Said>) -> (Ended, usize) {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Clock::system());
        let (host, job) = (HostId::new(&clock), JobId::new(&clock));
        let ledger = Ledger::open(&folder.path().join("ledger"), host, clock.now(), clock).unwrap();
        let (progress, _heard) = mpsc::channel(1);
        let (sender, mut said) = mpsc::channel(1000);
        for one in all(job) {
            sender.send(one).await.unwrap();
        }
        let called_off = CancellationToken::new();
        called_off.cancel();

        let mut account = Account::new(job, &ledger, &progress).unwrap();
        // A child that is killed says no more.
        let mut wishes = Wishes { called_off, held: watch::channel(false).1 };
        account.hear_out(&mut said, &mut wishes, &mut Leash(tokio::io::sink()), async { drop(sender) }).await.unwrap();
        let (ended, _) = account.close("killed".into(), &Deaths::default());
        let events = ledger.outbox(0, 1000, usize::MAX).unwrap();
        (ended, events.iter().filter(|event| matches!(event.kind, EventKind::Detection(_))).count())
    }

    #[tokio::test]
    async fn what_was_said_before_a_job_was_called_off_is_not_lost() {
        let failure = Failure { path: "/a".into(), reason: "gone".into() };
        let (ended, found) = called_off(|job| {
            let found = (0..3 * AT_ONCE).map(|n| detection(job, format!("/srv/{n}")));
            let last = Said::Progress { phase: "scanning".into(), files: 200, bytes: 7, total_bytes: 0 };
            found.chain([Said::Failure(failure.clone()), last]).collect()
        })
        .await;
        assert_eq!(found, 3 * AT_ONCE);
        assert_eq!((ended.outcome, ended.tally.files, ended.tally.bytes), (JobState::Cancelled, 200, 7));
        assert_eq!(ended.failures, [failure]);
    }

    #[tokio::test]
    async fn a_job_that_is_to_wait_is_told_so_and_so_is_the_child_that_follows() {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Clock::system());
        let (host, job) = (HostId::new(&clock), JobId::new(&clock));
        let ledger = Ledger::open(&folder.path().join("ledger"), host, clock.now(), clock).unwrap();
        let (progress, _heard) = mpsc::channel(1);
        let mut account = Account::new(job, &ledger, &progress).unwrap();
        let (staff, held) = watch::channel(false);
        let mut wishes = Wishes { called_off: CancellationToken::new(), held };
        let mut told = Vec::new();
        // To the second child nobody says anything: it is told what the first was told.
        for wish in [Some(true), None] {
            wish.map(|held| staff.send_replace(held));
            let (sender, mut said) = mpsc::channel(1);
            let (pipe, child) = tokio::io::duplex(100);
            let mut leash = Leash(pipe);
            let hears = async move {
                let word = BufReader::new(child).lines().next_line().await.unwrap().unwrap();
                drop(sender);
                word
            };
            let hear = account.hear_out(&mut said, &mut wishes, &mut leash, std::future::pending());
            let (heard, word) = tokio::join!(hear, hears);
            heard.unwrap();
            told.push(serde_json::from_str::<Word>(&word).unwrap());
        }
        assert_eq!(told, [Word::Hold, Word::Hold]);
    }

    #[tokio::test]
    async fn a_child_that_says_it_again_says_nothing_new_and_so_does_one_after_a_restart() {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Clock::system());
        let (host, job) = (HostId::new(&clock), JobId::new(&clock));
        let path = folder.path().join("ledger");
        let (progress, _heard) = mpsc::channel(1);
        let found = |ledger: &Ledger| ledger.found_by(job).unwrap().len();
        for expected in [2, 3] {
            // The agent is started, and has two children.
            let ledger = Ledger::open(&path, host, clock.now(), clock.clone()).unwrap();
            let mut account = Account::new(job, &ledger, &progress).unwrap();
            for _child in 0..2 {
                let mut said: Vec<Said> = (0..expected).map(|n| detection(job, format!("/{n}"))).collect();
                account.take(&mut said).unwrap();
                assert_eq!((found(&ledger), account.is_over()), (expected, false));
            }
        }
    }

    #[tokio::test]
    async fn what_one_child_has_done_a_later_one_does_not_undo() {
        let saved = Ended { outcome: JobState::Succeeded, ..Ended::failed("saved") };
        let judged = Ended { outcome: JobState::Partial, ..Ended::failed("and judged") };
        let failed = Ended::failed("the repository cannot be opened");
        for (said, expected) in [
            (vec![Said::SoFar(saved.clone())], &saved),
            (vec![Said::SoFar(saved.clone()), Said::Ended(failed.clone())], &saved),
            (vec![Said::SoFar(saved.clone()), Said::Ended(judged.clone())], &judged),
            (vec![Said::Ended(failed.clone())], &failed),
        ] {
            assert_eq!(&called_off(|_| said.clone()).await.0, expected);
        }
    }

    #[tokio::test]
    async fn what_was_done_before_it_was_called_off_is_done() {
        let done = Ended { outcome: JobState::Succeeded, ..Ended::failed("") };
        let (ended, _) = called_off(|_| vec![Said::Ended(done.clone())]).await;
        assert_eq!(ended, done);
    }

    #[test]
    fn a_file_is_one_suspect_however_often_something_is_found_in_it() {
        let suspect = |path: &str, rule: &str, inside| Suspect {
            path: path.into(),
            sha256: "a".into(),
            inside,
            rules: vec![rule.into()],
        };
        let mut suspects = Suspects::default();
        suspects.add(suspect("/a", "one", true));
        suspects.add(suspect("/a", "two", false));
        suspects.add(suspect("/a", "one", true));
        let known = &suspects.files["/a"];
        assert_eq!((known.rules.join(" "), known.inside), ("one two".to_owned(), false));
        (0..NAMED_RULES * 2).for_each(|n| suspects.add(suspect("/a", &n.to_string(), true)));
        assert_eq!(suspects.files["/a"].rules.len(), NAMED_RULES);
        (0..MOST_AT_ONCE).for_each(|n| suspects.add(suspect(&n.to_string(), "one", false)));
        assert!(suspects.too_many && suspects.files.len() == MOST_AT_ONCE);
    }
}
