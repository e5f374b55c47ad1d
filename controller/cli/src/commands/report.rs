//! `report`: the fleet in numbers.

use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::Card;
use crate::show;
use chrono::{DateTime, Utc};
use keepwatch_proto::wire::staff as wire;
use serde::Serialize;

#[derive(Debug, Serialize)]
struct ReportView {
    at: Option<DateTime<Utc>>,
    hosts: u32,
    protected: u32,
    attention: u32,
    at_risk: u32,
    unknown: u32,
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
            open_detections: r.open_detections,
            repository_bytes: r.repository_bytes,
        }
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
            ("open detections", self.open_detections.to_string()),
            ("repositories", show::size(self.repository_bytes)),
        ]
    }
}

/// Shows the fleet in numbers.
pub(crate) async fn run(context: &Context) -> Result<Outcome, Failure> {
    let report = context.staff().await?.fleet_report(wire::Empty {}).await?.into_inner();
    context.output.card(&ReportView::from(report))?;
    Ok(Outcome::Done)
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
                "unknown": 0, "open_detections": 0, "repository_bytes": 0
            })
        );
    }
}
