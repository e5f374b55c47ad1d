//! The controller's own clock: while it is doubted, nothing is removed by it and no certificate
//! expires. It is believed again when it is back where it was, or when an administrator says so.

use super::audit::{Actor, Deed, Role};
use super::found::itself;
use super::{App, AppError};
use crate::plan::clockwork::{Doubt, doubt, may_be_a_copy};
use crate::store;
use chrono::{DateTime, Utc};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// What this process has seen of it.
#[derive(Debug, Default)]
pub struct Clockwork {
    /// The last time that was not doubted; Unix seconds, 0: none yet.
    trusted: AtomicI64,
    /// The doubt is on record.
    told: AtomicBool,
}

/// The clock, as staff see it.
pub struct ClockSeen {
    /// Now; Unix seconds.
    pub now: i64,
    /// The last time that was not doubted; 0: none yet.
    pub trusted: i64,
    /// What is odd; empty: nothing.
    pub doubt: String,
}

impl App {
    /// Takes up where the last process left off: before any host is heard.
    pub async fn wind_up(&self) -> Result<(), AppError> {
        let mut tx = self.store.begin().await?;
        let trusted = store::clockwork::trusted(&mut tx).await?;
        self.clockwork.trusted.store(trusted, Ordering::Relaxed);
        if may_be_a_copy(trusted, self.now()) {
            store::identities::forget_sessions(&mut tx).await?;
        }
        store::commit(tx).await?;
        self.look_at_clock().await
    }

    /// Looks at it. Asked for every few minutes.
    pub async fn look_at_clock(&self) -> Result<(), AppError> {
        let Some(doubt) = self.clock_doubt() else {
            self.clockwork.told.store(false, Ordering::Relaxed);
            return self.trust().await;
        };
        let why = doubt.words();
        tracing::error!(
            why,
            "nothing is removed and no certificate expires until the clock is right, or 'keepwatch clock confirm'"
        );
        if !self.clockwork.told.swap(true, Ordering::Relaxed) {
            self.record_now(&itself(), &Deed { action: "clock doubt", object: "", detail: &why }).await?;
        }
        Ok(())
    }

    /// What is odd about the clock, if anything is.
    pub(super) fn clock_doubt(&self) -> Option<Doubt> {
        doubt(self.clockwork.trusted.load(Ordering::Relaxed), self.now())
    }

    /// The time by which others have their turn: while the clock is doubted, the last one that was not.
    pub(super) fn believed_now(&self) -> DateTime<Utc> {
        let trusted = || DateTime::from_timestamp(self.clockwork.trusted.load(Ordering::Relaxed), 0);
        match self.clock_doubt() {
            None => self.clock.now(),
            Some(_) => trusted().unwrap_or_default(),
        }
    }

    /// Lets pass whoever would remove something by the clock, where it is believed.
    pub(super) fn demand_clock(&self) -> Result<(), AppError> {
        match self.clock_doubt() {
            None => Ok(()),
            Some(doubt) => Err(AppError::Conflict(format!(
                "{}; nothing is removed before it is right, or 'keepwatch clock confirm'",
                doubt.words()
            ))),
        }
    }

    /// What was dated by a clock that was ahead is dated now: else those hosts would not be silent, nor
    /// their turns lapse, before that time has come.
    async fn trust(&self) -> Result<(), AppError> {
        let at = self.now();
        let mut tx = self.store.begin().await?;
        store::clockwork::set_trusted(&mut tx, at).await?;
        store::clockwork::bring_back(&mut tx, at).await?;
        store::commit(tx).await?;
        self.clockwork.trusted.store(at, Ordering::Relaxed);
        Ok(())
    }

    /// The clock, as it is seen.
    pub async fn clock_seen(&self, _actor: &Actor) -> Result<ClockSeen, AppError> {
        let doubt = self.clock_doubt().map(Doubt::words).unwrap_or_default();
        Ok(ClockSeen { now: self.now(), trusted: self.clockwork.trusted.load(Ordering::Relaxed), doubt })
    }

