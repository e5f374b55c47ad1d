//! To import rules: sent in, checked, looked at, and only then published.

use super::signatures::{Kind, Said, kinds, said};
use super::{Frame, Page, Teller, back_with, refused, show};
use crate::app::imports::{Draft, Findings};
use crate::app::signatures::Import;
use crate::app::{App, AppError};
use crate::web::i18n::Value;
use crate::web::problem::Problem;
use crate::web::session::Visitor;
use crate::web::words::plain;
use askama::Template;
use axum::Extension;
use axum::extract::multipart::{Multipart, MultipartError};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use keepwatch_proto::bundle::MAX_UNPACKED;
use serde::Deserialize;
use std::sync::Arc;

/// Bytes of the largest upload: the rules, and what a browser puts around them.
pub const LARGEST: usize = 257 << 20;
/// Bytes of a field that is no file.
const LONGEST_FIELD: usize = 4 << 10;
/// Errors and warnings that are shown.
const SHOWN: usize = 100;

#[derive(Template)]
#[template(path = "import.html")]
struct Form {
    frame: Frame,
    source: String,
    origin: String,
    licence: String,
    sources: Vec<String>,
    /// Whether the session ended when it was sent: what was typed is there, and no file.
    resumed: bool,
    problem: Option<String>,
}

/// What was typed before, where it comes along.
#[derive(Deserialize)]
pub struct Typed {
    #[serde(default)]
    source: String,
    #[serde(default)]
    origin: String,
    #[serde(default)]
    licence: String,
    #[serde(default)]
    resumed: bool,
}

/// The form.
pub async fn page(app: State<Arc<App>>, visitor: Extension<Visitor>, Query(typed): Query<Typed>) -> Page {
    let Typed { source, origin, licence, resumed } = typed;
    let form = form(&app, &visitor, Import::called(source, origin, licence), None).await?;
    show(&Form { resumed, ..form })
}

async fn form(app: &App, visitor: &Visitor, typed: Import, problem: Option<String>) -> Result<Form, Problem> {
    let sources = app.sources(&visitor.actor).await?;
    Ok(Form {
        frame: Frame::of(visitor),
        source: typed.source,
        origin: typed.origin,
        licence: typed.licence,
        sources: sources.into_iter().map(|source| source.name).collect(),
        resumed: false,
        problem,
    })
}

/// What was wrong with what was sent.
enum Unfit {
    TooLarge,
    Cut,
    NoFile,
    App(AppError),
}

impl From<MultipartError> for Unfit {
    fn from(error: MultipartError) -> Self {
        if error.status() == StatusCode::PAYLOAD_TOO_LARGE { Self::TooLarge } else { Self::Cut }
    }
}

impl From<AppError> for Unfit {
    fn from(error: AppError) -> Self {
        Self::App(error)
    }
}

/// Reads the files piece by piece, within the import's own bounds. What was typed stays in `import`
/// whatever comes of it.
async fn read(import: &mut Import, mut parts: Multipart) -> Result<(), Unfit> {
    let mut files = 0;
    while let Some(mut part) = parts.next_field().await? {
        let name = part.name().unwrap_or_default().to_owned();
        let file = part.file_name().map(|name| name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned());
        match file {
            // A field for files where none was chosen.
            Some(file) if file.is_empty() => {}
            Some(file) => {
                files += 1;
                if import.source.is_empty() {
                    import.source = stem(&file).to_owned();
                }
                import.add(&file, b"")?;
                while let Some(piece) = part.chunk().await? {
                    import.add(&file, &piece)?;
                }
            }
            None => {
                let mut text = Vec::new();
                while let Some(piece) = part.chunk().await? {
                    text.extend_from_slice(&piece);
                    if text.len() > LONGEST_FIELD {
                        return Err(Unfit::TooLarge);
                    }
                }
                let text = String::from_utf8_lossy(&text).trim().to_owned();
                match name.as_str() {
                    "source" if !text.is_empty() => import.source = text,
                    "origin" => import.origin = text,
                    "licence" => import.licence = text,
                    _ => {}
                }
            }
        }
    }
    if files == 0 { Err(Unfit::NoFile) } else { Ok(()) }
}

