//! `groups`: the tree of departments and sites.

use super::policies::ChangeView;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::Row;
use crate::show;
use keepwatch_proto::wire::staff as wire;
use serde::Serialize;

/// The tree of departments and sites.
#[derive(Debug, clap::Args)]
pub(crate) struct Groups {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List all groups (the default)
    List,
    /// Make a group, which inherits its parent's policy
    Create {
        /// Its name
        name: String,
        /// The group it belongs to; the topmost if left out
        #[arg(long, default_value = "", hide_default_value = true)]
        parent: String,
    },
    /// Move a group below another, with all that is below it; its hosts follow what holds there
    Move {
        /// The group
        group: String,
        /// The group that it belongs to from now on; the topmost if left out
        #[arg(long, default_value = "", hide_default_value = true)]
        to: String,
        /// Only show which hosts' policy would change, and how
        #[arg(long)]
        dry_run: bool,
    },
    /// Remove a group that no host, no group and no usable token belongs to
    Remove {
        /// The group
        group: String,
    },
}

#[derive(Debug, Serialize)]
struct GroupView {
    name: String,
    parent: Option<String>,
    hosts: u32,
    own_policy: bool,
}

impl From<wire::Group> for GroupView {
    fn from(group: wire::Group) -> Self {
        let wire::Group { name, parent, hosts, own_policy } = group;
        Self { name, parent: show::some(parent), hosts, own_policy }
    }
}

impl Row for GroupView {
    const HEADER: &'static [&'static str] = &["NAME", "PARENT", "HOSTS", "OWN POLICY"];
    fn cells(&self) -> Vec<String> {
        vec![self.name.clone(), show::or_dash(self.parent.as_ref()), self.hosts.to_string(), show::yes(self.own_policy)]
    }
}

impl Groups {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let mut staff = context.staff().await?;
        let groups = match self.action.unwrap_or(Action::List) {
            Action::List => staff.list_groups(wire::Empty {}).await?.into_inner().groups,
            Action::Create { name, parent } => {
                vec![staff.create_group(wire::CreateGroupRequest { name, parent }).await?.into_inner()]
            }
            Action::Move { group, to, dry_run } => {
                let request = wire::MoveGroupRequest { group: group.clone(), parent: to, dry_run };
                let effects = context.plans().await?.move_group(request).await?.into_inner().effects;
                let changes: Vec<ChangeView> = effects.into_iter().flat_map(ChangeView::of).collect();
                context.output.list(&changes, "No host's policy changes.")?;
                let done = if dry_run { "was not moved: this only shows what would change" } else { "has moved" };
                context.output.note(&format!("'{group}' {done}."));
                return Ok(Outcome::Done);
            }
            Action::Remove { group } => {
                context.plans().await?.remove_group(wire::GroupName { group: group.clone() }).await?;
                context.output.note(&format!("'{group}' is gone, with the policy of its own that it had."));
                return Ok(Outcome::Done);
            }
        };
        let views: Vec<GroupView> = groups.into_iter().map(Into::into).collect();
        context.output.list(&views, "There is no group yet.")?;
        Ok(Outcome::Done)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn its_json_is_what_scripts_rely_on() {
        let group = wire::Group { name: "税务局".into(), parent: String::new(), hosts: 2, own_policy: true };
        assert_eq!(
            serde_json::to_value(GroupView::from(group)).unwrap(),
            json!({"name": "税务局", "parent": null, "hosts": 2, "own_policy": true})
        );
    }
}
