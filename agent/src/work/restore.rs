//! Brings files back, below the folders that the PC's own file allows and nowhere else.
//! The engine checks every piece against its hash before a file gets its name, so what it
//! counts as restored has been verified.

use super::backup::Saying;
use super::scan::{attended, in_words, load};
use super::{Speaker, counted, failed_reading};
use crate::one_read::{self, OneReadError, Scan};
use crate::worker::{RestoreOrder, ScanOrder};
use keepwatch_backup::{Conflict, Repository, RestoreOptions, RestoreReport};
use keepwatch_proto::job::{self, Ended, FailureKind, JobState, RestoreSpec, Tally};
use keepwatch_proto::paths;
use keepwatch_scan::{Pace, RuleSet, Summary};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

/// A place that a restore may not write to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TargetError {
    /// No root at all.
    #[error("this PC allows no restores: 'restore_roots' in its agent.toml is empty")]
    NoRoots,
    /// Elsewhere.
    #[error(
        "this PC does not allow restores into {0}: 'restore_roots' in its agent.toml does not cover it; choose another target, or leave it out for a new folder"
    )]
    NotAllowed(String),
    /// Not a clear path.
    #[error("{0} cannot be restored into: {1}; name a folder by its full path")]
    Unclear(String, io::Error),
}

/// Restores, from opening the repository to how it ended.
pub(super) fn run(order: RestoreOrder, speaker: &Speaker<impl Write + Send>) -> Ended {
    speaker.progress("opening", 0, 0, 0);
    let RestoreOrder { storage, password, spec, roots, new_folder, scan, unscanned } = order;
    let target = match target(&spec, &roots, &new_folder) {
        Ok(target) => target,
        Err(error) => return Ended::failed(error.to_string()).by(FailureKind::Refused),
    };
    let options = RestoreOptions {
        snapshot: spec.snapshot,
        paths: spec.paths.iter().map(|path| paths::to_path(path)).collect(),
        globs: vec![],
        target: target.clone(),
        conflict: conflict_of(spec.conflict),
        foreign: !spec.grant.is_empty(),
        dry_run: spec.dry_run,
        inspector: None,
    };
    let phase = if spec.dry_run { "looking" } else { "restoring" };
    let known = if spec.infected { &[][..] } else { &spec.known };
    let known = known.iter().map(|path| keepwatch_backup::plain(&paths::to_path(path))).collect();
    let restored = Repository::open(&storage, &password).map_err(OneReadError::from).and_then(|repository| {
        let watcher = Saying::new(speaker, phase);
        // In a dry run there is nothing to scan.
        match scan.filter(|_| !spec.dry_run).map(|scan| (load(&scan), scan)) {
            None => Ok(one_read::restore(&repository, &options, &watcher, known, None)?.0)
                .map(|report| (report, not_scanned(&unscanned))),
            Some((Ok(rules), scan)) => scanned(scan, &rules, speaker, |scan| {
                one_read::restore(&repository, &options, &watcher, known, Some(scan))
            }),
            // Files must come back also where they cannot be scanned.
            Some((Err(why), _)) => {
                let (report, _) = one_read::restore(&repository, &options, &watcher, known, None)?;
                Ok((report, not_scanned(&why)))
            }
        }
    });
    match restored {
        Ok((report, of_scan)) => ended(&report, of_scan, shown(target.as_deref()), spec.dry_run),
        Err(error) => Ended { target: shown(target.as_deref()), ..failed_reading(&error) },
    }
}

fn not_scanned(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!("it was not scanned: {why}") }
}

