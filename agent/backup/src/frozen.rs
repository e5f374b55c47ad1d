//! Where a backup reads what does not change meanwhile: a state of the file system that was
//! frozen for it. All files are then of one moment, a database's too. What is mounted below a
//! folder is not in its frozen state, and is read as it lives.

use crate::platform;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// How the name of a frozen state begins; the number of the process that reads it follows.
pub(crate) const PREFIX: &str = ".keepwatch-frozen-";

/// The frozen states of one backup, removed with it.
#[derive(Debug, Default)]
pub(crate) struct Frozen {
    views: Vec<View>,
    /// All places that something is mounted at.
    mounted: HashSet<PathBuf>,
}

/// One file system's folder and its frozen state.
#[derive(Debug)]
struct View {
    live: PathBuf,
    frozen: PathBuf,
}

impl Frozen {
    /// Freezes what the roots lie on, where that can be done; the rest is read as it lives.
    pub(crate) fn of(roots: &[PathBuf]) -> Self {
        sweep(roots);
        let mut views: Vec<View> = Vec::new();
        for root in roots {
            let Some(live) = platform::freezable(root) else { continue };
            if views.iter().any(|view| view.live == live) {
                continue;
            }
            let frozen = live.join(format!("{PREFIX}{}", std::process::id()));
            match platform::freeze(&live, &frozen) {
                Ok(()) => views.push(View { live, frozen }),
                Err(why) => tracing::info!(folder = %live.display(), why, "cannot be frozen; it is read as it lives"),
            }
        }
        let mounted = if views.is_empty() { HashSet::new() } else { platform::mount_points() };
        Self { views, mounted }
    }

    /// Where a root is read, if it is frozen.
    pub(crate) fn of_root(&self, root: &Path) -> Option<PathBuf> {
        // No view, no question to the system.
        let live = self.views.first().and_then(|_| platform::freezable(root))?;
        let view = self.views.iter().find(|view| view.live == live)?;
        match root.strip_prefix(&view.live) {
            Ok(below) if below.as_os_str().is_empty() => Some(view.frozen.clone()),
            Ok(below) => Some(view.frozen.join(below)),
            Err(_) => None,
        }
    }

    /// Whether what lives in this folder is not in the frozen state that is read at `at`.
    pub(crate) fn is_without(&self, path: &Path, at: &Path) -> bool {
        self.mounted.contains(path) || platform::is_left_open(at)
    }

    /// Whether a path is a frozen state itself, this backup's or another's that runs beside it.
    pub(crate) fn is_one(&self, path: &Path) -> bool {
        let beside = self.views.iter().any(|view| path.parent() == Some(&view.live));
        beside && path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(PREFIX.as_bytes()))
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for view in &self.views {
            if let Err(why) = platform::thaw(&view.frozen) {
                tracing::warn!(folder = %view.frozen.display(), why, "a frozen state is left behind; the next backup removes it");
            }
        }
    }
}

/// Removes the frozen states that backups of these paths have left behind when they were killed.
pub fn sweep(paths: &[PathBuf]) {
    let tops: HashSet<PathBuf> = paths.iter().filter_map(|path| platform::freezable(path)).collect();
    for top in tops {
        for entry in std::fs::read_dir(&top).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name();
            let Some(process) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
            if platform::lives(process) {
                continue;
            }
            match platform::thaw(&path) {
                Ok(()) => tracing::info!(folder = %path.display(), "removed a frozen state that a backup left behind"),
                Err(why) => tracing::warn!(folder = %path.display(), why, "a frozen state cannot be removed"),
            }
        }
    }
}
