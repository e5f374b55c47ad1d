//! The audit trail. Only added to.

use super::{Conn, StoreError};
use sqlx::FromRow;

/// One record.
#[derive(Debug, Clone, FromRow)]
pub struct AuditRow {
    /// UUID of version 7: sorts by time.
    pub id: String,
    /// Unix seconds.
    pub at: i64,
    /// Who.
    pub user_name: String,
    /// Did what.
    pub action: String,
    /// To what.
    pub object: String,
    /// With which particulars.
    pub detail: String,
    /// From which address.
    pub origin: String,
    /// `done` or `refused`.
    pub outcome: String,
}

/// Adds one.
pub async fn insert(conn: &mut Conn, r: &AuditRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO audit (id, at, user_name, action, object, detail, origin, outcome) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&r.id)
    .bind(r.at)
    .bind(&r.user_name)
    .bind(&r.action)
    .bind(&r.object)
    .bind(&r.detail)
    .bind(&r.origin)
    .bind(&r.outcome)
    .execute(conn)
    .await?;
    Ok(())
}

/// The newest ones of those from before this moment, or of it and listed after this id.
pub async fn list(conn: &mut Conn, before: i64, last: &str, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM audit WHERE at < $1 OR (at = $1 AND id < $2) ORDER BY at DESC, id DESC LIMIT $3")
        .bind(before)
        .bind(last)
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await?)
}
