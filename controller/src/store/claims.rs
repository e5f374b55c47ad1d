//! PCs that ask to be hosts again.

use super::{Conn, Json, StoreError, json};
use keepwatch_proto::facts::Facts;
use keepwatch_proto::ids::HostId;
use sqlx::FromRow;

/// One claim. Times are Unix seconds.
#[derive(Debug, Clone, FromRow)]
pub struct ClaimRow {
    /// Its id.
    pub id: String,
    /// The host that the PC was; the database may not know it.
    #[sqlx(try_from = "String")]
    pub host: HostId,
    /// Why it must ask: expired, superseded, copy, unknown.
    pub kind: String,
    /// SHA-256 of the key that it asks with.
    pub key: String,
    /// The request for a certificate, PEM.
    pub csr: String,
    /// The password of the repository that it has, sealed.
    pub escrow: String,
    /// That of a new one, sealed.
    pub fresh_escrow: String,
    /// What the PC says of itself.
    #[sqlx(try_from = "String")]
    pub facts: Json<Facts>,
    /// Where it asked from.
    pub address: String,
    /// When it asked first.
    pub asked: i64,
    /// When it asked last.
    pub heard: i64,
    /// waiting, refused, approved.
    pub state: String,
    /// Who decided.
    pub decided_by: String,
    /// The host that it has become; empty: none.
    pub new_host: String,
    /// PEM; empty until it is approved.
    pub certificate: String,
}

/// Adds one.
pub async fn insert(conn: &mut Conn, claim: &ClaimRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO claims (id, host, kind, key, csr, escrow, fresh_escrow, facts, address, asked, heard, state, \
         decided_by, new_host, certificate) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, 'waiting', '', '', '')",
    )
    .bind(&claim.id)
    .bind(claim.host.to_string())
    .bind(&claim.kind)
    .bind(&claim.key)
    .bind(&claim.csr)
    .bind(&claim.escrow)
    .bind(&claim.fresh_escrow)
    .bind(json(&claim.facts.0)?)
    .bind(&claim.address)
    .bind(claim.asked)
    .execute(conn)
    .await?;
    Ok(())
}

/// All of them, newest first.
pub async fn list(conn: &mut Conn) -> Result<Vec<ClaimRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM claims ORDER BY asked DESC, id DESC").fetch_all(conn).await?)
}

/// One of them.
pub async fn get(conn: &mut Conn, id: &str) -> Result<Option<ClaimRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM claims WHERE id = $1").bind(id).fetch_optional(conn).await?)
}

/// The one that a PC made with this key.
pub async fn by_key(conn: &mut Conn, host: HostId, key: &str) -> Result<Option<ClaimRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM claims WHERE host = $1 AND key = $2")
        .bind(host.to_string())
        .bind(key)
        .fetch_optional(conn)
        .await?)
}

/// How many were made in one host's name since then.
pub async fn count(conn: &mut Conn, host: HostId, since: i64) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT COUNT(*) FROM claims WHERE host = $1 AND asked > $2")
        .bind(host.to_string())
        .bind(since)
        .fetch_one(conn)
        .await?)
}

/// It asked again.
pub async fn heard(conn: &mut Conn, id: &str, kind: &str, at: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE claims SET kind = $2, heard = $3 WHERE id = $1")
        .bind(id)
        .bind(kind)
        .bind(at)
        .execute(conn)
        .await?;
    Ok(())
}

/// Somebody has decided. Says whether it was not approved before: a refusal can be taken back.
pub async fn decide(
    conn: &mut Conn,
    id: &str,
    by: &str,
    state: &str,
    (new_host, certificate): (&str, &str),
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE claims SET state = $3, decided_by = $2, new_host = $4, certificate = $5 \
         WHERE id = $1 AND state <> 'approved'",
    )
    .bind(id)
    .bind(by)
    .bind(state)
    .bind(new_host)
    .bind(certificate)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Forgets those that have not been heard of since then.
pub async fn forget(conn: &mut Conn, before: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM claims WHERE heard < $1").bind(before).execute(conn).await?;
    Ok(())
}
