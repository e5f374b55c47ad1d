//! Bundles that were published.

use super::{Conn, StoreError};
use sqlx::FromRow;

/// One bundle.
#[derive(Debug, Clone, FromRow)]
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
