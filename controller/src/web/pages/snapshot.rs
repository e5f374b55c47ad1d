//! Inside a snapshot: its folders, and a file or folder out of it.

use super::{Frame, Page, Teller, show};
use crate::app::downloads::{Asked, Piece};
use crate::app::snapshots::Found;
use crate::app::{App, AppError};
use crate::web::i18n::Value;
use crate::web::problem::Problem;
use crate::web::session::Visitor;
use crate::web::words::{Moment, encoded, plain, quoted, size, steers, unsigned};
use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use keepwatch_backup::{ArchiveFormat, EntryKind};
use keepwatch_proto::paths;
use keepwatch_proto::verdict::Verdict;
use serde::Deserialize;
use std::sync::Arc;
use tokio_stream::wrappers::ReceiverStream;

/// Entries on one page; the command line shows all.
const ENTRIES: usize = 2_000;

#[derive(Template)]
#[template(path = "snapshot.html")]
struct Snapshot {
    frame: Frame,
    host: String,
    host_name: String,
    id: String,
    title: String,
    made: Moment,
    files: String,
    size: String,
    partial: bool,
    verdict: Option<Said>,
    infected: Vec<Infected>,
    infected_more: String,
    crumbs: Vec<Crumb>,
    entries: Vec<Entry>,
    more: String,
    list_line: String,
    restore_line: String,
}

/// What the scan that went with the backup says.
pub(super) struct Said {
    /// `clean`, `infected` or `unjudged`.
    pub(super) word: &'static str,
    pub(super) text: String,
}

impl Said {
    pub(super) fn of(teller: Teller, verdict: Option<&Verdict>) -> Option<Self> {
        let verdict = verdict?;
        let word = verdict.word();
        let text = match word {
            "infected" => teller.language.count("snapshot-infected", verdict.infected),
            "unjudged" => teller.language.count("snapshot-unjudged", verdict.unjudged),
            _ => teller.language.say("snapshot-clean"),
        };
        Some(Self { word, text })
    }
}

struct Infected {
    path: String,
    rules: String,
}

/// A folder on the way to the one shown.
struct Crumb {
    name: String,
    path: String,
}

struct Entry {
    kind: &'static str,
    kind_label: String,
    name: String,
    path: String,
    target: String,
    size: String,
    modified: Moment,
}

/// Which folder or file.
#[derive(Deserialize)]
pub struct Place {
    #[serde(default)]
    path: String,
}

/// The page.
pub async fn page(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path((host, wanted)): Path<(String, String)>,
    Query(Place { path }): Query<Place>,
) -> Page {
    let teller = Teller::new(&app, &visitor);
    let host = app.host(&visitor.actor, &host).await?;
    let id = host.row.id.to_string();
    let snapshots = app.snapshots(&visitor.actor, &id).await?;
    let row = snapshots.into_iter().find(|s| s.id == wanted).ok_or(Problem::NOTHING)?;
    let (found, cut) = read(&app, &visitor, &id, &row.id, &path).await?;
    let name = plain(host.name());
    // A name that a shell would not take as it is may be another's: then the id.
    let word = if quoted(host.name()) == host.name() { host.name() } else { &id };
    let short = row.id.get(..8).unwrap_or(&row.id);
    show(&Snapshot {
        frame: Frame::of(&visitor),
        title: teller.text("snapshot-of", "host", &name),
        host_name: name,
        made: teller.moment(row.received),
        files: teller.language.count("count-files", unsigned(row.files)),
        size: size(unsigned(row.bytes)),
        partial: row.partial != 0,
        verdict: Said::of(teller, row.verdict.0.as_ref()),
        infected: infected(row.verdict.0.as_ref()),
        infected_more: match &row.verdict.0 {
            Some(verdict) if verdict.infected > verdict.files.len() as u64 => {
                teller.language.count("snapshot-infected-more", verdict.infected - verdict.files.len() as u64)
            }
            _ => String::new(),
        },
        crumbs: crumbs(&path),
        entries: found.into_iter().map(|f| entry(teller, f)).collect(),
        more: match cut {
            true => teller.language.with("snapshot-more", &[("n", Value::Count(ENTRIES as u64))]),
            false => String::new(),
        },
        list_line: format!("keepwatch ls {word} {short} {}", quoted(if path.is_empty() { "/" } else { &path })),
        restore_line: match path.trim_end_matches('/') {
            "" => format!("keepwatch restore {word} {short} --watch"),
            path => format!("keepwatch restore {word} {short} --path {} --watch", quoted(path)),
        },
        host: id,
        id: row.id,
    })
}

fn infected(verdict: Option<&Verdict>) -> Vec<Infected> {
    let files = verdict.into_iter().flat_map(|verdict| &verdict.files);
    files.map(|file| Infected { path: plain(&file.path), rules: plain(&file.rules.join(", ")) }).collect()
}

