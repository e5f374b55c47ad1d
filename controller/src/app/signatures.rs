//! Signatures: staff import sources, the union of all sources is compiled as a test, signed
//! and published as the next bundle.

use super::audit::{Actor, Deed, Role};
use super::rollouts::forget_old;
use super::{App, AppError, rule_texts};
use crate::plan::rule_changes::RuleChanges;
use crate::store::sources::{SourceFile, SourceRow};
use crate::store::{self, bundles::BundleRow};
use keepwatch_proto::bundle::{BundleContent, MAX_PACKED, MAX_UNPACKED, RuleFile};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::Path;

/// What staff send in.
#[derive(Default)]
pub struct Import {
    /// What it is called; the same name again replaces it.
    pub source: String,
    /// Where it is from; empty: as was said of the one that it replaces.
    pub origin: String,
    /// Under which licence; empty: as its rules say, or as was said of the one that it replaces.
    pub licence: String,
    /// Files by their path below the imported folder; zips are unpacked.
    files: BTreeMap<String, Vec<u8>>,
    bytes: u64,
    /// Only say what would be.
    pub dry_run: bool,
    /// Go on without the files that do not compile.
    pub skip_broken: bool,
}

/// What is wrong with a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Problem {
    /// Which.
    pub file: String,
    /// Where; 0: the whole of it.
    pub line: u32,
    /// What.
    pub message: String,
    /// It does not compile.
    pub fatal: bool,
}

/// What came of an import.
#[derive(Debug, Clone, Default)]
pub struct Imported {
    /// Version of the new bundle; 0: nothing was published.
    pub version: u64,
    /// Rules in it.
    pub rules: u32,
    /// Files in it.
    pub files: u32,
    /// What was wrong.
    pub problems: Vec<Problem>,
}

/// A host that says it runs a version this far ahead lies.
const FAR: i64 = 1_000;
const MOST_FILES: usize = 50_000;
const LONGEST_PATH: usize = 400;
/// Characters of what is said of a source.
const LONGEST_REMARK: usize = 200;

impl Import {
    /// One without any file yet.
    pub fn called(source: String, origin: String, licence: String) -> Self {
        Self { source, origin, licence, ..Self::default() }
    }

    /// Adds a piece of a file, within bounds.
    pub fn add(&mut self, path: &str, data: &[u8]) -> Result<(), AppError> {
        self.bytes += data.len() as u64;
        if self.bytes > MAX_UNPACKED || self.files.len() >= MOST_FILES {
            return Err(AppError::Invalid(format!(
                "an import has at most {MOST_FILES} files and {} MiB",
                MAX_UNPACKED >> 20
            )));
        }
        if path.is_empty() || path.len() > LONGEST_PATH || path.chars().any(char::is_control) {
            return Err(AppError::Invalid("a rule file's path is empty, too long, or not printable".into()));
        }
        self.files.entry(path.into()).or_default().extend_from_slice(data);
        Ok(())
    }

    /// The rule files, with zips unpacked.
    fn rule_files(self) -> Result<(Vec<RuleFile>, Vec<Problem>), AppError> {
        let (mut plain, mut zips) = (Import::default(), Vec::new());
        for (path, data) in self.files {
            if Path::new(&path).extension().is_some_and(|e| e.eq_ignore_ascii_case("zip")) {
                zips.push((path, data));
            } else {
                plain.add(&path, &data)?;
            }
        }
        for (path, data) in zips {
            unzip(&path, &data, &mut plain)?;
        }
        let (mut files, mut problems) = (Vec::new(), Vec::new());
        for (path, data) in plain.files {
            match String::from_utf8(data) {
                Ok(source) => files.push(RuleFile { path, source }),
                Err(_) => {
                    problems.push(Problem { file: path, line: 0, message: "is not text in UTF-8".into(), fatal: true })
                }
            }
        }
        Ok((files, problems))
    }
}

fn unzip(path: &str, data: &[u8], into: &mut Import) -> Result<(), AppError> {
    let bad = |e: &dyn std::fmt::Display| AppError::Invalid(format!("the zip '{path}' cannot be read: {e}"));
    let mut archive = zip::ZipArchive::new(Cursor::new(data)).map_err(|e| bad(&e))?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|e| bad(&e))?;
        let name = entry.enclosed_name().map(|n| n.to_string_lossy().replace('\\', "/")).unwrap_or_default();
        if entry.is_dir() || !is_rule_file(&name) {
            continue;
        }
        // Piece by piece, so that a bomb meets the import's bound and not our memory.
        let mut piece = vec![0; 256 << 10];
        loop {
            let read = entry.read(&mut piece).map_err(|e| bad(&e))?;
            if read == 0 {
                break;
            }
            into.add(&name, &piece[..read])?;
        }
    }
    Ok(())
}

