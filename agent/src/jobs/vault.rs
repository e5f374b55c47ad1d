//! What is done with the quarantine: what staff ask, and what a scan has found. A scan's suspects
//! are put away at its end and not before: only then is it known whether they are so many that a rule
//! must be wrong; what it found is in the ledger by then.

use super::Jobs;
use super::account::{MOST_AT_ONCE, Suspects, Wishes};
use crate::ledger::LedgerError;
use crate::worker::{Deed, Order, QuarantineOrder};
use keepwatch_proto::ids::{ItemId, JobId};
use keepwatch_proto::job::{Ended, JobState, NAMED_FAILURES};

impl Jobs {
    /// The order for a child.
    pub(super) fn vault_order(&self, job: JobId, deeds: Vec<Deed>) -> Order {
        Order::Quarantine(Box::new(QuarantineOrder {
            job,
            now: self.clock.now(),
            vault: self.state.quarantine(),
            most: self.quarantine.most(),
            system_files: self.quarantine.system_files(),
            allow_delete: self.quarantine.allow_delete(),
            own: self.state.own(),
            roots: self.restore_roots.clone(),
            deeds,
        }))
    }

    /// Puts away what a scan has found, and says in its end what came of that.
    pub(super) async fn put_away(
        &self,
        job: JobId,
        ended: Ended,
        suspects: Suspects,
        wishes: &mut Wishes,
    ) -> Result<Ended, LedgerError> {
        if suspects.files.is_empty() {
            return Ok(ended);
        }
        if suspects.too_many {
            return Ok(beside(ended, too_many()));
        }
        if wishes.called_off.is_cancelled() {
            return Ok(beside(ended, "what was found stays where it is, since the scan was called off".into()));
        }
        let deeds = suspects.files.into_values().map(|suspect| Deed::PutAwayFound(ItemId::new(&self.clock), suspect));
        let order = self.vault_order(job, deeds.collect());
        let (of_vault, _) = Box::pin(self.oversee(job, order, wishes, &mut Vec::new())).await?;
        Ok(together(ended, of_vault))
    }
}

/// A scan has found more than is put away at once.
fn too_many() -> String {
    format!(
        "something was found in more than {MOST_AT_ONCE} files, as by a rule that is wrong: none was put away; look at \
         the detections, then disable the rule in the policy, or put files away with 'keepwatch quarantine add'"
    )
}

/// An end that says one thing more.
fn beside(mut ended: Ended, words: String) -> Ended {
    let before = std::mem::take(&mut ended.message);
    ended.message = if before.is_empty() { words } else { format!("{before}; {words}") };
    ended
}

/// A scan's end with that of putting away: what stays where it is is no success.
fn together(mut scan: Ended, of_vault: Ended) -> Ended {
    if of_vault.outcome != JobState::Succeeded && scan.outcome == JobState::Succeeded {
        scan.outcome = JobState::Partial;
    }
    scan.tally.failed = scan.tally.failed.saturating_add(of_vault.tally.failed);
    scan.failures.extend(of_vault.failures);
    scan.failures.truncate(NAMED_FAILURES);
    beside(scan, of_vault.message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use keepwatch_proto::job::{Failure, Tally};

    #[test]
    fn what_stays_where_it_is_is_no_success() {
        let scan = Ended { outcome: JobState::Succeeded, ..Ended::failed("") };
        let away = Ended { outcome: JobState::Succeeded, ..Ended::failed("2 files were put away") };
        let both = together(scan.clone(), away);
        assert_eq!((both.outcome, both.message.as_str()), (JobState::Succeeded, "2 files were put away"));

        let failure = Failure { path: "/a".into(), reason: "changed".into() };
        let tally = Tally { failed: 1, ..Tally::default() };
        let partly =
            Ended { outcome: JobState::Partial, tally, failures: vec![failure.clone()], ..Ended::failed("1 stays") };
        let both = together(beside(scan, "slow".into()), partly);
        assert_eq!((both.outcome, both.tally.failed, both.failures), (JobState::Partial, 1, vec![failure]));
        assert_eq!(both.message, "slow; 1 stays");
    }
}
