//! Repositories that are to be deleted, and those that were.

use super::{Conn, StoreError};
use keepwatch_proto::ids::HostId;
use sqlx::FromRow;

/// Of one host. Times are Unix seconds, 0 where there is none.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct DeletionRow {
    /// The host.
    #[sqlx(try_from = "String")]
    pub host: HostId,
    /// Why.
    pub reason: String,
    /// Who wants it.
    pub asked_by: String,
    /// Since when.
    pub asked: i64,
    /// Who agreed.
    pub approved_by: String,
    /// When.
    pub approved: i64,
    /// Not before that.
    pub due: i64,
    /// When it was begun: from then on it cannot be called off.
    pub begun: i64,
    /// When all was gone.
    pub done: i64,
}

/// A host's.
pub async fn get(conn: &mut Conn, host: HostId) -> Result<Option<DeletionRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM deletions WHERE host = $1").bind(host.to_string()).fetch_optional(conn).await?)
}

/// All of them, the newest first.
pub async fn list(conn: &mut Conn) -> Result<Vec<DeletionRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM deletions ORDER BY asked DESC, host").fetch_all(conn).await?)
}

/// Somebody wants one. Says whether there was none.
pub async fn insert(conn: &mut Conn, host: HostId, reason: &str, by: &str, at: i64) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO deletions (host, reason, asked_by, asked) VALUES ($1, $2, $3, $4) ON CONFLICT (host) DO NOTHING",
    )
    .bind(host.to_string())
    .bind(reason)
    .bind(by)
    .bind(at)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A second one agrees. Says whether nobody had.
pub async fn approve(conn: &mut Conn, host: HostId, by: &str, at: i64, due: i64) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE deletions SET approved_by = $2, approved = $3, due = $4 WHERE host = $1 AND approved = 0 AND asked_by <> $2",
    )
    .bind(host.to_string())
    .bind(by)
    .bind(at)
    .bind(due)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// It is called off. Says whether it had not been begun.
pub async fn remove(conn: &mut Conn, host: HostId) -> Result<bool, StoreError> {
    let done =
        sqlx::query("DELETE FROM deletions WHERE host = $1 AND begun = 0").bind(host.to_string()).execute(conn).await?;
    Ok(done.rows_affected() == 1)
}

/// Those that two agreed on, whose time has come and that are not done.
pub async fn due(conn: &mut Conn, now: i64) -> Result<Vec<DeletionRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM deletions WHERE approved > 0 AND due <= $1 AND done = 0 ORDER BY due, host")
        .bind(now)
        .fetch_all(conn)
        .await?)
}

/// It is begun, unless it was called off. Says whether it is, by this or an earlier beginning.
pub async fn begin(conn: &mut Conn, host: HostId, now: i64) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE deletions SET begun = CASE WHEN begun = 0 THEN $2 ELSE begun END \
         WHERE host = $1 AND approved > 0 AND due <= $2 AND done = 0",
    )
    .bind(host.to_string())
    .bind(now)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// All is gone.
pub async fn done(conn: &mut Conn, host: HostId, at: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE deletions SET done = $2 WHERE host = $1").bind(host.to_string()).bind(at).execute(conn).await?;
    Ok(())
}

/// None that has not begun is done before that.
pub async fn postpone(conn: &mut Conn, until: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE deletions SET due = $1 WHERE approved > 0 AND begun = 0 AND due < $1")
        .bind(until)
        .execute(conn)
        .await?;
    Ok(())
}
