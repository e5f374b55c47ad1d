//! Jobs: asked for by staff or begun by a host's own schedule, and how they ended.

mod changes;
mod open;
mod search;

pub use changes::{
    given_up, release, set_cancel, set_ended, set_paused, set_request, set_started, set_waited, step, turned_up,
};
pub use open::{OpenRow, all_open, backs_up, count_open, open_of, reads_from};
pub use search::{Wanted, find, list, newest_restores};

use super::{Conn, Json, StoreError, json};
use keepwatch_proto::ids::{HostId, JobId};
use keepwatch_proto::job::{Failure, JobSpec, JobState, Tally};
use sqlx::FromRow;

/// Stands in `origin` for the policy's own schedule.
pub const SCHEDULE: &str = "schedule";
/// Stands in `origin` for a removable medium that appeared.
pub const MEDIUM: &str = "medium";
/// Stands in `origin` where that was lost with a database.
pub const UNKNOWN: &str = "?";

/// One job. Times are Unix seconds, 0 where there is none.
#[derive(Debug, Clone, FromRow)]
pub struct JobRow {
    /// Its id.
    #[sqlx(try_from = "String")]
    pub id: JobId,
    /// On which host.
    #[sqlx(try_from = "String")]
    pub host: HostId,
    /// What to do.
    #[sqlx(try_from = "String")]
    pub spec: Json<JobSpec>,
    /// The spec's kind, to select by.
    pub kind: String,
    /// Where it stands.
    #[sqlx(try_from = "String")]
    pub state: State,
    /// [`SCHEDULE`], [`MEDIUM`], [`UNKNOWN`], or the user who asked.
    pub origin: String,
    /// 1: staff no longer want it.
    pub cancel: i64,
    /// 1: staff want it to wait.
    pub paused: i64,
    /// Whose snapshot a restore reads, where it is another's.
    pub source_host: String,
    /// 1: it covers what the policy names, so it counts for the host's health.
    pub whole: i64,
    /// When it was asked for.
    pub created: i64,
    /// When work began, by the PC's clock.
    pub started: i64,
    /// When it ended, by the PC's clock.
    pub ended: i64,
    /// What went wrong.
    pub message: String,
    /// What was counted.
    #[sqlx(try_from = "String")]
    pub tally: Json<Tally>,
    /// The first failures.
    #[sqlx(try_from = "String")]
    pub failures: Json<Vec<Failure>>,
    /// Id of the snapshot made.
    pub snapshot: String,
    /// Where a restore wrote.
    pub target: String,
    /// It is not handed out before that.
    pub due: i64,
    /// It is not begun after that; 0: it waits for ever.
    pub deadline: i64,
    /// Counts the attempts at one wish, from 1.
    pub attempt: i64,
    /// Id of the attempt before it; empty: there was none.
    pub retry_of: String,
    /// Word of the [`keepwatch_proto::job::FailureKind`], where it failed.
    pub failure_kind: String,
    /// Seconds that it waited for leave to begin.
    pub waited: i64,
    /// What whoever asked calls this wish; empty: nothing.
    pub client_key: String,
    /// The request that it was asked for by; empty: none.
    pub request: String,
}

/// A job's state as a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State(pub JobState);

impl TryFrom<String> for State {
    type Error = keepwatch_proto::WireError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

impl JobRow {
    /// Whether staff, or the controller itself, asked for it: the host does it for no other reason.
    pub fn is_asked(&self) -> bool {
        ![SCHEDULE, MEDIUM, UNKNOWN].contains(&self.origin.as_str())
    }

