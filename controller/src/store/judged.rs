//! What hosts are judged by: of all of them, or of one. Each query has an index with its very
//! conditions, and asks it once a host: nothing here walks over all that ever happened.

use super::jobs::State;
use super::{Conn, StoreError};
use keepwatch_proto::ids::HostId;
use sqlx::FromRow;

/// Whose; `None`: all hosts'.
pub type Whose = Option<HostId>;

fn bound(whose: Whose) -> String {
    whose.map(|host| host.to_string()).unwrap_or_default()
}

/// A moment of a host's.
#[derive(Debug, Clone, FromRow)]
pub struct HostMoment {
    /// Which host.
    #[sqlx(try_from = "String")]
    pub host: HostId,
    /// Unix seconds.
    pub at: i64,
}

/// When all of each host was last scanned, in whole or in part: by a scan of all its disks.
pub async fn last_full_scans(conn: &mut Conn, whose: Whose) -> Result<Vec<HostMoment>, StoreError> {
    // As the spec's JSON has it: quotes in a path's own text are escaped there.
    Ok(sqlx::query_as(
        "SELECT host, at FROM (SELECT hosts.id AS host, (SELECT ended FROM jobs WHERE jobs.host = hosts.id \
         AND kind = 'scan' AND state IN ('succeeded', 'partial') AND spec LIKE '%\"@full\"%' \
         ORDER BY ended DESC LIMIT 1) AS at FROM hosts WHERE $1 = '' OR hosts.id = $1) AS runs WHERE at IS NOT NULL",
    )
    .bind(bound(whose))
    .fetch_all(conn)
    .await?)
}

/// When each host's first backup came that is still on record.
pub async fn first_backups(conn: &mut Conn, whose: Whose) -> Result<Vec<HostMoment>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT host, at FROM (SELECT hosts.id AS host, (SELECT ended FROM jobs WHERE jobs.host = hosts.id \
         AND kind = 'backup' AND state IN ('succeeded', 'partial') ORDER BY ended LIMIT 1) AS at \
         FROM hosts WHERE $1 = '' OR hosts.id = $1) AS runs WHERE at IS NOT NULL",
    )
    .bind(bound(whose))
    .fetch_all(conn)
    .await?)
}

/// When each host's certificate in force ends.
pub async fn certificate_ends(conn: &mut Conn, whose: Whose) -> Result<Vec<HostMoment>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT hosts.id AS host, CASE WHEN identities.expires > 0 THEN identities.expires \
         ELSE hosts.certificate_expires END AS at FROM hosts LEFT JOIN identities ON identities.host = hosts.id \
         WHERE $1 = '' OR hosts.id = $1",
    )
    .bind(bound(whose))
    .fetch_all(conn)
    .await?)
}

/// The newest job of a host and kind that got its work done, in whole or in part: when it ended.
pub async fn last_done(conn: &mut Conn, whose: Whose) -> Result<Vec<LastDone>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT host, kind, ended FROM (SELECT hosts.id AS host, kinds.kind AS kind, (SELECT ended FROM jobs \
         WHERE jobs.host = hosts.id AND jobs.kind = kinds.kind AND whole = 1 \
         AND state IN ('succeeded', 'partial', 'failed') AND state <> 'failed' ORDER BY ended DESC LIMIT 1) AS ended \
         FROM hosts CROSS JOIN (SELECT 'scan' AS kind UNION ALL SELECT 'backup') AS kinds \
         WHERE $1 = '' OR hosts.id = $1) AS runs WHERE ended IS NOT NULL",
    )
    .bind(bound(whose))
    .fetch_all(conn)
    .await?)
}

/// See [`last_done`].
#[derive(Debug, Clone, FromRow)]
pub struct LastDone {
    /// Which host.
    #[sqlx(try_from = "String")]
    pub host: HostId,
    /// `scan` or `backup`.
    pub kind: String,
    /// Unix seconds.
    pub ended: i64,
}

/// How the newest run of each host and kind ended, to tell one that failed since. A run that
/// staff called off tells nothing.
pub async fn last_ended(conn: &mut Conn, whose: Whose) -> Result<Vec<LastEnded>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT host, kind, state FROM (SELECT hosts.id AS host, kinds.kind AS kind, (SELECT state FROM jobs \
         WHERE jobs.host = hosts.id AND jobs.kind = kinds.kind AND whole = 1 \
         AND state IN ('succeeded', 'partial', 'failed') ORDER BY ended DESC, id DESC LIMIT 1) AS state \
         FROM hosts CROSS JOIN (SELECT 'scan' AS kind UNION ALL SELECT 'backup' UNION ALL SELECT 'verify') AS kinds \
         WHERE $1 = '' OR hosts.id = $1) AS runs WHERE state IS NOT NULL",
    )
    .bind(bound(whose))
    .fetch_all(conn)
    .await?)
}

/// See [`last_ended`].
#[derive(Debug, Clone, FromRow)]
pub struct LastEnded {
    /// Which host.
    #[sqlx(try_from = "String")]
    pub host: HostId,
    /// `scan`, `backup` or `verify`.
    pub kind: String,
    /// How it ended.
    #[sqlx(try_from = "String")]
    pub state: State,
}

/// Open detections of each host, and of how many of them the severity is high or critical and the file
/// is not put away.
pub async fn open_detections(conn: &mut Conn, whose: Whose) -> Result<Vec<OpenCount>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT host, COUNT(*) AS open, COUNT(CASE WHEN severity IN ('high', 'critical') AND put_away = '' THEN 1 END) AS grave \
         FROM detections WHERE acknowledged = 0 AND ($1 = '' OR host = $1) GROUP BY host",
    )
    .bind(bound(whose))
    .fetch_all(conn)
    .await?)
}

/// See [`open_detections`].
#[derive(Debug, Clone, FromRow)]
pub struct OpenCount {
    /// Which host.
    #[sqlx(try_from = "String")]
    pub host: HostId,
    /// Open ones.
    pub open: i64,
    /// High and critical ones among them, of which the file is not put away.
    pub grave: i64,
}
