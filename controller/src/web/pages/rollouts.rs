//! How signatures spread, ring by ring; and to halt them, let them go on, or give them to all at once.

use super::{Frame, Page, Teller, back_with, refused, show};
use crate::app::rollouts::{RefusedBy, Ring, Rollout, Spread};
use crate::app::{App, AppError};
use crate::plan::rollout::State as Stage;
use crate::web::i18n::Value;
use crate::web::problem::Problem;
use crate::web::session::Visitor;
use crate::web::words::{Badge, Moment, plain};
use askama::Template;
use axum::Extension;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::sync::Arc;

/// How rollouts stand, as words with a shape each.
pub const STAGES: [&str; 4] = ["failed", "cancelled", "running", "succeeded"];
/// Rollouts on the page; each is counted over all PCs.
const LISTED: u32 = 10;
/// PCs that refused a bundle and are named.
const REFUSED: usize = 100;

#[derive(Template)]
#[template(path = "rollouts.html")]
struct Rollouts {
    frame: Frame,
    open: Vec<View>,
    past: Vec<View>,
    more: bool,
}

/// One of them.
struct View {
    version: i64,
    stage: Badge,
    published: Moment,
    published_by: String,
    halted: String,
    everywhere: bool,
    /// Whether it goes no further.
    is_halted: bool,
    /// Whether it could be given to all at once.
    spreads: bool,
    bar: Vec<Part>,
    total: u32,
    hosts: Spread,
    answered: String,
    rings: Vec<RingView>,
}

/// A part of the bar that shows how far it has come.
struct Part {
    kind: &'static str,
    from: u32,
    n: u32,
}

struct RingView {
    name: String,
    due: Option<Moment>,
    hosts: Spread,
}

/// The page.
pub async fn page(app: State<Arc<App>>, visitor: Extension<Visitor>) -> Page {
    let teller = Teller::new(&app, &visitor);
    let (rollouts, more) = app.rollouts(&visitor.actor, LISTED).await?;
    let (past, open): (Vec<Rollout>, Vec<Rollout>) =
        rollouts.into_iter().partition(|rollout| rollout.state == Stage::Superseded);
    let views = |rollouts: Vec<Rollout>| rollouts.into_iter().map(|rollout| view(teller, rollout)).collect();
    show(&Rollouts { frame: Frame::of(&visitor), open: views(open), past: views(past), more })
}

fn view(teller: Teller, rollout: Rollout) -> View {
    let Rollout { bundle, state, hosts, rings } = rollout;
    let [halted, superseded, spreading, done] = STAGES;
    let kind = match state {
        Stage::Halted => halted,
        Stage::Superseded => superseded,
        Stage::Spreading => spreading,
        Stage::Done => done,
    };
    let Spread { have, offered, wait, refused, passed } = hosts;
    let mut from = 0;
    let parts = [("protected", have + passed), ("running", offered), ("at-risk", refused), ("idle", wait)];
    let bar = parts.map(|(kind, n)| {
        from += n;
        Part { kind, from: from - n, n }
    });
    let total = have + offered + wait + refused + passed;
    View {
        version: bundle.version,
        stage: teller.badge("rollout", kind),
        published: teller.moment(bundle.published),
        published_by: plain(&bundle.published_by),
        halted: match bundle.halted {
            0 => String::new(),
            at => {
                let own = bundle.halted_by == "keepwatch";
                let by = if own { teller.language.say("rollout-by-itself") } else { plain(&bundle.halted_by) };
                let values = [
                    ("user", Value::Text(&by)),
                    ("when", Value::Text(&teller.words(at))),
                    ("reason", Value::Text(&teller.language.said(&bundle.halted_why))),
                ];
                teller.language.with("rollout-halted", &values)
            }
        },
        everywhere: bundle.everywhere != 0,
        is_halted: bundle.halted != 0,
        spreads: bundle.halted == 0 && bundle.everywhere == 0 && wait > 0,
        bar: bar.into(),
        total,
        answered: teller.language.with(
            "rollout-answered",
            &[("n", Value::Count((have + passed).into())), ("of", Value::Count(total.into()))],
        ),
        hosts,
        rings: rings.into_iter().map(|one| ring(teller, one)).collect(),
    }
}

fn ring(teller: Teller, ring: Ring) -> RingView {
    let hours = u64::try_from(ring.wait.num_hours()).unwrap_or(0);
    let wait = match hours {
        0 => teller.language.say("rollout-at-once"),
        n => teller.language.count("rollout-after", n),
    };
    RingView {
        name: if ring.group.is_empty() { wait } else { teller.language.group(&ring.group) },
        due: ring.due.map(|due| teller.moment(due.timestamp())),
        hosts: ring.hosts,
    }
}

#[derive(Template)]
#[template(path = "rollout.html")]
struct Whole {
    frame: Frame,
    rollout: View,
    groups: Vec<RingView>,
    refused: Vec<Refused>,
    more: String,
}

