//! From the command line to an exit code.

use crate::commands::Command;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::help;
use crate::i18n::Language;
use crate::output::{Format, Output};
use crate::session::Profiles;
use clap::{FromArgMatches, Parser};
use std::ffi::OsString;
use std::process::ExitCode;

/// Overrides the profile's session, for scripts.
const TOKEN: &str = "KEEPWATCH_TOKEN";
/// What a shell reports for a program that was interrupted.
const INTERRUPTED: u8 = 130;

/// Heading of the options that every command takes.
const EVERYWHERE: &str = "Everywhere";

const EXIT_CODES: &str = "\
Exit codes:
  0  done; a watched job succeeded
  1  an error; it says what to do next
  2  the command line is wrong
  3  a watched job ended partial: something it should have done was not, and is named
  4  a watched job failed, was cancelled, was not begun in time or was lost sight of

Environment:
  KEEPWATCH_PROFILE  the profile to use, as --profile
  KEEPWATCH_TOKEN    a session that is used instead of the profile's, for scripts
  KEEPWATCH_LANG     en or zh-CN, as --lang
  KEEPWATCH_YES      true: as --yes, for scripts";

/// Staff's command line for Keepwatch: hosts, scans, backups, restores.
#[derive(Debug, Parser)]
#[command(name = "keepwatch", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub(crate) struct Arguments {
    /// Which controller and user to be; made by 'keepwatch login'
    #[arg(long, global = true, env = "KEEPWATCH_PROFILE", default_value = "default", value_name = "NAME", help_heading = EVERYWHERE)]
    profile: String,
    /// How results are written: json has RFC 3339 times, bytes and a shape that stays
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT", help_heading = EVERYWHERE)]
    output: Format,
    /// Do what is broad or for good without asking first
    #[arg(long, global = true, env = "KEEPWATCH_YES", help_heading = EVERYWHERE)]
    yes: bool,
    /// Language for people; what programs read has none [default: the environment's, LANG]
    #[arg(long, global = true, value_enum, env = "KEEPWATCH_LANG", value_name = "LANGUAGE", help_heading = EVERYWHERE)]
    lang: Option<Language>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Does what a line asks for and says how that went.
