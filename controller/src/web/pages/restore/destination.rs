//! Where to, and what becomes of what is there already. From here nothing is written yet: the PC
//! looks first, unless a new folder makes that needless.

use super::job::{Whereto, is_windows, location};
use super::picked::Picked;
use super::{Mark, snapshot};
use crate::app::App;
use crate::app::audit::Role;
use crate::app::hosts::HostView;
use crate::store::snapshots::SnapshotRow;
use crate::web::pages::{Frame, Page, Teller, show};
use crate::web::problem::Problem;
use crate::web::session::Visitor;
use crate::web::words::plain;
use askama::Template;
use axum::Extension;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use keepwatch_proto::job::{Conflict, RestoreSpec};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What to do where something is there already, the gentlest first.
pub const CONFLICTS: [Conflict; 4] =
    [Conflict::KeepBoth, Conflict::Skip, Conflict::OverwriteOlder, Conflict::Overwrite];
/// Where it goes: below a new folder, below a named one, or back to where it was.
pub const PLACES: [&str; 3] = ["new", "original", "folder"];
/// Paths that are shown.
const SHOWN: usize = 10;

#[derive(Template)]
#[template(path = "restore-destination.html")]
struct Destination {
    frame: Frame,
    host: String,
    host_name: String,
    id: String,
    mark: Mark,
    paths: Vec<String>,
    more: String,
    files: bool,
    asked: Asked,
    other: bool,
    places: Vec<Choice>,
    conflicts: Vec<Choice>,
    administers: bool,
    infected: String,
    offline: bool,
    revoked: bool,
    /// Why it cannot be, and which field says so.
    problem: String,
    field: &'static str,
}

/// One of several, with what it means.
struct Choice {
    word: &'static str,
    label: String,
    help: String,
    chosen: bool,
}

/// What the form holds; an address may hold it as well, so that one can come back and change it.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Asked {
    picked: String,
    onto: String,
    to_host: String,
    place: String,
    target: String,
    conflict: String,
    infected: String,
    deed: String,
}

impl Asked {
    /// What a restore asked for, for the form that it came from.
    pub(super) fn of(spec: &RestoreSpec, to_host: &str) -> Option<Self> {
        let picked = Picked::parse("").ok()?.changed(&[], &spec.paths).0.packed()?;
        let place = match (spec.in_place, spec.target.is_empty()) {
            (true, _) => "original",
            (_, true) => "new",
            (_, false) => "folder",
        };
        Some(Self {
            picked,
            onto: if to_host.is_empty() { String::new() } else { "other".to_owned() },
            to_host: to_host.to_owned(),
            place: place.to_owned(),
            target: spec.target.clone(),
            conflict: spec.conflict.word().to_owned(),
            infected: if spec.infected { "yes".to_owned() } else { String::new() },
            deed: String::new(),
        })
    }

    /// As part of an address.
    pub(super) fn query(&self) -> String {
        let pairs = [
            ("picked", &self.picked),
            ("onto", &self.onto),
            ("to_host", &self.to_host),
            ("place", &self.place),
            ("target", &self.target),
            ("conflict", &self.conflict),
        ];
        let pair = |(name, value): (&str, &String)| format!("{name}={}", crate::web::words::encoded(value));
        pairs.into_iter().filter(|(_, value)| !value.is_empty()).map(pair).collect::<Vec<_>>().join("&")
    }

    /// What is asked of the PC, or which field is wrong and the word for why.
    fn spec(&self, snapshot: &str) -> Result<RestoreSpec, (&'static str, &'static str)> {
        let picked = Picked::parse(&self.picked).map_err(|_| ("picked", "no-paths"))?;
        let in_place = self.place == "original";
        let target = self.target.trim();
        let full = target.starts_with('/') || target.as_bytes().get(1) == Some(&b':');
        if self.place == "folder" && !full {
            return Err(("target", "no-target"));
        }
        if in_place && picked.paths().iter().all(|path| path == "/") {
            return Err(("place", "not-everything"));
        }
        // Into a folder that is new nothing else can be in the way.
        let conflict = self.conflict.parse().unwrap_or(Conflict::KeepBoth);
        Ok(RestoreSpec {
            snapshot: snapshot.to_owned(),
            paths: picked.paths().to_vec(),
            target: if self.place == "folder" { target.to_owned() } else { String::new() },
            in_place,
            conflict: if self.is_new() { Conflict::KeepBoth } else { conflict },
            dry_run: !(self.deed == "now" && self.is_new()),
            infected: self.infected == "yes",
            ..RestoreSpec::default()
        })
    }

    fn is_new(&self) -> bool {
        !["original", "folder"].contains(&self.place.as_str())
    }
}

