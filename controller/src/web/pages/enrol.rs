//! Taking in PCs: a token, shown once in the line to paste on the PC; the tokens that are good; and the
//! PCs that ask to be let in again.

use super::claims::{Asking, asking};
use super::hosts_choice::{Pairs, value};
use super::{Frame, Page, Teller, back_with, show};
use crate::app::App;
use crate::app::AppError;
use crate::web::problem::Problem;
use crate::web::session::Visitor;
use crate::web::words::Moment;
use askama::Template;
use axum::Extension;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use std::sync::Arc;

/// How long a token can be good for, in days, and the word for it.
pub const TERMS: [(u32, &str); 4] = [(1, "day"), (7, "week"), (30, "month"), (365, "year")];

#[derive(Template)]
#[template(path = "enrol.html")]
struct Enrol {
    frame: Frame,
    typed: Typed,
    wrong: String,
    groups: Vec<(String, String)>,
    terms: Vec<(u32, String)>,
    made: Option<Made>,
    tokens: Vec<Token>,
    spent: usize,
    asking: Vec<Asking>,
    decided: Vec<Asking>,
}

/// What was typed into the form.
#[derive(Clone)]
struct Typed {
    group: String,
    uses: String,
    days: u32,
    by_rules: bool,
}

/// A token, the one time that it is shown.
struct Made {
    said: String,
    linux: String,
    windows: String,
    token: String,
}

struct Token {
    id: String,
    group: String,
    by_rules: bool,
    left: String,
    expires: Moment,
    made: String,
}

/// The page.
pub async fn page(State(app): State<Arc<App>>, Extension(visitor): Extension<Visitor>) -> Page {
    let typed = Typed { group: String::new(), uses: "1".into(), days: TERMS[0].0, by_rules: false };
    show(&fill(&app, &visitor, typed, String::new(), None).await?)
}

async fn fill(app: &App, visitor: &Visitor, typed: Typed, wrong: String, made: Option<Made>) -> Result<Enrol, Problem> {
    let teller = Teller::new(app, visitor);
    let groups = app.group_paths(&visitor.actor).await?;
    let (good, spent): (Vec<_>, Vec<_>) = app
        .tokens(&visitor.actor)
        .await?
        .into_iter()
        .partition(|(row, _)| row.uses_left > 0 && row.expires > app.now());
    let tokens = good.into_iter().map(|(row, group)| Token {
        group: visitor.language.group(&group),
        by_rules: row.by_rules != 0,
        left: teller.language.count("enrol-left", crate::web::words::unsigned(row.uses_left)),
        expires: teller.moment(row.expires),
        made: teller.language.with(
            "enrol-made",
            &[
                ("user", crate::web::i18n::Value::Text(&row.created_by)),
                ("when", crate::web::i18n::Value::Text(&teller.words(row.created))),
            ],
        ),
        id: row.id,
    });
    let (asking, decided) = asking(app, visitor, teller).await?;
    Ok(Enrol {
        frame: Frame::of(visitor),
        typed,
        wrong,
        groups: groups
            .into_iter()
            .map(|path| (visitor.language.group(&path), path))
            .map(|(label, path)| (path, label))
            .collect(),
        terms: TERMS.map(|(days, word)| (days, teller.language.word("term", word))).into(),
        made,
        tokens: tokens.collect(),
        spent: spent.len(),
        asking,
        decided,
    })
}

/// Makes a token.
pub async fn make(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(pairs): Form<Pairs>,
) -> Result<Response, Problem> {
    let typed = Typed {
        group: value(&pairs, "group"),
        uses: value(&pairs, "uses"),
        days: value(&pairs, "days").parse().unwrap_or(0),
        by_rules: !value(&pairs, "by_rules").is_empty(),
    };
    let teller = Teller::new(&app, &visitor);
    let known = TERMS.iter().any(|(days, _)| *days == typed.days);
    let uses: Option<u32> = typed.uses.parse().ok().filter(|uses| *uses > 0 && known);
    let Some(uses) = uses else {
        return wrong(&app, &visitor, typed, teller.language.say("enrol-wrong-uses")).await;
    };
    let seconds = u64::from(typed.days) * 86_400;
    match app.create_token(&visitor.actor, uses, seconds, &typed.group, typed.by_rules).await {
        Ok(new) => {
            let (door, token) = (&app.agent_door, new.token.to_string());
            let said = [
                ("until", crate::web::i18n::Value::Text(&teller.words(new.expires))),
                ("n", crate::web::i18n::Value::Count(new.uses.into())),
            ];
            let made = Made {
                said: teller.language.with("enrol-once", &said),
                linux: format!(
                    "sudo keepwatch-agent enroll --controller {door} --token {token} && sudo systemctl enable --now \
                     keepwatch-agent"
                ),
                windows: format!(
                    "keepwatch-agent.exe enroll --controller {door} --token {token}; if ($?) {{ keepwatch-agent.exe run }}"
                ),
                token,
            };
            Ok(show(&fill(&app, &visitor, typed, String::new(), Some(made)).await?)?.into_response())
        }
        Err(error @ (AppError::Invalid(_) | AppError::NotFound(_) | AppError::Conflict(_))) => {
            wrong(&app, &visitor, typed, visitor.language.said(&error.to_string())).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn wrong(app: &App, visitor: &Visitor, mut typed: Typed, said: String) -> Result<Response, Problem> {
    if typed.days == 0 {
        typed.days = TERMS[0].0;
    }
    let page = show(&fill(app, visitor, typed, said, None).await?)?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// Ends a token.
pub async fn revoke(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(token): Path<String>,
) -> Result<Redirect, Problem> {
    app.revoke_token(&visitor.actor, &token).await?;
    Ok(back_with("/enrol", "token-revoked"))
}
