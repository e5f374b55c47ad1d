//! Where malware is met first: the programs that run, what starts with the system or with a
//! user, temporary folders, downloads, scheduled tasks. What is loaded into a program is not
//! looked up: it is met by a full scan.

use crate::platform::command_line;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::windows::ffi::OsStringExt;
use std::path::PathBuf;
use windows_registry::{Key, LOCAL_MACHINE, USERS};

const OF_THE_SYSTEM: [&str; 3] =
    [r"C:\ProgramData\Microsoft\Windows\Start Menu\Programs\StartUp", r"C:\Windows\Temp", r"C:\Windows\System32\Tasks"];
const OF_A_USER: [&str; 3] =
    [r"AppData\Roaming\Microsoft\Windows\Start Menu\Programs\Startup", r"AppData\Local\Temp", "Downloads"];
/// More processes than a PC has.
const MOST_PROCESSES: usize = 16384;
/// The longest path that the system has, in its own characters.
const LONGEST: usize = 32768;
const QUERY_LIMITED: u32 = 0x1000;

#[link(name = "kernel32")]
// The standard library knows only the processes it has started.
#[allow(unsafe_code)]
unsafe extern "system" {
    fn K32EnumProcesses(ids: *mut u32, size: u32, used: *mut u32) -> i32;
    fn OpenProcess(access: u32, inherit: i32, id: u32) -> isize;
    fn QueryFullProcessImageNameW(process: isize, flags: u32, name: *mut u16, size: *mut u32) -> i32;
    fn CloseHandle(handle: isize) -> i32;
}

/// Those that exist on this PC.
pub(crate) fn quick_places() -> Vec<PathBuf> {
    let of_the_system = OF_THE_SYSTEM.iter().map(PathBuf::from);
    let homes = super::user_folders();
    let of_users = homes.iter().flat_map(|home| OF_A_USER.iter().map(|place| home.join(place)));
    let places = of_the_system.chain(std::env::var_os("TEMP").map(PathBuf::from)).chain(of_users);
    let places = places.chain(programs()).chain(starting());
    places.filter(|place| place.exists()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Keys whose values are command lines, below the system's and each user's software.
const STARTING: [&str; 4] = [
    r"Microsoft\Windows\CurrentVersion\Run",
    r"Microsoft\Windows\CurrentVersion\RunOnce",
    r"Wow6432Node\Microsoft\Windows\CurrentVersion\Run",
    r"Wow6432Node\Microsoft\Windows\CurrentVersion\RunOnce",
];
const SERVICES: &str = r"SYSTEM\CurrentControlSet\Services";

/// Files that start by the registry's word: with the system, with a user, as a service.
fn starting() -> Vec<PathBuf> {
    let users: Vec<Key> = match USERS.keys() {
        Ok(names) => names.filter_map(|name| USERS.open(format!(r"{name}\Software")).ok()).collect(),
        Err(_) => vec![],
    };
    let mut commands = Vec::new();
    for software in LOCAL_MACHINE.open("SOFTWARE").into_iter().chain(users) {
        for key in STARTING.iter().filter_map(|name| software.open(name).ok()) {
            let values = key.values().into_iter().flatten();
            commands.extend(values.filter_map(|(_, value)| String::try_from(value).ok()));
        }
    }
    if let Ok(services) = LOCAL_MACHINE.open(SERVICES) {
        let names = services.keys().into_iter().flatten();
        commands.extend(names.filter_map(|name| services.open(name).ok()?.get_string("ImagePath").ok()));
    }
    let variable = |name: &str| std::env::var(name).ok();
    let paths = commands.iter().flat_map(|command| command_line::paths(command, variable)).map(PathBuf::from);
    // Where a path with blanks is cut short a folder may be met.
    paths.filter(|path| path.is_file()).collect()
}

/// Files of the programs that run, as far as the system tells.
#[allow(unsafe_code)]
fn programs() -> Vec<PathBuf> {
    let (mut ids, mut used) = (vec![0u32; MOST_PROCESSES], 0);
    // SAFETY: the size given is that of the buffer, in bytes.
    let told = unsafe { K32EnumProcesses(ids.as_mut_ptr(), (MOST_PROCESSES * 4) as u32, &mut used) };
    if told == 0 {
        return vec![];
    }
    ids.truncate(used as usize / 4);
    let mut name = vec![0u16; LONGEST];
    let program = |id: u32| {
        let mut length = LONGEST as u32;
        // SAFETY: the length given is that of the buffer; the handle is closed once, by us.
        let told = unsafe {
            let process = OpenProcess(QUERY_LIMITED, 0, id);
            if process == 0 {
                return None;
            }
            let told = QueryFullProcessImageNameW(process, 0, name.as_mut_ptr(), &mut length);
            CloseHandle(process);
            told
        };
        let name = name.get(..length as usize).filter(|_| told != 0)?;
        Some(PathBuf::from(OsString::from_wide(name)))
    };
    ids.into_iter().filter_map(program).collect()
}
