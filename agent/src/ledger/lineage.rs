//! By what the controller tells this PC from a copy of its disk: each stream has a random name,
//! kept before it is said, and each tells the names of those before it: of some that were answered
//! on, since the controller may have been set back a little, and of all since. And what becomes of the ledger when the PC is let in again.

use super::{Ledger, LedgerError};
use chrono::{DateTime, Utc};
use keepwatch_proto::desired::Desired;
use keepwatch_proto::ids::{BootId, HostId};
use redb::Database;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Streams in a row that were not answered on, of which each has a name of its own. Those after
/// them share the last one's: none that the controller may have kept is forgotten.
const MOST_TRIED: usize = 32;
/// Streams that were answered on, of which the names are told.
const REMEMBERED: usize = 32;

/// How a stream names itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lineage {
    /// Its random name.
    pub(crate) session: String,
    /// The last ones that were answered on, and those since.
    pub(crate) previous: Vec<String>,
}

/// What is kept of it.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Line {
    answered: Vec<String>,
    tried: Vec<String>,
}

/// The PC was let in again: its ledger has a new life from then on, as this host's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rebirth {
    /// The host that it was.
    pub(crate) former: HostId,
    /// When.
    pub(crate) at: DateTime<Utc>,
}

const LINE: &str = "line";
const REBIRTH: &str = "rebirth";

impl Ledger {
    /// The name of a stream that is about to be opened.
    pub(crate) fn next_stream(&self) -> Result<Lineage, LedgerError> {
        self.write(|book| {
            let mut line: Line = book.get(LINE)?.unwrap_or_default();
            let previous = [line.answered.as_slice(), &line.tried].concat();
            let session = match line.tried.last() {
                Some(last) if line.tried.len() >= MOST_TRIED => last.clone(),
                _ => {
                    let session = hex::encode(rand::random::<[u8; 16]>());
                    line.tried.push(session.clone());
                    session
                }
            };
            book.put(LINE, &line)?;
            Ok(Lineage { session, previous })
        })
    }

    /// The controller has answered on this stream.
    pub(crate) fn stream_answered(&self, session: &str) -> Result<(), LedgerError> {
        self.write(|book| {
            let Line { mut answered, .. } = book.get(LINE)?.unwrap_or_default();
            answered.push(session.to_owned());
            answered.drain(..answered.len().saturating_sub(REMEMBERED));
            book.put(LINE, &Line { answered, tried: vec![] })
        })
    }

    /// How the last stream named itself, for a PC that was not let in.
    pub(crate) fn last_stream(&self) -> Result<Lineage, LedgerError> {
        self.write(|book| {
            let line: Line = book.get(LINE)?.unwrap_or_default();
            let session = line.tried.last().cloned().unwrap_or_default();
            Ok(Lineage { session, previous: [line.answered, line.tried].concat() })
        })
    }

