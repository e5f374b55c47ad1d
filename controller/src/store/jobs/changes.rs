//! What becomes of a job: its steps, what staff say of it, and how it ended.

use crate::store::{Conn, StoreError, json};
use keepwatch_proto::ids::{JobId, RequestId};
use keepwatch_proto::job::{Ended, JobState};

/// Moves a job from one state to the next. Says whether it still was in the first.
pub async fn step(conn: &mut Conn, id: JobId, from: JobState, to: JobState) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE jobs SET state = $3 WHERE id = $1 AND state = $2")
        .bind(id.to_string())
        .bind(from.word())
        .bind(to.word())
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Work began. One that was given up for lost has not ended after all.
pub async fn set_started(conn: &mut Conn, id: JobId, at: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE jobs SET started = $2, ended = 0, message = '' WHERE id = $1")
        .bind(id.to_string())
        .bind(at)
        .execute(conn)
        .await?;
    Ok(())
}

/// It was given up, and has turned up: it runs, or waits, as it did.
pub async fn turned_up(conn: &mut Conn, id: JobId) -> Result<(), StoreError> {
    sqlx::query("UPDATE jobs SET ended = 0, message = '' WHERE id = $1").bind(id.to_string()).execute(conn).await?;
    Ok(())
}

/// It ended without a word of its host's, and this is why.
pub async fn given_up(conn: &mut Conn, id: JobId, at: i64, why: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE jobs SET ended = $2, message = $3 WHERE id = $1")
        .bind(id.to_string())
        .bind(at)
        .bind(why)
        .execute(conn)
        .await?;
    Ok(())
}

/// Which request it was asked for by.
pub async fn set_request(conn: &mut Conn, id: JobId, request: RequestId) -> Result<(), StoreError> {
    sqlx::query("UPDATE jobs SET request = $2 WHERE id = $1")
        .bind(id.to_string())
        .bind(request.to_string())
        .execute(conn)
        .await?;
    Ok(())
}

/// How long it waited for leave.
pub async fn set_waited(conn: &mut Conn, id: JobId, seconds: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE jobs SET waited = $2 WHERE id = $1").bind(id.to_string()).bind(seconds).execute(conn).await?;
    Ok(())
}

/// Its time has come.
pub async fn release(conn: &mut Conn, id: JobId) -> Result<(), StoreError> {
    sqlx::query("UPDATE jobs SET due = 0 WHERE id = $1").bind(id.to_string()).execute(conn).await?;
    Ok(())
}

/// Staff no longer want it.
pub async fn set_cancel(conn: &mut Conn, id: JobId) -> Result<(), StoreError> {
    sqlx::query("UPDATE jobs SET cancel = 1 WHERE id = $1").bind(id.to_string()).execute(conn).await?;
    Ok(())
}

/// Whether staff want it to wait.
pub async fn set_paused(conn: &mut Conn, id: JobId, paused: bool) -> Result<(), StoreError> {
    sqlx::query("UPDATE jobs SET paused = $2 WHERE id = $1")
        .bind(id.to_string())
        .bind(i64::from(paused))
        .execute(conn)
        .await?;
    Ok(())
}

/// How it ended.
pub async fn set_ended(conn: &mut Conn, id: JobId, at: i64, ended: &Ended) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE jobs SET ended = $2, message = $3, tally = $4, failures = $5, snapshot = $6, target = $7, \
         failure_kind = $8 WHERE id = $1",
    )
    .bind(id.to_string())
    .bind(at)
    .bind(&ended.message)
    .bind(json(&ended.tally)?)
    .bind(json(&ended.failures)?)
    .bind(ended.snapshot.as_ref().map_or("", |s| &s.id))
    .bind(&ended.target)
    .bind(if ended.outcome == JobState::Failed { ended.failure.word() } else { "" })
    .execute(conn)
    .await?;
    Ok(())
}
