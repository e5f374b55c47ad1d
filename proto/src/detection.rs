//! One rule that matched one object on one host.

use crate::ids::JobId;
use crate::{WireError, bounds, wire::agent as wire};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;

/// How bad it would be if it is what it looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Unwanted.
    Low,
    /// Suspicious.
    Medium,
    /// Very likely malware.
    High,
    /// Malware that spreads or destroys.
    Critical,
}

impl Severity {
    /// All of them, mildest first.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word for it, as stored and shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Severity {
    type Err = WireError;
    fn from_str(text: &str) -> Result<Self, WireError> {
        Self::ALL
            .into_iter()
            .find(|s| s.word() == text)
            .ok_or_else(|| WireError::bad("severity", format!("is none: '{}'", text.escape_debug())))
    }
}

/// One rule that matched one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detection {
    /// The scan that found it.
    pub job: JobId,
    /// The rule's name.
    pub rule: String,
    /// Its namespace: where in the bundle it stands.
    pub namespace: String,
    /// How bad.
    pub severity: Severity,
    /// What the rule says of itself: description, author, reference …
    pub metadata: BTreeMap<String, String>,
    /// The file; `outer!/inner` where it sits in a container.
    pub path: String,
    /// Bytes of the object that matched.
    pub size: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// Version of the bundle that judged.
    pub bundle: u64,
}

impl From<Detection> for wire::Detection {
    fn from(d: Detection) -> Self {
        Self {
            job: d.job.to_string(),
            rule: d.rule,
            namespace: d.namespace,
            severity: d.severity.word().into(),
            metadata: d.metadata.into_iter().collect(),
            path: d.path,
            size: d.size,
            sha256: d.sha256,
            bundle: d.bundle,
        }
    }
}

impl TryFrom<wire::Detection> for Detection {
    type Error = WireError;
    fn try_from(d: wire::Detection) -> Result<Self, WireError> {
        Ok(Self {
            job: d.job.parse()?,
            rule: bounds::text(d.rule, bounds::NAME),
            namespace: bounds::text(d.namespace, bounds::NAME),
            severity: d.severity.parse()?,
            metadata: said_of_itself(d.metadata),
            path: bounds::text(d.path, bounds::PATH),
            size: d.size,
            sha256: bounds::text(d.sha256, 64),
            bundle: d.bundle,
        })
    }
}

/// The same entries whichever order they came in.
fn said_of_itself(metadata: HashMap<String, String>) -> BTreeMap<String, String> {
    let bounded = |(name, value)| (bounds::text(name, bounds::NAME), bounds::text(value, bounds::SENTENCE));
    let sorted: BTreeMap<String, String> = metadata.into_iter().collect();
    sorted.into_iter().take(bounds::ENTRIES).map(bounded).collect()
}
