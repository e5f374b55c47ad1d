//! `versions`: what one file was over time.

use super::ls::EntryView;
use super::{remote_path, snapshots};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::Row;
use crate::show;
use chrono::{DateTime, Utc};
use keepwatch_proto::wire::staff as wire;
use serde::Serialize;

/// Show what a file was over time: each version that some snapshot has, oldest first.
#[derive(Debug, clap::Args)]
pub(crate) struct Versions {
    /// Name or id of the host
    host: String,
    /// The file's full path
    #[arg(value_parser = remote_path())]
    path: String,
}

/// One version, for people and programs.
#[derive(Debug, Serialize)]
struct VersionView {
    #[serde(flatten)]
    entry: EntryView,
    first: Option<DateTime<Utc>>,
    last: Option<DateTime<Utc>>,
    snapshots: u64,
    /// `clean`, `infected` or `unjudged`.
    verdict: String,
    rules: Vec<String>,
}

impl From<wire::FileVersion> for VersionView {
    fn from(version: wire::FileVersion) -> Self {
        let wire::FileVersion { entry, first, last, snapshots, verdict, rules } = version;
        let entry = entry.unwrap_or_default().into();
        Self { entry, first: show::time(first), last: show::time(last), snapshots, verdict, rules }
    }
}

impl Row for VersionView {
    const HEADER: &'static [&'static str] =
        &["MODIFIED", "SIZE", "KIND", "FIRST SAVED", "LAST SAVED", "SNAPSHOTS", "LAST ONE", "SCANNED"];
    fn cells(&self) -> Vec<String> {
        let Self { entry, first, last, snapshots, verdict, rules } = self;
        vec![
            show::when(entry.modified),
            show::size(entry.size),
            entry.kind.clone(),
            show::when(*first),
            show::when(*last),
            snapshots.to_string(),
            snapshots::short(&entry.snapshot),
            match (verdict.as_str(), rules.is_empty()) {
                ("unjudged", _) => "no".to_owned(),
                (word, true) => word.to_owned(),
                (word, false) => format!("{word}: {}", rules.join(", ")),
            },
        ]
    }
}

impl Versions {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let Self { host, path } = self;
        let request = wire::VersionsRequest { host, path };
        let versions = context.staff().await?.list_versions(request).await?.into_inner().versions;
        let views: Vec<VersionView> = versions.into_iter().map(Into::into).collect();
        context.output.list(&views, "No snapshot has it.")?;
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
        let entry = wire::Entry { path: "/a".into(), kind: "file".into(), size: 3, ..Default::default() };
        let version = wire::FileVersion {
            entry: Some(entry),
            first: 1,
            snapshots: 2,
            verdict: "infected".into(),
            rules: vec!["EICAR".into()],
            ..Default::default()
        };
        let view = VersionView::from(version);
        assert_eq!(view.cells()[7], "infected: EICAR");
        assert_eq!(
            serde_json::to_value(view).unwrap(),
            json!({
                "path": "/a", "kind": "file", "size": 3, "modified": null, "mode": 0, "snapshot": "",
                "link_target": null, "first": "1970-01-01T00:00:01Z", "last": null, "snapshots": 2,
                "verdict": "infected", "rules": ["EICAR"]
            })
        );
    }
}
