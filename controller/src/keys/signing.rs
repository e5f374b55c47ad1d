//! Signed distribution of bundles, as The Update Framework has it (`tough`): versions only
//! grow, and whoever holds the controller but not this key cannot forge one.

use super::{KeyError, write_secret};
use aws_lc_rs::rand::SystemRandom;
use keepwatch_proto::bundle::TARGET;
use rcgen::{KeyPair, PKCS_ED25519};
use std::collections::HashMap;
use std::fs::File;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use tough::editor::RepositoryEditor;
use tough::editor::signed::{PathExists, SignedRole};
use tough::key_source::{KeySource, LocalKeySource};
use tough::schema::{KeyHolder, RoleKeys, RoleType, Root};

/// Agents do not judge by expiry (a PC's clock may be years off), so it is set far away.
const EXPIRES: &str = "2099-01-01T00:00:00Z";
/// Versions that stay to be fetched in any case.
const KEPT: u64 = 3;
/// The metadata that says which version is the current one.
const TIMESTAMP: &str = "timestamp.json";
const SPECIFICATION: &str = "1.0.0";

/// The signing key and the signed folder that agents fetch from.
pub struct Signing {
    key: PathBuf,
    folder: PathBuf,
}

impl Signing {
    /// The key `keys/signing.key` and the folder `signatures` below the data folder.
    pub fn new(keys: &Path, folder: &Path) -> Self {
        Self { key: keys.join("signing.key"), folder: folder.into() }
    }

    /// Makes the key, and the root of trust that hosts are given when they enrol.
    pub async fn create(&self) -> Result<(), KeyError> {
        let file = |path: &Path, e| KeyError::File(path.into(), e);
        for folder in [self.metadata(), self.targets()] {
            std::fs::create_dir_all(&folder).map_err(|e| file(&folder, e))?;
        }
        write_secret(&self.key, KeyPair::generate_for(&PKCS_ED25519)?.serialize_der().as_slice())?;
        let root = self.root().await.map_err(KeyError::Signing)?;
        write_secret(&self.metadata().join("1.root.json"), &root)
    }

    async fn root(&self) -> Result<Vec<u8>, String> {
        let source = LocalKeySource { path: self.key.clone() };
        let key = source.as_sign().await.map_err(|e| e.to_string())?.tuf_key();
        let id = key.key_id().map_err(|e| e.to_string())?;
        let role = RoleKeys { keyids: vec![id.clone()], threshold: NonZeroU64::MIN, _extra: HashMap::new() };
        let roles = [RoleType::Root, RoleType::Snapshot, RoleType::Targets, RoleType::Timestamp];
        let root = Root {
            spec_version: SPECIFICATION.into(),
            // Each version's files have names of their own, so that an agent which fetches while
            // the next one is published sees the one or the other.
            consistent_snapshot: true,
            version: NonZeroU64::MIN,
            expires: expiry(),
            keys: HashMap::from([(id, key)]),
            roles: roles.into_iter().map(|r| (r, role.clone())).collect(),
            _extra: HashMap::new(),
        };
        let keys: [Box<dyn KeySource>; 1] = [Box::new(source)];
        let signed = SignedRole::new(root.clone(), &KeyHolder::Root(root), &keys, &SystemRandom::new())
            .await
            .map_err(|e| e.to_string())?;
        Ok(signed.buffer().clone())
    }

    /// Signs the packed bundle as version `version` and puts it where agents fetch it. Versions from
    /// `needed` on stay: hosts whose turn has not come are still to fetch them.
    pub async fn publish(&self, packed: &[u8], version: u64, needed: u64) -> Result<(), KeyError> {
        self.keep_timestamp().map_err(|e| KeyError::File(self.metadata(), e))?;
        let staging = tempfile::tempdir_in(&self.folder).map_err(|e| KeyError::File(self.folder.clone(), e))?;
        let staged = staging.path().join(TARGET);
        std::fs::write(&staged, packed).map_err(|e| KeyError::File(staged.clone(), e))?;
        self.sign(staging.path(), &staged, version).await.map_err(|e| KeyError::Signing(e.to_string()))?;
        self.forget_before(needed.min((version + 1).saturating_sub(KEPT)))
            .and_then(|()| self.sync())
            .map_err(|e| KeyError::File(self.folder.clone(), e))
    }

