//! What one file was over time, and which of its versions is the good one.

use super::picked::Picked;
use super::{folder_of, last_name, stamp};
use crate::app::App;
use crate::app::catalogs::{FileVerdict, FileVersion};
use crate::web::pages::{Frame, Page, Teller, show};
use crate::web::session::Visitor;
use crate::web::words::{Moment, plain, size};
use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use chrono_tz::Tz;
use keepwatch_backup::EntryKind;
use serde::Deserialize;
use std::sync::Arc;

/// Versions on the page: more nobody tells apart.
const SHOWN: usize = 200;

#[derive(Template)]
#[template(path = "restore-versions.html")]
struct Versions {
    frame: Frame,
    host: String,
    host_name: String,
    name: String,
    path: String,
    folder: String,
    folder_path: String,
    picked: String,
    versions: Vec<Version>,
    more: bool,
}

struct Version {
    kind: &'static str,
    verdict: String,
    rules: String,
    size: String,
    modified: Moment,
    modified_at: String,
    first: String,
    last: String,
    snapshot: String,
    is_file: bool,
    /// The newest that is clean: what to take.
    best: bool,
}

/// Which file.
#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    path: String,
}

/// The page.
pub async fn page(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(wanted): Path<String>,
    Query(Wanted { path }): Query<Wanted>,
) -> Page {
    let (teller, actor) = (Teller::new(&app, &visitor), &visitor.actor);
    let host = app.host(actor, &wanted).await?;
    let id = host.row.id.to_string();
    let zone = app.time_zone(actor, &id).await?;
    let mut versions = app.versions(actor, &id, &path).await?;
    versions.sort_by_key(|version| std::cmp::Reverse(version.last));
    let best = versions.iter().position(|version| version.verdict == FileVerdict::Clean);
    let shown = versions.iter().take(SHOWN).enumerate();
    show(&Versions {
        frame: Frame::of(&visitor),
        host_name: plain(host.name()),
        name: plain(last_name(&path)),
        folder: plain(folder_of(&path)),
        folder_path: folder_of(&path).to_owned(),
        picked: Picked::only(&path).packed().unwrap_or_default(),
        more: versions.len() > SHOWN,
        versions: shown.map(|(at, version)| one(teller, zone, version, best == Some(at))).collect(),
        host: id,
        path,
    })
}

fn one(teller: Teller, zone: Tz, version: &FileVersion, best: bool) -> Version {
    let (first, last) = (stamp(zone, version.first), stamp(zone, version.last));
    let kind = version.verdict.word();
    Version {
        kind,
        verdict: teller.language.word("file", kind),
        rules: match &version.verdict {
            FileVerdict::Infected(rules) => plain(&rules.join(", ")),
            _ => String::new(),
        },
        size: size(version.version.size),
        modified: teller.moment(version.version.modified),
        modified_at: stamp(zone, version.version.modified),
        // From one moment to the same is no range.
        first: if first == last { String::new() } else { first },
        last,
        snapshot: version.snapshot.clone(),
        is_file: version.version.kind == EntryKind::File,
        best,
    }
}
