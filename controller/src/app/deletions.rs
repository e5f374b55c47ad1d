//! A repository is deleted when two administrators want it and a waiting time has passed, and only
//! one whose host is cut off. Until it begins each administrator can call it off.

use super::audit::{Actor, Deed, Role};
use super::found::itself;
use super::hosts::{name_of, names};
use super::{App, AppError};
use crate::store::deletions::DeletionRow;
use crate::store::hosts::HostRow;
use crate::store::verification::VerificationRow;
use crate::store::{self, Conn};
use chrono::TimeDelta;
use keepwatch_proto::ids::JobId;

const LONGEST_REASON: usize = 500;
/// For so long a repository is held at first; what is being removed has another name by then.
const HELD: TimeDelta = TimeDelta::minutes(30);
/// What is retention's to say of what is gone.
const GONE: &str = "its repository was deleted";

/// How far a deletion has come.
pub fn state(row: &DeletionRow) -> &'static str {
    match row {
        DeletionRow { done: 1.., .. } => "deleted",
        DeletionRow { begun: 1.., .. } => "deleting",
        DeletionRow { approved: 1.., .. } => "approved",
        _ => "asked",
    }
}

impl App {
    /// All that are wanted or were done, with the hosts' names.
    pub async fn deletions(&self, _actor: &Actor) -> Result<Vec<(DeletionRow, String)>, AppError> {
        let mut conn = self.store.read().await?;
        let names = names(&mut conn).await?;
        let name = |row: &DeletionRow| names.get(&row.host).cloned().unwrap_or_default();
        Ok(store::deletions::list(&mut conn).await?.into_iter().map(|row| (row.clone(), name(&row))).collect())
    }

    /// Wants a host's repository deleted.
    pub async fn ask_deletion(&self, actor: &Actor, host: &str, reason: &str) -> Result<DeletionRow, AppError> {
        self.demand(actor, Role::Administrator, "repository deletion ask").await?;
        let host = self.host(actor, host).await?.row;
        let reason = reason.trim();
        if reason.is_empty() || reason.chars().count() > LONGEST_REASON || reason.chars().any(char::is_control) {
            return Err(AppError::Invalid(format!("say why, in 1 to {LONGEST_REASON} printable characters")));
        }
        demand_cut_off(&host)?;
        let mut tx = self.store.begin().await?;
        if !store::deletions::insert(&mut tx, host.id, reason, &actor.user, self.now()).await? {
            let known = of(&mut tx, &host).await?;
            return Err(AppError::Conflict(format!(
                "'{}' has asked for this already, and it is {}; 'keepwatch hosts deletions' shows it",
                known.asked_by,
                state(&known)
            )));
        }
        let row = of(&mut tx, &host).await?;
        let deed = Deed { action: "repository deletion ask", object: &host.id.to_string(), detail: reason };
        self.record(&mut tx, actor, &deed).await?;
        store::commit(tx).await?;
        self.hub.tell(crate::hub::Change::Host(host.id));
        Ok(row)
    }

    /// Agrees, as a second person.
    pub async fn approve_deletion(&self, actor: &Actor, host: &str) -> Result<DeletionRow, AppError> {
        self.demand(actor, Role::Administrator, "repository deletion approve").await?;
        let host = self.host(actor, host).await?.row;
        demand_cut_off(&host)?;
        let mut tx = self.store.begin().await?;
        let known = of(&mut tx, &host).await?;
        if known.asked_by == actor.user {
            return Err(AppError::Forbidden(
                "you asked for this yourself; another administrator must approve it, or call it off".into(),
            ));
        }
        self.demand_two(&mut tx, &known, actor).await?;
        let due = (self.clock.now() + self.deletion_wait).timestamp();
        if !store::deletions::approve(&mut tx, host.id, &actor.user, self.now(), due).await? {
            return Err(AppError::Conflict(format!("this is {} already", state(&known))));
        }
        let detail = format!("asked by {}: {}", known.asked_by, known.reason);
        let row = of(&mut tx, &host).await?;
        let deed = Deed { action: "repository deletion approve", object: &host.id.to_string(), detail: &detail };
        self.record(&mut tx, actor, &deed).await?;
        store::commit(tx).await?;
        self.hub.tell(crate::hub::Change::Host(host.id));
        Ok(row)
    }

