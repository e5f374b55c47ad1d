//! The agent that keeps one PC scanned and backed up. Idle it holds a stream, a ledger and
//! a clock; whatever is heavy happens in a child process of this same binary. It dials out
//! and never listens, and it does nothing that the PC's own `agent.toml` does not allow.
//!
//! ```text
//! link <-> ledger <-> jobs -> worker ~> work/{scan,backup,restore}
//!               ^--- signatures -> worker ~> work/bundle
//! ```

mod at_work;
mod canaries;
mod claim;
mod config;
mod enroll;
mod identity;
mod jobs;
mod ledger;
mod link;
mod media;
mod one_read;
mod places;
mod platform;
mod quarantine;
mod run;
mod signatures;
pub mod simulated;
mod standalone;
mod status;
mod work;
mod worker;

use crate::config::StateDir;
use clap::{Args, Parser, Subcommand, ValueEnum};
use keepwatch_proto::clock::Clock;
use keepwatch_proto::paths::harmless;
use keepwatch_proto::token::Token;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// What a service logs unless `KEEPWATCH_LOG` says otherwise: libraries only when they warn.
const SERVICE_LOG: &str = "warn,keepwatch_agent=info,keepwatch_scan=info,keepwatch_backup=info";

/// Keeps this PC scanned and backed up.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    /// How the log on standard error is written.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, env = "KEEPWATCH_LOG_FORMAT")]
    log: LogFormat,
    #[command(subcommand)]
    command: Command,
}

/// How a log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// For programs: one JSON object a line.
    Json,
}

#[derive(Subcommand)]
enum Command {
    /// Make this PC a host of a controller.
    Enroll {
        /// The controller's agent door, https://NAME:PORT.
        #[arg(long)]
        controller: String,
        /// What 'keepwatch tokens create' printed.
        #[arg(long)]
        token: Token,
        /// Enrol anew, as another host, though this PC is enrolled.
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        state: State,
    },
    /// Run the agent.
    Run {
        #[command(flatten)]
        state: State,
    },
    /// Say how this PC's agent is doing.
    Status {
        #[command(flatten)]
        state: State,
        /// How to show it.
        #[arg(long, value_enum, default_value_t = Output::Table)]
        output: Output,
    },
    /// Scan files and folders now, without a controller. Ends with 0: clean, 1: something was
    /// found, 2: not everything could be inspected.
    Scan(standalone::ScanArgs),
    /// Back up into a repository in a folder, without a controller; with rules, what is read is
    /// scanned by the same read. Prints the snapshot's id. Ends with 3 when some files are not
    /// in the snapshot, with 4 when all are and something was found or not inspected.
    Backup(standalone::BackupArgs),
    /// Restore from a repository in a folder, without a controller. Paths come to lie below
    /// the target as they are in the snapshot.
    Restore(standalone::RestoreArgs),
    /// What is put away on this PC; bring it back or destroy it, without the network.
    Quarantine {
        #[command(subcommand)]
        action: Option<standalone::QuarantineAction>,
        #[command(flatten)]
        state: State,
        /// How to show it.
        #[arg(long, value_enum, default_value_t = Output::Table, global = true)]
        output: Output,
    },
    /// One piece of work, ordered on stdin by the agent.
    #[command(hide = true)]
    Worker,
    /// Run as a service of the system (Windows).
    #[command(hide = true)]
    Service,
}

#[derive(Args)]
struct State {
    /// Folder with the agent's state.
    #[arg(long, value_name = "DIR", global = true)]
    state: Option<PathBuf>,
}

/// How to show something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// The agent's command line: what `keepwatch-agent` does.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    // One crypto provider for everything that speaks TLS.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let service = matches!(cli.command, Command::Run { .. } | Command::Service | Command::Worker);
    // What a worker says is put into the agent's own log, line by line.
    let format = if matches!(cli.command, Command::Worker) { LogFormat::Text } else { cli.log };
    log(if service { SERVICE_LOG } else { "error" }, format);
    // A scan that did not come about has inspected nothing; 1 would mean that it found something.
    let failure = if matches!(cli.command, Command::Scan(_)) { ExitCode::from(2) } else { ExitCode::FAILURE };
    obey(cli.command).unwrap_or_else(|error| {
        // It may name files.
        eprintln!("keepwatch-agent: {}", harmless(&format!("{error:#}")));
        failure
    })
}

fn log(level: &str, format: LogFormat) {
    let filter = EnvFilter::try_from_env("KEEPWATCH_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().init(),
    }
}

fn obey(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Enroll { controller, token, force, state } => {
            let state = StateDir::new(state.state);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let clock = Clock::from_environment();
            let identity = runtime.block_on(enroll::enroll(&state, &controller, &token, force, &clock))?;
            eprintln!("this PC is now host {}; start its agent with 'keepwatch-agent run'", identity.host);
        }
        Command::Run { state } => run::run(&StateDir::new(state.state), CancellationToken::new())?,
        Command::Status { state, output } => status::show(&StateDir::new(state.state), output == Output::Json)?,
        Command::Scan(args) => return Ok(standalone::scan(args)?),
        Command::Backup(args) => return Ok(standalone::backup(args)?),
        Command::Restore(args) => return Ok(standalone::restore(args)?),
        Command::Quarantine { action, state, output } => {
            let action = action.unwrap_or(standalone::QuarantineAction::List);
            standalone::quarantine(&StateDir::new(state.state), &action, output == Output::Json)?;
        }
        Command::Worker => work::run()?,
        Command::Service => platform::serve(|stop| run::run(&StateDir::new(None), stop))?,
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
