//! Backups of a frozen state, on a real btrfs in a file. Skipped where none can be made: it takes
//! root, a loop device and the file system's programs.

use super::*;
use crate::frozen::PREFIX;
use crate::{Content, Inspector};
use std::fs::File;
use std::io::{self, BufReader};
use std::process::Command;
use std::sync::Arc;

/// A btrfs with a subvolume in a subvolume, until it is dropped.
struct Btrfs {
    root: TempDir,
}

fn runs(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

impl Btrfs {
    fn new() -> Option<Self> {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().canonicalize().unwrap();
        let (image, mount) = (path.join("image"), path.join("mounted"));
        fs::create_dir(&mount).unwrap();
        File::create(&image).unwrap().set_len(256 << 20).unwrap();
        let (image, mount) = (image.to_str().unwrap(), mount.to_str().unwrap());
        if !runs("mkfs.btrfs", &["-q", image]) || !runs("mount", &["-o", "loop", image, mount]) {
            eprintln!("skipped: no btrfs can be made here");
            return None;
        }
        let made = Self { root };
        for subvolume in [made.top().join("home"), made.top().join("home/nested")] {
            assert!(runs("btrfs", &["subvolume", "create", subvolume.to_str().unwrap()]));
        }
        Some(made)
    }

    fn top(&self) -> PathBuf {
        self.root.path().canonicalize().unwrap().join("mounted")
    }

    fn home(&self) -> PathBuf {
        self.top().join("home")
    }

    fn frozen(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.home()).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(PREFIX)).collect()
    }
}

impl Drop for Btrfs {
    fn drop(&mut self) {
        let top = self.top();
        let _ = runs("umount", &["-R", top.to_str().unwrap()]) || runs("umount", &["-l", top.to_str().unwrap()]);
    }
}

/// Changes what has not been read yet when the first file is.
struct Meddler(PathBuf);

impl Inspector for Meddler {
    fn read(&self, path: &Path, at: &Path, file: File) -> io::Result<Option<Content>> {
        assert_ne!(path, at, "it reads what lives");
        fs::write(self.0.join("li/z"), "later").unwrap();
        let _ = fs::remove_file(self.0.join("li/y"));
        Ok(Some(Box::new(BufReader::new(file))))
    }
}

#[test]
fn all_files_are_of_one_moment_and_what_is_mounted_below_is_there_too() {
    let Some(btrfs) = Btrfs::new() else { return };
    let home = btrfs.home();
    fs::create_dir_all(home.join("li/stick")).unwrap();
    for (name, content) in [("a", "first"), ("y", "before"), ("z", "before")] {
        fs::write(home.join("li").join(name), content).unwrap();
    }
    fs::write(home.join("nested/inner"), "of another subvolume").unwrap();
    assert!(runs("mount", &["-t", "tmpfs", "tmpfs", home.join("li/stick").to_str().unwrap()]));
    fs::write(home.join("li/stick/outer"), "of another file system").unwrap();
    // Left by a backup that was killed.
    let left = home.join(format!("{PREFIX}4294967294"));
    assert!(runs("btrfs", &["subvolume", "snapshot", "-r", home.to_str().unwrap(), left.to_str().unwrap()]));

    let stage = Stage::new();
    // What would change on the way is not read through the meddler.
    let meddler: Arc<dyn Inspector> = Arc::new(Meddler(home.clone()));
    let options = BackupOptions {
        paths: vec![home.join("li/a"), home.join("li/y"), home.join("li/z")],
        freeze: true,
        inspector: Some(meddler),
        ..stage.options()
    };
    let report = stage.repository.backup(&options, &Silent).unwrap();
    assert_eq!(report.failures, []);
    stage.restore(&report.snapshot.id, "out");
    for (name, content) in [("a", "first"), ("y", "before"), ("z", "before")] {
        assert_eq!(fs::read_to_string(below(&stage.path("out"), &home.join("li").join(name))).unwrap(), content);
    }
    assert!(!home.join("li/y").exists());
    assert_eq!(btrfs.frozen(), Vec::<PathBuf>::new());

    let all = || BackupOptions { paths: vec![home.clone()], freeze: true, ..stage.options() };
    let report = stage.repository.backup(&all(), &Silent).unwrap();
    assert_eq!(report.failures, []);
    stage.restore(&report.snapshot.id, "all");
    let (mut expected, mut restored) = (facts(&home), facts(&below(&stage.path("all"), &home)));
    for facts in [&mut expected, &mut restored] {
        // Their times change as the frozen state comes and goes.
        facts.remove(Path::new(""));
    }
    assert_eq!(restored, expected);
    assert!(restored.keys().any(|path| path.ends_with("stick/outer")));
    assert!(restored.keys().any(|path| path.ends_with("nested/inner")));
    // Where others may make names nothing is frozen, and no link that they made is followed.
    let bait = home.join(format!("{PREFIX}4294967294"));
    std::os::unix::fs::symlink(home.join("nested"), &bait).unwrap();
    fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    crate::sweep_frozen(std::slice::from_ref(&home));
    assert!(crate::platform::freezable(&home).is_none() && home.join("nested/inner").exists());
    fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    fs::remove_file(bait).unwrap();
    // What was frozen then is the same file as what is frozen now.
    let report = stage.repository.backup(&all(), &Silent).unwrap();
    assert_eq!((report.files_unchanged, report.files_new + report.files_changed), (4, 0));
    assert_eq!(btrfs.frozen(), Vec::<PathBuf>::new());
}