fn is_rule_file(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|e| ["yar", "yara"].iter().any(|known| e.eq_ignore_ascii_case(known)))
}

impl App {
    /// Takes a source in and, where all of it compiles together with the other sources,
    /// publishes the next bundle.
    pub async fn import_signatures(&self, actor: &Actor, import: Import) -> Result<Imported, AppError> {
        self.demand(actor, Role::Administrator, "signatures import").await?;
        let (dry_run, skip_broken) = (import.dry_run, import.skip_broken);
        let Examined { source, files, problems } = self.examine(actor, import).await?;
        if files.is_empty() || problems.iter().any(|p| p.fatal) && !skip_broken {
            return Ok(Imported { problems, ..Imported::default() });
        }
        self.publish(actor, Change::Replace(source, files), dry_run, problems).await.map(|(imported, _)| imported)
    }

    /// Reads and compiles what was sent in, each file on its own account.
    pub(super) async fn examine(&self, actor: &Actor, import: Import) -> Result<Examined, AppError> {
        let name = import.source.trim().to_owned();
        if name.is_empty()
            || name.contains(['/', '\\'])
            || name.chars().count() > 100
            || name.chars().any(char::is_control)
        {
            return Err(AppError::Invalid(
                "name the source with --source: 1 to 100 printable characters without a slash".into(),
            ));
        }
        let (origin, licence) = (said(&import.origin)?, said(&import.licence)?);
        let (files, mut problems) = import.rule_files()?;
        if files.is_empty() && problems.is_empty() {
            return Err(AppError::Invalid(
                "no rule file was found; rules are in files that end in .yar or .yara".into(),
            ));
        }
        let (mut files, compiled) = check(files).await?;
        problems.extend(compiled);
        files.retain(|f| !problems.iter().any(|p| p.fatal && p.file == f.path));
        let (files, rules, own_licence) = rule_texts::survey(files).await?;
        let before = self.sources(actor).await?.into_iter().find(|known| known.name == name);
        let (old_origin, old_licence) = before.map(|old| (old.origin, old.licence)).unwrap_or_default();
        let first = |texts: [String; 3]| texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        let source = SourceRow {
            name: name.clone(),
            imported: self.now(),
            imported_by: actor.user.clone(),
            files: i64::try_from(files.len()).unwrap_or(i64::MAX),
            rules,
            origin: first([origin, old_origin, String::new()]),
            licence: first([licence, own_licence, old_licence]),
        };
        let file = |f: RuleFile| SourceFile { source: name.clone(), path: f.path, text: f.source };
        Ok(Examined { source, files: files.into_iter().map(file).collect(), problems })
    }

    /// Takes a source out, and publishes the next bundle.
    pub async fn remove_source(&self, actor: &Actor, name: &str) -> Result<Imported, AppError> {
        self.demand(actor, Role::Administrator, "signatures remove").await?;
        let known = self.sources(actor).await?;
        if !known.iter().any(|s| s.name == name) {
            let shown = name.escape_debug();
            return Err(AppError::NotFound(format!(
                "there is no source '{shown}'; 'keepwatch signatures sources' shows them"
            )));
        }
        self.publish(actor, Change::Remove(name.into()), false, vec![]).await.map(|(imported, _)| imported)
    }

