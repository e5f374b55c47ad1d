//! Zip to a pipe: sizes come after each entry, and the list of them all last. A file that cannot
//! be read to its end is out of the list, which is all that counts.

use super::content::{Content, Tap, Trouble};
use super::{Format, permissions};
use chrono::{DateTime, Local, Utc};
use rustic_core::repofile::{Node, NodeType};
use std::io::{self, Write};
use std::path::Path;
use zip::write::{FullFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

/// Paths that are longer cannot be opened on any system.
const LONGEST_PATH: usize = 4096;
/// From here on an entry says its sizes in 64 bits; what cannot be compressed grows a little.
const LARGE: u64 = 0xffff_ffff - (64 << 20);
/// Office documents are compressed already: the least costs little time and loses little.
const LEVEL: i64 = 1;

/// Why a zip cannot hold an entry.
pub(super) fn refuses(name: &[u8], node: &Node) -> Option<&'static str> {
    let link = match &node.node_type {
        NodeType::Symlink { .. } => Some(node.node_type.to_link()),
        _ => None,
    };
    if str::from_utf8(name).is_err() {
        Some("its name is not in UTF-8")
    } else if name.contains(&b'\\') {
        // Many programs take it for the separator of folders.
        Some("its name holds a backslash")
    } else if name.len() > LONGEST_PATH {
        Some("its path is too long")
    } else if link.is_some_and(|target| target.to_str().is_none()) {
        Some("it is a link that leads to a name that is not in UTF-8")
    } else if matches!(node.node_type, NodeType::Fifo) {
        Some("it is a FIFO")
    } else {
        None
    }
}

pub(super) struct Zip<'a>(ZipWriter<StreamWriter<Tap<'a>>>);

impl<'a> Zip<'a> {
    pub(super) fn new(out: Tap<'a>) -> Self {
        Self(ZipWriter::new_stream(out))
    }
}

impl Format for Zip<'_> {
    fn folder(&mut self, name: &[u8], node: &Node) -> Result<(), Trouble> {
        let name = held(name, node)?;
        self.0.add_directory(name, options(node)).map_err(entry)
    }

    fn file(&mut self, name: &[u8], node: &Node, content: &mut Content<'_>) -> Result<(), Trouble> {
        let name = held(name, node)?;
        let options = options(node).large_file(content.length() > LARGE);
        self.0.start_file(name, options).map_err(entry)?;
        let done = content.each(&mut |piece| self.0.write_all(piece));
        if done.is_err() {
            self.0.hide_file(name).map_err(entry)?;
        }
        done
    }

    fn link(&mut self, name: &[u8], node: &Node, target: &Path) -> Result<(), Trouble> {
        let name = held(name, node)?;
        let target = target.to_string_lossy();
        self.0.add_symlink(name, target, options(node).unix_permissions(0o777)).map_err(entry)
    }

    fn fifo(&mut self, name: &[u8], node: &Node) -> Result<(), Trouble> {
        held(name, node).map(|_| ())
    }

    fn text(&mut self, name: &[u8], text: &str) -> Result<(), Trouble> {
        let options = FullFileOptions::default().unix_permissions(0o644);
        self.0.start_file(String::from_utf8_lossy(name), options).map_err(entry)?;
        Ok(self.0.write_all(text.as_bytes())?)
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        self.0.finish().map(drop).map_err(io::Error::from)
    }
}

/// The entry's name, where a zip can hold it.
fn held<'n>(name: &'n [u8], node: &Node) -> Result<&'n str, Trouble> {
    match (refuses(name, node), str::from_utf8(name)) {
        (None, Ok(name)) => Ok(name),
        (why, _) => Err(Trouble::Entry(why.unwrap_or("a zip cannot hold it").to_owned())),
    }
}

/// Nothing that the writer refuses comes from the pipe behind it.
fn entry(error: zip::result::ZipError) -> Trouble {
    Trouble::Entry(error.to_string())
}

fn options(node: &Node) -> FullFileOptions<'static, 'static> {
    let mut options = FullFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(LEVEL))
        .unix_permissions(permissions(node));
    let Some(modified) = node.meta.mtime.and_then(|time| DateTime::<Utc>::from_timestamp(time.as_second(), 0)) else {
        return options;
    };
    // Once in the local time of this place, as MS-DOS had it and Windows shows it, once exactly.
    let local = modified.with_timezone(&Local).naive_local();
    if let Ok(local) = zip_time(local) {
        options = options.last_modified_time(local);
    }
    // 32 bits with a sign, as most read it.
    match i32::try_from(modified.timestamp()).ok().and_then(|seconds| u32::try_from(seconds).ok()) {
        Some(seconds) => options.clone().with_extended_timestamp(Some(seconds), None, None).unwrap_or(options),
        None => options,
    }
}

fn zip_time(time: chrono::NaiveDateTime) -> Result<zip::DateTime, zip::result::DateTimeRangeError> {
    use chrono::{Datelike, Timelike};
    let part = |value: u32| u8::try_from(value).unwrap_or(0);
    zip::DateTime::from_date_and_time(
        u16::try_from(time.year()).unwrap_or(0),
        part(time.month()),
        part(time.day()),
        part(time.hour()),
        part(time.minute()),
        part(time.second()),
    )
}
