//! One job that has begun, to its end: its children, one after another, and what is left to do
//! when the last of them has ended.

use super::Jobs;
use super::account::{Account, Suspects, Wishes};
use super::deaths::Deaths;
use super::scans;
use crate::ledger::LedgerError;
use crate::quarantine::Vault;
use crate::worker::{Ending, Order, Worker};
use keepwatch_proto::ids::JobId;
use keepwatch_proto::job::{Ended, JobSpec};
use std::sync::Arc;
use std::time::Duration;

/// A look at the canaries takes no time where disks answer.
const LOOK_AT_CANARIES: Duration = Duration::from_secs(30);

impl Jobs {
    /// Does it. Gives back whose end is in the ledger now.
    pub(super) async fn perform(
        self: Arc<Self>,
        job: JobId,
        spec: JobSpec,
        mut wishes: Wishes,
    ) -> Result<JobId, LedgerError> {
        tracing::info!(%job, kind = spec.kind(), "begins");
        if matches!(spec, JobSpec::Backup { .. }) {
            // Before what may have been encrypted is saved, and older snapshots go. A disk that
            // does not answer is no reason to wait for it.
            let _ = tokio::time::timeout(LOOK_AT_CANARIES, self.canaries.look()).await;
        }
        let ended = match self.order(job, spec) {
            Ok(order) => {
                let frozen = order.frozen();
                let mut log = Vec::new();
                let (ended, suspects) = self.oversee(job, order, &mut wishes, &mut log).await?;
                let mut ended = self.put_away(job, ended, suspects, &mut wishes).await?;
                ended.log = log;
                // One that was killed had no time to.
                let swept = tokio::task::spawn_blocking(move || keepwatch_backup::sweep_frozen(&frozen)).await;
                swept.unwrap_or_else(|error| tracing::warn!(%error, "frozen states may be left behind"));
                ended
            }
            Err(why) => Ended::failed(why),
        };
        // Also what a child has done that died before it could say so.
        Vault::to_look_at(self.state.quarantine()).tell_changes(&self.ledger)?;
        tracing::info!(%job, outcome = %ended.outcome, why = ended.message, "ended");
        self.ledger.end(job, ended)?;
        Ok(job)
    }

    /// Follows a child from its start to its end; where a scanner dies, the next one.
    pub(super) async fn oversee(
        &self,
        job: JobId,
        mut order: Order,
        wishes: &mut Wishes,
        log: &mut Vec<String>,
    ) -> Result<(Ended, Suspects), LedgerError> {
        let folder = self.state.scans();
        let mut account = Account::new(job, &self.ledger, &self.progress)?;
        let (mut deaths, is_scan) = (Deaths::default(), matches!(order, Order::Scan(_)));
        // What the dead were done with counts for a scan; a backup counts what is in its snapshot.
        let count = |deaths: Deaths| if is_scan { deaths } else { Deaths::default() };
        if let Some(scan) = order.scan() {
            deaths = Deaths::resumed(scans::take_left(&folder, job));
            scans::after(&deaths, scan);
        }
        loop {
            // What is said to a child later may come too late for its first file.
            order.hold(*wishes.held.borrow());
            let how = match Worker::start(&order).await {
                Ok(mut worker) => {
                    let (said, leash, kill) = worker.parts();
                    account.hear_out(said, wishes, leash, kill).await?;
                    let Ending { how, log: said, .. } = worker.how_it_ended().await;
                    // Of several children the last one's: the others died, and that is told.
                    *log = said;
                    how
                }
                Err(error) => return Ok(account.close(error.to_string(), &count(deaths))),
            };
            let (true, false) = (order.scan().is_some(), account.is_over()) else {
                let again = "try again, and report it if it happens again";
                return Ok(account.close(format!("the worker process died: {how}; {again}"), &count(deaths)));
            };
            tracing::warn!(%job, how, "the scanner died");
            match (deaths.one_more(scans::take_left(&folder, job), &how), &mut order) {
                (Ok(()), Order::Backup(backup)) => backup.saved = account.so_far().cloned(),
                (Ok(()), _) => {}
                // What cannot be scanned is to be saved all the same.
                (Err(why), Order::Backup(backup)) if account.so_far().is_none() => {
                    (backup.scan, backup.unscanned) = (None, why);
                }
                (Err(why), _) => return Ok(account.close(why, &count(deaths))),
            }
            order.scan().into_iter().for_each(|scan| scans::after(&deaths, scan));
        }
    }
}
