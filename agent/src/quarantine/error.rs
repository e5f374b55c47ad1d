//! Why a file was not put away, brought back or destroyed.

use keepwatch_proto::job::FailureKind;
use std::io;

/// Why a file was not put away, brought back or destroyed. Where it was to be put away it is still
/// where it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VaultError {
    /// The PC's own file has it so.
    #[error("this PC has no quarantine: 'allowed' in the section [quarantine] of its agent.toml is false")]
    Off,
    /// Nothing is there.
    #[error("it is not there any more")]
    NotThere,
    /// It cannot be opened, or is not what can be put away.
    #[error("it cannot be put away: {0}")]
    Open(io::Error),
    /// Its path is not the one that it is really at.
    #[error("a part of its path is a link; name it by where it really is: {0}")]
    Linked(String),
    /// Not this one.
    #[error("{0}")]
    Guarded(&'static str),
    /// It is not what was found.
    #[error("it has changed since it was found, and was left alone; scan it again")]
    Changed,
    /// What came into its place meanwhile could not be given its name again.
    #[error("it has changed meanwhile, and what is there now lies beside it, as {0}: give it its name again ({1})")]
    Aside(String, io::Error),
    /// The vault is bounded.
    #[error(
        "the quarantine would hold more than the {0} MiB that this PC allows; delete files from it with 'keepwatch quarantine delete', or raise 'max_mib' in the PC's agent.toml"
    )]
    Full(u64),
    /// No room for the copy.
    #[error("no room is left on the disk: {0}; make room, then try again")]
    NoRoom(io::Error),
    /// The copy is there, and the original stays.
    #[error("it cannot be removed from where it is, and stays there: {0}")]
    Stays(io::Error),
    /// No such item.
    #[error("the quarantine of this PC does not hold it; 'keepwatch quarantine list' shows what it holds")]
    NoItem,
    /// Nothing but somebody's word speaks against it.
    #[error(
        "no rule has found it, and this PC does not let what was only named be destroyed from afar: delete it at the PC with 'keepwatch-agent quarantine delete', or set 'allow_delete' in the section [quarantine] of its agent.toml"
    )]
    OnlyNamed,
    /// What is kept of it is spoilt.
    #[error("what is kept of it is damaged, and nothing was brought back: {0}")]
    Damaged(String),
    /// Something is where it is to go.
    #[error("{0} is there already, and nothing is replaced; name another place with --to")]
    InTheWay(String),
    /// It could not be written where it is to go.
    #[error("it cannot be written to {0}: {1}; name another place with --to")]
    Target(String, io::Error),
    /// The vault itself.
    #[error("the folder of the quarantine cannot be used: {0}; check the disk that holds the agent's state")]
    Vault(io::Error),
}

impl VaultError {
    /// Whether trying again makes sense.
    pub(crate) fn kind(&self) -> FailureKind {
        match self {
            Self::NoRoom(_) => FailureKind::NoRoom,
            Self::Damaged(_) => FailureKind::Damaged,
            Self::Stays(_) | Self::Vault(_) => FailureKind::Other,
            _ => FailureKind::Refused,
        }
    }

    /// What went wrong while the vault was written to.
    pub(super) fn writing(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoRoom(error),
            _ => Self::Vault(error),
        }
    }
}
