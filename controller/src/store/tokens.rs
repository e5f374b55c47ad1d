//! Enrolment tokens, by the hash of their secret.

use super::{Conn, StoreError};
use sqlx::FromRow;

/// One token.
#[derive(Debug, Clone, FromRow)]
pub struct TokenRow {
    /// Its id, which is no secret.
    pub id: String,
    /// SHA-256 of the secret.
    pub secret_hash: String,
    /// Group that its hosts enrol into.
    pub group_name: String,
    /// How many PCs may still use it.
    pub uses_left: i64,
    /// Unix seconds.
    pub expires: i64,
    /// Unix seconds.
    pub created: i64,
    /// Who made it.
    pub created_by: String,
    /// 1: rules may place its hosts although it names a group.
    pub by_rules: i64,
}

/// Adds one.
pub async fn insert(conn: &mut Conn, token: &TokenRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO tokens (id, secret_hash, group_name, uses_left, expires, created, created_by, by_rules) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&token.id)
    .bind(&token.secret_hash)
    .bind(&token.group_name)
    .bind(token.uses_left)
    .bind(token.expires)
    .bind(token.created)
    .bind(&token.created_by)
    .bind(token.by_rules)
    .execute(conn)
    .await?;
    Ok(())
}

/// All of them, newest first.
pub async fn list(conn: &mut Conn) -> Result<Vec<TokenRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM tokens ORDER BY id DESC").fetch_all(conn).await?)
}

/// The one with this secret.
pub async fn by_secret(conn: &mut Conn, secret_hash: &str) -> Result<Option<TokenRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM tokens WHERE secret_hash = $1").bind(secret_hash).fetch_optional(conn).await?)
}

/// Takes one use of it, if there is one left. Says whether there was.
pub async fn take_use(conn: &mut Conn, id: &str) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE tokens SET uses_left = uses_left - 1 WHERE id = $1 AND uses_left > 0")
        .bind(id)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends one. Says whether there was one.
pub async fn delete(conn: &mut Conn, id: &str) -> Result<bool, StoreError> {
    Ok(sqlx::query("DELETE FROM tokens WHERE id = $1").bind(id).execute(conn).await?.rows_affected() == 1)
}
