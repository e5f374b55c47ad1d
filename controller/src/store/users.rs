//! Staff, and their sessions by the hash of the session's token.

use super::{Conn, StoreError};
use sqlx::FromRow;

/// One of the staff.
#[derive(Clone, FromRow)]
pub struct UserRow {
    /// Log-in name.
    pub name: String,
    /// `viewer`, `operator` or `administrator`.
    pub role: String,
    /// argon2id.
    pub password_hash: String,
    /// Unix seconds.
    pub created: i64,
    /// Unix seconds, 0: never.
    pub last_login: i64,
    /// 1: the password was made here, and its owner has not chosen one yet.
    pub one_time: i64,
}

/// A session, as its owner knows it again.
#[derive(Debug, Clone, FromRow)]
pub struct SessionRow {
    /// SHA-256 of its token.
    pub token_hash: String,
    /// Unix seconds; 0: not known.
    pub began: i64,
    /// From which address; empty: not known.
    pub origin: String,
    /// Unix seconds.
    pub expires: i64,
}

/// Adds one. Says whether the name was free.
pub async fn insert(conn: &mut Conn, user: &UserRow) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO users (name, role, password_hash, created, last_login, one_time) VALUES ($1, $2, $3, $4, 0, $5) \
         ON CONFLICT (name) DO NOTHING",
    )
    .bind(&user.name)
    .bind(&user.role)
    .bind(&user.password_hash)
    .bind(user.created)
    .bind(user.one_time)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// One of them.
pub async fn get(conn: &mut Conn, name: &str) -> Result<Option<UserRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM users WHERE name = $1").bind(name).fetch_optional(conn).await?)
}

/// All of them.
pub async fn list(conn: &mut Conn) -> Result<Vec<UserRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM users ORDER BY name").fetch_all(conn).await?)
}

/// Removes one, and all that they are logged in with.
pub async fn delete(conn: &mut Conn, name: &str) -> Result<bool, StoreError> {
    delete_sessions_of(conn, name).await?;
    Ok(sqlx::query("DELETE FROM users WHERE name = $1").bind(name).execute(conn).await?.rows_affected() == 1)
}

/// A new password; whether it was made here. Says whether there is such a user.
pub async fn set_password(conn: &mut Conn, name: &str, hash: &str, one_time: bool) -> Result<bool, StoreError> {
    let query = sqlx::query("UPDATE users SET password_hash = $2, one_time = $3 WHERE name = $1");
    Ok(query.bind(name).bind(hash).bind(i64::from(one_time)).execute(conn).await?.rows_affected() == 1)
}

/// Keeps others from changing who is administrator until this transaction ends.
pub async fn hold_administrators(conn: &mut Conn) -> Result<(), StoreError> {
    sqlx::query("UPDATE users SET role = role WHERE role = 'administrator'").execute(conn).await?;
    Ok(())
}

/// What they may do from now on.
pub async fn set_role(conn: &mut Conn, name: &str, role: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE users SET role = $2 WHERE name = $1").bind(name).bind(role).execute(conn).await?;
    Ok(())
}

/// They logged in.
pub async fn set_last_login(conn: &mut Conn, name: &str, at: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE users SET last_login = $2 WHERE name = $1").bind(name).bind(at).execute(conn).await?;
    Ok(())
}

/// Opens a session.
pub async fn insert_session(conn: &mut Conn, user: &str, session: &SessionRow) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO sessions (token_hash, user_name, expires, began, origin) VALUES ($1, $2, $3, $4, $5)")
        .bind(&session.token_hash)
        .bind(user)
        .bind(session.expires)
        .bind(session.began)
        .bind(&session.origin)
        .execute(conn)
        .await?;
    Ok(())
}

/// The sessions of one of the staff that last, the newest first.
pub async fn sessions_of(conn: &mut Conn, user: &str, now: i64) -> Result<Vec<SessionRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT token_hash, began, origin, expires FROM sessions WHERE user_name = $1 AND expires > $2 \
         ORDER BY began DESC, token_hash",
    )
    .bind(user)
    .bind(now)
    .fetch_all(conn)
    .await?)
}

/// How many sessions of each of the staff last.
pub async fn count_sessions(conn: &mut Conn, now: i64) -> Result<Vec<(String, i64)>, StoreError> {
    let query = sqlx::query_as("SELECT user_name, COUNT(*) FROM sessions WHERE expires > $1 GROUP BY user_name");
    Ok(query.bind(now).fetch_all(conn).await?)
}

/// Ends all sessions of one of the staff but this one. Says how many.
pub async fn delete_other_sessions(conn: &mut Conn, user: &str, token_hash: &str) -> Result<u64, StoreError> {
    let query = sqlx::query("DELETE FROM sessions WHERE user_name = $1 AND token_hash <> $2");
    Ok(query.bind(user).bind(token_hash).execute(conn).await?.rows_affected())
}

/// Whose session it is, while it lasts. One that would last beyond `latest` was opened when the
/// clock was ahead, and is none.
pub async fn by_session(
    conn: &mut Conn,
    token_hash: &str,
    now: i64,
    latest: i64,
) -> Result<Option<UserRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT u.* FROM users u JOIN sessions s ON s.user_name = u.name WHERE s.token_hash = $1 AND s.expires > $2 \
         AND s.expires <= $3",
    )
    .bind(token_hash)
    .bind(now)
    .bind(latest)
    .fetch_optional(conn)
    .await?)
}

/// Ends a session.
pub async fn delete_session(conn: &mut Conn, token_hash: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sessions WHERE token_hash = $1").bind(token_hash).execute(conn).await?;
    Ok(())
}

/// Ends all sessions of one of the staff.
pub async fn delete_sessions_of(conn: &mut Conn, user: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sessions WHERE user_name = $1").bind(user).execute(conn).await?;
    Ok(())
}

/// Forgets the sessions that have run out.
pub async fn delete_expired_sessions(conn: &mut Conn, now: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sessions WHERE expires <= $1").bind(now).execute(conn).await?;
    Ok(())
}
