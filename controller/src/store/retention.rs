//! How hosts' older snapshots are done away with: what came of it last, who is at it, and whether
//! it is frozen.

use super::{Conn, StoreError, signed};
use keepwatch_proto::ids::HostId;
use sqlx::FromRow;

/// Of one host. Times are Unix seconds, 0 where there is none.
#[derive(Debug, Clone, Default, FromRow)]
pub struct RetentionRow {
    /// The host's id.
    pub host: String,
    /// Why nothing goes; empty: by the rules it does.
    pub frozen: String,
    /// Since when.
    pub frozen_at: i64,
    /// Which canary was touched since staff have looked, and how; empty: none.
    pub canary: String,
    /// When it was last done.
    pub ran: i64,
    /// Bytes that the next run may remove.
    pub waiting: i64,
    /// What came of it.
    pub outcome: String,
}

/// A host's.
pub async fn get(conn: &mut Conn, host: HostId) -> Result<RetentionRow, StoreError> {
    let row =
        sqlx::query_as("SELECT * FROM retention WHERE host = $1").bind(host.to_string()).fetch_optional(conn).await?;
    Ok(row.unwrap_or_default())
}

/// All that there are.
pub async fn list(conn: &mut Conn) -> Result<Vec<RetentionRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM retention").fetch_all(conn).await?)
}

/// Nothing of a host's goes any more. The first reason stays. Says whether it is this one.
pub async fn freeze(conn: &mut Conn, host: HostId, why: &str, at: i64) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO retention (host, frozen, frozen_at) VALUES ($1, $2, $3) \
         ON CONFLICT (host) DO UPDATE SET frozen = $2, frozen_at = $3 WHERE retention.frozen = ''",
    )
    .bind(host.to_string())
    .bind(why)
    .bind(at)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A canary of the PC's was touched. The first one stays. Says whether it is this one.
pub async fn canary(conn: &mut Conn, host: HostId, what: &str) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO retention (host, canary) VALUES ($1, $2) \
         ON CONFLICT (host) DO UPDATE SET canary = $2 WHERE retention.canary = ''",
    )
    .bind(host.to_string())
    .bind(what)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// By the rules it goes again. Says whether it did not.
pub async fn thaw(conn: &mut Conn, host: HostId) -> Result<bool, StoreError> {
    let done =
        sqlx::query("UPDATE retention SET frozen = '', frozen_at = 0, canary = '' WHERE host = $1 AND frozen <> ''")
            .bind(host.to_string())
            .execute(conn)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes a host's repository for oneself, unless another is at it. Says whether that went.
pub async fn take(conn: &mut Conn, host: HostId, holder: &str, now: i64, until: i64) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO retention (host, holder, held_until) VALUES ($1, $2, $3) \
         ON CONFLICT (host) DO UPDATE SET holder = $2, held_until = $3 WHERE retention.held_until < $4",
    )
    .bind(host.to_string())
    .bind(holder)
    .bind(until)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Holds on to it. Says whether it still was this holder's.
pub async fn hold(conn: &mut Conn, host: HostId, holder: &str, until: i64) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE retention SET held_until = $3 WHERE host = $1 AND holder = $2")
        .bind(host.to_string())
        .bind(holder)
        .bind(until)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives it back.
pub async fn give_back(conn: &mut Conn, host: HostId, holder: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE retention SET holder = '', held_until = 0 WHERE host = $1 AND holder = $2")
        .bind(host.to_string())
        .bind(holder)
        .execute(conn)
        .await?;
    Ok(())
}

/// What came of it.
pub async fn done(conn: &mut Conn, host: HostId, ran: i64, waiting: u64, outcome: &str) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO retention (host, ran, waiting, outcome) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (host) DO UPDATE SET ran = $2, waiting = $3, outcome = $4",
    )
    .bind(host.to_string())
    .bind(ran)
    .bind(signed(waiting))
    .bind(outcome)
    .execute(conn)
    .await?;
    Ok(())
}
