//! `quarantine`: files that were put away on PCs so that nobody can open or run them.

use super::many::{self, Many};
use super::{more_after, remote_path};
use crate::ask;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::{Card, Row};
use crate::show;
use crate::watch::{self, Refresh};
use chrono::{DateTime, Utc};
use keepwatch_proto::wire::staff as wire;
use serde::Serialize;

/// Files that were put away on PCs.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Quarantine {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    filter: Filter,
}

#[derive(Debug, clap::Args)]
struct Filter {
    /// Only those on these PCs (names or ids)
    #[arg(value_name = "HOST")]
    hosts: Vec<String>,
    #[command(flatten)]
    many: Many,
    /// Also those that were restored or deleted, or are not there any more
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
    /// List files that are put away, the newest first (the default)
    List(Filter),
    /// Show one of them
    Show {
        /// Its id
        id: String,
    },
    /// Put a file of a PC away, whatever it is
    Add {
        /// Name or id of the PC
        host: String,
        /// The file, by its full path there
        #[arg(value_parser = remote_path())]
        path: String,
        /// Only if its content has this SHA-256
        #[arg(long, value_name = "HASH", default_value = "", hide_default_value = true)]
        sha256: String,
        #[command(flatten)]
        follow: Follow,
    },
    /// Bring a file back to where it was; never over another
    Restore {
        /// Its id
        id: String,
        /// To this file, or into this folder, below the folders that its PC allows restores into
        #[arg(long, value_name = "PATH", value_parser = remote_path(), default_value = "", hide_default_value = true)]
        to: String,
        #[command(flatten)]
        follow: Follow,
    },
    /// Destroy a file for good
    Delete {
        /// Its id
        id: String,
        #[command(flatten)]
        follow: Follow,
    },
}

/// Whether to follow the PC's work.
#[derive(Debug, clap::Args)]
struct Follow {
    /// Follow it to its end; exits with 0: succeeded, 3: partial, 4: failed or cancelled
    #[arg(long)]
    watch: bool,
}

#[derive(Debug, Serialize)]
struct QuarantineView {
    id: String,
    host: String,
    host_name: String,
    path: String,
    sha256: String,
    size: u64,
    rules: Vec<String>,
    job: Option<String>,
    at: Option<DateTime<Utc>>,
    state: String,
    changed: Option<DateTime<Utc>>,
    target: Option<String>,
}

impl From<wire::QuarantinedFile> for QuarantineView {
    fn from(file: wire::QuarantinedFile) -> Self {
        Self {
            id: file.id,
            host: file.host,
            host_name: file.host_name,
            path: file.path,
            sha256: file.sha256,
            size: file.size,
            rules: file.rules,
            job: show::some(file.job),
            at: show::time(file.at),
            state: file.state,
            changed: show::time(file.changed),
            target: show::some(file.target),
        }
    }
}

impl Row for QuarantineView {
    const HEADER: &'static [&'static str] = &["AT", "HOST", "STATE", "PATH", "SIZE", "RULES", "ID"];
    fn cells(&self) -> Vec<String> {
        vec![
            show::when(self.at),
            self.host_name.clone(),
            self.state.clone(),
            self.path.clone(),
            show::size(self.size),
            show::or_dash(Some(self.rules.join(", ")).filter(|rules| !rules.is_empty()).as_ref()),
            self.id.clone(),
        ]
    }
}

impl Card for QuarantineView {
    fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = vec![
            ("file", self.id.clone()),
            ("host", format!("{} ({})", self.host_name, self.host)),
            ("path", self.path.clone()),
            ("state", self.state.clone()),
            ("put away", show::when(self.at)),
            ("since", show::when(self.changed)),
            ("size", show::size(self.size)),
            ("SHA-256", self.sha256.clone()),
            ("job", show::or_dash(self.job.as_ref())),
        ];
        lines.extend(self.rules.iter().map(|rule| ("rule", rule.clone())));
        lines.extend(self.target.clone().map(|target| ("restored to", target)));
        lines
    }
}

