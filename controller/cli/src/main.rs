//! `keepwatch`, the staff's command line: a gRPC client of the controller's staff door and
//! nothing more. It decides nothing; it asks, and shows what it is told.

mod ask;
mod commands;
mod connect;
mod context;
mod failure;
mod help;
mod i18n;
mod output;
mod platform;
mod progress;
mod rules;
mod run;
#[cfg(test)]
mod scripted;
mod session;
mod show;
#[cfg(test)]
mod sources;
mod trust;
mod watch;

fn main() -> std::process::ExitCode {
    run::run(&std::env::args_os().collect::<Vec<_>>())
}
