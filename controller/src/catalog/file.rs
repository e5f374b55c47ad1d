//! A catalog on the disk: compressed, and encrypted (the `age` format) with what opens the host's
//! repository, so that it says no more to a thief than the repository does.

use super::Catalog;
use age::scrypt;
use age::secrecy::SecretString;
use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

/// The password is random and long: to make guessing slow gains nothing.
const WORK_FACTOR: u8 = 2;
/// What one takes in memory at most, in bytes.
const LARGEST: u64 = 1 << 30;

/// Reads one. `None` where there is none that can be used: it is made anew.
pub fn load(path: &Path, password: &str) -> Option<Catalog> {
    match read(path, password) {
        Ok(catalog) => Some(catalog),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "a catalog cannot be read, and is made anew");
            None
        }
    }
}

fn read(path: &Path, password: &str) -> io::Result<Catalog> {
    let file = io::BufReader::new(fs::File::open(path)?);
    let mut key = scrypt::Identity::new(SecretString::from(password.to_owned()));
    key.set_max_work_factor(WORK_FACTOR);
    let plain = age::Decryptor::new(file).and_then(|file| file.decrypt(std::iter::once(&key as _)));
    let mut content = Vec::new();
    let mut plain = zstd::Decoder::new(plain.map_err(io::Error::other)?)?.take(LARGEST);
    plain.read_to_end(&mut content)?;
    postcard::from_bytes(&content).map_err(io::Error::other)
}

/// Writes one, whole or not at all.
pub fn save(catalog: &Catalog, path: &Path, password: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut key = scrypt::Recipient::new(SecretString::from(password.to_owned()));
    key.set_work_factor(WORK_FACTOR);
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&key as _)).map_err(io::Error::other)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    let mut out = zstd::Encoder::new(encryptor.wrap_output(io::BufWriter::new(&mut file))?, 1)?;
    out.write_all(&postcard::to_allocvec(catalog).map_err(io::Error::other)?)?;
    out.finish()?.finish()?.flush()?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
