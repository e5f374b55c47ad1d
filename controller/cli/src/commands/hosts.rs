//! `hosts`: the PCs of the fleet.

use super::claims::{self, Approve};
use super::deletions::{self, DeleteRepository, DeletionView};
use super::many::Many;
use super::placement;
use crate::ask;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::{Card, Row};
use crate::show;
use crate::watch::{self, Refresh};
use chrono::{DateTime, Utc};
use keepwatch_proto::facts::Facts;
use keepwatch_proto::wire::staff as wire;
use serde::Serialize;
use std::collections::HashSet;

/// The PCs.
#[derive(Debug, clap::Args)]
pub(crate) struct Hosts {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List all hosts (the default)
    List(Listed),
    /// Show all that is known of one host
    Show {
        /// Its name or id
        host: String,
    },
    /// Cut a host off for good, at once; its backups stay
    Revoke {
        /// Its name or id
        host: String,
    },
    /// Have a new PC take over from an old one: it is in its group, on its schedule, and reads its
    /// backups; the old one is cut off
    Replace {
        /// Name or id of the PC that is gone
        old: String,
        /// Name or id of the PC in its place, enrolled already
        new: String,
    },
    /// Move hosts into a group, all of them or none; what holds there holds for them at once, and no
    /// rule moves them any more
    Move {
        /// Their names or ids
        #[arg(required = true, value_name = "HOST")]
        hosts: Vec<String>,
        /// The group
        #[arg(long, required_unless_present = "unpin", default_value = "", hide_default_value = true)]
        group: String,
        /// Let rules move them again, at once
        #[arg(long, conflicts_with = "group")]
        unpin: bool,
    },
    /// List the PCs that ask to be hosts again: their certificate has expired or was replaced, their
    /// disk is a copy of another's, or the controller has forgotten them
    Pending,
    Approve(Approve),
    /// Do not let a PC in that 'hosts pending' shows
    Refuse {
        /// Its id there
        id: String,
    },
    DeleteRepository(DeleteRepository),
    /// List the hosts whose backups are to be deleted, or were
    Deletions,
}

#[derive(Debug, Default, clap::Args)]
struct Listed {
    /// Only these (names or ids)
    #[arg(value_name = "HOST")]
    hosts: Vec<String>,
    #[command(flatten)]
    many: Many,
    #[command(flatten)]
    refresh: Refresh,
}

/// One host, for people and programs.
#[derive(Debug, Serialize)]
struct HostView {
    id: String,
    name: String,
    group: String,
    connected: bool,
    revoked: bool,
    state: String,
    reasons: Vec<String>,
    enrolled: Option<DateTime<Utc>>,
    last_seen: Option<DateTime<Utc>>,
    last_scan: Option<DateTime<Utc>>,
    last_full_scan: Option<DateTime<Utc>>,
    last_backup: Option<DateTime<Utc>>,
    last_verified: Option<DateTime<Utc>>,
    next_scan: Option<DateTime<Utc>>,
    next_backup: Option<DateTime<Utc>>,
    bundle: u64,
    bundle_published: Option<DateTime<Utc>>,
    bundle_refused: Option<String>,
    certificate_expires: Option<DateTime<Utc>>,
    open_detections: u32,
    /// Placed by staff: no rule moves it.
    pinned: bool,
    /// Id of the host that took over from it.
    replaced_by: Option<String>,
    /// All that it has had of late, the present one last.
    names: Vec<NameView>,
    facts: Option<Facts>,
    deletion: Option<DeletionView>,
}

/// What a host was called since when.
#[derive(Debug, Serialize)]
struct NameView {
    name: String,
    since: Option<DateTime<Utc>>,
}

impl From<wire::NameSince> for NameView {
    fn from(name: wire::NameSince) -> Self {
        let wire::NameSince { name, since } = name;
        Self { name, since: show::time(since) }
    }
}