    /// Calls it off.
    pub async fn call_off_deletion(&self, actor: &Actor, host: &str) -> Result<(), AppError> {
        self.demand(actor, Role::Administrator, "repository deletion call off").await?;
        let host = self.host(actor, host).await?.row;
        let mut tx = self.store.begin().await?;
        let known = of(&mut tx, &host).await?;
        if !store::deletions::remove(&mut tx, host.id).await? {
            return Err(AppError::Conflict(format!("it is too late: the repository is {}", state(&known))));
        }
        let detail = format!("asked by {}: {}", known.asked_by, known.reason);
        let deed = Deed { action: "repository deletion call off", object: &host.id.to_string(), detail: &detail };
        self.record(&mut tx, actor, &deed).await?;
        store::commit(tx).await?;
        self.hub.tell(crate::hub::Change::Host(host.id));
        Ok(())
    }

    /// Deletes what two have agreed on and whose time has come.
    pub async fn delete_due(&self) -> Result<(), AppError> {
        let mut conn = self.store.read().await?;
        let due = store::deletions::due(&mut conn, self.now()).await?;
        drop(conn);
        for row in due {
            match self.delete_repository(&row).await {
                Ok(()) => tracing::warn!(host = %row.host, reason = row.reason, "a repository was deleted"),
                Err(error) => {
                    tracing::warn!(host = %row.host, %error, "a repository was not deleted; it is tried again")
                }
            }
        }
        Ok(())
    }

    async fn delete_repository(&self, row: &DeletionRow) -> Result<(), AppError> {
        self.demand_clock()?;
        let (now, holder) = (self.clock.now(), JobId::new(&self.clock).to_string());
        let mut tx = self.store.begin().await?;
        // Taken before it is looked at: what is decided here holds until the end.
        if !store::retention::take(&mut tx, row.host, &holder, now.timestamp(), (now + HELD).timestamp()).await? {
            return Err(AppError::Conflict("somebody is at this host's repository".into()));
        }
        let host = store::hosts::get(&mut tx, row.host).await?;
        let host = host.ok_or_else(|| AppError::NotFound(format!("there is no host {}", row.host)))?;
        demand_cut_off(&host)?;
        if store::jobs::reads_from(&mut tx, host.id, (now - super::restores::GRANT).timestamp()).await? {
            return Err(AppError::Conflict("a restore to another PC reads from it".into()));
        }
        if !store::deletions::begin(&mut tx, host.id, now.timestamp()).await? {
            return Err(AppError::Conflict("it was called off".into()));
        }
        let detail = format!("asked by {}, approved by {}: {}", row.asked_by, row.approved_by, row.reason);
        if row.begun == 0 {
            let deed = Deed { action: "repository delete begin", object: &host.id.to_string(), detail: &detail };
            self.record(&mut tx, &itself(), &deed).await?;
        }
        store::commit(tx).await?;
        self.catalogs.remove(host.id).await;
        let removed = self.repositories.remove_all(host.id).await;
        let mut tx = self.store.begin().await?;
        store::retention::give_back(&mut tx, host.id, &holder).await?;
        if removed.is_ok() {
            store::snapshots::remove_all(&mut tx, host.id).await?;
            store::retention::thaw(&mut tx, host.id).await?;
            store::retention::done(&mut tx, host.id, self.now(), 0, GONE).await?;
            store::verification::set(&mut tx, host.id, &VerificationRow::default()).await?;
            store::deletions::done(&mut tx, host.id, self.now()).await?;
            let deed = Deed { action: "repository delete", object: &host.id.to_string(), detail: &detail };
            self.record(&mut tx, &itself(), &deed).await?;
        }
        store::commit(tx).await?;
        self.hub.tell(crate::hub::Change::Host(host.id));
        removed.map_err(|e| AppError::Repository(e.to_string()))
    }

    /// An account that is younger than the waiting time is no second person: whoever may do all may
    /// have made it today, and others have had no time to see it.
    async fn demand_two(&self, conn: &mut Conn, known: &DeletionRow, actor: &Actor) -> Result<(), AppError> {
        let since = (self.clock.now() - self.deletion_wait).timestamp();
        for name in [&known.asked_by, &actor.user] {
            let user = store::users::get(conn, name).await?;
            match user {
                Some(user) if user.created > since => {
                    return Err(AppError::Forbidden(format!(
                        "'{name}' has been a user for less than {} days, and does not count as a second person yet",
                        self.deletion_wait.num_days()
                    )));
                }
                Some(user) if user.role == Role::Administrator.word() => {}
                _ => {
                    return Err(AppError::Conflict(format!(
                        "'{name}' is no administrator any more; call it off and ask anew"
                    )));
                }
            }
        }
        Ok(())
    }
}

