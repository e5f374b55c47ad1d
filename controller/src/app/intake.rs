//! How reports of many hosts become one commit: a commit waits for the disk, and a thousand hosts
//! that each waited for one of their own would wait for each other. Whoever comes while one is under
//! way waits for the next, which is then everybody's.

use super::events::Report;
use super::{App, AppError};
use crate::store::{self, Conn};
use keepwatch_proto::ids::{HostId, JobId};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::oneshot;

/// Reports in one commit. Others wait for it, and a report may hold two thousand events.
const MOST: usize = 64;

/// Reports that wait for the next commit.
#[derive(Default)]
pub struct Intake {
    waiting: Mutex<Vec<Waiting>>,
    /// Held by whoever makes the commit.
    turn: tokio::sync::Mutex<()>,
    /// The last commit failed.
    fails: AtomicBool,
}

struct Waiting {
    host: HostId,
    report: Report,
    since: Instant,
    answer: oneshot::Sender<Result<u64, AppError>>,
}

/// What a report that was taken in has changed; told once it is committed.
pub(super) struct Taken {
    /// Up to which sequence the host's events were committed before.
    pub(super) before: u64,
    /// Up to which they are now.
    pub(super) last: u64,
    /// Jobs that have ended.
    pub(super) ended: Vec<JobId>,
    /// Whether the host was ahead of this database.
    pub(super) restored: bool,
    /// Whether the host asks for leave to back up.
    pub(super) asks: bool,
    /// Whether a rule moved it for what it says of itself.
    pub(super) moved: bool,
    /// Whether a bundle of signatures goes no further by it.
    pub(super) halted: bool,
}

impl Intake {
    /// Whether what hosts say cannot be kept at the moment.
    pub fn fails(&self) -> bool {
        self.fails.load(Ordering::Relaxed)
    }

    fn next(&self) -> Vec<Waiting> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.len().min(MOST);
        waiting.drain(..count).collect()
    }
}

impl App {
    /// Takes a report in. Returns up to which sequence the host's events are committed.
    pub async fn ingest(&self, host: HostId, report: Report) -> Result<u64, AppError> {
        let (answer, mut answered) = oneshot::channel();
        let mine = Waiting { host, report, since: Instant::now(), answer };
        self.intake.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(mine);
        loop {
            let turn = self.intake.turn.lock().await;
            match answered.try_recv() {
                Ok(answer) => return answer,
                // Whoever had it was dropped half way. Nothing was committed; the host says it again.
                Err(oneshot::error::TryRecvError::Closed) => return Err(AppError::Interrupted),
                Err(oneshot::error::TryRecvError::Empty) => self.commit_together(self.intake.next()).await,
            }
            drop(turn);
        }
    }

    async fn commit_together(&self, reports: Vec<Waiting>) {
        let (mut taken, mut left) = (Vec::new(), reports.into_iter());
        let committed = async {
            let mut tx = self.store.begin().await?;
            for Waiting { host, report, since, answer } in left.by_ref() {
                match self.apart(&mut tx, host, &report).await {
                    Ok(changed) => taken.push((host, report, since, answer, changed)),
                    Err(error) => drop(answer.send(Err(error))),
                }
            }
            store::commit(tx).await
        };
        let committed = committed.await;
        self.intake.fails.store(committed.is_err(), Ordering::Relaxed);
        match committed {
            Ok(()) => taken.into_iter().for_each(|(host, report, since, answer, changed)| {
                let last = changed.last;
                self.tell(host, report, changed, since.elapsed());
                // Who asked may be gone.
                let _ = answer.send(Ok(last));
            }),
            Err(error) => {
                tracing::error!(%error, "reports could not be committed; the hosts send them again");
                let answers = taken.into_iter().map(|(_, _, _, answer, _)| answer).chain(left.map(|w| w.answer));
                answers.for_each(|answer| drop(answer.send(Err(AppError::Interrupted))));
            }
        }
    }

    /// One report within the others' transaction: what is wrong with it is not wrong with them.
    async fn apart(&self, tx: &mut Conn, host: HostId, report: &Report) -> Result<Taken, AppError> {
        let mut own = store::within(tx).await?;
        let taken = self.take_report(&mut own, host, report).await?;
        store::commit(own).await?;
        Ok(taken)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::app::tests::{app, enrol};
    use keepwatch_proto::event::{Event, EventKind};
    use keepwatch_proto::ids::BootId;

    #[tokio::test]
    async fn of_many_at_once_one_that_cannot_be_taken_in_harms_no_other() {
        let (_folder, app) = app().await;
        let (host, nobody) = (enrol(&app, "PC-1").await, HostId::new(&app.clock));
        let mut asked = tokio::task::JoinSet::new();
        for n in 0..200 {
            let (app, host) = (app.clone(), if n % 10 == 0 { nobody } else { host });
            let event = Event { seq: 7, at: app.clock.now(), kind: EventKind::Applied { version: 1 } };
            let boot = BootId::new(&app.clock);
            let report = Report::of(boot, vec![event]);
            asked.spawn(async move { (host, app.ingest(host, report).await) });
        }
        for (whose, answer) in asked.join_all().await {
            assert_eq!(answer.ok(), (whose == host).then_some(7));
        }
    }

    #[tokio::test]
    async fn what_cannot_be_committed_is_not_acknowledged() {
        let (_folder, app) = app().await;
        let host = enrol(&app, "PC-1").await;
        app.store.close().await;
        let boot = BootId::new(&app.clock);
        let report = Report::of(boot, vec![]);
        assert!(matches!(app.ingest(host, report).await, Err(AppError::Interrupted)));
    }
}
