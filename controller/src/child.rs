//! A child process of the same binary: what a PC that was taken over has put into its repository
//! costs the child, not the controller. Its order comes on stdin as JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, Read};
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

/// What a crafted index may have a child take, in bytes.
const MEMORY: u64 = 4 << 30;

/// The parent: begins one that does `word`, tells it what, and leaves its stdout to be read. It
/// ends with what is returned.
pub async fn begin(word: &str, order: &impl Serialize) -> io::Result<Child> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg(word)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()?;
    let text = serde_json::to_vec(order)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(&text).await?;
    }
    Ok(child)
}

/// The child: bounds itself, and reads what to do.
pub fn order<T: DeserializeOwned>() -> anyhow::Result<T> {
    platform::bound(MEMORY);
    let mut text = String::new();
    io::stdin().lock().read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text)?)
}

mod platform {
    /// Bounds what this process may take, in bytes, and has it end with its parent: another would
    /// begin the same work.
    #[cfg(unix)]
    pub(super) fn bound(bytes: u64) {
        use nix::sys::resource::{Resource, setrlimit};
        #[cfg(target_os = "linux")]
        let _ = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL);
        // Where there is a tighter limit already, that holds.
        let _ = setrlimit(Resource::RLIMIT_DATA, bytes, bytes);
    }

    #[cfg(not(unix))]
    pub(super) fn bound(_: u64) {}
}
