//! Which disks and removable media are there, by their drive letters. A disk on USB calls
//! itself fixed, as the system does; what is mounted in a folder is walked with it.

use super::wide;
use crate::platform::{LocalDisks, Medium};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const REMOVABLE: u32 = 2;
const FIXED: u32 = 3;
const OPTICAL: u32 = 5;

#[link(name = "kernel32")]
// The standard library does not say which drives there are.
#[allow(unsafe_code)]
unsafe extern "system" {
    fn GetLogicalDrives() -> u32;
    fn GetDriveTypeW(root: *const u16) -> u32;
    fn GetVolumeInformationW(
        root: *const u16,
        name: *mut u16,
        name_size: u32,
        serial: *mut u32,
        longest_component: *mut u32,
        flags: *mut u32,
        file_system: *mut u16,
        file_system_size: u32,
    ) -> i32;
}

/// All local disks that are not removable.
pub(crate) fn local_disks() -> LocalDisks {
    LocalDisks { roots: drives(&[FIXED]), left_out: vec![] }
}

/// The removable media that are in their drives now.
pub(crate) fn removable_media() -> BTreeSet<Medium> {
    let media = drives(&[REMOVABLE, OPTICAL]).into_iter();
    media.filter_map(|at| serial(&at).map(|serial| Medium { id: format!("{serial:08x}"), at })).collect()
}

#[allow(unsafe_code)]
fn drives(kinds: &[u32]) -> Vec<PathBuf> {
    // SAFETY: it takes nothing and gives a set of bits.
    let letters = unsafe { GetLogicalDrives() };
    let roots = (0..26u8).filter(|n| letters & (1 << n) != 0).map(|n| format!("{}:\\", char::from(b'A' + n)));
    let of_kind = |root: &String| {
        let name = wide(Path::new(root));
        // SAFETY: the name ends with a zero and outlives the call.
        kinds.contains(&unsafe { GetDriveTypeW(name.as_ptr()) })
    };
    roots.filter(of_kind).map(PathBuf::from).collect()
}

/// Of the volume in a drive; `None` where there is none.
#[allow(unsafe_code)]
fn serial(root: &Path) -> Option<u32> {
    let (name, mut serial) = (wide(root), 0);
    let none = std::ptr::null_mut;
    // SAFETY: the name ends with a zero and outlives the call, as does the number; what is
    // not asked for may be null.
    let told = unsafe {
        GetVolumeInformationW(
            name.as_ptr(),
            none(),
            0,
            &mut serial,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            none(),
            0,
        )
    };
    (told != 0).then_some(serial)
}