/// What is in the folder, folders first, and whether there is more.
async fn read(
    app: &App,
    visitor: &Visitor,
    host: &str,
    snapshot: &str,
    path: &str,
) -> Result<(Vec<Found>, bool), Problem> {
    let mut flow = app.entries(&visitor.actor, host, snapshot, path, false).await?;
    let mut entries = Vec::new();
    let mut cut = false;
    while let Some(found) = flow.recv().await {
        if entries.len() == ENTRIES {
            cut = true;
            break;
        }
        entries.push(found?);
    }
    entries.sort_by(|a, b| {
        let key = |f: &Found| (f.entry.kind != EntryKind::Folder, f.entry.path.clone());
        key(a).cmp(&key(b))
    });
    Ok((entries, cut))
}

fn crumbs(path: &str) -> Vec<Crumb> {
    let mut so_far = String::new();
    let crumb = |name: &str| {
        so_far.push('/');
        so_far.push_str(name);
        Crumb { name: plain(name), path: so_far.clone() }
    };
    path.split('/').filter(|name| !name.is_empty()).map(crumb).collect()
}

fn entry(teller: Teller, found: Found) -> Entry {
    let entry = found.entry;
    let kind = match entry.kind {
        EntryKind::File => "file",
        EntryKind::Folder => "folder",
        EntryKind::Link => "link",
        EntryKind::Special => "special",
    };
    let name = entry.path.file_name().map(|n| paths::of_path(n.as_ref())).unwrap_or_default();
    Entry {
        kind,
        kind_label: teller.language.word("entry", kind),
        name: plain(&name),
        path: paths::of_path(&entry.path),
        target: entry
            .target
            .map(|t| teller.text("snapshot-link", "target", &plain(&paths::of_path(&t))))
            .unwrap_or_default(),
        size: if entry.kind == EntryKind::File { size(entry.size) } else { String::new() },
        modified: teller.moment(entry.modified.map_or(0, |t| t.timestamp())),
    }
}

/// A file's content, or a folder as an archive.
pub async fn download(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path((host, snapshot)): Path<(String, String)>,
    Query(Place { path }): Query<Place>,
) -> Result<Response, Problem> {
    let asked = Asked { host: &host, snapshot: &snapshot, path: &path, format: None, infected: false };
    let mut file = app.download(&visitor.actor, asked).await?;
    // What fails at once still becomes a page; later, only the length tells, or that it breaks off.
    let first = file.content.recv().await.transpose()?;
    let rest = ReceiverStream::new(file.content);
    // What is left out of an archive a text in it names.
    let data = |piece: Result<Piece, AppError>| async move {
        match piece {
            Ok(Piece::Data { data, .. }) => Some(Ok(data)),
            Ok(Piece::LeftOut(_) | Piece::Incomplete(_) | Piece::Unscanned(_)) => None,
            Err(error) => Some(Err(error)),
        }
    };
    let content = futures_util::stream::iter(first.map(Ok)).chain(rest).filter_map(data);
    let kind = match file.format {
        None => "application/octet-stream",
        Some(ArchiveFormat::Zip) => "application/zip",
        Some(ArchiveFormat::Tar) => "application/x-tar",
    };
    let mut response = Body::from_stream(content).into_response();
    let mut header = |name, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    };
    header(CONTENT_TYPE, kind.to_owned());
    header(CONTENT_DISPOSITION, disposition(&file.name));
    if file.format.is_none() {
        header(CONTENT_LENGTH, file.size.to_string());
    }
    Ok(response)
}

/// Has a browser keep the file under its own name, whatever is in that name (RFC 6266, 5987).
pub(super) fn disposition(name: &str) -> String {
    let name: String = name.chars().map(|c| if steers(c) { '_' } else { c }).collect();
    let plain = |c: char| if c.is_ascii() && !matches!(c, '"' | '\\' | '%' | '/') { c } else { '_' };
    let fallback: String = name.chars().map(plain).collect();
    format!("attachment; filename=\"{fallback}\"; filename*=UTF-8''{}", encoded(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_keeps_its_name_and_cannot_forge_a_header() {
        for (name, header) in [
            ("a b.txt", "attachment; filename=\"a b.txt\"; filename*=UTF-8''a%20b.txt"),
            ("报告.docx", "attachment; filename=\"__.docx\"; filename*=UTF-8''%E6%8A%A5%E5%91%8A.docx"),
            ("a\"; x=\"\r\n", "attachment; filename=\"a_; x=___\"; filename*=UTF-8''a%22%3B%20x%3D%22__"),
            ("fdp\u{202e}exe", "attachment; filename=\"fdp_exe\"; filename*=UTF-8''fdp_exe"),
        ] {
            assert_eq!(disposition(name), header);
            assert!(axum::http::HeaderValue::try_from(disposition(name)).is_ok());
        }
    }

    #[test]
    fn each_crumb_leads_to_its_folder() {
        let crumbs = crumbs("/home/王/a b");
        let pairs: Vec<(&str, &str)> = crumbs.iter().map(|c| (c.name.as_str(), c.path.as_str())).collect();
        assert_eq!(pairs, [("home", "/home"), ("王", "/home/王"), ("a b", "/home/王/a b")]);
        assert!(super::crumbs("/").is_empty());
    }
}
