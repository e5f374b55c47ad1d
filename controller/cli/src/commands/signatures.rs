//! `signatures`: the rules that hosts scan with.

use crate::ask;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::{Card, Row};
use crate::progress::Progress;
use crate::rules::{self, RuleFile};
use crate::{platform, show};
use chrono::{DateTime, Utc};
use keepwatch_proto::paths;
use keepwatch_proto::wire::staff as wire;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Largest part of a file in one message, in bytes.
const PART: usize = 256 << 10;
/// How many entries that were left out are named one by one.
const NAMED: usize = 10;

/// The rules that hosts scan with.
#[derive(Debug, clap::Args)]
pub(crate) struct Signatures {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List what was published, the newest first (the default)
    List,
    /// Publish the rules in a file, a folder (*.yar, *.yara) or a zip; shows what does not compile
    Import(Import),
    /// List the imports that the published rules are made of
    Sources,
    /// Take the rules of one import out and publish the rest
    Remove {
        /// The import's name
        source: String,
    },
}

#[derive(Debug, clap::Args)]
struct Import {
    /// File, folder or zip on this computer
    path: PathBuf,
    /// What to call this import: the same name again replaces it, another adds to it; the
    /// file's or folder's own name if left out
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Publish without the files that do not compile
    #[arg(long)]
    skip_broken: bool,
    /// Only check them
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Serialize)]
struct BundleView {
    version: u64,
    sha256: String,
    size: u64,
    rules: u32,
    files: u32,
    published: Option<DateTime<Utc>>,
    published_by: String,
    hosts: u32,
}

impl From<wire::Bundle> for BundleView {
    fn from(bundle: wire::Bundle) -> Self {
        let wire::Bundle { version, sha256, size, rules, files, published, published_by, hosts } = bundle;
        Self { version, sha256, size, rules, files, published: show::time(published), published_by, hosts }
    }
}

impl Row for BundleView {
    const HEADER: &'static [&'static str] = &["VERSION", "PUBLISHED", "BY", "RULES", "FILES", "SIZE", "HOSTS"];
    fn cells(&self) -> Vec<String> {
        vec![
            self.version.to_string(),
            show::when(self.published),
            self.published_by.clone(),
            self.rules.to_string(),
            self.files.to_string(),
            show::size(self.size),
            self.hosts.to_string(),
        ]
    }
}

/// What became of an import.
#[derive(Debug, Serialize)]
struct ImportView {
    /// Of the bundle that was published; null where none was.
    version: Option<u64>,
    dry_run: bool,
    rules: u32,
    files: u32,
    problems: Vec<ProblemView>,
    /// Entries of the folder that are no rule files and were not sent.
    ignored: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ProblemView {
    file: String,
    line: u32,
    message: String,
    fatal: bool,
}

impl ImportView {
    fn new(reply: wire::ImportReply, dry_run: bool, ignored: Vec<String>) -> Self {
        let problem =
            |p: wire::ImportProblem| ProblemView { file: p.file, line: p.line, message: p.message, fatal: p.fatal };
        Self {
            version: (reply.version > 0).then_some(reply.version),
            dry_run,
            rules: reply.rules,
            files: reply.files,
            problems: reply.problems.into_iter().map(problem).collect(),
            ignored,
        }
    }

    fn outcome(&self, skip_broken: bool) -> Result<Outcome, Failure> {
        match (self.dry_run, self.version) {
            (false, None) => Err(Failure::NotPublished("was")),
            (true, _) if self.is_broken() && !skip_broken => Err(Failure::NotPublished("would be")),
            _ => Ok(Outcome::Done),
        }
    }

