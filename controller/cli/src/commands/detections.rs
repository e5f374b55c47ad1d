//! `detections`: what the scans found.

use super::more_after;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::Row;
use crate::show;
use crate::watch::{self, Refresh};
use chrono::{DateTime, Utc};
use keepwatch_proto::wire::staff as wire;
use serde::Serialize;
use std::collections::BTreeMap;

/// What the scans found.
#[derive(Debug, clap::Args)]
pub(crate) struct Detections {
    #[command(flatten)]
    filter: Filter,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Default, clap::Args)]
struct Filter {
    /// Only this host's (name or id)
    #[arg(long)]
    host: Option<String>,
    /// Acknowledged ones too
    #[arg(long)]
    all: bool,
    /// At most so many, the newest first; 1000 if left out
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// Where the page before ended, as it said
    #[arg(long, value_name = "PLACE")]
    after: Option<String>,
    #[command(flatten)]
    refresh: Refresh,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List open detections (the default)
    List(Filter),
    /// Say that a detection has been dealt with
    Acknowledge {
        /// Its id
        id: String,
        /// What was done, or why nothing needs to be; kept in the audit log
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Serialize)]
struct DetectionView {
    id: String,
    host: String,
    host_name: String,
    at: Option<DateTime<Utc>>,
    rule: String,
    namespace: String,
    severity: String,
    path: String,
    size: u64,
    sha256: String,
    bundle: u64,
    metadata: BTreeMap<String, String>,
    job: Option<String>,
    acknowledged: bool,
    acknowledged_by: Option<String>,
    reason: Option<String>,
    put_away: Option<String>,
}

impl From<wire::Detection> for DetectionView {
    fn from(d: wire::Detection) -> Self {
        Self {
            id: d.id,
            host: d.host,
            host_name: d.host_name,
            at: show::time(d.at),
            rule: d.rule,
            namespace: d.namespace,
            severity: d.severity,
            path: d.path,
            size: d.size,
            sha256: d.sha256,
            bundle: d.bundle,
            metadata: d.metadata.into_iter().collect(),
            job: show::some(d.job),
            acknowledged: d.acknowledged,
            acknowledged_by: show::some(d.acknowledged_by),
            reason: show::some(d.reason),
            put_away: show::some(d.put_away),
        }
    }
}

impl Row for DetectionView {
    const HEADER: &'static [&'static str] =
        &["AT", "HOST", "SEVERITY", "RULE", "PATH", "SIZE", "PUT AWAY", "DEALT WITH", "ID"];
    fn cells(&self) -> Vec<String> {
        vec![
            show::when(self.at),
            self.host_name.clone(),
            self.severity.clone(),
            self.rule.clone(),
            self.path.clone(),
            show::size(self.size),
            show::yes(self.put_away.is_some()),
            show::yes(self.acknowledged),
            self.id.clone(),
        ]
    }
}

async fn list(context: &Context, request: wire::ListDetectionsRequest) -> Result<(), Failure> {
    let none = if request.all { "There is no detection." } else { "There is no open detection." };
    let answer = context.staff().await?.list_detections(request).await?.into_inner();
    let views: Vec<DetectionView> = answer.detections.into_iter().map(Into::into).collect();
    context.output.list(&views, none)?;
    more_after(context, &answer.next);
    Ok(())
}

impl Detections {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let outer = self.filter;
        match self.action.unwrap_or(Action::List(Filter::default())) {
            Action::List(inner) => {
                let host = inner.host.or(outer.host).unwrap_or_default();
                let limit = inner.limit.or(outer.limit).unwrap_or_default();
                let after = inner.after.or(outer.after).unwrap_or_default();
                let request = wire::ListDetectionsRequest { host, all: inner.all || outer.all, limit, after };
                let refresh = inner.refresh.or(outer.refresh);
                return watch::again(context, refresh, async || list(context, request.clone()).await).await;
            }
            Action::Acknowledge { id, reason } => {
                let mut staff = context.staff().await?;
                staff.acknowledge_detection(wire::AcknowledgeRequest { id: id.clone(), reason }).await?;
                context.output.note(&format!("Detection {id} is dealt with."));
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
        let detection = wire::Detection {
            id: "1".into(),
            rule: "eicar".into(),
            severity: "high".into(),
            path: "/a.zip!/b".into(),
            metadata: [("description".to_owned(), "test".to_owned())].into(),
            ..Default::default()
        };
        assert_eq!(
            serde_json::to_value(DetectionView::from(detection)).unwrap(),
            json!({
                "id": "1", "host": "", "host_name": "", "at": null, "rule": "eicar", "namespace": "",
                "severity": "high", "path": "/a.zip!/b", "size": 0, "sha256": "", "bundle": 0,
                "metadata": {"description": "test"}, "job": null, "acknowledged": false,
                "acknowledged_by": null, "reason": null, "put_away": null
            })
        );
    }
}
