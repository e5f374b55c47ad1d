//! Which host was offered which bundle, and what it answered.

use super::{Conn, StoreError};
use keepwatch_proto::ids::HostId;
use sqlx::FromRow;

/// A host that was offered a bundle. Times are Unix seconds, 0 where there is none.
#[derive(Debug, Clone, FromRow)]
pub struct OfferRow {
    /// Which bundle.
    pub version: i64,
    /// Which host.
    #[sqlx(try_from = "String")]
    pub host: HostId,
    /// When it was refused.
    pub refused: i64,
    /// Why.
    pub reason: String,
}

/// What hosts answered to a bundle.
#[derive(Debug, Clone, Copy, FromRow)]
pub struct Answers {
    /// Hosts that took it or refused it.
    pub answered: i64,
    /// Those that refused it.
    pub refused: i64,
}

/// A host is offered a bundle; that it was before, stays.
pub async fn offer(conn: &mut Conn, version: i64, host: HostId, at: i64) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO bundle_offers (version, host, offered) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(version)
        .bind(host.to_string())
        .bind(at)
        .execute(conn)
        .await?;
    Ok(())
}

/// A host took one into use.
pub async fn taken(conn: &mut Conn, version: i64, host: HostId, at: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE bundle_offers SET taken = $3, refused = 0, reason = '' WHERE version = $1 AND host = $2")
        .bind(version)
        .bind(host.to_string())
        .bind(at)
        .execute(conn)
        .await?;
    Ok(())
}

/// A host refused one. Says whether that is news: it was offered it, and had not refused it since then.
pub async fn refused(
    conn: &mut Conn,
    version: i64,
    host: HostId,
    (at, since): (i64, i64),
    why: &str,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE bundle_offers SET taken = 0, refused = $3, reason = $4 WHERE version = $1 AND host = $2 \
         AND (refused = 0 OR refused < $5)",
    )
    .bind(version)
    .bind(host.to_string())
    .bind(at)
    .bind(why)
    .bind(since)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// What was answered to one since then, by hosts that are still hosts.
pub async fn answers(conn: &mut Conn, version: i64, since: i64) -> Result<Answers, StoreError> {
    Ok(sqlx::query_as(
        "SELECT COUNT(CASE WHEN o.taken >= $2 OR o.refused >= $2 THEN 1 END) AS answered, \
         COUNT(CASE WHEN o.refused >= $2 THEN 1 END) AS refused \
         FROM bundle_offers o JOIN hosts h ON h.id = o.host WHERE o.version = $1 AND h.revoked = 0",
    )
    .bind(version)
    .bind(since.max(1))
    .fetch_one(conn)
    .await?)
}

/// The newest version that a host was offered; 0: none.
pub async fn newest_to(conn: &mut Conn, host: HostId) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM bundle_offers WHERE host = $1")
        .bind(host.to_string())
        .fetch_one(conn)
        .await?)
}

/// Who was offered this version, and those after it.
pub async fn list_from(conn: &mut Conn, version: i64) -> Result<Vec<OfferRow>, StoreError> {
    Ok(sqlx::query_as("SELECT version, host, refused, reason FROM bundle_offers WHERE version >= $1")
        .bind(version)
        .fetch_all(conn)
        .await?)
}

/// Forgets those of versions before this one.
pub async fn forget_before(conn: &mut Conn, version: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM bundle_offers WHERE version < $1").bind(version).execute(conn).await?;
    Ok(())
}
