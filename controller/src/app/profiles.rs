//! Whose folders a snapshot has: what is brought back whole when a PC was lost.

use super::audit::Actor;
use super::snapshots::unreadable;
use super::{App, AppError};
use keepwatch_backup::{EntryKind, Repository};
use keepwatch_proto::paths;
use std::ops::ControlFlow;
use std::path::Path;

/// Where systems keep their users' folders.
const HOMES: [&str; 5] = ["/home", "/data/home", "/Users", "/C/Users", "/D/Users"];
/// Folders among them that are nobody's.
const NOBODYS: [&str; 7] = ["Public", "Default", "Default User", "All Users", "Shared", "lost+found", "defaultuser0"];
/// So many are told: on a PC there are few.
const MOST: usize = 50;
/// Entries that are looked at below one place.
const MOST_SEEN: usize = 1000;

impl App {
    /// The users' folders in a snapshot, by their paths.
    pub async fn profiles(&self, actor: &Actor, host: &str, snapshot: &str) -> Result<Vec<String>, AppError> {
        let host = self.host(actor, host).await?.row;
        let (owner, snapshot) = self.snapshot(&host, snapshot).await?;
        let (storage, password) = self.locate(&owner)?;
        let look = move || -> Result<Vec<String>, AppError> {
            let repository = Repository::open(&storage, &password).map_err(unreadable)?;
            let (mut found, mut seen) = (Vec::new(), 0);
            for home in HOMES {
                let mut tell = |entry: keepwatch_backup::Entry| {
                    seen += 1;
                    let name = entry.path.file_name().map(|name| paths::of_path(Path::new(name))).unwrap_or_default();
                    if entry.kind == EntryKind::Folder && is_somebodys(&name) {
                        found.push(paths::of_path(&entry.path));
                    }
                    if seen < MOST_SEEN && found.len() < MOST {
                        ControlFlow::Continue(())
                    } else {
                        ControlFlow::Break(())
                    }
                };
                match repository.entries(&snapshot.id, Path::new(home), false, &mut tell) {
                    Ok(()) | Err(keepwatch_backup::Error::NoSuchPath(_)) => {}
                    Err(error) => return Err(unreadable(error)),
                }
            }
            Ok(found)
        };
        let done = tokio::task::spawn_blocking(look).await;
        done.map_err(|_| AppError::Repository("it is damaged in a way that the engine does not expect".into()))?
    }
}

fn is_somebodys(name: &str) -> bool {
    !name.starts_with('.') && !NOBODYS.iter().any(|nobody| nobody.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_for_everybody_is_nobodys() {
        for (name, somebodys) in
            [("王芳", true), ("li", true), ("public", false), ("Default User", false), (".cache", false)]
        {
            assert_eq!(is_somebodys(name), somebodys, "{name}");
        }
    }
}
