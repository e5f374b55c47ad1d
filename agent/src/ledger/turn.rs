//! What is remembered of a schedule, and what its job's end changes in that.

use chrono::{DateTime, Utc};
use keepwatch_proto::job::{Ended, JobState};
use serde::{Deserialize, Serialize};

/// One schedule's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Turn {
    /// What came due after this is still to be done.
    pub(crate) since: DateTime<Utc>,
    /// After a failure: not again before this.
    pub(crate) not_before: Option<DateTime<Utc>>,
    /// Failures in a row.
    pub(crate) failures: usize,
}

impl Default for Turn {
    fn default() -> Self {
        Self { since: DateTime::UNIX_EPOCH, not_before: None, failures: 0 }
    }
}

impl Turn {
    /// What a schedule remembers once its job has ended, where it may be tried again `most` times.
    /// Afterwards its next regular time has to do.
    pub(super) fn after(self, ended: &Ended, began: DateTime<Utc>, now: DateTime<Utc>, most: usize) -> Self {
        let failed = ended.outcome == JobState::Failed;
        match ended.failure.retry_after(self.failures, most) {
            Some(wait) if failed => {
                Self { since: self.since, not_before: Some(now + wait), failures: self.failures + 1 }
            }
            _ => Self { since: began, not_before: None, failures: 0 },
        }
    }
}

/// The name that it stands under, by the kind of its jobs.
pub(super) fn turn_key(kind: &str) -> String {
    format!("turn/{kind}")
}