struct Refused {
    host: String,
    host_name: String,
    group: String,
    at: Moment,
    reason: String,
}

/// One of them in full.
pub async fn whole(app: State<Arc<App>>, visitor: Extension<Visitor>, Path(version): Path<String>) -> Page {
    let teller = Teller::new(&app, &visitor);
    let found = app.rollout(&visitor.actor, number(&version)?).await?;
    let more = found.refused.len().saturating_sub(REFUSED);
    let refusal = |by: RefusedBy| Refused {
        host: by.host.to_string(),
        host_name: plain(&by.name),
        group: teller.language.group(&by.group),
        at: teller.moment(by.at),
        reason: teller.language.said(&by.reason),
    };
    show(&Whole {
        frame: Frame::of(&visitor),
        rollout: view(teller, found.rollout),
        groups: found.groups.into_iter().map(|one| ring(teller, one)).collect(),
        refused: found.refused.into_iter().take(REFUSED).map(refusal).collect(),
        more: if more == 0 { String::new() } else { teller.language.count("and-more", more as u64) },
    })
}

fn number(version: &str) -> Result<u64, Problem> {
    version.parse().map_err(|_| Problem::NOTHING)
}

#[derive(Template)]
#[template(path = "rollout-deed.html")]
struct Deed {
    frame: Frame,
    version: u64,
    deed: &'static str,
    title: String,
    question: String,
    help: String,
    possible: bool,
    reason: String,
    problem: Option<String>,
}

/// What can be done to a rollout.
pub const DEEDS: [&str; 3] = ["halt", "resume", "now"];

/// Why a rollout is halted.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Reason {
    reason: String,
}

/// Asks why a rollout is to be halted, and whether.
pub async fn ask_halt(
    app: State<Arc<App>>,
    visitor: Extension<Visitor>,
    Path(version): Path<String>,
    Query(form): Query<Reason>,
) -> Page {
    show(&deed(&app, &visitor, number(&version)?, DEEDS[0], form.reason, None).await?)
}

/// Asks whether it is to go on.
pub async fn ask_resume(app: State<Arc<App>>, visitor: Extension<Visitor>, Path(version): Path<String>) -> Page {
    show(&deed(&app, &visitor, number(&version)?, DEEDS[1], String::new(), None).await?)
}

/// Asks whether all are to have it at once.
pub async fn ask_now(app: State<Arc<App>>, visitor: Extension<Visitor>, Path(version): Path<String>) -> Page {
    show(&deed(&app, &visitor, number(&version)?, DEEDS[2], String::new(), None).await?)
}

/// Halts it.
pub async fn halt(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(version): Path<String>,
    Form(form): Form<Reason>,
) -> Result<Response, Problem> {
    let version = number(&version)?;
    match app.halt_rollout(&visitor.actor, version, &form.reason).await {
        Ok(()) => Ok(back_with(&format!("/rollouts/{version}"), "rollout-halted").into_response()),
        Err(AppError::Invalid(_)) => {
            let problem = visitor.language.say("rollout-no-reason");
            refused(&deed(&app, &visitor, version, DEEDS[0], form.reason, Some(problem)).await?)
        }
        Err(error) => Err(error.into()),
    }
}

/// Lets it go on.
pub async fn resume(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(version): Path<String>,
) -> Result<Response, Problem> {
    let version = number(&version)?;
    app.resume_rollout(&visitor.actor, version).await?;
    Ok(back_with(&format!("/rollouts/{version}"), "rollout-resumed").into_response())
}

/// Gives it to all at once.
pub async fn now(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(version): Path<String>,
) -> Result<Response, Problem> {
    let version = number(&version)?;
    app.spread_now(&visitor.actor, version).await?;
    Ok(back_with(&format!("/rollouts/{version}"), "rollout-spread").into_response())
}

async fn deed(
    app: &App,
    visitor: &Visitor,
    version: u64,
    deed: &'static str,
    reason: String,
    problem: Option<String>,
) -> Result<Deed, Problem> {
    let language = visitor.language;
    let rollout = app.rollout(&visitor.actor, version).await?.rollout;
    let Spread { have, offered, wait, .. } = rollout.hosts;
    let halted = rollout.bundle.halted != 0;
    let n = match deed {
        "halt" => have,
        "resume" => offered + wait,
        _ => wait,
    };
    Ok(Deed {
        frame: Frame { here: format!("/rollouts/{version}"), ..Frame::of(visitor) },
        title: language.with(&format!("rollout-{deed}-title"), &[("version", Value::Text(&version.to_string()))]),
        question: language.count(&format!("rollout-{deed}-question"), n.into()),
        help: language.word("rollout", &format!("{deed}-help")),
        possible: halted == (deed == "resume"),
        version,
        deed,
        reason,
        problem,
    })
}
