//! Who backs up now, and who would: one row a host.

use super::{Conn, StoreError};
use keepwatch_proto::ids::{HostId, JobId};
use sqlx::FromRow;

/// One host's, with what deciding needs of the host. Times are Unix seconds, by our clock.
#[derive(Debug, Clone, FromRow)]
pub struct SlotRow {
    /// Which host.
    #[sqlx(try_from = "String")]
    pub host: HostId,
    /// The backup that it is about.
    #[sqlx(try_from = "String")]
    pub job: JobId,
    /// Since when it is asked for.
    pub asked: i64,
    /// When leave was given; 0: it was not.
    pub granted: i64,
    /// When it began; 0: it has not. With or without leave.
    pub begun: i64,
    /// The host's group.
    pub group_name: String,
    /// When the host was last heard of.
    pub last_seen: i64,
    /// When it was revoked; 0: it was not.
    pub revoked: i64,
}

/// Whether there are any.
pub async fn any(conn: &mut Conn) -> Result<bool, StoreError> {
    Ok(sqlx::query("SELECT host FROM slots LIMIT 1").fetch_optional(conn).await?.is_some())
}

/// All of them, those that have waited longest first.
pub async fn list(conn: &mut Conn) -> Result<Vec<SlotRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT slots.host, slots.job, slots.asked, slots.granted, slots.begun, hosts.group_name, hosts.last_seen, \
         hosts.revoked FROM slots JOIN hosts ON hosts.id = slots.host ORDER BY slots.asked, slots.host",
    )
    .fetch_all(conn)
    .await?)
}

/// One host's.
pub async fn get(conn: &mut Conn, host: HostId) -> Result<Option<SlotRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT slots.host, slots.job, slots.asked, slots.granted, slots.begun, hosts.group_name, hosts.last_seen, \
         hosts.revoked FROM slots JOIN hosts ON hosts.id = slots.host WHERE slots.host = $1",
    )
    .bind(host.to_string())
    .fetch_optional(conn)
    .await?)
}

/// A host asks for leave for this job, and for nothing else any more.
pub async fn ask(conn: &mut Conn, host: HostId, job: JobId, asked: i64) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO slots (host, job, asked) VALUES ($1, $2, $3) ON CONFLICT (host) DO UPDATE SET \
         job = excluded.job, asked = excluded.asked, granted = 0, begun = 0",
    )
    .bind(host.to_string())
    .bind(job.to_string())
    .bind(asked)
    .execute(conn)
    .await?;
    Ok(())
}

/// It may begin.
pub async fn grant(conn: &mut Conn, host: HostId, at: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE slots SET granted = $2 WHERE host = $1 AND begun = 0")
        .bind(host.to_string())
        .bind(at)
        .execute(conn)
        .await?;
    Ok(())
}

/// It has begun: by leave, or by itself.
pub async fn begin(conn: &mut Conn, host: HostId, job: JobId, at: i64) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO slots (host, job, asked, begun) VALUES ($1, $2, $3, $3) ON CONFLICT (host) DO UPDATE SET \
         job = excluded.job, begun = excluded.begun",
    )
    .bind(host.to_string())
    .bind(job.to_string())
    .bind(at)
    .execute(conn)
    .await?;
    Ok(())
}

/// It does not ask any more. Says whether it had.
pub async fn withdraw(conn: &mut Conn, host: HostId) -> Result<bool, StoreError> {
    let done = sqlx::query("DELETE FROM slots WHERE host = $1 AND begun = 0").bind(host.to_string()).execute(conn);
    Ok(done.await?.rows_affected() == 1)
}

/// This job neither waits nor runs any more. Says whether it did.
pub async fn release(conn: &mut Conn, host: HostId, job: JobId) -> Result<bool, StoreError> {
    let done = sqlx::query("DELETE FROM slots WHERE host = $1 AND job = $2")
        .bind(host.to_string())
        .bind(job.to_string())
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}
