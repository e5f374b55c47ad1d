//! The controller's secrets, each a file of its own in the data folder, readable by its
//! owner only: the CA that vouches for hosts, the key that repository passwords are
//! escrowed to, the key that signs bundles.

pub mod ca;
pub mod escrow;
pub mod signing;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What can go wrong with them.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file cannot be read or written.
    #[error("{path}: {error}; is this a data folder made by 'keepwatch-controller init'?", path = .0.display(), error = .1)]
    File(PathBuf, std::io::Error),
    /// A certificate cannot be made or read.
    #[error("a certificate cannot be made or read: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A host's signing request is no good.
    #[error("the certificate signing request is refused: {0}")]
    Request(String),
    /// TLS does not take what is there.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The escrow key does not open what it should.
    #[error("the escrowed repository password cannot be opened with this controller's key: {0}")]
    Escrow(String),
    /// No public half of a recovery key.
    #[error("a recovery key is the line that begins with 'age1' in what 'age-keygen' prints: {0}")]
    Recovery(String),
    /// No secret half of one.
    #[error("this file is no recovery key's secret half, as 'age-keygen' writes it: {0}")]
    Identity(String),
    /// The recovery key does not open what it should.
    #[error("this cannot be opened with that recovery key: {0}; another one may have been set when it was made")]
    Sealed(String),
    /// Something cannot be encrypted.
    #[error("this cannot be encrypted: {0}")]
    Seal(String),
    /// A bundle cannot be signed.
    #[error("the bundle cannot be signed: {0}")]
    Signing(String),
}

/// Writes a file that only its owner can read, and that is never half written. Refuses to
/// replace one.
pub fn write_secret(path: &Path, content: &[u8]) -> Result<(), KeyError> {
    let at = |error| KeyError::File(path.into(), error);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    platform::owner_only(&mut options);
    let mut file = options.open(path).map_err(at)?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(at)?;
    // The name must last as well as the content.
    path.parent().map_or(Ok(()), |folder| File::open(folder).and_then(|f| f.sync_all())).map_err(at)
}

/// Reads a file of the data folder.
pub fn read(path: &Path) -> Result<String, KeyError> {
    std::fs::read_to_string(path).map_err(|error| KeyError::File(path.into(), error))
}

mod platform {
    use std::fs::OpenOptions;

    #[cfg(unix)]
    pub(super) fn owner_only(options: &mut OpenOptions) {
        std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    }

    #[cfg(not(unix))]
    pub(super) fn owner_only(_: &mut OpenOptions) {}
}
