//! The contract that controller and agents keep. Each noun lives in a file of its own,
//! together with its conversion to and from the wire. Nothing in here does I/O.

mod bounds;
pub mod bundle;
pub mod canary;
pub mod clock;
pub mod desired;
pub mod detection;
pub mod event;
pub mod facts;
pub mod ids;
pub mod job;
pub mod network;
pub mod paths;
pub mod pin;
pub mod policy;
pub mod quarantine;
pub mod schedule;
pub mod selection;
pub mod token;
pub mod verdict;

/// Types of the wire, generated. They stop at the doors: everything else uses the nouns.
pub mod wire {
    /// What agent and controller say to each other.
    pub mod agent {
        pub use v1::*;
        #[allow(missing_docs, clippy::all, unreachable_pub)]
        pub mod v1 {
            tonic::include_proto!("keepwatch.agent.v1");
        }
    }
    /// What the staff's command line asks.
    pub mod staff {
        pub use v1::*;
        #[allow(missing_docs, clippy::all, unreachable_pub)]
        pub mod v1 {
            tonic::include_proto!("keepwatch.staff.v1");
        }
    }
}

/// Largest message on any stream, in bytes (HTTP/2 windows do not bound memory).
pub const MAX_MESSAGE: usize = 1 << 20;

/// Bytes that a message takes on the wire.
pub fn wire_length(message: &impl prost::Message) -> usize {
    message.encoded_len()
}

/// A message that does not say what it must.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the message's field '{field}' {problem}")]
pub struct WireError {
    /// The field at fault.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl WireError {
    pub(crate) fn missing(field: &'static str) -> Self {
        Self { field, problem: "is missing".into() }
    }
    pub(crate) fn bad(field: &'static str, problem: impl Into<String>) -> Self {
        Self { field, problem: problem.into() }
    }
}
