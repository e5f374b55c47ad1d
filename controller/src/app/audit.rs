//! Who may do what, and the record of who did.

use super::pages::{Page, cut};
use super::{App, AppError};
pub use crate::store::audit::Wanted;
use crate::store::{self, Conn, audit::AuditRow};
use keepwatch_proto::WireError;
use keepwatch_proto::ids::JobId;
use std::str::FromStr;

/// Records on a page where nobody says how many.
const LISTED: u32 = 100;

/// What one of the staff may do. Each role may do what the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Look.
    Viewer,
    /// Scan, back up, restore, acknowledge.
    Operator,
    /// Everything: hosts, policies, signatures, users, keys.
    Administrator,
}

impl Role {
    /// The word for it, as stored and shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Administrator => "administrator",
        }
    }
}

impl FromStr for Role {
    type Err = WireError;
    fn from_str(text: &str) -> Result<Self, WireError> {
        [Self::Viewer, Self::Operator, Self::Administrator].into_iter().find(|r| r.word() == text).ok_or(WireError {
            field: "role",
            problem: format!("is none: '{}'; write viewer, operator or administrator", text.escape_debug()),
        })
    }
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Actor {
    /// Log-in name.
    pub user: String,
    /// What they may do.
    pub role: Role,
    /// Address that the request came from.
    pub origin: String,
}

/// What is recorded.
pub struct Deed<'a> {
    /// What was done: a verb and a noun.
    pub action: &'a str,
    /// To what.
    pub object: &'a str,
    /// With which particulars. Never a secret.
    pub detail: &'a str,
}

impl App {
    /// Lets pass whoever has at least this role; a refusal is recorded too.
    pub async fn demand(&self, actor: &Actor, role: Role, action: &str) -> Result<(), AppError> {
        if actor.role >= role {
            return Ok(());
        }
        self.refused(actor, action).await?;
        Err(AppError::Forbidden(format!(
            "this needs the role {}; '{}' is {}. Ask an administrator",
            role.word(),
            actor.user,
            actor.role.word()
        )))
    }

    /// Records what was done, in the transaction that does it.
    pub async fn record(&self, conn: &mut Conn, actor: &Actor, deed: &Deed<'_>) -> Result<(), AppError> {
        self.write(conn, actor, deed, "done").await
    }

    /// Records what somebody was not let do.
    pub(super) async fn refused(&self, actor: &Actor, action: &str) -> Result<(), AppError> {
        let mut tx = self.store.begin().await?;
        self.write(&mut tx, actor, &Deed { action, object: "", detail: "" }, "refused").await?;
        Ok(store::commit(tx).await?)
    }

    /// Records what is done elsewhere than in the database, before it is.
    pub(super) async fn record_now(&self, actor: &Actor, deed: &Deed<'_>) -> Result<(), AppError> {
        let mut tx = self.store.begin().await?;
        self.record(&mut tx, actor, deed).await?;
        Ok(store::commit(tx).await?)
    }

    async fn write(&self, conn: &mut Conn, actor: &Actor, deed: &Deed<'_>, outcome: &str) -> Result<(), AppError> {
        let row = AuditRow {
            // A job's id is a UUID of version 7 like any other.
            id: JobId::new(&self.clock).to_string(),
            at: self.now(),
            user_name: actor.user.clone(),
            action: deed.action.into(),
            object: deed.object.into(),
            detail: deed.detail.into(),
            origin: actor.origin.clone(),
            outcome: outcome.into(),
        };
        Ok(store::audit::insert(conn, &row).await?)
    }

    /// One page of the records, the newest first, and where the next begins; empty: there is none.
    pub async fn audit(&self, actor: &Actor, page: &Page) -> Result<(Vec<AuditRow>, String), AppError> {
        self.audit_of(actor, &Wanted::default(), page).await
    }

    /// The same of those that are looked for.
    pub async fn audit_of(
        &self,
        actor: &Actor,
        wanted: &Wanted,
        page: &Page,
    ) -> Result<(Vec<AuditRow>, String), AppError> {
        self.demand(actor, Role::Administrator, "audit list").await?;
        let (size, (before, last)) = (page.size(LISTED), page.place()?);
        let mut conn = self.store.read().await?;
        let rows = store::audit::list(&mut conn, wanted, (before, &last), size + 1).await?;
        Ok(cut(rows, size, |row| (row.at, row.id.clone())))
    }

    /// Records that somebody takes records away in a file, before they get it.
    pub async fn begin_audit_export(&self, actor: &Actor) -> Result<(), AppError> {
        self.demand(actor, Role::Administrator, "audit export").await?;
        self.record_now(actor, &Deed { action: "audit export", object: "", detail: "" }).await
    }
}
