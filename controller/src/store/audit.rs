//! The audit trail. Only added to.

use super::{Conn, StoreError};
use sqlx::FromRow;

/// One record.
#[derive(Debug, Clone, FromRow)]
pub struct AuditRow {
    /// UUID of version 7: sorts by time.
    pub id: String,
    /// Unix seconds.
    pub at: i64,
    /// Who.
    pub user_name: String,
    /// Did what.
    pub action: String,
    /// To what.
    pub object: String,
    /// With which particulars.
    pub detail: String,
    /// From which address.
    pub origin: String,
    /// `done` or `refused`.
    pub outcome: String,
}

/// Adds one.
pub async fn insert(conn: &mut Conn, r: &AuditRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO audit (id, at, user_name, action, object, detail, origin, outcome) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&r.id)
    .bind(r.at)
    .bind(&r.user_name)
    .bind(&r.action)
    .bind(&r.object)
    .bind(&r.detail)
    .bind(&r.origin)
    .bind(&r.outcome)
    .execute(conn)
    .await?;
    Ok(())
}

/// Which records are looked for; what is empty is anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Of this one of the staff.
    pub user: String,
    /// Of this action.
    pub action: String,
    /// Whose object has this in it.
    pub object: String,
    /// `done` or `refused`.
    pub outcome: String,
    /// From then on; Unix seconds.
    pub since: i64,
    /// Before that; 0: until now.
    pub until: i64,
}

impl Wanted {
    /// Only what is asked for: what holds for everything would keep the database from its indexes.
    fn conditions(&self) -> String {
        let mut conditions = vec!["at >= $1 AND at < $2 AND (at < $3 OR (at = $3 AND id < $4))"];
        let any = |text: &str| text.is_empty();
        // Those that are not asked for are bound all the same, and hold.
        conditions.push(if any(&self.user) { "$5 = ''" } else { "user_name = $5" });
        conditions.push(if any(&self.action) { "$6 = ''" } else { "action = $6" });
        conditions.push(match self.outcome.as_str() {
            "" => "$7 = ''",
            // Word by word as its index has it.
            "refused" => "$7 = 'refused' AND outcome = 'refused'",
            _ => "outcome = $7",
        });
        conditions.push(if any(&self.object) { "$8 = ''" } else { "LOWER(object) LIKE $8 ESCAPE '!'" });
        conditions.join(" AND ")
    }

    /// The object as a pattern of which every sign means itself.
    fn pattern(&self) -> String {
        if self.object.is_empty() {
            return String::new();
        }
        let mut pattern = String::from("%");
        // As both databases make letters small: ASCII for certain.
        for c in self.object.chars().map(|c| c.to_ascii_lowercase()) {
            if matches!(c, '%' | '_' | '!') {
                pattern.push('!');
            }
            pattern.push(c);
        }
        pattern.push('%');
        pattern
    }
}

/// The newest ones of those from before this moment, or of it and listed after this id.
pub async fn list(
    conn: &mut Conn,
    wanted: &Wanted,
    (before, last): (i64, &str),
    limit: u32,
) -> Result<Vec<AuditRow>, StoreError> {
    let query = format!("SELECT * FROM audit WHERE {} ORDER BY at DESC, id DESC LIMIT $9", wanted.conditions());
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(query))
        .bind(wanted.since)
        .bind(if wanted.until == 0 { i64::MAX } else { wanted.until })
        .bind(before)
        .bind(last)
        .bind(&wanted.user)
        .bind(&wanted.action)
        .bind(&wanted.outcome)
        .bind(wanted.pattern())
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await?)
}
