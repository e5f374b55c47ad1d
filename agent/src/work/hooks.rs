//! Commands of the PC's own administrator before and after a backup, such as a database's
//! dump. They stand in agent.toml and nowhere else: the controller cannot name one.

use crate::worker::Hooks;
use keepwatch_proto::job::{Ended, JobState};
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Of what a command complains, as much is passed on.
const COMPLAINT: usize = 1024;
/// For so long it may still be complaining when it has ended.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How often is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(100);

/// Backs up between the two; where the first fails there is no backup, and the second comes
/// whatever became of it, unless this process is killed.
pub(super) fn around(hooks: &Hooks, back_up: impl FnOnce() -> Ended) -> Ended {
    let patience = Duration::from_secs(hooks.seconds);
    let ended = match run(&hooks.before, "", patience) {
        Ok(()) => back_up(),
        Err(why) => Ended::failed(format!("the command before the backup ('before' in agent.toml) {why}")),
    };
    after(hooks, ended)
}

/// The end of a backup after the second command.
pub(super) fn after(hooks: &Hooks, mut ended: Ended) -> Ended {
    if let Err(why) = run(&hooks.after, ended.outcome.word(), Duration::from_secs(hooks.seconds)) {
        let why = format!("the command after the backup ('after' in agent.toml) {why}");
        ended.message = if ended.message.is_empty() { why } else { format!("{}; {why}", ended.message) };
        if ended.outcome == JobState::Succeeded {
            ended.outcome = JobState::Partial;
        }
    }
    ended
}

/// Runs a command, if there is one, to its end or the end of patience.
fn run(command: &[String], outcome: &str, patience: Duration) -> Result<(), String> {
    let Some((program, arguments)) = command.split_first() else { return Ok(()) };
    let mut child = Command::new(program)
        .args(arguments)
        .env("KEEPWATCH_OUTCOME", outcome)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("cannot be started: {program}: {e}"))?;
    let complaints = child.stderr.take().map(|mut stderr| {
        let (say, said) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = (&mut stderr).take(COMPLAINT as u64).read_to_end(&mut text);
            let _ = say.send(String::from_utf8_lossy(&text).trim().to_owned());
            // What is more is read, so that it need not wait, and dropped.
            let _ = std::io::copy(&mut stderr, &mut std::io::sink());
        });
        said
    });
    match wait(&mut child, patience) {
        Ok(Some(status)) if status.success() => Ok(()),
        Ok(Some(status)) => {
            // A child of its own may hold the pipe open for as long as it likes.
            let said = complaints.and_then(|said| said.recv_timeout(LAST_WORDS).ok()).unwrap_or_default();
            Err(if said.is_empty() { format!("ended with {status}") } else { format!("ended with {status}: {said}") })
        }
        Ok(None) => Err(format!("did not end within {} seconds and was killed", patience.as_secs())),
        Err(error) => Err(format!("cannot be followed: {error}")),
    }
}

fn wait(child: &mut Child, patience: Duration) -> std::io::Result<Option<std::process::ExitStatus>> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if begun.elapsed() > patience {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(LOOK);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn hooks(before: &str, after: &str) -> Hooks {
        let command = |line: &str| match line {
            "" => vec![],
            line => ["/bin/sh", "-c", line].map(str::to_owned).to_vec(),
        };
        Hooks { before: command(before), after: command(after), seconds: 30 }
    }

    fn good() -> Ended {
        Ended { outcome: JobState::Succeeded, ..Ended::failed("") }
    }

    #[test]
    fn without_commands_a_backup_is_just_that() {
        assert_eq!(around(&hooks("", ""), good), good());
    }

    #[test]
    fn one_comes_before_and_one_after_and_hears_what_became_of_it() {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        let log = folder.path().join("log");
        let say = |what: &str| format!("echo {what} >> '{}'", log.display());
        let ended = around(&hooks(&say("before"), &say("$KEEPWATCH_OUTCOME")), || {
            assert_eq!(std::fs::read_to_string(&log).ok().as_deref(), Some("before\n"));
            good()
        });
        assert_eq!(ended, good());
        assert_eq!(std::fs::read_to_string(&log).ok().as_deref(), Some("before\nsucceeded\n"));
    }

    #[test]
    fn where_the_first_fails_there_is_no_backup_and_where_the_second_does_it_is_said() {
        let ended = around(&hooks("echo the database is locked >&2; exit 3", ""), || panic!("backed up"));
        assert_eq!(ended.outcome, JobState::Failed);
        assert!(ended.message.ends_with("ended with exit status: 3: the database is locked"), "{}", ended.message);
        let ended = around(&hooks("", "exit 1"), good);
        assert_eq!((ended.outcome, ended.message.contains("after the backup")), (JobState::Partial, true));
        let missing = Hooks { before: vec!["/no/such/program".into()], ..hooks("", "") };
        assert!(around(&missing, good).message.contains("cannot be started: /no/such/program"));
        let endless = Hooks { seconds: 0, ..hooks("sleep 600", "") };
        assert!(around(&endless, good).message.contains("was killed"));
    }
}
