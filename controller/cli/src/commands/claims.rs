//! `hosts pending`, `hosts approve`, `hosts refuse`: PCs that were hosts, and ask to be hosts again.

use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::Row;
use crate::show;
use chrono::{DateTime, Utc};
use clap::ValueEnum;
use keepwatch_proto::wire::staff as wire;
use serde::Serialize;

/// Let a PC in again that 'hosts pending' shows
#[derive(Debug, clap::Args)]
pub(crate) struct Approve {
    /// Its id in 'hosts pending'
    id: String,
    /// Whether it is the host that it was, or one of its own. One of two PCs with one identity is
    /// the same, and keeps the backups; the other is new
    #[arg(long = "as", value_enum)]
    what: What,
    /// The group that it belongs to; left out: that of the host that it was, or the root
    #[arg(long, default_value = "")]
    group: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// The host that it was: whoever else has its identity is shut out
    Same,
    /// A host of its own, with an empty repository
    New,
}

/// One of them, for people and programs.
#[derive(Debug, Serialize)]
struct ClaimView {
    id: String,
    name: String,
    why: String,
    state: String,
    host: String,
    host_name: Option<String>,
    address: String,
    system: String,
    asked: Option<DateTime<Utc>>,
    heard: Option<DateTime<Utc>>,
    new_host: Option<String>,
    decided_by: Option<String>,
}

impl From<wire::ClaimView> for ClaimView {
    fn from(claim: wire::ClaimView) -> Self {
        Self {
            id: claim.id,
            name: claim.name,
            why: claim.kind,
            state: claim.state,
            host: claim.host,
            host_name: show::some(claim.host_name),
            address: claim.address,
            system: claim.system,
            asked: show::time(claim.asked),
            heard: show::time(claim.heard),
            new_host: show::some(claim.new_host),
            decided_by: show::some(claim.decided_by),
        }
    }
}

impl Row for ClaimView {
    const HEADER: &'static [&'static str] =
        &["NAME", "WHY", "STATE", "IT WAS", "FROM", "SYSTEM", "ASKED", "HEARD", "DECIDED BY", "ID"];
    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.why.clone(),
            self.state.clone(),
            self.host_name.clone().unwrap_or_else(|| self.host.clone()),
            self.address.clone(),
            self.system.clone(),
            show::when(self.asked),
            show::when(self.heard),
            show::or_dash(self.decided_by.as_ref()),
            self.id.clone(),
        ]
    }
}

/// Lists all of them.
pub(crate) async fn list(context: &Context) -> Result<Outcome, Failure> {
    let claims = context.machines().await?.list_claims(wire::Empty {}).await?.into_inner().claims;
    let views: Vec<ClaimView> = claims.into_iter().map(Into::into).collect();
    context.output.list(&views, "No PC asks to be a host again.")?;
    Ok(Outcome::Done)
}

impl Approve {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let Self { id, what, group } = self;
        let verdict = if what == What::Same { "same" } else { "new" }.to_owned();
        let request = wire::DecideClaimRequest { id, verdict, group };
        let claim = context.machines().await?.decide_claim(request).await?.into_inner();
        let name = &claim.name;
        context.output.note(&match what {
            What::Same => format!("{name} is host {} again, and connects within minutes.", claim.new_host),
            What::New => format!(
                "{name} is the new host {}, and connects within minutes. Its first backup sends everything.",
                claim.new_host
            ),
        });
        Ok(Outcome::Done)
    }
}

/// Does not let one in.
pub(crate) async fn refuse(context: &Context, id: String) -> Result<Outcome, Failure> {
    let request = wire::DecideClaimRequest { id, verdict: "refuse".into(), group: String::new() };
    let claim = context.machines().await?.decide_claim(request).await?.into_inner();
    context
        .output
        .note(&format!("{} is not let in. 'keepwatch hosts approve {} --as …' takes that back.", claim.name, claim.id));
    Ok(Outcome::Done)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn its_json_is_what_scripts_rely_on() {
        let claim = wire::ClaimView { id: "1".into(), kind: "copy".into(), asked: 1, ..Default::default() };
        assert_eq!(
            serde_json::to_value(ClaimView::from(claim)).unwrap(),
            serde_json::json!({
                "id": "1", "name": "", "why": "copy", "state": "", "host": "", "host_name": null, "address": "",
                "system": "", "asked": "1970-01-01T00:00:01Z", "heard": null, "new_host": null, "decided_by": null
            })
        );
    }
}
