//! Staff: who they are, how they log in.

use super::audit::{Actor, Deed, Role};
use super::tokens::{hash_secret, new_secret};
use super::{App, AppError};
use crate::store::{self, users::UserRow};
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use std::collections::HashMap;
use std::sync::Mutex;

/// A session lasts a working day.
pub const SESSION: i64 = 12 * 3600;
/// Wrong passwords for one name before it must wait.
const ATTEMPTS: u32 = 5;
const WAIT: i64 = 60;
const SHORTEST_PASSWORD: usize = 10;
const LONGEST_PASSWORD: usize = 1024;
/// In bytes: 64 characters of any script.
const LONGEST_NAME: usize = 256;

/// A session, the one time that its token is shown.
pub struct Session {
    /// What the client shows from now on.
    pub token: String,
    /// Unix seconds.
    pub expires: i64,
    /// What its owner may do.
    pub role: Role,
}

/// Failed log-ins of late, by name. Kept in memory: it only slows guessing down.
#[derive(Default)]
pub struct Attempts(Mutex<HashMap<String, (u32, i64)>>);

/// More names than staff will ever be; beyond them the oldest are forgotten.
const REMEMBERED: usize = 10_000;

impl Attempts {
    fn check(&self, name: &str, now: i64) -> Result<(), AppError> {
        let attempts = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match attempts.get(name) {
            Some((count, last)) if *count >= ATTEMPTS && now - last < WAIT => Err(AppError::TooMany),
            _ => Ok(()),
        }
    }

    fn note(&self, name: &str, now: i64, failed: bool) {
        let mut attempts = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !failed {
            attempts.remove(name);
            return;
        }
        if attempts.len() >= REMEMBERED {
            attempts.retain(|_, (_, last)| now - *last < WAIT);
        }
        let entry = attempts.entry(name.into()).or_insert((0, now));
        *entry = (if now - entry.1 < WAIT { entry.0 + 1 } else { 1 }, now);
    }
}

/// A password's hash, as stored.
pub fn hash_password(password: &str) -> Result<String, AppError> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|h| h.to_string()).map_err(|e| AppError::Invalid(format!("this password cannot be used: {e}")))
}

fn verify_password(hash: &str, password: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|h| Argon2::default().verify_password(password.as_bytes(), &h).is_ok())
}

/// Stands in where there is no such user, so that the answer takes as long.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

impl App {
    /// Logs one of the staff in.
    pub async fn login(&self, name: &str, password: &str, origin: &str) -> Result<Session, AppError> {
        let now = self.now();
        if name.len() > LONGEST_NAME || password.len() > LONGEST_PASSWORD {
            return Err(AppError::Forbidden("the name or the password is wrong".into()));
        }
        self.attempts.check(name, now)?;
        let user = {
            let mut conn = self.store.read().await?;
            store::users::get(&mut conn, name).await?
        };
        let hash = user.as_ref().map_or(NOBODY.to_owned(), |u| u.password_hash.clone());
        let password = password.to_owned();
        // A slow hash is the point, and nobody else should wait for it.
        let right = tokio::task::spawn_blocking(move || verify_password(&hash, &password)).await.unwrap_or(false);
        self.attempts.note(name, now, !right || user.is_none());
        let known_role = user.as_ref().and_then(|u| u.role.parse().ok()).filter(|_| right);
        let actor = Actor {
            user: name.chars().take(100).collect(),
            role: known_role.unwrap_or(Role::Viewer),
            origin: origin.into(),
        };
        let deed = Deed { action: "log in", object: "", detail: "" };
        let mut tx = self.store.begin().await?;
        let Some(role) = known_role else {
            self.write(&mut tx, &actor, &deed, "refused").await?;
            store::commit(tx).await?;
            return Err(AppError::Forbidden("the name or the password is wrong".into()));
        };
        let session = Session { token: new_secret(), expires: now + SESSION, role };
        store::users::delete_expired_sessions(&mut tx, now).await?;
        store::users::insert_session(&mut tx, &hash_secret(&session.token), name, session.expires).await?;
        store::users::set_last_login(&mut tx, name, now).await?;
        self.record(&mut tx, &actor, &deed).await?;
        store::commit(tx).await?;
        Ok(session)
    }

    /// Who a session's token belongs to.
    pub async fn actor(&self, token: &str, origin: &str) -> Result<Actor, AppError> {
        let mut conn = self.store.read().await?;
        let user = store::users::by_session(&mut conn, &hash_secret(token), self.now()).await?;
        let user = user.ok_or(AppError::Unauthenticated)?;
        let role = user.role.parse().map_err(|_| AppError::Unauthenticated)?;
        Ok(Actor { user: user.name, role, origin: origin.into() })
    }

