//! A fleet in figures, and those of each group with all that is below it.

use super::{Reason, State};
use std::collections::{HashMap, HashSet};
use std::ops::AddAssign;

/// Hosts by state, and what else is counted of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Enrolled hosts that were not revoked.
    pub hosts: u32,
    /// Of them, protected.
    pub protected: u32,
    /// Of them, to be looked at.
    pub attention: u32,
    /// Of them, at risk.
    pub at_risk: u32,
    /// Of them, not heard of.
    pub unknown: u32,
    /// Of those, never heard of at all.
    pub never_connected: u32,
    /// Let in a short while ago, first contact still to come.
    pub pending: u32,
    /// Not heard of for a week or more.
    pub away: u32,
    /// Not heard of for so long that somebody must look for them.
    pub lost: u32,
    /// Open detections, also on hosts that were revoked.
    pub open_detections: u32,
    /// Bytes of the repositories, also of hosts that were revoked.
    pub repository_bytes: u64,
}

impl Figures {
    /// Counts a host that is so, for these reasons. One that was revoked is no host any more.
    pub fn count(&mut self, state: State, reasons: &[Reason]) {
        if reasons.iter().any(|r| matches!(r, Reason::Revoked | Reason::Replaced)) {
            return;
        }
        self.hosts += 1;
        match state {
            State::Protected => self.protected += 1,
            State::Attention => self.attention += 1,
            State::AtRisk => self.at_risk += 1,
            State::Unknown => self.unknown += 1,
        }
        for reason in reasons {
            match reason {
                Reason::NeverConnected => self.never_connected += 1,
                Reason::Pending => self.pending += 1,
                Reason::Away => self.away += 1,
                Reason::Lost => self.lost += 1,
                _ => {}
            }
        }
    }
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.hosts += other.hosts;
        self.protected += other.protected;
        self.attention += other.attention;
        self.at_risk += other.at_risk;
        self.unknown += other.unknown;
        self.never_connected += other.never_connected;
        self.pending += other.pending;
        self.away += other.away;
        self.lost += other.lost;
        self.open_detections += other.open_detections;
        self.repository_bytes += other.repository_bytes;
    }
}

/// A group's figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupFigures {
    /// Which group.
    pub name: String,
    /// The group above; empty: none.
    pub parent: String,
    /// How many groups are above it.
    pub depth: u32,
    /// Of the hosts that are in it.
    pub own: Figures,
    /// Of those, and of all in the groups below it.
    pub all: Figures,
}

/// The figures of each group (its name, and its parent's), from those of the hosts that are in it.
/// Each comes before what is below it, and those of one parent by name. A group that no root leads
/// to comes after the others, so that no host is left out.
pub fn roll_up(groups: &[(String, String)], own: &HashMap<String, Figures>) -> Vec<GroupFigures> {
    let names: HashSet<&str> = groups.iter().map(|(name, _)| name.as_str()).collect();
    let mut below: HashMap<&str, Vec<&str>> = HashMap::new();
    let mut sorted: Vec<&(String, String)> = groups.iter().collect();
    sorted.sort();
    for (name, parent) in &sorted {
        below.entry(if names.contains(parent.as_str()) { parent } else { "" }).or_default().push(name);
    }
    let roots = below.get("").cloned().unwrap_or_default();
    let mut rolled: Vec<GroupFigures> = Vec::new();
    let mut seen = HashSet::new();
    for start in roots.into_iter().chain(sorted.iter().map(|(name, _)| name.as_str())) {
        // A stack of our own: the tree is as deep as staff make it.
        let mut waiting = vec![(start, "", 0)];
        while let Some((name, parent, depth)) = waiting.pop() {
            if !seen.insert(name) {
                continue;
            }
            let own = own.get(name).copied().unwrap_or_default();
            rolled.push(GroupFigures { name: name.into(), parent: parent.into(), depth, own, all: own });
            waiting.extend(below.get(name).into_iter().flatten().rev().map(|child| (*child, name, depth + 1)));
        }
    }
    add_up(&mut rolled);
    rolled
}

/// Adds each group's to those of the one above, from the last to the first.
fn add_up(rolled: &mut [GroupFigures]) {
    let places: HashMap<String, usize> = rolled.iter().enumerate().map(|(at, g)| (g.name.clone(), at)).collect();
    for at in (0..rolled.len()).rev() {
        let all = rolled[at].all;
        if let Some(above) = places.get(&rolled[at].parent) {
            rolled[*above].all += all;
        }
    }
}
