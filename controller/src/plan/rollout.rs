//! Which bundle of signatures a host is offered: ring by ring, each some hours after the one before,
//! and no further where hosts refuse it. Signatures only move forward: nothing here takes a host back.

use chrono::{DateTime, TimeDelta, Utc};

/// A bundle, as far as it matters for who gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Its version.
    pub version: i64,
    /// When it was published.
    pub at: DateTime<Utc>,
    /// Whether it goes no further.
    pub halted: bool,
    /// Whether staff gave it to every ring at once.
    pub everywhere: Option<DateTime<Utc>>,
}

/// How far a host has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reached {
    /// Version that it runs; 0: none.
    pub has: i64,
    /// Newest version that it was offered; 0: none.
    pub seen: i64,
}

/// How a bundle stands with a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It runs it.
    Has,
    /// It was offered it and has not answered.
    Offered,
    /// Its turn has not come, or the bundle is halted.
    Waits,
    /// It refused it.
    Refused,
    /// It has, or is offered, a newer one.
    Passed,
}

/// How a bundle stands with the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It goes no further.
    Halted,
    /// No ring is offered it any more: a newer one is.
    Superseded,
    /// Hosts wait for it, or have not answered.
    Spreading,
    /// All that are to have it have it, or refused it.
    Done,
}

impl State {
    /// The word for it, as sent and translated.
    pub fn word(self) -> &'static str {
        match self {
            Self::Halted => "halted",
            Self::Superseded => "superseded",
            Self::Spreading => "spreading",
            Self::Done => "done",
        }
    }
}

/// Fewer answers say nothing about a bundle, unless all of them are refusals.
const ANSWERS: u32 = 3;
/// More than one refusal in so many answers halts it.
const SHARE: u32 = 10;
/// One PC alone halts nothing: it may have been taken over, and lie.
const REFUSALS: u32 = 2;

impl Published {
    /// From when on a ring gets it; `None`: not while it is halted.
    pub fn due(&self, wait: TimeDelta) -> Option<DateTime<Utc>> {
        (!self.halted).then(|| self.everywhere.unwrap_or(self.at + wait))
    }

    /// Whether a ring gets it now.
    pub fn is_out(&self, wait: TimeDelta, now: DateTime<Utc>) -> bool {
        // "At once" is at once, whatever the clock said then.
        !self.halted && (self.everywhere.is_some() || self.at + wait <= now)
    }
}

/// The version that a host is offered, if any is for it.
///
/// It is the newest whose wait is over for the host's ring and that is not halted, and never one
/// older than what the host has, or was offered before: what it is offered it may have looked at, and
/// then believes nothing older any more. A host without any gets the newest that is not halted where
/// its ring's wait is over for none: what the others run is better than nothing.
pub fn offered(bundles: &[Published], wait: TimeDelta, host: Reached, now: DateTime<Utc>) -> Option<i64> {
    let out = newest_out(bundles, wait, now);
    let first = || bundles.iter().filter(|b| !b.halted && host.has == 0).map(|b| b.version).max();
    let version = if out == 0 { first() } else { Some(out) };
    version.filter(|version| *version >= host.has.max(host.seen))
}

/// The newest version that a ring gets now; 0: none.
pub fn newest_out(bundles: &[Published], wait: TimeDelta, now: DateTime<Utc>) -> i64 {
    bundles.iter().filter(|b| b.is_out(wait, now)).map(|b| b.version).max().unwrap_or(0)
}

/// How old the signatures of a host are, by what its ring is to have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Age {
    /// When they were published, where that is known.
    pub published: Option<DateTime<Utc>>,
    /// When the first newer one was published of those that it is to have by now; `None`: there is none.
    pub superseded: Option<DateTime<Utc>>,
    /// Whether there is a newer one that it is not to have, or not yet.
    pub kept_back: bool,
    /// Whether it would have the newest one by now, were that not halted.
    pub halted: bool,
}

/// How old a host's bundle is. `bundles` are the newest first.
pub fn age(bundles: &[Published], has: i64, wait: TimeDelta, now: DateTime<Utc>) -> Age {
    let newer = bundles.iter().take_while(|b| b.version > has);
    let (out, kept): (Vec<&Published>, Vec<&Published>) = newer.partition(|b| b.is_out(wait, now));
    let halted = |newest: &Published| newest.halted && Published { halted: false, ..*newest }.is_out(wait, now);
    Age {
        published: bundles.iter().find(|b| b.version == has).map(|b| b.at),
        superseded: out.last().map(|b| b.at),
        kept_back: !kept.is_empty(),
        halted: bundles.first().is_some_and(|newest| newest.version > has && halted(newest)),
    }
}

