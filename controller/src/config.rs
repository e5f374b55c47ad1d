//! The data folder: what lies where, and `controller.toml` in it.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

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
        Self { names, agents: agents_address(), staff: staff_address() }
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

    /// A new one; `controller.toml` is written last, by [`DataFolder::finish`].
    pub fn create(path: &Path) -> Result<Self, ConfigError> {
        let folder = Self(path.into());
        if folder.config().exists() {
            return Err(ConfigError::Initialised(path.into()));
        }
        for made in [folder.0.clone(), folder.repositories(), folder.signatures(), folder.keys()] {
            std::fs::create_dir_all(&made).map_err(|e| ConfigError::File(made.clone(), e))?;
        }
        platform::owner_only(path).map_err(|e| ConfigError::File(path.into(), e))?;
        Ok(folder)
    }

    /// From now on it is one: everything else is in place.
    pub fn finish(&self, config: &Config) -> Result<(), ConfigError> {
        let file = self.config();
        let text = toml::to_string(config).unwrap_or_default();
        std::fs::write(&file, text).map_err(|e| ConfigError::File(file, e))
    }

    fn config(&self) -> PathBuf {
        self.0.join("controller.toml")
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
        DataFolder::create(folder.path()).unwrap().finish(&config).unwrap();
        assert_eq!(DataFolder::open(folder.path()).unwrap().1, config);
        assert!(matches!(DataFolder::create(folder.path()), Err(ConfigError::Initialised(_))));
    }

    #[test]
    fn the_sample_in_deploy_is_one() {
        let sample = include_str!("../../deploy/controller.toml");
        toml::from_str::<Config>(sample).unwrap();
        assert!(toml::from_str::<Config>("names = []\nport = 1").is_err());
    }

    #[test]
    fn repositories_lie_in_a_folder() {
        assert_eq!(repositories_folder("file:///srv/k").unwrap(), PathBuf::from("/srv/k"));
        assert_eq!(repositories_folder("/srv/k").unwrap(), PathBuf::from("/srv/k"));
        assert!(repositories_folder("s3://bucket").is_err());
    }
}
