//! Which snapshots of a host stay, and why. Dated by when they were received: what a PC says of
//! its time decides nothing. The newest stays whatever the rules say, and so do the newest that
//! is whole and the newest that is clean: they are what somebody will want.

use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use keepwatch_proto::policy::Keep;

/// A snapshot, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its id.
    pub id: String,
    /// When it was received.
    pub received: DateTime<Utc>,
    /// Whether nothing is missing from it.
    pub whole: bool,
    /// Whether all of it was inspected, and nothing found.
    pub clean: bool,
}

/// Why a snapshot stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// There is no newer one.
    Newest,
    /// No newer one is whole.
    NewestWhole,
    /// No newer one is clean.
    NewestClean,
    /// It is not in the repository, whatever the PC says.
    Absent,
    /// The policy keeps all.
    All,
    /// It is one of the last ones.
    Last,
    /// It is not old enough.
    Within,
    /// Only newer ones of the last week would have it go.
    Unsettled,
    /// It is the one of its hour.
    Hourly,
    /// Of its day.
    Daily,
    /// Of its week.
    Weekly,
    /// Of its month.
    Monthly,
    /// Of its year.
    Yearly,
}

impl Why {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::NewestWhole => "newest whole",
            Self::NewestClean => "newest clean",
            Self::Absent => "it is not in the repository",
            Self::All => "all are kept",
            Self::Last => "last",
            Self::Within => "recent",
            Self::Unsettled => "what is newer is not a week old",
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Yearly => "yearly",
        }
    }
}

/// Which hour, day, week, month or year a time is in.
type Unit<'a> = &'a dyn Fn(DateTime<Tz>) -> (i32, u32, u32);

/// What becomes of each, in the order given: why it stays; it goes where there is nothing to say.
/// `seen` is newest first.
///
/// What came within the last week pushes out nothing that is older: a PC that was taken over could
/// have its good snapshots replaced in a day, and in a week somebody notices.
pub fn fates(seen: &[Seen], keep: &Keep, zone: Tz, now: DateTime<Utc>) -> Vec<Vec<Why>> {
    let mut fates = by_the_rules(seen, keep, zone, now);
    let settled = seen.iter().position(|s| s.received <= now - SETTLED).unwrap_or(seen.len());
    let without = by_the_rules(&seen[settled..], keep, zone, now);
    for (fate, also) in fates[settled..].iter_mut().zip(without) {
        if fate.is_empty() && !also.is_empty() {
            fate.push(Why::Unsettled);
        }
    }
    fates
}

/// How old a snapshot is before another goes for it.
const SETTLED: TimeDelta = TimeDelta::days(7);

