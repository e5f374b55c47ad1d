//! What happened with a job, line by line.

use super::{Conn, StoreError};
use keepwatch_proto::ids::JobId;
use sqlx::FromRow;

/// One line.
#[derive(Debug, Clone, FromRow)]
pub struct LogLine {
    /// Unix seconds.
    pub at: i64,
    /// What happened.
    pub text: String,
}

/// Adds a line at the end.
pub async fn add(conn: &mut Conn, job: JobId, at: i64, text: &str) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO job_logs (job, place, at, text) VALUES ($1, \
         (SELECT COALESCE(MAX(place), 0) + 1 FROM job_logs WHERE job = $1), $2, $3)",
    )
    .bind(job.to_string())
    .bind(at)
    .bind(text)
    .execute(conn)
    .await?;
    Ok(())
}

/// All of a job's, in their order.
pub async fn of(conn: &mut Conn, job: JobId) -> Result<Vec<LogLine>, StoreError> {
    Ok(sqlx::query_as("SELECT at, text FROM job_logs WHERE job = $1 ORDER BY place")
        .bind(job.to_string())
        .fetch_all(conn)
        .await?)
}
