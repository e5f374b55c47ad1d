//! Whether what is stored comes back: files of a snapshot taken at random, to be restored and held
//! against what is on the PC.

use crate::error::Result;
use crate::repository::Repository;
use crate::tree;
use rand::seq::SliceRandom;
use rustic_core::repofile::Node;
use std::ops::ControlFlow;
use std::path::PathBuf;

/// One file of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sampled {
    /// Its path in the snapshot.
    pub path: PathBuf,
    /// Its bytes.
    pub size: u64,
    /// When it was last changed, in nanoseconds since 1970.
    pub modified: Option<i128>,
}

impl Repository {
    /// At most so many files of a snapshot, of at most so many bytes together, each as likely as
    /// any other that is not larger than all of it may be.
    pub fn sample(&self, snapshot: &str, files: usize, bytes: u64) -> Result<Vec<Sampled>> {
        let (snapshot, indexed) = (self.resolve(snapshot)?, self.indexed()?);
        let (mut kept, mut met) = (Vec::<Sampled>::new(), 0usize);
        let mut visit = |path: PathBuf, node: &Node| {
            if node.is_file() && node.meta.size <= bytes && files > 0 {
                met += 1;
                // Each of all that were met stays with the same chance (reservoir sampling).
                let place = if kept.len() < files { kept.len() } else { rand::random_range(0..met) };
                let modified = node.meta.mtime.map(|time| time.as_nanosecond());
                let new = Sampled { path, size: node.meta.size, modified };
                if place == kept.len() && place < files {
                    kept.push(new);
                } else if let Some(old) = kept.get_mut(place) {
                    *old = new;
                }
            }
            ControlFlow::Continue(())
        };
        let go_on = || !self.guard.is_out_of_reach();
        let walked = tree::walk(&indexed, tree::root(snapshot.tree), tree::top(), true, &go_on, &mut visit);
        walked.map_err(|why| self.broken(why))?;
        kept.shuffle(&mut rand::rng());
        let mut left = bytes;
        kept.retain(|file| {
            let fits = file.size <= left;
            left -= if fits { file.size } else { 0 };
            fits
        });
        Ok(kept)
    }
}
