//! What a child says of its job, heard to the last word: detections go into the ledger as
//! they come, the rest is kept for the job's end.

use crate::ledger::{Ledger, LedgerError};
use crate::worker::{Named, Said};
use keepwatch_proto::detection::Detection;
use keepwatch_proto::ids::JobId;
use keepwatch_proto::job::{Ended, JobState, Progress};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Things said that are taken in one go, and written down in one transaction.
const AT_ONCE: usize = 64;

/// One job's account.
pub(super) struct Account<'a> {
    job: JobId,
    ledger: &'a Ledger,
    progress: &'a mpsc::Sender<Progress>,
    named: Named,
    end: Option<Ended>,
    last: Option<Progress>,
    called_off: bool,
}

impl<'a> Account<'a> {
    /// Opens one.
    pub(super) fn new(job: JobId, ledger: &'a Ledger, progress: &'a mpsc::Sender<Progress>) -> Self {
        Self { job, ledger, progress, named: Named::default(), end: None, last: None, called_off: false }
    }

    /// Hears a child until it says no more. One that is called off is killed, and what it had
    /// said by then counts like the rest.
    pub(super) async fn hear_out(
        &mut self,
        said: &mut mpsc::Receiver<Said>,
        called_off: &CancellationToken,
        kill: impl Future<Output = ()>,
    ) -> Result<(), LedgerError> {
        tokio::pin!(kill);
        let mut heard = Vec::new();
        loop {
            tokio::select! {
                more = said.recv_many(&mut heard, AT_ONCE) => if more == 0 { return Ok(()) },
                _ = called_off.cancelled(), if !self.called_off => {
                    kill.as_mut().await;
                    self.called_off = true;
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
                Said::Detection(detection) => detections.push(Detection { job, ..detection }),
                Said::Failure(failure) => self.named.add(failure),
                Said::Ended(ended) => self.end = Some(ended),
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

    /// How the job ended; where the child has not said, its process's own end tells.
    pub(super) fn close(self, how_it_ended: &str) -> Ended {
        let ended = match self.end {
            // Also where it was called off: it was done before that came.
            Some(ended) => ended,
            None => {
                let mut ended = if self.called_off {
                    Ended { outcome: JobState::Cancelled, ..Ended::failed("it was called off while it ran") }
                } else {
                    let again = "try again, and report it if it happens again";
                    Ended::failed(format!("the worker process died: {how_it_ended}; {again}"))
                };
                if let Some(progress) = self.last {
                    ended.tally.files = progress.files;
                    ended.tally.bytes = progress.bytes;
                }
                ended
            }
        };
        self.named.in_end(ended)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use keepwatch_proto::clock::Clock;
    use keepwatch_proto::detection::Severity;
    use keepwatch_proto::event::EventKind;
    use keepwatch_proto::ids::HostId;
    use keepwatch_proto::job::Failure;
    use std::collections::BTreeMap;

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

        let mut account = Account::new(job, &ledger, &progress);
        // A child that is killed says no more.
        account.hear_out(&mut said, &called_off, async { drop(sender) }).await.unwrap();
        let ended = account.close("killed");
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
    async fn what_was_done_before_it_was_called_off_is_done() {
        let done = Ended { outcome: JobState::Succeeded, ..Ended::failed("") };
        let (ended, _) = called_off(|_| vec![Said::Ended(done.clone())]).await;
        assert_eq!(ended, done);
    }
}
