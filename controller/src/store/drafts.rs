//! Imports that were checked and wait to be published, one of each of the staff.

use super::{Conn, StoreError};
use sqlx::FromRow;

/// One of them.
#[derive(Debug, Clone, FromRow)]
pub struct DraftRow {
    /// Whose.
    pub owner: String,
    /// Tells it from the one before.
    pub id: String,
    /// What the source is to be called.
    pub source: String,
    /// Where it is from.
    pub origin: String,
    /// Under which licence.
    pub licence: String,
    /// Unix seconds.
    pub made: i64,
    /// What the check said, as JSON.
    pub findings: String,
}

/// Puts one in the place of its owner's one before. Its files: path and text.
pub async fn replace(conn: &mut Conn, draft: &DraftRow, files: &[(String, String)]) -> Result<(), StoreError> {
    delete(conn, &draft.owner).await?;
    sqlx::query(
        "INSERT INTO drafts (owner, id, source, origin, licence, made, findings) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&draft.owner)
    .bind(&draft.id)
    .bind(&draft.source)
    .bind(&draft.origin)
    .bind(&draft.licence)
    .bind(draft.made)
    .bind(&draft.findings)
    .execute(&mut *conn)
    .await?;
    for (path, text) in files {
        sqlx::query("INSERT INTO draft_files (owner, path, text) VALUES ($1, $2, $3)")
            .bind(&draft.owner)
            .bind(path)
            .bind(text)
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

/// One's own.
pub async fn get(conn: &mut Conn, owner: &str) -> Result<Option<DraftRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM drafts WHERE owner = $1").bind(owner).fetch_optional(conn).await?)
}

/// Its files: path and text.
pub async fn files(conn: &mut Conn, owner: &str) -> Result<Vec<(String, String)>, StoreError> {
    Ok(sqlx::query_as("SELECT path, text FROM draft_files WHERE owner = $1 ORDER BY path")
        .bind(owner)
        .fetch_all(conn)
        .await?)
}

/// It is published, or of no use any more.
pub async fn delete(conn: &mut Conn, owner: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM draft_files WHERE owner = $1").bind(owner).execute(&mut *conn).await?;
    sqlx::query("DELETE FROM drafts WHERE owner = $1").bind(owner).execute(conn).await?;
    Ok(())
}

/// Removes those that were made before this: nobody came back for them.
pub async fn delete_before(conn: &mut Conn, made: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM draft_files WHERE owner IN (SELECT owner FROM drafts WHERE made < $1)")
        .bind(made)
        .execute(&mut *conn)
        .await?;
    sqlx::query("DELETE FROM drafts WHERE made < $1").bind(made).execute(conn).await?;
    Ok(())
}
