//! A group's document is edited: checked, its effects seen, then put in place. What was typed is
//! never lost, whatever is wrong with it and whoever else was faster.

use super::shown::{self, DiffLine, Shown};
use super::simulate::Forecast;
use super::{Links, edition, examples};
use crate::app::policies::{Given, PolicyView};
use crate::app::{App, AppError};
use crate::store::policies::EditionRow;
use crate::web::i18n::Language;
use crate::web::pages::{Frame, Page, Teller, back_with, show};
use crate::web::problem::Problem;
use crate::web::session::Visitor;
use crate::web::words::plain;
use askama::Template;
use axum::Extension;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Days that are looked at where a draft is tried out.
const DAYS: u32 = 14;
/// Lines of the field, at least and at most.
const HEIGHT: std::ops::RangeInclusive<usize> = 14..=36;

#[derive(Template)]
#[template(path = "policy-edit.html")]
struct Edit {
    frame: Frame,
    title: String,
    links: Links,
    group: String,
    yaml: String,
    why: String,
    base: u64,
    height: usize,
    /// What is written most often.
    examples: Vec<(String, &'static str)>,
    /// What is known of the text.
    verdict: Verdict,
}

pub(super) enum Verdict {
    /// Not looked at yet.
    None,
    /// It cannot be put in place.
    Wrong(Wrong),
    /// Somebody else was faster.
    Overtaken(Overtaken),
    /// What it would do.
    Checked(Box<Checked>),
}

impl Verdict {
    /// What the use case said is wrong with the text.
    pub(super) fn said(&self) -> Option<&str> {
        match self {
            Self::Wrong(wrong) => Some(&wrong.said),
            _ => None,
        }
    }

    /// Whether the text cannot be put in place as it is.
    fn is_bad(&self) -> bool {
        matches!(self, Self::Wrong(_) | Self::Overtaken(_))
    }

    /// The line that is wrong.
    fn line(&self) -> Option<usize> {
        match self {
            Self::Wrong(wrong) => wrong.line,
            _ => None,
        }
    }

    /// Whether what it does has been seen, and it does something.
    fn can_save(&self) -> bool {
        matches!(self, Self::Checked(checked) if checked.changed)
    }
}

pub(super) struct Wrong {
    /// In the use case's own words.
    said: String,
    /// In the reader's.
    message: String,
    line: Option<usize>,
    /// The line named, with those around it.
    excerpt: Vec<(usize, String, bool)>,
}

pub(super) struct Overtaken {
    edition: String,
    by: String,
    when: String,
    why: String,
    /// What they changed in the text that was edited.
    theirs: Vec<DiffLine>,
    /// What this text changes in theirs.
    yours: Vec<DiffLine>,
}

pub(super) struct Checked {
    /// Of the text that was checked.
    mark: String,
    /// It was asked to be put in place, and is not what was checked.
    unseen: bool,
    changed: bool,
    diff: Vec<DiffLine>,
    effects: Vec<Shown>,
    count: String,
    forecast: Option<Forecast>,
}

/// Whose, and which earlier text to take up again.
#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    group: String,
    #[serde(default)]
    edition: u64,
}

/// What was typed, and what is to be done with it.
#[derive(Deserialize)]
pub struct Draft {
    #[serde(default)]
    group: String,
    #[serde(default)]
    yaml: String,
    #[serde(default)]
    why: String,
    #[serde(default)]
    base: u64,
    /// Of the text whose effects were shown.
    #[serde(default)]
    checked: String,
    /// `check`, `simulate` or `save`.
    #[serde(default, rename = "do")]
    deed: String,
}

/// The page, with the text that is in place, or an earlier one, checked already.
pub async fn page(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(wanted): Query<Wanted>,
) -> Page {
    let teller = Teller::new(&app, &visitor);
    let own = app.policy(&visitor.actor, &wanted.group).await?;
    let mut draft = Draft::new(&own.group, own.yaml.clone(), own.revision);
    if wanted.edition == 0 {
        return show(&draft.page(teller, &visitor, &own, Verdict::None));
    }
    let history = app.policy_history(&visitor.actor, &own.group).await?;
    let earlier = history.into_iter().find(|e| u64::try_from(e.revision) == Ok(wanted.edition));
    draft.yaml = earlier.ok_or(Problem::NOTHING)?.yaml;
    draft.why = teller.text("policy-undo-why", "edition", &edition(teller, wanted.edition));
    let (_, verdict) = draft.judge(&app, teller, &visitor, &own).await?;
    show(&draft.page(teller, &visitor, &own, verdict))
}

