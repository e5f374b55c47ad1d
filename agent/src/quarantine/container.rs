//! One file of the vault: a line that says what it is, what is known of the file in plain JSON, so
//! that it can be listed without the key, and the content as `age` encrypts it.

use super::VaultError;
use crate::platform;
use age::secrecy::ExposeSecret;
use age::x25519::Identity;
use keepwatch_proto::quarantine::Item;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{File, FileTimes, Metadata, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// No program begins like this.
const MAGIC: &[u8] = b"keepwatch quarantine 1\n";
/// Longest header that is read, in bytes.
const LONGEST_HEADER: u32 = 256 << 10;
/// Bytes that are copied at a time.
const AT_ONCE: usize = 64 << 10;

/// What is kept of a file besides its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// What the controller hears of it.
    pub(crate) item: Item,
    /// Mode, user and group.
    owner: (u32, u32, u32),
    /// Seconds and nanoseconds of Unix time.
    modified: Option<(i64, u32)>,
    accessed: Option<(i64, u32)>,
}

impl Header {
    /// Of a file that is like this.
    pub(super) fn of(item: Item, data: &Metadata) -> Self {
        let time = |at: io::Result<SystemTime>| at.ok().and_then(unix);
        Self { item, owner: platform::owner_of(data), modified: time(data.modified()), accessed: time(data.accessed()) }
    }

    /// Gives a file its owner, permissions and times again.
    pub(super) fn apply(&self, file: &File) -> io::Result<()> {
        platform::set_owner(file, self.owner)?;
        let mut times = FileTimes::new();
        if let Some(at) = self.modified.and_then(moment) {
            times = times.set_modified(at);
        }
        if let Some(at) = self.accessed.and_then(moment) {
            times = times.set_accessed(at);
        }
        file.set_times(times)
    }
}

fn unix(at: SystemTime) -> Option<(i64, u32)> {
    match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => Some((i64::try_from(since.as_secs()).ok()?, since.subsec_nanos())),
        // Before 1970 whole seconds do.
        Err(before) => Some((-i64::try_from(before.duration().as_secs()).ok()?, 0)),
    }
}

fn moment((seconds, nanos): (i64, u32)) -> Option<SystemTime> {
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let at =
        if seconds < 0 { SystemTime::UNIX_EPOCH.checked_sub(whole) } else { SystemTime::UNIX_EPOCH.checked_add(whole) };
    at?.checked_add(Duration::from_nanos(nanos.into()))
}

/// Whether a file is as it was, as far as the system says.
pub(super) fn unchanged(before: &Metadata, now: &Metadata) -> bool {
    before.len() == now.len() && before.modified().ok() == now.modified().ok()
}

/// The vault's key, which is made when it is first needed.
pub(super) fn key(vault: &Path) -> io::Result<Identity> {
    let file = vault.join("key");
    match std::fs::read_to_string(&file) {
        Ok(text) => text.trim().parse().map_err(|why: &str| io::Error::other(format!("its key is spoilt: {why}"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let (key, new) = (Identity::generate(), vault.join("key.new"));
            platform::write_private(&new, key.to_string().expose_secret().as_bytes())?;
            std::fs::rename(new, file)?;
            platform::sync_dir(vault)?;
            Ok(key)
        }
        Err(error) => Err(error),
    }
}

/// Takes in what goes through it.
struct Digesting<W> {
    to: W,
    hash: Sha256,
    bytes: u64,
}

impl<W> Digesting<W> {
    fn new(to: W) -> Self {
        Self { to, hash: Sha256::new(), bytes: 0 }
    }

    fn digest(self) -> (String, u64) {
        (hex::encode(self.hash.finalize()), self.bytes)
    }
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// A file's SHA-256 and bytes, from its beginning.
pub(super) fn digest(mut file: &File) -> io::Result<(String, u64)> {
    let mut all = Digesting::new(io::sink());
    file.rewind()?;
    io::copy(&mut BufReader::with_capacity(AT_ONCE, file), &mut all)?;
    Ok(all.digest())
}

/// Writes one, down to the disk. False: the content is not what the header says; it is just being
/// changed.
pub(super) fn seal(to: &Path, key: &Identity, header: &Header, mut content: &File) -> io::Result<bool> {
    let said = serde_json::to_vec(header)?;
    let length = u32::try_from(said.len()).ok().filter(|length| *length <= LONGEST_HEADER);
    let length = length.ok_or_else(|| io::Error::other("its path is too long"))?;
    platform::write_private(to, &[MAGIC, &length.to_le_bytes(), &said].concat())?;
    let file = OpenOptions::new().append(true).open(to)?;
    let recipient = key.to_public();
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient))
        .map_err(io::Error::other)?;
    let mut sealed = Digesting::new(encryptor.wrap_output(BufWriter::with_capacity(AT_ONCE, &file))?);
    content.rewind()?;
    // One that grows for ever must not fill the disk.
    let bounded = content.take(header.item.size.saturating_add(1));
    io::copy(&mut BufReader::with_capacity(AT_ONCE, bounded), &mut sealed)?;
    let Digesting { to: writer, hash, bytes } = sealed;
    writer.finish()?.into_inner().map_err(|error| error.into_error())?;
    file.sync_all()?;
    Ok((hex::encode(hash.finalize()), bytes) == (header.item.sha256.clone(), header.item.size))
}

/// What one says of its file.
pub(super) fn header(path: &Path) -> io::Result<Header> {
    Ok(open(path)?.0)
}

/// The header, and the file behind it.
fn open(path: &Path) -> io::Result<(Header, BufReader<File>)> {
    let spoilt = |why: &'static str| io::Error::new(io::ErrorKind::InvalidData, why);
    let mut file = BufReader::with_capacity(AT_ONCE, File::open(path)?);
    let (mut magic, mut length) = ([0; MAGIC.len()], [0; 4]);
    file.read_exact(&mut magic)?;
    file.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if magic != *MAGIC || length > LONGEST_HEADER {
        return Err(spoilt("it does not begin as it must"));
    }
    let mut said = vec![0; length as usize];
    file.read_exact(&mut said)?;
    Ok((serde_json::from_slice(&said)?, file))
}

/// Writes the content of one into a file, and checks it. What was written where it is not what it
/// was must not be kept.
pub(super) fn unseal(path: &Path, key: &Identity, header: &Header, to: impl Write) -> Result<(), VaultError> {
    let damaged = |error: String| VaultError::Damaged(error);
    let (_, sealed) = open(path).map_err(|e| damaged(e.to_string()))?;
    let opened = age::Decryptor::new_buffered(sealed).map_err(|e| damaged(e.to_string()))?;
    let mut content = opened.decrypt(std::iter::once(key as &dyn age::Identity)).map_err(|e| damaged(e.to_string()))?;
    let (mut out, mut piece) = (Digesting::new(to), vec![0; AT_ONCE]);
    loop {
        // Whether it is reading or writing that fails decides what is to be done.
        let n = content.read(&mut piece).map_err(|e| damaged(e.to_string()))?;
        if n == 0 {
            break;
        }
        out.write_all(&piece[..n]).map_err(VaultError::Vault)?;
    }
    if out.digest() != (header.item.sha256.clone(), header.item.size) {
        return Err(damaged("its content is another".into()));
    }
    Ok(())
}

/// Whether one is whole.
pub(super) fn verify(path: &Path, key: &Identity, header: &Header) -> Result<(), VaultError> {
    unseal(path, key, header, io::sink())
}
