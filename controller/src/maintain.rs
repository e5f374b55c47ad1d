//! Work on a host's repository, in a child process of its own. What was done goes to its stdout,
//! as one line of JSON.

use crate::{catalog, child};
use keepwatch_backup::{Entry, Pruned, Repository, Snapshot, Storage, Verified};
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A prune of a large repository may read and write it all.
const LONGEST: Duration = Duration::from_secs(12 * 3600);
/// Bytes of a snapshot's paths that are told; it may have megabytes.
const MOST_PATHS: usize = 64 << 10;

/// What to do.
#[derive(Serialize, Deserialize)]
pub struct Order {
    /// Where.
    pub storage: Storage,
    /// What opens it.
    pub password: String,
    /// What.
    pub work: Work,
}

/// The kinds of work.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Remove these snapshots, and what no other needs.
    Retain(Vec<String>),
    /// Read a part of all packs: which one, of how many.
    Verify(u32, u32),
    /// Bring a host's catalog up to date.
    Catalog {
        /// Where it is.
        file: PathBuf,
        /// What it is to have, oldest first.
        snapshots: Vec<String>,
    },
    /// Set these packs aside, which are damaged, and name what is there.
    SetAside(Vec<String>),
    /// Say what these snapshots are.
    Describe(Vec<String>),
}

/// What was done, or why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Snapshots and what they needed are gone.
    Retained {
        /// Snapshots that were there and are no more.
        forgotten: u64,
        /// What no other needed.
        pruned: Pruned,
    },
    /// The snapshots are gone; what they needed is still there.
    NotPruned {
        /// Snapshots that were there and are no more.
        forgotten: u64,
        /// Why.
        why: String,
    },
    /// What was seen.
    Verified(Verified),
    /// The catalog is as it should be.
    Catalogued,
    /// So many were set aside.
    SetAside(u64),
    /// Those of them that can be read.
    Described(Vec<Snapshot>),
    /// Nothing.
    Failed(String),
}

/// The child: does what stdin says.
pub fn child() -> anyhow::Result<()> {
    let outcome = work(&child::order()?);
    Ok(writeln!(io::stdout().lock(), "{}", serde_json::to_string(&outcome)?)?)
}

fn work(order: &Order) -> Outcome {
    let repository = match Repository::open(&order.storage, &order.password) {
        Ok(repository) => repository,
        Err(error) => return Outcome::Failed(error.to_string()),
    };
    let done = match &order.work {
        Work::Retain(snapshots) => retain(&repository, snapshots),
        Work::Verify(part, of) => repository.verify(*part, *of).map(Outcome::Verified),
        Work::Catalog { file, snapshots } => Ok(catalogue(&repository, order, file, snapshots)),
        Work::SetAside(packs) => repository.set_aside(packs).map(Outcome::SetAside),
        Work::Describe(ids) => describe(&repository, ids).map(Outcome::Described),
    };
    done.unwrap_or_else(|error| Outcome::Failed(error.to_string()))
}

fn describe(repository: &Repository, ids: &[String]) -> Result<Vec<Snapshot>, keepwatch_backup::Error> {
    let mut snapshots = repository.snapshots()?;
    snapshots.retain(|snapshot| ids.contains(&snapshot.id));
    for snapshot in &mut snapshots {
        let mut left = MOST_PATHS;
        snapshot.paths.retain(|path| {
            left = left.saturating_sub(path.len() + 1);
            left > 0
        });
    }
    Ok(snapshots)
}

fn retain(repository: &Repository, snapshots: &[String]) -> Result<Outcome, keepwatch_backup::Error> {
    let forgotten = repository.forget(snapshots)?;
    Ok(match repository.prune() {
        Ok(pruned) => Outcome::Retained { forgotten, pruned },
        Err(error) => Outcome::NotPruned { forgotten, why: error.to_string() },
    })
}

fn catalogue(repository: &Repository, order: &Order, file: &Path, snapshots: &[String]) -> Outcome {
    let mut catalog = catalog::load(file, &order.password).unwrap_or_default();
    catalog.keep(snapshots);
    let new: Vec<&String> = snapshots.iter().filter(|id| !catalog.covers(std::slice::from_ref(*id))).collect();
    let mut adding = catalog::Adding::to(catalog);
    for id in new {
        adding.begin(id);
        let mut room = true;
        let mut tell = |entry: Entry| {
            room = adding.add(&entry);
            if room { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let why_not = match repository.entries(id, Path::new("/"), true, &mut tell) {
            // The storage may be back tomorrow: what cannot be read today is not for good.
            Err(error @ keepwatch_backup::Error::Storage(_)) => return Outcome::Failed(error.to_string()),
            Err(error) => error.to_string(),
            Ok(()) if !room => "it has more names than can be searched".to_owned(),
            Ok(()) => String::new(),
        };
        adding.end(why_not);
    }
    match catalog::save(&adding.finish(), file, &order.password) {
        Ok(()) => Outcome::Catalogued,
        Err(error) => Outcome::Failed(format!("its catalog cannot be written: {}: {error}", file.display())),
    }
}

/// The parent: has a child do it.
pub async fn run(order: &Order) -> Outcome {
    if cfg!(test) {
        // A test is no controller that could be its own child.
        return work(order);
    }
    match tokio::time::timeout(LONGEST, ask(order)).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => Outcome::Failed(error.to_string()),
        Err(_) => Outcome::Failed("it took longer than half a day, and was ended".to_owned()),
    }
}

async fn ask(order: &Order) -> io::Result<Outcome> {
    let output = child::begin("maintain", order).await?.wait_with_output().await?;
    if !output.status.success() {
        return Err(io::Error::other(format!("the process that works on the repository ended: {}", output.status)));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
