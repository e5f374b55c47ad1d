//! The parts of packs that were read last. A backup's folders and small files lie one after
//! the other in their packs, and are read in that order; with this a folder does not cost a
//! round trip each. Safe to keep: an object never changes.

use bytes::Bytes;
use rustic_core::Id;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Parts kept, 16 MiB in all when each is small.
const PARTS: usize = 64;
/// Larger ones are whole blobs, and are not asked for twice.
const LARGEST: usize = 256 << 10;

/// The parts, the latest last.
#[derive(Default)]
pub(crate) struct Ahead(Mutex<VecDeque<(Id, u32, Bytes)>>);

impl Ahead {
    /// The bytes, if a part that is kept has all of them.
    pub(crate) fn find(&self, id: &Id, offset: u32, length: u32) -> Option<Bytes> {
        let parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parts.iter().rev().filter(|part| part.0 == *id).find_map(|(_, start, content)| {
            let from = offset.checked_sub(*start)? as usize;
            let to = from.checked_add(length as usize)?;
            (to <= content.len()).then(|| content.slice(from..to))
        })
    }

    /// Keeps a part, and forgets the oldest when there are too many.
    pub(crate) fn keep(&self, id: Id, offset: u32, content: Bytes) {
        if content.len() > LARGEST {
            return;
        }
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if parts.len() >= PARTS {
            parts.pop_front();
        }
        parts.push_back((id, offset, content));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_lies_wholly_in_a_part() {
        let (ahead, id) = (Ahead::default(), Id::default());
        ahead.keep(id, 10, Bytes::from_static(b"0123456789"));
        assert_eq!(ahead.find(&id, 12, 3).unwrap(), "234");
        assert_eq!(ahead.find(&id, 10, 10).unwrap(), "0123456789");
        for (offset, length) in [(9, 2), (19, 2), (30, 1), (u32::MAX, u32::MAX)] {
            assert!(ahead.find(&id, offset, length).is_none(), "{offset} {length}");
        }
        assert!(ahead.find(&"ab".repeat(32).parse().unwrap(), 12, 3).is_none());
        for n in 0..200 {
            ahead.keep(id, 1000 + n, Bytes::from_static(b"x"));
        }
        assert!(ahead.find(&id, 12, 3).is_none());
        ahead.keep(id, 5000, vec![0; LARGEST + 1].into());
        assert!(ahead.find(&id, 5000, 1).is_none());
    }
}
