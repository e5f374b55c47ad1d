//! Rules that say which group hosts belong to.

use super::{Conn, StoreError};
use sqlx::FromRow;

/// One rule; what it does not ask about is empty.
#[derive(Debug, Clone, FromRow)]
pub struct RuleRow {
    /// Its place among them.
    pub place: i64,
    /// Pattern of a host's name.
    pub host_name: String,
    /// Network that a host is in.
    pub network: String,
    /// System that a host has.
    pub host_system: String,
    /// Key of the group that it leads to.
    pub group_name: String,
}

/// All of them, in their order.
pub async fn list(conn: &mut Conn) -> Result<Vec<RuleRow>, StoreError> {
    Ok(sqlx::query_as("SELECT place, host_name, network, host_system, group_name FROM group_rules ORDER BY place")
        .fetch_all(conn)
        .await?)
}

/// Adds one, unless its place is taken. Says whether it was free.
pub async fn insert(conn: &mut Conn, rule: &RuleRow) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO group_rules (place, host_name, network, host_system, group_name) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (place) DO NOTHING",
    )
    .bind(rule.place)
    .bind(&rule.host_name)
    .bind(&rule.network)
    .bind(&rule.host_system)
    .bind(&rule.group_name)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Removes one. Says whether there was one.
pub async fn delete(conn: &mut Conn, place: i64) -> Result<bool, StoreError> {
    Ok(sqlx::query("DELETE FROM group_rules WHERE place = $1").bind(place).execute(conn).await?.rows_affected() == 1)
}
