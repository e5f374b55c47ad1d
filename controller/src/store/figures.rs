//! What only the figures need: of all hosts at once, and read-only.

use super::{Conn, StoreError};
use sqlx::FromRow;

/// Jobs of one kind that stand so.
#[derive(Debug, Clone, FromRow)]
pub struct JobCount {
    /// `scan`, `backup`, `restore`, `verify`.
    pub kind: String,
    /// Where they stand.
    pub state: String,
    /// How many.
    pub jobs: i64,
}

/// How many jobs there are, by kind and state.
pub async fn job_counts(conn: &mut Conn) -> Result<Vec<JobCount>, StoreError> {
    Ok(sqlx::query_as("SELECT kind, state, COUNT(*) AS jobs FROM jobs GROUP BY kind, state ORDER BY kind, state")
        .fetch_all(conn)
        .await?)
}

/// When a job was asked for, and when it began.
#[derive(Debug, Clone, FromRow)]
pub struct JobWait {
    /// `scan`, `backup`, `restore`, `verify`.
    pub kind: String,
    /// Unix seconds.
    pub created: i64,
    /// Unix seconds; 0: it has not begun.
    pub started: i64,
}

/// At most so many waits are looked at.
const WAITS: i64 = 20_000;

/// Jobs that staff asked for and that began after this, and those that have not begun.
pub async fn job_waits(conn: &mut Conn, since: i64) -> Result<Vec<JobWait>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT kind, created, started FROM jobs WHERE origin NOT IN ('schedule', 'medium', '?') \
         AND (started > $1 OR state IN ('queued', 'offered')) ORDER BY created DESC LIMIT $2",
    )
    .bind(since)
    .bind(WAITS)
    .fetch_all(conn)
    .await?)
}

/// Asks the database for nothing, to see whether it answers.
pub async fn answers(conn: &mut Conn) -> Result<(), StoreError> {
    let _: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM groups").fetch_one(conn).await?;
    Ok(())
}
