//! What is done at the controller's own machine for the day on which it is lost: the offline
//! recovery key, a copy of the data folder, taking in repositories that outlived a controller.

use super::{assemble, read_file};
use crate::app::App;
use crate::app::adoption::{Adopted, Kit, read_kits};
use crate::app::recovery_key::Resealed;
use crate::config::DataFolder;
use crate::keys::ca::Ca;
use crate::keys::escrow::{self, Escrow};
use crate::keys::write_secret;
use crate::store::Store;
use crate::{AdoptOptions, CopyOptions, DataOptions, RecoveryKeyAction};
use anyhow::{Context, bail, ensure};
use keepwatch_proto::clock::Clock;
use keepwatch_proto::paths::harmless;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The use cases, over a data folder that a controller may be serving from meanwhile.
async fn at(options: &DataOptions) -> anyhow::Result<App> {
    let clock = Clock::from_environment();
    let (folder, config) = DataFolder::open(&options.data)?;
    let database = options.database.clone().or_else(|| config.database.clone());
    let database = database.unwrap_or_else(|| Store::embedded_url(folder.path()));
    let ca = Ca::open(&folder.keys(), &clock)?;
    assemble(&folder, &config, String::new(), &database, ca, clock).await
}

/// Sets, shows, removes or uses the offline recovery key.
pub async fn recovery_key(action: RecoveryKeyAction) -> anyhow::Result<String> {
    match action {
        RecoveryKeyAction::Set { at: options, key } => {
            // A file's name is no key, and a key is no file's name.
            let text =
                if key.starts_with("age1") || !Path::new(&key).exists() { key } else { read_file(key.as_ref())? };
            let recovery = escrow::recipient(&text)?;
            let app = at(&options).await?;
            let resealed = app.set_recovery_key(Some(&recovery)).await?;
            app.keep_recovery_kits(true).await?;
            app.store.close().await;
            told(
                &resealed,
                &format!(
                    "The offline recovery key is {recovery}. Each host's kit, sealed to it, lies beside the\n\
                 repositories from now on, in the folder recovery-kits.\n\
                 Keep its secret half off this machine, and try it: 'keepwatch recovery-kit --all --sealed -o FILE',\n\
                 then 'keepwatch-controller recovery-key open FILE --identity SECRET-HALF'.\n"
                ),
            )
        }
        RecoveryKeyAction::Remove { at: options } => {
            let app = at(&options).await?;
            ensure!(!matches!(app.escrow.recovery(), Ok(None)), "no offline recovery key is set");
            let resealed = app.set_recovery_key(None).await?;
            app.drop_recovery_kits().await?;
            app.store.close().await;
            told(&resealed, "No offline recovery key is set any more. What was sealed to it before it still opens.\n")
        }
        RecoveryKeyAction::Show { data } => {
            let (folder, _) = DataFolder::open(&data)?;
            Ok(match Escrow::open(&folder.keys())?.recovery()? {
                Some(recovery) => format!("{recovery}\n"),
                None => "no offline recovery key is set; set one with 'keepwatch-controller recovery-key set'\n".into(),
            })
        }
        RecoveryKeyAction::Open { file, identity, to } => {
            let plain = opened(&file, &identity)?;
            match to {
                None => Ok(plain),
                Some(to) => {
                    ensure!(!to.exists(), "{} exists already; choose a new file", to.display());
                    write_secret(&to, plain.as_bytes())?;
                    Ok(format!("What was sealed is in {}.\n", to.display()))
                }
            }
        }
    }
}

fn told(resealed: &Resealed, done: &str) -> anyhow::Result<String> {
    let mut text = format!("{done}The passwords of {} hosts are sealed anew.\n", resealed.hosts);
    if resealed.failed.is_empty() {
        return Ok(text);
    }
    for (name, why) in &resealed.failed {
        let _ = writeln!(text, "  {}: {why}", harmless(name));
    }
    bail!("{text}Those of {} hosts could not be opened, and are as they were.", resealed.failed.len())
}

