//! Why the repository service refuses, and the status it says so with. Agents read the
//! status; people read the text in the agent's error.

use super::meters::Outcome;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_RANGE, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use std::io::{self, ErrorKind};

/// Why the repository service refuses.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// No host's certificate came with the connection.
    #[error("show an enrolled host's certificate")]
    Stranger,
    /// Another host's repository, and no grant to read it.
    #[error("a host has access to its own repository only")]
    Foreign,
    /// Removal or change of what is stored.
    #[error("this repository is append-only; retention is the controller's")]
    AppendOnly,
    /// A key for a repository that is complete.
    #[error("a repository's keys come before its config; one more cannot be added through the service")]
    KeysAreSet,
    /// The repository has another config already.
    #[error("the repository exists already, with another config")]
    Exists,
    /// A name or query that the protocol does not have.
    #[error("{0}")]
    Unclear(&'static str),
    /// The content's SHA-256 is not the name.
    #[error("the content that arrived does not have this SHA-256; send it again")]
    Corrupt,
    /// The sender stopped in the middle.
    #[error("the upload broke off")]
    BrokenOff,
    /// Larger than an object may be.
    #[error("an object may have at most {0} bytes")]
    TooLarge(u64),
    /// No such repository or object.
    #[error("not found")]
    NotFound,
    /// A range that the object (of that size) does not have, or of a form not served.
    #[error("no such range")]
    Range(u64),
    /// No room.
    #[error("the controller's storage is full")]
    Full,
    /// As much as the host may store.
    #[error("this host's quota of {} GiB is used up; ask IT staff to raise backup.quota_gib in its policy", .0 >> 30)]
    Quota(u64),
    /// As much as the hosts of one policy may store together.
    #[error("the {} GiB that this host's group may store are used up; ask IT staff to raise backup.group_quota_gib", .0 >> 30)]
    GroupQuota(u64),
    /// More objects than any honest host has.
    #[error("a host may store at most {0} objects; old snapshots must be removed on the controller first")]
    TooMany(u64),
    /// Too many uploads at once.
    #[error("too many uploads at once; send it again in a while")]
    Busy,
    /// The disk.
    #[error("the controller's storage failed: {0}")]
    Disk(io::Error),
}

impl From<io::Error> for RepositoryError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Disk(error),
        }
    }
}

impl RepositoryError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Stranger => StatusCode::UNAUTHORIZED,
            Self::Foreign | Self::AppendOnly | Self::KeysAreSet | Self::Exists => StatusCode::FORBIDDEN,
            Self::Unclear(_) | Self::Corrupt => StatusCode::BAD_REQUEST,
            Self::BrokenOff => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Range(_) => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::Full | Self::Quota(_) | Self::GroupQuota(_) | Self::TooMany(_) => StatusCode::INSUFFICIENT_STORAGE,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Disk(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for RepositoryError {
    fn into_response(self) -> Response {
        if let Self::Disk(error) = &self {
            tracing::error!(%error, "the repository storage failed");
        }
        let (text, outcome) = (self.to_string() + "\n", Outcome(self.word()));
        let mut answer = match self {
            Self::Busy => (self.status(), [(RETRY_AFTER, "2")], text).into_response(),
            Self::Range(size) => (self.status(), [(CONTENT_RANGE, format!("bytes */{size}"))], text).into_response(),
            _ => (self.status(), text).into_response(),
        };
        answer.extensions_mut().insert(outcome);
        answer
    }
}
