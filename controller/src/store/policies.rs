//! Policies: at most one a group, with the revision that tells two editors apart.

use super::{Conn, StoreError};
use sqlx::FromRow;

/// A group's own policy.
#[derive(Debug, Clone, FromRow)]
pub struct PolicyRow {
    /// Whose.
    pub group_name: String,
    /// As staff wrote it.
    pub yaml: String,
    /// Counts its changes.
    pub revision: i64,
}

/// All of them.
pub async fn list(conn: &mut Conn) -> Result<Vec<PolicyRow>, StoreError> {
    Ok(sqlx::query_as("SELECT group_name, yaml, revision FROM policies").fetch_all(conn).await?)
}

/// Sets a group's policy, if its revision is still the one given (0: none yet). Says whether it was.
pub async fn set(conn: &mut Conn, group: &str, yaml: &str, revision: i64) -> Result<bool, StoreError> {
    let query = if revision == 0 {
        sqlx::query(
            "INSERT INTO policies (group_name, yaml, revision) VALUES ($1, $2, $3 + 1) ON CONFLICT (group_name) DO NOTHING",
        )
    } else {
        sqlx::query("UPDATE policies SET yaml = $2, revision = revision + 1 WHERE group_name = $1 AND revision = $3")
    };
    let done = query.bind(group).bind(yaml).bind(revision).execute(conn).await?;
    Ok(done.rows_affected() == 1)
}
