//! One file per page: it asks the use cases, puts what they say into words, and fills in
//! its template.

pub mod account;
pub mod audit;
mod choosing;
pub mod claims;
pub mod detections;
pub mod enrol;
pub mod groups;
pub mod groups_edit;
pub mod host;
pub mod host_deeds;
pub mod hosts;
mod hosts_choice;
pub mod hosts_work;
pub mod imports;
pub mod job;
pub mod jobs;
pub mod jobs_change;
pub mod login;
mod many;
pub mod outbreak;
pub mod overview;
mod overview_charts;
mod overview_groups;
pub mod policies;
pub mod quarantine;
pub mod replace;
pub mod reports;
pub mod restore;
pub mod rollouts;
pub mod signatures;
pub mod snapshot;
mod turns;
pub mod users;
pub mod wall;

use super::i18n::{Language, Value};
use super::problem::Problem;
use super::session::Visitor;
use super::{assets, words};
use crate::app::App;
use crate::app::audit::Role;
use askama::Template;
use axum::http::header::HOST;
use axum::http::uri::Uri;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{DateTime, Utc};

/// What a deed came to, as a page's address tells the next page.
pub const NOTICES: &[&str] = &[
    "scan-asked",
    "backup-asked",
    "cancelled",
    "paused",
    "resumed",
    "acknowledged",
    // Hosts, enrolment, groups
    "revoked",
    "token-revoked",
    "let-in-same",
    "let-in-new",
    "claim-refused",
    "group-created",
    "group-renamed",
    "group-moved",
    "group-removed",
    "unpinned",
    "policy-saved",
    "role-changed",
    "sessions-ended",
    "user-removed",
    "choose-password",
    "password-changed",
    "replaced",
    "acknowledged-all",
    "put-away-asked",
    "quarantine-restore-asked",
    "quarantine-delete-asked",
    "published",
    "source-removed",
    "rollout-halted",
    "rollout-resumed",
    "rollout-spread",
];

/// The ways to the pages: the area that each is in, its address, its word, and who may go there.
pub const WAYS: &[(&str, &str, &str, Role)] = &[
    ("watch", "/", "overview", Role::Viewer),
    ("watch", "/hosts", "hosts", Role::Viewer),
    ("watch", "/detections", "detections", Role::Viewer),
    ("watch", "/reports", "reports", Role::Viewer),
    ("work", "/restore", "restore", Role::Viewer),
    ("work", "/jobs", "jobs", Role::Viewer),
    ("work", "/quarantine", "quarantine", Role::Viewer),
    ("work", "/signatures", "signatures", Role::Viewer),
    ("work", "/rollouts", "rollouts", Role::Viewer),
    ("work", "/policies", "policies", Role::Viewer),
    ("work", "/groups", "groups", Role::Viewer),
    ("manage", "/enrol", "enrol", Role::Administrator),
    ("manage", "/replace", "replace", Role::Administrator),
    ("manage", "/users", "users", Role::Administrator),
    ("manage", "/audit", "audit", Role::Administrator),
];

/// Ways that belong together.
pub struct Area {
    /// Its word.
    pub word: &'static str,
    /// What people read.
    pub title: String,
    /// Those in it.
    pub ways: Vec<Way>,
}

/// A way to a page.
pub struct Way {
    /// Its address.
    pub href: &'static str,
    /// What people read.
    pub title: String,
    /// Whether the reader is there, or on a page below it.
    pub here: bool,
}

/// What all pages have around them.
pub struct Frame {
    /// What is read.
    pub language: Language,
    /// The page's own address.
    pub here: String,
    /// Who is logged in.
    pub user: Option<User>,
    /// What the deed before this page came to.
    pub notice: Option<Notice>,
}

/// What a deed came to.
pub struct Notice {
    /// `attention` where something is asked of the reader, else `succeeded`.
    pub kind: &'static str,
    /// What people read.
    pub text: String,
}

/// The notices that ask for something.
const ASKING: [&str; 1] = ["choose-password"];

/// Who is logged in.
pub struct User {
    /// Log-in name.
    pub name: String,
    /// What they are.
    pub role: String,
    /// What they may do.
    pub rank: Role,
}

impl Frame {
    /// For somebody who is logged in.
    pub fn of(visitor: &Visitor) -> Self {
        let language = visitor.language;
        let actor = &visitor.actor;
        let known = |word: &String| NOTICES.contains(&word.as_str());
        Self {
            language,
            here: visitor.here.clone(),
            user: Some(User {
                name: actor.user.clone(),
                role: language.word("role", actor.role.word()),
                rank: actor.role,
            }),
            notice: visitor.notice.as_ref().filter(|w| known(w)).map(|word| Notice {
                kind: if ASKING.contains(&word.as_str()) { "attention" } else { "succeeded" },
                text: language.word("notice", word),
            }),
        }
    }

    /// For whoever it is.
    pub fn bare(language: Language, here: &str) -> Self {
        Self { language, here: here.to_owned(), user: None, notice: None }
    }

    /// The text of a key.
    pub fn say(&self, key: &str) -> String {
        self.language.say(key)
    }

    /// The text of a key that leads to what stands behind it, with the space between where the language
    /// has one.
    pub fn lead(&self, key: &str) -> String {
        let text = self.say(key);
        if text.ends_with('：') { text } else { text + " " }
    }

