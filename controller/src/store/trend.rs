//! How the fleet stood, a row a day.

use super::{Conn, StoreError};
use sqlx::FromRow;

/// Stands for all hosts in place of a group's key.
pub const FLEET: &str = "";

/// The figures of a group's own hosts, or of all, on one day.
#[derive(Debug, Clone, Default, PartialEq, Eq, FromRow)]
pub struct TrendRow {
    /// Days since 1970-01-01, UTC.
    pub day: i64,
    /// The group's key, or [`FLEET`].
    pub group_name: String,
    /// Hosts in this state.
    pub protected: i64,
    /// Hosts in this state.
    pub attention: i64,
    /// Hosts in this state.
    pub at_risk: i64,
    /// Hosts in this state.
    pub unknown: i64,
    /// Detections that nobody had looked at.
    pub open_detections: i64,
    /// Bytes of the repositories.
    pub repository_bytes: i64,
}

/// The room where the repositories are, on one day.
#[derive(Debug, Clone, Default, PartialEq, Eq, FromRow)]
pub struct SpaceRow {
    /// Days since 1970-01-01, UTC.
    pub day: i64,
    /// When it was looked; Unix seconds.
    pub taken: i64,
    /// Free bytes.
    pub free: i64,
    /// All bytes; 0: not known.
    pub total: i64,
}

/// Whether a day's figures are there.
pub async fn has(conn: &mut Conn, day: i64) -> Result<bool, StoreError> {
    let found: Option<i64> =
        sqlx::query_scalar("SELECT day FROM trend_days WHERE day = $1").bind(day).fetch_optional(conn).await?;
    Ok(found.is_some())
}

/// Begins a day's figures. Says whether nobody had.
pub async fn begin(conn: &mut Conn, row: &SpaceRow) -> Result<bool, StoreError> {
    let done =
        sqlx::query("INSERT INTO trend_days (day, taken, free, total) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING")
            .bind(row.day)
            .bind(row.taken)
            .bind(row.free)
            .bind(row.total)
            .execute(conn)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Adds to a day that was begun.
pub async fn insert(conn: &mut Conn, row: &TrendRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO trend (day, group_name, protected, attention, at_risk, unknown, open_detections, repository_bytes) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(row.day)
    .bind(&row.group_name)
    .bind(row.protected)
    .bind(row.attention)
    .bind(row.at_risk)
    .bind(row.unknown)
    .bind(row.open_detections)
    .bind(row.repository_bytes)
    .execute(conn)
    .await?;
    Ok(())
}

/// Of a group or all hosts, from one day on and before another, the oldest first.
pub async fn of(conn: &mut Conn, group: &str, from: i64, before: i64) -> Result<Vec<TrendRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM trend WHERE group_name = $1 AND day >= $2 AND day < $3 ORDER BY day")
        .bind(group)
        .bind(from)
        .bind(before)
        .fetch_all(conn)
        .await?)
}

/// The room there was, from one day on and before another, the oldest first.
pub async fn space(conn: &mut Conn, from: i64, before: i64) -> Result<Vec<SpaceRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM trend_days WHERE day >= $1 AND day < $2 ORDER BY day")
        .bind(from)
        .bind(before)
        .fetch_all(conn)
        .await?)
}

/// Forgets all days before one.
pub async fn forget(conn: &mut Conn, before: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM trend WHERE day < $1").bind(before).execute(&mut *conn).await?;
    sqlx::query("DELETE FROM trend_days WHERE day < $1").bind(before).execute(conn).await?;
    Ok(())
}
