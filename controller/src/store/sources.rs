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
    /// Rules in it; 0: not counted when it came.
    pub rules: i64,
    /// Where it is from; empty: nobody said.
    pub origin: String,
    /// Under which licence; empty: nobody said, and its rules do not.
    pub licence: String,
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
        "SELECT s.name AS name, s.imported AS imported, s.imported_by AS imported_by, COUNT(f.path) AS files, \
         s.rules AS rules, s.origin AS origin, s.licence AS licence \
         FROM sources s LEFT JOIN source_files f ON f.source = s.name \
         GROUP BY s.name, s.imported, s.imported_by, s.rules, s.origin, s.licence ORDER BY s.name",
    )
    .fetch_all(conn)
    .await?)
}

/// All files of all sources, in a fixed order.
pub async fn files(conn: &mut Conn) -> Result<Vec<SourceFile>, StoreError> {
    Ok(sqlx::query_as("SELECT source, path, text FROM source_files ORDER BY source, path").fetch_all(conn).await?)
}

/// Those files of a source whose path begins so.
pub async fn files_like(conn: &mut Conn, source: &str, beginning: &str) -> Result<Vec<SourceFile>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT source, path, text FROM source_files WHERE source = $1 AND substr(path, 1, length($2)) = $2 \
         ORDER BY path LIMIT 20",
    )
    .bind(source)
    .bind(beginning)
    .fetch_all(conn)
    .await?)
}

/// The paths of a source's files, and the bytes of each.
pub async fn paths(conn: &mut Conn, source: &str, limit: u32) -> Result<Vec<(String, i64)>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT path, CAST(length(text) AS BIGINT) FROM source_files WHERE source = $1 ORDER BY path LIMIT $2",
    )
    .bind(source)
    .bind(i64::from(limit))
    .fetch_all(conn)
    .await?)
}

/// Puts a source in the place of the one with its name, if there is one.
pub async fn replace(conn: &mut Conn, source: &SourceRow, files: &[SourceFile]) -> Result<(), StoreError> {
    delete(conn, &source.name).await?;
    sqlx::query(
        "INSERT INTO sources (name, imported, imported_by, rules, origin, licence) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&source.name)
    .bind(source.imported)
    .bind(&source.imported_by)
    .bind(source.rules)
    .bind(&source.origin)
    .bind(&source.licence)
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
