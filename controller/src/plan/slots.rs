//! Who may back up next: never more at once than the storage bears, groups served alike, and
//! nobody passed over for ever. Pure: what is asked and held comes in, who may begin comes out.

use keepwatch_proto::ids::{HostId, JobId};
use std::collections::HashMap;

/// Seconds after which a request is old: old ones are served in their order, whatever their group.
pub const AGED: i64 = 1800;
/// Seconds within which leave is used, or another has it. A PC that is there begins at once.
pub const BEGIN_WITHIN: i64 = 300;
/// Seconds of silence after which a PC's backup is not counted any more. Three times as long as a
/// living one is silent at most, since it tells its facts every ten minutes.
pub const SILENT: i64 = 1800;

/// How many may back up at once; 0 or none: as many as like to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bounds {
    /// In all.
    pub whole: usize,
    /// Into each storage.
    pub storage: usize,
    /// Of those that follow a group's policy, by that group.
    pub groups: HashMap<String, usize>,
}

/// One host that backs up or would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which.
    pub host: HostId,
    /// The backup that it is about.
    pub job: JobId,
    /// The group that it takes its turn with.
    pub group: String,
    /// The group that bounds it.
    pub bounded_by: String,
    /// Where it stores.
    pub storage: String,
    /// Since when it asks.
    pub asked: i64,
    /// When it got leave; 0: it waits.
    pub granted: i64,
    /// When it began; 0: it has not.
    pub begun: i64,
    /// When its host was last heard of.
    pub heard: i64,
}

impl Place {
    /// Whether it counts against the bounds.
    fn is_held(&self) -> bool {
        self.granted != 0 || self.begun != 0
    }

    /// Whether it held a slot and does not use it.
    fn has_lapsed(&self, now: i64) -> bool {
        match (self.granted, self.begun) {
            (0, 0) => now - self.heard >= SILENT,
            (granted, 0) => now - granted >= BEGIN_WITHIN,
            _ => now - self.heard >= SILENT,
        }
    }
}

/// What is to be done.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// These may begin.
    pub granted: Vec<HostId>,
    /// These are not counted and not served any more. One that is there still asks again.
    pub lapsed: Vec<HostId>,
}

/// What counts against the bounds.
#[derive(Default)]
struct Load<'a> {
    whole: usize,
    storages: HashMap<&'a str, usize>,
    bounded: HashMap<&'a str, usize>,
    groups: HashMap<&'a str, usize>,
}

impl<'a> Load<'a> {
    fn add(&mut self, place: &'a Place) {
        self.whole += 1;
        *self.storages.entry(&place.storage).or_default() += 1;
        *self.bounded.entry(&place.bounded_by).or_default() += 1;
        *self.groups.entry(&place.group).or_default() += 1;
    }

    fn has_room(&self, place: &Place, bounds: &Bounds) -> bool {
        let below = |held: usize, most: usize| most == 0 || held < most;
        let held = |of: &HashMap<&str, usize>, key: &str| of.get(key).copied().unwrap_or(0);
        below(self.whole, bounds.whole)
            && below(held(&self.storages, &place.storage), bounds.storage)
            && below(held(&self.bounded, &place.bounded_by), bounds.groups.get(&place.bounded_by).copied().unwrap_or(0))
    }
}

/// Decides who may begin now. `certain`: the clock is believed; by one that is not, nobody has been
/// silent for too long.
pub fn decide(places: &[Place], bounds: &Bounds, now: i64, certain: bool) -> Decision {
    let mut decision = Decision::default();
    let (mut load, mut asking) = (Load::default(), Vec::new());
    for place in places {
        if certain && place.has_lapsed(now) {
            decision.lapsed.push(place.host);
        } else if place.is_held() {
            load.add(place);
        } else {
            asking.push(place);
        }
    }
    loop {
        let fits = asking.iter().enumerate().filter(|(_, place)| load.has_room(place, bounds));
        // Old ones by age; of the others, one of the group that has fewest.
        let next = fits.min_by_key(|(_, place)| {
            let share = load.groups.get(place.group.as_str()).copied().unwrap_or(0);
            let share = if now - place.asked >= AGED { None } else { Some(share) };
            (share, place.asked, place.host)
        });
        let Some((at, _)) = next else { return decision };
        let place = asking.swap_remove(at);
        load.add(place);
        decision.granted.push(place.host);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
