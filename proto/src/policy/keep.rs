//! Which snapshots are kept. The controller keeps to it, and dates them by when it received them.

use super::PolicyError;
use crate::{WireError, wire::agent as wire};
use serde::{Deserialize, Serialize};

/// How many snapshots are kept, by each rule; what any of them keeps stays. All 0: every one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keep {
    /// The newest ones.
    pub last: u16,
    /// All of so many days.
    pub within_days: u16,
    /// One of each of the last hours that have any.
    pub hourly: u16,
    /// Of the last days.
    pub daily: u16,
    /// Of the last weeks, Monday to Sunday.
    pub weekly: u16,
    /// Of the last months.
    pub monthly: u16,
    /// Of the last years.
    pub yearly: u16,
}

/// More is meant as "all".
const MOST: u16 = 10_000;

impl Default for Keep {
    fn default() -> Self {
        Self { last: 4, within_days: 30, hourly: 0, daily: 0, weekly: 13, monthly: 12, yearly: 3 }
    }
}

impl Keep {
    /// Whether nothing ever goes.
    pub fn is_everything(&self) -> bool {
        let Self { last, within_days, hourly, daily, weekly, monthly, yearly } = *self;
        [last, within_days, hourly, daily, weekly, monthly, yearly].iter().all(|n| *n == 0)
    }

    pub(super) fn check(&self) -> Result<(), PolicyError> {
        let Self { last, within_days, hourly, daily, weekly, monthly, yearly } = *self;
        match [last, within_days, hourly, daily, weekly, monthly, yearly].iter().find(|n| **n > MOST) {
            Some(n) => Err(PolicyError::Value {
                field: "backup.keep",
                problem: format!("{n} is more than {MOST}; leave all at 0 to keep every snapshot"),
            }),
            None => Ok(()),
        }
    }
}

impl From<Keep> for wire::Keep {
    fn from(keep: Keep) -> Self {
        Self {
            last: keep.last.into(),
            within_days: keep.within_days.into(),
            hourly: keep.hourly.into(),
            daily: keep.daily.into(),
            weekly: keep.weekly.into(),
            monthly: keep.monthly.into(),
            yearly: keep.yearly.into(),
        }
    }
}

impl TryFrom<wire::Keep> for Keep {
    type Error = WireError;
    fn try_from(keep: wire::Keep) -> Result<Self, WireError> {
        let small = |n: u32| u16::try_from(n).map_err(|_| WireError::bad("policy.backup.keep", "is too many"));
        Ok(Self {
            last: small(keep.last)?,
            within_days: small(keep.within_days)?,
            hourly: small(keep.hourly)?,
            daily: small(keep.daily)?,
            weekly: small(keep.weekly)?,
            monthly: small(keep.monthly)?,
            yearly: small(keep.yearly)?,
        })
    }
}
