//! Who this PC is: its host id, the keys that prove it, and what opens its repository. It
//! is made at enrolment, whole or not at all; afterwards only its certificate is renewed. The
//! next one lies beside it until it has worked.

use crate::config::StateDir;
use crate::ledger::Rebirth;
use crate::platform;
use chrono::{DateTime, Utc};
use keepwatch_proto::ids::HostId;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;

/// Who this PC is at present: work that begins takes the certificate that is in force then.
pub(crate) type Present = watch::Receiver<Arc<Identity>>;

/// What enrolment gave this PC.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Which host it is.
    pub(crate) host: HostId,
    /// Since when.
    pub(crate) enrolled: DateTime<Utc>,
    /// That it was let in again, if it was.
    pub(crate) rebirth: Option<Rebirth>,
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
    #[serde(default)]
    rebirth: Option<Rebirth>,
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
        state.identity().join(HOST).exists() || half_way(state)
    }

    /// Reads it.
    pub(crate) fn load(state: &StateDir) -> Result<Self, IdentityError> {
        let folder = state.identity();
        if half_way(state) {
            std::fs::rename(new_place(state), &folder).map_err(|e| IdentityError::Write(folder.clone(), e))?;
        }
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
            rebirth: file.rebirth,
            ca: text(CA)?,
            certificate: text(CERTIFICATE)?,
            key: text(KEY)?,
            repository_password: text(PASSWORD)?,
            signatures_root: bytes(ROOT)?,
        })
    }

    /// The same with the certificate that has worked, in place of the one before.
    pub(crate) fn renewed(&self, next: &Next, state: &StateDir) -> Result<Self, IdentityError> {
        let renewed = Self { certificate: next.certificate.clone(), key: next.key.clone(), ..self.clone() };
        renewed.save(state)?;
        Next::discard(state)?;
        Ok(renewed)
    }

    /// Puts it in place: a power cut at any point leaves the PC with the one before, which may be
    /// none, or with this one, never with half.
    pub(crate) fn save(&self, state: &StateDir) -> Result<(), IdentityError> {
        self.write(state).map_err(|e| IdentityError::Write(state.identity(), e))
    }

    fn write(&self, state: &StateDir) -> io::Result<()> {
        let (place, new, old) = (state.identity(), new_place(state), old_place(state));
        remove(&new)?;
        remove(&old)?;
        platform::private_dir(state.root())?;
        platform::private_dir(&new)?;
        let host =
            serde_json::to_vec_pretty(&HostFile { host: self.host, enrolled: self.enrolled, rebirth: self.rebirth })?;
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

fn new_place(state: &StateDir) -> PathBuf {
    state.root().join("identity.new")
}

fn old_place(state: &StateDir) -> PathBuf {
    state.root().join("identity.old")
}

/// A power cut came between the two renames: what is to be in place is whole.
fn half_way(state: &StateDir) -> bool {
    !state.identity().exists() && old_place(state).exists() && new_place(state).join(HOST).exists()
}

/// A key and its certificate that have not worked yet.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Next {
    /// PEM.
    pub(crate) certificate: String,
    /// PEM. Never leaves the PC.
    pub(crate) key: String,
}

impl Next {
    fn place(state: &StateDir) -> PathBuf {
        state.root().join("identity.next")
    }

    /// The one that is there.
    pub(crate) fn load(state: &StateDir) -> Option<Self> {
        let text = |name: &str| std::fs::read_to_string(Self::place(state).join(name)).ok();
        Some(Self { certificate: text(CERTIFICATE)?, key: text(KEY)? })
    }

    /// Keeps it, in place of another one: whole or not at all.
    pub(crate) fn save(&self, state: &StateDir) -> Result<(), IdentityError> {
        let place = Self::place(state);
        let write = || {
            let new = place.with_extension("next.new");
            remove(&new)?;
            platform::private_dir(&new)?;
            platform::write_private(&new.join(CERTIFICATE), self.certificate.as_bytes())?;
            platform::write_private(&new.join(KEY), self.key.as_bytes())?;
            platform::sync_dir(&new)?;
            remove(&place)?;
            std::fs::rename(&new, &place)?;
            platform::sync_dir(state.root())
        };
        write().map_err(|e| IdentityError::Write(place.clone(), e))
    }

    /// It is in force, or of no use.
    pub(crate) fn discard(state: &StateDir) -> Result<(), IdentityError> {
        remove(&Self::place(state)).map_err(|e| IdentityError::Write(Self::place(state), e))
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
            rebirth: None,
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
    fn a_power_cut_at_any_step_of_a_renewal_leaves_one_that_works() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::new(Some(folder.path().join("state")));
        let first = identity();
        let next = Next { certificate: "next".into(), key: "its key".into() };
        let second = Identity { certificate: next.certificate.clone(), key: next.key.clone(), ..first.clone() };
        first.save(&state).unwrap();
        // While the next one is written.
        let staged = state.root().join("identity.next.new");
        std::fs::create_dir(&staged).unwrap();
        std::fs::write(staged.join(CERTIFICATE), "half").unwrap();
        assert!(Next::load(&state).is_none() && Identity::load(&state).unwrap() == first);
        // It is there and has not worked.
        next.save(&state).unwrap();
        assert!(Next::load(&state).unwrap() == next && Identity::load(&state).unwrap() == first);
        // It has worked, and takes the other's place: before the first rename, and between the two.
        let (place, new, old) = (state.identity(), new_place(&state), old_place(&state));
        second.save(&state).unwrap();
        std::fs::rename(&place, &new).unwrap();
        first.save_at(&place);
        assert_eq!(Identity::load(&state).unwrap(), first);
        std::fs::rename(&place, &old).unwrap();
        assert!(Identity::exists(&state));
        assert_eq!(Identity::load(&state).unwrap(), second);
        // In place, and not put away yet: it is tried first, works, and is renewed to itself.
        assert!(Next::load(&state).unwrap() == next);
        assert_eq!(second.renewed(&next, &state).unwrap(), second);
        assert!(Next::load(&state).is_none() && Identity::load(&state).unwrap() == second);
    }

    impl Identity {
        fn save_at(&self, place: &Path) {
            let folder = tempfile::tempdir().unwrap();
            let state = StateDir::new(Some(folder.path().into()));
            self.save(&state).unwrap();
            std::fs::rename(state.identity(), place).unwrap();
        }
    }

    #[test]
    fn keeps_its_secrets_out_of_logs() {
        let shown = format!("{:?}", identity());
        assert!(!shown.contains("the key") && !shown.contains("the password"), "{shown}");
    }
}