/// A file's name without its ending.
fn stem(file: &str) -> &str {
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

/// Takes files in and has them checked.
pub async fn check(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    parts: Multipart,
) -> Result<Response, Problem> {
    let mut import = Import::default();
    let unfit = match read(&mut import, parts).await {
        Ok(()) => {
            let typed = Import::called(import.source.clone(), import.origin.clone(), import.licence.clone());
            match app.draft_import(&visitor.actor, import).await {
                Ok(draft) => {
                    return Ok(Redirect::to(&format!("/signatures/drafts/{}", draft.row.id)).into_response());
                }
                Err(error) => {
                    import = typed;
                    Unfit::App(error)
                }
            }
        }
        Err(unfit) => unfit,
    };
    let language = visitor.language;
    let problem = match unfit {
        Unfit::TooLarge => language.count("import-too-large", MAX_UNPACKED >> 20),
        Unfit::Cut => language.say("import-cut"),
        Unfit::NoFile => language.say("import-no-file"),
        Unfit::App(AppError::Invalid(why)) => {
            language.with("import-refused", &[("why", Value::Text(&language.said(&why)))])
        }
        Unfit::App(error) => return Err(error.into()),
    };
    refused(&form(&app, &visitor, import, Some(problem)).await?)
}

#[derive(Template)]
#[template(path = "draft.html")]
struct Checked {
    frame: Frame,
    id: String,
    source: String,
    origin: String,
    licence: String,
    replaces: bool,
    publishes: bool,
    verdict: String,
    files: u32,
    broken: u32,
    rules: u32,
    all_rules: u32,
    errors: Vec<Said>,
    errors_more: String,
    warnings: Vec<Said>,
    warnings_more: String,
    warning_count: usize,
    kinds: Vec<Kind>,
}

/// What the check said.
pub async fn checked(app: State<Arc<App>>, visitor: Extension<Visitor>, Path(id): Path<String>) -> Page {
    let draft = app.draft(&visitor.actor, &id).await?;
    show(&of_draft(&app, &visitor, draft))
}

fn of_draft(app: &App, visitor: &Visitor, draft: Draft) -> Checked {
    let teller = Teller::new(app, visitor);
    let language = teller.language;
    let Draft { row, findings } = draft;
    let Findings { rules, files, broken, all_rules, replaces, counts, names, .. } = findings;
    let more = |all: usize| match all.saturating_sub(SHOWN) {
        0 => String::new(),
        n => language.count("and-more", n as u64),
    };
    let publishes = all_rules > 0;
    Checked {
        frame: Frame { here: format!("/signatures/drafts/{}", row.id), ..Frame::of(visitor) },
        verdict: match (publishes, broken) {
            (false, _) => language.say("import-nothing"),
            (true, 0) => language.say("import-well"),
            (true, n) => language.count("import-partly", n.into()),
        },
        id: row.id,
        source: plain(&row.source),
        origin: plain(&row.origin),
        licence: plain(&row.licence),
        replaces,
        publishes,
        files,
        broken,
        rules,
        all_rules,
        errors: findings.errors.iter().take(SHOWN).map(said).collect(),
        errors_more: more(findings.error_count),
        warnings: findings.warnings.iter().take(SHOWN).map(said).collect(),
        warnings_more: more(findings.warning_count),
        warning_count: findings.warning_count,
        kinds: if publishes { kinds(teller, counts.map(|n| n as u64), names) } else { vec![] },
    }
}

/// Publishes it.
pub async fn publish(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let done = app.publish_draft(&visitor.actor, &id).await?;
    if done.version != 0 {
        return Ok(back_with("/signatures", "published").into_response());
    }
    // What is there besides has changed since the check.
    let mut draft = app.draft(&visitor.actor, &id).await?;
    let errors: Vec<_> = done.problems.into_iter().filter(|p| p.fatal).collect();
    (draft.findings.all_rules, draft.findings.error_count) = (0, errors.len());
    draft.findings.errors = errors;
    refused(&of_draft(&app, &visitor, draft))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_largest_import_fits_into_the_form() {
        assert!(super::LARGEST as u64 > super::MAX_UNPACKED);
    }

    #[test]
    fn a_source_is_called_as_its_file() {
        for (file, name) in [("rules.yar", "rules"), ("a.b.zip", "a.b"), ("rules", "rules"), (".yar", "")] {
            assert_eq!(super::stem(file), name);
        }
    }
}
