//! What an administrator does with others' accounts, and everybody with their own sessions.

use super::audit::{Actor, Deed, Role};
use super::tokens::hash_secret;
use super::users::{hash_password, new_password};
use super::{App, AppError};
use crate::store;
use crate::store::users::UserRow;
use std::collections::HashMap;

/// One of the staff, as an administrator sees them.
pub struct UserView {
    /// As it is kept.
    pub row: UserRow,
    /// How many sessions of theirs last.
    pub sessions: u64,
}

/// One of one's own sessions.
pub struct SessionView {
    /// Whether it is the one that asks.
    pub this: bool,
    /// Unix seconds; 0: not known.
    pub began: i64,
    /// From which address; empty: not known.
    pub origin: String,
    /// Unix seconds.
    pub expires: i64,
}

fn nobody(name: &str) -> AppError {
    AppError::NotFound(format!("there is no user '{}'", name.escape_debug()))
}

/// What one does to others only: there is always an administrator left, namely whoever asks.
fn not_oneself(actor: &Actor, name: &str, what: &str) -> Result<(), AppError> {
    if actor.user == name {
        return Err(AppError::Invalid(format!("you cannot {what}; another administrator can")));
    }
    Ok(())
}

impl App {
    /// All of the staff, with how many sessions each has.
    pub async fn accounts(&self, actor: &Actor) -> Result<Vec<UserView>, AppError> {
        self.demand(actor, Role::Administrator, "user list").await?;
        let mut conn = self.store.read().await?;
        let sessions: HashMap<String, i64> =
            store::users::count_sessions(&mut conn, self.now()).await?.into_iter().collect();
        let view = |row: UserRow| UserView {
            sessions: sessions.get(&row.name).and_then(|n| u64::try_from(*n).ok()).unwrap_or(0),
            row,
        };
        Ok(store::users::list(&mut conn).await?.into_iter().map(view).collect())
    }

    /// What one of the staff may do from now on. It holds at once, also where they are logged in.
    pub async fn set_role(&self, actor: &Actor, name: &str, role: &str) -> Result<(), AppError> {
        self.demand(actor, Role::Administrator, "user role").await?;
        let role: Role = role.parse().map_err(|e: keepwatch_proto::WireError| AppError::Invalid(e.to_string()))?;
        not_oneself(actor, name, "change your own role")?;
        let mut tx = self.store.begin().await?;
        store::users::hold_administrators(&mut tx).await?;
        let user = store::users::get(&mut tx, name).await?.ok_or_else(|| nobody(name))?;
        if user.role == role.word() {
            return Ok(());
        }
        store::users::set_role(&mut tx, name, role.word()).await?;
        self.keep_an_administrator(&mut tx).await?;
        let detail = format!("from {} to {}", user.role, role.word());
        self.record(&mut tx, actor, &Deed { action: "user role", object: name, detail: &detail }).await?;
        Ok(store::commit(tx).await?)
    }

    /// Two administrators may take each other's role at the same moment.
    pub(super) async fn keep_an_administrator(&self, conn: &mut store::Conn) -> Result<(), AppError> {
        let left = store::users::list(conn).await?.iter().any(|user| user.role == Role::Administrator.word());
        if left {
            return Ok(());
        }
        Err(AppError::Conflict("nobody would be administrator any more; make somebody else one first".into()))
    }

    /// Gives one who has forgotten theirs a one-time password, and ends their sessions.
    pub async fn reset_password(&self, actor: &Actor, name: &str) -> Result<String, AppError> {
        self.demand(actor, Role::Administrator, "password reset").await?;
        not_oneself(actor, name, "reset your own password: change it")?;
        let password = new_password();
        let hash = hash_password(&password)?;
        let mut tx = self.store.begin().await?;
        if !store::users::set_password(&mut tx, name, &hash, true).await? {
            return Err(nobody(name));
        }
        store::users::delete_sessions_of(&mut tx, name).await?;
        self.record(&mut tx, actor, &Deed { action: "password reset", object: name, detail: "" }).await?;
        store::commit(tx).await?;
        Ok(password)
    }

    /// Ends all sessions of one of the staff: they have to log in again.
    pub async fn end_sessions(&self, actor: &Actor, name: &str) -> Result<(), AppError> {
        self.demand(actor, Role::Administrator, "session end").await?;
        let mut tx = self.store.begin().await?;
        store::users::get(&mut tx, name).await?.ok_or_else(|| nobody(name))?;
        store::users::delete_sessions_of(&mut tx, name).await?;
        self.record(&mut tx, actor, &Deed { action: "session end", object: name, detail: "" }).await?;
        Ok(store::commit(tx).await?)
    }