    /// Ends a session.
    pub async fn logout(&self, token: &str) -> Result<(), AppError> {
        let mut conn = self.store.read().await?;
        Ok(store::users::delete_session(&mut conn, &hash_secret(token)).await?)
    }

    /// All of the staff.
    pub async fn users(&self, actor: &Actor) -> Result<Vec<UserRow>, AppError> {
        self.demand(actor, Role::Administrator, "user list").await?;
        let mut conn = self.store.read().await?;
        Ok(store::users::list(&mut conn).await?)
    }

    /// Adds one. Returns the one-time password.
    pub async fn create_user(&self, actor: &Actor, name: &str, role: &str) -> Result<String, AppError> {
        self.demand(actor, Role::Administrator, "user create").await?;
        let role: Role = role.parse().map_err(|e: keepwatch_proto::WireError| AppError::Invalid(e.to_string()))?;
        let password = self.add_user(actor, name, role).await?;
        Ok(password)
    }

    /// The first administrator, made by `init`.
    pub async fn create_first_user(&self, name: &str) -> Result<String, AppError> {
        let actor = Actor { user: "init".into(), role: Role::Administrator, origin: "local".into() };
        self.add_user(&actor, name, Role::Administrator).await
    }

    async fn add_user(&self, actor: &Actor, name: &str, role: Role) -> Result<String, AppError> {
        let fits = |c: char| c.is_alphanumeric() || "._-@".contains(c);
        if name.is_empty() || name.chars().count() > 64 || !name.chars().all(fits) {
            return Err(AppError::Invalid("a user's name has 1 to 64 letters, digits and . _ - @".into()));
        }
        // 80 random bits: too many to guess, few enough to read to somebody.
        let password = hex::encode(rand::random::<[u8; 10]>());
        let row = UserRow {
            name: name.into(),
            role: role.word().into(),
            password_hash: hash_password(&password)?,
            created: self.now(),
            last_login: 0,
        };
        let mut tx = self.store.begin().await?;
        if !store::users::insert(&mut tx, &row).await? {
            return Err(AppError::Conflict(format!("there is a user '{name}' already")));
        }
        self.record(&mut tx, actor, &Deed { action: "user create", object: name, detail: role.word() }).await?;
        store::commit(tx).await?;
        Ok(password)
    }

    /// Removes one, and ends their sessions.
    pub async fn remove_user(&self, actor: &Actor, name: &str) -> Result<(), AppError> {
        self.demand(actor, Role::Administrator, "user remove").await?;
        if actor.user == name {
            return Err(AppError::Invalid("you cannot remove yourself; another administrator can".into()));
        }
        let mut tx = self.store.begin().await?;
        if !store::users::delete(&mut tx, name).await? {
            return Err(AppError::NotFound(format!("there is no user '{}'", name.escape_debug())));
        }
        self.record(&mut tx, actor, &Deed { action: "user remove", object: name, detail: "" }).await?;
        Ok(store::commit(tx).await?)
    }

    /// Changes one's own password, and ends one's other sessions.
    pub async fn change_password(&self, actor: &Actor, old: &str, new: &str) -> Result<(), AppError> {
        if new.chars().count() < SHORTEST_PASSWORD {
            return Err(AppError::Invalid(format!("a password has at least {SHORTEST_PASSWORD} characters")));
        }
        self.attempts.check(&actor.user, self.now())?;
        let mut tx = self.store.begin().await?;
        let user = store::users::get(&mut tx, &actor.user).await?.ok_or(AppError::Unauthenticated)?;
        if !verify_password(&user.password_hash, old) {
            self.attempts.note(&actor.user, self.now(), true);
            return Err(AppError::Forbidden("the old password is wrong".into()));
        }
        store::users::set_password(&mut tx, &user.name, &hash_password(new)?).await?;
        store::users::delete_sessions_of(&mut tx, &user.name).await?;
        self.record(&mut tx, actor, &Deed { action: "password change", object: &user.name, detail: "" }).await?;
        Ok(store::commit(tx).await?)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn guessing_is_slowed_down_and_forgiven() {
        let attempts = Attempts::default();
        for second in 0..5 {
            attempts.check("wang", second).unwrap();
            attempts.note("wang", second, true);
        }
        assert!(matches!(attempts.check("wang", 10), Err(AppError::TooMany)));
        attempts.check("li", 10).unwrap();
        attempts.check("wang", 4 + WAIT).unwrap();
        attempts.note("wang", 70, false);
        attempts.check("wang", 71).unwrap();
    }

    #[test]
    fn only_the_password_opens_its_hash() {
        let hash = hash_password("守备-password").unwrap();
        assert!(verify_password(&hash, "守备-password"));
        assert!(!verify_password(&hash, "other"));
        assert!(!verify_password(NOBODY, ""));
        assert!(PasswordHash::new(NOBODY).is_ok());
    }
}
