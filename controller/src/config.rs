//! The data folder: what lies where, and `controller.toml` in it.

use crate::keys::write_secret;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};

const CONFIG: &str = "controller.toml";

/// The folder that `init` makes and `serve` works from.
#[derive(Debug, Clone)]
pub struct DataFolder(PathBuf);

/// What can be wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No data folder.
    #[error("{} holds no Keepwatch data; make it with 'keepwatch-controller init --data {}'", .0.display(), .0.display())]
    NotInitialised(PathBuf),
    /// There is one already.
    #[error("{} already holds Keepwatch data; start it with 'keepwatch-controller serve --data {}'", .0.display(), .0.display())]
    Initialised(PathBuf),
    /// Something else is in it.
    #[error("{path} is not empty; name a folder that is new or empty", path = .0.display())]
    NotEmpty(PathBuf),
    /// Cannot be read or written.
    #[error("{path}: {error}", path = .0.display(), error = .1)]
    File(PathBuf, std::io::Error),
    /// Not what it should say.
    #[error("{path}: {error}", path = .0.display(), error = .1)]
    Syntax(PathBuf, toml::de::Error),
    /// Repositories are somewhere that this version cannot use.
    #[error("'{0}' is no place for repositories; write a folder, as in file:///srv/keepwatch")]
    Repositories(String),
}

/// `controller.toml`.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Names and addresses that agents and staff reach this controller by.
    pub names: Vec<String>,
    /// Address of the agent door.
    #[serde(default = "agents_address")]
    pub agents: String,
    /// Address of the staff door.
    #[serde(default = "staff_address")]
    pub staff: String,
    /// URL of the database, where it is not the embedded one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// Folder of the hosts' repositories, where it is not in the data folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repositories: Option<PathBuf>,
    /// Days from the approval of a repository's deletion to the deletion.
    #[serde(default = "deletion_wait_days")]
    pub deletion_wait_days: NonZeroU16,
    /// How many PCs may back up at once.
    #[serde(default)]
    pub slots: Slots,
}

/// How many PCs may back up at once. A group's policy may allow fewer of its own.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Slots {
    /// In all; 0: as many as like to.
    pub whole: u32,
    /// Into one storage; 0: as many as like to.
    pub storage: u32,
}

impl Default for Slots {
    fn default() -> Self {
        // What one disk array takes in before it is slower for all; a quarter of an hour each, a
        // thousand PCs are through in half a working day.
        Self { whole: 50, storage: 0 }
    }
}

fn deletion_wait_days() -> NonZeroU16 {
    NonZeroU16::MIN.saturating_add(6)
}

fn agents_address() -> String {
    "0.0.0.0:7443".into()
}

fn staff_address() -> String {
    "0.0.0.0:8443".into()
}

impl Config {
    /// For a controller that is reached by these names.
    pub fn new(names: Vec<String>) -> Self {
        Self {
            names,
            agents: agents_address(),
            staff: staff_address(),
            database: None,
            repositories: None,
            deletion_wait_days: deletion_wait_days(),
            slots: Slots::default(),
        }
    }
}

impl DataFolder {
    /// An existing one.
    pub fn open(path: &Path) -> Result<(Self, Config), ConfigError> {
        let folder = Self(path.into());
        let file = folder.config();
        if !file.exists() {
            return Err(ConfigError::NotInitialised(path.into()));
        }
        let text = std::fs::read_to_string(&file).map_err(|e| ConfigError::File(file.clone(), e))?;
        let config = toml::from_str(&text).map_err(|e| ConfigError::Syntax(file, e))?;
        Ok((folder, config))
    }

