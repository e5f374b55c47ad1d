//! OLE compound files ([MS-CFB]): doc, xls, ppt, msi, msg and what is embedded in others.
//! Each stream is a member under the path of its storage; what streams hold packed is
//! unpacked besides: macros, packages, the objects of a presentation.

mod embedded;
mod msi;
mod vba;

use crate::nest::{Halt, Nest, Opening, Reason};
use crate::source::Source;
use cfb::CompoundFile;
use std::io::Read;
use std::path::PathBuf;

/// Streams and storages that are looked at.
const MOST_ENTRIES: usize = 20_000;
/// A stream of which more than this is asked is read again, not kept.
const KEPT: u64 = 32 << 20;

pub(crate) fn is(head: &[u8]) -> bool {
    head.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let mut file = CompoundFile::open(source)?;
    let streams: Vec<(PathBuf, u64)> = file
        .walk()
        .take(MOST_ENTRIES)
        .filter(|entry| entry.is_stream() && !entry.is_empty())
        .map(|entry| (entry.path().to_owned(), entry.len()))
        .collect();
    let mut damaged = None;
    let mut kept = Vec::new();
    for (path, len) in &streams {
        nest.tick()?;
        let name = name_of(path);
        // The crate follows chains of sectors that a header only claims.
        let attempt = nest.attempt(|nest| {
            let mut stream = file.open_stream(path)?;
            if *len > KEPT {
                return nest.member(&name, &mut stream);
            }
            let mut bytes = Vec::new();
            let reading = stream.by_ref().take(KEPT).read_to_end(&mut bytes);
            nest.bytes(&name, &bytes)?;
            embedded::open(&name, &bytes, nest)?;
            kept.push((name.clone(), bytes));
            reading.map(drop).map_err(Halt::from)
        });
        match attempt {
            Err(Halt::Bad(reason)) => damaged = Some(reason),
            other => other?,
        }
    }
    vba::open(&kept, nest)?;
    if is_encrypted(&kept) {
        nest.missed("", Reason::Encrypted)?;
    }
    damaged.map_or(Ok(()), |reason| Err(Halt::Bad(reason)))
}

/// `Macros/VBA/Module1`, and what an installer has mangled as it was.
fn name_of(path: &std::path::Path) -> String {
    let text = path.to_string_lossy();
    text.trim_start_matches(['/', '\\']).replace('\\', "/").split('/').map(msi::name).collect::<Vec<_>>().join("/")
}

/// Whether a document's text needs a password: an encrypted package, a workbook with a
/// FILEPASS record ([MS-XLS] 2.4.117), a document whose FIB says so ([MS-DOC] 2.5.1).
fn is_encrypted(streams: &[(String, Vec<u8>)]) -> bool {
    streams.iter().any(|(name, bytes)| match name.as_str() {
        "EncryptedPackage" => true,
        "Workbook" | "Book" => embedded::records(bytes).take(64).any(|(kind, _)| kind == 0x2f),
        "WordDocument" => bytes.get(..2) == Some(&[0xec, 0xa5]) && bytes.get(11).is_some_and(|flags| flags & 1 != 0),
        _ => false,
    })
}

#[cfg(test)]
mod tests;
