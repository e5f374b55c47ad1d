//! `groups`: the tree of departments and sites.

use super::placement::{RuleView, Rules};
use super::policies::{ChangeView, FieldView};
use super::report::ReportView;
use super::tokens::TokenView;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::{Card, Row};
use crate::show;
use crate::watch::{self, Refresh};
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
    /// Show how the PCs of each group are, with those of all groups below it
    Health {
        /// Only this group and those below it
        #[arg(default_value = "", hide_default_value = true)]
        group: String,
        #[command(flatten)]
        refresh: Refresh,
    },
    /// Make a group, which inherits its parent's policy
    Create {
        /// Its name, its own among the groups beside it
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
    /// Call a group otherwise; what holds for it and who is in it stays
    Rename {
        /// The group
        group: String,
        /// Its new name; its place in the tree stays
        name: String,
    },
    /// Show all that is known of one group: its place, its PCs, what its policy sets and what holds
    Show {
        /// The group; the topmost if left out
        #[arg(default_value = "", hide_default_value = true)]
        group: String,
    },
    /// Say which group hosts belong to by what they are, and move them there
    Rules(Rules),
    /// Remove a group that no host, no group, no rule and no usable token belongs to
    Remove {
        /// The group
        group: String,
    },
}

#[derive(Debug, Serialize)]
struct GroupView {
    name: String,
    path: String,
    parent: Option<String>,
    hosts: u32,
    own_policy: bool,
}

impl From<wire::Group> for GroupView {
    fn from(group: wire::Group) -> Self {
        let wire::Group { name, path, parent, hosts, own_policy } = group;
        Self { name, path, parent: show::some(parent), hosts, own_policy }
    }
}

impl Row for GroupView {
    const HEADER: &'static [&'static str] = &["GROUP", "HOSTS", "OWN POLICY"];
    fn cells(&self) -> Vec<String> {
        vec![self.path.clone(), self.hosts.to_string(), show::yes(self.own_policy)]
    }
}

/// A group's PCs, with those of all groups below it.
#[derive(Debug, Serialize)]
struct HealthView {
    group: String,
    parent: Option<String>,
    depth: u32,
    own_hosts: u32,
    figures: ReportView,
}

impl From<wire::GroupHealthReply> for HealthView {
    fn from(reply: wire::GroupHealthReply) -> Self {
        let wire::GroupHealthReply { group, parent, depth, own_hosts, figures } = reply;
        Self { group, parent: show::some(parent), depth, own_hosts, figures: figures.unwrap_or_default().into() }
    }
}

/// Levels that are set off from one another in a table.
const STEPS: u32 = 8;

impl Row for HealthView {
    const HEADER: &'static [&'static str] = &[
        "GROUP",
        "HOSTS",
        "PROTECTED",
        "ATTENTION",
        "AT RISK",
        "UNKNOWN",
        "OF THE UNKNOWN",
        "DETECTIONS",
        "REPOSITORIES",
    ];
    fn cells(&self) -> Vec<String> {
        let step = "  ".repeat(self.depth.min(STEPS) as usize);
        // What is above it stands above it.
        let above = self.parent.as_ref().map(|parent| format!("{parent}/")).unwrap_or_default();
        let name = self.group.strip_prefix(&above).unwrap_or(&self.group);
        std::iter::once(format!("{step}{name}")).chain(self.figures.cells()).collect()
    }
}

/// One group with all that is known of it.
#[derive(Debug, Serialize)]
struct GroupCard {
    group: GroupView,
    children: Vec<String>,
    figures: ReportView,
    /// Fields that its own document sets.
    sets: Vec<String>,
    fields: Vec<FieldView>,
    tokens: Vec<TokenView>,
    rules: Vec<RuleView>,
}

impl From<wire::GroupDetails> for GroupCard {
    fn from(details: wire::GroupDetails) -> Self {
        let wire::GroupDetails { group, children, figures, sets, fields, tokens, rules } = details;
        Self {
            group: group.unwrap_or_default().into(),
            children,
            figures: figures.unwrap_or_default().into(),
            sets,
            fields: fields.into_iter().map(Into::into).collect(),
            tokens: tokens.into_iter().map(Into::into).collect(),
            rules: rules.into_iter().map(Into::into).collect(),
        }
    }
}