    /// An administrator says that it is right.
    pub async fn confirm_clock(&self, actor: &Actor) -> Result<ClockSeen, AppError> {
        self.demand(actor, Role::Administrator, "clock confirm").await?;
        let doubt = self.clock_doubt().map(Doubt::words).unwrap_or_default();
        let mut tx = self.store.begin().await?;
        store::clockwork::set_trusted(&mut tx, self.now()).await?;
        self.record(&mut tx, actor, &Deed { action: "clock confirm", object: "", detail: &doubt }).await?;
        store::commit(tx).await?;
        self.clockwork.trusted.store(self.now(), Ordering::Relaxed);
        self.clock_seen(actor).await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::app::identities::tests::{certified, wait};
    use crate::app::tests::{actor, administrator, app};

    #[tokio::test]
    async fn a_clock_that_jumps_a_year_removes_nothing_and_shuts_nobody_out() {
        for year in [366, -366] {
            let (_folder, mut app) = app().await;
            let (host, shown) = certified(&app).await;
            for user in ["admin", "second"] {
                app.create_user(&administrator(), user, "administrator").await.unwrap();
            }
            app.wind_up().await.unwrap();
            let gone = crate::app::tests::enrol(&app, "gone").await;
            app.repositories.create(gone).await.unwrap();
            let place = std::path::PathBuf::from(app.repositories.storage(gone).location());
            app.revoke_host(&administrator(), "gone").await.unwrap();
            let mut conn = app.store.write().await.unwrap();
            store::deletions::insert(&mut conn, gone, "scrapped", "admin", app.now()).await.unwrap();
            store::deletions::approve(&mut conn, gone, "second", app.now(), app.now() + 7 * 86_400).await.unwrap();
            drop(conn);

            wait(&mut app, year);
            app.look_at_clock().await.unwrap();
            app.look_at_clock().await.unwrap();
            app.delete_due().await.unwrap();
            app.retain_due().await.unwrap();
            assert!(place.exists(), "{year}");
            let refused = app.retain_now(&administrator(), &host.to_string()).await;
            assert!(matches!(refused, Err(AppError::Conflict(why)) if why.contains("clock confirm")), "{year}");
            assert!(app.authenticate(&shown).await.unwrap().is_good(), "{year}");
            let doubts = app.audit(&administrator(), &Default::default()).await.unwrap().0;
            assert_eq!(doubts.iter().filter(|row| row.action == "clock doubt").count(), 1, "{year}");

            // It comes back by itself, and all is as it was.
            wait(&mut app, -year);
            app.look_at_clock().await.unwrap();
            assert!(app.clock_seen(&administrator()).await.unwrap().doubt.is_empty());
            // Or an administrator says that it is right.
            wait(&mut app, year);
            assert!(matches!(app.confirm_clock(&actor(Role::Operator)).await, Err(AppError::Forbidden(_))));
            assert!(app.confirm_clock(&administrator()).await.unwrap().doubt.is_empty());
            app.delete_due().await.unwrap();
            assert_eq!(place.exists(), year < 0, "{year}");
            assert_eq!(app.authenticate(&shown).await.unwrap().is_good(), year < 0, "{year}");
        }
    }

    #[tokio::test]
    async fn a_process_that_starts_after_the_jump_sees_it_too() {
        let (_folder, mut app) = app().await;
        app.wind_up().await.unwrap();
        wait(&mut app, 366);
        std::sync::Arc::get_mut(&mut app).unwrap().clockwork = Clockwork::default();
        assert!(app.clock_doubt().is_none());
        app.wind_up().await.unwrap();
        assert!(app.clock_doubt().is_some());
    }

    #[tokio::test]
    async fn what_was_opened_while_the_clock_was_ahead_is_not_good_for_a_year() {
        let (_folder, mut app) = app().await;
        let password = app.create_user(&administrator(), "wang", "operator").await.unwrap();
        wait(&mut app, 366);
        let session = app.login("wang", &password, "").await.unwrap();
        let token = app.create_token(&administrator(), 1, 0, "", false).await.unwrap();
        assert!(app.actor(&session.token, "").await.is_ok());
        wait(&mut app, -366);
        assert!(matches!(app.actor(&session.token, "").await, Err(AppError::Unauthenticated)));
        let request = crate::app::enrolment::Request {
            secret: token.token.secret,
            csr: String::new(),
            facts: Default::default(),
            escrow: String::new(),
        };
        let refused = app.enrol(request).await.err().unwrap().to_string();
        assert!(refused.contains("from the future"), "{refused}");
        // It is set back by an hour every year.
        let session = app.login("wang", &password, "").await.unwrap();
        let hour = app.clock.now() - chrono::TimeDelta::hours(1);
        std::sync::Arc::get_mut(&mut app).unwrap().clock = keepwatch_proto::clock::Clock::fixed(hour);
        assert!(app.actor(&session.token, "").await.is_ok());
    }
}
