//! Linux, and what is near enough to it.

mod addresses;
mod folder;
mod load;
mod mounts;
mod places;
mod presence;

pub(crate) use addresses::addresses;
pub(crate) use folder::{Folder, changed_at, folded, names_of, owner_of, set_owner, system_folders};
pub(crate) use load::{on_battery, processor_times};
pub(crate) use mounts::{local_disks, removable_media};
pub(crate) use places::quick_places;
pub(crate) use presence::{in_use, on_metered};

use super::{Disk, folders_below, outermost};
use nix::fcntl::{OFlag, open, openat};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use tokio_util::sync::CancellationToken;

/// Where the agent keeps its state unless it is told otherwise.
pub(crate) const DEFAULT_STATE: &str = "/var/lib/keepwatch-agent";
/// How the system is called in facts.
pub(crate) const SYSTEM: &str = "linux";

/// The folder that users' folders lie in.
pub(crate) fn users_root() -> PathBuf {
    "/home".into()
}

/// The existing folders of the PC's people: those below /home, root's, and those that the
/// user list puts elsewhere.
pub(crate) fn user_folders() -> Vec<PathBuf> {
    let mut folders = folders_below(&users_root());
    let listed = std::fs::read(USER_LIST).unwrap_or_default();
    folders.extend(homes(&listed).into_iter().chain(["/root".into()]).filter(|home| home.is_dir()));
    outermost(folders)
}

const USER_LIST: &str = "/etc/passwd";

/// Homes of people, not of services, in the text of a user list.
fn homes(list: &[u8]) -> Vec<PathBuf> {
    let person = |line: &[u8]| {
        let fields: Vec<&[u8]> = line.split(|b| *b == b':').collect();
        let uid: u32 = std::str::from_utf8(fields.get(2)?).ok()?.parse().ok()?;
        let home = *fields.get(5)?;
        // 65534 is nobody; a home of "/" would make everything a user's.
        let real = (1000..65534).contains(&uid) && home.len() > 1 && home.starts_with(b"/");
        real.then(|| PathBuf::from(OsString::from_vec(home.to_vec())))
    };
    list.split(|b| *b == b'\n').filter_map(person).collect()
}

/// Where this user's programs keep what can be made again; `None` for one without a home.
pub(crate) fn cache_folder() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
    caches.map(|caches| caches.join("keepwatch"))
}

/// Makes a folder that only its owner may look into, or makes an existing one so.
pub(crate) fn private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o700))
}

/// Makes a folder that only this user may look into.
pub(crate) fn own_dir(path: &Path) -> io::Result<()> {
    private_dir(path)
}

/// Writes a file that only its owner may read, down to the disk.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Puts a new file into a folder, as its owner's. What is there is neither followed nor replaced.
pub(crate) fn plant(folder: &Path, name: &OsStr, bytes: &[u8]) -> io::Result<()> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let dir = File::from(open(folder, flags, Mode::empty())?);
    let owner = dir.metadata()?;
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mut file = File::from(openat(&dir, name, flags, Mode::S_IRUSR | Mode::S_IWUSR)?);
    let done = file
        .write_all(bytes)
        .and_then(|()| fchown(&file, Some(owner.uid()), Some(owner.gid())))
        .and_then(|()| file.sync_all());
    // Half of one would be taken for another's.
    done.inspect_err(|_| {
        let _ = unlinkat(&dir, name, UnlinkatFlags::NoRemoveDir);
    })
}

/// Reads so much of a file that is one: no link, and nothing that makes one wait.
pub(crate) fn read_plain(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let odd = || io::Error::new(io::ErrorKind::InvalidInput, "it is no file");
    let file = match OpenOptions::new().read(true).custom_flags(flags.bits()).open(path) {
        Err(e) if e.raw_os_error() == Some(libc::ELOOP) => return Err(odd()),
        opened => opened?,
    };
    if !file.metadata()?.is_file() {
        return Err(odd());
    }
    let mut content = Vec::new();
    file.take(most).read_to_end(&mut content)?;
    Ok(content)
}

/// Makes a rename in this folder last.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// As the system calls itself.
pub(crate) fn system_version() -> String {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.map(|name| name.trim_matches('"').to_owned()).unwrap_or_else(|| std::env::consts::OS.into())
}

/// The disk that holds a path.
pub(crate) fn disk(path: &Path) -> io::Result<Disk> {
    let stat = nix::sys::statvfs::statvfs(path)?;
    // The types differ between systems; none of them is wider.
    #[allow(clippy::unnecessary_cast)]
    let (unit, blocks, free) = (stat.fragment_size() as u64, stat.blocks() as u64, stat.blocks_available() as u64);
    Ok(Disk { total: blocks.saturating_mul(unit), free: free.saturating_mul(unit) })
}

