//! Detections as they are looked for and put together. Each query has an index, and a bound.

use super::detections::DetectionRow;
use super::{Conn, StoreError};
use keepwatch_proto::detection::Severity;
use keepwatch_proto::ids::{DetectionId, HostId};
use sqlx::FromRow;

/// What matters of a detection where there are many.
#[derive(Debug, Clone, FromRow)]
pub struct SightingRow {
    /// Its id.
    #[sqlx(try_from = "String")]
    pub id: DetectionId,
    /// On which host.
    #[sqlx(try_from = "String")]
    pub host: HostId,
    /// Unix seconds, by the PC's clock.
    pub at: i64,
    /// The rule's name.
    pub rule: String,
    /// Its namespace.
    pub namespace: String,
    /// How bad.
    pub severity: String,
    /// The file.
    pub path: String,
    /// Its SHA-256.
    pub sha256: String,
    /// When it was acknowledged, 0: it is open.
    pub acknowledged: i64,
    /// The item that its file is put away as; empty: it is not, as far as is known.
    pub put_away: String,
}

impl From<&DetectionRow> for SightingRow {
    fn from(row: &DetectionRow) -> Self {
        Self {
            id: row.id,
            host: row.host,
            at: row.at,
            rule: row.rule.clone(),
            namespace: row.namespace.clone(),
            severity: row.severity.clone(),
            path: row.path.clone(),
            sha256: row.sha256.clone(),
            acknowledged: row.acknowledged,
            put_away: row.put_away.clone(),
        }
    }
}

const COLUMNS: &str = "id, host, at, rule, namespace, severity, path, sha256, acknowledged, put_away";

/// Open ones, acknowledged ones, or all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Which {
    /// Nobody has looked yet.
    #[default]
    Open,
    /// Somebody has.
    Acknowledged,
    /// All.
    All,
}

/// Which detections are looked for; what is empty is anything.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// In this state.
    pub which: Which,
    /// Of this host.
    pub host: String,
    /// Of hosts in this group and below it.
    pub group: String,
    /// At least so bad.
    pub severity: Option<Severity>,
}

impl Wanted {
    /// Only what is asked for: what holds for everything would keep the database from its indexes.
    fn conditions(&self) -> String {
        let mut conditions = Vec::new();
        match self.which {
            Which::Open => conditions.push("acknowledged = 0".to_owned()),
            Which::Acknowledged => conditions.push("acknowledged <> 0".to_owned()),
            Which::All => {}
        }
        // Those that are not asked for are bound all the same, and hold.
        conditions.push(if self.host.is_empty() { "$1 = ''" } else { "host = $1" }.to_owned());
        conditions.push(
            if self.group.is_empty() {
                "$2 = ''"
            } else {
                "host IN (SELECT id FROM hosts WHERE group_name IN (\
                 WITH RECURSIVE below (name) AS (SELECT name FROM groups WHERE name = $2 \
                 UNION SELECT groups.name FROM groups JOIN below ON groups.parent = below.name) SELECT name FROM below))"
            }
            .to_owned(),
        );
        if let Some(least) = self.severity {
            let words: Vec<String> =
                Severity::ALL.into_iter().filter(|s| *s >= least).map(|s| format!("'{}'", s.word())).collect();
            conditions.push(format!("severity IN ({})", words.join(", ")));
        }
        conditions.join(" AND ")
    }
}

/// The newest of them, of those from before this moment, or of it and listed after this id.
pub async fn find(
    conn: &mut Conn,
    wanted: &Wanted,
    (before, last): (i64, &str),
    limit: u32,
) -> Result<Vec<DetectionRow>, StoreError> {
    let query = format!(
        "SELECT * FROM detections WHERE {} AND (at < $3 OR (at = $3 AND id < $4)) ORDER BY at DESC, id DESC LIMIT $5",
        wanted.conditions()
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(query))
        .bind(&wanted.host)
        .bind(&wanted.group)
        .bind(before)
        .bind(last)
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await?)
}

/// The newest of them, in short.
pub async fn list(conn: &mut Conn, wanted: &Wanted, limit: u32) -> Result<Vec<SightingRow>, StoreError> {
    let query =
        format!("SELECT {COLUMNS} FROM detections WHERE {} ORDER BY at DESC, id DESC LIMIT $3", wanted.conditions());
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(query))
        .bind(&wanted.host)
        .bind(&wanted.group)
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await?)
}

/// Those of one rule between two moments, the newest first.
pub async fn of_rule(
    conn: &mut Conn,
    (namespace, rule): (&str, &str),
    (from, until): (i64, i64),
    limit: u32,
) -> Result<Vec<SightingRow>, StoreError> {
    let query = format!(
        "SELECT {COLUMNS} FROM detections WHERE rule = $1 AND namespace = $2 AND at >= $3 AND at <= $4 \
         ORDER BY at DESC LIMIT $5"
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(query))
        .bind(rule)
        .bind(namespace)
        .bind(from)
        .bind(until)
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await?)
}

/// Those of one content between two moments, the newest first.
pub async fn of_content(
    conn: &mut Conn,
    sha256: &str,
    (from, until): (i64, i64),
    limit: u32,
) -> Result<Vec<SightingRow>, StoreError> {
    let query = format!(
        "SELECT {COLUMNS} FROM detections WHERE sha256 = $1 AND at >= $2 AND at <= $3 ORDER BY at DESC LIMIT $4"
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(query))
        .bind(sha256)
        .bind(from)
        .bind(until)
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await?)
}

/// Those with these ids, in full, in no order.
pub async fn in_full(conn: &mut Conn, ids: &[DetectionId]) -> Result<Vec<DetectionRow>, StoreError> {
    if ids.is_empty() {
        return Ok(vec![]);
    }
    let places: Vec<String> = (1..=ids.len()).map(|n| format!("${n}")).collect();
    let query = format!("SELECT * FROM detections WHERE id IN ({})", places.join(", "));
    let mut query = sqlx::query_as(sqlx::AssertSqlSafe(query));
    for id in ids {
        query = query.bind(id.to_string());
    }
    Ok(query.fetch_all(conn).await?)
}
