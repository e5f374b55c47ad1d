//! Staff: who they are, how they log in.

use super::audit::{Actor, Deed, Role};
use super::tokens::{hash_secret, new_secret};
use super::{App, AppError};
use crate::store::{
    self, Conn,
    users::{SessionRow, UserRow},
};
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// A session lasts a working day.
pub const SESSION: i64 = 12 * 3600;
/// Passwords that are verified at once.
pub const VERIFYING: usize = 2;
/// Wrong passwords for one name before it must wait.
const ATTEMPTS: u32 = 5;
/// The same for one address, behind which there may be an office.
const ATTEMPTS_FROM: u32 = 30;
const WAIT: i64 = 60;
/// Clocks are set back by so many seconds at most where nothing is wrong.
const SET_BACK: i64 = 86_400;
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
    /// Whether it was opened with a password that its owner has not chosen.
    pub one_time: bool,
}

/// Failed log-ins of late, by name. Kept in memory: it only slows guessing down.
#[derive(Default)]
pub struct Attempts {
    failed: Mutex<HashMap<String, (u32, i64)>>,
    /// When it was last recorded that an address is held off.
    told: Mutex<HashMap<String, i64>>,
}

/// Words that stand in records where a name would.
const RESERVED: [&str; 6] = [store::jobs::SCHEDULE, store::jobs::MEDIUM, "init", "local", "retention", "keepwatch"];

/// More names and addresses than staff will ever have. Beyond them, those that have waited
/// long enough are forgotten, and if there are none, nobody new is let in for a while.
const REMEMBERED: usize = 10_000;

impl Attempts {
    /// Counts an attempt as failed until it succeeds, so that many at once are many.
    fn begin(&self, keys: &[(String, u32)], now: i64) -> Result<(), AppError> {
        let mut attempts = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if attempts.len() >= REMEMBERED {
            attempts.retain(|_, (_, last)| now - *last < WAIT);
        }
        let recent = |entry: &(u32, i64)| if now - entry.1 < WAIT { entry.0 } else { 0 };
        let spent = keys.iter().any(|(key, most)| attempts.get(key).is_some_and(|entry| recent(entry) >= *most));
        if spent || attempts.len() >= REMEMBERED {
            return Err(AppError::TooMany);
        }
        for (key, _) in keys {
            let entry = attempts.entry(key.clone()).or_insert((0, now));
            *entry = (recent(entry) + 1, now);
        }
        Ok(())
    }

    /// Whether it is some time since it was recorded that this address is held off.
    fn is_news(&self, origin: &str, now: i64) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|_, last| now - *last < WAIT);
        let news = told.len() < REMEMBERED && !told.contains_key(origin);
        if news {
            told.insert(origin.to_owned(), now);
        }
        news
    }

    fn succeeded(&self, keys: &[(String, u32)]) {
        let mut attempts = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, _) in keys {
            attempts.remove(key);
        }
    }
}

/// What an attempt counts against: the name, and the address that it comes from.
fn counted(name: &str, origin: &str) -> [(String, u32); 2] {
    [(format!("name {name}"), ATTEMPTS), (format!("from {origin}"), ATTEMPTS_FROM)]
}

/// A password's hash, as stored.
pub fn hash_password(password: &str) -> Result<String, AppError> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|h| h.to_string()).map_err(|e| AppError::Invalid(format!("this password cannot be used: {e}")))
}

/// Whether this may be a password.
pub fn password_fits(new: &str) -> bool {
    new.chars().count() >= SHORTEST_PASSWORD && new.len() <= LONGEST_PASSWORD
}

/// Whether one of the staff may be called so.
pub fn name_fits(name: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || "._-@".contains(c);
    (1..=64).contains(&name.chars().count()) && name.chars().all(fits) && !RESERVED.contains(&name)
}

fn wrong_password() -> AppError {
    AppError::Invalid("the name or the password is wrong".into())
}

fn verify_password(hash: &str, password: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|h| Argon2::default().verify_password(password.as_bytes(), &h).is_ok())
}

/// 80 random bits: too many to guess, few enough to read to somebody.
pub(super) fn new_password() -> String {
    hex::encode(rand::random::<[u8; 10]>())
}

/// Stands in where there is no such user, so that the answer takes as long.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Whether the password that was verified is the one that holds: it takes a while to verify one, and
/// meanwhile an administrator may have set another.
async fn still(conn: &mut Conn, user: &UserRow) -> Result<(), AppError> {
    let now = store::users::get(conn, &user.name).await?;
    match now.is_some_and(|now| now.password_hash == user.password_hash) {
        true => Ok(()),
        false => Err(wrong_password()),
    }
}

impl App {
    /// Logs one of the staff in.
    pub async fn login(&self, name: &str, password: &str, origin: &str) -> Result<Session, AppError> {
        let now = self.now();
        let shown: String = name.chars().take(64).collect();
        let stranger = Actor { user: shown, role: Role::Viewer, origin: origin.into() };
        let keys = counted(&stranger.user, origin);
        if let Err(error) = self.attempts.begin(&keys, now) {
            // They come by the thousand, and each would cost the database a commit.
            if self.attempts.is_news(origin, now) {
                self.refused(&stranger, "log in").await?;
            }
            return Err(error);
        }
        if name.len() > LONGEST_NAME || password.len() > LONGEST_PASSWORD {
            self.refused(&stranger, "log in").await?;
            return Err(wrong_password());
        }
        let user = {
            let mut conn = self.store.read().await?;
            store::users::get(&mut conn, name).await?
        };
        let hash = user.as_ref().map_or(NOBODY.to_owned(), |u| u.password_hash.clone());
        let right = self.verify(hash, password).await;
        let Some(role) = user.as_ref().and_then(|u| u.role.parse().ok()).filter(|_| right) else {
            self.refused(&stranger, "log in").await?;
            return Err(wrong_password());
        };
        self.attempts.succeeded(&keys);
        let actor = Actor { role, ..stranger };
        let one_time = user.as_ref().is_some_and(|user| user.one_time != 0);
        let session = Session { token: new_secret(), expires: now + SESSION, role, one_time };
        let row = SessionRow {
            token_hash: hash_secret(&session.token),
            began: now,
            origin: origin.into(),
            expires: session.expires,
        };
        let mut tx = self.store.begin().await?;
        if let Some(user) = &user {
            still(&mut tx, user).await?;
        }
        store::users::delete_expired_sessions(&mut tx, now).await?;
        store::users::insert_session(&mut tx, name, &row).await?;
        store::users::set_last_login(&mut tx, name, now).await?;
        self.record(&mut tx, &actor, &Deed { action: "log in", object: "", detail: "" }).await?;
        store::commit(tx).await?;
        Ok(session)
    }

