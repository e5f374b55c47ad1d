//! Windows.

mod disks;
mod folder;
mod load;
mod places;
mod presence;

pub(crate) use disks::{local_disks, removable_media};
pub(crate) use folder::{Folder, changed_at, folded, names_of, owner_of, set_owner, system_folders};
pub(crate) use load::{on_battery, processor_times};
pub(crate) use places::quick_places;
pub(crate) use presence::{in_use, on_metered};

use super::{Disk, folders_below, outermost};
use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{IpAddr, UdpSocket};
use std::os::windows::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::OnceLock;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use windows_service::service::{
    ServiceControl, ServiceControlAccept, ServiceExitCode, ServiceState, ServiceStatus, ServiceType,
};
use windows_service::service_control_handler::{self, ServiceControlHandlerResult};
use windows_service::{define_windows_service, service_dispatcher};

/// Where the agent keeps its state unless it is told otherwise.
pub(crate) const DEFAULT_STATE: &str = r"C:\ProgramData\Keepwatch";
/// How the system is called in facts.
pub(crate) const SYSTEM: &str = "windows";

/// The name that the service is installed under.
const SERVICE: &str = "keepwatch-agent";
/// Below what people do, and without a console window.
const WORKER_FLAGS: u32 = 0x0000_4000 | 0x0800_0000;

/// The folder that users' folders lie in.
pub(crate) fn users_root() -> PathBuf {
    r"C:\Users".into()
}

/// The folders of the PC's people.
pub(crate) fn user_folders() -> Vec<PathBuf> {
    const NOBODY: [&str; 4] = ["Public", "Default", "Default User", "All Users"];
    let person = |folder: &PathBuf| {
        !folder.file_name().is_some_and(|name| NOBODY.iter().any(|nobody| name.eq_ignore_ascii_case(nobody)))
    };
    outermost(folders_below(&users_root()).into_iter().filter(person).collect())
}

/// Where this user's programs keep what can be made again; `None` for one without a profile.
pub(crate) fn cache_folder() -> Option<PathBuf> {
    std::env::var_os("LOCALAPPDATA").map(|local| PathBuf::from(local).join(r"Keepwatch\Cache"))
}

/// Makes a folder that only the system and administrators may look into: what lies below
/// ProgramData is otherwise readable by every user.
pub(crate) fn private_dir(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)?;
    let status = Command::new("icacls")
        .arg(path)
        .args(["/inheritance:r", "/grant:r", "*S-1-5-18:(OI)(CI)F", "*S-1-5-32-544:(OI)(CI)F", "/Q"])
        .stdout(std::process::Stdio::null())
        .status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other("icacls could not make the folder private")) }
}

/// Makes a folder below one that is this user's own, whose rights it inherits.
pub(crate) fn own_dir(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}

/// Writes a file into a private folder, whose rights it inherits, down to the disk.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Puts a new file into a folder, hidden, with the folder's rights. What is there is neither
/// followed nor replaced.
pub(crate) fn plant(folder: &Path, name: &OsStr, bytes: &[u8]) -> io::Result<()> {
    use std::os::windows::fs::OpenOptionsExt;
    const HIDDEN: u32 = 2;
    if !std::fs::symlink_metadata(folder)?.is_dir() {
        return Err(io::Error::other("it is no folder"));
    }
    let path = folder.join(name);
    let mut file = OpenOptions::new().write(true).create_new(true).attributes(HIDDEN).open(&path)?;
    let done = file.write_all(bytes).and_then(|()| file.sync_all());
    // Windows does not remove what is open.
    drop(file);
    // Half of one would be taken for another's.
    done.inspect_err(|_| drop(std::fs::remove_file(&path)))
}

/// Reads so much of a file that is one, and no link.
pub(crate) fn read_plain(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    if !std::fs::symlink_metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
    }
    let mut content = Vec::new();
    File::open(path)?.take(most).read_to_end(&mut content)?;
    Ok(content)
}