/// What has to be set before a worker is spawned. It lowers itself; with all that it starts it is
/// a process group of its own, so that [`end_family`] reaches them all.
pub(crate) fn prepare_worker(command: &mut tokio::process::Command) {
    command.process_group(0);
}

/// Ends a worker that has not been waited for yet, with all that it has started.
pub(crate) async fn end_family(worker: u32) {
    let Ok(group) = i32::try_from(worker) else { return };
    // Until it is waited for, nobody else has its number. One that is gone needs no signal.
    let _ = nix::sys::signal::killpg(nix::unistd::Pid::from_raw(group), nix::sys::signal::Signal::SIGKILL);
}

/// Puts this process behind everything that people do, lets it die with its parent, and
/// keeps its memory (keys) out of core dumps. Failing any of it is no reason not to work.
pub(crate) fn lower_worker() {
    lowest_priority();
    let _ = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL);
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    // When memory runs out, a scan goes first.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
}

/// Bounds what this process may hold. Of data, not of addresses: the rules' engine reserves
/// far more of those than it ever uses.
pub(crate) fn cap_memory(bytes: u64) {
    let _ = setrlimit(Resource::RLIMIT_DATA, bytes, bytes);
}

/// Writes at a place in a file.
pub(crate) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    use std::os::unix::fs::FileExt;
    file.write_all_at(bytes, offset)
}

// Neither call has a safe wrapper; both take plain numbers.
#[allow(unsafe_code)]
fn lowest_priority() {
    const WHO_PROCESS: libc::c_int = 1;
    const CLASS_IDLE: libc::c_int = 3 << 13;
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, 19);
        libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, 0, CLASS_IDLE);
    }
}

/// How a process ended, in words.
pub(crate) fn how_it_ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (_, Some(signal)) => {
            let name = nix::sys::signal::Signal::try_from(signal).map_or("a signal", |s| s.as_str());
            format!("it was killed by {name} ({signal})")
        }
        (Some(code), None) => format!("it ended with code {code}"),
        (None, None) => "it ended".into(),
    }
}

/// Whether somebody else ended it: the system where memory runs short or the PC goes down, or a person.
pub(crate) fn was_killed(status: ExitStatus) -> bool {
    matches!(status.signal(), Some(libc::SIGTERM | libc::SIGKILL | libc::SIGINT | libc::SIGHUP))
}

/// Returns when the system asks the agent to stop.
pub(crate) async fn stop_signal() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Runs as a service of the system. Linux needs no special entry.
pub(crate) fn serve(_run: fn(CancellationToken) -> anyhow::Result<()>) -> anyhow::Result<()> {
    anyhow::bail!("on this system a service needs no command of its own; let it start 'keepwatch-agent run'")
}

/// Makes a link, where a test needs one; false where that is not allowed.
#[cfg(test)]
pub(crate) fn link_for_tests(to: &Path, at: &Path) -> bool {
    std::os::unix::fs::symlink(to, at).is_ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn people_have_homes_and_services_have_none() {
        let list = b"root:x:0:0:root:/root:/bin/bash\nwww:x:33:33::/var/www:/bin/sh\n\
            wang:x:1000:1000::/home/wang:/bin/bash\nli:x:1001:1001::/data/li:/bin/bash\n\
            odd:x:1002:1002::/:/bin/sh\nnobody:x:65534:65534::/nonexistent:/bin/false\nbroken\n";
        assert_eq!(homes(list), vec![PathBuf::from("/home/wang"), PathBuf::from("/data/li")]);
    }

    #[tokio::test]
    async fn a_worker_ends_with_what_it_has_started() {
        use tokio::io::{AsyncBufReadExt, BufReader};
        let mut command = tokio::process::Command::new("sh");
        command.args(["-c", "sleep 1000 & echo begun; wait"]).stdout(std::process::Stdio::piped()).kill_on_drop(true);
        prepare_worker(&mut command);
        let mut worker = command.spawn().unwrap();
        let mut said = BufReader::new(worker.stdout.take().unwrap()).lines();
        said.next_line().await.unwrap().unwrap();
        end_family(worker.id().unwrap()).await;
        assert_eq!(worker.wait().await.unwrap().signal(), Some(9));
        // The other one holds the pipe, too: it closes when that is gone.
        assert_eq!(said.next_line().await.unwrap(), None);
    }

    #[test]
    fn a_death_is_told_in_words() {
        assert_eq!(how_it_ended(ExitStatus::from_raw(9)), "it was killed by SIGKILL (9)");
        assert_eq!(how_it_ended(ExitStatus::from_raw(101 << 8)), "it ended with code 101");
        // A crash (SIGSEGV, SIGABRT) or a panic is its own doing.
        for (raw, killed) in [(9, true), (15, true), (11, false), (6, false), (1 << 8, false), (101 << 8, false)] {
            assert_eq!(was_killed(ExitStatus::from_raw(raw)), killed, "{raw}");
        }
    }
}