impl Card for GroupCard {
    fn lines(&self) -> Vec<(&'static str, String)> {
        let inherited = self.fields.iter().filter(|field| field.is_set()).map(FieldView::in_words);
        let mut lines = vec![
            ("group", self.group.path.clone()),
            ("parent", show::or_dash(self.group.parent.as_ref())),
            ("children", show::or_dash(show::some(self.children.join(", ")).as_ref())),
            ("own hosts", self.group.hosts.to_string()),
        ];
        // What is counted is of all below it too; that it is of this moment needs no word.
        lines.extend(self.figures.lines().into_iter().filter(|(label, _)| *label != "at"));
        lines.push(("sets", show::or_dash(show::some(self.sets.join(", ")).as_ref())));
        lines.extend(inherited.map(|field| ("holds", field)));
        lines.extend(self.tokens.iter().map(|token| ("token", token.in_words())));
        lines.extend(self.rules.iter().map(|rule| ("rule", rule.in_words())));
        lines
    }
}

async fn health(context: &Context, group: &str) -> Result<(), Failure> {
    let group = wire::GroupName { group: group.to_owned() };
    let groups = context.figures().await?.group_health(group).await?.into_inner().groups;
    let views: Vec<HealthView> = groups.into_iter().map(Into::into).collect();
    context.output.list(&views, "There is no group yet.")
}

impl Groups {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let action = self.action.unwrap_or(Action::List);
        let groups = match action {
            Action::Health { group, refresh } => {
                return watch::again(context, refresh, async || health(context, &group).await).await;
            }
            Action::List => context.staff().await?.list_groups(wire::Empty {}).await?.into_inner().groups,
            Action::Create { name, parent } => {
                vec![context.staff().await?.create_group(wire::CreateGroupRequest { name, parent }).await?.into_inner()]
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
            Action::Rules(command) => return command.run(context).await,
            Action::Rename { group, name } => {
                let request = wire::RenameGroupRequest { group: group.clone(), name };
                let path = context.plans().await?.rename_group(request).await?.into_inner().group;
                context.output.note(&format!("'{group}' is '{path}' now."));
                return Ok(Outcome::Done);
            }
            Action::Show { group } => {
                let details = context.plans().await?.show_group(wire::GroupName { group }).await?.into_inner();
                context.output.card(&GroupCard::from(details))?;
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
        let (name, path) = ("税务局".into(), "东区/税务局".into());
        let group = wire::Group { name, path, parent: "东区".into(), hosts: 2, own_policy: true };
        assert_eq!(
            serde_json::to_value(GroupView::from(group)).unwrap(),
            json!({"name": "税务局", "path": "东区/税务局", "parent": "东区", "hosts": 2, "own_policy": true})
        );
        assert_eq!(GroupView::from(wire::Group::default()).parent, None);
    }

    #[test]
    fn a_group_is_shown_with_what_it_sets_and_what_others_set_for_it() {
        let field = |field: &str, origin: &str| wire::PolicyField {
            field: field.into(),
            value: "2".into(),
            origin: origin.into(),
            ..Default::default()
        };
        let card = GroupCard::from(wire::GroupDetails {
            group: Some(wire::Group {
                path: "City/East".into(),
                parent: "City".into(),
                hosts: 1,
                ..Default::default()
            }),
            figures: Some(wire::FleetReportReply { at: 1, hosts: 7, ..Default::default() }),
            sets: vec!["scan.threads".into()],
            fields: vec![
                field("scan.threads", "City/East"),
                field("backup.quota_gib", "City"),
                field("scan.unpack", ""),
            ],
            ..Default::default()
        });
        let lines = card.lines();
        let of = |label: &str| lines.iter().filter(|(l, _)| *l == label).map(|(_, v)| v.as_str()).collect::<Vec<_>>();
        assert_eq!((of("group"), of("parent"), of("children")), (vec!["City/East"], vec!["City"], vec!["-"]));
        assert_eq!((of("own hosts"), of("hosts"), of("at")), (vec!["1"], vec!["7"], vec![]));
        assert_eq!(of("holds"), ["scan.threads = 2 (City/East)", "backup.quota_gib = 2 (City)"]);
    }

    #[test]
    fn a_groups_health_is_figures_below_its_name() {
        let figures = wire::FleetReportReply { hosts: 7, unknown: 3, away: 2, lost: 1, ..Default::default() };
        let reply = wire::GroupHealthReply {
            group: "东区".into(),
            parent: "all".into(),
            depth: 1,
            own_hosts: 4,
            figures: Some(figures),
        };
        let view = HealthView::from(reply);
        assert_eq!(view.cells()[..2], ["  东区", "7"]);
        assert_eq!(view.cells()[6], "2 away, 1 lost");
        let json = serde_json::to_value(view).unwrap();
        assert_eq!((&json["group"], &json["parent"], &json["depth"]), (&json!("东区"), &json!("all"), &json!(1)));
        assert_eq!((&json["own_hosts"], &json["figures"]["hosts"]), (&json!(4), &json!(7)));
    }
}
