//! zip (PKWARE APPNOTE.TXT 6.3.10), so also jar, apk, OOXML and ODF.
//!
//! Read by the central directory, as the tools do that open it on a desktop; what that does
//! not list, or where it is not there, by the local headers, as others do. The directory is
//! walked and not taken into memory, however many entries it claims. Where the two headers of
//! a member disagree, both readings are handed on: one of them is what somebody sees.

mod carve;
mod central;
mod claim;
mod member;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use crate::nest::{Halt, Nest, Opening};
use crate::text::name as text;
use crate::{Reason, Source};
use central::Directory;
use claim::Claim;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

pub(super) use carve::begins;

/// Headers that are looked at in a directory. Empty entries cost nothing of the budget.
const MOST_ENTRIES: usize = 2_000_000;

pub(crate) fn is(head: &[u8]) -> bool {
    // The last two begin the only, and the first, of several volumes.
    [b"PK\x03\x04", b"PK\x05\x06"].iter().any(|magic| head.starts_with(*magic))
        || [b"PK00PK\x03\x04", b"PK\x07\x08PK\x03\x04"].iter().any(|magic| head.starts_with(*magic))
}

/// Where a zip begins that stands at the end of the source, by its central directory.
pub(crate) fn at_the_end(source: &mut Source<'_>) -> std::io::Result<Option<u64>> {
    Ok(central::find(source)?.filter(|directory| !directory.is_empty()).map(|directory| directory.first))
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let len = source.len();
    let Some(directory) = central::find(source)? else {
        carve::carve(0, len, carve::is_header, source, nest)?;
        return nest.missed("", Reason::Damaged("no central directory".into()));
    };
    let mut spans = Spans::default();
    let whole = listed(&directory, &mut spans, source, nest)?;
    spans.add(directory.start, directory.end.saturating_add(central::END));
    for (from, to) in spans.gaps(len) {
        carve::carve(from, to, begins, source, nest)?;
    }
    if whole { Ok(()) } else { nest.missed("", Reason::Damaged("the central directory breaks off".into())) }
}

/// Hands on what the directory lists. Whether it is whole.
fn listed(
    directory: &Directory,
    spans: &mut Spans,
    source: &mut Source<'_>,
    nest: &mut Nest<'_>,
) -> Result<bool, Halt> {
    let mut walk = directory.walk();
    while let Some((claim, at)) = walk.next(source)? {
        nest.tick()?;
        let least = claim.packed.saturating_add(claim::LOCAL as u64).saturating_add(claim.name.len() as u64);
        if spans.len() >= MOST_ENTRIES {
            return Err(Halt::Bad(Reason::TooMany(MOST_ENTRIES as u64)));
        }
        spans.add(at, at.saturating_add(least));
    }
    let overlap = spans.overlap();
    if overlap {
        nest.missed("", Reason::Damaged("members overlap one another".into()))?;
    }
    spans.0.clear();
    // Hashes only, of a hasher that nobody can foresee.
    let (hasher, mut seen) = (RandomState::new(), HashSet::new());
    let mut walk = directory.walk();
    while let Some((claim, at)) = walk.next(source)? {
        nest.tick()?;
        // Once for each reading of a place, the local header's among them.
        if overlap && !seen.insert(hasher.hash_one((at, claim.packed, claim.method))) {
            continue;
        }
        let end = listed_member(&claim, at, source, nest)?;
        spans.add(at, end);
    }
    Ok(walk.is_whole())
}

/// A member that the directory lists. Where it ends.
fn listed_member(claim: &Claim, at: u64, source: &mut Source<'_>, nest: &mut Nest<'_>) -> Result<u64, Halt> {
    let Some((local, data)) = Claim::local(source, at)? else {
        if !claim.is_empty() {
            nest.missed(&text(&claim.name), Reason::Damaged("no local header where the directory says".into()))?;
        }
        return Ok(at);
    };
    member::hand_on(claim, data, source, nest)?;
    if claim.disagrees(&local) {
        nest.missed(&text(&claim.name), Reason::Damaged("its local header disagrees with the directory".into()))?;
        member::hand_on(&local, data, source, nest)?;
    }
    Ok(data.saturating_add(claim.packed))
}

/// What is accounted for, each from where to where.
#[derive(Debug, Default)]
struct Spans(Vec<(u64, u64)>);

impl Spans {
    fn add(&mut self, from: u64, to: u64) {
        self.0.push((from, to));
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn overlap(&mut self) -> bool {
        self.0.sort_unstable();
        self.0.iter().zip(self.0.iter().skip(1)).any(|((_, end), (start, _))| start < end)
    }

    /// What lies between, if a local header fits there.
    fn gaps(mut self, len: u64) -> Vec<(u64, u64)> {
        self.0.sort_unstable();
        self.0.push((len, len));
        let mut covered = 0;
        let mut gaps = vec![];
        for (from, to) in self.0 {
            if from.min(len).saturating_sub(covered) > claim::LOCAL as u64 {
                gaps.push((covered, from.min(len)));
            }
            covered = covered.max(to);
        }
        gaps
    }
}
