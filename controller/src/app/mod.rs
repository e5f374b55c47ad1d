//! The use cases: what staff, hosts and tasks can have done, a file per noun. Doors call
//! them and nothing else; each decides with `plan`, keeps with `store`, and pokes with
//! `hub`. Every action of the staff's leaves an audit record in the same transaction.

pub mod accounts;
pub mod adoption;
pub mod audit;
pub mod catalogs;
pub mod claims;
pub mod clockwork;
pub mod deletions;
pub mod desired;
pub mod detections;
pub mod downloads;
pub mod enrolment;
pub mod events;
pub mod found;
pub mod groups;
pub mod heirs;
pub mod history;
mod host_names;
pub mod hosts;
pub mod identities;
pub mod imports;
pub mod intake;
pub mod jobs;
pub mod known;
pub mod meters;
pub mod outbreaks;
pub mod overdue;
pub mod overview;
pub mod pages;
pub mod placement;
pub mod policies;
pub mod profiles;
pub mod quarantine;
pub mod recovery_key;
pub mod recovery_kit;
pub mod reports;
pub mod restores;
pub mod retention;
pub mod rollouts;
pub mod rooms;
pub mod rule_texts;
pub mod searches;
pub mod select;
pub mod signatures;
pub mod simulate;
pub mod slots;
pub mod snapshots;
pub mod standing;
pub mod storage;
pub mod streams;
pub mod summaries;
pub mod tokens;
pub mod trend;
pub mod users;
pub mod verification;

#[cfg(test)]
mod fortnight;
#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
mod year;

use crate::hub::Hub;
use crate::keys::KeyError;
use crate::keys::ca::Ca;
use crate::keys::escrow::Escrow;
use crate::keys::signing::Signing;
use crate::repository::{Meters, RepositoryStore};
use crate::store::{Store, StoreError};
use keepwatch_proto::clock::Clock;
use keepwatch_proto::ids::HostId;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What the use cases work with.
pub struct App {
    /// The truth.
    pub store: Store,
    /// Who is connected.
    pub hub: Arc<Hub>,
    /// The time.
    pub clock: Clock,
    /// Whether it is to be believed.
    pub clockwork: clockwork::Clockwork,
    /// Vouches for hosts.
    pub ca: Ca,
    /// Opens repositories.
    pub escrow: Escrow,
    /// Signs bundles.
    pub signing: Signing,
    /// Where the hosts' repositories are.
    pub repositories: Arc<dyn RepositoryStore>,
    /// What the repository service counts.
    pub meters: Meters,
    /// What is counted of the hosts' reports.
    pub taken_in: meters::ReportMeters,
    /// Folder of the signed bundles.
    pub signatures: PathBuf,
    /// What the snapshots hold, for searches.
    pub catalogs: catalogs::Catalogs,
    /// What is handed out at the moment, and where it is looked at.
    pub handing: downloads::Handing,
    /// Failed log-ins of late.
    pub attempts: users::Attempts,
    /// Passwords that are verified at once: each takes much memory, on purpose.
    pub verifying: tokio::sync::Semaphore,
    /// The agent door as PCs reach it: https://NAME:PORT.
    pub agent_door: String,
    /// Of the recovery kits beside the repositories, as this process last saw them.
    pub kits_kept: tokio::sync::Mutex<HashMap<HostId, [u8; 32]>>,
    /// From the approval of a repository's deletion to the deletion.
    pub deletion_wait: chrono::TimeDelta,
    /// Whether deletions were put off since the start, since the database seems to be an older copy.
    pub put_off: AtomicBool,
    /// Reports on their way into the database.
    pub intake: intake::Intake,
    /// Where leave to back up is given.
    pub slots: slots::Desk,
    /// How all hosts stand, where it takes long to find out.
    pub standing: standing::Standing,
    /// Repositories are looked at one after the other.
    pub measuring: Arc<tokio::sync::Mutex<()>>,
    /// Held by whoever asks how much room there is.
    pub looking: Arc<tokio::sync::Mutex<()>>,
    /// Where one waits to have a report made.
    pub reporting: summaries::Turns,
    /// One bundle at a time: the next version is the newest one's successor.
    pub publishing: tokio::sync::Mutex<()>,
}

/// Why a use case did not do what was asked; each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// No such thing.
    #[error("{0}")]
    NotFound(String),
    /// What was asked makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// Somebody else was there first.
    #[error("{0}")]
    Conflict(String),
    /// Not for this role.
    #[error("{0}")]
    Forbidden(String),
    /// Not logged in.
    #[error("you are not logged in, or your session has ended")]
    Unauthenticated,
    /// Too many wrong passwords.
    #[error("too many failed attempts; wait a minute and try again")]
    TooMany,
    /// A key or certificate.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It was begun, and was not kept.
    #[error("the database could not keep it; it is sent again")]
    Interrupted,
    /// A host's repository.
    #[error("the repository cannot be read: {0}")]
    Repository(String),
}

impl App {
    /// Now, in Unix seconds, as the store keeps times.
    pub fn now(&self) -> i64 {
        self.clock.now().timestamp()
    }
}