/// Whether a bundle halts by itself: too many of those that answered refused it.
pub fn is_bad(answered: u32, refused: u32) -> bool {
    let many = refused >= REFUSALS && (answered >= ANSWERS || refused == answered);
    many && u64::from(refused) * u64::from(SHARE) > u64::from(answered)
}

/// Whether between two moments a ring's wait for some bundle ended.
pub fn has_turn(bundles: &[Published], wait: TimeDelta, after: DateTime<Utc>, until: DateTime<Utc>) -> bool {
    bundles.iter().filter_map(|b| b.due(wait)).any(|due| after < due && due <= until)
}

/// How a bundle stands with a host that is offered `offer` now, and refused this one or did not.
pub fn standing(version: i64, host: Reached, offer: Option<i64>, refused: bool) -> Standing {
    let offer = offer.unwrap_or(0);
    match version {
        _ if host.has == version => Standing::Has,
        _ if host.has > version => Standing::Passed,
        _ if refused => Standing::Refused,
        _ if offer == version => Standing::Offered,
        _ if offer.max(host.seen) > version => Standing::Passed,
        _ => Standing::Waits,
    }
}

/// How a bundle stands with the fleet: `newest_everywhere` is the version that even the ring which
/// waits longest is offered, `open` the hosts that wait for this one or have not answered.
pub fn state(bundle: &Published, newest_everywhere: i64, open: u32) -> State {
    match open {
        _ if bundle.halted => State::Halted,
        _ if newest_everywhere > bundle.version => State::Superseded,
        0 => State::Done,
        _ => State::Spreading,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: TimeDelta = TimeDelta::hours(24);

    fn hour(hour: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hour)
    }

    /// Published at these hours, version 1 first.
    fn published(hours: &[i64]) -> Vec<Published> {
        let one = |(version, at): (i64, &i64)| Published { version, at: hour(*at), halted: false, everywhere: None };
        let mut bundles: Vec<Published> = (1..).zip(hours).map(one).collect();
        bundles.reverse();
        bundles
    }

    fn has_only(has: i64) -> Reached {
        Reached { has, seen: 0 }
    }

    fn halt(bundles: &mut [Published], version: i64) {
        bundles.iter_mut().filter(|b| b.version == version).for_each(|b| b.halted = true);
    }

    #[test]
    fn each_ring_has_its_turn() {
        // Three bundles: at hour 100, 110 and 130.
        let bundles = published(&[100, 110, 130]);
        for (wait, has, now, expected, why) in [
            (0, 0, 100, Some(1), "the first ring has it at once"),
            (24, 1, 110, None, "an older one is not taken back, a newer one not given yet"),
            (24, 1, 124, Some(1), "its own is offered still"),
            (24, 1, 133, Some(1), "one hour short"),
            (24, 1, 134, Some(2), "to the hour"),
            (24, 1, 153, Some(2), "the third waits still"),
            (24, 1, 154, Some(3), "and comes"),
            (0, 1, 154, Some(3), "the newest"),
            (24, 0, 134, Some(2), "a new host is in its ring as others are"),
            (48, 0, 131, Some(3), "and has something where its ring has nothing"),
            (720, 0, 200, Some(3), "the newest, then"),
            (720, 2, 200, None, "but only where it has nothing"),
            (24, 3, 140, None, "what it has is newer than what its ring gets"),
            (24, 9, 500, None, "a version that nobody here knows stays"),
            (0, 0, 99, Some(3), "a clock that was set back leaves nobody bare"),
        ] {
            assert_eq!(offered(&bundles, TimeDelta::hours(wait), has_only(has), hour(now)), expected, "{why}");
        }
        assert_eq!(offered(&[], DAY, Reached::default(), hour(1)), None);
    }

    #[test]
    fn what_is_halted_is_not_handed_out_and_what_is_for_all_is() {
        let mut bundles = published(&[100, 110, 130]);
        halt(&mut bundles, 3);
        assert_eq!(offered(&bundles, DAY, has_only(0), hour(500)), Some(2));
        assert_eq!(offered(&bundles, DAY, has_only(2), hour(500)), Some(2));
        // Whoever has it keeps it, and whoever looked at it takes nothing older.
        assert_eq!(offered(&bundles, DAY, Reached { has: 1, seen: 3 }, hour(500)), None);
        assert_eq!(offered(&bundles, DAY, has_only(3), hour(500)), None);
        halt(&mut bundles, 2);
        assert_eq!(offered(&bundles, DAY, has_only(0), hour(500)), Some(1));
        halt(&mut bundles, 1);
        assert_eq!(offered(&bundles, DAY, has_only(0), hour(500)), None);

        let mut bundles = published(&[100, 110, 130]);
        bundles[0].everywhere = Some(hour(130));
        assert_eq!(offered(&bundles, DAY, has_only(1), hour(130)), Some(3));
        halt(&mut bundles, 3);
        assert_eq!(offered(&bundles, DAY, has_only(1), hour(131)), Some(1), "a halt stops that, too");

        // Published, and given to all, by a clock that was ahead.
        let mut bundles = published(&[100, 9_000]);
        assert_eq!(offered(&bundles, DAY, has_only(1), hour(140)), Some(1));
        bundles[0].everywhere = Some(hour(9_001));
        assert_eq!(offered(&bundles, DAY, has_only(1), hour(140)), Some(2), "at once is at once");
    }

    #[test]
    fn more_than_a_tenth_of_the_answers_halts_and_one_pc_alone_does_not() {
        for (answered, refused, bad) in [
            (0, 0, false),
            (1, 1, false),
            (2, 1, false),
            (2, 2, true),
            (3, 0, false),
            (3, 1, false),
            (9, 1, false),
            (3, 2, true),
            (10, 2, true),
            (19, 2, true),
            (20, 2, false),
            (u32::MAX, u32::MAX, true),
        ] {
            assert_eq!(is_bad(answered, refused), bad, "{refused} of {answered}");
        }
    }

    #[test]
    fn a_host_is_as_old_as_what_its_ring_has_is_new() {
        let mut bundles = published(&[100, 110, 130]);
        let age = |bundles: &[Published], has, wait, now| super::age(bundles, has, TimeDelta::hours(wait), hour(now));
        let at = |published: i64, superseded: Option<i64>, kept_back| Age {
            published: Some(hour(published)),
            superseded: superseded.map(hour),
            kept_back,
            halted: false,
        };
        assert_eq!(age(&bundles, 3, 0, 140), at(130, None, false));
        assert_eq!(age(&bundles, 1, 0, 140), at(100, Some(110), false), "the first newer one counts");
        assert_eq!(age(&bundles, 1, 24, 130), at(100, None, true), "not to blame for what it is not to have");
        assert_eq!(age(&bundles, 1, 24, 140), at(100, Some(110), true), "from its publication, once its turn came");
        assert_eq!(age(&bundles, 9, 0, 140), Age::default(), "one that nobody here knows");
        halt(&mut bundles, 3);
        assert_eq!(age(&bundles, 2, 24, 140), at(110, None, true), "its turn has not come anyway");
        assert_eq!(age(&bundles, 2, 24, 154), Age { halted: true, ..at(110, None, true) });
        assert_eq!(age(&bundles, 3, 24, 154), at(130, None, false), "it has it");
    }

    #[test]
    fn a_turn_is_noticed_once() {
        let mut bundles = published(&[100]);
        let between = |bundles: &[Published], after, until| has_turn(bundles, DAY, hour(after), hour(until));
        assert!(!between(&bundles, 100, 123));
        assert!(between(&bundles, 123, 124));
        assert!(!between(&bundles, 124, 200));
        bundles[0].halted = true;
        assert!(!between(&bundles, 123, 124));
    }

    #[test]
    fn hosts_and_bundles_stand_where_they_do() {
        for (has, seen, offer, refused, expected) in [
            (2, 2, Some(2), false, Standing::Has),
            (2, 3, Some(3), true, Standing::Has),
            (3, 3, None, true, Standing::Passed),
            (1, 2, Some(2), false, Standing::Offered),
            (1, 2, Some(2), true, Standing::Refused),
            (1, 1, Some(1), false, Standing::Waits),
            (0, 0, None, false, Standing::Waits),
            (1, 2, Some(3), false, Standing::Passed),
            (1, 3, None, false, Standing::Passed),
        ] {
            assert_eq!(
                standing(2, Reached { has, seen }, offer, refused),
                expected,
                "{has} {seen} {offer:?} {refused}"
            );
        }
        let mut bundle = published(&[1])[0];
        assert_eq!(state(&bundle, 0, 1), State::Spreading);
        assert_eq!(state(&bundle, 1, 0), State::Done);
        assert_eq!(state(&bundle, 2, 1), State::Superseded);
        bundle.halted = true;
        assert_eq!(state(&bundle, 2, 1), State::Halted);
    }
}
