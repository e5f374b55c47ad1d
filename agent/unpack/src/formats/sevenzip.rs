//! 7z. Several members are one stream here, so they are handed on in the order in which they
//! come out of it.

use crate::nest::{Halt, Nest, Opening, Reason};
use crate::source::Source;
use sevenz_rust2::{ArchiveReader, Error, Password};

/// Memory that a header and the decoders may ask for, in KiB: the largest dictionary of the
/// usual settings is 64 MiB.
const MEMORY: usize = 80 << 10;

pub(crate) fn is(head: &[u8]) -> bool {
    head.starts_with(b"7z\xbc\xaf\x27\x1c\0")
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let mut reader = ArchiveReader::new_with_memory_limit(source, Password::empty(), MEMORY).map_err(bad)?;
    reader.set_thread_count(1);
    let mut halt = None;
    let reading = reader.for_each_entries(|entry, content| {
        let handed_on = match entry.is_directory() || !entry.has_stream() {
            true => nest.tick(),
            false => nest.member(entry.name(), content),
        };
        if let Err(why) = handed_on {
            halt = Some(why);
            return Err(Error::Other("called off".into()));
        }
        // What was too large to be taken must be passed for the next one to be reached.
        let mut step = vec![0; 64 << 10];
        while halt.is_none() && content.read(&mut step).is_ok_and(|read| read > 0) {
            halt = nest.tick().err();
        }
        Ok(halt.is_none())
    });
    match (halt, reading) {
        (Some(halt), _) => Err(halt),
        (None, reading) => reading.map_err(bad),
    }
}

fn bad(error: Error) -> Halt {
    Halt::Bad(match error {
        Error::PasswordRequired | Error::MaybeBadPassword(_) => Reason::Encrypted,
        Error::UnsupportedCompressionMethod(method) if method.contains("AES") => Reason::Encrypted,
        Error::UnsupportedCompressionMethod(_) => Reason::Unsupported("its method of compression"),
        Error::MaxMemLimited { max_kb, .. } => Reason::TooLarge((max_kb as u64) << 10),
        other => Reason::damaged(other),
    })
}

#[cfg(test)]
mod tests {
    use crate::samples::{Heard, sample, torment};

    #[test]
    fn real_ones_of_every_method_are_opened() {
        for name in ["sample.7z", "bzip2.7z", "ppmd.7z", "lzma.7z", "deflate.7z", "bcj.7z"] {
            let heard = Heard::of(&sample(name));
            heard.holds("docs/invoice.js");
            assert_eq!(heard.missed, [], "{name}");
            torment(&sample(name));
        }
    }

    #[test]
    fn what_needs_a_password_is_said_to() {
        for name in ["encrypted.7z", "header-encrypted.7z"] {
            let heard = Heard::of(&sample(name));
            assert!(heard.members.is_empty());
            heard.complains_of("", "encrypted");
        }
    }
}
