//! Whether this PC runs on battery, and how busy its processors are.

use crate::platform::ProcessorTimes;

/// As the system counts: in parts of 100 nanoseconds, in two halves.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct FileTime {
    low: u32,
    high: u32,
}

impl FileTime {
    fn ticks(self) -> u64 {
        u64::from(self.high) << 32 | u64::from(self.low)
    }
}

#[repr(C)]
#[derive(Default)]
struct PowerStatus {
    on_mains: u8,
    battery: u8,
    percent: u8,
    saving: u8,
    seconds_left: u32,
    seconds_full: u32,
}

#[link(name = "kernel32")]
// The standard library tells neither of power nor of processors.
#[allow(unsafe_code)]
unsafe extern "system" {
    fn GetSystemPowerStatus(status: *mut PowerStatus) -> i32;
    fn GetSystemTimes(idle: *mut FileTime, kernel: *mut FileTime, user: *mut FileTime) -> i32;
    fn GetCurrentProcess() -> isize;
    fn GetProcessTimes(
        process: isize,
        created: *mut FileTime,
        ended: *mut FileTime,
        kernel: *mut FileTime,
        user: *mut FileTime,
    ) -> i32;
}

/// Whether the PC runs on battery now.
#[allow(unsafe_code)]
pub(crate) fn on_battery() -> bool {
    let mut status = PowerStatus::default();
    // SAFETY: the structure is the system's, and outlives the call.
    let told = unsafe { GetSystemPowerStatus(&mut status) };
    // 255 stands for a PC that does not know.
    told != 0 && status.on_mains == 0
}

/// What the processors have done since the system started.
#[allow(unsafe_code)]
pub(crate) fn processor_times() -> Option<ProcessorTimes> {
    let [mut idle, mut kernel, mut user, mut created, mut ended, mut own_kernel, mut own_user] =
        [FileTime::default(); 7];
    // SAFETY: every structure is the system's, and outlives the calls; the handle of one's
    // own process needs no closing.
    let told = unsafe {
        GetSystemTimes(&mut idle, &mut kernel, &mut user) != 0
            && GetProcessTimes(GetCurrentProcess(), &mut created, &mut ended, &mut own_kernel, &mut own_user) != 0
    };
    // The kernel's time contains that in which nothing was done.
    told.then(|| ProcessorTimes {
        total: kernel.ticks().saturating_add(user.ticks()),
        idle: idle.ticks(),
        own: own_kernel.ticks().saturating_add(own_user.ticks()),
    })
}
