//! A canary: a document of the agent's among the users', which nobody has reason to touch.

use crate::{bounds, wire::agent as wire};
use serde::{Deserialize, Serialize};

/// One that was touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    /// Where it was.
    pub path: String,
    /// Deleted or renamed; otherwise something else is there.
    pub gone: bool,
}

impl From<Canary> for wire::CanaryTouched {
    fn from(canary: Canary) -> Self {
        Self { path: canary.path, gone: canary.gone }
    }
}

impl From<wire::CanaryTouched> for Canary {
    fn from(canary: wire::CanaryTouched) -> Self {
        Self { path: bounds::text(canary.path, bounds::PATH), gone: canary.gone }
    }
}
