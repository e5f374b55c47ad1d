//! Cabinets ([MS-CAB]): stored, MSZIP and LZX through the `cab` crate.

use crate::nest::{Halt, Nest, Opening, Reason};
use crate::source::Source;
use cab::{Cabinet, CompressionType};

/// A folder is unpacked from its beginning for each file in it: no more than this in all.
const WORK: u64 = 2 << 30;

/// The magic, its reserved field, and the only version there is.
pub(crate) fn is(head: &[u8]) -> bool {
    head.starts_with(b"MSCF\0\0\0\0") && head.get(24..26) == Some(b"\x03\x01")
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let mut cabinet = Cabinet::new(source)?;
    let mut files = Vec::new();
    for folder in cabinet.folder_entries() {
        let supported = !matches!(folder.compression_type(), CompressionType::Quantum(..));
        let mut before = 0;
        for file in folder.file_entries() {
            files.push((file.name().to_owned(), supported, before));
            before += u64::from(file.uncompressed_size());
        }
    }
    let mut work = 0_u64;
    for (name, supported, before) in files {
        nest.tick()?;
        work = work.saturating_add(before);
        if work > WORK {
            return Err(Halt::Bad(Reason::Exhausted(WORK)));
        }
        if !supported {
            nest.missed(&name, Reason::Unsupported("its method of compression"))?;
            continue;
        }
        // The crate looks into blocks that a header only claims.
        let attempt = nest.attempt(|nest| match cabinet.read_file(&name) {
            Ok(mut content) => nest.member(&name, &mut content),
            Err(error) => nest.missed(&name, Reason::damaged(error)),
        });
        match attempt {
            Err(Halt::Bad(_)) => nest.missed(&name, Reason::Damaged("its blocks make no sense".into()))?,
            other => other?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::samples::{Heard, sample, torment};

    #[test]
    fn real_ones_are_opened_and_damaged_ones_named() {
        for name in ["mszip.cab", "stored.cab"] {
            let whole = sample(name);
            let heard = Heard::of(&whole);
            heard.holds("invoice.js");
            assert_eq!(heard.missed, []);
            torment(&whole);
            assert!(!Heard::of(&whole[..whole.len() - 10]).missed.is_empty());
        }
        Heard::of(b"MSCF is no cabinet by its name").is_nothing();
    }
}
