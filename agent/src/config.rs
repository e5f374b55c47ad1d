//! Where the agent's things lie, and what the PC decides for itself: `agent.toml` belongs
//! to the PC, and nothing that comes over the wire can change it.

use crate::platform;
use crate::worker::Hooks;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file as it is written at enrolment, with the words that explain it.
const SAMPLE: &str = include_str!("../../deploy/agent.toml");

/// The folder with the agent's state.
#[derive(Debug, Clone)]
pub(crate) struct StateDir(PathBuf);

impl StateDir {
    /// The folder given, or the system's usual one.
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self(folder.unwrap_or_else(|| platform::DEFAULT_STATE.into()))
    }

    /// The folder itself.
    pub(crate) fn root(&self) -> &Path {
        &self.0
    }

    /// What the PC decides.
    pub(crate) fn config(&self) -> PathBuf {
        self.0.join("agent.toml")
    }

    /// Keys and certificates.
    pub(crate) fn identity(&self) -> PathBuf {
        self.0.join("identity")
    }

    /// With what this PC asks to be let in again.
    pub(crate) fn claim(&self) -> PathBuf {
        self.0.join("claim")
    }

    /// What must survive a restart.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.0.join("ledger.redb")
    }

    /// Bundles, and the metadata that proves them.
    pub(crate) fn signatures(&self) -> PathBuf {
        self.0.join("signatures")
    }

    /// What scans leave for later ones: compiled rules, verdicts, a worker's last trace.
    pub(crate) fn scans(&self) -> PathBuf {
        self.0.join("scans")
    }

    /// Where it is tried whether backups come back.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.0.join("scratch")
    }

    /// Copies of what each backup reads of the repository, encrypted as they are there.
    pub(crate) fn repository_cache(&self) -> PathBuf {
        self.0.join("repository-cache")
    }

    /// Which canaries were planted.
    pub(crate) fn canaries(&self) -> PathBuf {
        self.0.join("canaries.json")
    }

    /// Held by the agent that runs on this folder.
    pub(crate) fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// The agent's own: its state and its program.
    pub(crate) fn own(&self) -> Vec<PathBuf> {
        std::iter::once(self.0.clone()).chain(std::env::current_exe()).collect()
    }

    /// Files that were put away.
    pub(crate) fn quarantine(&self) -> PathBuf {
        self.0.join("quarantine")
    }

    /// What `status` shows.
    pub(crate) fn status(&self) -> PathBuf {
        self.0.join("status.json")
    }
}

/// What `agent.toml` says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The controller's agent door.
    pub(crate) controller: String,
    /// Where restores may write.
    pub(crate) restore_roots: Option<Vec<PathBuf>>,
    /// How the link behaves.
    #[serde(default)]
    pub(crate) link: LinkConfig,
    /// What this PC's administrator wants done around backups.
    #[serde(default)]
    pub(crate) backup: Hooks,
    /// Whether, and how many, files may be put away here.
    #[serde(default)]
    pub(crate) quarantine: QuarantineConfig,
}

/// Whether, and how many, files may be put away here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct QuarantineConfig {
    allowed: bool,
    max_mib: u64,
    system_files: bool,
    allow_delete: bool,
}

impl Default for QuarantineConfig {
    fn default() -> Self {
        Self { allowed: true, max_mib: 4096, system_files: false, allow_delete: false }
    }
}

impl QuarantineConfig {
    /// Bytes that the vault may hold; `None`: nothing is put away on this PC.
    pub(crate) fn most(self) -> Option<u64> {
        self.allowed.then(|| self.max_mib.saturating_mul(1 << 20))
    }

    /// Whether staff may put away, by name, also what the system may need.
    pub(crate) fn system_files(self) -> bool {
        self.system_files
    }

    /// Whether staff may have destroyed what no rule has found, and they only named.
    pub(crate) fn allow_delete(self) -> bool {
        self.allow_delete
    }
}

/// How the link behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LinkConfig {
    reconnect_first_seconds: u64,
    reconnect_max_seconds: u64,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self { reconnect_first_seconds: 30, reconnect_max_seconds: 300 }
    }
}

impl LinkConfig {
    /// Longest wait before the first attempt after a stream was lost.
    pub(crate) fn first(self) -> Duration {
        Duration::from_secs(self.reconnect_first_seconds)
    }

    /// Longest wait before any later attempt.
    pub(crate) fn longest(self) -> Duration {
        Duration::from_secs(self.reconnect_max_seconds.max(1))
    }
}

/// A file that the agent cannot go by.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// Not there, or not readable.
    #[error("{0} cannot be read: {1}; enrol this PC, or give its state folder with --state")]
    Read(PathBuf, std::io::Error),
    /// Not written as it has to be.
    #[error("{0} cannot be followed: {1}")]
    Syntax(PathBuf, toml::de::Error),
    /// An address that is none.
    #[error("'{0}' is not a controller's address; write https://NAME:PORT")]
    Address(String),
    /// A restore root that could mean anything.
    #[error("the restore root '{0}' in agent.toml is not an absolute path; write it in full")]
    Root(PathBuf),
    /// It could not be written.
    #[error("{0} cannot be written: {1}")]
    Write(PathBuf, std::io::Error),
}

