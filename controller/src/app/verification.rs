//! Backups are known to be good before they are needed: a part of every repository is read each
//! week, and each snapshot says when all of it was last found sound.

use super::audit::{Actor, Deed, Role};
use super::jobs::{JobView, Wish};
use super::{App, AppError};
use crate::maintain::{self, Order, Outcome, Work};
use crate::store::hosts::HostRow;
use crate::store::jobs::JobRow;
use crate::store::verification::{Damage, VerificationRow};
use crate::store::{self};
use chrono::TimeDelta;
use keepwatch_backup::Verified;
use keepwatch_proto::ids::{HostId, JobId};
use keepwatch_proto::job::JobSpec;
use std::time::Duration;

/// Parts of a repository: all of it is read in as many weeks.
const PARTS: usize = 4;
/// How often one is.
const EVERY: TimeDelta = TimeDelta::days(7);
/// In which all of a repository is read.
pub const ROUND: TimeDelta = TimeDelta::days(7 * PARTS as i64);
/// How often a PC tries whether backups come back.
const TRY_EVERY: TimeDelta = TimeDelta::days(30);
/// With what: enough to tell, and little on a thin line.
pub const TRIAL: JobSpec = JobSpec::Verify { files: 50, bytes: 32 << 20 };
/// Who asks for what nobody asked for.
const ITSELF: &str = "keepwatch";
/// A repository is held for so long, and longer while its child works: whoever has ended lets go.
const HELD: TimeDelta = TimeDelta::minutes(30);
/// How often it is said that it still does.
const HOLD_AGAIN: Duration = Duration::from_secs(300);

impl App {
    /// What is known of a host's repository.
    pub async fn verification(&self, actor: &Actor, host: &str) -> Result<VerificationRow, AppError> {
        let host = self.host(actor, host).await?.row.id;
        let mut conn = self.store.read().await?;
        Ok(store::verification::get(&mut conn, host).await?)
    }

    /// Reads all of a host's repository now. Says what it showed.
    pub async fn verify_now(&self, actor: &Actor, host: &str) -> Result<VerificationRow, AppError> {
        self.demand(actor, Role::Operator, "verify").await?;
        let host = self.host(actor, host).await?.row;
        self.record_now(actor, &Deed { action: "verify", object: &host.id.to_string(), detail: "" }).await?;
        self.prove(&host, None).await
    }

    /// Has a PC try whether files of its newest snapshot come back.
    pub async fn ask_trial(&self, actor: &Actor, host: &str) -> Result<JobView, AppError> {
        self.demand(actor, Role::Operator, "job create").await?;
        let host = self.host(actor, host).await?.row;
        let policy = self.policies().await?.of(&host.group_name);
        self.queue(actor, &host, Wish::of(&TRIAL, &policy)?).await
    }

    /// Has PCs that are here try it that have not for a month: a few of them, for it is asked often.
    pub async fn try_due(&self) -> Result<(), AppError> {
        let mut tx = self.store.begin().await?;
        let hosts = store::hosts::list(&mut tx).await?;
        let last = store::jobs::last_trials(&mut tx).await?;
        let (now, mut left, mut asked) = (self.now(), 1 + hosts.len() / 500, Vec::new());
        for host in hosts.iter().filter(|host| host.revoked == 0 && self.hub.is_connected(host.id)) {
            let id = host.id.to_string();
            let since = last.iter().find(|asked| asked.host == host.id).map_or(host.enrolled + spread(&id), |l| l.at);
            let due = now - since >= TRY_EVERY.num_seconds();
            if left == 0 || !due || store::snapshots::list(&mut tx, host.id).await?.is_empty() {
                continue;
            }
            left -= 1;
            let mut job = JobRow::new(JobId::new(&self.clock), host.id, TRIAL, ITSELF, now);
            // The next one is asked for then.
            job.deadline = now + TRY_EVERY.num_seconds();
            store::jobs::insert(&mut tx, &job).await?;
            store::hosts::bump(&mut tx, host.id).await?;
            asked.push(host.id);
        }
        store::commit(tx).await?;
        asked.into_iter().for_each(|host| self.hub.poke(host));
        Ok(())
    }