    /// Before it is opened: the ledger of a PC that was let in again begins a new life, once. What
    /// waits for the controller still does, and what was begun is not begun again; what is wanted
    /// comes anew, and until then the policy stays.
    pub(crate) fn be_reborn(
        path: &Path,
        host: HostId,
        rebirth: Rebirth,
        clock: &keepwatch_proto::clock::Clock,
    ) -> Result<(), LedgerError> {
        if !path.exists() {
            return Ok(());
        }
        let db = Database::builder().set_cache_size(1 << 20).open(path).map_err(redb::Error::from)?;
        let txn = db.begin_write().map_err(redb::Error::from)?;
        {
            let mut book = super::Book::open(&txn, clock.now())?;
            let owner = book.get::<(HostId, BootId)>("boot")?.map(|(owner, _)| owner);
            if owner != Some(rebirth.former) || book.get::<Rebirth>(REBIRTH)? == Some(rebirth) {
                return Ok(());
            }
            book.put("boot", &(host, BootId::new(clock)))?;
            if let Some(desired) = book.get::<Desired>("desired").unwrap_or_default() {
                // Any that the controller says is newer.
                book.put("desired", &Desired { generation: 0, jobs: vec![], grants: vec![], ..desired })?;
            }
            book.put(LINE, &Line::default())?;
            book.put(REBIRTH, &rebirth)?;
        }
        txn.commit().map_err(redb::Error::from)?;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::ledger::Cause;
    use keepwatch_proto::clock::Clock;
    use keepwatch_proto::ids::JobId;
    use keepwatch_proto::job::{Ended, JobSpec};
    use keepwatch_proto::policy::Policy;

    #[test]
    fn a_stream_tells_of_all_that_the_controller_may_have_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (path, clock) = (folder.path().join("ledger.redb"), Clock::system());
        let (host, now) = (HostId::new(&clock), clock.now());
        let ledger = Ledger::open(&path, host, now, clock.clone()).unwrap();
        let first = ledger.next_stream().unwrap();
        assert!(first.previous.is_empty());
        ledger.stream_answered(&first.session).unwrap();
        let mut tried = vec![first.session.clone()];
        for _ in 0..MOST_TRIED {
            let next = ledger.next_stream().unwrap();
            assert!(next.previous == tried && !tried.contains(&next.session));
            tried.push(next.session);
        }
        // However often it is not answered, none is forgotten; nor by a restart.
        drop(ledger);
        let ledger = Ledger::open(&path, host, now, clock).unwrap();
        for _ in 0..3 {
            let next = ledger.next_stream().unwrap();
            assert!(next.previous == tried && Some(&next.session) == tried.last());
        }
        assert_eq!(ledger.last_stream().unwrap().previous, tried);
        ledger.stream_answered(tried.last().unwrap()).unwrap();
        assert_eq!(ledger.next_stream().unwrap().previous, [tried[0].clone(), tried[MOST_TRIED].clone()]);
        for _ in 0..2 * REMEMBERED {
            let next = ledger.next_stream().unwrap();
            ledger.stream_answered(&next.session).unwrap();
        }
        assert_eq!(ledger.next_stream().unwrap().previous.len(), REMEMBERED);
    }

    #[test]
    fn a_new_life_keeps_what_waits_and_what_was_begun() {
        let folder = tempfile::tempdir().unwrap();
        let (path, clock) = (folder.path().join("ledger.redb"), Clock::system());
        let (host, other, now) = (HostId::new(&clock), HostId::new(&clock), clock.now());
        let ledger = Ledger::open(&path, host, now, clock.clone()).unwrap();
        let (job, spec) = (JobId::new(&clock), JobSpec::Verify { files: 1, bytes: 1 });
        let desired = Desired {
            generation: 7,
            policy: Policy { time_zone: "Asia/Urumqi".into(), ..Policy::default() },
            bundle: None,
            agent_version: String::new(),
            jobs: vec![],
            grants: vec![],
            slots: vec![],
        };
        ledger.apply(&desired, &[]).unwrap();
        ledger.start(job, &spec, Cause::Asked).unwrap();
        ledger.end(job, Ended::failed("so")).unwrap();
        let (boot, waiting) = (ledger.boot(), ledger.outbox(0, 9, usize::MAX).unwrap());
        drop(ledger);
        let rebirth = Rebirth { former: host, at: now };
        Ledger::be_reborn(&path, other, rebirth, &clock).unwrap();
        let ledger = Ledger::open(&path, other, now, clock.clone()).unwrap();
        assert!(ledger.boot() != boot && waiting.len() == 2);
        assert_eq!(ledger.outbox(0, 9, usize::MAX).unwrap(), waiting);
        assert!(!ledger.start(job, &spec, Cause::Asked).unwrap(), "not begun again");
        assert_eq!(ledger.generation().unwrap(), 0);
        assert_eq!(ledger.desired().unwrap().unwrap().policy.time_zone, "Asia/Urumqi");
        // Once: at the next start it goes on with the life that it has.
        let boot = ledger.boot();
        drop(ledger);
        Ledger::be_reborn(&path, other, rebirth, &clock).unwrap();
        assert_eq!(Ledger::open(&path, other, now, clock.clone()).unwrap().boot(), boot);
        // The same host again, from an older image of its disk.
        let again = Rebirth { former: other, at: now };
        Ledger::be_reborn(&path, other, again, &clock).unwrap();
        let ledger = Ledger::open(&path, other, now, clock).unwrap();
        assert!(ledger.boot() != boot && ledger.outbox(0, 9, usize::MAX).unwrap().len() == 2);
    }
}
