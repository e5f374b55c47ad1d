//! Snapshots, dated by when we received them.

use super::{Conn, Json, StoreError, json, signed};
use keepwatch_proto::ids::{HostId, JobId};
use keepwatch_proto::job::Snapshot;
use keepwatch_proto::verdict::Verdict;
use sqlx::FromRow;

/// One snapshot.
#[derive(Debug, Clone, FromRow)]
pub struct SnapshotRow {
    /// Whose repository it is in.
    #[sqlx(try_from = "String")]
    pub host: HostId,
    /// 64 hexadecimal digits.
    pub id: String,
    /// Unix seconds, by the PC's clock.
    pub time: i64,
    /// Unix seconds, by ours.
    pub received: i64,
    /// What was asked to be saved.
    #[sqlx(try_from = "String")]
    pub paths: Json<Vec<String>>,
    /// Files in it.
    pub files: i64,
    /// Their bytes.
    pub bytes: i64,
    /// Of the files, those that were new or changed.
    pub changed: i64,
    /// Of those, the ones that begin with noise, as an encrypted file does.
    pub noise: i64,
    /// When all of it was last read and found as it was stored; 0: not yet.
    pub verified: i64,
    /// 1: something that should be in it is not.
    pub partial: i64,
    /// When its removal was begun; 0: it was not.
    pub leaving: i64,
    /// The backup that made it; empty: it was found in the repository.
    pub job: String,
    /// What the scan that went with it says.
    #[sqlx(try_from = "String")]
    pub verdict: Json<Option<Verdict>>,
}

/// Adds one. One that was found in the repository is thereby told of; when it was received stays.
pub async fn insert(
    conn: &mut Conn,
    host: HostId,
    job: JobId,
    received: i64,
    partial: bool,
    (changed, noise): (u64, u64),
    s: &Snapshot,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO snapshots (host, id, time, received, paths, files, bytes, partial, job, verdict, changed, noise, \
         place) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, \
         (SELECT COALESCE(MAX(place), 0) + 1 FROM snapshots WHERE host = $1)) ON CONFLICT (host, id) DO UPDATE SET \
         paths = $5, files = $6, bytes = $7, partial = $8, job = $9, verdict = $10, changed = $11, noise = $12 \
         WHERE snapshots.job = ''",
    )
    .bind(host.to_string())
    .bind(&s.id)
    .bind(s.time.timestamp())
    .bind(received)
    .bind(json(&s.paths)?)
    .bind(signed(s.files))
    .bind(signed(s.bytes))
    .bind(i64::from(partial))
    .bind(job.to_string())
    .bind(json(&s.verdict)?)
    .bind(signed(changed))
    .bind(signed(noise))
    .execute(conn)
    .await?;
    Ok(())
}

/// Adds one that was found in the repository. Whether its backup had to leave something out is not
/// known, so it does not count as whole.
pub async fn insert_found(conn: &mut Conn, host: HostId, received: i64, s: &Snapshot) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO snapshots (host, id, time, received, paths, files, bytes, partial, job, place) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 1, '', \
         (SELECT COALESCE(MAX(place), 0) + 1 FROM snapshots WHERE host = $1)) ON CONFLICT (host, id) DO NOTHING",
    )
    .bind(host.to_string())
    .bind(&s.id)
    .bind(s.time.timestamp())
    .bind(received)
    .bind(json(&s.paths)?)
    .bind(signed(s.files))
    .bind(signed(s.bytes))
    .execute(conn)
    .await?;
    Ok(())
}

/// A host's, newest first: in the order of their receipt, and within a second in the order in
/// which we heard of them. One that is found later may be older.
pub async fn list(conn: &mut Conn, host: HostId) -> Result<Vec<SnapshotRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM snapshots WHERE host = $1 ORDER BY received DESC, place DESC")
        .bind(host.to_string())
        .fetch_all(conn)
        .await?)
}

/// Its removal begins; 0: it stays after all.
pub async fn set_leaving(conn: &mut Conn, host: HostId, id: &str, at: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE snapshots SET leaving = $3 WHERE host = $1 AND id = $2")
        .bind(host.to_string())
        .bind(id)
        .bind(at)
        .execute(conn)
        .await?;
    Ok(())
}

/// It is gone.
pub async fn remove(conn: &mut Conn, host: HostId, id: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM snapshots WHERE host = $1 AND id = $2")
        .bind(host.to_string())
        .bind(id)
        .execute(conn)
        .await?;
    Ok(())
}

/// None of a host's is there any more.
pub async fn remove_all(conn: &mut Conn, host: HostId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM snapshots WHERE host = $1").bind(host.to_string()).execute(conn).await?;
    Ok(())
}
