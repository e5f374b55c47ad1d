//! Members by their own headers, where no directory tells of them.

use super::entry::{self, LOCAL, u16_at, u32_at};
use crate::nest::{Halt, Nest, Opening, Reason};
use crate::source::Source;
use crate::text;
use std::io::Read;

/// Hands on every member whose header can be found.
pub(super) fn open(source: &Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let Some(bytes) = source.whole() else {
        return Err(Halt::Bad(Reason::Damaged("it has no directory".into())));
    };
    let (mut at, mut found) = (0, false);
    while let Some(next) = bytes.get(at..).and_then(|rest| memchr::memmem::find(rest, LOCAL)) {
        nest.tick()?;
        at += next;
        let Some(member) = Local::read(&bytes[at..]) else {
            at += LOCAL.len();
            continue;
        };
        let data = &bytes[at + member.header..];
        at += member.header;
        if member.name.ends_with('/') {
            continue;
        }
        found = true;
        let known = usize::try_from(member.packed).ok().filter(|n| *n > 0 && !member.streamed);
        let data = match known {
            Some(packed) => data.get(..packed).unwrap_or(data),
            // Its length stands behind it; decoders see for themselves where it ends.
            None if member.method == 0 => &data[..memchr::memmem::find(data, b"PK").unwrap_or(data.len())],
            None => data,
        };
        let mut rest = data;
        entry::unpack(&member.name, member.method, member.encrypted, &mut rest.by_ref(), nest)?;
        // Decoders read ahead: the next header is sought from behind what is surely used.
        at += known.unwrap_or(0).min(data.len());
    }
    Err(Halt::Bad(Reason::Damaged(
        if found { "it has no directory" } else { "it holds nothing that can be read" }.into(),
    )))
}

struct Local {
    header: usize,
    name: String,
    method: u16,
    encrypted: bool,
    streamed: bool,
    packed: u32,
}

impl Local {
    fn read(bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..30)?;
        let flags = u16_at(header, 6);
        let name = bytes.get(30..30 + usize::from(u16_at(header, 26)))?;
        let len = 30 + name.len() + usize::from(u16_at(header, 28));
        (bytes.len() >= len).then(|| Self {
            header: len,
            name: text::name(name),
            method: u16_at(header, 8),
            encrypted: flags & 1 != 0,
            streamed: flags & 8 != 0,
            packed: u32_at(header, 18),
        })
    }
}
