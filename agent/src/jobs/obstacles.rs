//! What may hold back a run that is due, besides its hours: a pure decision, and the look at the
//! PC that it needs. What the PC cannot tell holds nothing back.

use crate::platform;
use chrono::{DateTime, Utc};
use keepwatch_proto::policy::Timing;

/// How the PC is, as far as a policy may ask.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Obstacles {
    /// It runs on battery.
    pub(crate) battery: bool,
    /// Its line is paid for by what goes over it.
    pub(crate) metered: bool,
    /// Somebody uses it.
    pub(crate) in_use: bool,
}

impl Obstacles {
    /// What a schedule's timing asks about.
    pub(super) fn asked_by(timing: &Timing) -> Self {
        Self { battery: timing.not_on_battery, metered: timing.not_on_metered, in_use: timing.only_when_idle }
    }

    /// Both together.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            battery: self.battery | other.battery,
            metered: self.metered | other.metered,
            in_use: self.in_use | other.in_use,
        }
    }

    /// Whether one of these stands in the way of a run with this timing.
    pub(super) fn hold(self, timing: &Timing) -> bool {
        let asked = Self::asked_by(timing);
        asked.battery && self.battery || asked.metered && self.metered || asked.in_use && self.in_use
    }

    /// Looks at the PC, no further than is asked: a look may start a program of the system's.
    pub(super) async fn look(asked: Self, now: DateTime<Utc>) -> Self {
        Self {
            // A driver may make whoever reads it wait.
            battery: asked.battery && tokio::task::spawn_blocking(platform::on_battery).await.unwrap_or_default(),
            metered: asked.metered && platform::on_metered().await.unwrap_or_default(),
            in_use: asked.in_use && platform::in_use(now).await.unwrap_or_default(),
        }
    }
}
