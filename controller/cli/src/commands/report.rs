//! `report`: the fleet in numbers; or a report on a week or a month, as the page has it.

use super::download::{beside, put};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::i18n::Language;
use crate::output::Card;
use crate::watch::{self, Refresh};
use crate::{platform, show};
use chrono::{DateTime, Utc};
use keepwatch_proto::wire::staff as wire;
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The fleet in numbers; with a period, what managers are told of a week or a month.
#[derive(Debug, clap::Args)]
pub(crate) struct Report {
    #[command(flatten)]
    refresh: Refresh,
    /// A report on this: week or month (the last that is over), or one such as 2026-W47 or 2026-11
    #[arg(long, conflicts_with = "watch")]
    period: Option<String>,
    /// Of this group and all below it, instead of all
    #[arg(long, requires = "period")]
    group: Option<String>,
    /// How the report comes
    #[arg(long, value_enum, requires = "period")]
    format: Option<Format>,
    /// The report's language, instead of yours
    #[arg(long, value_enum, requires = "period")]
    language: Option<Language>,
    /// Where to write the report ('-': standard output); under its own name here if left out
    #[arg(short = 'o', long = "to", alias = "file", value_name = "FILE", requires = "period")]
    to: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long, requires = "period")]
    force: bool,
}

/// How a report comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    // No doc comments: they would swell the command's help.
    Text,
    Pdf,
    Csv,
}

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

impl Report {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let Some(period) = self.period else { return numbers(context, self.refresh).await };
        let format = self.format.unwrap_or(Format::Text);
        let words = match format {
            Format::Text => "text",
            Format::Pdf => "pdf",
            Format::Csv => "csv",
        };
        let language = match self.language.unwrap_or(context.output.language()) {
            Language::En => "en",
            Language::ZhCn => "zh-CN",
        };
        let request = wire::MakeReportRequest {
            period,
            group: self.group.unwrap_or_default(),
            format: words.into(),
            language: language.into(),
        };
        let (name, content) = received(context, request).await?;
        let piped = self.to.as_ref().is_some_and(|to| to.as_os_str() == "-");
        if piped || (self.to.is_none() && format == Format::Text) {
            context.output.verbatim(&content)?;
            return Ok(Outcome::Done);
        }
        // Whatever the controller says: here, and nowhere else.
        let own = Path::new(&name)
            .file_name()
            .map_or_else(|| "report".into(), |name| platform::file_name(platform::bytes(name)));
        let to = match self.to {
            Some(to) if to.is_dir() => to.join(own),
            Some(to) => to,
            None => Path::new(".").join(own),
        };
        let mut file = beside(&to).map_err(Failure::file(&to))?;
        file.write_all(&content).map_err(Failure::file(&to))?;
        put(file, &to, self.force)?;
        context.output.note(&format!("{}: {}", to.display(), show::size(content.len() as u64)));
        Ok(Outcome::Done)
    }
}

/// A report, whole or not at all, and what it is called.
async fn received(context: &Context, request: wire::MakeReportRequest) -> Result<(String, Vec<u8>), Failure> {
    let mut parts = context.figures().await?.make_report(request).await?.into_inner();
    let (mut name, mut all, mut total) = (String::new(), Vec::new(), 0);
    while let Some(part) = parts.message().await? {
        all.extend(part.data);
        (name, total) = (part.name, part.total);
    }
    match all.len() as u64 {
        received if received == total && total > 0 => Ok((name, all)),
        received => Err(Failure::CutShort { received, total }),
    }
}

/// Shows the fleet in numbers.
async fn numbers(context: &Context, refresh: Refresh) -> Result<Outcome, Failure> {
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