    /// A new one, in the making beside where it will be: [`DataFolder::finish`] moves it
    /// there. What an interrupted attempt left is begun anew.
    pub fn create(path: &Path) -> Result<Self, ConfigError> {
        if path.join(CONFIG).exists() {
            return Err(ConfigError::Initialised(path.into()));
        }
        if std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(ConfigError::NotEmpty(path.into()));
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".making");
        let folder = Self(path.with_file_name(name));
        let at = |path: &Path| {
            let path = path.to_owned();
            move |e| ConfigError::File(path, e)
        };
        match std::fs::remove_dir_all(&folder.0) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(ConfigError::File(folder.0, e)),
            _ => {}
        }
        for made in [folder.0.clone(), folder.repositories(), folder.signatures(), folder.keys()] {
            std::fs::create_dir_all(&made).map_err(at(&made))?;
        }
        platform::owner_only(&folder.0).map_err(at(&folder.0))?;
        Ok(folder)
    }

    /// Everything is in place: from now on it is one.
    pub fn finish(self, config: &Config, path: &Path) -> Result<(), ConfigError> {
        let file = self.config();
        let text = toml::to_string(config).unwrap_or_default();
        // It may hold a database's password.
        write_secret(&file, text.as_bytes()).map_err(|e| ConfigError::File(file, std::io::Error::other(e)))?;
        let moved = match std::fs::remove_dir(path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
            _ => std::fs::rename(&self.0, path),
        };
        moved.map_err(|e| ConfigError::File(path.into(), e))
    }

    fn config(&self) -> PathBuf {
        self.0.join(CONFIG)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Secrets.
    pub fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }

    /// Signed bundles, as agents fetch them.
    pub fn signatures(&self) -> PathBuf {
        self.0.join("signatures")
    }

    /// What the snapshots hold, by host, for searches: a cache.
    pub fn catalogs(&self) -> PathBuf {
        self.0.join("catalogs")
    }

    /// Rules, compiled for what is scanned here: a cache.
    pub fn compiled(&self) -> PathBuf {
        self.0.join("compiled")
    }

    /// What lies here only while it is looked at.
    pub fn scratch(&self) -> PathBuf {
        self.0.join("scratch")
    }

    /// The hosts' repositories, unless `--repositories` says otherwise.
    pub fn repositories(&self) -> PathBuf {
        self.0.join("repositories")
    }
}

/// The folder that a `--repositories` URL names.
pub fn repositories_folder(url: &str) -> Result<PathBuf, ConfigError> {
    let path = url.strip_prefix("file://").unwrap_or(url);
    if path.is_empty() || path.contains("://") {
        return Err(ConfigError::Repositories(url.into()));
    }
    Ok(path.into())
}

/// A folder for the controller alone, made if need be.
pub fn private_dir(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    platform::owner_only(folder)
}

mod platform {
    use std::path::Path;

    #[cfg(unix)]
    pub(super) fn owner_only(folder: &Path) -> std::io::Result<()> {
        std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))
    }

    #[cfg(not(unix))]
    pub(super) fn owner_only(_: &Path) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_once_and_opened_when_finished() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(DataFolder::open(folder.path()), Err(ConfigError::NotInitialised(_))));
        let config = Config::new(vec!["localhost".into()]);
        let data = folder.path().join("data");
        // Interrupted, it is begun anew.
        drop(DataFolder::create(&data).unwrap());
        assert!(matches!(DataFolder::open(&data), Err(ConfigError::NotInitialised(_))));
        DataFolder::create(&data).unwrap().finish(&config, &data).unwrap();
        assert_eq!(DataFolder::open(&data).unwrap().1, config);
        assert!(matches!(DataFolder::create(&data), Err(ConfigError::Initialised(_))));
        assert!(matches!(DataFolder::create(folder.path()), Err(ConfigError::NotEmpty(_))));
    }

    #[test]
    fn the_sample_in_deploy_is_one() {
        let sample = include_str!("../../deploy/controller.toml");
        toml::from_str::<Config>(sample).unwrap();
        assert!(toml::from_str::<Config>("names = []\nport = 1").is_err());
        assert_eq!(toml::from_str::<Config>("names = []").unwrap().deletion_wait_days.get(), 7);
        let few = toml::from_str::<Config>("names = []\nslots = {whole = 3}").unwrap().slots;
        assert_eq!(few, Slots { whole: 3, storage: 0 });
        assert!(toml::from_str::<Config>("names = []\nslots = {all = 3}").is_err());
        assert!(toml::from_str::<Config>("names = []\nslots = {whole = -1}").is_err());
        assert!(
            toml::from_str::<Config>("names = []\ndeletion_wait_days = 0").is_err(),
            "there is always a waiting time"
        );
    }

    #[test]
    fn repositories_lie_in_a_folder() {
        assert_eq!(repositories_folder("file:///srv/k").unwrap(), PathBuf::from("/srv/k"));
        assert_eq!(repositories_folder("/srv/k").unwrap(), PathBuf::from("/srv/k"));
        assert!(repositories_folder("s3://bucket").is_err());
    }
}
