//! Tar with pax records, for what zip cannot hold. A file's length comes before its content, so
//! one is read to its end before its name goes out: a small one is kept meanwhile, a large one
//! read again.

use super::content::{Content, Tap, Trouble};
use super::{Format, permissions};
use crate::error::Error;
use rustic_core::repofile::Node;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;
use tar::{EntryType, Header};

/// Larger files are read twice.
const KEPT: u64 = 16 << 20;
/// Bytes of the names of files with several names that are remembered; further ones are files of
/// their own.
const MOST_NAMES: usize = 64 << 20;
/// A header has room for so many bytes of a name.
const NAME: usize = 100;
/// A header has room for sizes below this.
const LARGE: u64 = 8 << 30;
const BLOCK: u64 = 512;

pub(super) struct Tar<'a> {
    out: Tap<'a>,
    /// The first name of each file that has several, and which content that has.
    names: HashMap<(u64, u64), (Vec<u8>, [u8; 32])>,
    remembered: usize,
}

impl<'a> Tar<'a> {
    pub(super) fn new(out: Tap<'a>) -> Self {
        Self { out, names: HashMap::new(), remembered: 0 }
    }

    fn head(&mut self, kind: EntryType, name: &[u8], node: &Node, length: u64, link: &[u8]) -> io::Result<()> {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(permissions(node));
        header.set_uid(node.meta.uid.unwrap_or(0).into());
        header.set_gid(node.meta.gid.unwrap_or(0).into());
        let modified = node.meta.mtime.map(|time| time.as_nanosecond()).unwrap_or(0);
        header.set_mtime(u64::try_from(modified / 1_000_000_000).unwrap_or(0));
        header.set_size(length);
        put(&mut header, name, link);
        let mut records = Vec::new();
        let raw = [name, link].iter().any(|text| str::from_utf8(text).is_err());
        if raw {
            record(&mut records, "hdrcharset", b"BINARY");
        }
        for (key, text) in [("path", name), ("linkpath", link)] {
            if text.len() > NAME || !text.is_ascii() {
                record(&mut records, key, text);
            }
        }
        if length >= LARGE {
            record(&mut records, "size", length.to_string().as_bytes());
        }
        if modified < 0 || modified % 1_000_000_000 != 0 {
            record(&mut records, "mtime", seconds(modified).as_bytes());
        }
        if !records.is_empty() {
            let mut extra = Header::new_ustar();
            extra.set_entry_type(EntryType::XHeader);
            extra.set_mode(0o644);
            extra.set_size(records.len() as u64);
            put(&mut extra, b"PaxHeaders/0", b"");
            extra.set_cksum();
            self.out.write_all(extra.as_bytes())?;
            self.out.write_all(&records)?;
            self.pad(records.len() as u64)?;
        }
        header.set_cksum();
        self.out.write_all(header.as_bytes())
    }

    fn pad(&mut self, length: u64) -> io::Result<()> {
        let rest = usize::try_from((BLOCK - length % BLOCK) % BLOCK).unwrap_or(0);
        self.out.write_all(&[0; BLOCK as usize][..rest])
    }
}

