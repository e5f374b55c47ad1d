//! What a few files need of the packs, read in as few pieces as may be, pack by pack: on a line each
//! piece costs a round trip, and files that were saved together lie together. Only a hint: what is
//! not gathered is read when it is needed.

use crate::guard::Guard;
use crate::tree::Indexed;
use bytes::Bytes;
use rustic_core::{BlobId, DataId, FileType, Id, ReadBackend};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Bytes that are gathered for one writer at a time.
pub(super) const WINDOW: u64 = 4 << 20;
/// What lies between two that are wanted is read with them, if it is no more.
const GAP: u32 = 64 << 10;

/// For whom, from where on, and what.
type Kept = (u64, u32, Bytes);

/// Pieces of packs that were gathered, and for whom.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pieces: Mutex<HashMap<Id, Vec<Kept>>>,
    next: AtomicU64,
}

impl Gathered {
    /// The bytes, if a piece has all of them.
    pub(crate) fn find(&self, id: &Id, offset: u32, length: u32) -> Option<Bytes> {
        let pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        pieces.get(id)?.iter().find_map(|(_, start, content)| {
            let from = offset.checked_sub(*start)? as usize;
            let to = from.checked_add(length as usize)?;
            (to <= content.len()).then(|| content.slice(from..to))
        })
    }

    fn keep(&self, whose: u64, id: Id, offset: u32, content: Bytes) {
        let mut pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        pieces.entry(id).or_default().push((whose, offset, content));
    }

    fn let_go(&self, whose: u64) {
        let mut pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        pieces.retain(|_, kept| {
            kept.retain(|(of, ..)| *of != whose);
            !kept.is_empty()
        });
    }
}

/// A part of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Piece {
    pack: Id,
    offset: u32,
    length: u32,
}

/// In the order of packs, those that lie close together as one. None is longer than a window.
fn joined(mut wanted: Vec<Piece>) -> Vec<Piece> {
    wanted.sort_unstable();
    let mut pieces: Vec<Piece> = Vec::new();
    for next in wanted {
        let end = u64::from(next.offset) + u64::from(next.length);
        match pieces.last_mut() {
            Some(last)
                if last.pack == next.pack
                    && u64::from(next.offset) <= u64::from(last.offset) + u64::from(last.length) + u64::from(GAP)
                    && end - u64::from(last.offset) <= WINDOW =>
            {
                let length = end.max(u64::from(last.offset) + u64::from(last.length)) - u64::from(last.offset);
                last.length = u32::try_from(length).unwrap_or(last.length);
            }
            _ => pieces.push(next),
        }
    }
    pieces
}

/// Gathers for one writer what it will ask for, in this order.
pub(super) struct Gather<'a> {
    guard: &'a Guard,
    indexed: &'a Indexed,
    wanted: Vec<BlobId>,
    /// The first that no window was read for.
    at: usize,
    held: HashSet<BlobId>,
    whose: u64,
}

impl<'a> Gather<'a> {
    pub(super) fn new(guard: &'a Guard, indexed: &'a Indexed, wanted: Vec<BlobId>) -> Self {
        let whose = guard.gathered.next.fetch_add(1, Ordering::Relaxed);
        Self { guard, indexed, wanted, at: 0, held: HashSet::new(), whose }
    }

    /// This one is asked for next.
    pub(super) fn needs(&mut self, id: &BlobId) {
        if self.held.contains(id) {
            return;
        }
        // What was wanted before it is not asked for any more.
        let Some(skipped) = self.wanted[self.at..].iter().position(|wanted| wanted == id) else { return };
        self.at += skipped;
        self.guard.gathered.let_go(self.whose);
        self.held.clear();
        let (mut bytes, mut pieces) = (0, Vec::new());
        while let Some(next) = self.wanted.get(self.at).filter(|_| bytes < WINDOW) {
            self.at += 1;
            if !self.held.insert(*next) {
                continue;
            }
            // One that no index names is told when it is read.
            if let Ok(entry) = self.indexed.get_index_entry(&DataId::from(*next)) {
                let (offset, length) = (entry.location.offset, entry.location.length);
                bytes += u64::from(length);
                pieces.push(Piece { pack: *entry.pack, offset, length });
            }
        }
        // A single one is read as it is needed.
        if pieces.len() < 2 {
            return;
        }
        for Piece { pack, offset, length } in joined(pieces) {
            // One that cannot be read costs the blobs in it that cannot: each is tried alone.
            match self.guard.read_partial(FileType::Pack, &pack, false, offset, length) {
                Ok(content) => self.guard.gathered.keep(self.whose, pack, offset, content),
                Err(_) if self.guard.is_out_of_reach() => return,
                Err(_) => drop(self.guard.take_failure()),
            }
        }
    }
}

impl Drop for Gather<'_> {
    fn drop(&mut self) {
        self.guard.gathered.let_go(self.whose);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn pack(n: u8) -> Id {
        hex::encode([n; 32]).parse().unwrap()
    }

    #[test]
    fn what_lies_close_together_is_read_at_once() {
        let piece = |n, offset, length| Piece { pack: pack(n), offset, length };
        let far = 3 << 20;
        assert_eq!(
            joined(vec![piece(2, 0, 5), piece(1, 100, 50), piece(1, 0, 100), piece(1, 100, 50), piece(1, far, 9)]),
            [piece(1, 0, 150), piece(1, far, 9), piece(2, 0, 5)]
        );
        assert_eq!(joined(vec![piece(1, 0, 10), piece(1, 10 + GAP, 1)]), [piece(1, 0, 11 + GAP)]);
        assert_eq!(joined(vec![piece(1, 0, 10), piece(1, 11 + GAP, 1)]).len(), 2);
        // One within another, as a crafted index may have it, and nothing beyond a window.
        assert_eq!(joined(vec![piece(1, 0, 100), piece(1, 10, 5)]), [piece(1, 0, 100)]);
        let large = vec![piece(1, 0, 3 << 20), piece(1, 3 << 20, 3 << 20), piece(1, u32::MAX - 1, u32::MAX)];
        assert_eq!(joined(large.clone()), large);
    }

    #[test]
    fn pieces_are_found_until_they_are_let_go() {
        let gathered = Gathered::default();
        gathered.keep(1, pack(1), 10, Bytes::from_static(b"0123456789"));
        gathered.keep(2, pack(1), 100, Bytes::from_static(b"abc"));
        assert_eq!(gathered.find(&pack(1), 12, 3).unwrap(), "234");
        assert!(gathered.find(&pack(1), 9, 2).is_none() && gathered.find(&pack(1), 19, 2).is_none());
        assert!(gathered.find(&pack(1), u32::MAX, u32::MAX).is_none() && gathered.find(&pack(2), 12, 3).is_none());
        gathered.let_go(1);
        assert!(gathered.find(&pack(1), 12, 3).is_none() && gathered.find(&pack(1), 100, 3).is_some());
        gathered.let_go(2);
        assert!(gathered.pieces.lock().unwrap().is_empty());
    }
}
