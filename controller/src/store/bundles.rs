//! Bundles that were published.

use super::{Conn, StoreError};
use sqlx::FromRow;

/// What a bundle changed against the one before it.
#[derive(Debug, Clone, FromRow)]
pub struct ChangesRow {
    /// Which bundle.
    pub version: i64,
    /// The source that was imported, or taken out.
    pub source: String,
    /// 1: it was taken out.
    pub gone: i64,
    /// Rules that came.
    pub added: i64,
    /// Rules that went.
    pub removed: i64,
    /// Rules that read otherwise.
    pub changed: i64,
    /// The names of the first of each, as JSON.
    pub names: String,
}

/// One bundle.
#[derive(Debug, Clone, Default, FromRow)]
pub struct BundleRow {
    /// Counts up.
    pub version: i64,
    /// Of the packed file.
    pub sha256: String,
    /// Its bytes.
    pub size: i64,
    /// Rules in it.
    pub rules: i64,
    /// Files in it.
    pub files: i64,
    /// Unix seconds.
    pub published: i64,
    /// By whom.
    pub published_by: String,
    /// Since when it goes no further; 0: it does.
    pub halted: i64,
    /// By whom.
    pub halted_by: String,
    /// Why.
    pub halted_why: String,
    /// When staff last let it go on; answers before that halt it no more.
    pub resumed: i64,
    /// Since when every ring has it at once; 0: each has its turn.
    pub everywhere: i64,
}

/// Adds one.
pub async fn insert(conn: &mut Conn, b: &BundleRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO bundles (version, sha256, size, rules, files, published, published_by) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(b.version)
    .bind(&b.sha256)
    .bind(b.size)
    .bind(b.rules)
    .bind(b.files)
    .bind(b.published)
    .bind(&b.published_by)
    .execute(conn)
    .await?;
    Ok(())
}

/// All of them, newest first.
pub async fn list(conn: &mut Conn) -> Result<Vec<BundleRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM bundles ORDER BY version DESC").fetch_all(conn).await?)
}

/// The newest.
pub async fn newest(conn: &mut Conn) -> Result<Option<BundleRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM bundles ORDER BY version DESC LIMIT 1").fetch_optional(conn).await?)
}

/// One of them.
pub async fn get(conn: &mut Conn, version: i64) -> Result<Option<BundleRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM bundles WHERE version = $1").bind(version).fetch_optional(conn).await?)
}

/// The newest of those that are out for a ring which waits so many seconds, and all newer ones, the
/// newest first: which of them a host gets is for others to say.
pub async fn from_newest_out(conn: &mut Conn, wait: i64, now: i64) -> Result<Vec<BundleRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT * FROM bundles WHERE version >= (SELECT COALESCE(MAX(version), 0) FROM bundles \
         WHERE halted = 0 AND (everywhere <> 0 OR published + $1 <= $2)) ORDER BY version DESC",
    )
    .bind(wait)
    .bind(now)
    .fetch_all(conn)
    .await?)
}

/// Keeps what one changed.
pub async fn keep_changes(conn: &mut Conn, row: &ChangesRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO bundle_changes (version, source, gone, added, removed, changed, names) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(row.version)
    .bind(&row.source)
    .bind(row.gone)
    .bind(row.added)
    .bind(row.removed)
    .bind(row.changed)
    .bind(&row.names)
    .execute(conn)
    .await?;
    Ok(())
}

/// What those from this version to that one changed, where it was kept.
pub async fn changes(conn: &mut Conn, from: i64, to: i64) -> Result<Vec<ChangesRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM bundle_changes WHERE version >= $1 AND version <= $2 ORDER BY version DESC")
        .bind(from)
        .bind(to)
        .fetch_all(conn)
        .await?)
}

/// It goes no further. Says whether it did before.
pub async fn halt(conn: &mut Conn, version: i64, at: i64, by: &str, why: &str) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE bundles SET halted = $2, halted_by = $3, halted_why = $4 WHERE version = $1 AND halted = 0",
    )
    .bind(version)
    .bind(at)
    .bind(by)
    .bind(why)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// It goes on. Says whether it was halted.
pub async fn resume(conn: &mut Conn, version: i64, at: i64) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE bundles SET halted = 0, halted_by = '', halted_why = '', resumed = $2 WHERE version = $1 AND halted <> 0",
    )
    .bind(version)
    .bind(at)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Every ring has it from now on.
pub async fn set_everywhere(conn: &mut Conn, version: i64, at: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE bundles SET everywhere = $2 WHERE version = $1").bind(version).bind(at).execute(conn).await?;
    Ok(())
}
