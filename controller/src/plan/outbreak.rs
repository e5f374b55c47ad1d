//! Detections that belong together: the same rule or the same content, found again within a time.
//! Where that is on several hosts, it is an outbreak.

use std::collections::HashMap;
use std::hash::Hash;

/// Longest time without another sighting within one group, in seconds: a scan of the week finds what
/// the one before found.
pub const WITHIN: i64 = 8 * 24 * 3600;

/// One detection, as far as it matters here.
#[derive(Debug, Clone, Copy)]
pub struct Sighting<'a> {
    /// The rule, and where it stands.
    pub rule: (&'a str, &'a str),
    /// SHA-256 of what matched; empty: not known.
    pub content: &'a str,
    /// Unix seconds.
    pub at: i64,
}

/// The groups, each of its sightings' places; within each the newest first. The group that was seen
/// last comes first.
pub fn groups(sightings: &[Sighting<'_>]) -> Vec<Vec<usize>> {
    let mut by_time: Vec<usize> = (0..sightings.len()).collect();
    by_time.sort_by_key(|place| sightings[*place].at);
    let mut joined = Joined((0..sightings.len()).collect());
    let (mut rules, mut contents) = (HashMap::new(), HashMap::new());
    for place in &by_time {
        let sighting = &sightings[*place];
        joined.follow(&mut rules, sighting.rule, *place, sightings);
        if !sighting.content.is_empty() {
            joined.follow(&mut contents, sighting.content, *place, sightings);
        }
    }
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut known = HashMap::new();
    // The newest first, so that groups come in the order of their last sighting.
    for place in by_time.into_iter().rev() {
        let group = *known.entry(joined.root(place)).or_insert_with(|| {
            groups.push(vec![]);
            groups.len() - 1
        });
        groups[group].push(place);
    }
    groups
}

/// Which belong together: each place leads to another of its group, or to itself.
struct Joined(Vec<usize>);

impl Joined {
    fn root(&mut self, mut place: usize) -> usize {
        while self.0[place] != place {
            self.0[place] = self.0[self.0[place]];
            place = self.0[place];
        }
        place
    }

    /// Joins a sighting with the last one that was alike, if that is not too long ago.
    fn follow<K: Hash + Eq>(&mut self, last: &mut HashMap<K, usize>, key: K, place: usize, sightings: &[Sighting<'_>]) {
        let Some(before) = last.insert(key, place) else { return };
        if sightings[place].at.saturating_sub(sightings[before].at) <= WITHIN {
            let (one, other) = (self.root(place), self.root(before));
            self.0[one] = other;
        }
    }
}

/// How many of these moments fall into each of so many equal parts of the time between two others,
/// both of which are in it. What is outside counts nowhere.
pub fn spread(moments: impl IntoIterator<Item = i64>, (from, until): (i64, i64), parts: usize) -> Vec<u32> {
    let mut counts = vec![0; parts];
    let span = i128::from(until) - i128::from(from) + 1;
    for moment in moments.into_iter().filter(|moment| (from..=until).contains(moment)) {
        let part = (i128::from(moment) - i128::from(from)) * parts as i128 / span;
        if let Some(count) = usize::try_from(part).ok().and_then(|part| counts.get_mut(part)) {
            *count += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3600;

    #[test]
    fn the_same_rule_or_content_within_a_time_is_one_group() {
        // Rule, content, day.
        type Case<'a> = (&'a [(&'a str, &'a str, i64)], &'a [&'a [usize]], &'a str);
        let cases: &[Case<'_>] = &[
            (&[], &[], "nothing"),
            (&[("a", "1", 1), ("b", "2", 1)], &[&[1], &[0]], "nothing alike"),
            (&[("a", "1", 1), ("a", "2", 3)], &[&[1, 0]], "the same rule"),
            (&[("a", "1", 1), ("b", "1", 3)], &[&[1, 0]], "the same content"),
            (&[("a", "", 1), ("b", "", 3)], &[&[1], &[0]], "no content is like no other"),
            (&[("a", "1", 1), ("a", "1", 9)], &[&[1, 0]], "a week and a day later"),
            (&[("a", "1", 1), ("a", "1", 10)], &[&[1], &[0]], "too long ago"),
            (&[("a", "1", 17), ("a", "1", 1), ("a", "1", 9)], &[&[0, 2, 1]], "step by step, in any order"),
            (&[("a", "1", 1), ("b", "1", 2), ("b", "2", 3), ("c", "3", 4)], &[&[3], &[2, 1, 0]], "by way of another"),
            (&[("a", "1", i64::MIN), ("a", "1", i64::MAX)], &[&[1], &[0]], "clocks that are wrong"),
        ];
        for (found, expected, why) in cases {
            let day = |day: i64| day.saturating_mul(DAY);
            let sighting = |(rule, content, at): &(&'static str, &'static str, i64)| Sighting {
                rule: ("set", rule),
                content,
                at: day(*at),
            };
            let sightings: Vec<Sighting<'_>> = found.iter().map(sighting).collect();
            assert_eq!(groups(&sightings), *expected, "{why}");
        }
    }

    #[test]
    fn moments_are_spread_over_a_time() {
        for (moments, time, expected) in [
            (&[][..], (0, 9), [0, 0, 0]),
            (&[7], (7, 7), [1, 0, 0]),
            (&[0, 1, 2], (0, 2), [1, 1, 1]),
            (&[0, 10, 100, 100, 101, -1], (0, 100), [2, 0, 2]),
            (&[i64::MIN, i64::MAX], (i64::MIN, i64::MAX), [1, 0, 1]),
            (&[5], (9, 0), [0, 0, 0]),
        ] {
            assert_eq!(spread(moments.iter().copied(), time, 3), expected, "{moments:?}");
        }
        assert!(spread([1], (0, 2), 0).is_empty());
    }
}
