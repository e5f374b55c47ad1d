//! What all targets do: open bytes, within small bounds, and listen to nothing.

use keepwatch_unpack::{Kind, Limits, Reason, Source, Visitor};
use std::time::Duration;

/// Small, so that thousands are tried in a minute, and that what passes a bound shows.
const LIMITS: Limits = Limits {
    bytes: 8 << 20,
    member: 2 << 20,
    in_memory: 4 << 20,
    ratio: 250,
    entries: 500,
    depth: 4,
    time: Duration::from_secs(2),
};

struct Nobody;

impl Visitor for Nobody {
    fn member(&mut self, _inside: &str, _bytes: &[u8]) {}

    fn missed(&mut self, _inside: &str, _reason: Reason) {}

    fn carry_on(&mut self) -> bool {
        true
    }
}

/// Opens bytes as a container of this kind, whether they are one or not.
pub fn open(kind: Kind, bytes: &[u8]) {
    keepwatch_unpack::open_as(kind, &mut Source::bytes(bytes), &LIMITS, &mut Nobody);
}

/// Opens bytes as whatever they are.
pub fn unpack(bytes: &[u8]) {
    keepwatch_unpack::unpack(&mut Source::bytes(bytes), &LIMITS, &mut Nobody);
}
