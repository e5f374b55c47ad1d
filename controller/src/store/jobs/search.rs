//! The newest jobs of those that are looked for.

use super::JobRow;
use crate::store::{Conn, StoreError};
use keepwatch_proto::ids::HostId;

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
