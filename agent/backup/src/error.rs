//! Why an operation on a repository failed as a whole. What failed for a single file is a
//! [`crate::Failure`] in the report instead.

use crate::storage::StorageError;
use std::path::PathBuf;

/// The result of an operation on a repository.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation on a repository failed as a whole.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing to open.
    #[error("there is no repository at {0}. Create it first (--init)")]
    NoRepository(String),
    /// Nothing to create.
    #[error("there is a repository at {0} already. Open it instead")]
    AlreadyThere(String),
    /// The password opens none of the repository's keys.
    #[error("the password does not open the repository at {0}")]
    WrongPassword(String),
    /// The repository's file 'config' is lost.
    #[error(
        "the repository at {location} cannot be opened: its file 'config' {what}. It never changes: bring it back from any copy of the repository, and all that is there can be read again"
    )]
    NoConfig {
        /// Where.
        location: String,
        /// What became of it.
        what: String,
    },
    /// No key is left that could open the repository.
    #[error(
        "the repository at {location} cannot be opened: {what}. Keys never change: bring the folder 'keys' back from any copy of the repository, and all that is there can be read again"
    )]
    NoKey {
        /// Where.
        location: String,
        /// What became of them.
        what: String,
    },
    /// The snapshot is there and cannot be read.
    #[error(
        "the snapshot {0} is in the repository and cannot be read: it is damaged. Use another; what only it held is lost"
    )]
    LostSnapshot(String),
    /// The storage below failed for good.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// None of the paths to back up could be found.
    #[error("none of the paths to back up exists: {0}. No snapshot was made")]
    NothingToBackUp(String),
    /// No snapshot has that id.
    #[error("no snapshot '{0}' in the repository. List them and use an id, the start of one, or 'latest'")]
    NoSuchSnapshot(String),
    /// More than one snapshot's id starts so.
    #[error("'{0}' is the start of more than one snapshot's id. Give more of it")]
    AmbiguousSnapshot(String),
    /// The snapshot does not hold that path.
    #[error("the snapshot does not hold {}", .0.display())]
    NoSuchPath(PathBuf),
    /// The path is in the snapshot, but has no content to read.
    #[error("{} is not a file", .0.display())]
    NotAFile(PathBuf),
    /// Whoever looked at it let it not go out.
    #[error("{}: it is infected, so it is not handed out", .0.display())]
    Refused(PathBuf),
    /// There is no copy of it to be looked at before it goes out.
    #[error("it cannot be scanned before it goes out: {0}. Make room, and ask again")]
    Copy(std::io::Error),
    /// More than one archive holds.
    #[error("more than {0} entries are below it. Download its folders one by one, or restore it")]
    TooMany(u64),
    /// A glob that is none.
    #[error("'{glob}' is no valid pattern: {why}")]
    BadGlob {
        /// What was given.
        glob: String,
        /// What is wrong with it.
        why: String,
    },
    /// A value among the options that the format cannot hold.
    #[error("cannot use {0}")]
    BadOption(String),
    /// The folder to restore into cannot be used.
    #[error("cannot restore into {}: {why}", .path.display())]
    Target {
        /// Which.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The caller's writer failed while a file was read for it.
    #[error("cannot pass the file on: {0}")]
    Write(std::io::Error),
    /// The caller cancelled. What was stored stays and is used again by the next run.
    #[error("cancelled")]
    Cancelled,
    /// The repository holds something that cannot be read.
    #[error("the repository at {location} cannot be used: {why}. Check it with 'restic check'")]
    Broken {
        /// Where.
        location: String,
        /// What rustic_core said.
        why: String,
    },
    /// A bug in the engine; it ended its own work only.
    #[error("the backup engine crashed: {0}. Please report this")]
    Crashed(String),
}