    /// One's own sessions that last, the newest first.
    pub async fn own_sessions(&self, actor: &Actor, token: &str) -> Result<Vec<SessionView>, AppError> {
        let this = hash_secret(token);
        let mut conn = self.store.read().await?;
        let sessions = store::users::sessions_of(&mut conn, &actor.user, self.now()).await?;
        let view = |row: store::users::SessionRow| SessionView {
            this: row.token_hash == this,
            began: row.began,
            origin: row.origin,
            expires: row.expires,
        };
        Ok(sessions.into_iter().map(view).collect())
    }

    /// Whether one's password was made here and is still to be replaced.
    pub async fn password_is_one_time(&self, actor: &Actor) -> Result<bool, AppError> {
        let mut conn = self.store.read().await?;
        Ok(store::users::get(&mut conn, &actor.user).await?.is_some_and(|user| user.one_time != 0))
    }

    /// Ends one's other sessions, wherever they are.
    pub async fn end_other_sessions(&self, actor: &Actor, token: &str) -> Result<(), AppError> {
        let mut tx = self.store.begin().await?;
        store::users::delete_other_sessions(&mut tx, &actor.user, &hash_secret(token)).await?;
        self.record(&mut tx, actor, &Deed { action: "session end", object: &actor.user, detail: "all but one" })
            .await?;
        Ok(store::commit(tx).await?)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::app::AppError;
    use crate::app::audit::Wanted;
    use crate::app::tests::{administrator, app};

    #[tokio::test]
    async fn a_role_holds_at_once_and_nobody_takes_their_own() {
        let (_folder, app) = app().await;
        let boss = administrator();
        app.create_user(&boss, &boss.user, "administrator").await.unwrap();
        let password = app.create_user(&boss, "wang", "viewer").await.unwrap();
        let session = app.login("wang", &password, "192.0.2.7").await.unwrap();
        assert!(session.one_time);
        app.set_role(&boss, "wang", "operator").await.unwrap();
        assert_eq!(app.actor(&session.token, "").await.unwrap().role.word(), "operator");
        for (name, role, why) in
            [(boss.user.as_str(), "viewer", "your own"), ("wang", "king", "role"), ("nobody", "viewer", "no user")]
        {
            let refused = app.set_role(&boss, name, role).await.unwrap_err().to_string();
            assert!(refused.contains(why), "{refused}");
        }
        let wanted = Wanted { action: "user role".into(), ..Wanted::default() };
        let records = app.audit_of(&boss, &wanted, &Default::default()).await.unwrap().0;
        assert_eq!((records.len(), records[0].detail.as_str()), (1, "from viewer to operator"));
    }

    #[tokio::test]
    async fn the_last_administrator_stays() {
        let (_folder, app) = app().await;
        app.create_user(&administrator(), "only", "administrator").await.unwrap();
        // Somebody who was one a moment ago.
        let refused = app.set_role(&administrator(), "only", "viewer").await;
        assert!(matches!(refused, Err(AppError::Conflict(_))), "{refused:?}");
        let refused = app.remove_user(&administrator(), "only").await;
        assert!(matches!(refused, Err(AppError::Conflict(_))), "{refused:?}");
        assert_eq!(app.accounts(&administrator()).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn sessions_are_known_again_and_can_be_ended() {
        let (_folder, app) = app().await;
        let boss = administrator();
        app.create_user(&boss, "chief", "administrator").await.unwrap();
        let password = app.create_user(&boss, "wang", "viewer").await.unwrap();
        let first = app.login("wang", &password, "192.0.2.7").await.unwrap();
        let second = app.login("wang", &password, "192.0.2.8").await.unwrap();
        let wang = app.actor(&second.token, "").await.unwrap();
        let sessions = app.own_sessions(&wang, &second.token).await.unwrap();
        assert_eq!(sessions.len(), 2);
        assert_eq!(sessions.iter().find(|s| s.this).unwrap().origin, "192.0.2.8");
        app.end_other_sessions(&wang, &second.token).await.unwrap();
        assert!(app.actor(&first.token, "").await.is_err() && app.actor(&second.token, "").await.is_ok());
        assert_eq!(app.accounts(&boss).await.unwrap().iter().map(|u| u.sessions).sum::<u64>(), 1);
        app.end_sessions(&boss, "wang").await.unwrap();
        assert!(app.actor(&second.token, "").await.is_err());
        // A reset ends them, too, and the new password is one for once.
        let third = app.login("wang", &password, "").await.unwrap();
        let other = app.reset_password(&boss, "wang").await.unwrap();
        assert!(app.actor(&third.token, "").await.is_err() && app.login("wang", &password, "").await.is_err());
        assert!(app.login("wang", &other, "").await.unwrap().one_time);
        app.change_password(&wang, &other, "a new long one").await.unwrap();
        assert!(!app.password_is_one_time(&wang).await.unwrap());
        assert!(!app.login("wang", "a new long one", "").await.unwrap().one_time);
    }
}
