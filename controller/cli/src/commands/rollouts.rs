//! `rollouts`: how a bundle of signatures spreads through the fleet, ring by ring.

use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::{Card, Row};
use crate::{ask, show, watch};
use chrono::{DateTime, Utc};
use keepwatch_proto::wire::staff as wire;
use serde::Serialize;

/// How new signatures spread through the fleet, ring by ring
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Rollouts {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, clap::Args)]
struct List {
    /// At most so many, the newest first
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    refresh: watch::Refresh,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the published bundles and how far each has come (the default)
    List(List),
    /// Show how one bundle stands, by ring and by group, and which hosts refused it
    Show {
        /// Its version
        version: u64,
    },
    /// Let a bundle go no further; hosts that have it keep it
    Halt {
        /// Its version
        version: u64,
        /// Why; kept in the audit log and shown to others
        #[arg(long)]
        reason: String,
    },
    /// Let a halted bundle go on; refusals up to now do not halt it again
    Resume {
        /// Its version
        version: u64,
    },
    /// Give a bundle to every ring at once; asks first
    Now {
        /// Its version
        version: u64,
    },
}

/// A bundle's way, for people and programs.
#[derive(Debug, Serialize)]
struct RolloutView {
    version: u64,
    published: Option<DateTime<Utc>>,
    published_by: String,
    state: String,
    halted: Option<DateTime<Utc>>,
    halted_by: Option<String>,
    halted_why: Option<String>,
    everywhere: Option<DateTime<Utc>>,
    have: u32,
    offered: u32,
    wait: u32,
    refused: u32,
    passed: u32,
    rings: Vec<RingView>,
}

/// One ring, or one group of it.
#[derive(Debug, Serialize)]
struct RingView {
    group: Option<String>,
    after_hours: u32,
    due: Option<DateTime<Utc>>,
    have: u32,
    offered: u32,
    wait: u32,
    refused: u32,
    passed: u32,
}

/// A host that refused it.
#[derive(Debug, Serialize)]
struct RefusedView {
    host: String,
    host_name: String,
    group: String,
    at: Option<DateTime<Utc>>,
    reason: String,
}

/// A bundle's way in full.
#[derive(Debug, Serialize)]
struct RolloutInFullView {
    #[serde(flatten)]
    rollout: RolloutView,
    groups: Vec<RingView>,
    refused_by: Vec<RefusedView>,
}