fn by_the_rules(seen: &[Seen], keep: &Keep, zone: Tz, now: DateTime<Utc>) -> Vec<Vec<Why>> {
    let mut fates = vec![Vec::new(); seen.len()];
    if keep.is_everything() {
        fates.iter_mut().for_each(|fate| fate.push(Why::All));
        return fates;
    }
    let firsts = [
        (seen.first().map(|_| 0), Why::Newest),
        (seen.iter().position(|s| s.whole), Why::NewestWhole),
        (seen.iter().position(|s| s.clean), Why::NewestClean),
        (seen.iter().position(|s| s.whole && s.clean), Why::NewestClean),
    ];
    for (first, why) in firsts {
        let Some(fate) = first.and_then(|n| fates.get_mut(n)) else { continue };
        if !fate.contains(&why) {
            fate.push(why);
        }
    }
    fates.iter_mut().take(keep.last.into()).for_each(|fate| fate.push(Why::Last));
    let recent = now - TimeDelta::days(keep.within_days.into());
    for (fate, seen) in fates.iter_mut().zip(seen) {
        if keep.within_days > 0 && seen.received > recent {
            fate.push(Why::Within);
        }
    }
    let day = |at: DateTime<Tz>| (at.year(), at.ordinal(), 0);
    let units: [(u16, Why, Unit<'_>); 5] = [
        (keep.hourly, Why::Hourly, &|at| (at.year(), at.ordinal(), at.hour())),
        (keep.daily, Why::Daily, &day),
        (keep.weekly, Why::Weekly, &|at| (at.iso_week().year(), at.iso_week().week(), 0)),
        (keep.monthly, Why::Monthly, &|at| (at.year(), at.month(), 0)),
        (keep.yearly, Why::Yearly, &|at| (at.year(), 0, 0)),
    ];
    for (most, why, unit) in units {
        for chosen in one_of_each(seen, most.into(), &|s| unit(s.received.with_timezone(&zone))) {
            fates[chosen].push(why);
        }
    }
    fates
}

/// The newest whole snapshot of each of the last `most` units that have any; the newest one of
/// a unit in which none is whole.
fn one_of_each<K: PartialEq>(seen: &[Seen], most: usize, unit: &dyn Fn(&Seen) -> K) -> Vec<usize> {
    let mut chosen: Vec<(K, usize)> = Vec::new();
    for (n, snapshot) in seen.iter().enumerate() {
        let key = unit(snapshot);
        match chosen.pop() {
            Some((last, one)) if last == key => {
                let better = snapshot.whole && !seen[one].whole;
                chosen.push((last, if better { n } else { one }));
            }
            before => {
                chosen.extend(before);
                if chosen.len() == most {
                    break;
                }
                chosen.push((key, n));
            }
        }
    }
    chosen.into_iter().map(|(_, n)| n).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const NONE: Keep = Keep { last: 0, within_days: 0, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 };

    fn at(text: &str) -> DateTime<Utc> {
        format!("{text}:00Z").parse().unwrap()
    }

    fn seen(received: &str) -> Seen {
        Seen { id: received.into(), received: at(received), whole: true, clean: true }
    }

    /// The snapshots that stay, of these, newest first.
    fn stay(all: &[Seen], keep: &Keep, now: &str) -> Vec<String> {
        let fates = fates(all, keep, chrono_tz::Asia::Shanghai, at(now));
        all.iter().zip(fates).filter(|(_, fate)| !fate.is_empty()).map(|(s, _)| s.id.clone()).collect()
    }

    #[test]
    fn each_rule_keeps_what_it_names() {
        // Days end at 16:00 in universal time.
        let all: Vec<Seen> =
            ["2026-11-26T09:00", "2026-11-26T08:10", "2026-11-26T08:00", "2026-11-25T15:59", "2026-11-25T16:01"]
                .map(seen)
                .into();
        let mut all = all;
        all.sort_by_key(|s| std::cmp::Reverse(s.received));
        let keeps = |keep: Keep| stay(&all, &keep, "2026-11-26T10:00");
        assert_eq!(keeps(NONE).len(), 5, "no rule keeps all");
        assert_eq!(keeps(Keep { last: 2, ..NONE }), ["2026-11-26T09:00", "2026-11-26T08:10"]);
        assert_eq!(keeps(Keep { hourly: 2, ..NONE }), ["2026-11-26T09:00", "2026-11-26T08:10"]);
        assert_eq!(keeps(Keep { daily: 9, ..NONE }), ["2026-11-26T09:00", "2026-11-25T15:59"]);
        assert_eq!(keeps(Keep { daily: 1, ..NONE }), ["2026-11-26T09:00"]);
        assert_eq!(keeps(Keep { within_days: 1, last: 1, ..NONE }).len(), 5);
    }

    #[test]
    fn what_is_whole_is_preferred_and_the_last_good_ones_always_stay() {
        let mut all: Vec<Seen> =
            ["2026-11-26T09:00", "2026-11-25T09:00", "2026-10-01T09:00", "2026-09-01T09:00"].map(seen).into();
        (all[0].whole, all[1].clean, all[2].whole) = (false, false, false);
        let stays = stay(&all, &Keep { last: 1, ..NONE }, "2026-12-10T00:00");
        // The newest, the newest whole one, the newest clean one.
        assert_eq!(stays, ["2026-11-26T09:00", "2026-11-25T09:00", "2026-09-01T09:00"]);
        let weekly = stay(&all[..2], &Keep { weekly: 1, ..NONE }, "2026-12-10T00:00");
        assert_eq!(weekly, ["2026-11-26T09:00", "2026-11-25T09:00"], "the whole one of the week");
        assert_eq!(stay(&[], &Keep::default(), "2026-12-10T00:00"), Vec::<String>::new());
    }

    #[test]
    fn a_burst_pushes_out_nothing_that_was_there_before() {
        let mut all: Vec<Seen> = (0..7).map(|n| seen(&format!("2026-11-26T09:0{n}"))).rev().collect();
        let before = ["2026-11-18T09:00", "2026-11-11T09:00", "2026-11-04T09:00"];
        all.extend(before.map(seen));
        let keep = Keep { last: 3, ..NONE };
        let stays = stay(&all, &keep, "2026-11-26T10:00");
        assert!(before.iter().all(|id| stays.contains(&(*id).to_owned())), "{stays:?}");
        // Once the burst is a week old, and nobody minded.
        assert_eq!(stay(&all, &keep, "2026-12-04T10:00").len(), 3);
    }

    #[test]
    fn a_year_of_weeks_ends_with_what_the_rules_name_and_false_dates_change_nothing() {
        let keep = Keep { last: 2, weekly: 4, monthly: 3, yearly: 2, ..NONE };
        let (mut kept, start): (Vec<Seen>, _) = (Vec::new(), at("2025-12-03T04:40"));
        for week in 0..52i64 {
            // Three weeks off, and one week with two.
            if [10, 11, 30].contains(&week) {
                continue;
            }
            for day in 0..if week == 20 { 2 } else { 1 } {
                let received = start + TimeDelta::weeks(week) + TimeDelta::days(day);
                let id = received.format("%m-%d").to_string();
                kept.insert(0, Seen { id, received, whole: true, clean: true });
                let now = received + TimeDelta::hours(1);
                let fates = fates(&kept, &keep, chrono_tz::Asia::Shanghai, now);
                let mut fate = fates.into_iter();
                kept.retain(|_| !fate.next().unwrap().is_empty());
            }
        }
        let left: Vec<&str> = kept.iter().map(|s| s.id.as_str()).collect();
        // The last four weeks; September's last; the year before's last. November's and October's
        // last are among them.
        // And what only the newest one, an hour old, would have go.
        assert_eq!(left, ["11-25", "11-18", "11-11", "11-04", "10-28", "09-30", "12-31"]);
    }
}
