//! Whether this PC's line is metered, and whether somebody uses the PC: what NetworkManager and
//! logind say, asked by systemd's own programs.

use crate::platform::AWAY;
use chrono::{DateTime, Utc};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime};
use tokio::process::Command;

/// For so long a program of the system's is heard.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether the line is paid for by what goes over it; `None` where nobody knows.
pub(crate) async fn on_metered() -> Option<bool> {
    const MANAGER: &str = "org.freedesktop.NetworkManager";
    let object = "/org/freedesktop/NetworkManager";
    metered(
        &said("busctl", &["--system", "--auto-start=no", "get-property", MANAGER, object, MANAGER, "Metered"]).await?,
    )
}

/// Whether somebody uses the PC; `None` where nobody knows.
pub(crate) async fn in_use(now: DateTime<Utc>) -> Option<bool> {
    let Some(list) = said("loginctl", &["list-sessions", "--no-legend", "--no-pager"]).await else {
        return tokio::task::spawn_blocking(move || typed(Path::new("/dev"), now.into())).await.ok();
    };
    let ids: Vec<&str> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    if ids.is_empty() {
        return Some(false);
    }
    let fields = ["-p", "Class", "-p", "State", "-p", "IdleHint", "-p", "LockedHint"];
    let shown = said("loginctl", &[&["show-session", "--no-pager"], &fields[..], &ids[..]].concat()).await?;
    Some(sessions_are_used(&shown))
}

/// What a program says; `None` where it is not there, fails, or takes too long.
async fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await.ok()?.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// NetworkManager's word, `u 4`: 1 yes, 2 no, 3 and 4 the same as a guess.
fn metered(said: &str) -> Option<bool> {
    match said.trim().strip_prefix("u ")? {
        "1" | "3" => Some(true),
        "2" | "4" => Some(false),
        _ => None,
    }
}

/// Whether one of logind's sessions is a person's, in front of an unlocked screen, and not idle.
/// The sessions are parted by empty lines.
fn sessions_are_used(shown: &str) -> bool {
    shown.split("\n\n").any(|session| {
        let says = |field: &str| session.lines().find_map(|line| line.trim().strip_prefix(field)?.strip_prefix('='));
        // Newer ones call some of theirs `user-early` and the like; what runs by itself is no `user`.
        let person = says("Class").is_some_and(|class| class == "user" || class.starts_with("user-"));
        // One that is `online` is signed in on another screen, and nobody sees it.
        let seen = says("State") == Some("active");
        person && seen && says("IdleHint") != Some("yes") && says("LockedHint") != Some("yes")
    })
}

/// Whether somebody has typed into a terminal lately: reading one marks when it was read.
fn typed(devices: &Path, now: SystemTime) -> bool {
    let terminals = std::fs::read_dir(devices.join("pts")).into_iter().flatten().flatten();
    let consoles = std::fs::read_dir(devices).into_iter().flatten().flatten();
    let consoles = consoles.filter(|entry| {
        let name = entry.file_name();
        name.to_str().and_then(|name| name.strip_prefix("tty")).is_some_and(|rest| rest.parse::<u8>().is_ok())
    });
    let read = |entry: std::fs::DirEntry| entry.metadata().and_then(|about| about.accessed()).ok();
    let numbered = |entry: &std::fs::DirEntry| entry.file_name() != "ptmx";
    // One of the future was read under another clock.
    let lately = |at: SystemTime| now.duration_since(at).is_ok_and(|ago| ago < AWAY);
    terminals.filter(numbered).chain(consoles).filter_map(read).any(lately)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_metered_where_the_manager_says_so() {
        for (said, expected) in [
            ("u 0\n", None),
            ("u 1\n", Some(true)),
            ("u 2\n", Some(false)),
            ("u 3\n", Some(true)),
            ("u 4\n", Some(false)),
            ("u 5\n", None),
            ("", None),
            ("b true\n", None),
            ("Failed to get property", None),
        ] {
            assert_eq!(metered(said), expected, "{said:?}");
        }
    }

    #[test]
    fn a_pc_is_used_where_somebody_sits_before_an_open_screen() {
        let session = |class: &str, state: &str, idle: &str, locked: &str| {
            format!("Class={class}\nState={state}\nIdleHint={idle}\nLockedHint={locked}\n")
        };
        let works = session("user", "active", "no", "no");
        for (shown, expected) in [
            (String::new(), false),
            (works.clone(), true),
            // As older ones say it, which know of no locks.
            ("IdleHint=no\nClass=user\nState=active\n".into(), true),
            (session("user", "active", "yes", "no"), false),
            (session("user", "active", "no", "yes"), false),
            (session("user", "online", "no", "no"), false),
            (session("user", "closing", "no", "no"), false),
            (session("greeter", "active", "no", "no"), false),
            (session("background", "active", "no", "no"), false),
            (session("manager", "active", "no", "no"), false),
            (session("user-light", "active", "no", "no"), true),
            (format!("{}\n{works}", session("greeter", "online", "no", "no")), true),
            (format!("{}\n{}", session("user", "active", "yes", "no"), session("user", "active", "no", "yes")), false),
            ("\u{fffd}Class\nnonsense".into(), false),
        ] {
            assert_eq!(sessions_are_used(&shown), expected, "{shown}");
        }
    }

    #[test]
    fn a_terminal_tells_when_it_was_typed_into() {
        use std::fs::{File, FileTimes};
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        for (name, minutes, expected) in [
            ("pts/3", 9, true),
            ("pts/3", 11, false),
            ("tty2", 1, true),
            ("tty2", 60, false),
            // Not terminals that people sit at.
            ("ttyS0", 1, false),
            ("tty", 1, false),
            ("pts/ptmx", 1, false),
        ] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::create_dir(folder.path().join("pts")).unwrap();
            let file = File::create(folder.path().join(name)).unwrap();
            file.set_times(FileTimes::new().set_accessed(now - Duration::from_secs(minutes * 60))).unwrap();
            assert_eq!(typed(folder.path(), now), expected, "{name} {minutes}");
        }
        assert!(!typed(Path::new("/nowhere"), now));
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_or_fails_says_nothing() {
        assert_eq!(said("keepwatch-no-such-program", &[]).await, None);
        assert_eq!(said("false", &[]).await, None);
        assert_eq!(said("echo", &["u 1"]).await.as_deref(), Some("u 1\n"));
    }
}
