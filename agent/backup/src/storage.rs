//! Where a repository lives: a folder, the controller's repository service, a bucket, or an SSH
//! server. All keep the same objects and answer with the same errors, so that "not there" is
//! never mistaken for "could not ask".

mod place;

pub use place::{Bucket, PlaceError, Sftp};

use crate::folder::Folder;
use crate::stop::Stop;
use crate::throttle::Throttle;
use crate::{s3, service, sftp};
use bytes::Bytes;
use rustic_core::{BytesList, FileType, Id};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Where a repository lives.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Storage {
    /// A folder in restic's own layout.
    Folder(PathBuf),
    /// The controller's repository service.
    Service(Service),
    /// A bucket of S3 or of what speaks its protocol.
    Bucket(Bucket),
    /// A folder behind an SSH server.
    Sftp(Sftp),
}

impl Storage {
    /// A name for people: the folder or the address, never a secret.
    pub fn location(&self) -> String {
        match self {
            Self::Folder(path) => path.display().to_string(),
            Self::Service(service) => service.url.clone(),
            Self::Bucket(bucket) => bucket.location(),
            Self::Sftp(sftp) => sftp.location(),
        }
    }

    /// Where copies of what is read again and again lie, if anywhere.
    pub(crate) fn cache(&self) -> Option<&Path> {
        match self {
            Self::Folder(_) | Self::Bucket(_) | Self::Sftp(_) => None,
            Self::Service(service) => service.cache.as_deref(),
        }
    }

    pub(crate) fn open(&self, stop: Arc<Stop>) -> Result<Box<dyn Objects>, StorageError> {
        Ok(match self {
            Self::Folder(path) => Box::new(Folder::new(path)),
            Self::Service(service) => Box::new(service::Client::new(service, stop)?),
            Self::Bucket(bucket) => Box::new(s3::Client::new(bucket, stop)?),
            Self::Sftp(place) => Box::new(sftp::Client::new(place, stop)?),
        })
    }
}

/// How to reach a repository over the restic REST protocol with mutual TLS. PEM texts, so
/// that no key needs to lie in a file of its own.
#[derive(Clone, Serialize, Deserialize)]
pub struct Service {
    /// The repository's address: `https://CONTROLLER:PORT/repositories/HOST_ID/`.
    pub url: String,
    /// The authority that signed the server's certificate; no other is trusted.
    pub ca_pem: String,
    /// Our certificate (chain).
    pub certificate_pem: String,
    /// Our private key.
    pub key_pem: String,
    /// How long to keep trying while the service cannot be reached or is overloaded.
    #[serde(default = "default_patience")]
    pub patience: Duration,
    /// A private folder for copies of what is read again and again.
    #[serde(default)]
    pub cache: Option<PathBuf>,
    /// How fast bytes may go.
    #[serde(skip)]
    pub throttle: Throttle,
}

impl Service {
    /// The service at `url`, with the usual patience of some hours: lines are cut for as long.
    pub fn new(url: String, ca_pem: String, certificate_pem: String, key_pem: String) -> Self {
        Self {
            url,
            ca_pem,
            certificate_pem,
            key_pem,
            patience: default_patience(),
            cache: None,
            throttle: Throttle::default(),
        }
    }
}

fn default_patience() -> Duration {
    Duration::from_secs(4 * 3600)
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("url", &self.url).field("patience", &self.patience).finish_non_exhaustive()
    }
}

/// Why the storage did not do what it was asked. Each is final: what could be tried again
/// has been.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StorageError {
    /// The object, or the repository, is not there.
    #[error("{0} is not in the repository")]
    Missing(String),
    /// The service does not let us: certificate, another's repository, append-only.
    #[error("the storage refuses {what} ({answer}). {hint}")]
    Denied {
        /// What was asked.
        what: String,
        /// What it answered.
        answer: String,
        /// What to look at.
        hint: &'static str,
    },
    /// One object is larger than the service takes.
    #[error(
        "{0} is larger than the repository service accepts. Back up fewer paths at once, or report it with the agent's log"
    )]
    TooLarge(String),
    /// No room left.
    #[error("there is no room for {what}: {why}. Make room, then back up again: what was sent by now is kept")]
    Full {
        /// What was to be stored.
        what: String,
        /// What the system or the service said.
        why: String,
    },
    /// The service could not be reached, or stayed broken, for as long as patience lasted.
    #[error("gave up on {what} after {tries} tries: {why}. Check the network, and that the other side runs")]
    Unreachable {
        /// What was asked.
        what: String,
        /// How often.
        tries: u32,
        /// The last reason.
        why: String,
    },
    /// An answer that makes no sense, or data that arrived other than it was sent.
    #[error("the storage answered wrongly to {what}: {why}")]
    Wrong {
        /// What was asked.
        what: String,
        /// What was wrong.
        why: String,
    },
    /// The disk, below a folder repository.
    #[error("cannot {what}: {why}")]
    Disk {
        /// What was tried.
        what: String,
        /// What the system said.
        why: String,
    },
    /// Certificates or address cannot be used.
    #[error("cannot set up the connection to the repository service: {0}. Enrol this host again")]
    Setup(String),
    /// The caller cancelled, so nothing was tried again.
    #[error("the work was cancelled")]
    Cancelled,
}

impl StorageError {
    /// Whether it is not about one object: what else is asked will fail the same way, after as long
    /// a wait.
    pub(crate) fn is_of_all(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Denied { .. } | Self::Setup(_) | Self::Cancelled)
    }
}

/// What all kinds of storage do. Blocking; safe to call from several threads.
pub(crate) trait Objects: Send + Sync {
    /// A name for people.
    fn location(&self) -> String;
    /// Makes the empty repository's folders.
    fn create(&self) -> Result<(), StorageError>;
    /// The size of the config, or None when there is no repository. Exact: an error is not "no".
    fn config(&self) -> Result<Option<u32>, StorageError>;
    /// All objects of a kind other than the config.
    fn list(&self, kind: FileType) -> Result<Vec<(Id, u32)>, StorageError>;
    /// An object, or `range` (offset, length) of it.
    fn read(&self, kind: FileType, id: &Id, range: Option<(u32, u32)>) -> Result<Bytes, StorageError>;
    /// Stores an object for good; the same object again is success.
    fn write(&self, kind: FileType, id: &Id, content: &BytesList) -> Result<(), StorageError>;
    /// Removes an object.
    fn remove(&self, kind: FileType, id: &Id) -> Result<(), StorageError>;
}

/// An object's name for messages.
pub(crate) fn name(kind: FileType, id: &Id) -> String {
    match kind {
        FileType::Config => "config".to_owned(),
        _ => format!("{}/{}", kind.dirname(), &*id.to_hex()),
    }
}
