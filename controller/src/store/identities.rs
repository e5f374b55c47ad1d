//! Hosts' certificates over time, and the name of each host's last stream.

use super::{Conn, StoreError, signed};
use keepwatch_proto::ids::HostId;
use sqlx::FromRow;

/// What is known of one host beside its certificate in force. Times are Unix seconds, 0 where
/// there is none; certificates are SHA-256, empty where there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, FromRow)]
pub struct IdentityRow {
    /// How many certificates it had been given when it got the one in force.
    pub number: i64,
    /// Until when that is good; 0: not known, it is from before they were counted.
    pub expires: i64,
    /// One that was given out and not shown yet.
    pub next: String,
    /// Its number.
    pub next_number: i64,
    /// Until when it is good.
    pub next_expires: i64,
    /// The one before the one in force.
    pub former: String,
    /// Until when that is taken, too.
    pub former_until: i64,
    /// The name of its last stream; empty: any may follow.
    pub session: String,
}

/// One host's.
pub async fn get(conn: &mut Conn, host: HostId) -> Result<IdentityRow, StoreError> {
    let row = sqlx::query_as(
        "SELECT number, expires, next, next_number, next_expires, former, former_until, session \
         FROM identities WHERE host = $1",
    )
    .bind(host.to_string())
    .fetch_optional(conn)
    .await?;
    Ok(row.unwrap_or_default())
}

/// There is a row to change.
async fn ensure(conn: &mut Conn, host: HostId) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO identities (host) VALUES ($1) ON CONFLICT (host) DO NOTHING")
        .bind(host.to_string())
        .execute(conn)
        .await?;
    Ok(())
}

/// It was given this one, and has not shown it.
pub async fn offer(conn: &mut Conn, host: HostId, next: &str, number: u64, expires: i64) -> Result<(), StoreError> {
    ensure(conn, host).await?;
    sqlx::query("UPDATE identities SET next = $2, next_number = $3, next_expires = $4 WHERE host = $1")
        .bind(host.to_string())
        .bind(next)
        .bind(signed(number))
        .bind(expires)
        .execute(conn)
        .await?;
    Ok(())
}

/// This one is in force from now on; the one before it is taken until `former_until`, where one
/// is given.
pub async fn put_in_force(
    conn: &mut Conn,
    host: HostId,
    (certificate, number, expires): (&str, u64, i64),
    (former, former_until): (&str, i64),
) -> Result<(), StoreError> {
    ensure(conn, host).await?;
    sqlx::query("UPDATE hosts SET certificate = $2 WHERE id = $1")
        .bind(host.to_string())
        .bind(certificate)
        .execute(&mut *conn)
        .await?;
    sqlx::query(
        "UPDATE identities SET number = $2, expires = $3, next = '', next_number = 0, next_expires = 0, \
         former = $4, former_until = $5 WHERE host = $1",
    )
    .bind(host.to_string())
    .bind(signed(number))
    .bind(expires)
    .bind(former)
    .bind(former_until)
    .execute(conn)
    .await?;
    Ok(())
}

/// The name of its last stream.
pub async fn set_session(conn: &mut Conn, host: HostId, session: &str) -> Result<(), StoreError> {
    ensure(conn, host).await?;
    sqlx::query("UPDATE identities SET session = $2 WHERE host = $1")
        .bind(host.to_string())
        .bind(session)
        .execute(conn)
        .await?;
    Ok(())
}

/// Any stream may be the next one of every host of which no copy is waiting to be let in.
pub async fn forget_sessions(conn: &mut Conn) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE identities SET session = '' WHERE host NOT IN (SELECT host FROM claims WHERE state = 'waiting')",
    )
    .execute(conn)
    .await?;
    Ok(())
}
