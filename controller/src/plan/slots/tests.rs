//! Properties of who may back up next, over made-up fleets; then days of them, turn by turn.

use super::*;
use proptest::prelude::*;
use std::collections::{HashSet, VecDeque};

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(number: usize) -> T {
    format!("0193582e-0000-7000-8000-{number:012}").parse().unwrap()
}

fn place(number: usize, group: usize, asked: i64) -> Place {
    let name = format!("group {group}");
    Place {
        host: id(number),
        job: id(number),
        group: name.clone(),
        bounded_by: name,
        storage: format!("storage {}", group % 2),
        asked,
        granted: 0,
        begun: 0,
        heard: NOW,
    }
}

const NOW: i64 = 1_000_000;

/// Hosts that wait, have leave, back up or are silent, in a few groups.
fn places() -> impl Strategy<Value = Vec<Place>> {
    let one = (0usize..4, 0i64..2 * AGED, 0u8..8, 0i64..2 * SILENT);
    prop::collection::vec(one, 0..60).prop_map(|all| {
        let made = all.into_iter().enumerate().map(|(number, (group, age, how, silent))| {
            let asks = place(number, group, NOW - age);
            match how {
                0 => Place { granted: NOW - age.min(2 * BEGIN_WITHIN), ..asks },
                1 | 2 => Place { granted: NOW - age, begun: NOW - age, heard: NOW - silent, ..asks },
                // It went ahead without leave.
                3 => Place { begun: NOW - age, ..asks },
                _ => asks,
            }
        });
        made.collect()
    })
}

fn bounds() -> impl Strategy<Value = Bounds> {
    (0usize..12, 0usize..8, prop::collection::vec(0usize..5, 4)).prop_map(|(whole, storage, groups)| Bounds {
        whole,
        storage,
        groups: groups.into_iter().enumerate().map(|(n, most)| (format!("group {n}"), most)).collect(),
    })
}

/// How many are held of those that a bound is about, after the decision.
fn held<'a>(places: &'a [Place], decision: &Decision, about: impl Fn(&Place) -> bool + 'a) -> usize {
    let counts = |p: &&Place| decision.granted.contains(&p.host) || (p.is_held() && !decision.lapsed.contains(&p.host));
    places.iter().filter(counts).filter(|p| about(p)).count()
}

/// The bounds that a place is under: how many are held, and how many may be.
fn limits(places: &[Place], decision: &Decision, place: &Place, bounds: &Bounds) -> Vec<(usize, usize)> {
    let group = bounds.groups.get(&place.bounded_by).copied().unwrap_or(0);
    let all = vec![
        (held(places, decision, |_| true), bounds.whole),
        (held(places, decision, |p| p.storage == place.storage), bounds.storage),
        (held(places, decision, |p| p.bounded_by == place.bounded_by), group),
    ];
    all.into_iter().filter(|(_, most)| *most > 0).collect()
}

