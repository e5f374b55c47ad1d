//! What the tests of all formats share: real samples, and somebody who hears.
#![allow(clippy::unwrap_used)]

use crate::{Limits, Reason, Source, Visitor, unpack};
use base64::Engine;
use std::path::Path;

/// What every sample holds.
pub(crate) const CONTENT: &str = "KEEPWATCH SAMPLE";

/// A sample, made by the tools that people use (samples/README.md says how).
pub(crate) fn sample(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(format!("{name}.b64"));
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

    /// However it is cut or bent, nothing crashes.
    #[track_caller]
    pub(crate) fn survives_damage(&self, whole: &[u8]) {
        let crashed = |bytes: &[u8], how: String| {
            let heard = Self::of(bytes);
            let crashed = heard.missed.iter().any(|(_, reason)| reason.to_string().contains("crashed"));
            assert!(!crashed, "{how}: {:?}", heard.missed);
        };
        for len in (0..whole.len()).step_by(whole.len() / 300 + 1) {
            crashed(&whole[..len], format!("cut at {len}"));
        }
        let bits = whole.len() * 8;
        for bit in (0..bits).step_by(bits / 500 + 1) {
            let mut bent = whole.to_vec();
            bent[bit / 8] ^= 1 << (bit % 8);
            crashed(&bent, format!("bit {bit}"));
        }
    }
}
