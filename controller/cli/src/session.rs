//! Profiles: which controller, whose CA, which session. One file each in the user's config
//! folder, readable by nobody else.

use crate::platform;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Longest name of a profile, which becomes a file's name.
const LONGEST_NAME: usize = 64;

/// One controller as one user.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Profile {
    /// `https://NAME:PORT`.
    pub(crate) address: String,
    pub(crate) user: String,
    #[serde(default)]
    pub(crate) role: String,
    /// Empty after logging out.
    #[serde(default)]
    pub(crate) session: String,
    /// When the session ends.
    pub(crate) expires: Option<DateTime<Utc>>,
    /// PEM of the CA that was pinned at first contact.
    pub(crate) ca: String,
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No secret in a log.
        f.debug_struct("Profile").field("address", &self.address).field("user", &self.user).finish_non_exhaustive()
    }
}

/// Why there is no profile or session to use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error("cannot tell where your config folder is; set HOME (on Windows: APPDATA)")]
    NoFolder,
    #[error("'{0}' cannot be a profile's name; use letters, digits, '-' and '_'")]
    Name(String),
    #[error("there is no profile '{0}' yet; log in with 'keepwatch login https://NAME:PORT'")]
    Missing(String),
    #[error("the profile '{0}' is logged out; log in again with 'keepwatch login'")]
    LoggedOut(String),
    #[error("the profile {} cannot be read: {problem}; remove it and log in again with 'keepwatch login https://NAME:PORT'", path.display())]
    Broken { path: PathBuf, problem: String },
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
}

/// The folder of profiles.
#[derive(Debug, Clone)]
pub(crate) struct Profiles {
    folder: PathBuf,
}

impl Profiles {
    /// Those of the user who runs this.
    pub(crate) fn of_user() -> Result<Self, SessionError> {
        let config = platform::config_folder().ok_or(SessionError::NoFolder)?;
        Ok(Self::below(&config))
    }

    /// Those below a config folder.
    pub(crate) fn below(config: &Path) -> Self {
        Self { folder: config.join("keepwatch").join("profiles") }
    }

    /// The profile of this name, which must be there.
    pub(crate) fn load(&self, name: &str) -> Result<Profile, SessionError> {
        self.find(name)?.ok_or_else(|| SessionError::Missing(name.into()))
    }

    /// The profile of this name, if there is one.
    pub(crate) fn find(&self, name: &str) -> Result<Option<Profile>, SessionError> {
        let path = self.path(name)?;
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(SessionError::Io { path, error }),
        };
        match toml::from_str(&text) {
            Ok(profile) => Ok(Some(profile)),
            // Only the message: the error's full text quotes the file, session and all.
            Err(error) => Err(SessionError::Broken { path, problem: error.message().into() }),
        }
    }

    /// Writes the profile, whole or not at all.
    pub(crate) fn save(&self, name: &str, profile: &Profile) -> Result<(), SessionError> {
        let path = self.path(name)?;
        let text = toml::to_string(profile)
            .map_err(|error| SessionError::Broken { path: path.clone(), problem: error.to_string() })?;
        let write = || {
            platform::make_private_folder(&self.folder)?;
            // Made readable by its owner only.
            let mut file = tempfile::Builder::new().prefix(".profile-").tempfile_in(&self.folder)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(|error| SessionError::Io { path: path.clone(), error })
    }

    pub(crate) fn path(&self, name: &str) -> Result<PathBuf, SessionError> {
        let sound = !name.is_empty()
            && name.len() <= LONGEST_NAME
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if sound { Ok(self.folder.join(format!("{name}.toml"))) } else { Err(SessionError::Name(name.into())) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn profile() -> Profile {
        Profile {
            address: "https://守.example:8443".into(),
            user: "admin".into(),
            role: "administrator".into(),
            session: "s3cret".into(),
            expires: DateTime::from_timestamp(1_790_000_000, 0),
            ca: "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n".into(),
        }
    }

    #[test]
    fn what_is_saved_is_loaded_and_private() {
        let home = tempfile::tempdir().unwrap();
        let profiles = Profiles::below(home.path());
        assert!(matches!(profiles.load("default"), Err(SessionError::Missing(_))));
        profiles.save("default", &profile()).unwrap();
        let logged_out = Profile { session: String::new(), expires: None, ..profile() };
        profiles.save("other", &logged_out).unwrap();
        profiles.save("other", &logged_out).unwrap();
        assert_eq!(profiles.load("default").unwrap(), profile());
        assert_eq!(profiles.load("other").unwrap(), logged_out);
        assert_eq!(std::fs::read_dir(&profiles.folder).unwrap().count(), 2);
        assert!(platform::is_private(&profiles.folder).unwrap());
        assert!(platform::is_private(&profiles.path("default").unwrap()).unwrap());
    }

    #[test]
    fn a_name_cannot_leave_the_folder() {
        let profiles = Profiles { folder: "/nowhere".into() };
        for bad in ["", ".", "..", "a/b", "a\\b", "a b", "a.b", &"a".repeat(65)] {
            assert!(matches!(profiles.find(bad), Err(SessionError::Name(_))), "{bad}");
        }
    }

    #[test]
    fn no_error_and_no_log_shows_the_session() {
        let home = tempfile::tempdir().unwrap();
        let profiles = Profiles { folder: home.path().into() };
        std::fs::write(home.path().join("default.toml"), "session = \"s3cret\" oops").unwrap();
        let error = profiles.load("default").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"));
        assert!(!format!("{:?}", profile()).contains("s3cret"));
    }
}