    fn is_broken(&self) -> bool {
        self.problems.iter().any(|problem| problem.fatal)
    }
}

impl Card for ImportView {
    fn lines(&self) -> Vec<(&'static str, String)> {
        let published = match (self.version, self.dry_run) {
            (Some(version), _) => format!("bundle {version}"),
            (None, true) => "nothing, only checked".into(),
            (None, false) => "nothing".into(),
        };
        let mut lines = vec![
            ("published", published),
            ("rules", self.rules.to_string()),
            ("files", self.files.to_string()),
            ("ignored", format!("{} that are no rule files", self.ignored.len())),
        ];
        lines.extend(self.ignored.iter().take(NAMED).map(|path| ("ignored", path.clone())));
        if self.ignored.len() > NAMED {
            lines.push(("ignored", format!("and {} more", self.ignored.len() - NAMED)));
        }
        // What does not compile is all shown; of what only could be better, enough to see the kind.
        for (word, fatal, most) in [("error", true, usize::MAX), ("warning", false, NAMED)] {
            let these: Vec<&ProblemView> = self.problems.iter().filter(|p| p.fatal == fatal).collect();
            lines.extend(these.iter().take(most).map(|p| (word, format!("{}:{}: {}", p.file, p.line, p.message))));
            if these.len() > most {
                lines.push((word, format!("and {} more; all with --output json", these.len() - most)));
            }
        }
        lines
    }
}

/// One import that the published rules are made of.
#[derive(Debug, Serialize)]
struct SourceView {
    name: String,
    files: u32,
    imported: Option<DateTime<Utc>>,
    imported_by: String,
}

impl From<wire::Source> for SourceView {
    fn from(source: wire::Source) -> Self {
        let wire::Source { name, files, imported, imported_by } = source;
        Self { name, files, imported: show::time(imported), imported_by }
    }
}

impl Row for SourceView {
    const HEADER: &'static [&'static str] = &["NAME", "FILES", "IMPORTED", "BY"];
    fn cells(&self) -> Vec<String> {
        vec![self.name.clone(), self.files.to_string(), show::when(self.imported), self.imported_by.clone()]
    }
}

const NONE: &str = "No rules are published yet; do so with 'keepwatch signatures import PATH'.";

impl Signatures {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        match self.action.unwrap_or(Action::List) {
            Action::Import(import) => return import.run(context).await,
            Action::List => {
                let bundles = context.staff().await?.list_bundles(wire::Empty {}).await?.into_inner().bundles;
                let views: Vec<BundleView> = bundles.into_iter().map(Into::into).collect();
                context.output.list(&views, NONE)?;
            }
            Action::Sources => {
                let sources = context.staff().await?.list_sources(wire::Empty {}).await?.into_inner().sources;
                let views: Vec<SourceView> = sources.into_iter().map(Into::into).collect();
                context.output.list(&views, NONE)?;
            }
            Action::Remove { source } => {
                let question = format!("Remove the source {source} and publish new rules without it to all PCs?");
                ask::confirm(context, &question).await?;
                let reply = context.staff().await?.remove_source(wire::SourceName { source }).await?.into_inner();
                let view = ImportView::new(reply, false, vec![]);
                context.output.card(&view)?;
                if view.is_broken() {
                    return Err(Failure::NotPublished("was"));
                }
            }
        }
        Ok(Outcome::Done)
    }
}

impl Import {
    async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let Self { path, source, skip_broken, dry_run } = self;
        let source = source
            .or_else(|| own_name(&path))
            .ok_or_else(|| Failure::Usage("say what to call this import with --source NAME".into()))?;
        let gathered = rules::gather(&path)?;
        let mut staff = context.staff().await?;
        let mut progress = Progress::new(&context.output);
        let (count, bytes) = (gathered.files.len(), gathered.files.iter().map(|file| file.data.len() as u64).sum());
        progress.show("checking the rules", &format!("{count} files"), bytes, 0);
        let form = wire::ImportPart { dry_run, skip_broken, source, ..Default::default() };
        let reply =
            staff.import_signatures(futures_util::stream::iter(parts(gathered.files, form))).await?.into_inner();
        drop(progress);
        let view = ImportView::new(reply, dry_run, gathered.ignored);
        context.output.card(&view)?;
        view.outcome(skip_broken)
    }
}

/// What a file or folder is called, without the ending of a file.
fn own_name(path: &Path) -> Option<String> {
    // So that "." has a name, too.
    let path = path.canonicalize().ok()?;
    let name = if path.is_dir() { path.file_name() } else { path.file_stem() };
    name.map(|name| paths::to_text(&platform::bytes(name)))
}

