//! What the paths in a policy or a job mean on this PC: words such as `@users` stand for
//! places that differ from PC to PC.

use crate::platform::{self, LocalDisks};
use keepwatch_proto::paths;
use keepwatch_proto::policy::{FULL, QUICK, REMOVABLE, USERS, no_such_word, unknown_word};
use std::path::{Path, PathBuf};

/// Where to go, and what to leave out on the way.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Places {
    /// None of them lies below another.
    pub(crate) paths: Vec<PathBuf>,
    /// Globs.
    pub(crate) excludes: Vec<String>,
}

/// The paths as they are on this PC, or which word is none.
pub(crate) fn expand(paths: &[String]) -> Result<Places, String> {
    if let Some(word) = unknown_word(paths) {
        return Err(format!("{}; bring the agent up to date, or change the policy", no_such_word(word)));
    }
    let (mut found, mut left_out) = (Vec::new(), Vec::new());
    for path in paths {
        match path.as_str() {
            USERS => found.extend(platform::user_folders()),
            QUICK => found.extend(platform::quick_places()),
            REMOVABLE => found.extend(platform::removable_media().into_iter().map(|medium| medium.at)),
            FULL => {
                let disks = platform::local_disks();
                found.extend(disks.roots);
                left_out.extend(disks.left_out);
            }
            text => found.push(paths::to_path(text)),
        }
    }
    Ok(together(LocalDisks { roots: found, left_out }))
}

/// What is asked for by itself is not left out, though it is seen elsewhere too.
fn together(LocalDisks { roots, left_out }: LocalDisks) -> Places {
    let asked = |out: &PathBuf| roots.iter().any(|root| root.starts_with(out));
    let excludes = left_out.iter().filter(|out| !asked(out)).map(|out| literal(out)).collect();
    Places { paths: platform::outermost(roots), excludes }
}

/// A glob that means this path and no other.
pub(crate) fn literal(path: &Path) -> String {
    let mut glob = String::new();
    for c in path.to_string_lossy().chars() {
        match c {
            '*' | '?' | '[' | ']' | '{' | '}' => glob.extend(['[', c, ']']),
            '\\' => glob.push_str("\\\\"),
            c => glob.push(c),
        }
    }
    glob
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn found(paths: &[&str]) -> Places {
        expand(&paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn paths_are_as_they_are_on_this_pc() {
        assert_eq!(found(&["/srv/a", "/srv"]).paths, [PathBuf::from("/srv")]);
        for word in [USERS, QUICK, FULL, REMOVABLE] {
            assert!(!found(&[word]).paths.contains(&PathBuf::from(word)), "{word}");
        }
        assert!(found(&[QUICK, FULL]).paths.iter().all(|path| path.exists()));
        assert!(expand(&["/srv".into(), "@home".into()]).unwrap_err().contains("there is no '@home'"));
    }

    #[test]
    fn what_is_asked_for_by_itself_is_not_left_out() {
        let paths = |list: &[&str]| list.iter().map(PathBuf::from).collect::<Vec<_>>();
        let disks =
            |roots: &[&str]| LocalDisks { roots: paths(roots), left_out: paths(&["/media/stick", "/media/card [1]"]) };
        let excludes = |roots: &[&str]| together(disks(roots)).excludes;
        assert_eq!(excludes(&["/"]), ["/media/stick", "/media/card [[]1[]]"]);
        assert_eq!(excludes(&["/", "/media/stick"]), ["/media/card [[]1[]]"]);
        assert_eq!(excludes(&["/", "/media/stick/docs"]), ["/media/card [[]1[]]"]);
    }
}
