//! What happened in a period, for reports about it. Each query goes by an index and has its bound.

use super::{Conn, Json, StoreError};
use futures_util::TryStreamExt;
use keepwatch_proto::ids::HostId;
use keepwatch_proto::job::Tally;
use sqlx::FromRow;

/// A backup that was done, in whole or in part.
#[derive(Debug, Clone, FromRow)]
pub struct Backup {
    /// On which host.
    #[sqlx(try_from = "String")]
    pub host: HostId,
    /// When it ended.
    pub ended: i64,
    /// What it stored, among others.
    #[sqlx(try_from = "String")]
    pub tally: Json<Tally>,
}

/// Backups of the hosts from the first id to the last that ended from one moment on, up to another: all
/// of them, in no order. They are handed over one by one.
pub async fn backups(
    conn: &mut Conn,
    (from, until): (i64, i64),
    (first, last): (HostId, HostId),
    mut each: impl FnMut(Backup),
) -> Result<(), StoreError> {
    let mut rows = sqlx::query_as(
        "SELECT jobs.host AS host, jobs.ended AS ended, jobs.tally AS tally FROM hosts CROSS JOIN jobs \
         WHERE hosts.id >= $3 AND hosts.id <= $4 AND jobs.host = hosts.id AND jobs.kind = 'backup' AND jobs.whole = 1 \
         AND jobs.state IN ('succeeded', 'partial', 'failed') AND jobs.state <> 'failed' \
         AND jobs.ended >= $1 AND jobs.ended < $2",
    )
    .bind(from)
    .bind(until)
    .bind(first.to_string())
    .bind(last.to_string())
    .fetch(conn);
    while let Some(row) = rows.try_next().await? {
        each(row);
    }
    Ok(())
}

/// A host's scans of what its policy names.
#[derive(Debug, Clone, FromRow)]
pub struct Scans {
    /// Which host.
    #[sqlx(try_from = "String")]
    pub host: HostId,
    /// That were done, in whole or in part.
    pub done: i64,
    /// That failed.
    pub failed: i64,
}

/// How each host's scans ended from one moment on, up to another.
pub async fn scans(conn: &mut Conn, (from, until): (i64, i64)) -> Result<Vec<Scans>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT jobs.host AS host, COUNT(CASE WHEN jobs.state <> 'failed' THEN 1 END) AS done, \
         COUNT(CASE WHEN jobs.state = 'failed' THEN 1 END) AS failed FROM hosts CROSS JOIN jobs \
         WHERE jobs.host = hosts.id AND jobs.kind = 'scan' AND jobs.whole = 1 \
         AND jobs.state IN ('succeeded', 'partial', 'failed') AND jobs.ended >= $1 AND jobs.ended < $2 \
         GROUP BY jobs.host",
    )
    .bind(from)
    .bind(until)
    .fetch_all(conn)
    .await?)
}

/// A restore that staff asked for.
#[derive(Debug, Clone, FromRow)]
pub struct Restore {
    /// To which host.
    #[sqlx(try_from = "String")]
    pub host: HostId,
    /// Who asked.
    pub origin: String,
    /// When.
    pub created: i64,
    /// When work began; 0: it has not.
    pub started: i64,
    /// When it ended; 0: it has not.
    pub ended: i64,
    /// Where it stands.
    pub state: String,
}

/// Restores that were asked for from one moment on, up to another, the newest first; at most so many.
pub async fn restores(conn: &mut Conn, (from, until): (i64, i64), most: i64) -> Result<Vec<Restore>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT host, origin, created, started, ended, state FROM jobs \
         WHERE origin NOT IN ('schedule', 'medium', '?') AND kind = 'restore' \
         AND spec NOT LIKE '%\"dry_run\":true%' AND created >= $1 AND created < $2 \
         ORDER BY created DESC LIMIT $3",
    )
    .bind(from)
    .bind(until)
    .bind(most)
    .fetch_all(conn)
    .await?)
}

/// The restores to a host that staff asked for.
#[derive(Debug, Clone, FromRow)]
pub struct Restored {
    /// Which host.
    #[sqlx(try_from = "String")]
    pub host: HostId,
    /// All of them.
    pub asked: i64,
    /// Those that were done, in whole or in part.
    pub done: i64,
}

/// How many restores to each host were asked for from one moment on, up to another, and how many were done.
pub async fn restored(conn: &mut Conn, (from, until): (i64, i64)) -> Result<Vec<Restored>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT host, COUNT(*) AS asked, COUNT(CASE WHEN state IN ('succeeded', 'partial') THEN 1 END) AS done FROM jobs \
         WHERE origin NOT IN ('schedule', 'medium', '?') AND kind = 'restore' \
         AND spec NOT LIKE '%\"dry_run\":true%' AND created >= $1 AND created < $2 GROUP BY host",
    )
    .bind(from)
    .bind(until)
    .fetch_all(conn)
    .await?)
}

/// A host's detections.
#[derive(Debug, Clone, FromRow)]
pub struct Detected {
    /// Which host.
    #[sqlx(try_from = "String")]
    pub host: HostId,
    /// All of them.
    pub found: i64,
    /// Those that are open still.
    pub open: i64,
}