pub(crate) fn run(line: &[OsString]) -> ExitCode {
    let language = help::language(line, |name| std::env::var(name).ok());
    let understood =
        help::command(language).try_get_matches_from(line).and_then(|found| Arguments::from_arg_matches(&found));
    let arguments = match understood {
        Ok(arguments) => arguments,
        Err(error) => return ExitCode::from(help::show(&error, language)),
    };
    let output = Output::new(arguments.output).speaking(language);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.failure(&format!("cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let work = async {
        tokio::select! {
            ended = obey(arguments, &output) => Some(ended),
            // Falling out of here drops the work, and with it what was half written.
            Ok(()) = tokio::signal::ctrl_c() => None,
        }
    };
    let ended = runtime.block_on(work);
    // A prompt may still be waiting for an answer that no one needs now.
    runtime.shutdown_background();
    match ended {
        None => ExitCode::from(INTERRUPTED),
        Some(Ok(outcome)) => ExitCode::from(outcome.exit_code()),
        // The reader, `head` for one, has had enough.
        Some(Err(Failure::Output(error))) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Some(Err(failure)) => {
            output.failed(&failure.to_string(), failure.word(), failure.exit_code());
            ExitCode::from(failure.exit_code())
        }
    }
}

async fn obey(arguments: Arguments, output: &Output) -> Result<Outcome, Failure> {
    let context = Context {
        output: output.clone(),
        profiles: Profiles::of_user()?,
        profile: arguments.profile,
        yes: arguments.yes,
        token: std::env::var(TOKEN).ok().filter(|token| !token.is_empty()),
    };
    arguments.command.run(&context).await
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_scripts_write_is_understood() {
        for line in [
            "login https://controller:8443 --user admin --fingerprint 0000000000000000000000000000000000000000000000000000000000000000 --password-file -",
            "login",
            "hosts",
            "hosts list --output json",
            "hosts list --watch",
            "hosts --lang zh-CN",
            "hosts revoke PC-1 --yes",
            "groups health --watch=30 tax",
            "detections list --watch=5",
            "report --watch",
            "report --period week",
            "report --period 2026-11 --group city/tax --format pdf --language zh-CN -o - --force",
            "completion bash",
            "man",
            "man --to man1",
            "hosts show PC-1",
            "groups create tax --parent city",
            "groups health",
            "groups health tax",
            "groups move tax --to east --dry-run",
            "groups remove tax",
            "groups rules",
            "groups rules add --name FIN-* --network 10.1.0.0/16 --system windows --to city/tax --order 5",
            "groups rules remove 5",
            "groups rules apply --dry-run",
            "hosts move a --unpin",
            "tokens create --group tax --by-rules",
            "groups rename city/tax revenue",
            "groups show city/tax",
            "policies get all",
            "policies effective",
            "policies effective --host pc",
            "policies apply -f policies",
            "policies apply tax -f - --dry-run",
            "policies diff -f policies",
            "policies history all --revision 2",
            "policies simulate tax --days 30",
            "hosts move a b --group tax",
            "policies apply all -f policy.yaml --revision 3",
            "tokens create --uses 5 --ttl 7d --group tax",
            "jobs --host PC-1 --limit 5",
            "jobs list --host PC-1",
            "jobs watch 1",
            "snapshots PC-1",
            "retention plan PC-1 --output json",
            "retention run PC-1",
            "retention thaw PC-1",
            "verify PC-1 --last",
            "repair PC-1",
            "ls PC-1 latest /home --recursive",
            "find PC-1 *.docx",
            "download PC-1 latest /home/a -o -",
            "detections --host PC-1 --all",
            "detections list --all",
            "detections acknowledge 1 --reason harmless",
            "quarantine",
            "quarantine PC-1 --all",
            "quarantine list --group tax --watch=5",
            "quarantine show 1",
            "quarantine add PC-1 /home/li/a.exe --sha256 00 --watch",
            "quarantine restore 1 --to /srv/a --watch",
            "quarantine delete 1 --yes",
            "scan PC-1 /home /srv --watch",
            "scan PC-1 --quick --removable",
            "scan PC-1 --full",
            "backup PC-1",
            "backup PC-1 PC-2 --watch",
            "backup --query no-backup:10d --yes",
            "scan --group tax --quick",
            "jobs list --state failed --kind backup --group tax --since 7d --after 1/2",
            "jobs log 1",
            "jobs slots",
            "jobs cancel 1 2",
            "jobs cancel --group tax --kind scan --yes",
            "jobs pause --host PC-1",
            "restore PC-1 latest --path /a --path /b --to-host PC-2 --target /t --overwrite --dry-run --watch",
            "restore PC-1 latest --path /a --in-place --conflict overwrite-older",
            "signatures import rules --dry-run --skip-broken --source office",
            "signatures sources",
            "signatures remove office",
            "rollouts",
            "rollouts list --limit 5 --watch",
            "rollouts show 7",
            "rollouts halt 7 --reason slow",
            "rollouts resume 7",
            "rollouts now 7 --yes",
            "users create ann --role operator",
            "audit --limit 5",
            "audit --after 1/2 --watch=30",
            "jobs --watch --state open",
            "detections --limit 10 --after 1/2",
            "report --output json --profile other",
            "recovery-kit PC-1 -o kit.txt",
        ] {
            let words = std::iter::once("keepwatch").chain(line.split(' '));
            Arguments::try_parse_from(words).map_err(|e| format!("{line}: {e}")).unwrap();
        }
    }

    #[test]
    fn what_makes_no_sense_is_a_usage_error() {
        for line in [
            "login https://c:1 --ca f --fingerprint 00",
            "login http://c:1",
            "users create ann --role king",
            "tokens create --ttl soon",
            "tokens create --uses 0",
            "detections acknowledge 1",
            "rollouts halt 7",
            "rollouts show newest",
            "rollouts --limit 0",
            "hosts list --watch=0",
            "hosts --lang fr",
            "completion tcsh",
        ] {
            let words = std::iter::once("keepwatch").chain(line.split(' '));
            assert_eq!(Arguments::try_parse_from(words).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
