//! The last time by this controller's clock that was not doubted.

use super::{Conn, StoreError};

/// It; Unix seconds, 0: none yet.
pub async fn trusted(conn: &mut Conn) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT trusted FROM clockwork WHERE id = 1").fetch_optional(conn).await?.unwrap_or(0))
}

/// It is this from now on.
pub async fn set_trusted(conn: &mut Conn, at: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE clockwork SET trusted = $1 WHERE id = 1").bind(at).execute(conn).await?;
    Ok(())
}
