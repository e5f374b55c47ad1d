//! What is in a file, before it is restored: the beginning of a text, or a picture. It comes the way
//! that a download comes, scanned; what is infected is not shown, and the page says why.

use super::decode::{self, Shown};
use super::picked::Picked;
use super::{Mark, folder_of, last_name, snapshot};
use crate::app::downloads::{Asked, Piece};
use crate::app::{App, AppError};
use crate::web::pages::{Frame, Page, Teller, show};
use crate::web::problem::Problem;
use crate::web::session::Visitor;
use crate::web::words::{plain, size};
use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::sync::Arc;

/// Of a text so much is shown.
const TEXT: usize = 64 << 10;
/// Larger pictures are not.
const PICTURE: u64 = 8 << 20;
/// Larger files are not looked into: all of it would have to be scanned first.
const LARGEST: u64 = 64 << 20;
/// So a download says that a file is infected.
const INFECTED: &str = "this file is infected";
/// What the picture may do if a browser opens it by itself: nothing.
const NOTHING: &str = "default-src 'none'; img-src 'self'; sandbox";

#[derive(Template)]
#[template(path = "restore-preview.html")]
struct Preview {
    frame: Frame,
    host: String,
    id: String,
    mark: Mark,
    name: String,
    folder: String,
    folder_path: String,
    path: String,
    picked: String,
    size: String,
    picture: bool,
    text: Option<String>,
    encoding: &'static str,
    cut: bool,
    /// Why there is nothing to see; empty: for what it is.
    why_not: String,
    /// That is why: said in the reader's words.
    infected: bool,
    too_large: bool,
}

/// Which file.
#[derive(Deserialize)]
pub struct Place {
    #[serde(default)]
    path: String,
}

/// The beginning of a file.
struct Beginning {
    bytes: Vec<u8>,
    size: u64,
}

/// The first bytes of a file; nothing where it is too large, or a folder.
async fn begin(
    app: &Arc<App>,
    visitor: &Visitor,
    (host, snapshot, path): (&str, &str, &str),
    most: usize,
) -> Result<Beginning, AppError> {
    let asked = Asked { host, snapshot, path, format: None, infected: false };
    let mut file = app.download(&visitor.actor, asked).await?;
    let mut beginning = Beginning { bytes: Vec::new(), size: file.size };
    if file.format.is_some() || file.size > LARGEST {
        return Ok(beginning);
    }
    while let Some(piece) = file.content.recv().await {
        if let Piece::Data { data, .. } = piece? {
            beginning.bytes.extend_from_slice(&data);
        }
        if beginning.bytes.len() >= most {
            break;
        }
    }
    beginning.bytes.truncate(most);
    Ok(beginning)
}

/// The page.
pub async fn page(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path((host, id)): Path<(String, String)>,
    Query(Place { path }): Query<Place>,
) -> Page {
    let (teller, actor) = (Teller::new(&app, &visitor), &visitor.actor);
    let host = app.host(actor, &host).await?.row.id.to_string();
    let zone = app.time_zone(actor, &host).await?;
    let row = snapshot(&app, actor, &host, &id).await?;
    let mut page = Preview {
        frame: Frame::of(&visitor),
        mark: Mark::of(teller, zone, &row),
        name: plain(last_name(&path)),
        folder: plain(folder_of(&path)),
        folder_path: folder_of(&path).to_owned(),
        picked: Picked::only(&path).packed().unwrap_or_default(),
        size: String::new(),
        picture: false,
        text: None,
        encoding: "",
        cut: false,
        why_not: String::new(),
        infected: false,
        too_large: false,
        host,
        id,
        path,
    };
    match begin(&app, &visitor, (&page.host, &page.id, &page.path), TEXT).await {
        Ok(Beginning { bytes, size: whole }) => {
            page.size = size(whole);
            page.cut = whole > bytes.len() as u64;
            match decode::look(&bytes, page.cut) {
                _ if whole > LARGEST => page.too_large = true,
                Shown::Picture(_) if whole > PICTURE => page.too_large = true,
                Shown::Picture(_) => page.picture = true,
                Shown::Text(text, encoding) => (page.text, page.encoding) = (Some(tame(&text)), encoding),
                Shown::Nothing => {}
            }
        }
        // It is infected, or cannot be read.
        Err(error @ (AppError::Conflict(_) | AppError::Repository(_))) => {
            let why_not = error.to_string();
            page.infected = why_not.starts_with(INFECTED);
            page.why_not = visitor.language.said(&why_not);
        }
        Err(error) => return Err(error.into()),
    }
    show(&page)
}

/// Lines stay lines; all else that would steer a reader's eye is shown for what it is.
fn tame(text: &str) -> String {
    let lines: Vec<String> =
        text.lines().map(|line| line.split('\t').map(plain).collect::<Vec<_>>().join("\t")).collect();
    lines.join("\n")
}

/// A picture's bytes, for the page, and nothing that is none.
pub async fn picture(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path((host, id)): Path<(String, String)>,
    Query(Place { path }): Query<Place>,
) -> Result<Response, Problem> {
    let most = usize::try_from(PICTURE).unwrap_or(usize::MAX);
    let Beginning { bytes, size } = begin(&app, &visitor, (&host, &id, &path), most).await?;
    let kind = decode::picture(&bytes).filter(|_| size <= PICTURE).ok_or(Problem::NOTHING)?;
    let headers = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, NOTHING),
        // Opened by itself, it is no more than a file.
        (CONTENT_DISPOSITION, "inline; filename=\"picture\""),
    ];
    Ok((headers.map(|(name, value)| (name, HeaderValue::from_static(value))), bytes).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_infected_file_is_known_by_what_a_download_says() {
        assert!(crate::handout::infected("R").to_string().starts_with(INFECTED));
    }

    #[test]
    fn a_text_keeps_its_lines_and_steers_nobody() {
        assert_eq!(tame("a\tb\r\nc\u{202e}d\n\u{1b}[2J"), "a\tb\nc\\u{202e}d\n\\u{1b}[2J");
    }
}