/// Windows keeps a folder's changes by itself.
pub(crate) fn sync_dir(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// As the system calls itself.
pub(crate) fn system_version() -> String {
    let said = Command::new("cmd").args(["/C", "ver"]).output().map(|o| o.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&said).trim().to_owned();
    if text.is_empty() { std::env::consts::OS.into() } else { text }
}

#[link(name = "kernel32")]
// The standard library does not say how full a disk is.
#[allow(unsafe_code)]
unsafe extern "system" {
    fn GetDiskFreeSpaceExW(folder: *const u16, free_for_us: *mut u64, total: *mut u64, free: *mut u64) -> i32;
}

/// As the system takes names.
fn wide(path: &Path) -> Vec<u16> {
    path.as_os_str().encode_wide().chain([0]).collect()
}

/// The addresses that lead out of this PC: of the interfaces that the system would send from. No
/// packet goes: a socket that is only connected shows its own end.
pub(crate) fn addresses() -> Vec<IpAddr> {
    // Addresses that are kept for documents, and are nobody's.
    let ways: [(&str, &str); 2] = [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")];
    let own = |(here, there): (&str, &str)| {
        let socket = UdpSocket::bind(here).ok()?;
        socket.connect(there).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    ways.into_iter().filter_map(own).collect()
}

/// The disk that holds a path.
#[allow(unsafe_code)]
pub(crate) fn disk(path: &Path) -> io::Result<Disk> {
    let wide = wide(path);
    let (mut free, mut total, mut all_free) = (0, 0, 0);
    // SAFETY: the name ends with a zero and outlives the call, as do the three numbers.
    if unsafe { GetDiskFreeSpaceExW(wide.as_ptr(), &mut free, &mut total, &mut all_free) } == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Disk { total, free })
}

/// What has to be set before a worker is spawned.
pub(crate) fn prepare_worker(command: &mut tokio::process::Command) {
    command.creation_flags(WORKER_FLAGS);
}

/// Ends a worker that has not been waited for yet, with all that it has started.
pub(crate) async fn end_family(worker: u32) {
    let mut command = tokio::process::Command::new("taskkill.exe");
    command.args(["/T", "/F", "/PID", &worker.to_string()]).creation_flags(WORKER_FLAGS);
    command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    // Where that program is missing, the worker itself is ended all the same.
    let _ = command.status().await;
}

/// The worker was lowered when it was spawned, and ends when its input does.
pub(crate) fn lower_worker() {}

/// A worker bounds itself here; the system has no such limit outside a job object.
pub(crate) fn cap_memory(_bytes: u64) {}

/// Writes at a place in a file.
pub(crate) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    let mut written = 0;
    while written < bytes.len() {
        match file.seek_write(&bytes[written..], offset + written as u64)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            more => written += more,
        }
    }
    Ok(())
}

/// How a process ended, in words.
pub(crate) fn how_it_ended(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("it ended with code {code:#x}"),
        None => "it ended".into(),
    }
}

/// Whether somebody else ended it: there are no signals, but codes that such an end leaves. Those are 1
/// (taskkill, the task manager; a worker itself ends so only where it does not come to its work), that
/// of a session that ends, and that of Ctrl-C.
pub(crate) fn was_killed(status: ExitStatus) -> bool {
    const ENDED: [u32; 3] = [1, 0x4001_0004, 0xc000_013a];
    status.code().is_some_and(|code| ENDED.contains(&code.cast_unsigned()))
}

/// Returns when somebody presses Ctrl-C; a service is stopped by its handler.
pub(crate) async fn stop_signal() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}

static RUN: OnceLock<fn(CancellationToken) -> anyhow::Result<()>> = OnceLock::new();

/// Runs as a service of the system; returns when the service has been stopped.
pub(crate) fn serve(run: fn(CancellationToken) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let _ = RUN.set(run);
    entry::start().map_err(|error| {
        anyhow::anyhow!("this command is for the service manager: {error}; by hand, use 'keepwatch-agent run'")
    })
}

mod entry {
    // The macro makes the function that the service manager calls.
    #![allow(unsafe_code)]
    use super::{SERVICE, define_windows_service, service_dispatcher, service_main};
    define_windows_service!(service_entry, service_main);

    pub(super) fn start() -> windows_service::Result<()> {
        service_dispatcher::start(SERVICE, service_entry)
    }
}

fn service_main(_arguments: Vec<OsString>) {
    if let Err(error) = service() {
        tracing::error!("the service ended: {error:#}");
    }
}

fn service() -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let asked = stop.clone();
    let handler = move |control: ServiceControl| match control {
        ServiceControl::Stop | ServiceControl::Shutdown => {
            asked.cancel();
            ServiceControlHandlerResult::NoError
        }
        ServiceControl::Interrogate => ServiceControlHandlerResult::NoError,
        _ => ServiceControlHandlerResult::NotImplemented,
    };
    let handle = service_control_handler::register(SERVICE, handler)?;
    let status = |current_state, controls_accepted, exit_code| ServiceStatus {
        service_type: ServiceType::OWN_PROCESS,
        current_state,
        controls_accepted,
        exit_code: ServiceExitCode::Win32(exit_code),
        checkpoint: 0,
        wait_hint: Duration::default(),
        process_id: None,
    };
    let accepted = ServiceControlAccept::STOP | ServiceControlAccept::SHUTDOWN;
    handle.set_service_status(status(ServiceState::Running, accepted, 0))?;
    let ran = RUN.get().map_or(Ok(()), |run| run(stop));
    let code = u32::from(ran.is_err());
    handle.set_service_status(status(ServiceState::Stopped, ServiceControlAccept::empty(), code))?;
    ran
}

/// Makes a link, where a test needs one; false where that is not allowed.
#[cfg(test)]
pub(crate) fn link_for_tests(to: &Path, at: &Path) -> bool {
    std::os::windows::fs::symlink_dir(to, at).is_ok()
}