    /// Compiles what the sources would be, and unless that is all that is asked for, makes the next
    /// bundle of it. Also says what changes.
    pub(super) async fn publish(
        &self,
        actor: &Actor,
        change: Change,
        dry_run: bool,
        mut problems: Vec<Problem>,
    ) -> Result<(Imported, RuleChanges), AppError> {
        let _one_at_a_time = self.publishing.lock().await;
        let (before, newest, run, needed) = {
            let mut conn = self.store.read().await?;
            let newest = store::bundles::newest(&mut conn).await?.map_or(0, |b| b.version);
            let run = store::hosts::newest_bundle(&mut conn, newest + FAR).await?;
            (store::sources::files(&mut conn).await?, newest, run, self.oldest_needed(&mut conn).await?)
        };
        let old = before.iter().filter(|file| file.source == change.name()).cloned().collect();
        let changes = rule_texts::compare(old, change.files().to_vec()).await?;
        let all = change.apply_to(before);
        // What was signed, or is run already, may be ahead of a database that lost a commit, or was
        // restored: no version ever stands for two contents.
        let signed = i64::try_from(self.signing.newest()).unwrap_or(0);
        let version = newest.max(signed).max(run) + 1;
        let all =
            all.into_iter().map(|f| RuleFile { path: format!("{}/{}", f.source, f.path), source: f.text }).collect();
        let (files, together) = check_all(all).await?;
        let Ok(rules) = together else {
            problems.extend(together.err().unwrap_or_default());
            return Ok((Imported { problems, ..Imported::default() }, changes));
        };
        let mut imported =
            Imported { version: 0, rules, files: u32::try_from(files.len()).unwrap_or(u32::MAX), problems };
        if dry_run {
            return Ok((imported, changes));
        }
        imported.version = u64::try_from(version).unwrap_or(1);
        let content = BundleContent { version: imported.version, rules, files };
        let packed = tokio::task::spawn_blocking(move || content.pack()).await;
        let packed =
            packed.map_err(|e| e.to_string()).and_then(|p| p.map_err(|e| e.to_string())).map_err(AppError::Invalid)?;
        if packed.len() as u64 > MAX_PACKED {
            return Err(AppError::Invalid(format!(
                "the bundle has more than {} MiB; remove a source",
                MAX_PACKED >> 20
            )));
        }
        let row = BundleRow {
            version,
            sha256: hex::encode(Sha256::digest(&packed)),
            size: i64::try_from(packed.len()).unwrap_or(i64::MAX),
            rules: rules.into(),
            files: imported.files.into(),
            published: self.now(),
            published_by: actor.user.clone(),
            ..BundleRow::default()
        };
        let mut tx = self.store.begin().await?;
        // Another controller's staff may have been quicker: what was compiled is not what is there.
        if store::bundles::newest(&mut tx).await?.map_or(0, |b| b.version) != newest {
            return Err(AppError::Conflict("somebody else has published meanwhile; do it once more".into()));
        }
        // Signed before it is wished for: an agent that is told of it finds it.
        self.signing.publish(&packed, imported.version, needed).await?;
        let (action, source) = change.keep(&mut tx).await?;
        store::bundles::insert(&mut tx, &row).await?;
        store::bundles::keep_changes(&mut tx, &rule_texts::changes_row(version, &change, &changes)).await?;
        forget_old(&mut tx, version).await?;
        store::hosts::bump_all(&mut tx).await?;
        let object = format!("bundle {version}");
        self.record(
            &mut tx,
            actor,
            &Deed { action, object: &object, detail: &format!("source {source}, {rules} rules") },
        )
        .await?;
        store::commit(tx).await?;
        self.hub.poke_all();
        Ok((imported, changes))
    }

    /// Published bundles, newest first, each with how many hosts run it.
    pub async fn bundles(&self, _actor: &Actor) -> Result<Vec<(BundleRow, u32)>, AppError> {
        let mut conn = self.store.read().await?;
        let hosts = store::hosts::list(&mut conn).await?;
        let bundles = store::bundles::list(&mut conn).await?;
        let running = |version| hosts.iter().filter(|h| h.bundle == version && h.revoked == 0).count();
        Ok(bundles.into_iter().map(|b| (b.clone(), u32::try_from(running(b.version)).unwrap_or(u32::MAX))).collect())
    }

    /// What the newest bundle is made of.
    pub async fn sources(&self, _actor: &Actor) -> Result<Vec<SourceRow>, AppError> {
        let mut conn = self.store.read().await?;
        Ok(store::sources::list(&mut conn).await?)
    }
}

/// What was sent in, as far as it compiles.
pub(super) struct Examined {
    /// What is said of it.
    pub(super) source: SourceRow,
    /// The files that compile.
    pub(super) files: Vec<SourceFile>,
    /// What is wrong with the others, and with these.
    pub(super) problems: Vec<Problem>,
}

