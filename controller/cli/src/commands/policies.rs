//! `policies`: what groups' hosts must do, as YAML files, a document a group.

mod files;
mod views;

use crate::ask;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use keepwatch_proto::policy::Document;
use keepwatch_proto::wire::staff as wire;
use views::{AppliedView, EditionView, HourView, PolicyView};
pub(super) use views::{ChangeView, FieldView};

/// What groups' hosts must do.
#[derive(Debug, clap::Args)]
pub(crate) struct Policies {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Print a group's own document, as YAML to edit and apply
    Get {
        /// The group
        group: String,
    },
    /// Show what holds for a group or a host, field by field, and where each comes from
    Effective {
        /// The group; the topmost if left out
        #[arg(default_value = "", hide_default_value = true)]
        group: String,
        /// A host, by name or id, in place of a group
        #[arg(long, conflicts_with = "group", default_value = "", hide_default_value = true)]
        host: String,
    },
    /// Put documents in place: all of them, or none if one is wrong
    ///
    /// A document says only what its group changes; all else is as the groups above have it. It
    /// begins with a line 'group: NAME', unless the group is named here. What is in place already
    /// changes nothing, so a folder under version control can be applied again and again.
    Apply {
        #[command(flatten)]
        files: files::Files,
        /// Only if this is still the revision in force, as 'policies get' said it; so that two
        /// people who edit at once do not undo each other's work
        #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
        revision: u64,
        /// Only show which hosts would change, and how
        #[arg(long)]
        dry_run: bool,
    },
    /// Show which hosts documents would change, and how; nothing is put in place
    Diff {
        #[command(flatten)]
        files: files::Files,
    },
    /// List who changed a group's document when, or print an older one
    History {
        /// The group
        group: String,
        /// The revision to print
        #[arg(long, value_name = "N")]
        revision: Option<u64>,
    },
    /// Show what the hosts of a group would do when, hour by hour
    Simulate {
        /// The group, with those below it; all if left out
        #[arg(default_value = "", hide_default_value = true)]
        group: String,
        /// For how many days from now
        #[arg(long, default_value_t = 14)]
        days: u32,
    },
}

impl Policies {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        match self.action {
            Action::Get { group } => get(context, group).await,
            Action::Effective { group, host } => {
                let reply = context.plans().await?.effective_policy(wire::PolicyOf { group, host }).await?.into_inner();
                context.output.note(&format!("# what holds in '{}'", reply.group));
                let rows: Vec<FieldView> = reply.fields.into_iter().map(Into::into).collect();
                context.output.list(&rows, "Nothing holds.")?;
                Ok(Outcome::Done)
            }
            Action::Apply { files, revision, dry_run } => apply(context, files, revision, dry_run).await,
            Action::Diff { files } => apply(context, files, 0, true).await,
            Action::History { group, revision } => history(context, group, revision).await,
            Action::Simulate { group, days } => {
                let request = wire::SimulateRequest { group, days };
                let reply = context.plans().await?.simulate(request).await?.into_inner();
                let rows: Vec<HourView> = reply.hours.into_iter().map(Into::into).collect();
                context.output.list(&rows, "Nothing would begin by itself.")?;
                context.output.note(&format!("# {} hosts, {days} days", reply.hosts));
                if reply.left_out > 0 {
                    let text = format!("# {} schedules have more runs than are counted here", reply.left_out);
                    context.output.note(&text);
                }
                Ok(Outcome::Done)
            }
        }
    }
}

async fn get(context: &Context, group: String) -> Result<Outcome, Failure> {
    let mut staff = context.staff().await?;
    let policy = PolicyView::from(staff.get_policy(wire::GroupName { group }).await?.into_inner());
    let PolicyView { group, revision, .. } = &policy;
    if policy.yaml.is_empty() {
        context.output.note(&format!(
            "# '{group}' changes nothing of what it inherits; 'keepwatch policies effective {group}' shows what holds"
        ));
    }
    context.output.document(&Document::text(group, *revision, &policy.yaml), &policy)?;
    Ok(Outcome::Done)
}

async fn apply(context: &Context, files: files::Files, base: u64, dry_run: bool) -> Result<Outcome, Failure> {
    let documents = files.read(base).await?;
    let mut plans = context.plans().await?;
    if !dry_run && !context.yes && ask::is_possible() {
        let request = wire::ApplyPoliciesRequest { documents: documents.clone(), dry_run: true };
        let effects = plans.apply_policies(request).await?.into_inner().effects;
        let count: usize = effects.iter().map(|effect| effect.hosts.len()).sum();
        if count > 1 {
            let groups = effects.iter().map(|effect| effect.group.as_str()).collect::<Vec<_>>().join(", ");
            ask::confirm(context, &format!("This would change {count} PCs: {groups}. Go on?")).await?;
        }
    }
    let request = wire::ApplyPoliciesRequest { documents, dry_run };
    let reply = plans.apply_policies(request).await?.into_inner();
    let hosts: usize = reply.effects.iter().map(|effect| effect.hosts.len()).sum();
    let applied: Vec<AppliedView> = reply.documents.into_iter().map(Into::into).collect();
    let changes: Vec<ChangeView> = reply.effects.into_iter().flat_map(ChangeView::of).collect();
    context.output.list(&changes, "No host's policy changes.")?;
    let changed = applied.iter().filter(|document| document.changed).count();
    let will = if dry_run { "would change" } else { "changed" };
    context.output.note(&format!("{changed} of {} documents {will}; they concern {hosts} hosts.", applied.len()));
    for AppliedView { group, revision, .. } in applied.iter().filter(|document| document.changed && !dry_run) {
        context.output.note(&format!("'{group}' is at revision {revision}; its hosts hear of it at once."));
    }
    Ok(Outcome::Done)
}

async fn history(context: &Context, group: String, revision: Option<u64>) -> Result<Outcome, Failure> {
    let mut plans = context.plans().await?;
    let reply = plans.policy_history(wire::GroupName { group: group.clone() }).await?.into_inner();
    let editions: Vec<EditionView> = reply.editions.into_iter().map(Into::into).collect();
    let Some(revision) = revision else {
        context.output.list(&editions, "Nobody has given this group a document of its own.")?;
        return Ok(Outcome::Done);
    };
    let edition = editions.iter().find(|edition| edition.revision == revision).ok_or_else(|| {
        Failure::Usage(format!("there is no revision {revision}; 'keepwatch policies history {group}' lists them"))
    })?;
    context.output.document(&edition.yaml, edition)?;
    Ok(Outcome::Done)
}
