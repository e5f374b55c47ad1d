//! The last time by this controller's clock that was not doubted.

use super::{Conn, StoreError};

/// Seconds that a time may lie ahead without having been written under another clock.
const AHEAD: i64 = 3600;
/// The same for when a job is tried again.
const AHEAD_BY_WILL: i64 = 2 * 86_400;

/// It; Unix seconds, 0: none yet.
pub async fn trusted(conn: &mut Conn) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT trusted FROM clockwork WHERE id = 1").fetch_optional(conn).await?.unwrap_or(0))
}

/// It is this from now on.
pub async fn set_trusted(conn: &mut Conn, at: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE clockwork SET trusted = $1 WHERE id = 1").bind(at).execute(conn).await?;
    Ok(())
}

/// Times that lie ahead, and by which is judged what has not happened, are now.
pub async fn bring_back(conn: &mut Conn, now: i64) -> Result<(), StoreError> {
    for (statement, ahead) in [
        ("UPDATE hosts SET last_seen = $1 WHERE last_seen > $2", AHEAD),
        ("UPDATE bundles SET published = $1 WHERE published > $2", AHEAD),
        ("UPDATE bundles SET resumed = $1 WHERE resumed > $2", AHEAD),
        ("UPDATE bundles SET everywhere = $1 WHERE everywhere > $2", AHEAD),
        ("UPDATE slots SET granted = $1 WHERE granted > $2", AHEAD),
        ("UPDATE slots SET asked = $1 WHERE asked > $2", AHEAD),
        (
            "UPDATE jobs SET due = $1 WHERE due > $2 AND state IN ('queued', 'waiting', 'offered', 'running')",
            AHEAD_BY_WILL,
        ),
    ] {
        sqlx::query(statement).bind(now).bind(now + ahead).execute(&mut *conn).await?;
    }
    Ok(())
}
