//! Detections. Never deleted: acknowledging one keeps it, with who and why.

use super::{Conn, Json, StoreError, json, signed};
use keepwatch_proto::detection::Detection;
use keepwatch_proto::ids::{DetectionId, HostId, ItemId};
use keepwatch_proto::quarantine::Item;
use sqlx::FromRow;
use std::collections::BTreeMap;

/// Between a file's path and the way to what lies in it.
const INSIDE: &str = "!/";

/// One detection.
#[derive(Debug, Clone, FromRow)]
pub struct DetectionRow {
    /// Its id.
    #[sqlx(try_from = "String")]
    pub id: DetectionId,
    /// On which host.
    #[sqlx(try_from = "String")]
    pub host: HostId,
    /// The job that found it; empty: a download did.
    pub job: String,
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
    /// Its bytes.
    pub size: i64,
    /// Its SHA-256.
    pub sha256: String,
    /// Version of the bundle that judged.
    pub bundle: i64,
    /// What the rule says of itself.
    #[sqlx(try_from = "String")]
    pub metadata: Json<BTreeMap<String, String>>,
    /// When it was acknowledged, 0: it is open.
    pub acknowledged: i64,
    /// By whom.
    pub acknowledged_by: String,
    /// Why.
    pub reason: String,
    /// The item that its file is put away as; empty: it is not, as far as is known.
    pub put_away: String,
}

impl DetectionRow {
    /// One that a host reports.
    pub fn of(id: DetectionId, host: HostId, at: i64, detection: &Detection) -> Self {
        let Detection { job, rule, namespace, severity, metadata, path, size, sha256, bundle } = detection.clone();
        Self {
            id,
            host,
            job: job.to_string(),
            at,
            rule,
            namespace,
            severity: severity.word().to_owned(),
            path,
            size: signed(size),
            sha256,
            bundle: signed(bundle),
            metadata: Json(metadata),
            acknowledged: 0,
            acknowledged_by: String::new(),
            reason: String::new(),
            put_away: String::new(),
        }
    }
}

/// Adds one, unless the same finding (host, rule, path, content) is open already: a daily
/// scan that finds it again tells nothing new.
pub async fn insert(conn: &mut Conn, d: &DetectionRow) -> Result<(), StoreError> {
    // It is there again, whatever was put away.
    sqlx::query(
        "UPDATE detections SET put_away = '' WHERE host = $1 AND rule = $2 AND namespace = $3 AND path = $4 \
         AND sha256 = $5 AND acknowledged = 0 AND put_away <> ''",
    )
    .bind(d.host.to_string())
    .bind(&d.rule)
    .bind(&d.namespace)
    .bind(&d.path)
    .bind(&d.sha256)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "INSERT INTO detections (id, host, job, at, rule, namespace, severity, path, size, sha256, bundle, metadata, \
         acknowledged, acknowledged_by, reason) \
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, '', '' WHERE NOT EXISTS \
         (SELECT 1 FROM detections WHERE host = $2 AND rule = $5 AND namespace = $6 AND path = $8 AND sha256 = $10 AND acknowledged = 0)",
    )
    .bind(d.id.to_string())
    .bind(d.host.to_string())
    .bind(&d.job)
    .bind(d.at)
    .bind(&d.rule)
    .bind(&d.namespace)
    .bind(&d.severity)
    .bind(&d.path)
    .bind(d.size)
    .bind(&d.sha256)
    .bind(d.bundle)
    .bind(json(&d.metadata.0)?)
    .execute(conn)
    .await?;
    Ok(())
}

/// The newest ones, at most `limit`, of one host or all, open ones only or all; of those from before
/// this moment, or of it and listed after this id.
pub async fn list(
    conn: &mut Conn,
    host: Option<HostId>,
    all: bool,
    (before, last): (i64, &str),
    limit: u32,
) -> Result<Vec<DetectionRow>, StoreError> {
    let host = host.map(|h| h.to_string()).unwrap_or_default();
    Ok(sqlx::query_as(
        "SELECT * FROM detections WHERE ($1 = '' OR host = $1) AND ($2 = 1 OR acknowledged = 0) \
         AND (at < $3 OR (at = $3 AND id < $4)) ORDER BY at DESC, id DESC LIMIT $5",
    )
    .bind(host)
    .bind(i64::from(all))
    .bind(before)
    .bind(last)
    .bind(i64::from(limit))
    .fetch_all(conn)
    .await?)
}

/// The file that lay at this path was put away: what was found in it by then is, and by the job that
/// put it away, whatever the PC's clock says of what came first.
pub async fn put_away(conn: &mut Conn, host: HostId, item: &Item, at: i64) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE detections SET put_away = $3 WHERE host = $1 AND acknowledged = 0 AND (at <= $4 OR job = $6) \
         AND (path = $2 OR substr(path, 1, length($5)) = $5)",
    )
    .bind(host.to_string())
    .bind(&item.path)
    .bind(item.id.to_string())
    .bind(at)
    .bind(format!("{}{INSIDE}", item.path))
    .bind(item.job.to_string())
    .execute(conn)
    .await?;
    Ok(())
}

/// One that was put away is not any more: it was brought back, or nobody knows.
pub async fn not_put_away(conn: &mut Conn, host: HostId, item: ItemId) -> Result<(), StoreError> {
    sqlx::query("UPDATE detections SET put_away = '' WHERE host = $1 AND put_away = $2")
        .bind(host.to_string())
        .bind(item.to_string())
        .execute(conn)
        .await?;
    Ok(())
}

/// Acknowledges one. Says whether it was open.
pub async fn acknowledge(
    conn: &mut Conn,
    id: DetectionId,
    at: i64,
    by: &str,
    reason: &str,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE detections SET acknowledged = $2, acknowledged_by = $3, reason = $4 WHERE id = $1 AND acknowledged = 0",
    )
    .bind(id.to_string())
    .bind(at)
    .bind(by)
    .bind(reason)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
