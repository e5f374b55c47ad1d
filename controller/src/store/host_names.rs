//! What hosts were called: their names change and repeat.

use super::{Conn, StoreError};
use keepwatch_proto::ids::HostId;
use sqlx::FromRow;

/// One name of a host.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct NameRow {
    /// Whose.
    #[sqlx(try_from = "String")]
    pub host: HostId,
    /// Since when, by our clock; Unix seconds.
    pub since: i64,
    /// The name.
    pub name: String,
}

/// All that are known of all hosts, each host's in their order.
pub async fn list(conn: &mut Conn) -> Result<Vec<NameRow>, StoreError> {
    Ok(sqlx::query_as("SELECT host, since, name FROM host_names ORDER BY host, since").fetch_all(conn).await?)
}

/// Those of one host, in their order.
pub async fn of(conn: &mut Conn, host: HostId) -> Result<Vec<NameRow>, StoreError> {
    Ok(sqlx::query_as("SELECT host, since, name FROM host_names WHERE host = $1 ORDER BY since")
        .bind(host.to_string())
        .fetch_all(conn)
        .await?)
}

/// Adds one.
pub async fn insert(conn: &mut Conn, name: &NameRow) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO host_names (host, since, name) VALUES ($1, $2, $3)")
        .bind(name.host.to_string())
        .bind(name.since)
        .bind(&name.name)
        .execute(conn)
        .await?;
    Ok(())
}

/// Forgets those of a host that were before.
pub async fn forget(conn: &mut Conn, host: HostId, before: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM host_names WHERE host = $1 AND since < $2")
        .bind(host.to_string())
        .bind(before)
        .execute(conn)
        .await?;
    Ok(())
}
