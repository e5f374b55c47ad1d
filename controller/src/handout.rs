//! What is handed out of a repository: one file, or a folder as one archive. It is read, scanned
//! by the newest rules, and packed in a child process of its own. What comes
//! goes to its stdout in frames.

mod frame;
mod packing;

pub use packing::own_name;

use crate::child;
use bytes::Bytes;
use keepwatch_backup::{ArchiveFormat, Storage};
use keepwatch_scan::Tuning;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use tokio::io::{AsyncRead, BufReader};
use tokio::process::Child;

/// What is said where more may be infected than is known.
const NOT_ALL_SCANNED: &str = "not all of this was scanned: scan what comes before you open it";

/// What to hand out. Paths are text without loss.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    /// Where.
    pub storage: Storage,
    /// What opens it.
    pub password: String,
    /// The snapshot's id.
    pub snapshot: String,
    /// The file or folder in it.
    pub path: String,
    /// How a folder comes; nothing stands for the one that fits.
    pub format: Option<ArchiveFormat>,
    /// What is known to be infected: it stays where it is.
    pub without: Vec<String>,
    /// With what to scan; nothing: it was, or is not to be.
    pub scan: Option<Scan>,
    /// Whether it should be scanned and cannot be.
    pub doubtful: bool,
}

/// With what to scan what goes out.
#[derive(Debug, Serialize, Deserialize)]
pub struct Scan {
    /// Version of the bundle.
    pub bundle: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// Where it is.
    pub file: PathBuf,
    /// Folder of compiled rules.
    pub compiled: PathBuf,
    /// Folder of copies that are being looked at.
    pub scratch: PathBuf,
    /// Larger files are read in windows, in bytes.
    pub whole_bytes: u64,
    /// Whether containers are opened.
    pub unpack: bool,
    /// What people have decided about matches.
    pub tuning: Tuning,
}

/// What it is that comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Bytes of its content in all.
    pub size: u64,
    /// How a folder comes; a file comes as it is.
    pub format: Option<ArchiveFormat>,
    /// What whoever gets it should know.
    pub note: String,
}

/// What matched in something that was to go out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// The object, as detections name it.
    pub path: String,
    /// Its bytes.
    pub size: u64,
    /// Its SHA-256, in hexadecimal; empty where it was read in windows.
    pub sha256: String,
    /// The rule's name.
    pub rule: String,
    /// Its namespace.
    pub namespace: String,
    /// How bad, in a word.
    pub severity: String,
    /// What the rule says of itself.
    pub metadata: BTreeMap<String, String>,
}

/// What a child says beside the content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// The first one.
    Head(Head),
    /// A rule matched.
    Match(Box<Match>),
    /// Something that is not in the archive.
    LeftOut {
        /// What.
        path: String,
        /// Why.
        reason: String,
    },
    /// How many there are of those, also those that are not named.
    Incomplete(u64),
    /// So many files were not inspected to their end.
    Unscanned(u64),
    /// It does not come, or not to its end.
    Failed(Trouble),
    /// The last one: it is whole.
    End,
}

/// What comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A piece of the content.
    Data {
        /// Bytes of content that are done with it.
        done: u64,
        /// The piece.
        data: Bytes,
    },
    /// All else.
    Said(Said),
}

/// Why something is not handed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// There is no such thing.
    #[error("{0}")]
    Missing(String),
    /// It cannot be as it was asked for.
    #[error("{0}")]
    Conflict(String),
    /// What was asked makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The repository.
    #[error("{0}")]
    Unreadable(String),
}

impl From<keepwatch_backup::Error> for Trouble {
    fn from(error: keepwatch_backup::Error) -> Self {
        use keepwatch_backup::Error as Why;
        match error {
            Why::NoSuchPath(_) | Why::NotAFile(_) => Self::Missing(error.to_string()),
            Why::TooMany(_) | Why::Refused(_) | Why::Copy(_) => Self::Conflict(error.to_string()),
            Why::BadGlob { .. } => Self::Invalid(error.to_string()),
            error => Self::Unreadable(error.to_string()),
        }
    }
}

/// What is said of one file that these rules find infected.
pub fn infected(rules: &str) -> Trouble {
    Trouble::Conflict(format!(
        "this file is infected ({rules}), so it is not handed out; 'keepwatch versions' shows when it was clean, and \
         an administrator can fetch it with --infected"
    ))
}

/// The child: does what stdin says.
pub fn child() -> anyhow::Result<()> {
    Ok(packing::hand_out(&child::order()?, io::stdout())?)
}

/// The parent's end.
pub struct Coming {
    from: Box<dyn AsyncRead + Unpin + Send + Sync>,
    /// It ends with this.
    child: Option<Child>,
}

impl Coming {
    /// Has a child begin, and says what comes.
    pub async fn of(order: Order) -> Result<(Head, Self), Trouble> {
        let mut coming = Self::begin(order).await.map_err(|error| Trouble::Unreadable(error.to_string()))?;
        match coming.next().await? {
            Some(Frame::Said(Said::Head(head))) => Ok((head, coming)),
            _ => Err(Trouble::Unreadable("the process that reads it says nothing of it".to_owned())),
        }
    }

    async fn begin(order: Order) -> io::Result<Self> {
        if cfg!(test) {
            // A test is no controller that could be its own child.
            let work = move || {
                let mut out = Vec::new();
                packing::hand_out(&order, &mut out).map(|()| out)
            };
            let out = tokio::task::spawn_blocking(work).await.map_err(io::Error::other)??;
            return Ok(Self { from: Box::new(io::Cursor::new(out)), child: None });
        }
        let mut child = child::begin("handout", &order).await?;
        let from = child.stdout.take().ok_or_else(|| io::Error::other("it has no way to say anything"))?;
        Ok(Self { from: Box::new(BufReader::new(from)), child: Some(child) })
    }

    /// What comes next; nothing once it is whole.
    pub async fn next(&mut self) -> Result<Option<Frame>, Trouble> {
        match frame::next(&mut self.from).await {
            Ok(Frame::Said(Said::End)) => Ok(None),
            Ok(Frame::Said(Said::Failed(trouble))) => Err(trouble),
            Ok(frame) => Ok(Some(frame)),
            Err(error) => {
                let ended = match &mut self.child {
                    Some(child) => child.wait().await.map_or_else(|e| e.to_string(), |status| status.to_string()),
                    None => error.to_string(),
                };
                Err(Trouble::Unreadable(format!(
                    "the process that reads it ended ({ended}); try again, and where it ends again the controller's log says why"
                )))
            }
        }
    }
}