impl Config {
    /// Reads the PC's file.
    pub(crate) fn load(state: &StateDir) -> Result<Self, ConfigError> {
        let path = state.config();
        let text = std::fs::read_to_string(&path).map_err(|e| ConfigError::Read(path.clone(), e))?;
        Self::parse(&text, &path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|e| ConfigError::Syntax(path.to_owned(), e))?;
        Address::parse(&config.controller)?;
        match config.restore_roots.iter().flatten().find(|root| !root.is_absolute()) {
            Some(root) => Err(ConfigError::Root(root.clone())),
            None => Ok(config),
        }
    }

    /// Names the controller in the PC's file; all else that stands in it is kept.
    pub(crate) fn name_controller(state: &StateDir, controller: &Address) -> Result<(), ConfigError> {
        let path = state.config();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => SAMPLE.to_owned(),
            Err(e) => return Err(ConfigError::Read(path, e)),
        };
        let named = with_controller(&text, &controller.url);
        // What was there is somebody's work: not overwritten by something unreadable.
        Self::parse(&named, &path)?;
        let (new, failed) = (path.with_extension("toml.new"), |e| ConfigError::Write(path.clone(), e));
        platform::write_private(&new, named.as_bytes()).map_err(failed)?;
        std::fs::rename(&new, &path).map_err(failed)
    }

    /// Where restores may write.
    pub(crate) fn roots(&self, state: &StateDir) -> Vec<PathBuf> {
        match &self.restore_roots {
            Some(roots) => roots.clone(),
            None => vec![platform::users_root(), state.root().join("restored")],
        }
    }
}

fn with_controller(text: &str, url: &str) -> String {
    let line = format!("controller = \"{url}\"");
    let names = |l: &str| l.strip_prefix("controller").is_some_and(|rest| rest.trim_start().starts_with('='));
    if text.lines().any(names) {
        text.lines().map(|l| if names(l) { line.as_str() } else { l }).fold(String::new(), |all, l| all + l + "\n")
    } else {
        format!("{line}\n{text}")
    }
}

/// A controller's agent door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// `https://NAME:PORT`, without a slash at its end.
    pub(crate) url: String,
    /// The name, for its certificate.
    pub(crate) name: String,
    /// The port.
    pub(crate) port: u16,
}

impl Address {
    /// Reads `https://NAME:PORT`.
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        let none = || ConfigError::Address(text.to_owned());
        let uri: tonic::transport::Uri = text.trim_end_matches('/').parse().map_err(|_| none())?;
        let sound = uri.scheme_str() == Some("https") && matches!(uri.path(), "" | "/") && uri.query().is_none();
        // '@' and quotes would be read as something else further on.
        let authority = uri.authority().filter(|a| sound && !a.as_str().contains(['@', '"', '\\'])).ok_or_else(none)?;
        let name = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if name.is_empty() {
            return Err(none());
        }
        Ok(Self { url: format!("https://{authority}"), name, port: authority.port_u16().unwrap_or(443) })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, Path::new("agent.toml"))
    }

    #[test]
    fn the_sample_parses_and_says_the_defaults() {
        let config = parse(SAMPLE).unwrap();
        assert_eq!(config.link, LinkConfig::default());
        assert_eq!(config.quarantine, QuarantineConfig::default());
        // One account of the staff's, or a controller that was taken over, must not cost a PC its system
        // or anybody their files.
        assert!(!config.quarantine.system_files() && !config.quarantine.allow_delete());
        assert_eq!(config.restore_roots, None);
        let roots = config.roots(&StateDir::new(Some("/state".into())));
        assert_eq!(roots, vec![platform::users_root(), PathBuf::from("/state/restored")]);
    }

    #[test]
    fn what_it_does_not_know_is_refused() {
        for bad in [
            "",
            "controller = 'https://a:1'\nrestore_root = ['/']",
            "controller = 'https://a:1'\n[link]\nretries = 3",
            "controller = 'https://a:1'\n[quarantine]\nmax_mib = -1",
            "controller = 'http://a:1'",
            "controller = 'https://a:1/path'",
            "controller = 'https://u@a:1'",
            "controller = 'https://'",
            "controller = 'https://a:1'\nrestore_roots = ['home']",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_is_a_name_and_a_port() {
        for (text, name, port) in [
            ("https://kw.example:8443/", "kw.example", 8443),
            ("https://127.0.0.1:9", "127.0.0.1", 9),
            ("https://[::1]:9", "::1", 9),
            ("https://kw", "kw", 443),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!((address.name.as_str(), address.port), (name, port));
            assert_eq!(address.url, text.trim_end_matches('/'));
        }
    }

    #[test]
    fn enrolling_names_the_controller_and_keeps_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::new(Some(folder.path().into()));
        Config::name_controller(&state, &Address::parse("https://first:1").unwrap()).unwrap();
        assert_eq!(Config::load(&state).unwrap().controller, "https://first:1");
        assert!(std::fs::read_to_string(state.config()).unwrap().contains("# Folders that a restore"));

        std::fs::write(state.config(), "restore_roots = ['/srv']\n").unwrap();
        for url in ["https://second:2", "https://third:3"] {
            Config::name_controller(&state, &Address::parse(url).unwrap()).unwrap();
            let config = Config::load(&state).unwrap();
            assert_eq!((config.controller.as_str(), config.restore_roots), (url, Some(vec!["/srv".into()])));
        }
    }
}