/// Restores while what comes back is scanned, and puts into words what came of that.
fn scanned(
    order: ScanOrder,
    rules: &RuleSet,
    speaker: &Speaker<impl Write + Send>,
    restore: impl FnOnce(&Scan<'_>) -> Result<(RestoreReport, Option<Summary>), OneReadError>,
) -> Result<(RestoreReport, String), OneReadError> {
    let (bundle, pace) = (order.bundle.version, Pace::new(order.cpu_percent));
    let (report, scanned) = attended(order, true, speaker, |options, observer| {
        restore(&Scan { rules, options, pace: &pace, observer, bundle, leave_out: true })
    })?;
    let words = scanned.map(|scanned| in_words(&scanned, scanned.failed + scanned.unread + scanned.incomplete));
    Ok((report, words.unwrap_or_default()))
}

/// Where it was restored to; in place that is nowhere else.
fn shown(target: Option<&Path>) -> String {
    target.map(paths::of_path).unwrap_or_default()
}

/// The engine's word for what was asked.
pub(crate) fn conflict_of(asked: job::Conflict) -> Conflict {
    match asked {
        job::Conflict::Refuse => Conflict::Refuse,
        job::Conflict::Skip => Conflict::Skip,
        job::Conflict::KeepBoth => Conflict::KeepBoth,
        job::Conflict::OverwriteOlder => Conflict::OverwriteOlder,
        job::Conflict::Overwrite => Conflict::Overwrite,
    }
}

fn ended(report: &RestoreReport, of_scan: String, target: String, dry_run: bool) -> Ended {
    let RestoreReport { files, bytes, failed, skipped, replaced, refused, .. } = *report;
    let tally = Tally { files, bytes, failed, skipped, replaced, refused, ..Tally::default() };
    let outcome = if failed == 0 { JobState::Succeeded } else { JobState::Partial };
    let said = [
        Some("nothing was written: this was a dry run".to_owned()).filter(|_| dry_run),
        match dry_run {
            true => counted(
                failed,
                "entry would not be restored, or not in full; it is named",
                "entries would not be restored, or not in full; they are named",
            ),
            false => counted(
                failed,
                "entry was not restored, or not in full; it is named",
                "entries were not restored, or not in full; they are named",
            ),
        },
        counted(
            refused,
            "of them since it is infected; an administrator can ask for it with --infected",
            "of them since they are infected; an administrator can ask for them with --infected",
        ),
        match dry_run {
            true => counted(replaced, "would be replaced", "would be replaced"),
            false => counted(replaced, "replaced", "replaced"),
        },
        counted(skipped, "is there already, or stays by choice", "are there already, or stay by choice"),
    ];
    let said = said.into_iter().flatten();
    let said = said.chain(Some(of_scan).filter(|words| !words.is_empty()));
    Ended { outcome, tally, target, ..Ended::failed(said.collect::<Vec<_>>().join("; ")) }
}

/// The folder to restore into, free of links on its way, below an allowed root. `None`: each path
/// to where it was, which is below one.
fn target(spec: &RestoreSpec, roots: &[PathBuf], new_folder: &str) -> Result<Option<PathBuf>, TargetError> {
    if spec.in_place {
        if roots.is_empty() {
            return Err(TargetError::NoRoots);
        }
        let mut paths = spec.paths.iter().map(|path| paths::to_path(path)).peekable();
        if paths.peek().is_none() {
            return Err(TargetError::NotAllowed("everything".into()));
        }
        paths.try_for_each(|path| in_place(&path, roots))?;
        return Ok(None);
    }
    let target = match (spec.target.as_str(), roots.first()) {
        (_, None) => return Err(TargetError::NoRoots),
        ("", Some(first)) => first.join(new_folder),
        (text, _) => paths::to_path(text),
    };
    allowed(&target, roots).map(Some)
}

/// Whether a path may go back to where it was: below a root, and with no link on it, for what is
/// looked at here is what is written to.
fn in_place(path: &Path, roots: &[PathBuf]) -> Result<(), TargetError> {
    let (real, shown) = (allowed(path, roots)?, paths::of_path(path));
    let plain = |path: &Path| -> Vec<_> {
        let names = path.components().filter(|part| matches!(part, Component::Normal(_)));
        names.map(|part| part.as_os_str().to_owned()).collect()
    };
    let same = plain(&real) == plain(path);
    let linked = || io::Error::new(io::ErrorKind::InvalidInput, "a part of it is a link");
    if same { Ok(()) } else { Err(TargetError::Unclear(shown, linked())) }
}

/// Where a path really leads, if that is below an allowed root.
pub(super) fn allowed(target: &Path, roots: &[PathBuf]) -> Result<PathBuf, TargetError> {
    let shown = paths::of_path(target);
    let real = resolve(target).map_err(|error| TargetError::Unclear(shown.clone(), error))?;
    let allowed = roots.iter().filter_map(|root| resolve(root).ok()).any(|root| real.starts_with(root));
    if allowed { Ok(real) } else { Err(TargetError::NotAllowed(shown)) }
}

/// Where a path really leads: what is there of it without links, the rest as it stands.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let unclear = |why| io::Error::new(io::ErrorKind::InvalidInput, why);
    if !path.is_absolute() {
        return Err(unclear("it is not a full path"));
    }
    if path.components().any(|part| part == Component::ParentDir) {
        return Err(unclear("it has '..' in it"));
    }
    // A link that leads nowhere is there, and cannot be resolved: an error, not a new name.
    let there = path.ancestors().find(|ancestor| ancestor.symlink_metadata().is_ok());
    let there = there.ok_or_else(|| unclear("no part of it exists"))?;
    let rest = path.strip_prefix(there).map_err(io::Error::other)?;
    let real = there.canonicalize()?;
    if rest.as_os_str().is_empty() {
        return Ok(real);
    }
    if !real.is_dir() {
        return Err(unclear("a part of it is a file"));
    }
    Ok(real.join(rest))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_below_a_root_and_no_link_leads_out_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        for name in ["root/in", "outside"] {
            std::fs::create_dir_all(base.join(name)).unwrap();
        }
        std::fs::write(base.join("root/file"), "").unwrap();
        let linked = crate::platform::link_for_tests(&base.join("outside"), &base.join("root/out"))
            && crate::platform::link_for_tests(&base.join("root/in"), &base.join("root/inner"))
            && crate::platform::link_for_tests(&base.join("nowhere"), &base.join("root/dangling"));
        let roots = [base.join("root")];
        let try_one = |path: &str| allowed(&base.join(path), &roots);

        assert_eq!(try_one("root").unwrap(), base.join("root"));
        assert_eq!(try_one("root/in/a/b").unwrap(), base.join("root/in/a/b"));
        for outside in ["outside", "rootless", "", "root/../outside", "root/file/a"] {
            assert!(try_one(outside).is_err(), "{outside}");
        }
        if linked {
            assert_eq!(try_one("root/inner/a").unwrap(), base.join("root/in/a"));
            assert!(try_one("root/out/a").unwrap_err().to_string().contains("agent.toml"));
            assert!(
                try_one("root/out").is_err()
                    && try_one("root/dangling").is_err()
                    && try_one("root/dangling/a").is_err()
            );
        }
    }

    #[test]
    fn without_a_target_a_new_folder_is_meant() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("not/yet");
        let (roots, spec) = ([root.clone()], RestoreSpec::default());
        assert_eq!(target(&spec, &roots, "restored-1").unwrap(), Some(root.join("restored-1")));
        assert!(matches!(target(&spec, &[], "restored-1"), Err(TargetError::NoRoots)));
        let relative = RestoreSpec { target: "relative".into(), ..spec.clone() };
        assert!(target(&relative, &roots, "restored-1").is_err());
        // In place only what lies below a root goes back.
        let in_place = |paths: &[&Path]| {
            let paths = paths.iter().map(|path| paths::of_path(path)).collect();
            target(&RestoreSpec { in_place: true, paths, ..RestoreSpec::default() }, &roots, "new")
        };
        assert_eq!(in_place(&[&root.join("a"), &root.join("b/c")]).unwrap(), None);
        assert!(in_place(&[&root.join("a"), folder.path()]).is_err());
        assert!(in_place(&[&root.join("../../a")]).is_err());
    }
}
