//! What the first page asks of all that happened of late. Each query has an index, and a bound.

use super::{Conn, Json, StoreError};
use sqlx::FromRow;
use std::collections::BTreeMap;

/// Seconds of a week.
pub const WEEK: i64 = 7 * 24 * 60 * 60;
/// Of so many of the newest grave detections it is said what they are.
const GRAVE: i64 = 5000;
/// So many restores are looked at.
const RESTORES: i64 = 5000;

/// What was found in a week.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct FoundRow {
    /// The week, counted from the first one asked for.
    pub week: i64,
    /// How bad.
    pub severity: String,
    /// How many.
    pub found: i64,
}

/// What was found from one moment on and before another, by week and severity.
pub async fn found(conn: &mut Conn, from: i64, before: i64) -> Result<Vec<FoundRow>, StoreError> {
    let query = format!(
        "SELECT (at - $1) / {WEEK} AS week, severity, COUNT(*) AS found FROM detections \
         WHERE at >= $1 AND at < $2 GROUP BY week, severity ORDER BY week, severity"
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(query)).bind(from).bind(before).fetch_all(conn).await?)
}

/// A rule of which grave detections are open.
#[derive(Debug, Clone, FromRow)]
pub struct NotableRow {
    /// The newest of them, or one about as new.
    pub id: String,
    /// The rule's name.
    pub rule: String,
    /// How bad.
    pub severity: String,
    /// On how many hosts.
    pub hosts: i64,
    /// One of those.
    pub host: String,
    /// When the newest was found; Unix seconds, by the PC's clock.
    pub newest: i64,
    /// What the rule says of itself.
    #[sqlx(try_from = "String")]
    pub metadata: Json<BTreeMap<String, String>>,
}

/// The rules by which what is open and grave was found of late, the worst and newest first.
pub async fn notable(conn: &mut Conn, limit: i64) -> Result<Vec<NotableRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT MAX(id) AS id, rule, severity, COUNT(DISTINCT host) AS hosts, MAX(host) AS host, MAX(at) AS newest, \
         MAX(metadata) AS metadata FROM (SELECT id, rule, severity, host, at, metadata FROM detections \
         WHERE acknowledged = 0 AND severity IN ('critical', 'high') ORDER BY at DESC LIMIT $1) AS open \
         GROUP BY rule, severity ORDER BY severity, newest DESC, rule LIMIT $2",
    )
    .bind(GRAVE)
    .bind(limit)
    .fetch_all(conn)
    .await?)
}

/// A restore that was asked for. Times are Unix seconds.
#[derive(Debug, Clone, FromRow)]
pub struct RestoreRow {
    /// When it was asked for.
    pub created: i64,
    /// Where it stands.
    pub state: String,
    /// When it ended, by the PC's clock; 0: it has not.
    pub ended: i64,
}

/// The restores that were asked for from then on, the newest first; a look at what one would do is none.
pub async fn restores(conn: &mut Conn, from: i64) -> Result<Vec<RestoreRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT created, state, ended FROM jobs WHERE kind = 'restore' AND spec NOT LIKE '%\"dry_run\":true%' \
         AND created >= $1 ORDER BY created DESC LIMIT $2",
    )
    .bind(from)
    .bind(RESTORES)
    .fetch_all(conn)
    .await?)
}

/// The versions of the two newest bundles, and when each was published; the newest first.
pub async fn newest_bundles(conn: &mut Conn) -> Result<Vec<(i64, i64)>, StoreError> {
    Ok(sqlx::query_as("SELECT version, published FROM bundles ORDER BY version DESC LIMIT 2").fetch_all(conn).await?)
}

/// Jobs of a kind that run now.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct RunningRow {
    /// `scan`, `backup`, `restore`, `verify`, `quarantine`.
    pub kind: String,
    /// How many.
    pub jobs: i64,
}

/// How many jobs run now, by kind.
pub async fn running(conn: &mut Conn) -> Result<Vec<RunningRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT kind, COUNT(*) AS jobs FROM jobs WHERE state = 'running' GROUP BY kind ORDER BY jobs DESC, kind",
    )
    .fetch_all(conn)
    .await?)
}

/// A job that runs.
#[derive(Debug, Clone, FromRow)]
pub struct RunRow {
    /// On which host.
    pub host: String,
    /// What it does.
    pub kind: String,
    /// When it began; Unix seconds, by the PC's clock.
    pub started: i64,
}

/// The newest jobs that run now.
pub async fn runs(conn: &mut Conn, limit: i64) -> Result<Vec<RunRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT host, kind, started FROM jobs WHERE state = 'running' ORDER BY created DESC, id DESC LIMIT $1",
    )
    .bind(limit)
    .fetch_all(conn)
    .await?)
}
