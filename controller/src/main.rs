//! `keepwatch-controller`: the server that plans, stores and shows.

mod app;
mod catalog;
mod config;
mod door;
mod hub;
mod keys;
mod maintain;
mod metrics;
mod plan;
mod repository;
mod rpc;
mod run;
mod staff;
mod store;
mod tasks;
mod web;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use tracing_subscriber::EnvFilter;

/// The controller of a Keepwatch fleet.
#[derive(Parser)]
#[command(version, about)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a data folder: CA, keys, database, and the first administrator
    Init(InitOptions),
    /// Serve agents and staff from a data folder
    Serve(ServeOptions),
    /// Work on a repository: the controller calls it, nobody else
    #[command(hide = true)]
    Maintain,
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

fn main() -> std::process::ExitCode {
    let filter = EnvFilter::try_from_env("KEEPWATCH_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let done = match Options::parse().command {
        Command::Init(options) => in_runtime(run::init(options)).map(|told| say(&told)),
        Command::Serve(options) => in_runtime(run::serve(options)),
        // The engine blocks, and wants no runtime around it.
        Command::Maintain => maintain::child(),
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