fn opened(file: &Path, identity: &Path) -> anyhow::Result<String> {
    let sealed = std::fs::read(file).with_context(|| file.display().to_string())?;
    Ok(escrow::open_with(&escrow::identity(&read_file(identity)?)?, &sealed)?)
}

/// Copies what the data folder holds but the repositories, also while a controller serves.
pub async fn copy(options: CopyOptions) -> anyhow::Result<String> {
    let (from, config) = DataFolder::open(&options.at.data)?;
    let to = DataFolder::create(&options.to)?;
    let database = options.at.database.or_else(|| config.database.clone());
    // First: what the folders get meanwhile is more than the database knows of, not less.
    let next = match &database {
        None => {
            let store = Store::open(&Store::embedded_url(from.path())).await?;
            store.copy_to(&Store::file(to.path())).await?;
            store.close().await;
            // SQLite leaves that to whoever wants it.
            std::fs::File::open(Store::file(to.path()))?.sync_all()?;
            ""
        }
        Some(_) => "The database is PostgreSQL's: copy it with pg_dump, now.\n",
    };
    for (from, to) in [(from.keys(), to.keys()), (from.signatures(), to.signatures())] {
        copy_folder(&from, &to).with_context(|| from.display().to_string())?;
    }
    to.finish(&config, &options.to)?;
    let (to, repositories) = (options.to.display(), config.repositories.clone());
    let repositories = repositories.unwrap_or_else(|| from.repositories());
    Ok(format!(
        "{to} holds the keys, the settings, the signed bundles and the database. It opens all backups: keep it as\n\
         you would keep a master key. The repositories are not in it; they are in {}.\n{next}",
        repositories.display()
    ))
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to)?;
        } else {
            // With its permissions.
            std::fs::copy(entry.path(), &to)?;
            std::fs::File::open(&to)?.sync_all()?;
        }
    }
    std::fs::File::open(to)?.sync_all()
}

/// The file, or all that are in the folder.
fn kits_in(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.into()]);
    }
    let mut files = std::fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    files.retain(|file| file.is_file());
    files.sort();
    Ok(files)
}

/// Takes in repositories with their recovery kits.
pub async fn adopt(options: AdoptOptions) -> anyhow::Result<String> {
    let (mut kits, mut text, mut failed) = (Vec::new(), String::new(), 0);
    for file in kits_in(&options.kit).with_context(|| options.kit.display().to_string())? {
        match kits_of(&file, options.identity.as_deref()) {
            Ok(found) => kits.extend(found),
            // The others do not wait for it.
            Err(error) => {
                failed += 1;
                let _ = writeln!(text, "{}: NOT read: {error:#}", file.display());
            }
        }
    }
    let app = at(&options.at).await?;
    let adopted = app.adopt(kits).await?;
    app.keep_recovery_kits(true).await?;
    app.store.close().await;
    for Adopted { name, id, outcome } in adopted {
        let said = match outcome {
            Ok(count) => format!("taken in, with {count} snapshots"),
            Err(why) => {
                failed += 1;
                format!("NOT taken in: {why}")
            }
        };
        let _ = writeln!(text, "{} ({id}): {said}", harmless(&name));
    }
    ensure!(failed == 0, "{text}{failed} were not taken in; the others are");
    text.push_str("Their hosts are cut off; restore to others with 'keepwatch restore HOST latest --to-host OTHER'.\n");
    Ok(text)
}

fn kits_of(file: &Path, identity: Option<&Path>) -> anyhow::Result<Vec<Kit>> {
    let text = match identity {
        Some(identity) => opened(file, identity)?,
        None => read_file(file)?,
    };
    let sealed = identity.is_none() && text.contains("BEGIN AGE ENCRYPTED FILE");
    ensure!(!sealed, "it is sealed; give the recovery key's secret half with --identity");
    Ok(read_kits(&text)?)
}
