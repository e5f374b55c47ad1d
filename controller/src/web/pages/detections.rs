//! What the scans found and nobody has looked at yet.

use super::{Frame, Page, Teller, back_with, show};
use crate::app::App;
use crate::app::detections::DetectionView;
use crate::web::problem::Problem;
use crate::web::session::{Visitor, local};
use crate::web::words::{Badge, Moment, plain, size, unsigned};
use askama::Template;
use axum::Extension;
use axum::extract::{Form, Path, State};
use axum::response::Redirect;
use keepwatch_proto::detection::Severity;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "detections.html")]
struct Detections {
    frame: Frame,
    detections: Vec<Detection>,
}

/// One of them, as any page shows it.
pub struct Detection {
    /// Its id.
    pub id: String,
    /// How bad.
    pub severity: Badge,
    /// What the rule says of itself.
    pub description: String,
    /// The rule.
    pub rule: String,
    /// The file.
    pub path: String,
    /// Id of its host.
    pub host: String,
    /// Name of its host.
    pub host_name: String,
    /// When.
    pub found: Moment,
    /// The file's size.
    pub size: String,
    /// The file's content.
    pub sha256: String,
    /// Whether the file is put away on its PC.
    pub put_away: bool,
}

impl Detection {
    /// In the reader's words.
    pub(super) fn new(teller: Teller, view: DetectionView) -> Self {
        let row = view.row;
        // A severity of a later version is a grave one until somebody has looked.
        let severity = row.severity.parse().unwrap_or(Severity::High);
        Self {
            id: row.id.to_string(),
            severity: teller.badge("severity", severity.word()),
            description: plain(teller.description(&row.metadata.0)),
            rule: plain(&format!("{} · {}", row.namespace, row.rule)),
            path: plain(&row.path),
            host: row.host.to_string(),
            host_name: plain(&view.host_name),
            found: teller.moment(row.at),
            size: size(unsigned(row.size)),
            sha256: plain(&row.sha256),
            put_away: !row.put_away.is_empty(),
        }
    }
}

/// The page.
pub async fn page(State(app): State<Arc<App>>, Extension(visitor): Extension<Visitor>) -> Page {
    let teller = Teller::new(&app, &visitor);
    let detections = app.detections(&visitor.actor, "", false, &Default::default()).await?.0;
    show(&Detections {
        frame: Frame::of(&visitor),
        detections: detections.into_iter().map(|d| Detection::new(teller, d)).collect(),
    })
}

/// Why a detection needs nothing more.
#[derive(Deserialize)]
pub struct Acknowledgement {
    reason: String,
    #[serde(default)]
    next: String,
}

/// Acknowledges one.
pub async fn acknowledge(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Form(form): Form<Acknowledgement>,
) -> Result<Redirect, Problem> {
    app.acknowledge_detection(&visitor.actor, &id, &form.reason).await?;
    let page = local(&form.next).split('?').next().unwrap_or("/");
    Ok(back_with(page, "acknowledged"))
}
