//! Whether this PC's line is metered, and whether somebody uses the PC. A service has a session
//! of its own, in which nobody types: the others are asked about.

use crate::platform::AWAY;
use chrono::{DateTime, Utc};
use std::ffi::c_void;
use std::ptr::{null, null_mut};

/// How COM names things.
#[repr(C)]
struct Guid(u32, u16, u16, [u8; 8]);

const NETWORK_LIST_MANAGER: Guid = Guid(0xdcb0_0c01, 0x570f, 0x4a9b, [0x8d, 0x69, 0x19, 0x9f, 0xdb, 0xa5, 0x72, 0x3b]);
const NETWORK_COST_MANAGER: Guid = Guid(0xdcb0_0008, 0x570f, 0x4a9b, [0x8d, 0x69, 0x19, 0x9f, 0xdb, 0xa5, 0x72, 0x3b]);

/// What `INetworkCostManager` offers, as far as it is used.
#[repr(C)]
struct CostMethods {
    query_interface: *const c_void,
    add_ref: *const c_void,
    release: unsafe extern "system" fn(*mut CostManager) -> u32,
    get_cost: unsafe extern "system" fn(*mut CostManager, *mut u32, *const c_void) -> i32,
}

#[repr(C)]
struct CostManager {
    methods: *const CostMethods,
}

/// Of a session, as `WTSQuerySessionInformationW` lays it out (`WTSINFOEXW`, its first level).
#[repr(C)]
struct Session {
    level: u32,
    // What follows is a union with 64-bit numbers in it.
    gap: u32,
    id: u32,
    state: i32,
    flags: i32,
    station: [u16; 33],
    user: [u16; 21],
    domain: [u16; 18],
    logged_on: i64,
    connected: i64,
    disconnected: i64,
    last_input: i64,
    now: i64,
    traffic: [u32; 6],
}

#[repr(C)]
struct Listed {
    id: u32,
    station: *const u16,
    state: i32,
}

#[link(name = "ole32")]
// The standard library knows nothing of costs and sessions.
#[allow(unsafe_code)]
unsafe extern "system" {
    fn CoInitializeEx(reserved: *const c_void, how: u32) -> i32;
    fn CoUninitialize();
    fn CoCreateInstance(
        class: *const Guid,
        outer: *const c_void,
        context: u32,
        interface: *const Guid,
        made: *mut *mut CostManager,
    ) -> i32;
}

#[link(name = "wtsapi32")]
#[allow(unsafe_code)]
unsafe extern "system" {
    fn WTSEnumerateSessionsW(
        server: *const c_void,
        reserved: u32,
        version: u32,
        list: *mut *mut Listed,
        count: *mut u32,
    ) -> i32;
    fn WTSQuerySessionInformationW(
        server: *const c_void,
        session: u32,
        class: i32,
        answer: *mut *mut c_void,
        bytes: *mut u32,
    ) -> i32;
    fn WTSFreeMemory(memory: *mut c_void);
}

/// Whether the line is paid for by what goes over it; `None` where nobody knows.
pub(crate) async fn on_metered() -> Option<bool> {
    tokio::task::spawn_blocking(|| cost().map(metered)).await.ok().flatten()
}

/// Whether somebody uses the PC; `None` where nobody knows.
pub(crate) async fn in_use(_now: DateTime<Utc>) -> Option<bool> {
    tokio::task::spawn_blocking(|| sessions().map(|ids| ids.into_iter().any(is_used))).await.ok().flatten()
}

/// A fixed or variable price, a limit that is passed, or another's net.
fn metered(cost: u32) -> bool {
    const FIXED: u32 = 2;
    const VARIABLE: u32 = 4;
    const OVER_LIMIT: u32 = 0x1_0000;
    const ROAMING: u32 = 0x4_0000;
    cost & (FIXED | VARIABLE | OVER_LIMIT | ROAMING) != 0
}

