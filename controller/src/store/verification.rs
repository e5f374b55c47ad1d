//! How hosts' repositories were read to see whether they are sound.

use super::{Conn, Json, StoreError, json};
use keepwatch_proto::ids::HostId;
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use std::collections::BTreeMap;

/// Of one host. Times are Unix seconds, 0 where there is none.
#[derive(Debug, Clone, Default, FromRow)]
pub struct VerificationRow {
    /// The host's id.
    pub host: String,
    /// When each part was last found sound.
    #[sqlx(try_from = "String")]
    pub parts: Json<Vec<i64>>,
    /// When one was last looked at.
    pub ran: i64,
    /// What came of it.
    pub outcome: String,
    /// What is amiss.
    #[sqlx(try_from = "String")]
    pub damage: Json<Option<Damage>>,
}

/// What is amiss with a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damage {
    /// Packs whose content is spoilt.
    pub damaged: Vec<String>,
    /// Packs that are gone.
    pub missing: Vec<String>,
    /// Snapshots and indexes that cannot be read.
    #[serde(default)]
    pub unreadable: Vec<String>,
    /// Files that need something of them, and in how many snapshots; the first ones.
    pub files: BTreeMap<String, u64>,
    /// Snapshots that have such files.
    pub snapshots: Vec<String>,
}

/// A host's.
pub async fn get(conn: &mut Conn, host: HostId) -> Result<VerificationRow, StoreError> {
    let row = sqlx::query_as("SELECT * FROM verification WHERE host = $1")
        .bind(host.to_string())
        .fetch_optional(conn)
        .await?;
    Ok(row.unwrap_or_default())
}

/// All that there are.
pub async fn list(conn: &mut Conn) -> Result<Vec<VerificationRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM verification").fetch_all(conn).await?)
}

/// Keeps what a look showed.
pub async fn set(conn: &mut Conn, host: HostId, row: &VerificationRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO verification (host, parts, ran, outcome, damage) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (host) DO UPDATE SET parts = $2, ran = $3, outcome = $4, damage = $5",
    )
    .bind(host.to_string())
    .bind(json(&row.parts.0)?)
    .bind(row.ran)
    .bind(&row.outcome)
    .bind(json(&row.damage.0)?)
    .execute(conn)
    .await?;
    Ok(())
}

/// What was received by then was found sound then.
pub async fn proved(conn: &mut Conn, host: HostId, at: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE snapshots SET verified = $2 WHERE host = $1 AND received <= $2")
        .bind(host.to_string())
        .bind(at)
        .execute(conn)
        .await?;
    Ok(())
}
