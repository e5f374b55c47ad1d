//! cpio: the portable formats "odc" (POSIX.1-1997), "newc" and "crc" (SVR4), and the old
//! binary one of either byte order. Initial file systems of Linux are several, one behind
//! another, the last compressed.

mod header;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use super::part::{Part, bytes_at, skip_zeros};
use crate::nest::{Nest, Opening};
use crate::text::name as text;
use crate::{Reason, Source};
use header::Header;
use std::io::{Seek, SeekFrom};

/// Longest header with its name, in bytes.
const LONGEST: usize = header::LONGEST + (64 << 10);
/// The name that ends an archive.
const LAST: &[u8] = b"TRAILER!!!";

pub(crate) fn is(head: &[u8]) -> bool {
    Header::parse(head).is_some_and(|header| header.plausible(head))
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let mut at = 0;
    loop {
        nest.tick()?;
        let bytes = bytes_at(source, at, header::LONGEST)?;
        if bytes.is_empty() {
            return nest.missed("", Reason::Damaged("it breaks off: no end mark".into()));
        }
        let Some(header) = Header::parse(&bytes) else {
            return nest.missed("", Reason::Damaged("no header where one must be".into()));
        };
        let name = name(&header, at, source)?;
        if name == LAST {
            at = match another(source, at, &header, nest)? {
                Some(next) => next,
                None => return Ok(()),
            };
            continue;
        }
        let Some(start) = header.data(at) else {
            return nest.missed("", Reason::Damaged("a member is larger than can be".into()));
        };
        source.seek(SeekFrom::Start(start.min(source.len())))?;
        // A directory has no content, and a link's is its target.
        if header.size > 0 && !header.is_link() {
            nest.member(&text(&name), &mut Part::new(source, header.size))?;
        }
        match header.next(at).filter(|next| *next <= source.len()) {
            Some(next) => at = next,
            None => return nest.missed("", Reason::Damaged("it breaks off within a member".into())),
        }
    }
}

/// The member's name, without the zero at its end.
fn name(header: &Header, at: u64, source: &mut Source<'_>) -> std::io::Result<Vec<u8>> {
    let len = usize::try_from(header.name).unwrap_or(LONGEST).min(LONGEST);
    let mut name = bytes_at(source, at.saturating_add(header.len), len)?;
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    name.truncate(end);
    Ok(name)
}

/// Where another archive begins behind this one's last header. What else is there is handed on.
fn another(
    source: &mut Source<'_>,
    at: u64,
    last: &Header,
    nest: &mut Nest<'_>,
) -> Result<Option<u64>, crate::nest::Halt> {
    source.seek(SeekFrom::Start(last.next(at).unwrap_or(u64::MAX).min(source.len())))?;
    if !skip_zeros(source, nest)? {
        return Ok(None);
    }
    let next = source.stream_position()?;
    if is(&bytes_at(source, next, LONGEST)?) {
        return Ok(Some(next));
    }
    source.seek(SeekFrom::Start(next))?;
    nest.member("(behind the end)", source)?;
    Ok(None)
}