/// What the system says of the line to the world.
#[allow(unsafe_code)]
fn cost() -> Option<u32> {
    const MULTITHREADED: u32 = 0;
    const ANYWHERE: u32 = 0x17;
    // SAFETY: what is initialised here is given back in the same thread, also where it had been
    // initialised before; the object's methods lie in the order that its interface has them, and
    // it is released once.
    unsafe {
        if CoInitializeEx(null(), MULTITHREADED) < 0 {
            return None;
        }
        let mut manager: *mut CostManager = null_mut();
        let made = CoCreateInstance(&NETWORK_LIST_MANAGER, null(), ANYWHERE, &NETWORK_COST_MANAGER, &mut manager) >= 0;
        let cost = (made && !manager.is_null()).then(|| {
            let methods = &*(*manager).methods;
            let mut cost = 0;
            let told = (methods.get_cost)(manager, &mut cost, null()) >= 0;
            (methods.release)(manager);
            told.then_some(cost)
        });
        CoUninitialize();
        cost.flatten()
    }
}

/// The numbers of the sessions in which somebody is signed in and connected.
#[allow(unsafe_code)]
fn sessions() -> Option<Vec<u32>> {
    const ACTIVE: i32 = 0;
    let (mut list, mut count): (*mut Listed, u32) = (null_mut(), 0);
    // SAFETY: the list has as many entries as the system says, and is given back after the last look.
    unsafe {
        if WTSEnumerateSessionsW(null(), 0, 1, &mut list, &mut count) == 0 || list.is_null() {
            return None;
        }
        let listed = std::slice::from_raw_parts(list, count as usize);
        let active = listed.iter().filter(|session| session.state == ACTIVE).map(|session| session.id).collect();
        WTSFreeMemory(list.cast());
        Some(active)
    }
}

/// Whether somebody sits in front of this session's unlocked screen.
#[allow(unsafe_code)]
fn is_used(session: u32) -> bool {
    const SESSION_INFO_EX: i32 = 25;
    let (mut answer, mut bytes): (*mut c_void, u32) = (null_mut(), 0);
    // SAFETY: the answer is read only where it is as long as what is read, and given back after that.
    unsafe {
        if WTSQuerySessionInformationW(null(), session, SESSION_INFO_EX, &mut answer, &mut bytes) == 0
            || answer.is_null()
        {
            return false;
        }
        let whole = bytes as usize >= size_of::<Session>();
        let told = whole.then(|| answer.cast::<Session>().read_unaligned());
        WTSFreeMemory(answer);
        told.is_some_and(|session| session.level == 1 && used(session.flags, session.last_input, session.now))
    }
}

/// Locked, or without input for a while. At the PC itself many Windows do not say when there was
/// any (0): then it is used until the screen is locked.
fn used(flags: i32, last_input: i64, now: i64) -> bool {
    const LOCKED: i32 = 0;
    const TICKS_A_SECOND: i64 = 10_000_000;
    let away = i64::try_from(AWAY.as_secs()).unwrap_or(i64::MAX).saturating_mul(TICKS_A_SECOND);
    flags != LOCKED && (last_input <= 0 || now.saturating_sub(last_input) < away)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_metered_by_its_price() {
        for (cost, expected) in [(0, false), (1, false), (2, true), (4, true), (0x2_0001, false), (0x4_0001, true)] {
            assert_eq!(metered(cost), expected, "{cost:#x}");
        }
    }

    #[test]
    fn a_session_is_laid_out_as_the_system_has_it() {
        assert_eq!((std::mem::offset_of!(Session, id), std::mem::offset_of!(Session, logged_on)), (8, 168));
    }

    #[test]
    fn a_session_is_used_until_it_is_locked_or_left() {
        const MINUTE: i64 = 600_000_000;
        let now = 130_000_000_000_000_000;
        for (flags, last_input, expected) in [
            (1, now, true),
            (1, now - 9 * MINUTE, true),
            (1, now - 11 * MINUTE, false),
            (1, 0, true),
            (-1, 0, true),
            (0, now, false),
            (0, 0, false),
        ] {
            assert_eq!(used(flags, last_input, now), expected, "{flags} {last_input}");
        }
    }
}