impl From<wire::Host> for HostView {
    fn from(host: wire::Host) -> Self {
        Self {
            id: host.id,
            name: host.name,
            group: host.group,
            connected: host.connected,
            revoked: host.revoked,
            state: host.state,
            reasons: host.reasons,
            enrolled: show::time(host.enrolled),
            last_seen: show::time(host.last_seen),
            last_scan: show::time(host.last_scan),
            last_full_scan: show::time(host.last_full_scan),
            last_backup: show::time(host.last_backup),
            last_verified: show::time(host.last_verified),
            next_scan: show::time(host.next_scan),
            next_backup: show::time(host.next_backup),
            bundle: host.bundle,
            bundle_published: show::time(host.bundle_published),
            certificate_expires: show::time(host.certificate_expires),
            bundle_refused: show::some(host.bundle_refused),
            open_detections: host.open_detections,
            pinned: host.pinned,
            replaced_by: show::some(host.replaced_by),
            names: host.names.into_iter().map(Into::into).collect(),
            facts: host.facts.map(Into::into),
            deletion: host.deletion.map(Into::into),
        }
    }
}

impl HostView {
    fn presence(&self) -> &'static str {
        match (self.revoked, self.connected) {
            (true, _) if self.replaced_by.is_some() => "replaced",
            (true, _) => "revoked",
            (false, true) => "online",
            (false, false) => "offline",
        }
    }
}

impl Row for HostView {
    const HEADER: &'static [&'static str] =
        &["NAME", "GROUP", "STATE", "PRESENCE", "LAST SCAN", "LAST BACKUP", "RULES", "DETECTIONS", "WHY", "ID"];
    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.group.clone(),
            self.state.clone(),
            self.presence().into(),
            show::last(self.last_scan),
            show::last(self.last_backup),
            self.bundle.to_string(),
            self.open_detections.to_string(),
            self.reasons.join(", "),
            self.id.clone(),
        ]
    }
}

impl Card for HostView {
    fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = vec![
            ("id", self.id.clone()),
            ("name", self.name.clone()),
            ("group", self.group.clone()),
            ("placed by hand", show::yes(self.pinned)),
            ("state", self.state.clone()),
            ("why", self.reasons.join(", ")),
            ("presence", self.presence().into()),
            ("replaced by", show::or_dash(self.replaced_by.as_ref())),
            ("enrolled", show::last(self.enrolled)),
            ("last seen", show::last(self.last_seen)),
            ("last scan", show::last(self.last_scan)),
            ("last full scan", show::last(self.last_full_scan)),
            ("next scan", show::when(self.next_scan)),
            ("last backup", show::last(self.last_backup)),
            ("backups sound", show::last(self.last_verified)),
            ("next backup", show::when(self.next_backup)),
            ("rules", format!("bundle {}, of {}", self.bundle, show::when(self.bundle_published))),
            ("refused", show::or_dash(self.bundle_refused.as_ref())),
            ("certificate ends", show::when(self.certificate_expires)),
            ("open detections", self.open_detections.to_string()),
        ];
        if self.names.len() > 1 {
            let names = self.names.iter().rev();
            lines.extend(names.map(|name| ("called", format!("{} ({})", name.name, show::when(name.since)))));
        }
        if let Some(facts) = &self.facts {
            lines.push(("system", format!("{} {} ({})", facts.system, facts.system_version, facts.architecture)));
            lines.push(("agent", facts.agent_version.clone()));
            let addresses: Vec<String> = facts.addresses.iter().map(ToString::to_string).collect();
            lines.push(("addresses", show::or_dash(show::some(addresses.join(", ")).as_ref())));
            lines.push(("disk", format!("{} free of {}", show::size(facts.disk_free), show::size(facts.disk_total))));
        }
        if let Some(deletion) = &self.deletion {
            lines.push(("its backups", deletion.in_words()));
        }
        lines
    }
}

async fn list(context: &Context, listed: &Listed) -> Result<(), Failure> {
    let mut hosts = context.staff().await?.list_hosts(wire::Empty {}).await?.into_inner().hosts;
    if !listed.hosts.is_empty() || listed.many.is_given() {
        let meant = listed.many.with(listed.hosts.clone())?;
        let meant = context.work().await?.select_hosts(meant).await?.into_inner().hosts;
        let meant: HashSet<String> = meant.into_iter().map(|host| host.id).collect();
        hosts.retain(|host| meant.contains(&host.id));
        let views: Vec<HostView> = hosts.into_iter().map(Into::into).collect();
        return context.output.list(&views, "No PC is like that.");
    }
    let views: Vec<HostView> = hosts.into_iter().map(Into::into).collect();
    context.output.list(&views, "No host is enrolled yet; begin with 'keepwatch tokens create'.")
}