    /// A job that nothing has happened to yet.
    pub fn new(id: JobId, host: HostId, spec: JobSpec, origin: &str, created: i64) -> Self {
        Self {
            id,
            host,
            kind: spec.kind().into(),
            spec: Json(spec),
            state: State(JobState::Queued),
            origin: origin.into(),
            cancel: 0,
            paused: 0,
            source_host: String::new(),
            whole: 1,
            created,
            started: 0,
            ended: 0,
            message: String::new(),
            tally: Json(Tally::default()),
            failures: Json(vec![]),
            snapshot: String::new(),
            target: String::new(),
            due: 0,
            deadline: 0,
            attempt: 1,
            retry_of: String::new(),
            failure_kind: String::new(),
            waited: 0,
            client_key: String::new(),
            request: String::new(),
        }
    }
}

/// Adds one; one that is there already stays as it is, and so does one by the same key.
pub async fn insert(conn: &mut Conn, job: &JobRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO jobs (id, host, spec, kind, state, origin, cancel, source_host, whole, created, started, ended, \
         message, tally, failures, snapshot, target, due, deadline, attempt, retry_of, client_key) \
         VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, $10, 0, '', $11, '[]', '', '', $12, $13, $14, $15, $16) \
         ON CONFLICT DO NOTHING",
    )
    .bind(job.id.to_string())
    .bind(job.host.to_string())
    .bind(json(&job.spec.0)?)
    .bind(&job.kind)
    .bind(job.state.0.word())
    .bind(&job.origin)
    .bind(&job.source_host)
    .bind(job.whole)
    .bind(job.created)
    .bind(job.started)
    .bind(json(&job.tally.0)?)
    .bind(job.due)
    .bind(job.deadline)
    .bind(job.attempt)
    .bind(&job.retry_of)
    .bind(&job.client_key)
    .execute(conn)
    .await?;
    Ok(())
}

/// One of them.
pub async fn get(conn: &mut Conn, id: JobId) -> Result<Option<JobRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM jobs WHERE id = $1").bind(id.to_string()).fetch_optional(conn).await?)
}

/// The one that a host was asked for under this key, if it was.
pub async fn by_key(conn: &mut Conn, key: &str, host: HostId) -> Result<Option<JobRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM jobs WHERE client_key = $1 AND host = $2")
        .bind(key)
        .bind(host.to_string())
        .fetch_optional(conn)
        .await?)
}

/// Forgets a host's jobs that ended before this and are of no more use, with their logs. Returns how many.
pub async fn forget(conn: &mut Conn, host: HostId, before: i64) -> Result<u64, StoreError> {
    // Failed and lost ones stay for ever; of each kind, so does the newest that was done.
    sqlx::query(
        "DELETE FROM job_logs WHERE job IN (SELECT id FROM jobs WHERE host = $1 AND ended > 0 AND ended < $2 \
         AND state IN ('succeeded', 'partial', 'cancelled', 'expired') AND ended < (SELECT MAX(newer.ended) \
         FROM jobs AS newer WHERE newer.host = $1 AND newer.kind = jobs.kind AND newer.whole = 1 \
         AND newer.state IN ('succeeded', 'partial', 'failed') AND newer.state <> 'failed'))",
    )
    .bind(host.to_string())
    .bind(before)
    .execute(&mut *conn)
    .await?;
    let done = sqlx::query(
        "DELETE FROM jobs WHERE host = $1 AND ended > 0 AND ended < $2 \
         AND state IN ('succeeded', 'partial', 'cancelled', 'expired') AND ended < (SELECT MAX(newer.ended) \
         FROM jobs AS newer WHERE newer.host = $1 AND newer.kind = jobs.kind AND newer.whole = 1 \
         AND newer.state IN ('succeeded', 'partial', 'failed') AND newer.state <> 'failed')",
    )
    .bind(host.to_string())
    .bind(before)
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// When each host was last asked to try whether its backups come back.
pub async fn last_trials(conn: &mut Conn) -> Result<Vec<LastTrial>, StoreError> {
    let query = sqlx::query_as("SELECT host, MAX(created) AS at FROM jobs WHERE kind = 'verify' GROUP BY host");
    Ok(query.fetch_all(conn).await?)
}

/// See [`last_trials`].
#[derive(Debug, Clone, FromRow)]
pub struct LastTrial {
    /// Which host.
    #[sqlx(try_from = "String")]
    pub host: HostId,
    /// Unix seconds.
    pub at: i64,
}

/// What the newest backups stored, in bytes, host by host; of at most so many.
pub async fn stored_by_backups(conn: &mut Conn, limit: u32) -> Result<Vec<(HostId, u64)>, StoreError> {
    #[derive(FromRow)]
    struct Stored {
        #[sqlx(try_from = "String")]
        host: HostId,
        #[sqlx(try_from = "String")]
        tally: Json<Tally>,
    }
    let rows: Vec<Stored> = sqlx::query_as(
        "SELECT host, tally FROM jobs WHERE kind = 'backup' AND state IN ('succeeded', 'partial') \
         ORDER BY created DESC LIMIT $1",
    )
    .bind(i64::from(limit))
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.host, row.tally.0.stored)).collect())
}
