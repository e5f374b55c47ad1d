//! Who this PC is: its host id, the keys that prove it, and what opens its repository. It
//! is made at enrolment, whole or not at all, and only read afterwards.

use crate::config::StateDir;
use crate::platform;
use chrono::{DateTime, Utc};
use keepwatch_proto::ids::HostId;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What enrolment gave this PC.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Which host it is.
    pub(crate) host: HostId,
    /// Since when.
    pub(crate) enrolled: DateTime<Utc>,
    /// The controller's CA, PEM.
    pub(crate) ca: String,
    /// The host's certificate, PEM.
    pub(crate) certificate: String,
    /// Its private key, PEM. Never leaves the PC.
    pub(crate) key: String,
    /// Opens the host's own repository.
    pub(crate) repository_password: String,
    /// The signed root that bundles are verified from.
    pub(crate) signatures_root: Vec<u8>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("host", &self.host).finish_non_exhaustive()
    }
}

/// The part that is no secret.
#[derive(Serialize, Deserialize)]
struct HostFile {
    host: HostId,
    enrolled: DateTime<Utc>,
}

/// An identity that is not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    /// None yet.
    #[error(
        "this PC is not enrolled ({0} is missing); run 'keepwatch-agent enroll --controller https://NAME:PORT --token TOKEN'"
    )]
    NotEnrolled(PathBuf),
    /// Damaged, or not ours to read.
    #[error("{0} cannot be read: {1}; run as the user that the agent runs as, or enrol again with --force")]
    Read(PathBuf, io::Error),
    /// Not written.
    #[error("the identity cannot be written to {0}: {1}; make room or choose another folder with --state")]
    Write(PathBuf, io::Error),
}

const HOST: &str = "host.json";
const CA: &str = "ca.pem";
const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";
const PASSWORD: &str = "repository-password";
const ROOT: &str = "signatures-root.json";

impl Identity {
    /// Whether this folder holds one.
    pub(crate) fn exists(state: &StateDir) -> bool {
        state.identity().join(HOST).exists()
    }

    /// Reads it.
    pub(crate) fn load(state: &StateDir) -> Result<Self, IdentityError> {
        let folder = state.identity();
        if !folder.exists() {
            return Err(IdentityError::NotEnrolled(folder));
        }
        let bytes = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|e| IdentityError::Read(path, e))
        };
        let text = |name: &str| {
            let path = folder.join(name);
            std::fs::read_to_string(&path).map_err(|e| IdentityError::Read(path, e))
        };
        let file: HostFile =
            serde_json::from_slice(&bytes(HOST)?).map_err(|e| IdentityError::Read(folder.join(HOST), e.into()))?;
        Ok(Self {
            host: file.host,
            enrolled: file.enrolled,
            ca: text(CA)?,
            certificate: text(CERTIFICATE)?,
            key: text(KEY)?,
            repository_password: text(PASSWORD)?,
            signatures_root: bytes(ROOT)?,
        })
    }

    /// Puts it in place: a power cut at any point leaves the PC enrolled or not, never half.
    pub(crate) fn save(&self, state: &StateDir) -> Result<(), IdentityError> {
        self.write(state).map_err(|e| IdentityError::Write(state.identity(), e))
    }

    fn write(&self, state: &StateDir) -> io::Result<()> {
        let (place, new, old) =
            (state.identity(), state.root().join("identity.new"), state.root().join("identity.old"));
        remove(&new)?;
        remove(&old)?;
        platform::private_dir(state.root())?;
        platform::private_dir(&new)?;
        let host = serde_json::to_vec_pretty(&HostFile { host: self.host, enrolled: self.enrolled })?;
        for (name, bytes) in [
            (HOST, host.as_slice()),
            (CA, self.ca.as_bytes()),
            (CERTIFICATE, self.certificate.as_bytes()),
            (KEY, self.key.as_bytes()),
            (PASSWORD, self.repository_password.as_bytes()),
            (ROOT, &self.signatures_root),
        ] {
            platform::write_private(&new.join(name), bytes)?;
        }
        platform::sync_dir(&new)?;
        if place.exists() {
            std::fs::rename(&place, &old)?;
        }
        std::fs::rename(&new, &place)?;
        platform::sync_dir(state.root())?;
        remove(&old)
    }
}

fn remove(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use super::*;
    use keepwatch_proto::clock::Clock;

    pub(crate) fn identity() -> Identity {
        let clock = Clock::fixed("2026-11-24T08:00:00Z".parse().unwrap());
        Identity {
            host: HostId::new(&clock),
            enrolled: clock.now(),
            ca: "ca".into(),
            certificate: "certificate".into(),
            key: "the key".into(),
            repository_password: "the password".into(),
            signatures_root: b"root".to_vec(),
        }
    }

    /// A key and a certificate for it, PEM.
    pub(crate) type Certified = (String, String);

    /// A CA, and what it has signed for 127.0.0.1 and for a host.
    pub(crate) fn certificates() -> (String, Certified, Certified) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec![]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca = rcgen::CertifiedIssuer::self_signed(params, key).unwrap();
        let signed = |name: &str| {
            let key = rcgen::KeyPair::generate().unwrap();
            let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
            (key.serialize_pem(), params.signed_by(&key, &ca).unwrap().pem())
        };
        (ca.pem(), signed("127.0.0.1"), signed("host"))
    }

    #[test]
    fn is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::new(Some(folder.path().join("state")));
        assert!(matches!(Identity::load(&state), Err(IdentityError::NotEnrolled(_))));
        // An enrolment that was cut off left this behind.
        std::fs::create_dir_all(state.root().join("identity.new")).unwrap();
        std::fs::write(state.root().join("identity.new").join(KEY), "half").unwrap();
        assert!(!Identity::exists(&state));

        let (first, second) = (identity(), identity());
        first.save(&state).unwrap();
        assert_eq!(Identity::load(&state).unwrap(), first);
        second.save(&state).unwrap();
        assert_eq!(Identity::load(&state).unwrap(), second);
        let left: Vec<_> = std::fs::read_dir(state.root()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, vec!["identity"]);
    }

    #[test]
    fn keeps_its_secrets_out_of_logs() {
        let shown = format!("{:?}", identity());
        assert!(!shown.contains("the key") && !shown.contains("the password"), "{shown}");
    }
}
