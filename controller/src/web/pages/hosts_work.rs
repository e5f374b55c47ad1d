//! What is done with many PCs at once: scanned, backed up, tried, moved. A page says first how many and
//! which; only who has seen that has it done. Asked twice, it is done once.

use super::hosts_choice::{Choice, Pairs, chosen, value};
use super::many::{Done, NAMED, more, taken_along};
use super::{Frame, Page, show};
use crate::app::App;
use crate::app::hosts::HostView;
use crate::app::hosts::search::{Chosen, mark};
use crate::app::verification::TRIAL;
use crate::web::i18n::Value;
use crate::web::problem::Problem;
use crate::web::session::Visitor;
use crate::web::words::{address, plain};
use askama::Template;
use axum::extract::{Form, Query, State};
use axum::{Extension, http::StatusCode};
use keepwatch_proto::ids::JobId;
use keepwatch_proto::job::JobSpec;
use keepwatch_proto::selection::Selection;
use std::sync::Arc;

/// What can be asked of many, and what the pages say of it.
pub const WORK: [&str; 4] = ["scan", "backup", "verify", "move"];

#[derive(Template)]
#[template(path = "hosts-work.html")]
struct Preview {
    frame: Frame,
    deed: &'static str,
    title: String,
    about: String,
    button: String,
    n: usize,
    away: String,
    named: Vec<Named>,
    more: String,
    hidden: Pairs,
    /// Where they can go; empty: they stay.
    groups: Vec<(String, String)>,
    group: String,
    changed: bool,
    wrong: String,
    back: String,
}

/// One of those that are meant.
struct Named {
    id: String,
    name: String,
    group: String,
}

/// What is asked of them.
struct Wish {
    deed: &'static str,
    chosen: Chosen,
    choice: Choice,
    group: String,
    key: String,
}

impl Wish {
    fn read(deed: &str, pairs: &Pairs) -> Result<Self, Problem> {
        let deed = WORK.into_iter().find(|known| *known == deed).ok_or(Problem::NOTHING)?;
        let (chosen, choice) = chosen(pairs);
        Ok(Self { deed, chosen, choice, group: value(pairs, "to"), key: value(pairs, "key") })
    }

    fn spec(&self) -> Option<JobSpec> {
        match self.deed {
            "scan" => Some(JobSpec::Scan { paths: vec![], excludes: vec![], max_file_bytes: 0 }),
            "backup" => Some(JobSpec::Backup { paths: vec![], excludes: vec![] }),
            "verify" => Some(TRIAL),
            _ => None,
        }
    }

    /// What the form takes along.
    fn hidden(&self, key: &str, mark: &str) -> Pairs {
        let mut hidden = taken_along(self.choice.pairs());
        match &self.chosen {
            Chosen::Named(ids) => hidden.extend(ids.iter().map(|id| ("host".to_owned(), id.clone()))),
            Chosen::Found(_) => hidden.extend(taken_along([("all", "1")])),
        }
        hidden.extend(taken_along([("deed", self.deed), ("key", key), ("mark", mark)]));
        hidden
    }
}

/// Says whom a scan, a backup or a trial would be asked of.
pub async fn preview(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(pairs): Query<Pairs>,
) -> Page {
    let wish = Wish::read(&value(&pairs, "deed"), &pairs)?;
    look(&app, &visitor, &wish, false, String::new()).await
}

/// Says who would move.
pub async fn preview_move(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(pairs): Query<Pairs>,
) -> Page {
    look(&app, &visitor, &Wish::read("move", &pairs)?, false, String::new()).await
}

async fn look(app: &App, visitor: &Visitor, wish: &Wish, changed: bool, wrong: String) -> Page {
    let hosts = app.chosen_hosts(&visitor.actor, &wish.chosen).await?;
    let language = visitor.language;
    let n = hosts.len();
    let away = hosts.iter().filter(|host| !host.connected).count();
    let named = |host: &HostView| Named {
        id: host.row.id.to_string(),
        name: plain(host.name()),
        group: visitor.language.group(&host.group),
    };
    let key = if wish.key.is_empty() { JobId::new(&app.clock).to_string() } else { wish.key.clone() };
    let groups = if wish.deed == "move" { app.group_paths(&visitor.actor).await? } else { vec![] };
    show(&Preview {
        deed: wish.deed,
        title: language.count(&format!("ask-{}", wish.deed), n as u64),
        about: language.word("about", wish.deed),
        button: language.word("do", wish.deed),
        n,
        away: if away == 0 || wish.deed == "move" { String::new() } else { language.count("work-away", away as u64) },
        named: hosts.iter().take(NAMED).map(named).collect(),
        more: more(language, n),
        hidden: wish.hidden(&key, &mark(&hosts)),
        groups: groups
            .into_iter()
            .map(|path| (language.group(&path), path))
            .map(|(label, path)| (path, label))
            .collect(),
        group: wish.group.clone(),
        changed,
        wrong,
        back: wish.choice.address(),
        frame: Frame::of(visitor),
    })
}

/// Asks for it.
pub async fn ask(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(pairs): Form<Pairs>,
) -> Page {
    let wish = Wish::read(&value(&pairs, "deed"), &pairs)?;
    let Some(spec) = wish.spec() else { return Err(Problem::NOTHING) };
    let hosts = app.chosen_hosts(&visitor.actor, &wish.chosen).await?;
    if hosts.is_empty() || mark(&hosts) != value(&pairs, "mark") {
        return look(&app, &visitor, &wish, true, String::new()).await;
    }
    let selection = Selection { names: hosts.iter().map(|h| h.row.id.to_string()).collect(), ..Selection::default() };
    let asked = app.ask_many(&visitor.actor, &selection, &spec, &wish.key).await?;
    let title = visitor.language.count("work-asked", asked.jobs.len() as u64);
    let mut done = Done::new(no_way_back(&visitor), title, &asked.refused, wish.choice.address());
    done.jobs = address("/jobs", &[("state", "open"), ("kind", wish.deed)]);
    show(&done)
}

/// Moves them.
pub async fn move_them(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(pairs): Form<Pairs>,
) -> Result<(StatusCode, axum::response::Html<String>), Problem> {
    let wish = Wish::read("move", &pairs)?;
    let hosts = app.chosen_hosts(&visitor.actor, &wish.chosen).await?;
    if hosts.is_empty() || mark(&hosts) != value(&pairs, "mark") {
        return Ok((StatusCode::OK, look(&app, &visitor, &wish, true, String::new()).await?));
    }
    if wish.group.is_empty() {
        let wrong = visitor.language.say("work-no-group");
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, look(&app, &visitor, &wish, false, wrong).await?));
    }
    let ids: Vec<String> = hosts.iter().map(|host| host.row.id.to_string()).collect();
    let moved = app.move_hosts(&visitor.actor, &ids, &wish.group).await?;
    let group = visitor.language.group(&wish.group);
    let values = [("n", Value::Count(moved.len() as u64)), ("group", Value::Text(&group))];
    let title = visitor.language.with("work-moved", &values);
    let page = show(&Done::new(no_way_back(&visitor), title, &[], wish.choice.but("group", &wish.group)))?;
    Ok((StatusCode::OK, page))
}

/// What is asked for is no page to come back to.
fn no_way_back(visitor: &Visitor) -> Frame {
    Frame { here: "/hosts".into(), ..Frame::of(visitor) }
}
