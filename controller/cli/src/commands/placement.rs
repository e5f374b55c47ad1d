//! `groups rules`: which group hosts belong to by what they are.

use crate::ask;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::Row;
use crate::show;
use keepwatch_proto::wire::staff as wire;
use serde::Serialize;

/// Rules that say which group hosts belong to by what they are.
#[derive(Debug, clap::Args)]
pub(super) struct Rules {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List all rules in their order (the default)
    List,
    /// Add a rule: all conditions that it sets must hold, and of all rules the first that fits decides
    Add(Add),
    /// Remove a rule; hosts that it has moved stay where they are
    Remove {
        /// Its order, as 'groups rules' shows it
        order: u32,
    },
    /// Move every host that is not placed by hand to where the first rule that fits it leads
    Apply {
        /// Only show who would move
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, clap::Args)]
struct Add {
    /// Pattern of the host's name, with * and ?
    #[arg(long, value_name = "PATTERN", default_value = "", hide_default_value = true)]
    name: String,
    /// Network that one of the host's addresses is in, such as 10.1.0.0/16
    #[arg(long, value_name = "NETWORK", default_value = "", hide_default_value = true)]
    network: String,
    /// The host's system: linux or windows
    #[arg(long, default_value = "", hide_default_value = true)]
    system: String,
    /// The group that it leads to
    #[arg(long, value_name = "GROUP")]
    to: String,
    /// Its place among the rules, 1 first; the last if left out
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    order: u32,
}

/// One rule.
#[derive(Debug, Serialize)]
pub(super) struct RuleView {
    order: u32,
    name: Option<String>,
    network: Option<String>,
    system: Option<String>,
    group: String,
}

impl From<wire::PlacementRule> for RuleView {
    fn from(rule: wire::PlacementRule) -> Self {
        let wire::PlacementRule { order, name, network, system, group } = rule;
        Self { order, name: show::some(name), network: show::some(network), system: show::some(system), group }
    }
}

impl RuleView {
    /// On one line: its order, and what it asks.
    pub(super) fn in_words(&self) -> String {
        let asks = [("name", &self.name), ("network", &self.network), ("system", &self.system)];
        let asks = asks.into_iter().filter_map(|(word, value)| Some(format!("{word} {}", value.as_ref()?)));
        format!("{}: {}", self.order, asks.collect::<Vec<_>>().join(", "))
    }
}

impl Row for RuleView {
    const HEADER: &'static [&'static str] = &["ORDER", "NAME", "NETWORK", "SYSTEM", "GROUP"];
    fn cells(&self) -> Vec<String> {
        let [name, network, system] =
            [&self.name, &self.network, &self.system].map(|value| show::or_dash(value.as_ref()));
        vec![self.order.to_string(), name, network, system, self.group.clone()]
    }
}

/// A host that a rule moves.
#[derive(Debug, Serialize)]
struct MoveView {
    host: String,
    host_name: String,
    from: String,
    to: String,
    rule: u32,
}

impl From<wire::Placement> for MoveView {
    fn from(placement: wire::Placement) -> Self {
        let wire::Placement { host, host_name, from, to, rule } = placement;
        Self { host, host_name, from, to, rule }
    }
}

impl Row for MoveView {
    const HEADER: &'static [&'static str] = &["HOST", "FROM", "TO", "RULE", "ID"];
    fn cells(&self) -> Vec<String> {
        vec![self.host_name.clone(), self.from.clone(), self.to.clone(), self.rule.to_string(), self.host.clone()]
    }
}

fn moved(context: &Context, moves: Vec<wire::Placement>) -> Result<(), Failure> {
    let views: Vec<MoveView> = moves.into_iter().map(Into::into).collect();
    context.output.list(&views, "No host moves.")
}

/// Lets rules move hosts again.
pub(super) async fn unpin(context: &Context, hosts: Vec<String>) -> Result<Outcome, Failure> {
    let request = wire::HostNames { hosts: hosts.clone() };
    let moves = context.plans().await?.unpin_hosts(request).await?.into_inner().moves;
    moved(context, moves)?;
    context.output.note(&format!("Rules may move {} again.", hosts.join(", ")));
    Ok(Outcome::Done)
}

impl Rules {
    pub(super) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let mut plans = context.plans().await?;
        match self.action.unwrap_or(Action::List) {
            Action::List => {
                let rules = plans.list_rules(wire::Empty {}).await?.into_inner().rules;
                let views: Vec<RuleView> = rules.into_iter().map(Into::into).collect();
                context.output.list(&views, "There is no rule; add one with 'keepwatch groups rules add'.")?;
            }
            Action::Add(Add { name, network, system, to, order }) => {
                let rule = wire::PlacementRule { order, name, network, system, group: to };
                let added = plans.add_rule(rule).await?.into_inner();
                context.output.list(&[RuleView::from(added)], "")?;
                context.output.note(
                    "Nobody moves by it until the facts of a host change; 'keepwatch groups rules apply --dry-run' shows who would.",
                );
            }
            Action::Remove { order } => {
                plans.remove_rule(wire::RuleOrder { order }).await?;
                context.output.note(&format!("Rule {order} is gone; hosts that it has moved stay where they are."));
            }
            Action::Apply { dry_run } => {
                if !dry_run {
                    let question = "Move all hosts by the rules that are not placed by hand? \
                                    'keepwatch groups rules apply --dry-run' shows them.";
                    ask::confirm(context, question).await?;
                }
                let moves = plans.apply_rules(wire::ApplyRulesRequest { dry_run }).await?.into_inner().moves;
                moved(context, moves)?;
                if dry_run {
                    context.output.note("Nobody was moved: this only shows who would be.");
                }
            }
        }
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
        let rule =
            wire::PlacementRule { order: 10, name: "FIN-*".into(), group: "City/East".into(), ..Default::default() };
        let view = RuleView::from(rule);
        assert_eq!(view.in_words(), "10: name FIN-*");
        assert_eq!(
            serde_json::to_value(view).unwrap(),
            json!({"order": 10, "name": "FIN-*", "network": null, "system": null, "group": "City/East"})
        );
        let placement = wire::Placement { host: "1".into(), host_name: "PC".into(), rule: 10, ..Default::default() };
        assert_eq!(
            serde_json::to_value(MoveView::from(placement)).unwrap(),
            json!({"host": "1", "host_name": "PC", "from": "", "to": "", "rule": 10})
        );
    }
}
