//! `ls`: what is in a snapshot.

use super::remote_path;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::Row;
use crate::show;
use chrono::{DateTime, Utc};
use keepwatch_proto::wire::staff as wire;
use serde::Serialize;
use tonic::Streaming;

/// List what is in a snapshot. A byte of a name that is not UTF-8 shows as \xHH, and can be
/// typed so.
#[derive(Debug, clap::Args)]
pub(crate) struct Ls {
    /// Name or id of the host
    host: String,
    /// Id of the snapshot, its beginning, or 'latest'
    snapshot: String,
    /// Folder or file within it; its top if left out
    #[arg(value_parser = remote_path(), default_value = "", hide_default_value = true)]
    path: String,
    /// With all that is in the folders
    #[arg(long, short)]
    recursive: bool,
}

/// One file or folder of a snapshot, for people and programs.
#[derive(Debug, Serialize)]
pub(crate) struct EntryView {
    pub(crate) path: String,
    pub(crate) kind: String,
    pub(crate) size: u64,
    pub(crate) modified: Option<DateTime<Utc>>,
    pub(crate) mode: u32,
    pub(crate) snapshot: String,
    pub(crate) link_target: Option<String>,
}

impl From<wire::Entry> for EntryView {
    fn from(entry: wire::Entry) -> Self {
        let wire::Entry { path, kind, size, modified, mode, snapshot, link_target } = entry;
        let (modified, link_target) = (show::time(modified), show::some(link_target));
        Self { path, kind, size, modified, mode, snapshot, link_target }
    }
}

impl EntryView {
    /// Kind, mode, size, time and path, for people.
    pub(crate) fn columns(&self) -> [String; 5] {
        let path = match &self.link_target {
            Some(target) => format!("{} -> {target}", self.path),
            None => self.path.clone(),
        };
        let size = if self.kind == "file" { show::size(self.size) } else { "-".into() };
        [self.kind.clone(), format!("{:04o}", self.mode & 0o7777), size, show::when(self.modified), path]
    }
}

impl Row for EntryView {
    const HEADER: &'static [&'static str] = &["KIND", "MODE", "SIZE", "MODIFIED", "PATH"];
    const WIDTHS: &'static [usize] = &[7, 4, 10, 26];
    fn cells(&self) -> Vec<String> {
        self.columns().into()
    }
}

impl Ls {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let Self { host, snapshot, path, recursive } = self;
        let request = wire::EntriesRequest { host, snapshot, path, recursive };
        let entries = context.staff().await?.list_entries(request).await?.into_inner();
        if show_all::<EntryView>(context, entries).await? == 0 {
            context.output.note("The folder is empty.");
        }
        Ok(Outcome::Done)
    }
}

/// Shows entries as they come, and says how many there were.
pub(crate) async fn show_all<R: Row + From<wire::Entry>>(
    context: &Context,
    mut entries: Streaming<wire::Entry>,
) -> Result<u64, Failure> {
    let mut rows = context.output.stream::<R>();
    while let Some(entry) = entries.message().await? {
        rows.row(&R::from(entry))?;
    }
    rows.end()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn its_json_is_what_scripts_rely_on() {
        let entry = wire::Entry {
            path: "/a\\xE9".into(),
            kind: "symlink".into(),
            mode: 0o120_777,
            link_target: "b".into(),
            ..Default::default()
        };
        let view = EntryView::from(entry);
        assert_eq!(view.columns(), ["symlink", "0777", "-", "-", "/a\\xE9 -> b"]);
        assert_eq!(
            serde_json::to_value(view).unwrap(),
            json!({
                "path": "/a\\xE9", "kind": "symlink", "size": 0, "modified": null, "mode": 0o120_777,
                "snapshot": "", "link_target": "b"
            })
        );
    }
}
