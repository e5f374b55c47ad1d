//! What may hold back a run that is due, besides its hours: a pure decision.

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
}
