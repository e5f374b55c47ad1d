//! A real fleet of processes on loopback: a controller, agents, and the staff's command
//! line, each the binary that is shipped. Tests wait for what the processes say or show,
//! within a bound, and everything that was started ends with the test.

mod agent;
mod browser;
mod controller;
mod crowd;
mod process;
mod staff;
pub mod tree;

pub use agent::{Agent, standalone};
pub use browser::Browser;
pub use controller::Controller;
pub use crowd::Crowd;
pub use process::{binary, until, until_some};
pub use staff::{Ran, Running, Staff};

/// The EICAR test file, put together so that no scanner trips over this source.
pub fn eicar() -> Vec<u8> {
    [r"X5O!P%@AP[4\PZX54(P^)7CC)7}", "$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!", "$H+H*"].concat().into_bytes()
}
