//! Tar: ustar, pax and GNU's names through the `tar` crate, also the oldest by their checksum.

use crate::nest::{Halt, Nest, Opening, Reason};
use crate::source::Source;
use crate::text;
use tar::{Archive, EntryType};

/// The magic of ustar and GNU, or at least a header whose checksum is right.
pub(crate) fn is(head: &[u8]) -> bool {
    let Some(header) = head.get(..512) else { return false };
    // Fields in octal that chance does not make: the checksum over all of it.
    let stated: String = header[148..156].iter().map(|b| char::from(*b)).filter(char::is_ascii_digit).collect();
    let sum: u32 =
        header.iter().enumerate().map(|(at, b)| if (148..156).contains(&at) { 32 } else { u32::from(*b) }).sum();
    header[0] != 0 && u32::from_str_radix(&stated, 8).is_ok_and(|stated| stated == sum)
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let mut archive = Archive::new(source);
    archive.set_ignore_zeros(true);
    for entry in archive.entries()? {
        nest.tick()?;
        let mut entry = entry.map_err(|e| Halt::Bad(Reason::damaged(e)))?;
        let name = text::name(&entry.path_bytes());
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => nest.member(&name, &mut entry)?,
            // Folders, links and devices have no content.
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::samples::{Heard, sample};
    use tar::{Builder, EntryType, Header};

    #[test]
    fn real_ones_of_every_dialect_are_opened() {
        for name in ["gnu.tar", "pax.tar", "ustar.tar", "v7.tar"] {
            let whole = unpacked(name);
            let heard = Heard::of(&whole);
            heard.holds("docs/invoice.js");
            assert_eq!(heard.members.len(), 1, "{name}: folders and links are no members");
            heard.survives_damage(&whole);
        }
        let long = format!("docs/{}/invoice.js", "n".repeat(150));
        Heard::of(&unpacked("long.tar")).holds(&long);
    }

    /// Tars are mostly zeros: the samples are kept packed.
    fn unpacked(name: &str) -> Vec<u8> {
        Heard::of(&sample(&format!("{name}.gz"))).members.swap_remove(0).1
    }

    #[test]
    fn hostile_names_are_only_names() {
        let mut archive = Builder::new(Vec::new());
        for name in ["../../etc/passwd", "/etc/shadow", "C:\\Windows\\x.exe"] {
            let mut header = Header::new_gnu();
            header.set_size(4);
            header.set_entry_type(EntryType::Regular);
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            archive.append(&header, &b"evil"[..]).unwrap();
        }
        let heard = Heard::of(&archive.into_inner().unwrap());
        let names: Vec<_> = heard.members.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["../../etc/passwd", "/etc/shadow", "C:\\Windows\\x.exe"]);
    }

    #[test]
    fn a_name_of_gigabytes_is_not_read() {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::GNULongName);
        header.set_size(1 << 40);
        header.as_gnu_mut().unwrap().name[..13].copy_from_slice(b"././@LongLink");
        header.set_cksum();
        let heard = Heard::of(&[header.as_bytes().as_slice(), &[b'n'; 4096]].concat());
        assert!(heard.members.is_empty());
        heard.complains_of("", "damaged");
    }
}
