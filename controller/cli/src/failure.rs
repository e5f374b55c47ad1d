//! How a command can end: what went wrong, in words that say what to do next, and the exit
//! codes that scripts rely on.

use crate::connect::{self, ConnectError};
use crate::rules::GatherError;
use crate::session::SessionError;
use keepwatch_proto::job::JobState;
use std::io;
use std::path::PathBuf;
use tonic::{Code, Status};

/// How a command that did not fail has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All that was asked.
    Done,
    /// A watched job did not do all that it should have.
    Partial,
    /// A watched job was not done, or nothing is heard of it.
    Failed,
}

impl Outcome {
    /// For a job that has ended.
    pub(crate) fn of(state: JobState) -> Self {
        match state {
            JobState::Partial => Self::Partial,
            JobState::Failed | JobState::Cancelled | JobState::Expired | JobState::Lost => Self::Failed,
            JobState::Queued | JobState::Waiting | JobState::Offered | JobState::Running | JobState::Succeeded => {
                Self::Done
            }
        }
    }

    /// The worse one of two.
    pub(crate) fn worse(self, other: Self) -> Self {
        if self.exit_code() >= other.exit_code() { self } else { other }
    }

    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Partial => 3,
            Self::Failed => 4,
        }
    }
}

/// Why a command could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Gather(#[from] GatherError),
    #[error("{}", explain(.0))]
    Call(Box<Status>),
    #[error("cannot write the result: {0}")]
    Output(io::Error),
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("{} exists already; choose another place with -o, or replace it with --force", .0.display())]
    Exists(PathBuf),
    #[error("only {received} of {total} bytes arrived; nothing was kept, try again")]
    CutShort { received: u64, total: u64 },
    #[error("cannot read the answer: {0}")]
    Ask(io::Error),
    #[error("nothing {0} published; correct the files named above and import again")]
    NotPublished(&'static str),
    #[error(
        "the connection to the controller was lost and does not come back; the job goes on, see it with 'keepwatch jobs watch {0}'"
    )]
    LostSight(String),
    #[error("the controller's answer makes no sense ({0}); controller and command line may be of different versions")]
    Answer(String),
    #[error("{0} Nobody is at a terminal to be asked; say --yes if it is meant")]
    Unconfirmed(String),
    #[error("nothing was done")]
    Declined,
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Usage(String),
}

impl Failure {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Unconfirmed(_) => 2,
            _ => 1,
        }
    }

    /// A stable word for what kind of failure it is, for scripts.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Session(_) => "session",
            Self::Connect(_) | Self::CutShort { .. } | Self::LostSight(_) => "connection",
            Self::Gather(_) | Self::Output(_) | Self::File { .. } | Self::Exists(_) | Self::Ask(_) => "file",
            Self::NotPublished(_) => "not-published",
            Self::Answer(_) => "answer",
            Self::Usage(_) => "usage",
            Self::Unconfirmed(_) => "unconfirmed",
            Self::Declined => "declined",
            Self::Refused(_) => "refused",
            Self::Call(status) if is_passing(status) => "connection",
            Self::Call(status) => match status.code() {
                Code::NotFound => "not-found",
                Code::InvalidArgument => "invalid",
                Code::FailedPrecondition => "conflict",
                Code::PermissionDenied => "forbidden",
                Code::Unauthenticated => "session",
                Code::ResourceExhausted => "too-many",
                _ => "failed",
            },
        }
    }

    /// Whether asking again may help.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Self::Call(status) => is_passing(status),
            Self::Connect(ConnectError::Unreachable { .. }) => true,
            _ => false,
        }
    }

    /// For a file of the user's that could not be read or written.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| Self::File { path, error }
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Call(Box::new(status))
    }
}

/// Whether asking again may help.
pub(crate) fn is_passing(status: &Status) -> bool {
    // A connection torn in the middle of a stream has many codes, and always a cause.
    matches!(status.code(), Code::Unavailable) || std::error::Error::source(status).is_some()
}

