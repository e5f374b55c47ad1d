//! Policies: at most one a group, with the revision that tells two editors apart.

use super::{Conn, StoreError};
use sqlx::FromRow;

/// A group's own policy.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct PolicyRow {
    /// Whose.
    pub group_name: String,
    /// As staff wrote it.
    pub yaml: String,
    /// Counts its changes.
    pub revision: i64,
}

/// All of them.
pub async fn list(conn: &mut Conn) -> Result<Vec<PolicyRow>, StoreError> {
    Ok(sqlx::query_as("SELECT group_name, yaml, revision FROM policies").fetch_all(conn).await?)
}

/// Sets a group's policy, if its revision is still the one given (0: none yet). Says whether it was.
pub async fn set(conn: &mut Conn, group: &str, yaml: &str, revision: i64) -> Result<bool, StoreError> {
    let query = if revision == 0 {
        sqlx::query(
            "INSERT INTO policies (group_name, yaml, revision) VALUES ($1, $2, $3 + 1) ON CONFLICT (group_name) DO NOTHING",
        )
    } else {
        sqlx::query("UPDATE policies SET yaml = $2, revision = revision + 1 WHERE group_name = $1 AND revision = $3")
    };
    let done = query.bind(group).bind(yaml).bind(revision).execute(conn).await?;
    Ok(done.rows_affected() == 1)
}

/// One text that a group's policy has had.
#[derive(Debug, Clone, FromRow)]
pub struct EditionRow {
    /// Counts the changes.
    pub revision: i64,
    /// As staff wrote it.
    pub yaml: String,
    /// Who put it in place; empty: not known.
    pub edited_by: String,
    /// When, Unix seconds; 0: not known.
    pub edited_at: i64,
    /// Why, in their words; may be empty.
    pub why: String,
}

/// Who changed a group's policy last.
#[derive(Debug, Clone, FromRow)]
pub struct NewestRow {
    /// Whose.
    pub group_name: String,
    /// Counts the changes.
    pub revision: i64,
    /// Who put it in place; empty: not known.
    pub edited_by: String,
    /// When, Unix seconds; 0: not known.
    pub edited_at: i64,
}

/// The last change of each policy that there is.
pub async fn newest(conn: &mut Conn) -> Result<Vec<NewestRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT p.group_name, p.revision, COALESCE(h.edited_by, '') AS edited_by, \
         COALESCE(h.edited_at, 0) AS edited_at FROM policies p LEFT JOIN policy_history h \
         ON h.group_name = p.group_name AND h.revision = p.revision",
    )
    .fetch_all(conn)
    .await?)
}

/// Keeps a text that was just put in place.
pub async fn remember(conn: &mut Conn, group: &str, edition: &EditionRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO policy_history (group_name, revision, yaml, edited_by, edited_at, why) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(group)
    .bind(edition.revision)
    .bind(&edition.yaml)
    .bind(&edition.edited_by)
    .bind(edition.edited_at)
    .bind(&edition.why)
    .execute(conn)
    .await?;
    Ok(())
}

/// All texts that a group's policy has had, the newest first.
pub async fn history(conn: &mut Conn, group: &str) -> Result<Vec<EditionRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT revision, yaml, edited_by, edited_at, why FROM policy_history WHERE group_name = $1 ORDER BY revision DESC",
    )
    .bind(group)
    .fetch_all(conn)
    .await?)
}
