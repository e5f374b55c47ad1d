//! Jobs: asked for by staff or begun by a host's own schedule, and how they ended.

use super::{Conn, Json, StoreError, json};
use keepwatch_proto::ids::{HostId, JobId, RequestId};
use keepwatch_proto::job::{Ended, Failure, JobSpec, JobState, Tally};
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

/// The newest ones, of one host or of all.
pub async fn list(conn: &mut Conn, host: Option<HostId>, limit: u32) -> Result<Vec<JobRow>, StoreError> {
    let host = host.map(|h| h.to_string()).unwrap_or_default();
    let wanted = Wanted { host, ..Wanted::any() };
    find(conn, &wanted, limit).await
}

/// The newest restores that staff asked for since then.
pub async fn newest_restores(conn: &mut Conn, since: i64, limit: u32) -> Result<Vec<JobRow>, StoreError> {
    // The list of origins is that of the index.
    Ok(sqlx::query_as(
        "SELECT * FROM jobs WHERE origin NOT IN ('schedule', 'medium', '?') AND created >= $1 AND kind = 'restore' \
         ORDER BY created DESC LIMIT $2",
    )
    .bind(since)
    .bind(i64::from(limit))
    .fetch_all(conn)
    .await?)
}

/// Which jobs are looked for; what is empty is anything.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Of this host.
    pub host: String,
    /// Of hosts in this group and below it.
    pub group: String,
    /// In this state, `open` or `ended`.
    pub state: String,
    /// Of this kind.
    pub kind: String,
    /// Created then or later.
    pub since: i64,
    /// Created before that,
    pub before: i64,
    /// or then, and listed after this id.
    pub last: String,
}

impl Wanted {
    /// All of them.
    pub fn any() -> Self {
        Self {
            host: String::new(),
            group: String::new(),
            state: String::new(),
            kind: String::new(),
            since: 0,
            before: i64::MAX,
            last: String::new(),
        }
    }

    /// Only what is asked for: what holds for everything would keep the database from its indexes.
    fn conditions(&self) -> String {
        let mut conditions = vec!["created >= $4 AND (created < $5 OR (created = $5 AND id < $6))"];
        let any = |text: &str| text.is_empty();
        // Those that are not asked for are bound all the same, and hold.
        conditions.push(if any(&self.host) { "$1 = ''" } else { "host = $1" });
        conditions.push(match self.kind.as_str() {
            "" => "$2 = ''",
            "scan" | "backup" => "kind = $2",
            // In these words an index has them.
            _ => "kind = $2 AND kind NOT IN ('scan', 'backup')",
        });
        conditions.push(match self.state.as_str() {
            "" => "$3 = ''",
            "open" => "$3 = 'open' AND state IN ('queued', 'waiting', 'offered', 'running')",
            "ended" => "$3 = 'ended' AND state NOT IN ('queued', 'waiting', 'offered', 'running')",
            _ => "state = $3",
        });
        conditions.push(if any(&self.group) {
            "$7 = ''"
        } else {
            // Said so, the newest are looked at one by one until there are enough, and not all that the group's
            // hosts ever did. Where the hosts are few, `app` asks each.
            "EXISTS (SELECT 1 FROM hosts WHERE hosts.id = jobs.host AND hosts.group_name IN (\
             WITH RECURSIVE below (name) AS (SELECT name FROM groups WHERE name = $7 \
             UNION SELECT groups.name FROM groups JOIN below ON groups.parent = below.name) SELECT name FROM below))"
        });
        conditions.join(" AND ")
    }
}

/// The newest of them.
pub async fn find(conn: &mut Conn, wanted: &Wanted, limit: u32) -> Result<Vec<JobRow>, StoreError> {
    let query = format!("SELECT * FROM jobs WHERE {} ORDER BY created DESC, id DESC LIMIT $8", wanted.conditions());
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(query))
        .bind(&wanted.host)
        .bind(&wanted.kind)
        .bind(&wanted.state)
        .bind(wanted.since)
        .bind(wanted.before)
        .bind(&wanted.last)
        .bind(&wanted.group)
        .bind(i64::from(limit))
        .fetch_all(conn)
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

/// What has not ended on a host, oldest first.
pub async fn open_of(conn: &mut Conn, host: HostId) -> Result<Vec<JobRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT * FROM jobs WHERE host = $1 AND state IN ('queued', 'waiting', 'offered', 'running') ORDER BY id",
    )
    .bind(host.to_string())
    .fetch_all(conn)
    .await?)
}

/// How many have not ended on a host.
pub async fn count_open(conn: &mut Conn, host: HostId) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(
        "SELECT COUNT(*) FROM jobs WHERE host = $1 AND state IN ('queued', 'waiting', 'offered', 'running')",
    )
    .bind(host.to_string())
    .fetch_one(conn)
    .await?)
}

/// Whether a host is to back up, or does, by what was asked or begun after this.
pub async fn backs_up(conn: &mut Conn, host: HostId, since: i64) -> Result<bool, StoreError> {
    let open: Option<JobRow> = sqlx::query_as(
        "SELECT * FROM jobs WHERE host = $1 AND kind = 'backup' AND state IN ('queued', 'waiting', 'offered', 'running') \
         AND created > $2 LIMIT 1",
    )
    .bind(host.to_string())
    .bind(since)
    .fetch_optional(conn)
    .await?;
    Ok(open.is_some())
}

/// Whether another host's restore that was asked for after this reads what this one has stored.
pub async fn reads_from(conn: &mut Conn, source: HostId, since: i64) -> Result<bool, StoreError> {
    let open: Option<JobRow> = sqlx::query_as(
        "SELECT * FROM jobs WHERE source_host = $1 AND state IN ('queued', 'waiting', 'offered', 'running') AND created > $2 LIMIT 1",
    )
    .bind(source.to_string())
    .bind(since)
    .fetch_optional(conn)
    .await?;
    Ok(open.is_some())
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

/// What has not ended anywhere, with what is known of its host.
pub async fn all_open(conn: &mut Conn) -> Result<Vec<OpenRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT jobs.id, jobs.host, jobs.state, jobs.deadline, jobs.due, hosts.last_seen, hosts.revoked FROM jobs \
         JOIN hosts ON hosts.id = jobs.host WHERE jobs.state IN ('queued', 'waiting', 'offered', 'running')",
    )
    .fetch_all(conn)
    .await?)
}

/// See [`all_open`].
#[derive(Debug, Clone, FromRow)]
pub struct OpenRow {
    /// Which job.
    #[sqlx(try_from = "String")]
    pub id: JobId,
    /// On which host.
    #[sqlx(try_from = "String")]
    pub host: HostId,
    /// Where it stands.
    #[sqlx(try_from = "String")]
    pub state: State,
    /// It is not begun after that; 0: it waits for ever.
    pub deadline: i64,
    /// It is not handed out before that; 0: it was, or may be at once.
    pub due: i64,
    /// When the host was last heard of; 0: never.
    pub last_seen: i64,
    /// When it was revoked; 0: it was not.
    pub revoked: i64,
}

/// Its time has come.
pub async fn release(conn: &mut Conn, id: JobId) -> Result<(), StoreError> {
    sqlx::query("UPDATE jobs SET due = 0 WHERE id = $1").bind(id.to_string()).execute(conn).await?;
    Ok(())
}

/// The one that a host was asked for under this key, if it was.
pub async fn by_key(conn: &mut Conn, key: &str, host: HostId) -> Result<Option<JobRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM jobs WHERE client_key = $1 AND host = $2")
        .bind(key)
        .bind(host.to_string())
        .fetch_optional(conn)
        .await?)
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