    /// Onto the disk, before anybody is told of it.
    fn sync(&self) -> std::io::Result<()> {
        for folder in [self.targets(), self.metadata()] {
            for entry in std::fs::read_dir(&folder)? {
                File::open(entry?.path())?.sync_all()?;
            }
            File::open(&folder)?.sync_all()?;
        }
        Ok(())
    }

    /// Where the packed bundle with this SHA-256 is.
    pub fn file(&self, sha256: &str) -> PathBuf {
        self.targets().join(format!("{sha256}.{TARGET}"))
    }

    /// The newest version that was signed; 0: none.
    pub fn newest(&self) -> u64 {
        let text = std::fs::read(self.metadata().join(TIMESTAMP)).unwrap_or_default();
        let timestamp: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
        timestamp["signed"]["version"].as_u64().unwrap_or(0)
    }

    /// The newest version's timestamp gets a name of its own before the next one takes its place: to
    /// hosts that are offered this version, it is the current one still.
    fn keep_timestamp(&self) -> std::io::Result<()> {
        match self.newest() {
            0 => Ok(()),
            newest => {
                let metadata = self.metadata();
                let (new, kept) = (metadata.join("timestamp.new"), metadata.join(format!("{newest}.{TIMESTAMP}")));
                std::fs::copy(metadata.join(TIMESTAMP), &new)?;
                std::fs::rename(new, kept)
            }
        }
    }

    /// The timestamp by which a version is the current one, if that version can still be fetched.
    pub fn timestamp(&self, version: u64) -> Option<PathBuf> {
        let kept = self.metadata().join(format!("{version}.{TIMESTAMP}"));
        if kept.exists() {
            return Some(kept);
        }
        (version != 0 && self.newest() == version).then(|| self.metadata().join(TIMESTAMP))
    }

