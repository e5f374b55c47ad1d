//! Whether the controller's clock is to be believed. By it snapshots grow old, deletions come due
//! and certificates expire: where it has jumped, none of that happens until somebody has looked.

const DAY: i64 = 86_400;
/// A controller that was off for no longer than this has a clock that is right, more likely than not.
const AHEAD: i64 = 31 * DAY;
/// A clock is set back by an hour or two, by people and daylight saving, and by no more.
const BEHIND: i64 = DAY;
/// After a pause of this length the database may be an older copy. It is looked at every 10 minutes.
const PAUSE: i64 = 15 * 60;

/// What is odd about a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// It is so many seconds ahead of where it was seen last.
    Ahead(i64),
    /// It is so many seconds behind.
    Behind(i64),
}

impl Doubt {
    /// It, for people.
    pub fn words(self) -> String {
        match self {
            Self::Ahead(by) => format!(
                "the controller's clock is {} days ahead of when it was seen last: it has jumped, or the controller was off",
                by / DAY
            ),
            Self::Behind(by) => {
                format!("the controller's clock is {} days behind of when it was seen last: it has jumped", by / DAY)
            }
        }
    }
}

/// What is odd about `now`, where `trusted` is the last time that was not doubted (0: none yet);
/// Unix seconds, both.
pub fn doubt(trusted: i64, now: i64) -> Option<Doubt> {
    match now - trusted {
        _ if trusted == 0 => None,
        by if by > AHEAD => Some(Doubt::Ahead(by)),
        by if by < -BEHIND => Some(Doubt::Behind(-by)),
        _ => None,
    }
}

/// Whether so much has passed at a start that the database may have been set back meanwhile.
pub fn may_be_a_copy(trusted: i64, now: i64) -> bool {
    !(0..PAUSE).contains(&(now - trusted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_doubted_and_a_holiday_is_not() {
        let t = 1_800_000_000;
        for (now, expected) in [
            (t, None),
            (t + 31 * DAY, None),
            (t + 31 * DAY + 1, Some(Doubt::Ahead(31 * DAY + 1))),
            (t + 366 * DAY, Some(Doubt::Ahead(366 * DAY))),
            (t - 2 * 3600, None),
            (t - DAY, None),
            (t - DAY - 1, Some(Doubt::Behind(DAY + 1))),
            (t - 366 * DAY, Some(Doubt::Behind(366 * DAY))),
        ] {
            assert_eq!(doubt(t, now), expected, "{}", now - t);
            assert_eq!(doubt(0, now), None);
        }
        assert!(!may_be_a_copy(t, t + 600) && may_be_a_copy(t, t + PAUSE) && may_be_a_copy(t, t - 1));
    }
}
