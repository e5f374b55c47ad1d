//! `keepwatch-agent quarantine`: what an administrator does with this PC's quarantine at the PC,
//! without the network. The running agent tells the controller what is there, and so what is not.

use crate::config::{Config, ConfigError, StateDir};
use crate::quarantine::{Held, Vault, VaultError};
use crate::work::{Done, Undone, done};
use chrono::{DateTime, Utc};
use clap::Subcommand;
use keepwatch_proto::ids::ItemId;
use keepwatch_proto::paths::{self, harmless, harmless_json};
use keepwatch_proto::quarantine::{Item, QuarantineSpec};
use serde::Serialize;
use std::ffi::OsString;
use std::io::{self, Write};

/// What is done.
#[derive(Subcommand)]
pub(crate) enum Action {
    /// Show what is put away on this PC (the default)
    List,
    /// Bring a file back to where it was, below the folders that agent.toml allows
    Restore {
        /// Its id
        id: ItemId,
        /// To this file, or into this folder
        #[arg(long, value_name = "PATH")]
        to: Option<OsString>,
    },
    /// Destroy one
    Delete {
        /// Its id
        id: ItemId,
    },
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QuarantineError {
    /// The PC's own file cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The vault, or where it is to go.
    #[error(transparent)]
    Undone(#[from] Undone),
    /// Not for whoever asks.
    #[error("the quarantine {0} cannot be read: {1}; run this as the user that the agent runs as")]
    Closed(String, io::Error),
    /// The terminal, or the pipe.
    #[error("the list cannot be written: {0}")]
    Output(#[from] io::Error),
}

/// Does it.
pub(crate) fn quarantine(state: &StateDir, action: &Action, json: bool) -> Result<(), QuarantineError> {
    let config = Config::load(state)?;
    let folder = state.quarantine();
    match std::fs::read_dir(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(QuarantineError::Closed(paths::of_path(&folder), error));
        }
        _ => {}
    }
    // Whoever sits at the PC may empty it, also where nothing may be put into it.
    let vault = Vault::new(folder, config.quarantine.most().unwrap_or(0), state.own());
    let spec = match action {
        Action::List => return list(&vault, json),
        Action::Restore { id, to } => {
            let to = to.as_ref().map(std::path::absolute).transpose().map_err(QuarantineError::Output)?;
            QuarantineSpec::restore(*id, to.map(|to| paths::of_path(&to)).unwrap_or_default())
        }
        Action::Delete { id } => QuarantineSpec::delete(*id),
    };
    match done(&vault, &spec, &config.roots(state), true)? {
        Done::Changed(changed, _) if !changed.target.is_empty() => {
            eprintln!("it is back: {}", harmless(&changed.target));
        }
        _ => eprintln!("it is gone for good"),
    }
    Ok(())
}

/// One of which only the name of its file is known.
#[derive(Serialize)]
struct Unreadable {
    id: ItemId,
    unreadable: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Listed {
    Item(Item),
    Unreadable(Unreadable),
}

fn list(vault: &Vault, json: bool) -> Result<(), QuarantineError> {
    let Held { items, unreadable } = vault.list().map_err(Undone::from)?;
    Ok(show(items.into_iter().map(|header| header.item).collect(), unreadable, json)?)
}

fn show(items: Vec<Item>, unreadable: Vec<(ItemId, VaultError)>, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        let unreadable =
            unreadable.into_iter().map(|(id, why)| Listed::Unreadable(Unreadable { id, unreadable: why.to_string() }));
        let all: Vec<Listed> = items.into_iter().map(Listed::Item).chain(unreadable).collect();
        return writeln!(out, "{}", harmless_json(&serde_json::to_string_pretty(&all)?));
    }
    if items.is_empty() && unreadable.is_empty() {
        return writeln!(out, "nothing is put away on this PC");
    }
    let when = |at: &DateTime<Utc>| at.format("%F %H:%M UTC").to_string();
    for Item { id, path, size, rules, at, .. } in &items {
        let rules = if rules.is_empty() { "by name".into() } else { rules.join(",") };
        writeln!(out, "{id}  {}  {size:>12}  {}  {}", when(at), harmless(&rules), harmless(path))?;
    }
    for (id, why) in &unreadable {
        writeln!(out, "{id}  cannot be read: {}", harmless(&why.to_string()))?;
    }
    Ok(())
}