    /// A version of the signatures.
    pub fn version(&self, version: &impl std::fmt::Display) -> String {
        self.language.with("signatures-version", &[("version", Value::Text(&version.to_string()))])
    }

    /// The address of an asset.
    pub fn asset(&self, name: &str) -> String {
        assets::address(name)
    }

    /// A shape.
    pub fn icon(&self, kind: &'static str) -> words::Icon {
        words::Icon { kind }
    }

    /// A path, with places where a line may end.
    pub fn path<'a>(&self, path: &'a str) -> words::Parted<'a> {
        words::Parted::of(path)
    }

    /// A headline, with places where a line may end.
    pub fn clauses<'a>(&self, text: &'a str) -> words::Clauses<'a> {
        words::Clauses::of(text)
    }

    /// Whether the reader has at least this role.
    fn ranks(&self, role: Role) -> bool {
        self.user.as_ref().is_some_and(|user| user.rank >= role)
    }

    /// The ways that are open to the reader, area by area.
    pub fn ways(&self) -> Vec<Area> {
        let path = place(self.here.split('?').next().unwrap_or_default());
        let below = |href: &str| href != "/" && path.strip_prefix(href).is_some_and(|rest| rest.starts_with('/'));
        let open: Vec<_> = WAYS.iter().copied().filter(|(.., role)| self.ranks(*role)).collect();
        let areas = open.chunk_by(|one, next| one.0 == next.0).map(|ways| Area {
            word: ways[0].0,
            title: self.language.word("nav-area", ways[0].0),
            ways: ways
                .iter()
                .map(|(_, href, word, _)| Way {
                    href,
                    title: self.language.word("nav", word),
                    here: path == *href || below(href),
                })
                .collect(),
        });
        areas.collect()
    }

    /// Whether the reader may change what all are ruled by.
    pub fn administers(&self) -> bool {
        self.ranks(Role::Administrator)
    }

    /// Whether the reader may have work done.
    pub fn operates(&self) -> bool {
        self.ranks(Role::Operator)
    }
}

/// Where among the ways an address is: a PC's snapshots and their files are for restoring.
fn place(path: &str) -> &str {
    let of_host = path.strip_prefix("/hosts/").and_then(|rest| rest.split('/').nth(1));
    match of_host {
        Some("restore" | "snapshots" | "versions") => "/restore/",
        _ => path,
    }
}

/// Says things in the reader's language, as of now.
#[derive(Clone, Copy)]
struct Teller {
    language: Language,
    now: DateTime<Utc>,
}

impl Teller {
    fn new(app: &App, visitor: &Visitor) -> Self {
        Self { language: visitor.language, now: app.clock.now() }
    }

    fn moment(self, seconds: i64) -> words::Moment {
        self.language.moment(seconds, self.now)
    }

    /// How long ago or ahead it is, without more.
    fn words(self, seconds: i64) -> String {
        self.moment(seconds).into_words()
    }

    fn badge(self, family: &str, kind: &'static str) -> words::Badge {
        words::Badge { kind, label: self.language.word(family, kind) }
    }

    fn text(self, key: &str, name: &str, value: &str) -> String {
        self.language.with(key, &[(name, Value::Text(value))])
    }
}

type Page = Result<Html<String>, Problem>;

fn show(page: &impl Template) -> Page {
    Ok(Html(page.render()?))
}

/// A form that comes again with what was typed, and what is wrong.
fn refused(page: &impl Template) -> Result<Response, Problem> {
    Ok((StatusCode::UNPROCESSABLE_ENTITY, show(page)?).into_response())
}

/// To a page that says what the deed came to; its own query comes after that.
fn back_with(address: &str, notice: &str) -> Redirect {
    Redirect::to(&match address.split_once('?') {
        None => format!("{address}?notice={notice}"),
        Some((path, query)) => format!("{path}?notice={notice}&{query}"),
    })
}

/// The name that the reader reached this controller by.
fn own_name(headers: &HeaderMap, uri: &Uri) -> String {
    let authority = uri.authority().map(|a| a.host());
    let host = || headers.get(HOST)?.to_str().ok()?.rsplit_once(':').map(|(host, _)| host);
    words::plain(authority.or_else(host).unwrap_or("CONTROLLER"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_where_a_reader_is_stands_out() {
        let here = |address: &str| {
            let user = Some(User { name: "chief".into(), role: String::new(), rank: Role::Administrator });
            let frame = Frame { user, ..Frame::bare(Language::English, address) };
            let ways = frame.ways().into_iter().flat_map(|area| area.ways);
            ways.filter(|way| way.here).map(|way| way.href).collect::<Vec<_>>()
        };
        for (address, way) in [
            ("/", "/"),
            ("/hosts?group=all", "/hosts"),
            ("/hosts/01", "/hosts"),
            ("/hosts/01/revoke", "/hosts"),
            ("/hosts/01/restore", "/restore"),
            ("/hosts/01/snapshots/ab/restore?path=/a", "/restore"),
            ("/hosts/01/versions", "/restore"),
            ("/restore/02", "/restore"),
        ] {
            assert_eq!(here(address), [way], "{address}");
        }
    }
}
