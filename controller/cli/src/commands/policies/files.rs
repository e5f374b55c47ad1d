//! The documents that are given: one file, standard input, or all YAML files of a folder.

use crate::ask;
use crate::failure::Failure;
use keepwatch_proto::wire::staff as wire;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Which documents.
#[derive(Debug, clap::Args)]
pub(super) struct Files {
    /// The group, where the document does not name it
    group: Option<String>,
    /// The YAML file ('-': standard input), or a folder of them
    #[arg(short, long, value_name = "FILE|DIR")]
    file: PathBuf,
}

/// Longest document read, in bytes.
const LONGEST: u64 = 256 << 10;
/// Files taken from one folder, as many as the controller takes.
const MOST: usize = 2000;
/// Folders below one another.
const DEEPEST: usize = 16;

impl Files {
    /// Reads them; `base` is the revision that they were edited from, 0: whichever.
    pub(super) async fn read(self, base: u64) -> Result<Vec<wire::GivenPolicy>, Failure> {
        let Self { group, file } = self;
        if file.as_os_str() == "-" {
            let text = ask::lines_of(&file).await?.join("\n") + "\n";
            return Ok(vec![wire::GivenPolicy { name: String::new(), text, group: group.unwrap_or_default(), base }]);
        }
        let read = tokio::task::spawn_blocking(move || read(&file, group, base)).await;
        read.unwrap_or_else(|broken| Err(Failure::Ask(io::Error::other(broken))))
    }
}

fn read(file: &Path, group: Option<String>, base: u64) -> Result<Vec<wire::GivenPolicy>, Failure> {
    if !file.is_dir() {
        return Ok(vec![document(file, group.unwrap_or_default(), base)?]);
    }
    if let Some(group) = group {
        return Err(Failure::Usage(format!(
            "a folder's documents name their groups themselves; leave '{group}' out, or name one file"
        )));
    }
    if base != 0 {
        return Err(Failure::Usage("a revision belongs to one document; leave --revision out for a folder".into()));
    }
    let mut found = Vec::new();
    gather(file, DEEPEST, &mut found)?;
    if found.is_empty() {
        return Err(Failure::Usage(format!("{} holds no .yaml file", file.display())));
    }
    if found.len() > MOST {
        return Err(Failure::Usage(format!("{} holds more than {MOST} documents; apply parts of it", file.display())));
    }
    found.sort();
    found.iter().map(|path| document(path, String::new(), 0)).collect()
}

/// All YAML files in a folder and those below it, but for hidden ones.
fn gather(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in std::fs::read_dir(folder).map_err(Failure::file(folder))? {
        let entry = entry.map_err(Failure::file(folder))?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(Failure::file(entry.path()))?);
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        let yaml = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
        if hidden || found.len() > MOST {
            continue;
        }
        if kind.is_dir() && depth > 0 {
            gather(&path, depth - 1, found)?;
        } else if yaml && !kind.is_dir() {
            found.push(path);
        }
    }
    Ok(())
}

fn document(path: &Path, group: String, base: u64) -> Result<wire::GivenPolicy, Failure> {
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(Failure::file(path))?;
    file.take(LONGEST + 1).read_to_string(&mut text).map_err(Failure::file(path))?;
    if text.len() as u64 > LONGEST {
        return Err(Failure::Usage(format!("{} is longer than {LONGEST} bytes; no policy is", path.display())));
    }
    Ok(wire::GivenPolicy { name: path.display().to_string(), text, group, base })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_with_those_below_it_in_one_order() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        assert!(matches!(read(folder.path(), None, 0), Err(Failure::Usage(_))));
        write("b.yaml", "group: b\n");
        write("a/c.yml", "group: c\n");
        write("README.md", "no policy");
        write(".git/x.yaml", "no policy");
        let texts: Vec<String> = read(folder.path(), None, 0).unwrap().into_iter().map(|given| given.text).collect();
        assert_eq!(texts, ["group: c\n", "group: b\n"]);
        assert!(matches!(read(folder.path(), Some("b".into()), 0), Err(Failure::Usage(_))));
        assert!(matches!(read(folder.path(), None, 3), Err(Failure::Usage(_))));
        assert!(matches!(read(&folder.path().join("no"), None, 0), Err(Failure::File { .. })));
        write("long.yaml", &"#".repeat((LONGEST + 1) as usize));
        assert!(matches!(read(&folder.path().join("long.yaml"), None, 0), Err(Failure::Usage(_))));
    }
}