    /// Sets aside what is damaged of a host's repository or cannot be read, and has the PC send again
    /// what of it is still there.
    pub async fn repair(&self, actor: &Actor, host: &str) -> Result<(u64, JobView), AppError> {
        self.demand(actor, Role::Administrator, "repository repair").await?;
        let row = self.host(actor, host).await?.row;
        let mut conn = self.store.read().await?;
        let known = store::verification::get(&mut conn, row.id).await?;
        drop(conn);
        let damage = known.damage.0.ok_or_else(|| {
            AppError::Conflict("nothing is known to be damaged there; 'keepwatch verify' looks again".into())
        })?;
        let deed = Deed { action: "repository repair", object: &row.id.to_string(), detail: &damage.damaged.join(" ") };
        self.record_now(actor, &deed).await?;
        match self.maintain(&row, Work::SetAside(damage.damaged)).await? {
            Outcome::SetAside(count) => Ok((count, self.ask_backup(actor, host).await?)),
            Outcome::Failed(why) => Err(AppError::Repository(why)),
            other => Err(AppError::Repository(format!("it answered {other:?}"))),
        }
    }

    /// Reads the next part of repositories that are due: a few of them, for it is asked often, and
    /// the disks have other work.
    pub async fn verify_due(&self) -> Result<(), AppError> {
        let mut conn = self.store.read().await?;
        let hosts = store::hosts::list(&mut conn).await?;
        let known = store::verification::list(&mut conn).await?;
        drop(conn);
        let at_once = 1 + hosts.len() / 500;
        let now = self.now();
        let due = hosts.iter().filter_map(|host| {
            let id = host.id.to_string();
            let row = known.iter().find(|row| row.host == id);
            let since = row.map_or_else(|| host.enrolled + spread(&id) - EVERY.num_seconds(), |row| row.ran);
            (now - since >= EVERY.num_seconds()).then_some((host, row))
        });
        for (host, row) in due.take(at_once) {
            let oldest = oldest(row.map_or(&[], |row| &row.parts.0));
            if let Err(error) = self.prove(host, Some(oldest)).await {
                tracing::warn!(host = %host.id, %error, "a repository was not verified");
            }
        }
        Ok(())
    }

    /// Reads one part, or all, and keeps what that showed.
    async fn prove(&self, host: &HostRow, part: Option<usize>) -> Result<VerificationRow, AppError> {
        let mut conn = self.store.read().await?;
        let mut row = store::verification::get(&mut conn, host.id).await?;
        let any = !store::snapshots::list(&mut conn, host.id).await?.is_empty();
        drop(conn);
        let begun = self.now();
        if !any {
            // Nothing is there to be proved, or to be called sound.
            row.outcome = "there is no backup yet".into();
            row.ran = begun;
        } else {
            let (n, of) = part.map_or((0, 1), |n| (u32::try_from(n).unwrap_or(0), PARTS as u32));
            match self.maintain(host, Work::Verify(n, of)).await? {
                Outcome::Verified(verified) => learn(&mut row, &verified, part, begun),
                Outcome::Failed(why) => (row.ran, row.outcome) = (begun, format!("it could not be read: {why}")),
                other => return Err(AppError::Repository(format!("it answered {other:?}"))),
            }
        }
        let mut tx = self.store.begin().await?;
        store::verification::set(&mut tx, host.id, &row).await?;
        if let Some(proved) = proved(&row.parts.0) {
            store::verification::proved(&mut tx, host.id, proved).await?;
        }
        store::commit(tx).await?;
        if row.damage.0.is_some() {
            tracing::error!(host = %host.id, outcome = row.outcome, "a repository is damaged");
        }
        self.hub.tell(crate::hub::Change::Host(host.id));
        Ok(row)
    }

    /// Has a child work on a host's repository, which nobody else does meanwhile.
    pub(super) async fn maintain(&self, host: &HostRow, work: Work) -> Result<Outcome, AppError> {
        let (now, holder) = (self.clock.now(), JobId::new(&self.clock).to_string());
        let password = self.escrow.unseal(&host.escrow)?;
        let mut tx = self.store.begin().await?;
        if !store::retention::take(&mut tx, host.id, &holder, now.timestamp(), (now + HELD).timestamp()).await? {
            return Err(AppError::Conflict("somebody is at this host's repository already; try again later".into()));
        }
        store::commit(tx).await?;
        let order = Order { storage: self.repositories.storage(host.id), password, work };
        let outcome = tokio::select! {
            outcome = maintain::run(&order) => outcome,
            error = self.hold(host.id, &holder) => return Err(error),
        };
        self.repositories.changed(host.id);
        let mut tx = self.store.begin().await?;
        store::retention::give_back(&mut tx, host.id, &holder).await?;
        store::commit(tx).await?;
        Ok(outcome)
    }
}

