//! `snapshots`: the backups of a host.

use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::Row;
use crate::show;
use chrono::{DateTime, Utc};
use keepwatch_proto::verdict::{Infected, Verdict};
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
    /// Whose it is: the host asked for, or one that it replaced.
    host: String,
    /// When all of it was last found as it was stored.
    verified: Option<DateTime<Utc>>,
    /// `clean`, `infected`, `unjudged`; absent where nothing was scanned.
    verdict: Option<&'static str>,
    infected: Vec<InfectedView>,
    #[serde(skip)]
    in_words: String,
}

#[derive(Debug, Serialize)]
struct InfectedView {
    path: String,
    rules: Vec<String>,
    content: String,
}

impl From<wire::Snapshot> for SnapshotView {
    fn from(snapshot: wire::Snapshot) -> Self {
        let wire::Snapshot { id, time, received, paths, files, bytes, partial, job, verdict, verified, host } =
            snapshot;
        let (time, received) = (show::time(time), show::time(received));
        // What a newer controller says and this cannot read is no verdict.
        let verdict = verdict.and_then(|verdict| Verdict::try_from(verdict).ok());
        let files_infected = verdict.iter().flat_map(|verdict| verdict.files.iter().cloned());
        Self {
            id,
            time,
            received,
            paths,
            files,
            bytes,
            partial,
            job: show::some(job),
            host,
            verified: show::time(verified),
            verdict: verdict.as_ref().map(Verdict::word),
            infected: files_infected
                .map(|Infected { path, rules, content }| InfectedView { path, rules, content })
                .collect(),
            in_words: in_words(verdict.as_ref()),
        }
    }
}

impl Row for SnapshotView {
    const HEADER: &'static [&'static str] =
        &["ID", "TIME", "RECEIVED", "FILES", "SIZE", "COMPLETE", "SCANNED", "VERIFIED", "PATHS"];
    fn cells(&self) -> Vec<String> {
        vec![
            short(&self.id),
            show::when(self.time),
            show::when(self.received),
            self.files.to_string(),
            show::size(self.bytes),
            show::yes(!self.partial),
            self.in_words.clone(),
            show::when(self.verified),
            self.paths.join(", "),
        ]
    }
}

/// What a verdict says, for people.
fn in_words(verdict: Option<&Verdict>) -> String {
    match verdict {
        None => "no".into(),
        Some(Verdict { infected: n @ 1.., .. }) => format!("{n} infected"),
        Some(Verdict { unjudged: n @ 1.., .. }) => format!("all but {n}"),
        Some(_) => "clean".into(),
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
                "files": 2, "bytes": 3, "partial": true, "job": null, "host": "",
                "verified": null, "verdict": null, "infected": []
            })
        );
    }

    #[test]
    fn what_the_scan_said_is_there_in_a_word_and_by_file() {
        let file = Infected { path: "/a".into(), rules: vec!["EICAR".into()], content: "cd".repeat(32) };
        for (infected, unjudged, files, word, cell) in [
            (0, 0, vec![], "clean", "clean"),
            (0, 2, vec![], "unjudged", "all but 2"),
            (1, 2, vec![file], "infected", "1 infected"),
        ] {
            let verdict = Verdict { infected, unjudged, files, ..Verdict::default() };
            let view = SnapshotView::from(wire::Snapshot { verdict: Some(verdict.into()), ..Default::default() });
            assert_eq!((view.verdict, view.cells()[6].as_str()), (Some(word), cell));
            assert_eq!(view.infected.len() as u64, infected);
        }
    }
}
