//! `find`: files by name, in all snapshots of a host.

use super::ls::{self, EntryView};
use super::{remote_path, snapshots};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::Row;
use keepwatch_proto::wire::staff as wire;
use serde::Serialize;

/// Find files by name in all snapshots of a host.
#[derive(Debug, clap::Args)]
pub(crate) struct Find {
    /// Name or id of the host
    host: String,
    /// Glob for the name, such as '*.docx'; quote it, or the shell takes it for its own
    #[arg(value_parser = remote_path())]
    pattern: String,
}

/// An entry, and the snapshot that it is in.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct FoundView(EntryView);

impl From<wire::Entry> for FoundView {
    fn from(entry: wire::Entry) -> Self {
        Self(entry.into())
    }
}

impl Row for FoundView {
    const HEADER: &'static [&'static str] = &["SNAPSHOT", "KIND", "MODE", "SIZE", "MODIFIED", "PATH"];
    const WIDTHS: &'static [usize] = &[12, 7, 4, 10, 26];
    fn cells(&self) -> Vec<String> {
        std::iter::once(snapshots::short(&self.0.snapshot)).chain(self.0.columns()).collect()
    }
}

impl Find {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let Self { host, pattern } = self;
        let entries = context.staff().await?.find(wire::FindRequest { host, pattern }).await?.into_inner();
        if ls::show_all::<FoundView>(context, entries).await? == 0 {
            context.output.note("Nothing of that name is in any snapshot.");
        }
        Ok(Outcome::Done)
    }
}