impl App {
    /// Holds a host's repository for as long as this is waited for.
    async fn hold(&self, host: HostId, holder: &str) -> AppError {
        loop {
            tokio::time::sleep(HOLD_AGAIN).await;
            let until = (self.clock.now() + HELD).timestamp();
            let held = async {
                let mut tx = self.store.begin().await?;
                let held = store::retention::hold(&mut tx, host, holder, until).await?;
                store::commit(tx).await.map(|()| held)
            };
            match held.await {
                Ok(true) => {}
                Ok(false) => return AppError::Conflict("somebody else has taken over this host's repository".into()),
                // It is held for a while yet.
                Err(error) => tracing::warn!(%host, %error, "a repository's hold was not renewed"),
            }
        }
    }
}

/// What a look adds to what is known.
fn learn(row: &mut VerificationRow, verified: &Verified, part: Option<usize>, begun: i64) {
    row.ran = begun;
    row.parts.0.resize(PARTS, 0);
    if verified.is_sound() {
        match part {
            Some(part) => row.parts.0.iter_mut().skip(part).take(1).for_each(|at| *at = begun),
            None => row.parts.0.fill(begun),
        }
        // What another part showed stays until all is looked at.
        if part.is_none() {
            row.damage.0 = None;
        }
        row.outcome = format!("{} packs read, {} bytes, all sound", verified.packs, verified.bytes);
        return;
    }
    let unreadable = match verified.unreadable.len() {
        0 => String::new(),
        n => format!("; {n} snapshots or indexes cannot be read"),
    };
    row.outcome = format!(
        "{} packs are damaged and {} gone{unreadable}; {} files in {} snapshots lack something",
        verified.damaged.len(),
        verified.missing.len(),
        verified.files_affected,
        verified.snapshots_affected.len()
    );
    row.damage.0 = Some(Damage {
        damaged: verified.damaged.clone(),
        missing: verified.missing.clone(),
        unreadable: verified.unreadable.clone(),
        files: verified.files.clone(),
        snapshots: verified.snapshots_affected.clone(),
    });
}

/// When in its first week a host's repository is read first, in seconds: by its id, so that not
/// all that were enrolled on one day are read on one day.
fn spread(id: &str) -> i64 {
    let sum = id.bytes().fold(0i64, |sum, byte| (sum * 31 + i64::from(byte)) % EVERY.num_seconds());
    sum.abs()
}

/// The part that was found sound the longest ago, or never.
fn oldest(parts: &[i64]) -> usize {
    (0..PARTS).min_by_key(|n| parts.get(*n).copied().unwrap_or(0)).unwrap_or(0)
}

/// Since when all parts have been found sound.
pub(super) fn proved(parts: &[i64]) -> Option<i64> {
    parts.iter().copied().min().filter(|at| *at > 0 && parts.len() == PARTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_first_at_times_of_their_own() {
        let times: Vec<i64> = (0..50).map(|n| spread(&format!("0193582e-0000-7000-8000-{n:012}"))).collect();
        assert!(times.iter().all(|at| (0..EVERY.num_seconds()).contains(at)));
        assert!(times.iter().collect::<std::collections::HashSet<_>>().len() > 40);
    }

    #[test]
    fn all_of_a_repository_is_proved_once_each_part_is() {
        let mut row = VerificationRow::default();
        let sound = Verified { packs: 3, bytes: 9, ..Verified::default() };
        for week in 1..=4 {
            assert_eq!(proved(&row.parts.0), None);
            let part = oldest(&row.parts.0);
            learn(&mut row, &sound, Some(part), week);
        }
        assert_eq!((proved(&row.parts.0), oldest(&row.parts.0)), (Some(1), 0));
        learn(&mut row, &sound, Some(0), 5);
        assert_eq!(proved(&row.parts.0), Some(2));
        let damaged = Verified { damaged: vec!["ab".into()], ..Verified::default() };
        learn(&mut row, &damaged, Some(1), 6);
        assert!(row.damage.0.is_some() && row.parts.0[1] == 2, "a part that is not sound is not proved");
        learn(&mut row, &sound, Some(2), 7);
        assert!(row.damage.0.is_some(), "what another part showed stays");
        learn(&mut row, &sound, None, 8);
        assert_eq!((row.damage.0, proved(&row.parts.0)), (None, Some(8)));
    }
}