proptest! {
    /// Nobody gets leave beyond a bound; and where somebody who is there waits, one is full.
    #[test]
    fn the_bounds_hold_and_nothing_lies_idle(places in places(), bounds in bounds()) {
        let decision = decide(&places, &bounds, NOW, true);
        for place in &places {
            let limits = limits(&places, &decision, place, &bounds);
            if decision.granted.contains(&place.host) {
                prop_assert!(limits.iter().all(|(held, most)| held <= most), "{limits:?}");
            } else if !place.is_held() && !decision.lapsed.contains(&place.host) {
                prop_assert!(limits.iter().any(|(held, most)| held >= most), "{limits:?}");
            }
        }
        let once: HashSet<_> = decision.granted.iter().chain(&decision.lapsed).collect();
        prop_assert_eq!(once.len(), decision.granted.len() + decision.lapsed.len());
    }

    /// Nobody who asked later is served before one of the same group, nor before any old one whose
    /// own bounds have room.
    #[test]
    fn the_longer_one_has_waited_the_sooner_it_is_served(places in places(), bounds in bounds()) {
        let decision = decide(&places, &bounds, NOW, true);
        let waits = |p: &&Place| !p.is_held() && !decision.lapsed.contains(&p.host);
        for passed in places.iter().filter(waits).filter(|p| !decision.granted.contains(&p.host)) {
            for served in places.iter().filter(|p| decision.granted.contains(&p.host) && p.asked > passed.asked) {
                prop_assert!(served.group != passed.group);
                let own = Bounds { whole: 0, ..bounds.clone() };
                let full = limits(&places, &decision, passed, &own).iter().any(|(held, most)| held >= most);
                prop_assert!(NOW - passed.asked < AGED || full);
            }
        }
    }

    /// Where only the whole is bounded, no group has two more than one that waits.
    #[test]
    fn groups_are_served_alike(sizes in prop::collection::vec(0usize..30, 2..5), whole in 1usize..20) {
        let groups = sizes.iter().enumerate().flat_map(|(group, size)| (0..*size).map(move |_| group));
        let places: Vec<Place> = groups.enumerate().map(|(n, group)| place(n, group, NOW - n as i64)).collect();
        let decision = decide(&places, &Bounds { whole, ..Bounds::default() }, NOW, true);
        let served = |group: usize| places.iter().filter(|p| p.group == format!("group {group}") && decision.granted.contains(&p.host)).count();
        for (waiting, size) in sizes.iter().enumerate().filter(|(group, size)| served(*group) < **size) {
            for other in 0..sizes.len() {
                prop_assert!(served(other) <= served(waiting) + 1, "{} of {} and {}", served(waiting), size, served(other));
            }
        }
    }

    /// Turn by turn: whoever asks is served within the time that those before it need.
    #[test]
    fn nobody_waits_longer_than_those_before_it_take(
        asks in prop::collection::vec((0usize..4, 0i64..7200, 60i64..1800), 1..80),
        whole in 1usize..6,
    ) {
        let longest = asks.iter().map(|(_, _, takes)| *takes).max().unwrap();
        let bounds = Bounds { whole, ..Bounds::default() };
        let mut to_come: VecDeque<(usize, (usize, i64, i64))> = asks.iter().copied().enumerate().collect();
        to_come.make_contiguous().sort_by_key(|(_, (_, at, _))| *at);
        let (mut places, mut ends, mut now): (Vec<Place>, HashMap<HostId, i64>, i64) = (vec![], HashMap::new(), 0);
        while !(to_come.is_empty() && places.is_empty()) {
            places.retain(|place| ends.get(&place.host).is_none_or(|end| *end > now));
            while to_come.front().is_some_and(|(_, (_, at, _))| *at <= now) {
                let (number, (group, _, _)) = to_come.pop_front().unwrap();
                places.push(place(number, group, now));
            }
            places.iter_mut().for_each(|place| place.heard = now);
            let decision = decide(&places, &bounds, now, true);
            prop_assert!(decision.lapsed.is_empty());
            for host in decision.granted {
                let number = (0..asks.len()).find(|n| id::<HostId>(*n) == host).unwrap();
                let place = places.iter_mut().find(|p| p.host == host).unwrap();
                // All the others can go before it, `whole` at a time, if they ask before it is old.
                let rounds = asks.len() / whole + 2;
                prop_assert!(now - place.asked <= AGED + (longest + 60) * rounds as i64);
                (place.granted, place.begun) = (now.max(1), now.max(1));
                ends.insert(host, now + asks[number].2);
            }
            prop_assert!(places.iter().filter(|p| p.is_held()).count() <= whole);
            now += 60;
        }
    }
}

#[test]
fn leave_that_is_not_used_and_backups_of_the_silent_lapse() {
    let bounds = Bounds { whole: 1, ..Bounds::default() };
    let waits = place(9, 1, NOW - 10);
    for (holder, lapses) in [
        (Place { granted: NOW - BEGIN_WITHIN + 1, ..place(1, 0, NOW - 900) }, false),
        (Place { granted: NOW - BEGIN_WITHIN, ..place(1, 0, NOW - 900) }, true),
        (Place { granted: NOW - 9000, begun: NOW - 8000, ..place(1, 0, NOW - 9000) }, false),
        (Place { begun: NOW - 8000, heard: NOW - SILENT, ..place(1, 0, NOW - 9000) }, true),
        (Place { begun: NOW - 8000, heard: NOW - SILENT + 1, ..place(1, 0, NOW - 9000) }, false),
    ] {
        let decision = decide(&[holder.clone(), waits.clone()], &bounds, NOW, true);
        let (granted, lapsed) = if lapses { (vec![waits.host], vec![holder.host]) } else { (vec![], vec![]) };
        assert_eq!(decision, Decision { granted, lapsed }, "{holder:?}");
    }
    // One that asked and is gone is not served.
    let gone = Place { heard: NOW - SILENT, ..waits };
    assert_eq!(
        decide(std::slice::from_ref(&gone), &bounds, NOW, true),
        Decision { granted: vec![], lapsed: vec![gone.host] }
    );
}

#[test]
fn a_department_of_five_does_not_wait_for_one_of_five_hundred() {
    let mut places: Vec<Place> = (0..500).map(|n| place(n, 0, NOW - 60)).collect();
    places.extend((500..505).map(|n| place(n, 1, NOW)));
    let decision = decide(&places, &Bounds { whole: 10, ..Bounds::default() }, NOW, true);
    let small = decision.granted.iter().filter(|host| (500..505).any(|n| id::<HostId>(n) == **host)).count();
    assert_eq!((decision.granted.len(), small), (10, 5));
}
