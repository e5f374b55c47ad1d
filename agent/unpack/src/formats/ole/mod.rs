//! OLE compound files ([MS-CFB]): doc, xls, ppt, msi, msg and what is embedded in others.
//! Each stream is a member under the path of its storage; what streams hold packed is
//! unpacked besides: macros, packages, the objects of a presentation.

mod compound;
mod embedded;
mod msi;
mod vba;

use crate::nest::{Halt, Nest, Opening, Reason};
use crate::source::Source;
use compound::Compound;

pub(crate) fn is(head: &[u8]) -> bool {
    head.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let whole = source.whole();
    let opened = Compound::open(source);
    let damage = match &opened {
        Ok(file) if !file.entries.iter().any(|entry| entry.is_stream) => Some("it has no directory".into()),
        Ok(file) => file.damage.map(String::from),
        Err(error) => Some(error.to_string()),
    };
    if let Ok(mut file) = opened {
        streams(&mut file, nest)?;
        // Two ways to lose everything: no directory, and one that is not there.
        if damage.is_some() && !file.entries.iter().any(|entry| entry.is_stream) {
            vba::recover(whole.unwrap_or_default(), nest)?;
        }
    } else {
        vba::recover(whole.unwrap_or_default(), nest)?;
    }
    damage.map_or(Ok(()), |damage| Err(Halt::Bad(Reason::Damaged(damage))))
}

/// Hands on each stream, and then what is packed in it. A stream that hangs in no folder is
/// one all the same: it would hide there.
fn streams(file: &mut Compound<'_, '_>, nest: &mut Nest<'_>) -> Opening {
    let mut names = Vec::new();
    for index in 0..file.entries.len() {
        if index % 256 == 255 {
            nest.tick()?;
        }
        if !file.entries.get(index).is_some_and(|entry| entry.is_stream && entry.size > 0) {
            continue;
        }
        let name = file.path(index, msi::name);
        match file.piece(index) {
            Some(bytes) => nest.bytes(&name, bytes)?,
            None => nest.member(&name, &mut file.stream(index))?,
        }
        embedded::open(file, index, &name, nest)?;
        names.push((index, name));
    }
    vba::open(file, &names, nest)
}

#[cfg(test)]
mod tests;