impl Hosts {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        match self.action.unwrap_or(Action::List(Listed::default())) {
            Action::List(listed) => {
                return watch::again(context, listed.refresh, async || list(context, &listed).await).await;
            }
            Action::Show { host } => {
                let host = context.staff().await?.get_host(wire::HostName { host }).await?.into_inner();
                context.output.card(&HostView::from(host))?;
            }
            Action::Revoke { host } => {
                ask::confirm(context, &format!("Cut {host} off for good? Its backups stay.")).await?;
                context.staff().await?.revoke_host(wire::HostName { host: host.clone() }).await?;
                context.output.note(&format!("{host} is cut off. To have it back, enrol it anew with a new token."));
            }
            Action::Replace { old, new } => {
                let question = format!("Have {new} take over from {old}, which is cut off for good?");
                ask::confirm(context, &question).await?;
                let request = wire::ReplaceHostRequest { old: old.clone(), new: new.clone() };
                context.staff().await?.replace_host(request).await?;
                context.output.note(&format!(
                    "{new} has taken over from {old}, which is cut off. 'keepwatch snapshots {new}' shows the backups \
                     of both; 'keepwatch restore {new} latest' brings all of the newest back."
                ));
            }
            Action::Move { hosts, unpin: true, .. } => return placement::unpin(context, hosts).await,
            Action::Move { hosts, group, .. } => {
                if hosts.len() > 1 {
                    let (count, into) = (hosts.len(), group.as_str());
                    ask::confirm(context, &format!("This would move {count} PCs to '{into}'. Go on?")).await?;
                }
                let request = wire::MoveHostsRequest { hosts, group };
                let wire::MovedHosts { hosts, group } = context.plans().await?.move_hosts(request).await?.into_inner();
                let text = match hosts.len() {
                    0 => format!("They are in '{group}' already."),
                    _ => format!("{} moved to '{group}'.", hosts.join(", ")),
                };
                context.output.note(&text);
            }
            Action::Pending => return claims::list(context).await,
            Action::Approve(command) => return command.run(context).await,
            Action::Refuse { id } => return claims::refuse(context, id).await,
            Action::DeleteRepository(command) => return command.run(context).await,
            Action::Deletions => return deletions::list(context).await,
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
        let host = wire::Host {
            id: "1".into(),
            name: "PC-1".into(),
            group: "all".into(),
            connected: true,
            enrolled: 1,
            reasons: vec!["backup-overdue".into()],
            names: vec![wire::NameSince { name: "PC-1".into(), since: 1 }],
            facts: Some(keepwatch_proto::wire::agent::Facts { name: "pc-1".into(), ..Default::default() }),
            ..Default::default()
        };
        let facts = json!({
            "name": "pc-1", "system": "", "system_version": "", "architecture": "", "agent_version": "",
            "disk_total": 0, "disk_free": 0, "addresses": []
        });
        assert_eq!(
            serde_json::to_value(HostView::from(host)).unwrap(),
            json!({
                "id": "1", "name": "PC-1", "group": "all", "connected": true, "revoked": false, "state": "",
                "reasons": ["backup-overdue"], "enrolled": "1970-01-01T00:00:01Z", "last_seen": null,
                "last_scan": null, "last_full_scan": null, "last_backup": null, "last_verified": null,
                "next_scan": null, "next_backup": null, "bundle": 0, "bundle_published": null,
                "bundle_refused": null, "certificate_expires": null, "open_detections": 0, "pinned": false,
                "replaced_by": null,
                "names": [{"name": "PC-1", "since": "1970-01-01T00:00:01Z"}], "facts": facts, "deletion": null
            })
        );
    }

    #[test]
    fn a_revoked_host_is_never_called_online() {
        let host = wire::Host { connected: true, revoked: true, ..Default::default() };
        assert_eq!(HostView::from(host).presence(), "revoked");
    }
}