/// The form.
pub async fn page(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path((host, id)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Page {
    let host = app.host(&visitor.actor, &host).await?;
    let row = snapshot(&app, &visitor.actor, &host.row.id.to_string(), &id).await?;
    Picked::parse(&asked.picked)?;
    show(&form(&app, &visitor, &host, &row, asked).await?)
}

/// Asks for it, or says in the form why it cannot be.
pub async fn ask(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path((host, id)): Path<(String, String)>,
    Form(asked): Form<Asked>,
) -> Result<Response, Problem> {
    let actor = &visitor.actor;
    let host = app.host(actor, &host).await?;
    let row = snapshot(&app, actor, &host.row.id.to_string(), &id).await?;
    let own = host.row.id.to_string();
    let (field, problem) = match asked.spec(&id) {
        Err((field, word)) => (field, visitor.language.word("destination", word)),
        Ok(_) if asked.onto == "other" && asked.to_host.trim().is_empty() => {
            ("to_host", visitor.language.say("destination-no-host"))
        }
        Ok(spec) => {
            let other = asked.onto == "other";
            let (onto, source) = if other { (asked.to_host.trim(), own.as_str()) } else { (own.as_str(), "") };
            match app.ask_restore(actor, onto, source, spec).await {
                Ok(job) => return Ok(Redirect::to(&format!("/restore/{}", job.row.id)).into_response()),
                Err(error) => (if other { "to_host" } else { "form" }, visitor.language.said(&error.to_string())),
            }
        }
    };
    let mut page = form(&app, &visitor, &host, &row, asked).await?;
    (page.field, page.problem) = (field, problem);
    Ok((StatusCode::UNPROCESSABLE_ENTITY, show(&page)?).into_response())
}

async fn form(
    app: &Arc<App>,
    visitor: &Visitor,
    host: &HostView,
    row: &SnapshotRow,
    mut asked: Asked,
) -> Result<Destination, Problem> {
    let teller = Teller::new(app, visitor);
    let language = teller.language;
    let id = host.row.id.to_string();
    let zone = app.time_zone(&visitor.actor, &id).await?;
    // An address that was cut says nothing; what it held has to be chosen again.
    let picked = Picked::parse(&asked.picked).unwrap_or_default();
    let more = picked.paths().len().saturating_sub(SHOWN) as u64;
    if host.row.revoked != 0 && asked.onto.is_empty() {
        asked.onto = "other".to_owned();
    }
    let place = PLACES.into_iter().find(|place| *place == asked.place).unwrap_or("new");
    let conflict = CONFLICTS.into_iter().find(|one| one.word() == asked.conflict).unwrap_or(Conflict::KeepBoth);
    let option = |family: &str, word: &'static str, chosen: bool| Choice {
        word,
        label: language.word(family, word),
        help: language.word(&format!("{family}-help"), word),
        chosen,
    };
    let infected = row.verdict.0.as_ref().map_or(0, |verdict| verdict.infected);
    Ok(Destination {
        frame: Frame::of(visitor),
        host_name: plain(host.name()),
        mark: Mark::of(teller, zone, row),
        paths: picked.paths().iter().take(SHOWN).map(|path| plain(path)).collect(),
        more: if more > 0 { language.count("destination-more", more) } else { String::new() },
        files: !picked.paths().is_empty(),
        other: asked.onto == "other",
        places: PLACES.into_iter().map(|word| option("place", word, word == place)).collect(),
        conflicts: CONFLICTS.into_iter().map(|one| option("conflict", one.word(), one == conflict)).collect(),
        administers: visitor.actor.role >= Role::Administrator,
        infected: if infected > 0 { language.count("snapshot-infected", infected) } else { String::new() },
        offline: !host.connected && host.row.revoked == 0,
        revoked: host.row.revoked != 0,
        problem: String::new(),
        field: "",
        asked,
        host: id,
        id: row.id.clone(),
    })
}

/// Where each of these comes to lie.
pub(super) fn places(spec: &RestoreSpec, target: &str, host: &HostView) -> Vec<Whereto> {
    let at = |path: &String| plain(&location(path, target, is_windows(host)));
    spec.paths.iter().map(|path| Whereto { path: plain(path), at: at(path) }).collect()
}

/// What may be wrong with it, for the texts' test.
#[cfg(test)]
pub const WRONG: [&str; 3] = ["no-paths", "no-target", "not-everything"];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn asked(place: &str, target: &str, deed: &str, path: &str) -> Asked {
        Asked {
            picked: Picked::only(path).packed().unwrap(),
            place: place.into(),
            target: target.into(),
            deed: deed.into(),
            conflict: "overwrite".into(),
            ..Asked::default()
        }
    }

    #[test]
    fn only_into_a_new_folder_goes_what_nobody_has_looked_at() {
        for (place, target, deed, dry_run, conflict) in [
            ("new", "", "now", false, Conflict::KeepBoth),
            ("new", "", "look", true, Conflict::KeepBoth),
            ("", "", "", true, Conflict::KeepBoth),
            ("original", "", "now", true, Conflict::Overwrite),
            ("folder", "/srv/x", "now", true, Conflict::Overwrite),
            ("folder", "D:\\back", "look", true, Conflict::Overwrite),
        ] {
            let spec = asked(place, target, deed, "/a").spec("ab").unwrap();
            assert_eq!(
                (spec.dry_run, spec.conflict, spec.in_place),
                (dry_run, conflict, place == "original"),
                "{place}"
            );
            assert_eq!(spec.target, target);
        }
    }

    #[test]
    fn what_makes_no_sense_is_said_beside_its_field() {
        assert_eq!(asked("folder", "relative", "", "/a").spec("ab").unwrap_err().0, "target");
        assert_eq!(asked("folder", " ", "", "/a").spec("ab").unwrap_err().0, "target");
        assert_eq!(asked("original", "", "", "/").spec("ab").unwrap_err().0, "place");
        let nothing = Asked { place: "original".into(), ..Asked::default() };
        assert_eq!(nothing.spec("ab").unwrap_err().0, "place");
        assert_eq!(Asked { picked: "!".into(), ..Asked::default() }.spec("ab").unwrap_err().0, "picked");
    }

    #[test]
    fn one_can_come_back_and_change_it() {
        let spec = asked("folder", "/srv/x y", "look", "/a b").spec("ab").unwrap();
        let back = Asked::of(&spec, "PC-2").unwrap();
        assert_eq!((back.place.as_str(), back.target.as_str(), back.onto.as_str()), ("folder", "/srv/x y", "other"));
        assert!(
            back.query().contains("target=/srv/x%20y") && back.query().contains("to_host=PC-2"),
            "{}",
            back.query()
        );
        assert_eq!(back.spec("ab").unwrap(), spec);
    }
}
