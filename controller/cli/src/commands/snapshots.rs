//! `snapshots`: the backups of a host.

use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::Row;
use crate::show;
use chrono::{DateTime, Utc};
use keepwatch_proto::wire::staff as wire;
use serde::Serialize;

/// As much of a snapshot's id as people need.
const SHORT: usize = 12;

/// The backups of a host.
#[derive(Debug, clap::Args)]
pub(crate) struct Snapshots {
    /// Name or id of the host
    host: String,
}

#[derive(Debug, Serialize)]
struct SnapshotView {
    id: String,
    time: Option<DateTime<Utc>>,
    received: Option<DateTime<Utc>>,
    paths: Vec<String>,
    files: u64,
    bytes: u64,
    partial: bool,
    job: Option<String>,
}

impl From<wire::Snapshot> for SnapshotView {
    fn from(snapshot: wire::Snapshot) -> Self {
        let wire::Snapshot { id, time, received, paths, files, bytes, partial, job } = snapshot;
        let (time, received) = (show::time(time), show::time(received));
        Self { id, time, received, paths, files, bytes, partial, job: show::some(job) }
    }
}

impl Row for SnapshotView {
    const HEADER: &'static [&'static str] = &["ID", "TIME", "RECEIVED", "FILES", "SIZE", "COMPLETE", "PATHS"];
    fn cells(&self) -> Vec<String> {
        vec![
            short(&self.id),
            show::when(self.time),
            show::when(self.received),
            self.files.to_string(),
            show::size(self.bytes),
            show::yes(!self.partial),
            self.paths.join(", "),
        ]
    }
}

/// The beginning of a snapshot's id.
pub(crate) fn short(id: &str) -> String {
    id.chars().take(SHORT).collect()
}

impl Snapshots {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let mut staff = context.staff().await?;
        let none = format!("There is no backup of {0} yet; make one with 'keepwatch backup {0}'.", self.host);
        let snapshots = staff.list_snapshots(wire::HostName { host: self.host }).await?.into_inner().snapshots;
        let views: Vec<SnapshotView> = snapshots.into_iter().map(Into::into).collect();
        context.output.list(&views, &none)?;
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
        let snapshot =
            wire::Snapshot { id: "ab".repeat(32), time: 1, files: 2, bytes: 3, partial: true, ..Default::default() };
        let view = SnapshotView::from(snapshot);
        assert_eq!(view.cells()[0], "abababababab");
        assert_eq!(
            serde_json::to_value(view).unwrap(),
            json!({
                "id": "ab".repeat(32), "time": "1970-01-01T00:00:01Z", "received": null, "paths": [],
                "files": 2, "bytes": 3, "partial": true, "job": null
            })
        );
    }
}
