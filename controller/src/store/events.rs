//! How far each ledger's events are committed.

use super::{Conn, StoreError, signed};
use keepwatch_proto::ids::{BootId, HostId};

/// The newest committed sequence of a ledger; 0 where none is.
pub async fn committed(conn: &mut Conn, host: HostId, boot: BootId) -> Result<u64, StoreError> {
    let seq: Option<i64> = sqlx::query_scalar("SELECT seq FROM event_cursors WHERE host = $1 AND boot = $2")
        .bind(host.to_string())
        .bind(boot.to_string())
        .fetch_optional(conn)
        .await?;
    Ok(seq.and_then(|s| u64::try_from(s).ok()).unwrap_or(0))
}

/// Moves it on.
pub async fn advance(conn: &mut Conn, host: HostId, boot: BootId, seq: u64) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO event_cursors (host, boot, seq) VALUES ($1, $2, $3) \
         ON CONFLICT (host, boot) DO UPDATE SET seq = excluded.seq",
    )
    .bind(host.to_string())
    .bind(boot.to_string())
    .bind(signed(seq))
    .execute(conn)
    .await?;
    Ok(())
}
