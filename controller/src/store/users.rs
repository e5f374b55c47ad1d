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
}

/// Adds one. Says whether the name was free.
pub async fn insert(conn: &mut Conn, user: &UserRow) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO users (name, role, password_hash, created, last_login) VALUES ($1, $2, $3, $4, 0) \
         ON CONFLICT (name) DO NOTHING",
    )
    .bind(&user.name)
    .bind(&user.role)
    .bind(&user.password_hash)
    .bind(user.created)
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

/// A new password.
pub async fn set_password(conn: &mut Conn, name: &str, hash: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE users SET password_hash = $2 WHERE name = $1").bind(name).bind(hash).execute(conn).await?;
    Ok(())
}

/// They logged in.
pub async fn set_last_login(conn: &mut Conn, name: &str, at: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE users SET last_login = $2 WHERE name = $1").bind(name).bind(at).execute(conn).await?;
    Ok(())
}

/// Opens a session.
pub async fn insert_session(conn: &mut Conn, token_hash: &str, user: &str, expires: i64) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO sessions (token_hash, user_name, expires) VALUES ($1, $2, $3)")
        .bind(token_hash)
        .bind(user)
        .bind(expires)
        .execute(conn)
        .await?;
    Ok(())
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