async fn list(context: &Context, request: wire::ListQuarantinedRequest) -> Result<(), Failure> {
    let none = if request.all { "No file was ever put away." } else { "No file is put away." };
    let answer = context.quarantine().await?.list_quarantined(request).await?.into_inner();
    let views: Vec<QuarantineView> = answer.files.into_iter().map(Into::into).collect();
    context.output.list(&views, none)?;
    more_after(context, &answer.next);
    Ok(())
}

impl Filter {
    fn request(&self) -> wire::ListQuarantinedRequest {
        let meant = !self.hosts.is_empty() || self.many.is_given();
        let hosts = if meant { self.many.with(self.hosts.clone()).ok() } else { None };
        let (limit, after) = (self.limit.unwrap_or_default(), self.after.clone().unwrap_or_default());
        wire::ListQuarantinedRequest { hosts, all: self.all, limit, after }
    }
}

impl Quarantine {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let (job, follow) = match self.action.unwrap_or(Action::List(self.filter)) {
            Action::List(filter) => {
                let request = filter.request();
                return watch::again(context, filter.refresh, async || list(context, request.clone()).await).await;
            }
            Action::Show { id } => {
                let file = context.quarantine().await?.get_quarantined(wire::QuarantinedId { id }).await?;
                context.output.card(&QuarantineView::from(file.into_inner()))?;
                return Ok(Outcome::Done);
            }
            Action::Add { host, path, sha256, follow } => {
                let request = wire::PutAwayRequest { host, path, sha256 };
                (context.quarantine().await?.put_away(request).await?, follow)
            }
            Action::Restore { id, to, follow } => {
                let request = wire::RestoreQuarantinedRequest { id, target: to };
                (context.quarantine().await?.restore_quarantined(request).await?, follow)
            }
            Action::Delete { id, follow } => {
                let mut door = context.quarantine().await?;
                let file = door.get_quarantined(wire::QuarantinedId { id: id.clone() }).await?.into_inner();
                let question = format!("Destroy {} of {} for good?", file.path, file.host_name);
                ask::confirm(context, &question).await?;
                (door.delete_quarantined(wire::QuarantinedId { id }).await?, follow)
            }
        };
        many::one(context, job.into_inner(), follow.watch).await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use clap::Parser;
    use serde_json::json;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        quarantine: Quarantine,
    }

    #[test]
    fn its_json_is_what_scripts_rely_on() {
        let file = wire::QuarantinedFile {
            id: "1".into(),
            path: "/a".into(),
            rules: vec!["eicar".into()],
            state: "held".into(),
            ..Default::default()
        };
        assert_eq!(
            serde_json::to_value(QuarantineView::from(file)).unwrap(),
            json!({
                "id": "1", "host": "", "host_name": "", "path": "/a", "sha256": "", "size": 0, "rules": ["eicar"],
                "job": null, "at": null, "state": "held", "changed": null, "target": null
            })
        );
    }

    #[test]
    fn all_are_meant_where_nobody_is_named() {
        let request = |line: &str| match Line::parse_from(format!("quarantine {line}").split(' ')).quarantine {
            Quarantine { action: Some(Action::List(filter)), .. } | Quarantine { filter, .. } => filter.request(),
        };
        assert_eq!(request("list"), wire::ListQuarantinedRequest::default());
        let named = request("list PC-1 PC-2 --all");
        assert_eq!((named.hosts.unwrap().names.len(), named.all), (2, true));
        assert_eq!(request("list --group tax").hosts.unwrap().group, "tax");
        assert_eq!(request("--query state:at-risk").hosts.unwrap().query, "state:at-risk");
        let older = wire::ListQuarantinedRequest { limit: 5, after: "1/2/3".into(), ..Default::default() };
        assert_eq!(request("list --limit 5 --after 1/2/3"), older);
        assert_eq!(request("--limit 5 --after 1/2/3"), older);
    }
}