    /// Seconds that whoever has tried too often waits.
    pub fn login_wait(&self) -> i64 {
        WAIT
    }

    /// A slow hash is the point; so few at a time, and nobody else waits for it.
    async fn verify(&self, hash: String, password: &str) -> bool {
        let Ok(_turn) = self.verifying.acquire().await else { return false };
        let password = password.to_owned();
        tokio::task::spawn_blocking(move || verify_password(&hash, &password)).await.unwrap_or(false)
    }

    /// A database without any staff is not the one that `init` prepared.
    pub async fn demand_first_user(&self) -> Result<(), AppError> {
        let mut conn = self.store.read().await?;
        if store::users::list(&mut conn).await?.is_empty() {
            return Err(AppError::Invalid(
                "this database was not prepared by 'keepwatch-controller init'; name the right one with --database"
                    .into(),
            ));
        }
        Ok(())
    }

    /// Who a session's token belongs to.
    pub async fn actor(&self, token: &str, origin: &str) -> Result<Actor, AppError> {
        let mut conn = self.store.read().await?;
        let user =
            store::users::by_session(&mut conn, &hash_secret(token), self.now(), self.now() + SESSION + SET_BACK)
                .await?;
        let user = user.ok_or(AppError::Unauthenticated)?;
        let role = user.role.parse().map_err(|_| AppError::Unauthenticated)?;
        Ok(Actor { user: user.name, role, origin: origin.into() })
    }

    /// Ends a session.
    pub async fn logout(&self, token: &str, origin: &str) -> Result<(), AppError> {
        let actor = self.actor(token, origin).await?;
        let mut tx = self.store.begin().await?;
        store::users::delete_session(&mut tx, &hash_secret(token)).await?;
        self.record(&mut tx, &actor, &Deed { action: "log out", object: "", detail: "" }).await?;
        Ok(store::commit(tx).await?)
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
        if RESERVED.contains(&name) {
            return Err(AppError::Invalid(format!(
                "'{name}' stands for something else in records; choose another name"
            )));
        }
        if !name_fits(name) {
            return Err(AppError::Invalid("a user's name has 1 to 64 letters, digits and . _ - @".into()));
        }
        let password = new_password();
        let row = UserRow {
            name: name.into(),
            role: role.word().into(),
            password_hash: hash_password(&password)?,
            created: self.now(),
            last_login: 0,
            one_time: 1,
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
        store::users::hold_administrators(&mut tx).await?;
        if !store::users::delete(&mut tx, name).await? {
            return Err(AppError::NotFound(format!("there is no user '{}'", name.escape_debug())));
        }
        self.keep_an_administrator(&mut tx).await?;
        self.record(&mut tx, actor, &Deed { action: "user remove", object: name, detail: "" }).await?;
        Ok(store::commit(tx).await?)
    }

    /// Changes one's own password, and ends one's other sessions.
    pub async fn change_password(&self, actor: &Actor, old: &str, new: &str) -> Result<(), AppError> {
        if !password_fits(new) {
            return Err(AppError::Invalid(format!(
                "a password has at least {SHORTEST_PASSWORD} characters and at most {LONGEST_PASSWORD} bytes"
            )));
        }
        let keys = counted(&actor.user, &actor.origin);
        self.attempts.begin(&keys, self.now())?;
        let user = {
            let mut conn = self.store.read().await?;
            store::users::get(&mut conn, &actor.user).await?.ok_or(AppError::Unauthenticated)?
        };
        if !self.verify(user.password_hash.clone(), old).await {
            self.refused(actor, "password change").await?;
            return Err(AppError::Invalid("the old password is wrong".into()));
        }
        self.attempts.succeeded(&keys);
        let new = new.to_owned();
        let hash = tokio::task::spawn_blocking(move || hash_password(&new)).await;
        let hash = hash.map_err(|e| AppError::Invalid(e.to_string()))??;
        let mut tx = self.store.begin().await?;
        still(&mut tx, &user).await?;
        store::users::set_password(&mut tx, &user.name, &hash, false).await?;
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
        let wang = counted("wang", "192.0.2.1");
        for second in 0..5 {
            attempts.begin(&wang, second).unwrap();
        }
        assert!(matches!(attempts.begin(&wang, 10), Err(AppError::TooMany)));
        attempts.begin(&counted("li", "192.0.2.1"), 10).unwrap();
        attempts.begin(&wang, 4 + WAIT).unwrap();
        attempts.succeeded(&wang);
        for _ in 0..5 {
            attempts.begin(&wang, 100).unwrap();
        }
        // Many names from one address are one guesser.
        let many = (0..100).filter(|n| attempts.begin(&counted(&n.to_string(), "192.0.2.2"), 100).is_ok());
        assert_eq!(many.count(), ATTEMPTS_FROM as usize);
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
