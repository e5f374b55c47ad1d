//! `audit`: who did what, and when.

use super::more_after;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::Row;
use crate::show;
use crate::watch::{self, Refresh};
use chrono::{DateTime, Utc};
use keepwatch_proto::wire::staff as wire;
use serde::Serialize;

/// Who did what, and when; the newest first.
#[derive(Debug, clap::Args)]
pub(crate) struct Audit {
    /// At most so many, the newest first
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u32,
    /// Where the page before ended, as it said
    #[arg(long, value_name = "PLACE", default_value = "", hide_default_value = true)]
    after: String,
    #[command(flatten)]
    refresh: Refresh,
}

#[derive(Debug, Serialize)]
struct RecordView {
    id: String,
    at: Option<DateTime<Utc>>,
    user: String,
    action: String,
    object: String,
    detail: String,
    from: String,
    outcome: String,
}

impl From<wire::AuditRecord> for RecordView {
    fn from(record: wire::AuditRecord) -> Self {
        let wire::AuditRecord { id, at, user, action, object, detail, from, outcome } = record;
        Self { id, at: show::time(at), user, action, object, detail, from, outcome }
    }
}

impl Row for RecordView {
    const HEADER: &'static [&'static str] = &["AT", "USER", "ACTION", "OBJECT", "OUTCOME", "FROM", "DETAIL"];
    fn cells(&self) -> Vec<String> {
        vec![
            show::when(self.at),
            self.user.clone(),
            self.action.clone(),
            self.object.clone(),
            self.outcome.clone(),
            self.from.clone(),
            self.detail.clone(),
        ]
    }
}

impl Audit {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let Self { limit, after, refresh } = self;
        let request = wire::ListAuditRequest { limit, after };
        watch::again(context, refresh, async || {
            let answer = context.staff().await?.list_audit(request.clone()).await?.into_inner();
            let views: Vec<RecordView> = answer.records.into_iter().map(Into::into).collect();
            context.output.list(&views, "There is no audit record.")?;
            more_after(context, &answer.next);
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
        let record = wire::AuditRecord { id: "1".into(), user: "ann".into(), at: 1, ..Default::default() };
        assert_eq!(
            serde_json::to_value(RecordView::from(record)).unwrap(),
            json!({
                "id": "1", "at": "1970-01-01T00:00:01Z", "user": "ann", "action": "", "object": "",
                "detail": "", "from": "", "outcome": ""
            })
        );
    }
}
