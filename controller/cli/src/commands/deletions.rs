//! `hosts delete-repository`, `hosts deletions`: a host's backups go when two administrators want
//! it and a waiting time has passed.

use crate::ask;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::Row;
use crate::show;
use chrono::{DateTime, Utc};
use clap::ValueEnum;
use keepwatch_proto::wire::staff as wire;
use serde::Serialize;

/// Have a host's backups deleted: one administrator asks, another approves, and days later they go
#[derive(Debug, clap::Args)]
pub(crate) struct DeleteRepository {
    /// Name or id of the host, which must be cut off
    host: String,
    /// Left out: ask for it
    #[arg(value_enum, conflicts_with = "reason")]
    step: Option<Step>,
    /// Why; whoever approves it reads this
    #[arg(long, required_unless_present = "step")]
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Step {
    /// Agree with who asked, as another administrator
    Approve,
    /// Have it not done; any administrator can, until it begins
    CallOff,
}

/// One of them, for people and programs.
#[derive(Debug, Serialize)]
pub(crate) struct DeletionView {
    host: String,
    host_name: String,
    state: String,
    reason: String,
    asked_by: String,
    asked: Option<DateTime<Utc>>,
    approved_by: Option<String>,
    approved: Option<DateTime<Utc>>,
    due: Option<DateTime<Utc>>,
    done: Option<DateTime<Utc>>,
}

impl From<wire::Deletion> for DeletionView {
    fn from(deletion: wire::Deletion) -> Self {
        let wire::Deletion { host, host_name, state, reason, asked_by, asked, approved_by, approved, due, done } =
            deletion;
        Self {
            host,
            host_name,
            state,
            reason,
            asked_by,
            asked: show::time(asked),
            approved_by: show::some(approved_by),
            approved: show::time(approved),
            due: show::time(due),
            done: show::time(done),
        }
    }
}

impl Row for DeletionView {
    const HEADER: &'static [&'static str] =
        &["HOST", "STATE", "ASKED BY", "ASKED", "APPROVED BY", "DUE", "DELETED", "WHY", "ID"];
    fn cells(&self) -> Vec<String> {
        vec![
            self.host_name.clone(),
            self.state.clone(),
            self.asked_by.clone(),
            show::when(self.asked),
            show::or_dash(self.approved_by.as_ref()),
            show::when(self.due),
            show::when(self.done),
            self.reason.clone(),
            self.host.clone(),
        ]
    }
}

impl DeletionView {
    /// In a few words, for all that is known of the host.
    pub(crate) fn in_words(&self) -> String {
        let asked = format!("asked for by {} on {}: {}", self.asked_by, show::when(self.asked), self.reason);
        match (&self.approved_by, self.done) {
            (_, Some(_)) => format!("deleted on {}; {asked}", show::when(self.done)),
            (Some(by), None) => format!("due on {}, approved by {by}; {asked}", show::when(self.due)),
            (None, None) => format!("not approved yet; {asked}"),
        }
    }
}

impl DeleteRepository {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let Self { host, step, reason } = self;
        let mut staff = context.staff().await?;
        let name = wire::HostName { host: host.clone() };
        match step {
            None => {
                let reason = reason.unwrap_or_default();
                staff.ask_deletion(wire::AskDeletionRequest { host: host.clone(), reason }).await?;
                context.output.note(&format!(
                    "Nothing is done yet: another administrator must say 'keepwatch hosts delete-repository {host} approve'."
                ));
            }
            Some(Step::Approve) => {
                ask::confirm(context, &format!("Agree that all backups of {host} are deleted?")).await?;
                let deletion = DeletionView::from(staff.approve_deletion(name).await?.into_inner());
                context.output.note(&format!(
                    "All backups of {host} go on {}. Until then: 'keepwatch hosts delete-repository {host} call-off'.",
                    show::when(deletion.due)
                ));
            }
            Some(Step::CallOff) => {
                staff.call_off_deletion(name).await?;
                context.output.note(&format!("The backups of {host} stay."));
            }
        }
        Ok(Outcome::Done)
    }
}

/// Lists all of them.
pub(crate) async fn list(context: &Context) -> Result<Outcome, Failure> {
    let deletions = context.staff().await?.list_deletions(wire::Empty {}).await?.into_inner().deletions;
    let views: Vec<DeletionView> = deletions.into_iter().map(Into::into).collect();
    context.output.list(&views, "No host's backups are to be deleted.")?;
    Ok(Outcome::Done)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn its_json_is_what_scripts_rely_on() {
        let asked = wire::Deletion { host: "1".into(), asked_by: "ann".into(), asked: 1, ..Default::default() };
        let view = DeletionView::from(asked);
        assert!(view.in_words().starts_with("not approved yet; asked for by ann"));
        assert_eq!(
            serde_json::to_value(view).unwrap(),
            serde_json::json!({
                "host": "1", "host_name": "", "state": "", "reason": "", "asked_by": "ann",
                "asked": "1970-01-01T00:00:01Z", "approved_by": null, "approved": null, "due": null, "done": null
            })
        );
    }
}