    /// Removes what nobody fetches any more: all versions before `oldest`.
    fn forget_before(&self, oldest: u64) -> std::io::Result<()> {
        let mut kept = Vec::new();
        for entry in std::fs::read_dir(self.metadata())? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Some((number, role)) = name.split_once('.') else { continue };
            match number.parse::<u64>() {
                Ok(number) if role != "root.json" && number < oldest => std::fs::remove_file(path)?,
                Ok(_) if role == "targets.json" => kept.push(std::fs::read_to_string(path)?),
                _ => {}
            }
        }
        for entry in std::fs::read_dir(self.targets())? {
            let path = entry?.path();
            let hash = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.split('.').next()).unwrap_or_default();
            if !kept.iter().any(|listed| listed.contains(hash)) {
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    async fn sign(&self, staging: &Path, target: &Path, version: u64) -> Result<(), tough::error::Error> {
        let version = NonZeroU64::new(version).unwrap_or(NonZeroU64::MIN);
        let mut editor = RepositoryEditor::new(self.metadata().join("1.root.json")).await?;
        editor.add_target_path(target).await?;
        editor.targets_version(version)?.targets_expires(expiry())?;
        editor.snapshot_version(version).snapshot_expires(expiry());
        editor.timestamp_version(version).timestamp_expires(expiry());
        let keys: [Box<dyn KeySource>; 1] = [Box::new(LocalKeySource { path: self.key.clone() })];
        let signed = editor.sign(&keys).await?;
        // The target first: the metadata, timestamp.json last, makes it the current one.
        signed.copy_targets(staging, self.targets(), PathExists::Skip).await?;
        signed.write(self.metadata()).await
    }

    /// The root of trust, for a host that enrols.
    pub fn root_json(&self) -> Result<Vec<u8>, KeyError> {
        let path = self.metadata().join("1.root.json");
        std::fs::read(&path).map_err(|e| KeyError::File(path, e))
    }

    fn metadata(&self) -> PathBuf {
        self.folder.join("metadata")
    }

    fn targets(&self) -> PathBuf {
        self.folder.join("targets")
    }
}

fn expiry() -> jiff::Timestamp {
    EXPIRES.parse().unwrap_or(jiff::Timestamp::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use tough::{ExpirationEnforcement, RepositoryLoader};

    #[tokio::test]
    async fn only_the_newest_versions_stay() {
        let folder = tempfile::tempdir().unwrap();
        let signing = Signing::new(folder.path(), &folder.path().join("signatures"));
        signing.create().await.unwrap();
        for version in 1..=5 {
            signing.publish(format!("bundle {version}").as_bytes(), version, version).await.unwrap();
        }
        let count = |folder: PathBuf| std::fs::read_dir(folder).unwrap().count();
        assert_eq!(count(signing.targets()), 3);
        // Root, timestamp, snapshot and targets of each version, and the timestamps of those before.
        assert_eq!(count(signing.metadata()), 2 + 2 * 3 + 2);
        assert!(signing.root_json().is_ok());
        assert_eq!(signing.newest(), 5);
        let there: Vec<u64> = (0..9).filter(|version| signing.timestamp(*version).is_some()).collect();
        assert_eq!(there, [3, 4, 5]);
        // What somebody is still to fetch stays.
        for version in 6..=9 {
            signing.publish(format!("bundle {version}").as_bytes(), version, 4).await.unwrap();
        }
        assert_eq!(count(signing.targets()), 6);
        assert!(signing.timestamp(3).is_none() && signing.timestamp(4).is_some());
    }

    #[tokio::test]
    async fn an_earlier_version_verifies_by_its_own_timestamp() {
        let folder = tempfile::tempdir().unwrap();
        let signing = Signing::new(folder.path(), &folder.path().join("signatures"));
        signing.create().await.unwrap();
        for version in 1..=2 {
            signing.publish(format!("bundle {version}").as_bytes(), version, 1).await.unwrap();
        }
        // As a host sees the folder that is offered the first.
        std::fs::copy(signing.timestamp(1).unwrap(), signing.metadata().join(TIMESTAMP)).unwrap();
        let url = |p: PathBuf| url::Url::from_directory_path(p).unwrap();
        let root = signing.root_json().unwrap();
        let loader = RepositoryLoader::new(&root, url(signing.metadata()), url(signing.targets()));
        let repository = loader.expiration_enforcement(ExpirationEnforcement::Safe).load().await.unwrap();
        assert_eq!(repository.targets().signed.version.get(), 1);
    }

    #[tokio::test]
    async fn what_is_published_verifies_from_the_root_alone() {
        let folder = tempfile::tempdir().unwrap();
        let signing = Signing::new(folder.path(), &folder.path().join("signatures"));
        signing.create().await.unwrap();
        signing.publish(b"bundle", 7, 7).await.unwrap();
        let root = signing.root_json().unwrap();
        let url = |p: PathBuf| url::Url::from_directory_path(p).unwrap();
        let load = async || {
            RepositoryLoader::new(&root, url(signing.metadata()), url(signing.targets()))
                .expiration_enforcement(ExpirationEnforcement::Safe)
                .load()
                .await
        };
        let repository = load().await.unwrap();
        assert_eq!(repository.targets().signed.version.get(), 7);
        // One changed byte in what was signed.
        let targets = signing.metadata().join("7.targets.json");
        let text = std::fs::read_to_string(&targets).unwrap().replace("\"version\": 7", "\"version\": 8");
        std::fs::write(&targets, text).unwrap();
        assert!(load().await.is_err());
    }
}