/// Checks the text, tries it out, or puts it in place.
pub async fn submit(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(mut draft): Form<Draft>,
) -> Result<Response, Problem> {
    // As browsers send line ends.
    draft.yaml = draft.yaml.replace("\r\n", "\n");
    let teller = Teller::new(&app, &visitor);
    let own = app.policy(&visitor.actor, &draft.group).await?;
    if draft.deed == "save" && draft.checked == mark(&draft) {
        match app.apply_policies(&visitor.actor, vec![draft.given()], false).await {
            Ok(_) => return Ok(back_with(&Links::of(&own.group).group, "policy-saved").into_response()),
            // Said below, beside the text.
            Err(AppError::Invalid(_) | AppError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let (status, verdict) = draft.judge(&app, teller, &visitor, &own).await?;
    draft.answer(teller, &visitor, &own, status, verdict)
}

/// By it a text is known again as the one that was checked, for the edition that it was checked against.
fn mark(draft: &Draft) -> String {
    let text = format!("{}\n{}\n{}", draft.group, draft.base, draft.yaml);
    hex::encode(&Sha256::digest(text.as_bytes())[..16])
}

impl Draft {
    /// A text that nobody has looked at yet, edited from that revision.
    pub(super) fn new(group: &str, yaml: String, base: u64) -> Self {
        let (why, checked, deed) = (String::new(), String::new(), String::new());
        Self { group: group.to_owned(), yaml, why, base, checked, deed }
    }

    /// The page, with what is to be said of it.
    pub(super) fn answer(
        mut self,
        teller: Teller,
        visitor: &Visitor,
        own: &PolicyView,
        status: StatusCode,
        verdict: Verdict,
    ) -> Result<Response, Problem> {
        if matches!(verdict, Verdict::Overtaken(_)) {
            // From here on it is an edit of theirs: that is on the page now.
            self.base = own.revision;
        }
        let page = self.page(teller, visitor, own, verdict).render()?;
        Ok((status, Html(page)).into_response())
    }

    fn given(&self) -> Given {
        Given {
            name: String::new(),
            text: self.yaml.clone(),
            group: self.group.clone(),
            base: Some(self.base),
            why: self.why.clone(),
        }
    }

    fn page(self, teller: Teller, visitor: &Visitor, own: &PolicyView, verdict: Verdict) -> Edit {
        Edit {
            frame: Frame::of(visitor),
            title: teller.text("policy-of", "group", &teller.language.group(&own.group)),
            links: Links::of(&own.group),
            group: own.group.clone(),
            height: (self.yaml.lines().count() + 2).clamp(*HEIGHT.start(), *HEIGHT.end()),
            yaml: self.yaml,
            why: self.why,
            base: self.base,
            examples: examples::told(teller),
            verdict,
        }
    }

    /// What is to be said of it.
    pub(super) async fn judge(
        &self,
        app: &App,
        teller: Teller,
        visitor: &Visitor,
        own: &PolicyView,
    ) -> Result<(StatusCode, Verdict), Problem> {
        let applied = match app.apply_policies(&visitor.actor, vec![self.given()], true).await {
            Ok(applied) => applied,
            Err(AppError::Conflict(_)) if own.revision != self.base => {
                let history = app.policy_history(&visitor.actor, &own.group).await?;
                return Ok((StatusCode::CONFLICT, Verdict::Overtaken(self.overtaken(teller, own, &history))));
            }
            Err(AppError::Invalid(message) | AppError::Conflict(message)) => {
                return Ok((
                    StatusCode::UNPROCESSABLE_ENTITY,
                    Verdict::Wrong(wrong(visitor.language, &self.yaml, &message)),
                ));
            }
            Err(error) => return Err(error.into()),
        };
        let (effects, hosts) = shown::effects(teller, &applied.effects);
        let forecast = match self.deed.as_str() {
            "simulate" => {
                let simulated = app.simulate_draft(&visitor.actor, Given { base: None, ..self.given() }, DAYS).await?;
                Some(Forecast::of(teller, simulated))
            }
            _ => None,
        };
        let checked = Checked {
            mark: mark(self),
            unseen: self.deed == "save",
            changed: applied.outcomes.iter().any(|outcome| outcome.changed),
            diff: shown::diff(teller, &own.yaml, &self.yaml),
            effects,
            count: teller.language.count("policy-concerned", hosts),
            forecast,
        };
        Ok((StatusCode::OK, Verdict::Checked(Box::new(checked))))
    }

    fn overtaken(&self, teller: Teller, own: &PolicyView, history: &[EditionRow]) -> Overtaken {
        let of = |revision: u64| history.iter().find(|e| u64::try_from(e.revision) == Ok(revision));
        let theirs = of(own.revision);
        Overtaken {
            edition: edition(teller, own.revision),
            by: theirs.map(|e| plain(&e.edited_by)).unwrap_or_default(),
            when: theirs.map(|e| teller.words(e.edited_at)).unwrap_or_default(),
            why: theirs.map(|e| plain(&e.why)).unwrap_or_default(),
            theirs: shown::diff(teller, of(self.base).map_or("", |e| &e.yaml), &own.yaml),
            yours: shown::diff(teller, &own.yaml, &self.yaml),
        }
    }
}

/// Lines shown around the one that is wrong.
const AROUND: usize = 2;

fn wrong(language: Language, text: &str, message: &str) -> Wrong {
    // What is not finished is missed after the last line.
    let last = text.lines().count();
    let line = shown::line_named(message).filter(|_| last > 0).map(|line| line.min(last));
    let excerpt = line.map(|line| {
        let near = |n: &usize| n.abs_diff(line) <= AROUND;
        let numbered = text.lines().enumerate().map(|(at, text)| (at + 1, text));
        numbered.filter(|(n, _)| near(n)).map(|(n, text)| (n, plain(text), n == line)).collect()
    });
    Wrong { said: message.to_owned(), message: language.said(message), line, excerpt: excerpt.unwrap_or_default() }
}
