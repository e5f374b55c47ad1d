//! How signatures come to a group's PCs: when its turn is, once new ones are published.

use super::PolicyError;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

/// The policy of it. The controller alone follows it, so it is not on the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SignaturesPolicy {
    /// Hours after its publication that a new bundle reaches the group's PCs; 0: at once. Groups that
    /// wait alike are one ring.
    pub after_hours: u32,
}

impl SignaturesPolicy {
    /// Longest wait: PCs whose signatures are older are bare, whatever anybody wanted to try first.
    const LONGEST: u32 = 30 * 24;

    /// How long a new bundle waits.
    pub fn wait(&self) -> TimeDelta {
        TimeDelta::hours(self.after_hours.into())
    }

    /// Finds what cannot be followed.
    pub(super) fn check(&self) -> Result<(), PolicyError> {
        if self.after_hours > Self::LONGEST {
            let problem = format!("{} is too many; at most {}", self.after_hours, Self::LONGEST);
            return Err(PolicyError::Value { field: "signatures.after_hours", problem });
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::policy::Policy;

    #[test]
    fn what_cannot_be_followed_is_refused_with_the_field() {
        for (yaml, word) in [
            ("signatures: {after_hours: 721}", "signatures.after_hours: 721 is too many"),
            ("signatures: {after_hours: -1}", "after_hours"),
            ("signatures: {after: 1}", "after"),
        ] {
            let error = Policy::from_yaml(yaml).unwrap_err().to_string();
            assert!(error.contains(word), "{yaml}: {error}");
        }
        let day = Policy::from_yaml("signatures: {after_hours: 24}").unwrap();
        assert_eq!(day.signatures.wait(), chrono::TimeDelta::days(1));
    }
}
