//! `report`: the fleet in numbers.

use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::Card;
use crate::show;
use crate::watch::{self, Refresh};
use chrono::{DateTime, Utc};
use keepwatch_proto::wire::staff as wire;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct ReportView {
    at: Option<DateTime<Utc>>,
    hosts: u32,
    protected: u32,
    attention: u32,
    at_risk: u32,
    unknown: u32,
    /// Of the unknown, as the three below.
    never_connected: u32,
    pending: u32,
    away: u32,
    lost: u32,
    open_detections: u32,
    repository_bytes: u64,
}

impl From<wire::FleetReportReply> for ReportView {
    fn from(r: wire::FleetReportReply) -> Self {
        Self {
            at: show::time(r.at),
            hosts: r.hosts,
            protected: r.protected,
            attention: r.attention,
            at_risk: r.at_risk,
            unknown: r.unknown,
            never_connected: r.never_connected,
            pending: r.pending,
            away: r.away,
            lost: r.lost,
            open_detections: r.open_detections,
            repository_bytes: r.repository_bytes,
        }
    }
}

impl ReportView {
    /// For a line of a table: hosts by state, the silent ones in words, detections and size.
    pub(super) fn cells(&self) -> [String; 8] {
        let silent = [
            (self.never_connected, "never connected"),
            (self.pending, "pending"),
            (self.away, "away"),
            (self.lost, "lost"),
        ];
        let silent: Vec<String> =
            silent.into_iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
        [
            self.hosts.to_string(),
            self.protected.to_string(),
            self.attention.to_string(),
            self.at_risk.to_string(),
            self.unknown.to_string(),
            silent.join(", "),
            self.open_detections.to_string(),
            show::size(self.repository_bytes),
        ]
    }
}

impl Card for ReportView {
    fn lines(&self) -> Vec<(&'static str, String)> {
        vec![
            ("at", show::when(self.at)),
            ("hosts", self.hosts.to_string()),
            ("protected", self.protected.to_string()),
            ("need attention", self.attention.to_string()),
            ("at risk", self.at_risk.to_string()),
            ("unknown", self.unknown.to_string()),
            ("never connected", self.never_connected.to_string()),
            ("pending", self.pending.to_string()),
            ("away", self.away.to_string()),
            ("lost", self.lost.to_string()),
            ("open detections", self.open_detections.to_string()),
            ("repositories", show::size(self.repository_bytes)),
        ]
    }
}

/// Shows the fleet in numbers.
pub(crate) async fn run(context: &Context, refresh: Refresh) -> Result<Outcome, Failure> {
    let show = async || {
        let report = context.staff().await?.fleet_report(wire::Empty {}).await?.into_inner();
        context.output.card(&ReportView::from(report))
    };
    watch::again(context, refresh, show).await
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn its_json_is_what_scripts_rely_on() {
        let report = wire::FleetReportReply { hosts: 3, protected: 2, at_risk: 1, at: 1, ..Default::default() };
        assert_eq!(
            serde_json::to_value(ReportView::from(report)).unwrap(),
            json!({
                "at": "1970-01-01T00:00:01Z", "hosts": 3, "protected": 2, "attention": 0, "at_risk": 1,
                "unknown": 0, "never_connected": 0, "pending": 0, "away": 0, "lost": 0, "open_detections": 0, "repository_bytes": 0
            })
        );
    }
}
