//! Identifiers. All are UUIDs of version 7, so that they sort by the time of their making.

use crate::WireError;
use crate::clock::Clock;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::{NoContext, Timestamp, Uuid};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $field:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new one, dated by the clock given.
            pub fn new(clock: &Clock) -> Self {
                let now = clock.now();
                let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
                Self(Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos())))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl TryFrom<String> for $name {
            type Error = WireError;
            fn try_from(text: String) -> Result<Self, WireError> {
                text.parse()
            }
        }

        impl FromStr for $name {
            type Err = WireError;
            fn from_str(text: &str) -> Result<Self, WireError> {
                // Only the canonical form: an id becomes a folder's name.
                match Uuid::try_parse(text) {
                    Ok(id) if text.len() == 36 && id.to_string() == text => Ok(Self(id)),
                    _ => Err(WireError::bad($field, format!("is no id: '{}'", text.escape_debug()))),
                }
            }
        }
    };
}

id!(
    /// One enrolled PC.
    HostId, "host"
);
id!(
    /// One group, whatever it is called and wherever it is.
    GroupId, "group"
);
id!(
    /// One unit of work on one host.
    JobId, "job"
);
id!(
    /// One file that was put away.
    ItemId, "quarantine.item"
);
id!(
    /// One detection.
    DetectionId, "detection"
);
id!(
    /// One request of the staff's, by which what it causes is followed from log to log.
    RequestId, "request"
);
id!(
    /// One life of an agent's ledger: a ledger made anew starts a new one.
    BootId, "boot"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_form_is_an_id() {
        let id = HostId::new(&Clock::system());
        assert_eq!(id.to_string().parse::<HostId>(), Ok(id));
        for bad in [
            "",
            "..",
            "../../etc",
            &id.to_string().to_uppercase(),
            &format!("{{{id}}}"),
            &id.to_string().replace('-', ""),
        ] {
            // An id without letters is its own upper case.
            if *bad != id.to_string() {
                assert!(bad.parse::<HostId>().is_err(), "{bad}");
            }
        }
    }
}
