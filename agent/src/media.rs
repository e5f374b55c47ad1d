//! Removable media that appear: each is scanned once, when it comes.

use crate::platform::Medium;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The media that are known, and those whose turn has not come.
#[derive(Debug, Default)]
pub(crate) struct Media {
    /// Nothing, before the first look.
    known: Option<BTreeSet<Medium>>,
    waiting: Vec<Medium>,
}

impl Media {
    /// Takes in what is in the PC now. Where new ones are not `wanted`, they are known from
    /// now on and nothing else; one that was taken out again waits no longer. What the first look
    /// finds was there before, and is not new.
    pub(crate) fn look(&mut self, present: BTreeSet<Medium>, wanted: bool) {
        self.waiting.retain(|medium| wanted && present.contains(medium));
        if let Some(known) = self.known.as_ref().filter(|_| wanted) {
            self.waiting.extend(present.difference(known).cloned());
        }
        self.known = Some(present);
    }

    /// The next one to scan, where it can be.
    pub(crate) fn next(&self) -> Option<PathBuf> {
        self.waiting.first().map(|medium| medium.at.clone())
    }

    /// Its scan has begun.
    pub(crate) fn begun(&mut self) {
        if !self.waiting.is_empty() {
            self.waiting.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(media: &[(&str, &str)]) -> BTreeSet<Medium> {
        media.iter().map(|(id, at)| Medium { id: (*id).into(), at: at.into() }).collect()
    }

    /// All that wait, in their order.
    fn all(media: &mut Media) -> Vec<PathBuf> {
        let mut all = Vec::new();
        while let Some(next) = media.next() {
            all.push(next);
            media.begun();
        }
        all
    }

    #[test]
    fn each_is_scanned_when_it_comes_and_not_again() {
        let mut media = Media::default();
        media.look(set(&[("1", "/m/old")]), true);
        assert_eq!(media.next(), None);
        media.look(set(&[("1", "/m/old"), ("2", "/m/new")]), true);
        media.look(set(&[("1", "/m/old"), ("2", "/m/new")]), true);
        assert_eq!(all(&mut media), [PathBuf::from("/m/new")]);
        media.look(set(&[("1", "/m/old"), ("2", "/m/new")]), true);
        assert_eq!(media.next(), None);
        // Taken out and put in again, or another one in the same place.
        media.look(set(&[("3", "/m/old")]), true);
        assert_eq!(all(&mut media), [PathBuf::from("/m/old")]);
    }

    #[test]
    fn one_that_goes_or_is_not_wanted_waits_no_longer() {
        let mut media = Media::default();
        media.look(set(&[]), true);
        media.look(set(&[("1", "/m/a"), ("2", "/m/b")]), true);
        media.look(set(&[("2", "/m/b")]), true);
        assert_eq!(media.next(), Some(PathBuf::from("/m/b")));
        media.look(set(&[("2", "/m/b"), ("3", "/m/c")]), false);
        assert_eq!(media.next(), None);
        media.look(set(&[("2", "/m/b"), ("3", "/m/c")]), true);
        assert_eq!(media.next(), None);
    }
}
