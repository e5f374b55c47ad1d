//! Where malware is met first: the files of running programs, what starts by itself,
//! temporary folders, downloads.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What the system starts by itself, and where everybody may write.
const OF_THE_SYSTEM: [&str; 21] = [
    "/etc/crontab",
    "/etc/anacrontab",
    "/etc/cron.d",
    "/etc/cron.hourly",
    "/etc/cron.daily",
    "/etc/cron.weekly",
    "/etc/cron.monthly",
    "/etc/systemd/system",
    "/etc/systemd/user",
    "/etc/init.d",
    "/etc/rc.local",
    "/etc/profile",
    "/etc/profile.d",
    "/etc/bash.bashrc",
    "/etc/xdg/autostart",
    "/etc/ld.so.preload",
    "/etc/udev/rules.d",
    "/var/spool/cron",
    "/tmp",
    "/var/tmp",
    "/dev/shm",
];

/// What starts when a user comes, and where a user's downloads lie.
const OF_A_USER: [&str; 18] = [
    ".config/autostart",
    ".config/systemd/user",
    ".local/share/systemd/user",
    ".config/plasma-workspace/env",
    ".config/fish/config.fish",
    ".bashrc",
    ".bash_profile",
    ".bash_login",
    ".bash_logout",
    ".profile",
    ".zshrc",
    ".zprofile",
    ".zshenv",
    ".xprofile",
    ".xinitrc",
    ".ssh/rc",
    "Downloads",
    "下载",
];

/// Those that exist on this PC.
pub(crate) fn quick_places() -> Vec<PathBuf> {
    quick(Path::new("/"), Path::new("/proc"), &super::user_folders())
}

fn quick(root: &Path, proc: &Path, homes: &[PathBuf]) -> Vec<PathBuf> {
    let of_the_system = OF_THE_SYSTEM.iter().map(|place| root.join(place.trim_start_matches('/')));
    let of_users = homes.iter().flat_map(|home| {
        let named = std::fs::read_to_string(home.join(".config/user-dirs.dirs")).unwrap_or_default();
        OF_A_USER.iter().map(|place| home.join(place)).chain(downloads(&named, home))
    });
    // A link would be passed over where it is met; here what it points to is meant.
    let real = of_the_system.chain(of_users).filter_map(|place| std::fs::canonicalize(place).ok());
    real.chain(programs(proc)).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Files of the programs that run. One that was deleted, or lies in a container, has no
/// path here.
fn programs(proc: &Path) -> impl Iterator<Item = PathBuf> {
    let processes = std::fs::read_dir(proc).into_iter().flatten().flatten();
    let processes = processes.filter(|e| e.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit));
    processes
        .filter_map(|e| std::fs::read_link(e.path().join("exe")).ok())
        .filter(|path| path.is_absolute() && std::fs::symlink_metadata(path).is_ok_and(|m| m.is_file()))
}

/// The folder of downloads that a user has named, in the text of `user-dirs.dirs`. One that
/// is the home itself is none.
fn downloads(text: &str, home: &Path) -> Option<PathBuf> {
    let value = text.lines().find_map(|line| line.trim().strip_prefix("XDG_DOWNLOAD_DIR="))?.trim().trim_matches('"');
    let folder = match value.strip_prefix("$HOME") {
        Some(below) => home.join(below.trim_matches('/')),
        None => PathBuf::from(value),
    };
    (folder.is_absolute() && !home.starts_with(&folder)).then_some(folder)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_exists_is_named_once_and_by_its_real_path() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        let (home, proc) = (root.join("home/li"), root.join("proc"));
        for place in ["etc/cron.d", "tmp", "bin", "etc/rc.d", "home/li/下载", "home/li/.config", "home/li/收到"] {
            fs::create_dir_all(root.join(place)).unwrap();
        }
        for file in ["etc/rc.d/rc.local", "bin/program", "home/li/.bashrc"] {
            fs::write(root.join(file), "").unwrap();
        }
        symlink("rc.d/rc.local", root.join("etc/rc.local")).unwrap();
        fs::write(home.join(".config/user-dirs.dirs"), "# own\nXDG_DOWNLOAD_DIR=\"$HOME/收到\"\n").unwrap();
        for (process, exe) in
            [("1", "bin/program"), ("22", "bin/program"), ("3", "bin"), ("4", "gone"), ("self", "tmp")]
        {
            fs::create_dir_all(proc.join(process)).unwrap();
            symlink(root.join(exe), proc.join(process).join("exe")).unwrap();
        }
        let found = quick(&root, &proc, &[home]);
        let mut expected: Vec<PathBuf> = [
            "etc/cron.d",
            "tmp",
            "etc/rc.d/rc.local",
            "home/li/下载",
            "home/li/收到",
            "home/li/.bashrc",
            "bin/program",
        ]
        .iter()
        .map(|place| root.join(place))
        .collect();
        expected.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_folder_of_downloads_is_one_of_its_own() {
        let home = Path::new("/home/li");
        for (text, expected) in [
            ("XDG_DOWNLOAD_DIR=\"$HOME/Downloads\"", Some("/home/li/Downloads")),
            ("XDG_DOWNLOAD_DIR=\"/data/in\"\n", Some("/data/in")),
            ("XDG_DOWNLOAD_DIR=\"$HOME/\"", None),
            ("XDG_DOWNLOAD_DIR=\"$HOME\"", None),
            ("XDG_DOWNLOAD_DIR=\"/\"", None),
            ("XDG_DOWNLOAD_DIR=relative", None),
            ("#XDG_DOWNLOAD_DIR=\"/data\"", None),
            ("", None),
        ] {
            assert_eq!(downloads(text, home), expected.map(PathBuf::from), "{text}");
        }
    }
}
