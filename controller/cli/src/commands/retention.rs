//! `retention`: which snapshots of a host stay, and why.

use super::snapshots::short;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::Row;
use crate::show;
use chrono::{DateTime, Utc};
use keepwatch_proto::wire::staff as wire;
use serde::Serialize;

/// Which snapshots of a host stay, and why
#[derive(Debug, clap::Args)]
pub(crate) struct Retention {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// What would become of each snapshot now; nothing is done
    Plan(Host),
    /// Remove now what the policy's rules do not keep; it is done each day anyway
    Run(Host),
    /// Let snapshots go by the rules again, where something had looked odd
    Thaw(Host),
}

#[derive(Debug, clap::Args)]
struct Host {
    /// Name or id of the host
    host: String,
}

#[derive(Debug, Serialize)]
struct FateView {
    snapshot: String,
    received: Option<DateTime<Utc>>,
    bytes: u64,
    /// Why it stays; none: it goes.
    kept: Vec<String>,
}

impl From<wire::Fate> for FateView {
    fn from(fate: wire::Fate) -> Self {
        let wire::Fate { snapshot, received, kept, bytes } = fate;
        Self { snapshot, received: show::time(received), bytes, kept }
    }
}

impl Row for FateView {
    const HEADER: &'static [&'static str] = &["ID", "RECEIVED", "SIZE", "STAYS"];
    fn cells(&self) -> Vec<String> {
        let stays = if self.kept.is_empty() { "no, it goes".to_owned() } else { self.kept.join(", ") };
        vec![short(&self.snapshot), show::when(self.received), show::size(self.bytes), stays]
    }
}

impl Retention {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let mut staff = context.staff().await?;
        match self.action {
            Action::Plan(Host { host }) => {
                let none = format!("There is no backup of {host} yet.");
                let retention = staff.get_retention(wire::HostName { host: host.clone() }).await?.into_inner();
                let fates: Vec<FateView> = retention.fates.into_iter().map(Into::into).collect();
                context.output.list(&fates, &none)?;
                if !retention.frozen.is_empty() {
                    let since = show::when(show::time(retention.frozen_at));
                    context.output.note(&format!(
                        "Frozen since {since}: {}. Nothing goes until 'keepwatch retention thaw {host}'.",
                        retention.frozen
                    ));
                }
                if !retention.outcome.is_empty() {
                    let ran = show::when(show::time(retention.ran));
                    context.output.note(&format!("Last run {ran}: {}.", retention.outcome));
                }
            }
            Action::Run(Host { host }) => {
                let done = staff.run_retention(wire::HostName { host }).await?.into_inner();
                context.output.note(&done.outcome);
            }
            Action::Thaw(Host { host }) => {
                staff.thaw_retention(wire::HostName { host: host.clone() }).await?;
                context.output.note(&format!("Snapshots of {host} go by the policy's rules again."));
            }
        }
        Ok(Outcome::Done)
    }
}