/// A line that somebody typed about a source.
fn said(text: &str) -> Result<String, AppError> {
    let text = text.trim();
    if text.chars().count() > LONGEST_REMARK || text.chars().any(char::is_control) {
        return Err(AppError::Invalid(format!(
            "where a source is from, and its licence, are lines of at most {LONGEST_REMARK} characters"
        )));
    }
    Ok(text.to_owned())
}

/// What an import does to the sources.
pub(super) enum Change {
    Replace(SourceRow, Vec<SourceFile>),
    Remove(String),
}

impl Change {
    /// The files that come.
    fn files(&self) -> &[SourceFile] {
        match self {
            Self::Replace(_, files) => files,
            Self::Remove(_) => &[],
        }
    }

    /// The source that it is about.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Replace(row, _) => &row.name,
            Self::Remove(name) => name,
        }
    }

    fn apply_to(&self, mut all: Vec<SourceFile>) -> Vec<SourceFile> {
        all.retain(|f| f.source != self.name());
        if let Self::Replace(_, files) = self {
            all.extend(files.iter().cloned());
        }
        all
    }

    async fn keep(&self, conn: &mut store::Conn) -> Result<(&'static str, &str), AppError> {
        match self {
            Self::Replace(row, files) => {
                store::sources::replace(conn, row, files).await?;
                Ok(("signatures import", &row.name))
            }
            Self::Remove(name) => {
                store::sources::delete(conn, name).await?;
                Ok(("signatures remove", name))
            }
        }
    }
}

/// Compiles files, each on its own account: what is wrong with which.
async fn check(files: Vec<RuleFile>) -> Result<(Vec<RuleFile>, Vec<Problem>), AppError> {
    let (files, check) = compile(files).await?;
    Ok((files, check.1))
}

/// Compiles all files as agents will: how many rules, or what stands against it.
async fn check_all(files: Vec<RuleFile>) -> Result<(Vec<RuleFile>, Result<u32, Vec<Problem>>), AppError> {
    let (files, (rules, problems)) = compile(files).await?;
    let fatal: Vec<Problem> = problems.into_iter().filter(|p| p.fatal).collect();
    Ok((files, if fatal.is_empty() { Ok(rules) } else { Err(fatal) }))
}

async fn compile(files: Vec<RuleFile>) -> Result<(Vec<RuleFile>, (u32, Vec<Problem>)), AppError> {
    let work = move || {
        let engine = |f: &RuleFile| keepwatch_scan::RuleFile {
            namespace: f.namespace().into(),
            path: f.path.clone().into(),
            source: f.source.clone(),
        };
        let check = keepwatch_scan::check(&files.iter().map(engine).collect::<Vec<_>>());
        let problem = |p: keepwatch_scan::Problem| Problem {
            file: p.path.to_string_lossy().into_owned(),
            line: u32::try_from(p.line).unwrap_or(0),
            message: p.message,
            fatal: p.fatal,
        };
        let rules = u32::try_from(check.rules).unwrap_or(u32::MAX);
        (files, (rules, check.problems.into_iter().map(problem).collect()))
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| AppError::Invalid(format!("the rules could not be compiled: {e}")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::Write;

    fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, data) in entries {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(data).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn a_zip_gives_its_rule_files_and_nothing_else() {
        let data = zip(&[("a/one.yar", b"x"), ("README.md", b"y"), ("../../out.yar", b"z"), ("TWO.YARA", b"\xff")]);
        let mut import = Import::default();
        import.add("set.zip", &data).unwrap();
        let (files, problems) = import.rule_files().unwrap();
        assert_eq!(files.iter().map(|f| f.path.as_str()).collect::<Vec<_>>(), ["a/one.yar"]);
        assert_eq!(problems.len(), 1);
        let mut broken = Import::default();
        broken.add("set.zip", &data[..data.len() / 2]).unwrap();
        assert!(matches!(broken.rule_files(), Err(AppError::Invalid(_))));
    }

    #[test]
    fn a_bomb_meets_the_bound() {
        let row = vec![b' '; 1 << 20];
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        writer.start_file("bomb.yar", zip::write::SimpleFileOptions::default()).unwrap();
        for _ in 0..=MAX_UNPACKED >> 20 {
            writer.write_all(&row).unwrap();
        }
        let data = writer.finish().unwrap().into_inner();
        assert!(data.len() < 1 << 20);
        let mut import = Import::default();
        import.add("bomb.zip", &data).unwrap();
        assert!(matches!(import.rule_files(), Err(AppError::Invalid(_))));
    }
}
