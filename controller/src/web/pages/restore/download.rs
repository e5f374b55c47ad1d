//! A file or folder out of a snapshot, straight to whoever asks.

use crate::app::downloads::{Asked, Piece};
use crate::app::{App, AppError};
use crate::web::problem::Problem;
use crate::web::session::Visitor;
use crate::web::words::{encoded, steers};
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use keepwatch_backup::ArchiveFormat;
use serde::Deserialize;
use std::sync::Arc;
use tokio_stream::wrappers::ReceiverStream;

/// Which file or folder.
#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    path: String,
}

/// A file's content, or a folder as an archive.
pub async fn file(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path((host, snapshot)): Path<(String, String)>,
    Query(Wanted { path }): Query<Wanted>,
) -> Result<Response, Problem> {
    let asked = Asked { host: &host, snapshot: &snapshot, path: &path, format: None, infected: false };
    let mut file = app.download(&visitor.actor, asked).await?;
    // What fails at once still becomes a page; later, only the length tells, or that it breaks off.
    let first = file.content.recv().await.transpose()?;
    let rest = ReceiverStream::new(file.content);
    // What is left out of an archive a text in it names.
    let data = |piece: Result<Piece, AppError>| async move {
        match piece {
            Ok(Piece::Data { data, .. }) => Some(Ok(data)),
            Ok(Piece::LeftOut(_) | Piece::Incomplete(_) | Piece::Unscanned(_)) => None,
            Err(error) => Some(Err(error)),
        }
    };
    let content = futures_util::stream::iter(first.map(Ok)).chain(rest).filter_map(data);
    let kind = match file.format {
        None => "application/octet-stream",
        Some(ArchiveFormat::Zip) => "application/zip",
        Some(ArchiveFormat::Tar) => "application/x-tar",
    };
    let mut response = Body::from_stream(content).into_response();
    let mut header = |name, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    };
    header(CONTENT_TYPE, kind.to_owned());
    header(CONTENT_DISPOSITION, disposition(&file.name));
    if file.format.is_none() {
        header(CONTENT_LENGTH, file.size.to_string());
    }
    Ok(response)
}

/// Has a browser keep the file under its own name, whatever is in that name (RFC 6266, 5987).
pub(in crate::web::pages) fn disposition(name: &str) -> String {
    let name: String = name.chars().map(|c| if steers(c) { '_' } else { c }).collect();
    let plain = |c: char| if c.is_ascii() && !matches!(c, '"' | '\\' | '%' | '/') { c } else { '_' };
    let fallback: String = name.chars().map(plain).collect();
    format!("attachment; filename=\"{fallback}\"; filename*=UTF-8''{}", encoded(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_keeps_its_name_and_cannot_forge_a_header() {
        for (name, header) in [
            ("a b.txt", "attachment; filename=\"a b.txt\"; filename*=UTF-8''a%20b.txt"),
            ("报告.docx", "attachment; filename=\"__.docx\"; filename*=UTF-8''%E6%8A%A5%E5%91%8A.docx"),
            ("a\"; x=\"\r\n", "attachment; filename=\"a_; x=___\"; filename*=UTF-8''a%22%3B%20x%3D%22__"),
            ("fdp\u{202e}exe", "attachment; filename=\"fdp_exe\"; filename*=UTF-8''fdp_exe"),
        ] {
            assert_eq!(disposition(name), header);
            assert!(axum::http::HeaderValue::try_from(disposition(name)).is_ok());
        }
    }
}
