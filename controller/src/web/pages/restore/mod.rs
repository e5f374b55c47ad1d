//! A file back in a minute, without fear of overwriting: find the PC, find the file, say where it
//! goes, see what would happen, and hand on a note when it is done. One file per step.

pub mod calendar;
pub mod decode;
pub mod destination;
pub mod download;
pub mod find;
pub mod job;
pub mod months;
mod note;
pub mod picked;
pub mod preview;
pub mod versions;
pub mod whole;

use super::Teller;
use crate::app::App;
use crate::app::audit::Actor;
use crate::store::snapshots::SnapshotRow;
use crate::web::problem::Problem;
use crate::web::words::Moment;
use chrono::DateTime;
use chrono_tz::Tz;

/// A snapshot in few words: from when it is, and whether it is to be trusted.
pub struct Mark {
    /// Its id.
    pub id: String,
    /// The day and time in the PC's zone.
    pub day: String,
    /// The time alone.
    pub time: String,
    /// How long ago that was.
    pub made: Moment,
    /// The shape for the worst of it.
    pub kind: &'static str,
    /// The same in words.
    pub words: String,
    /// When all of it was last read and found sound.
    pub proved: Option<Moment>,
}

impl Mark {
    fn of(teller: Teller, zone: Tz, row: &SnapshotRow) -> Self {
        let local = local(zone, row.received);
        let kind = kind(row);
        Self {
            id: row.id.clone(),
            day: local.format("%Y-%m-%d").to_string(),
            time: local.format("%H:%M").to_string(),
            made: teller.moment(row.received),
            kind,
            words: teller.language.word("mark", kind),
            proved: (row.verified != 0).then(|| teller.moment(row.verified)),
        }
    }
}

/// What matters most of a snapshot, as the word of its shape.
fn kind(row: &SnapshotRow) -> &'static str {
    match (row.verdict.0.as_ref().map(keepwatch_proto::verdict::Verdict::word), row.partial != 0) {
        (Some("infected"), _) => "infected",
        (_, true) => "incomplete",
        (Some(word), _) => word,
        (None, _) => "unscanned",
    }
}

fn local(zone: Tz, seconds: i64) -> DateTime<Tz> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default().with_timezone(&zone)
}

/// A day and time, as on a calendar; nothing where there is none.
pub(super) fn stamp(zone: Tz, seconds: i64) -> String {
    if seconds == 0 {
        return String::new();
    }
    local(zone, seconds).format("%Y-%m-%d %H:%M").to_string()
}

/// A snapshot of the host's, or of one that it replaced.
async fn snapshot(app: &App, actor: &Actor, host: &str, id: &str) -> Result<SnapshotRow, Problem> {
    let all = app.snapshots(actor, host).await?;
    all.into_iter().find(|row| row.id == id).ok_or(Problem::NOTHING)
}

/// The last name of a path.
fn last_name(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("/")
}

/// The folder that a path is in.
fn folder_of(path: &str) -> &str {
    match path.trim_end_matches('/').rsplit_once('/') {
        None | Some(("", _)) => "/",
        Some((folder, _)) => folder,
    }
}

/// The words of all kinds, for the texts' test.
#[cfg(test)]
pub const KINDS: [&str; 5] = ["infected", "incomplete", "unjudged", "unscanned", "clean"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_a_name_and_a_folder() {
        for (path, folder, name) in [
            ("/home/王/a b.txt", "/home/王", "a b.txt"),
            ("/home", "/", "home"),
            ("/home/", "/", "home"),
            ("/", "/", "/"),
            ("", "/", "/"),
        ] {
            assert_eq!((folder_of(path), last_name(path)), (folder, name), "{path}");
        }
    }
}
