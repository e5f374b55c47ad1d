//! Staff: who there is, what they may do, and what an administrator does for them.

use super::{Frame, Page, Teller, back_with, show};
use crate::app::accounts::UserView;
use crate::app::audit::Role;
use crate::app::users::name_fits;
use crate::app::{App, AppError};
use crate::web::problem::Problem;
use crate::web::session::Visitor;
use crate::web::words::{Moment, encoded, plain};
use askama::Template;
use axum::Extension;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use std::sync::Arc;

/// All roles, the least first.
const ROLES: [Role; 3] = [Role::Viewer, Role::Operator, Role::Administrator];

#[derive(Template)]
#[template(path = "users.html")]
struct Users {
    frame: Frame,
    rows: Vec<Row>,
    /// What was typed into the form.
    name: String,
    roles: Vec<Choice>,
    problem: String,
    /// The one-time password that was just made, and for whom.
    made: Option<Made>,
}

/// A one-time password, the one time that it is shown.
struct Made {
    name: String,
    password: String,
}

struct Row {
    name: String,
    address: String,
    role: String,
    this: bool,
    created: Moment,
    last_login: Moment,
    sessions: u64,
    one_time: bool,
}

struct Choice {
    word: &'static str,
    label: String,
    help: String,
    chosen: bool,
}

fn choices(teller: Teller, chosen: &str) -> Vec<Choice> {
    let choice = |role: Role| Choice {
        word: role.word(),
        label: teller.language.word("role", role.word()),
        help: teller.language.word("role-may", role.word()),
        chosen: role.word() == chosen,
    };
    ROLES.map(choice).into()
}

fn row(teller: Teller, visitor: &Visitor, view: UserView) -> Row {
    let role: Option<Role> = view.row.role.parse().ok();
    Row {
        address: format!("/users/{}", encoded(&view.row.name)),
        role: role.map_or_else(|| plain(&view.row.role), |role| teller.language.word("role", role.word())),
        this: view.row.name == visitor.actor.user,
        created: teller.moment(view.row.created),
        last_login: teller.moment(view.row.last_login),
        sessions: view.sessions,
        one_time: view.row.one_time != 0,
        name: plain(&view.row.name),
    }
}

impl Users {
    async fn of(app: &App, visitor: &Visitor) -> Result<Self, Problem> {
        let teller = Teller::new(app, visitor);
        let users = app.accounts(&visitor.actor).await?;
        Ok(Self {
            frame: Frame::of(visitor),
            rows: users.into_iter().map(|user| row(teller, visitor, user)).collect(),
            name: String::new(),
            roles: choices(teller, Role::Viewer.word()),
            problem: String::new(),
            made: None,
        })
    }
}

/// The list.
pub async fn page(State(app): State<Arc<App>>, Extension(visitor): Extension<Visitor>) -> Page {
    show(&Users::of(&app, &visitor).await?)
}

/// Somebody new.
#[derive(Deserialize)]
pub struct Newcomer {
    #[serde(default)]
    name: String,
    #[serde(default)]
    role: String,
}

/// Adds somebody, and shows their one-time password, once.
pub async fn create(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(form): Form<Newcomer>,
) -> Result<Response, Problem> {
    let teller = Teller::new(&app, &visitor);
    let name = form.name.trim().to_owned();
    let problem = match app.create_user(&visitor.actor, &name, &form.role).await {
        Ok(password) => {
            let made = Some(Made { name: plain(&name), password });
            let page = Users { made, ..Users::of(&app, &visitor).await? };
            return Ok(show(&page)?.into_response());
        }
        Err(AppError::Conflict(_)) => teller.language.say("user-taken"),
        Err(AppError::Invalid(_)) if !name_fits(&name) => teller.language.say("user-name-help"),
        Err(error) => return Err(error.into()),
    };
    let roles = choices(teller, &form.role);
    let page = Users { name: form.name, roles, problem, ..Users::of(&app, &visitor).await? };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(page.render()?)).into_response())
}

#[derive(Template)]
#[template(path = "user.html")]
struct User {
    frame: Frame,
    user: Row,
    roles: Vec<Choice>,
    /// What is asked before it is done: `remove` or `password`; empty: nothing.
    asks: &'static str,
    made: Option<Made>,
}

impl User {
    async fn of(app: &App, visitor: &Visitor, name: &str) -> Result<Self, Problem> {
        let teller = Teller::new(app, visitor);
        let users = app.accounts(&visitor.actor).await?;
        let view = users.into_iter().find(|user| user.row.name == name).ok_or(Problem::NOTHING)?;
        let roles = choices(teller, &view.row.role);
        Ok(Self { frame: Frame::of(visitor), user: row(teller, visitor, view), roles, asks: "", made: None })
    }
}

/// One of them.
pub async fn one(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
) -> Page {
    show(&User::of(&app, &visitor, &name).await?)
}

/// What they may do from now on.
#[derive(Deserialize)]
pub struct Change {
    #[serde(default)]
    role: String,
}

/// Changes somebody's role.
pub async fn set_role(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
    Form(form): Form<Change>,
) -> Result<Redirect, Problem> {
    app.set_role(&visitor.actor, &name, &form.role).await?;
    Ok(back_with(&format!("/users/{}", encoded(&name)), "role-changed"))
}

/// Ends somebody's sessions.
pub async fn end_sessions(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
) -> Result<Redirect, Problem> {
    app.end_sessions(&visitor.actor, &name).await?;
    Ok(back_with(&format!("/users/{}", encoded(&name)), "sessions-ended"))
}

/// Asks whether somebody is to be removed.
pub async fn ask_remove(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
) -> Page {
    show(&User { asks: "remove", ..User::of(&app, &visitor, &name).await? })
}

/// Removes somebody.
pub async fn remove(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
) -> Result<Redirect, Problem> {
    app.remove_user(&visitor.actor, &name).await?;
    Ok(back_with("/users", "user-removed"))
}

/// Asks whether somebody is to get a one-time password.
pub async fn ask_password(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
) -> Page {
    show(&User { asks: "password", ..User::of(&app, &visitor, &name).await? })
}

/// Gives somebody who has forgotten theirs a one-time password, and shows it, once.
pub async fn reset_password(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
) -> Page {
    let password = app.reset_password(&visitor.actor, &name).await?;
    let made = Some(Made { name: plain(&name), password });
    show(&User { made, ..User::of(&app, &visitor, &name).await? })
}
