//! Jobs that have not ended.

use super::{JobRow, State};
use crate::store::{Conn, StoreError};
use keepwatch_proto::ids::{HostId, JobId};
use sqlx::FromRow;

/// What has not ended on a host, oldest first.
pub async fn open_of(conn: &mut Conn, host: HostId) -> Result<Vec<JobRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT * FROM jobs WHERE host = $1 AND state IN ('queued', 'waiting', 'offered', 'running') ORDER BY id",
    )
    .bind(host.to_string())
    .fetch_all(conn)
    .await?)
}

/// How many have not ended on a host.
pub async fn count_open(conn: &mut Conn, host: HostId) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(
        "SELECT COUNT(*) FROM jobs WHERE host = $1 AND state IN ('queued', 'waiting', 'offered', 'running')",
    )
    .bind(host.to_string())
    .fetch_one(conn)
    .await?)
}

/// Whether a host is to back up, or does, by what was asked or begun after this.
pub async fn backs_up(conn: &mut Conn, host: HostId, since: i64) -> Result<bool, StoreError> {
    let open: Option<JobRow> = sqlx::query_as(
        "SELECT * FROM jobs WHERE host = $1 AND kind = 'backup' AND state IN ('queued', 'waiting', 'offered', 'running') \
         AND created > $2 LIMIT 1",
    )
    .bind(host.to_string())
    .bind(since)
    .fetch_optional(conn)
    .await?;
    Ok(open.is_some())
}

/// Whether another host's restore that was asked for after this reads what this one has stored.
pub async fn reads_from(conn: &mut Conn, source: HostId, since: i64) -> Result<bool, StoreError> {
    let open: Option<JobRow> = sqlx::query_as(
        "SELECT * FROM jobs WHERE source_host = $1 AND state IN ('queued', 'waiting', 'offered', 'running') AND created > $2 LIMIT 1",
    )
    .bind(source.to_string())
    .bind(since)
    .fetch_optional(conn)
    .await?;
    Ok(open.is_some())
}

/// What has not ended anywhere, with what is known of its host.
pub async fn all_open(conn: &mut Conn) -> Result<Vec<OpenRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT jobs.id, jobs.host, jobs.state, jobs.deadline, jobs.due, hosts.last_seen, hosts.revoked FROM jobs \
         JOIN hosts ON hosts.id = jobs.host WHERE jobs.state IN ('queued', 'waiting', 'offered', 'running')",
    )
    .fetch_all(conn)
    .await?)
}

/// See [`all_open`].
#[derive(Debug, Clone, FromRow)]
pub struct OpenRow {
    /// Which job.
    #[sqlx(try_from = "String")]
    pub id: JobId,
    /// On which host.
    #[sqlx(try_from = "String")]
    pub host: HostId,
    /// Where it stands.
    #[sqlx(try_from = "String")]
    pub state: State,
    /// It is not begun after that; 0: it waits for ever.
    pub deadline: i64,
    /// It is not handed out before that; 0: it was, or may be at once.
    pub due: i64,
    /// When the host was last heard of; 0: never.
    pub last_seen: i64,
    /// When it was revoked; 0: it was not.
    pub revoked: i64,
}