/// A PC that may still back up, or come back, keeps what it has.
fn demand_cut_off(host: &HostRow) -> Result<(), AppError> {
    if host.revoked != 0 {
        return Ok(());
    }
    Err(AppError::Conflict(format!(
        "'{}' is in use; only the repository of a host that is cut off can be deleted ('keepwatch hosts revoke')",
        name_of(host)
    )))
}

async fn of(conn: &mut Conn, host: &HostRow) -> Result<DeletionRow, AppError> {
    store::deletions::get(conn, host.id).await?.ok_or_else(|| {
        AppError::NotFound(format!(
            "nobody has asked for the repository of '{}' to be deleted; 'keepwatch hosts deletions' shows what was",
            name_of(host)
        ))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::tests::{administrator, app, enrol};
    use super::*;
    use crate::app::events::Report;
    use crate::plan::health::Reason;
    use keepwatch_proto::clock::Clock;
    use keepwatch_proto::ids::BootId;
    use std::sync::Arc;

    fn by(user: &str) -> Actor {
        Actor { user: user.into(), ..administrator() }
    }

    /// Moves time on.
    fn wait(app: &mut Arc<App>, days: i64) {
        let later = app.clock.now() + TimeDelta::days(days);
        Arc::get_mut(app).unwrap().clock = Clock::fixed(later);
    }

    fn refused<T>(outcome: Result<T, AppError>, word: &str) {
        let said = outcome.err().unwrap().to_string();
        assert!(said.contains(word), "{said}");
    }

    /// A controller with two administrators of long standing, and a host that has stored something.
    async fn stage() -> (tempfile::TempDir, Arc<App>, std::path::PathBuf) {
        let (folder, mut app) = app().await;
        for user in ["admin", "second"] {
            app.create_user(&administrator(), user, "administrator").await.unwrap();
        }
        wait(&mut app, 8);
        let host = enrol(&app, "pc").await;
        app.repositories.create(host).await.unwrap();
        let place = std::path::PathBuf::from(app.repositories.storage(host).location());
        std::fs::write(place.join("data/ab/pack"), "what was saved").unwrap();
        (folder, app, place)
    }

    #[tokio::test]
    async fn a_repository_goes_when_two_want_it_and_the_time_has_passed() {
        let (_folder, mut app, place) = stage().await;
        refused(app.ask_deletion(&by("admin"), "pc", "old").await, "is in use");
        app.revoke_host(&administrator(), "pc").await.unwrap();
        refused(app.ask_deletion(&by("admin"), "pc", "  ").await, "say why");
        refused(app.approve_deletion(&by("second"), "pc").await, "nobody has asked");
        app.ask_deletion(&by("admin"), "pc", "scrapped").await.unwrap();
        refused(app.ask_deletion(&by("second"), "pc", "scrapped").await, "asked for this already");
        refused(app.approve_deletion(&by("admin"), "pc").await, "you asked for this yourself");
        let operator = Actor { role: Role::Operator, ..by("second") };
        assert!(matches!(app.approve_deletion(&operator, "pc").await, Err(AppError::Forbidden(_))));
        // One person with a second account that was made for this is one person.
        app.create_user(&by("admin"), "made", "administrator").await.unwrap();
        refused(app.approve_deletion(&by("made"), "pc").await, "less than 7 days");

        // However long it waits, one alone is not enough.
        wait(&mut app, 400);
        app.delete_due().await.unwrap();
        assert!(place.exists());
        let row = app.approve_deletion(&by("second"), "pc").await.unwrap();
        assert_eq!((row.due - app.now(), state(&row)), (7 * 86_400, "approved"));
        refused(app.approve_deletion(&by("made"), "pc").await, "approved already");
        let reasons = app.host(&administrator(), "pc").await.unwrap().reasons;
        assert_eq!(reasons, [Reason::Revoked, Reason::RepositoryDeletion]);
        wait(&mut app, 6);
        app.delete_due().await.unwrap();
        assert!(place.exists());
        wait(&mut app, 1);
        app.delete_due().await.unwrap();
        assert!(!place.exists() && std::fs::read_dir(place.parent().unwrap()).unwrap().count() == 1);
        let host = app.host(&administrator(), "pc").await.unwrap();
        assert_eq!((host.reasons.len(), state(&host.deletion.unwrap())), (1, "deleted"));
        refused(app.call_off_deletion(&by("admin"), "pc").await, "too late");
        app.delete_due().await.unwrap();
        let records = app.audit(&administrator(), &Default::default()).await.unwrap().0;
        let of = |action: &str| records.iter().filter(|r| r.action == action && r.outcome == "done").count();
        assert_eq!(["ask", "approve"].map(|word| of(&format!("repository deletion {word}"))), [1, 1]);
        assert_eq!((of("repository delete begin"), of("repository delete")), (1, 1));
    }

    #[tokio::test]
    async fn any_administrator_calls_it_off_until_it_begins() {
        let (_folder, mut app, place) = stage().await;
        app.revoke_host(&administrator(), "pc").await.unwrap();
        for approved in [false, true] {
            app.ask_deletion(&by("admin"), "pc", "scrapped").await.unwrap();
            if approved {
                app.approve_deletion(&by("second"), "pc").await.unwrap();
            }
            app.call_off_deletion(&by("third"), "pc").await.unwrap();
            wait(&mut app, 100);
            app.delete_due().await.unwrap();
            assert!(place.exists() && app.deletions(&administrator()).await.unwrap().is_empty());
        }
        // Who asked and is no administrator any more does not count.
        app.ask_deletion(&by("admin"), "pc", "scrapped").await.unwrap();
        app.remove_user(&by("second"), "admin").await.unwrap();
        refused(app.approve_deletion(&by("second"), "pc").await, "no administrator any more");
    }

    #[tokio::test]
    async fn a_pc_that_claims_to_be_ahead_puts_deletions_off_once_and_not_for_ever() {
        let (_folder, mut app, place) = stage().await;
        let other = enrol(&app, "other").await;
        app.revoke_host(&administrator(), "pc").await.unwrap();
        app.ask_deletion(&by("admin"), "pc", "scrapped").await.unwrap();
        app.approve_deletion(&by("second"), "pc").await.unwrap();
        let boot = BootId::new(&app.clock);
        for generation in [1000, 2000, 3000] {
            wait(&mut app, 5);
            let report = Report { generation, ..Report::of(boot, vec![]) };
            app.ingest(other, report).await.unwrap();
            app.delete_due().await.unwrap();
            // From the first claim on the waiting time is whole again, once.
            assert_eq!(place.exists(), generation < 3000, "{generation}");
        }
    }

    #[tokio::test]
    async fn nothing_goes_while_somebody_works_on_it_and_what_was_cut_off_is_finished() {
        let (_folder, mut app, place) = stage().await;
        let host = app.host(&administrator(), "pc").await.unwrap().row.id;
        app.revoke_host(&administrator(), "pc").await.unwrap();
        app.ask_deletion(&by("admin"), "pc", "scrapped").await.unwrap();
        app.approve_deletion(&by("second"), "pc").await.unwrap();
        wait(&mut app, 7);
        let mut conn = app.store.write().await.unwrap();
        let now = app.now();
        store::retention::take(&mut conn, host, "another", now, now + 60).await.unwrap();
        drop(conn);
        app.delete_due().await.unwrap();
        assert!(place.exists());
        // A restored database: what was called off since its copy may be in it again.
        let mut conn = app.store.write().await.unwrap();
        store::retention::give_back(&mut conn, host, "another").await.unwrap();
        store::deletions::postpone(&mut conn, now + 86_400).await.unwrap();
        drop(conn);
        app.delete_due().await.unwrap();
        assert!(place.exists());
        wait(&mut app, 1);
        // Killed after the folder was renamed and half of it removed.
        let mut conn = app.store.write().await.unwrap();
        assert!(store::deletions::begin(&mut conn, host, app.now()).await.unwrap());
        drop(conn);
        let half = place.with_file_name(format!(".removing-{host}"));
        std::fs::rename(&place, &half).unwrap();
        refused(app.call_off_deletion(&by("admin"), "pc").await, "too late");
        app.delete_due().await.unwrap();
        assert!(!half.exists());
        assert_eq!(state(&app.deletions(&administrator()).await.unwrap()[0].0), "deleted");
    }
}
