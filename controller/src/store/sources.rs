//! Sources of signatures: what staff imported, by name. A bundle is the union of them.

use super::{Conn, StoreError};
use sqlx::FromRow;

/// One source.
#[derive(Debug, Clone, FromRow)]
pub struct SourceRow {
    /// Its name.
    pub name: String,
    /// Unix seconds.
    pub imported: i64,
    /// By whom.
    pub imported_by: String,
    /// Files in it.
    pub files: i64,
}

/// One file of a source.
#[derive(Debug, Clone, FromRow)]
pub struct SourceFile {
    /// Which source.
    pub source: String,
    /// Path below the imported folder.
    pub path: String,
    /// YARA source.
    pub text: String,
}

/// All of them.
pub async fn list(conn: &mut Conn) -> Result<Vec<SourceRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT s.name AS name, s.imported AS imported, s.imported_by AS imported_by, COUNT(f.path) AS files \
         FROM sources s LEFT JOIN source_files f ON f.source = s.name GROUP BY s.name, s.imported, s.imported_by ORDER BY s.name",
    )
    .fetch_all(conn)
    .await?)
}

/// All files of all sources, in a fixed order.
pub async fn files(conn: &mut Conn) -> Result<Vec<SourceFile>, StoreError> {
    Ok(sqlx::query_as("SELECT source, path, text FROM source_files ORDER BY source, path").fetch_all(conn).await?)
}

/// Puts a source in the place of the one with its name, if there is one.
pub async fn replace(conn: &mut Conn, source: &SourceRow, files: &[SourceFile]) -> Result<(), StoreError> {
    delete(conn, &source.name).await?;
    sqlx::query("INSERT INTO sources (name, imported, imported_by) VALUES ($1, $2, $3)")
        .bind(&source.name)
        .bind(source.imported)
        .bind(&source.imported_by)
        .execute(&mut *conn)
        .await?;
    for file in files {
        sqlx::query("INSERT INTO source_files (source, path, text) VALUES ($1, $2, $3)")
            .bind(&file.source)
            .bind(&file.path)
            .bind(&file.text)
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

/// Removes one. Says whether there was one.
pub async fn delete(conn: &mut Conn, name: &str) -> Result<bool, StoreError> {
    sqlx::query("DELETE FROM source_files WHERE source = $1").bind(name).execute(&mut *conn).await?;
    Ok(sqlx::query("DELETE FROM sources WHERE name = $1").bind(name).execute(conn).await?.rows_affected() == 1)
}