fn explain(status: &Status) -> String {
    let said = match (status.message(), std::error::Error::source(status)) {
        // The connection broke: the status alone only says "transport error".
        (_, Some(cause)) => format!("the connection to the controller broke ({})", connect::causes(cause)),
        ("", None) => status.code().description().to_owned(),
        (message, None) => message.to_owned(),
    };
    let next = match status.code() {
        _ if is_passing(status) => "check the address, the network, and that keepwatch-controller is running there",
        Code::Unauthenticated => "log in with 'keepwatch login'",
        Code::PermissionDenied => "ask someone whose role allows it",
        Code::Unimplemented => "controller and command line are of different versions; update the older one",
        Code::Internal | Code::DataLoss => "the controller's log has the details",
        _ => "",
    };
    // What it was asked by stands in that log, beside what went wrong.
    let id = status.metadata().get(connect::REQUEST).and_then(|id| id.to_str().ok());
    let found = match (status.code(), id) {
        (Code::Internal | Code::DataLoss, Some(id)) => format!("{next}, under request {id}"),
        _ => next.to_owned(),
    };
    let next = found.as_str();
    // The controller may have given the advice itself.
    if next.is_empty() || said.contains(next) || said.contains("'keepwatch ") {
        said
    } else {
        format!("{said}; {next}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_that_help_promises() {
        for (state, code) in
            [(JobState::Succeeded, 0), (JobState::Partial, 3), (JobState::Failed, 4), (JobState::Lost, 4)]
        {
            assert_eq!(Outcome::of(state).exit_code(), code, "{state}");
        }
        assert_eq!(Outcome::Partial.worse(Outcome::Failed).worse(Outcome::Done), Outcome::Failed);
        assert_eq!(Failure::Usage("no".into()).exit_code(), 2);
        assert_eq!(Failure::from(Status::not_found("no such host")).exit_code(), 1);
    }

    #[test]
    fn what_only_the_log_explains_is_found_there_by_its_request() {
        let mut status = Status::internal("the database failed");
        status.metadata_mut().insert(connect::REQUEST, tonic::metadata::MetadataValue::from_static("0199-x"));
        assert!(Failure::from(status).to_string().ends_with("has the details, under request 0199-x"));
    }

    #[test]
    fn each_failure_has_a_word_that_the_page_on_shapes_explains() {
        let page = include_str!("../../../deploy/json-shapes.md");
        for (failure, word) in [
            (Failure::from(Status::not_found("")), "not-found"),
            (Status::invalid_argument("").into(), "invalid"),
            (Status::failed_precondition("").into(), "conflict"),
            (Status::permission_denied("").into(), "forbidden"),
            (Status::unauthenticated("").into(), "session"),
            (Status::resource_exhausted("").into(), "too-many"),
            (Status::unavailable("").into(), "connection"),
            (Status::internal("").into(), "failed"),
            (Failure::Exists("/a".into()), "file"),
            (Failure::NotPublished("was"), "not-published"),
            (Failure::Answer("no".into()), "answer"),
            (Failure::Usage("no".into()), "usage"),
            (Failure::Unconfirmed("no".into()), "unconfirmed"),
            (Failure::Declined, "declined"),
        ] {
            assert_eq!(failure.word(), word);
            assert!(page.contains(&format!("`{word}`")), "deploy/json-shapes.md does not explain {word}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_do_next() {
        for (status, words) in [
            (Status::unauthenticated("the session has ended"), ["the session has ended", "keepwatch login"]),
            (Status::unavailable("tcp connect error"), ["tcp connect error", "is running"]),
            (Status::permission_denied(""), ["permission", "role"]),
        ] {
            let text = Failure::from(status).to_string();
            words.iter().for_each(|word| assert!(text.contains(word), "{text}"));
        }
        let broken = Failure::from(Status::from_error("broken pipe".into())).to_string();
        assert!(broken.contains("broken pipe") && broken.contains("is running"), "{broken}");
        let own_advice = Status::unauthenticated("no session; run 'keepwatch login'");
        assert_eq!(Failure::from(own_advice).to_string(), "no session; run 'keepwatch login'");
        assert_eq!(Failure::from(Status::not_found("no host 'a'")).to_string(), "no host 'a'");
    }
}