impl Format for Tar<'_> {
    fn folder(&mut self, name: &[u8], node: &Node) -> Result<(), Trouble> {
        Ok(self.head(EntryType::Directory, &[name, b"/"].concat(), node, 0, b"")?)
    }

    fn file(&mut self, name: &[u8], node: &Node, content: &mut Content<'_>) -> Result<(), Trouble> {
        let several = (node.meta.links > 1 && node.meta.inode != 0).then_some((node.meta.device_id, node.meta.inode));
        let ids = several.map(|_| {
            let hash = content.ids().iter().fold(Sha256::new(), |hash, id| hash.chain_update(id));
            <[u8; 32]>::from(hash.finalize())
        });
        // Numbers are used again: two that differ are two.
        if let Some((first, same)) = several.and_then(|file| self.names.get(&file)).cloned()
            && Some(same) == ids
        {
            return Ok(self.head(EntryType::Link, name, node, 0, &first)?);
        }
        let length = content.length();
        if length <= KEPT {
            let mut kept = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
            content.each(&mut |piece| {
                kept.extend_from_slice(piece);
                Ok(())
            })?;
            self.head(EntryType::Regular, name, node, length, b"")?;
            self.out.write_all(&kept)?;
        } else {
            content.check()?;
            self.head(EntryType::Regular, name, node, length, b"")?;
            let again = content.each(&mut |piece| self.out.write_all(piece));
            // Its length is out: what is not there now would be made up.
            again.map_err(|trouble| match trouble {
                Trouble::Entry(why) => Trouble::All(Error::Write(io::Error::other(why))),
                all @ Trouble::All(_) => all,
            })?;
        }
        self.pad(length)?;
        if let Some((file, ids)) = several.zip(ids)
            && self.remembered + name.len() <= MOST_NAMES
            && !self.names.contains_key(&file)
        {
            self.remembered += name.len() + 128;
            self.names.insert(file, (name.to_owned(), ids));
        }
        Ok(())
    }

    fn link(&mut self, name: &[u8], node: &Node, target: &Path) -> Result<(), Trouble> {
        Ok(self.head(EntryType::Symlink, name, node, 0, target.as_os_str().as_encoded_bytes())?)
    }

    fn fifo(&mut self, name: &[u8], node: &Node) -> Result<(), Trouble> {
        Ok(self.head(EntryType::Fifo, name, node, 0, b"")?)
    }

    fn text(&mut self, name: &[u8], text: &str) -> Result<(), Trouble> {
        let node = Node::new_node("x".as_ref(), rustic_core::repofile::NodeType::File, Default::default());
        let length = text.len() as u64;
        self.head(EntryType::Regular, name, &node, length, b"")?;
        self.out.write_all(text.as_bytes())?;
        Ok(self.pad(length)?)
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.out.write_all(&[0; 2 * BLOCK as usize])
    }
}

/// As much of the names as a header holds; where that is not all, a record has the rest.
fn put(header: &mut Header, name: &[u8], link: &[u8]) {
    let fields = header.as_old_mut();
    for (field, text) in [(&mut fields.name, name), (&mut fields.linkname, link)] {
        let length = text.len().min(NAME);
        field[..length].copy_from_slice(&text[..length]);
    }
}

/// `LENGTH key=value\n`, where the length counts itself.
fn record(records: &mut Vec<u8>, key: &str, value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    records.extend_from_slice(format!("{length} {key}=").as_bytes());
    records.extend_from_slice(value);
    records.push(b'\n');
}

/// Seconds with nine digits after the point, also before 1970.
fn seconds(nanos: i128) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    format!("{sign}{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_its_own_length() {
        for (value, length) in [(1, 9), (2, 11), (90, 99), (91, 101), (989, 999), (990, 1001)] {
            let mut records = Vec::new();
            record(&mut records, "path", &vec![b'x'; value]);
            assert_eq!(records.len(), length, "{value}");
            assert!(records.starts_with(format!("{length} path=x").as_bytes()));
        }
    }

    #[test]
    fn a_size_beyond_the_headers_room_is_told_all_the_same() {
        for length in [LARGE - 1, LARGE, 1 << 40] {
            let mut out = Vec::new();
            let mut tar = Tar::new(Tap::new(&mut out));
            let node = Node::new_node("x".as_ref(), rustic_core::repofile::NodeType::File, Default::default());
            tar.head(EntryType::Regular, "报告".as_bytes(), &node, length, b"").unwrap();
            drop(tar);
            let mut read = tar::Archive::new(&out[..]);
            let entry = read.entries().unwrap().next().unwrap().unwrap();
            assert_eq!((entry.size(), &*entry.path_bytes()), (length, "报告".as_bytes()));
        }
    }

    #[test]
    fn times_have_their_fractions_and_may_lie_before_1970() {
        assert_eq!(seconds(1_800_000_000_120_000_000), "1800000000.120000000");
        assert_eq!(seconds(-1_500_000_000), "-1.500000000");
    }
}
