//! `keepwatch-controller`: the server that plans, stores and shows.

mod app;
mod catalog;
mod child;
mod config;
mod door;
mod handout;
mod hub;
mod keys;
mod maintain;
mod metrics;
mod plan;
mod print;
mod repository;
mod rpc;
mod run;
mod staff;
mod store;
mod tasks;
mod trace;
mod web;

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use tracing_subscriber::EnvFilter;

/// The controller of a Keepwatch fleet.
#[derive(Parser)]
#[command(version, about)]
struct Options {
    /// How the log on standard error is written
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, env = "KEEPWATCH_LOG_FORMAT")]
    log: LogFormat,
    #[command(subcommand)]
    command: Command,
}

/// How a log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// For people
    Text,
    /// For programs: one JSON object a line
    Json,
}

#[derive(Subcommand)]
enum Command {
    /// Make a data folder: CA, keys, database, and the first administrator
    Init(InitOptions),
    /// Serve agents and staff from a data folder
    Serve(ServeOptions),
    /// The offline key that opens every repository when this controller is gone
    RecoveryKey {
        #[command(subcommand)]
        action: RecoveryKeyAction,
    },
    /// Copy a data folder, without the repositories, also while a controller serves from it
    Copy(CopyOptions),
    /// Take in repositories that outlived their controller, with their recovery kits
    Adopt(AdoptOptions),
    /// Work on a repository: the controller calls it, nobody else
    #[command(hide = true)]
    Maintain,
    /// Hand something out of a repository: the controller calls it, nobody else
    #[command(hide = true)]
    Handout,
}

#[derive(Args)]
struct InitOptions {
    /// Folder to make; everything that the controller knows will be in it
    #[arg(long)]
    data: PathBuf,
    /// A DNS name or address that agents and staff will reach this controller by
    #[arg(long)]
    name: Vec<String>,
    /// Use this database instead of the embedded one: postgres://USER@HOST/NAME
    #[arg(long, env = "KEEPWATCH_DATABASE", hide_env_values = true)]
    database: Option<String>,
    /// Keep the hosts' repositories there instead of in the data folder: file:///FOLDER
    #[arg(long)]
    repositories: Option<String>,
    /// Public half of an offline recovery key (age1…): repository passwords are escrowed to it too
    #[arg(long)]
    recovery_key: Option<String>,
}

#[derive(Args)]
struct ServeOptions {
    /// The folder that 'init' made
    #[arg(long)]
    data: PathBuf,
    /// Address of the agent door [default: controller.toml's, 0.0.0.0:7443]
    #[arg(long)]
    agents: Option<String>,
    /// Address of the staff door [default: controller.toml's, 0.0.0.0:8443]
    #[arg(long)]
    staff: Option<String>,
    /// Show metrics for Prometheus at http://ADDR/metrics, without encryption and to anybody who
    /// reaches it: an address of this machine only, such as 127.0.0.1:9469
    #[arg(long, value_name = "ADDR")]
    metrics: Option<String>,
    /// Use this database [default: the one that 'init' was given, or the embedded one]
    #[arg(long, env = "KEEPWATCH_DATABASE", hide_env_values = true)]
    database: Option<String>,
    /// Keep the hosts' repositories there: file:///FOLDER [default: as 'init' was told]
    #[arg(long)]
    repositories: Option<String>,
}

#[derive(Args)]
struct DataOptions {
    /// The folder that 'init' made
    #[arg(long)]
    data: PathBuf,
    /// Use this database [default: the one that 'init' was given, or the embedded one]
    #[arg(long, env = "KEEPWATCH_DATABASE", hide_env_values = true)]
    database: Option<String>,
}

#[derive(Subcommand)]
enum RecoveryKeyAction {
    /// Seal all hosts' passwords to this key too, those that are there and those to come
    Set {
        #[command(flatten)]
        at: DataOptions,
        /// The public half (age1…), or a file that holds it; 'age-keygen' makes one on another machine
        key: String,
    },
    /// Print the public half of the one that is set
    Show {
        /// The folder that 'init' made
        #[arg(long)]
        data: PathBuf,
    },
    /// Seal all hosts' passwords to the controller's own key only
    Remove {
        #[command(flatten)]
        at: DataOptions,
    },
    /// Print what 'keepwatch recovery-kit --sealed' wrote; needs no controller
    Open {
        /// What is sealed
        file: PathBuf,
        /// File with the secret half, as 'age-keygen' wrote it
        #[arg(long, value_name = "FILE")]
        identity: PathBuf,
        /// Write it to a new file that only its owner can read
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
}

#[derive(Args)]
struct CopyOptions {
    #[command(flatten)]
    at: DataOptions,
    /// Folder to make
    #[arg(long)]
    to: PathBuf,
}

#[derive(Args)]
struct AdoptOptions {
    #[command(flatten)]
    at: DataOptions,
    /// One or more kits, as 'keepwatch recovery-kit' wrote them, or the folder 'recovery-kits'
    /// beside the repositories
    #[arg(long, value_name = "FILE")]
    kit: PathBuf,
    /// Where it is sealed: file with the recovery key's secret half
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
}

fn main() -> std::process::ExitCode {
    let filter = EnvFilter::try_from_env("KEEPWATCH_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let options = Options::parse();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match options.log {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    let done = match options.command {
        Command::Init(options) => in_runtime(run::init(options)).map(|told| say(&told)),
        Command::Serve(options) => in_runtime(run::serve(options)),
        Command::RecoveryKey { action } => in_runtime(run::recovery::recovery_key(action)).map(|told| say(&told)),
        Command::Copy(options) => in_runtime(run::recovery::copy(options)).map(|told| say(&told)),
        Command::Adopt(options) => in_runtime(run::recovery::adopt(options)).map(|told| say(&told)),
        // The engine blocks, and wants no runtime around it.
        Command::Maintain => maintain::child(),
        Command::Handout => handout::child(),
    };
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            std::process::ExitCode::FAILURE
        }
    }
}

fn in_runtime<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

#[allow(clippy::print_stdout)]
fn say(text: &str) {
    print!("{text}");
}

fn complain(error: &anyhow::Error) {
    eprintln!("keepwatch-controller: {error:#}");
}