/// How much was found on each host from one moment on, up to another.
pub async fn detected(conn: &mut Conn, (from, until): (i64, i64)) -> Result<Vec<Detected>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT host, COUNT(*) AS found, COUNT(CASE WHEN acknowledged = 0 THEN 1 END) AS open FROM detections \
         WHERE at >= $1 AND at < $2 GROUP BY host",
    )
    .bind(from)
    .bind(until)
    .fetch_all(conn)
    .await?)
}

/// What was found from one moment on, up to another, the newest first; at most so much.
pub async fn detections(
    conn: &mut Conn,
    (from, until): (i64, i64),
    most: i64,
) -> Result<Vec<super::detections::DetectionRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM detections WHERE at >= $1 AND at < $2 ORDER BY at DESC, id DESC LIMIT $3")
        .bind(from)
        .bind(until)
        .bind(most)
        .fetch_all(conn)
        .await?)
}

/// Since when each host has had an open detection.
pub async fn open_since(conn: &mut Conn) -> Result<Vec<super::judged::HostMoment>, StoreError> {
    Ok(sqlx::query_as("SELECT host, MIN(at) AS at FROM detections WHERE acknowledged = 0 GROUP BY host")
        .fetch_all(conn)
        .await?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use super::*;

    /// It was let in then.
    pub(crate) async fn set_enrolled(conn: &mut Conn, host: HostId, at: i64) {
        let query = sqlx::query("UPDATE hosts SET enrolled = $2 WHERE id = $1").bind(host.to_string()).bind(at);
        query.execute(conn).await.unwrap();
    }

    /// So many hosts as the first one is, each with jobs as the first one's, that ended one an hour before then.
    pub(crate) async fn crowd(conn: &mut Conn, hosts: i64, jobs: i64, before: i64) {
        let counted = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) ";
        let hosts_like = "INSERT INTO hosts (id, group_name, certificate, escrow, facts, enrolled, revoked, last_seen, \
             generation, bundle, bundle_refused, pinned) SELECT printf('019a0000-0000-7000-8000-%012d', i), group_name, \
             '', '', facts, enrolled, 0, last_seen, 1, 0, '', 0 FROM n CROSS JOIN (SELECT * FROM hosts LIMIT 1)";
        let query = sqlx::query(sqlx::AssertSqlSafe(format!("{counted}{hosts_like}"))).bind(hosts);
        query.execute(&mut *conn).await.unwrap();
        let jobs_like = "INSERT INTO jobs (id, host, spec, kind, state, origin, cancel, source_host, whole, created, started, \
             ended, message, tally, failures, snapshot, target) SELECT substr(hosts.id, 1, 14) || printf('%04d', 7000 + i) \
             || substr(hosts.id, 19), hosts.id, spec, kind, state, origin, 0, '', 1, created, started, $2 - 3600 * i, '', tally, \
             '[]', '', '' FROM n CROSS JOIN hosts CROSS JOIN (SELECT * FROM jobs LIMIT 1)";
        let query = sqlx::query(sqlx::AssertSqlSafe(format!("{counted}{jobs_like}"))).bind(jobs).bind(before);
        query.execute(conn).await.unwrap();
    }

    /// The indexes that a large fleet needs are the ones that are gone by.
    #[tokio::test]
    async fn nothing_walks_over_all_that_ever_was() {
        let folder = tempfile::tempdir().unwrap();
        let store = super::super::Store::open(&super::super::Store::new_embedded_url(folder.path())).await.unwrap();
        let mut conn = store.read().await.unwrap();
        for (query, index) in [
            (
                "SELECT jobs.ended FROM hosts CROSS JOIN jobs WHERE hosts.id >= 'a' AND hosts.id <= 'b' \
                 AND jobs.host = hosts.id AND jobs.kind = 'backup' AND jobs.whole = 1 \
                 AND jobs.state IN ('succeeded', 'partial', 'failed') AND jobs.state <> 'failed' \
                 AND jobs.ended >= 1 AND jobs.ended < 2",
                "jobs_by_outcome (host=? AND kind=? AND ended>? AND ended<?)",
            ),
            (
                "SELECT created FROM jobs WHERE origin NOT IN ('schedule', 'medium', '?') AND kind = 'restore' \
                 AND created >= 1 AND created < 2 ORDER BY created DESC LIMIT 5",
                "jobs_asked (created>? AND created<?)",
            ),
            (
                "SELECT host, COUNT(*) FROM jobs WHERE origin NOT IN ('schedule', 'medium', '?') AND kind = 'restore' \
                 AND created >= 1 AND created < 2 GROUP BY host",
                "jobs_asked (created>? AND created<?)",
            ),
            ("SELECT host FROM detections WHERE at >= 1 AND at < 2 ORDER BY at DESC, id DESC", "detections_in_period"),
        ] {
            let explained: Vec<(i64, i64, i64, String)> =
                sqlx::query_as(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {query}")))
                    .fetch_all(&mut *conn)
                    .await
                    .unwrap();
            let steps: Vec<String> = explained.into_iter().map(|(.., step)| step).collect();
            assert!(steps.iter().any(|step| step.contains(index)), "{steps:?}");
        }
    }
}
