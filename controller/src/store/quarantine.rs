//! Files that PCs have put away.

use super::{Conn, Json, StoreError, json, signed};
use keepwatch_proto::ids::{HostId, ItemId};
use keepwatch_proto::quarantine::{Item, ItemState};
use sqlx::FromRow;

/// One file. Times are Unix seconds.
#[derive(Debug, Clone, FromRow)]
pub struct QuarantineRow {
    /// The PC that has it.
    #[sqlx(try_from = "String")]
    pub host: HostId,
    /// Its id there.
    #[sqlx(try_from = "String")]
    pub id: ItemId,
    /// Where it was.
    pub path: String,
    /// Of its content.
    pub sha256: String,
    /// Its bytes.
    pub size: i64,
    /// The rules that matched; none: staff named it.
    #[sqlx(try_from = "String")]
    pub rules: Json<Vec<String>>,
    /// The job that put it away.
    pub job: String,
    /// When it was put away, by the PC's clock.
    pub at: i64,
    /// Where it stands.
    #[sqlx(try_from = "String")]
    pub state: State,
    /// When it came to that.
    pub changed: i64,
    /// Where it was restored to.
    pub target: String,
}

/// A state as a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State(pub ItemState);

impl TryFrom<String> for State {
    type Error = keepwatch_proto::WireError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

/// A host has this one. One that was thought gone is there again; one that was brought back or
/// destroyed since, by the host's own word, is not.
pub async fn hold(conn: &mut Conn, host: HostId, item: &Item, at: i64, now: i64) -> Result<(), StoreError> {
    let told = sqlx::query("SELECT id FROM quarantine WHERE host = $1 AND id = $2")
        .bind(host.to_string())
        .bind(item.id.to_string())
        .fetch_optional(&mut *conn)
        .await?;
    if told.is_none() {
        sqlx::query(
            "INSERT INTO quarantine_told (host, told) VALUES ($1, 1) \
             ON CONFLICT (host) DO UPDATE SET told = quarantine_told.told + 1",
        )
        .bind(host.to_string())
        .execute(&mut *conn)
        .await?;
    }
    sqlx::query(
        "INSERT INTO quarantine (host, id, path, sha256, size, rules, job, at, state, changed, target) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'held', $9, '') \
         ON CONFLICT (host, id) DO UPDATE SET state = 'held', changed = $9 WHERE quarantine.state = 'gone'",
    )
    .bind(host.to_string())
    .bind(item.id.to_string())
    .bind(&item.path)
    .bind(&item.sha256)
    .bind(signed(item.size))
    .bind(json(&item.rules)?)
    .bind(item.job.to_string())
    .bind(at)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// What became of one.
pub async fn change(
    conn: &mut Conn,
    host: HostId,
    id: ItemId,
    (state, target): (ItemState, &str),
    now: i64,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE quarantine SET state = $3, target = $4, changed = $5 WHERE host = $1 AND id = $2")
        .bind(host.to_string())
        .bind(id.to_string())
        .bind(state.word())
        .bind(target)
        .bind(now)
        .execute(conn)
        .await?;
    Ok(())
}

/// Where a list goes on: with what came before this moment, or in it and is listed after this one.
#[derive(Debug, Clone)]
pub struct Place {
    /// Unix seconds.
    pub before: i64,
    /// Its id.
    pub id: String,
    /// The PC that has it: a copy of a PC has another's by the same id.
    pub host: String,
}

/// The newest ones from there on, of one host or of all; held ones, or all.
pub async fn list(
    conn: &mut Conn,
    host: Option<HostId>,
    all: bool,
    from: &Place,
    limit: u32,
) -> Result<Vec<QuarantineRow>, StoreError> {
    // What holds for everything would keep the database from its index.
    let whose = if host.is_some() { "host = $1" } else { "$1 = ''" };
    let query = format!(
        "SELECT * FROM quarantine WHERE {whose} AND ($2 = 1 OR state = 'held') \
         AND (at < $3 OR (at = $3 AND (id < $4 OR (id = $4 AND host < $5)))) \
         ORDER BY at DESC, id DESC, host DESC LIMIT $6"
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(query))
        .bind(host.map(|host| host.to_string()).unwrap_or_default())
        .bind(i64::from(all))
        .bind(from.before)
        .bind(&from.id)
        .bind(&from.host)
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await?)
}

/// The ids of those that a host holds, as far as is known.
pub async fn held(conn: &mut Conn, host: HostId) -> Result<Vec<ItemId>, StoreError> {
    let ids: Vec<String> = sqlx::query_scalar("SELECT id FROM quarantine WHERE host = $1 AND state = 'held'")
        .bind(host.to_string())
        .fetch_all(conn)
        .await?;
    let known = |id: String| id.parse().map_err(|_| StoreError::Corrupt(format!("quarantine.id is '{id}'")));
    ids.into_iter().map(known).collect()
}

/// Those by this id; of one host, unless one took another's.
pub async fn by_id(conn: &mut Conn, id: ItemId) -> Result<Vec<QuarantineRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM quarantine WHERE id = $1 ORDER BY host")
        .bind(id.to_string())
        .fetch_all(conn)
        .await?)
}

/// Whether a host has told of fewer than so many: without a look at each of them.
pub async fn has_room(conn: &mut Conn, host: HostId, most: i64) -> Result<bool, StoreError> {
    let told: Option<i64> = sqlx::query_scalar("SELECT told FROM quarantine_told WHERE host = $1")
        .bind(host.to_string())
        .fetch_optional(conn)
        .await?;
    Ok(told.unwrap_or(0) < most)
}
