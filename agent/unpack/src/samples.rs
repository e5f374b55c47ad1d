//! What the tests of all formats share: real samples, and somebody who hears.
#![allow(clippy::unwrap_used)]

use crate::{Limits, Reason, Source, Visitor, unpack};
use base64::Engine;
use std::path::Path;

/// What every sample holds, in one member at least.
pub(crate) const CONTENT: &str = "KEEPWATCH SAMPLE";
pub(crate) const MARK: &[u8] = CONTENT.as_bytes();

/// A sample, made by the tools that people use (samples/README.md says how).
pub(crate) fn sample(name: &str) -> Vec<u8> {
    let file = format!("{}.b64", name.trim_end_matches(".b64"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(file);
    let text: String = std::fs::read_to_string(path).unwrap().split_whitespace().collect();
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

/// All that was heard of one file.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) members: Vec<(String, Vec<u8>)>,
    pub(crate) missed: Vec<(String, Reason)>,
}

impl Visitor for Heard {
    fn member(&mut self, inside: &str, bytes: &[u8]) {
        self.members.push((inside.into(), bytes.into()));
    }
    fn missed(&mut self, inside: &str, reason: Reason) {
        self.missed.push((inside.into(), reason));
    }
    fn carry_on(&mut self) -> bool {
        true
    }
}

impl Heard {
    /// Of a file with the usual limits.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self::within(bytes, &Limits::default())
    }

    pub(crate) fn within(bytes: &[u8], limits: &Limits) -> Self {
        let mut heard = Self::default();
        unpack(&mut Source::bytes(bytes), limits, &mut heard);
        heard
    }

    /// Names of the members, as they came.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.members.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// What the member of this name holds.
    pub(crate) fn content(&self, name: &str) -> Option<&[u8]> {
        self.members.iter().find(|(member, _)| member == name).map(|(_, bytes)| bytes.as_slice())
    }

    /// Whether a member holds the mark.
    pub(crate) fn found(&self) -> bool {
        self.members.iter().any(|(_, bytes)| memchr::memmem::find(bytes, MARK).is_some())
    }

    /// Whether an unpacker crashed, and the nest caught it.
    pub(crate) fn crashed(&self) -> bool {
        self.missed.iter().any(|(_, reason)| matches!(reason, Reason::Damaged(why) if why.contains("crashed")))
    }

    /// The sample's content came out under this name.
    #[track_caller]
    pub(crate) fn holds(&self, name: &str) {
        let member = self.members.iter().find(|(inside, _)| inside == name);
        let names: Vec<_> = self.members.iter().map(|(inside, _)| inside).collect();
        let (_, bytes) = member.unwrap_or_else(|| panic!("no '{name}' in {names:?}, missed {:?}", self.missed));
        assert!(
            memchr::memmem::find(bytes, CONTENT.as_bytes()).is_some(),
            "{name}: {}",
            String::from_utf8_lossy(bytes)
        );
    }

    /// Something of this name was not inspected, for a reason that says this.
    #[track_caller]
    pub(crate) fn complains_of(&self, name: &str, word: &str) {
        let named = self.missed.iter().any(|(inside, reason)| inside == name && reason.to_string().contains(word));
        assert!(named, "{name}: {:?}", self.missed);
    }

    /// It is no container at all.
    #[track_caller]
    pub(crate) fn is_nothing(&self) {
        assert!(self.members.is_empty() && self.missed.is_empty(), "{self:?}");
    }
}

/// However a sample is cut or bent, nothing of it may crash an unpacker.
#[track_caller]
pub(crate) fn torment(sample: &[u8]) {
    for end in (0..sample.len()).step_by(sample.len().div_ceil(300).max(1)) {
        let heard = Heard::of(&sample[..end]);
        assert!(!heard.crashed(), "cut off at {end}: {:?}", heard.missed);
    }
    let bits = sample.len() * 8;
    let flips = bits.min(500);
    for flip in 0..flips {
        // A prime step spreads over all bytes and all bits of a byte.
        let bit = if bits > 500 { (flip * 7919 + flip * (bits / 500)) % bits } else { flip };
        let mut flipped = sample.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let heard = Heard::of(&flipped);
        assert!(!heard.crashed(), "bit {bit}: {:?}", heard.missed);
    }
}