/// The files in messages of bounded size.
fn parts(files: Vec<RuleFile>, form: wire::ImportPart) -> impl Iterator<Item = wire::ImportPart> {
    files.into_iter().flat_map(move |RuleFile { path, data }| {
        // An empty file is a file, too.
        let count = data.len().div_ceil(PART).max(1);
        let form = form.clone();
        (0..count).map(move |at| {
            let part = &data[at * PART..data.len().min((at + 1) * PART)];
            wire::ImportPart { path: path.clone(), data: part.to_vec(), ..form.clone() }
        })
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn files_go_in_bounded_parts_and_none_is_lost() {
        let file =
            |path: &str, size: usize| RuleFile { path: path.into(), data: (0..size).map(|at| at as u8).collect() };
        let files = || vec![file("empty", 0), file("one", PART), file("more", 2 * PART + 1)];
        let form = wire::ImportPart { dry_run: true, source: "s".into(), ..Default::default() };
        let sent: Vec<_> = parts(files(), form).collect();
        let sizes: Vec<_> = sent.iter().map(|part| (part.path.as_str(), part.data.len())).collect();
        assert_eq!(sizes, [("empty", 0), ("one", PART), ("more", PART), ("more", PART), ("more", 1)]);
        assert!(sent.iter().all(|part| part.dry_run && part.source == "s"));
        let whole: Vec<u8> =
            sent.iter().filter(|part| part.path == "more").flat_map(|part| part.data.clone()).collect();
        assert_eq!(whole, files()[2].data);
    }

    #[test]
    fn nothing_published_is_a_failure() {
        let reply = |version, fatal| wire::ImportReply {
            version,
            problems: vec![wire::ImportProblem { fatal, ..Default::default() }],
            ..Default::default()
        };
        for (version, fatal, dry_run, skip_broken, good) in [
            (3, false, false, false, true),
            (3, true, false, true, true),
            (0, true, false, false, false),
            (0, false, false, false, false),
            (0, true, true, false, false),
            (0, true, true, true, true),
            (0, false, true, false, true),
        ] {
            let outcome = ImportView::new(reply(version, fatal), dry_run, vec![]).outcome(skip_broken);
            assert_eq!(outcome.is_ok(), good, "{version} {fatal} {dry_run} {skip_broken}");
        }
    }

    #[test]
    fn an_import_is_called_like_what_it_is_made_of() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("office.rules");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("public.zip"), "").unwrap();
        assert_eq!(own_name(&folder.join(".")).as_deref(), Some("office.rules"));
        assert_eq!(own_name(&folder.join("public.zip")).as_deref(), Some("public"));
        assert_eq!(own_name(Path::new("/")), None);
    }

    #[test]
    fn its_json_is_what_scripts_rely_on() {
        let problem = wire::ImportProblem { file: "a.yar".into(), line: 2, message: "no".into(), fatal: true };
        let reply = wire::ImportReply { version: 0, rules: 1, files: 1, problems: vec![problem] };
        assert_eq!(
            serde_json::to_value(ImportView::new(reply, false, vec!["README".into()])).unwrap(),
            json!({
                "version": null, "dry_run": false, "rules": 1, "files": 1, "ignored": ["README"],
                "problems": [{"file": "a.yar", "line": 2, "message": "no", "fatal": true}]
            })
        );
        let source = wire::Source { name: "office".into(), files: 2, imported: 1, imported_by: "ann".into() };
        assert_eq!(
            serde_json::to_value(SourceView::from(source)).unwrap(),
            json!({"name": "office", "files": 2, "imported": "1970-01-01T00:00:01Z", "imported_by": "ann"})
        );
        let bundle = wire::Bundle { version: 1, published: 1, ..Default::default() };
        assert_eq!(
            serde_json::to_value(BundleView::from(bundle)).unwrap(),
            json!({
                "version": 1, "sha256": "", "size": 0, "rules": 0, "files": 0,
                "published": "1970-01-01T00:00:01Z", "published_by": "", "hosts": 0
            })
        );
    }
}