impl From<wire::Rollout> for RolloutView {
    fn from(rollout: wire::Rollout) -> Self {
        let hosts = rollout.hosts.unwrap_or_default();
        Self {
            version: rollout.version,
            published: show::time(rollout.published),
            published_by: rollout.published_by,
            state: rollout.state,
            halted: show::time(rollout.halted),
            halted_by: show::some(rollout.halted_by),
            halted_why: show::some(rollout.halted_why),
            everywhere: show::time(rollout.everywhere),
            have: hosts.have,
            offered: hosts.offered,
            wait: hosts.wait,
            refused: hosts.refused,
            passed: hosts.passed,
            rings: rollout.rings.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<wire::Ring> for RingView {
    fn from(ring: wire::Ring) -> Self {
        let hosts = ring.hosts.unwrap_or_default();
        Self {
            group: show::some(ring.group),
            after_hours: ring.after_hours,
            due: show::time(ring.due),
            have: hosts.have,
            offered: hosts.offered,
            wait: hosts.wait,
            refused: hosts.refused,
            passed: hosts.passed,
        }
    }
}

impl RingView {
    /// How it stands with it, in a sentence.
    fn sentence(&self) -> String {
        let Self { after_hours, have, offered, wait, refused, passed, .. } = self;
        let figures = format!(
            "{have} have it, {offered} have not answered, {wait} wait, {refused} refused it, {passed} have newer ones"
        );
        match &self.group {
            Some(group) => format!("{group}, after {after_hours} hours: {figures}"),
            None => format!("after {after_hours} hours: {figures}"),
        }
    }
}

impl From<wire::RolloutInFull> for RolloutInFullView {
    fn from(whole: wire::RolloutInFull) -> Self {
        let refused = |by: wire::RefusedBundle| {
            let wire::RefusedBundle { host, host_name, group, at, reason } = by;
            RefusedView { host, host_name, group, at: show::time(at), reason }
        };
        Self {
            rollout: whole.rollout.unwrap_or_default().into(),
            groups: whole.groups.into_iter().map(Into::into).collect(),
            refused_by: whole.refused.into_iter().map(refused).collect(),
        }
    }
}

impl Row for RolloutView {
    const HEADER: &'static [&'static str] =
        &["VERSION", "PUBLISHED", "STATE", "HAVE IT", "NOT ANSWERED", "WAIT", "REFUSED", "WHY"];
    fn cells(&self) -> Vec<String> {
        vec![
            self.version.to_string(),
            show::when(self.published),
            self.state.clone(),
            self.have.to_string(),
            self.offered.to_string(),
            self.wait.to_string(),
            self.refused.to_string(),
            show::or_dash(self.halted_why.as_ref()),
        ]
    }
}

impl Card for RolloutInFullView {
    fn lines(&self) -> Vec<(&'static str, String)> {
        let it = &self.rollout;
        let mut lines = vec![
            ("version", it.version.to_string()),
            ("published", show::when(it.published)),
            ("published by", it.published_by.clone()),
            ("state", it.state.clone()),
        ];
        if let (Some(by), Some(why)) = (&it.halted_by, &it.halted_why) {
            lines.push(("halted", show::when(it.halted)));
            lines.push(("halted by", by.clone()));
            lines.push(("reason", why.clone()));
        }
        if it.everywhere.is_some() {
            lines.push(("every ring since", show::when(it.everywhere)));
        }
        lines.extend(it.rings.iter().map(|ring| ("ring", ring.sentence())));
        lines.extend(self.groups.iter().map(|group| ("in group", group.sentence())));
        lines.extend(
            self.refused_by.iter().map(|by| ("refused", format!("{} ({}): {}", by.host_name, by.group, by.reason))),
        );
        lines
    }
}

impl Rollouts {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let of = |version| wire::RolloutOf { version };
        let mut rollouts = context.rollouts().await?;
        let whole = match self.action.unwrap_or(Action::List(self.list)) {
            Action::List(list) => return list.run(context).await,
            Action::Show { version } => rollouts.get_rollout(of(version)).await?,
            Action::Halt { version, reason } => {
                rollouts.halt_rollout(wire::HaltRolloutRequest { version, reason }).await?
            }
            Action::Resume { version } => rollouts.resume_rollout(of(version)).await?,
            Action::Now { version } => {
                let hosts = rollouts.get_rollout(of(version)).await?.into_inner().rollout.and_then(|it| it.hosts);
                let wait = hosts.unwrap_or_default().wait;
                ask::confirm(
                    context,
                    &format!("Give bundle {version} to every ring at once? PCs that wait for it: {wait}."),
                )
                .await?;
                rollouts.spread_now(of(version)).await?
            }
        };
        context.output.card(&RolloutInFullView::from(whole.into_inner()))?;
        Ok(Outcome::Done)
    }
}

impl List {
    async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        watch::again(context, self.refresh, async || {
            let request = wire::ListRolloutsRequest { limit: self.limit };
            let answer = context.rollouts().await?.list_rollouts(request).await?.into_inner();
            let views: Vec<RolloutView> = answer.rollouts.into_iter().map(Into::into).collect();
            context
                .output
                .list(&views, "No rules are published yet; do so with 'keepwatch signatures import PATH'.")?;
            if answer.more {
                context.output.note(&format!("Only the newest {} are shown; --limit N shows more.", self.limit));
            }
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn its_json_is_what_scripts_rely_on() {
        let ring = wire::Ring { after_hours: 24, due: 1, ..Default::default() };
        let rollout = wire::Rollout { version: 7, state: "spreading".into(), rings: vec![ring], ..Default::default() };
        let refused = wire::RefusedBundle { host_name: "PC-1".into(), reason: "too slow".into(), ..Default::default() };
        let whole = wire::RolloutInFull { rollout: Some(rollout), groups: vec![], refused: vec![refused] };
        assert_eq!(
            serde_json::to_value(RolloutInFullView::from(whole)).unwrap(),
            json!({
                "version": 7, "published": null, "published_by": "", "state": "spreading", "halted": null,
                "halted_by": null, "halted_why": null, "everywhere": null,
                "have": 0, "offered": 0, "wait": 0, "refused": 0, "passed": 0,
                "rings": [{
                    "group": null, "after_hours": 24, "due": "1970-01-01T00:00:01Z",
                    "have": 0, "offered": 0, "wait": 0, "refused": 0, "passed": 0
                }],
                "groups": [],
                "refused_by": [{ "host": "", "host_name": "PC-1", "group": "", "at": null, "reason": "too slow" }]
            })
        );
    }
}
