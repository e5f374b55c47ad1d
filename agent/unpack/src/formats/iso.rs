//! ISO 9660 images (ECMA-119), by their Joliet names where they have any.

use crate::nest::{Nest, Opening, Reason};
use crate::source::{HEAD, Source};
use crate::text;
use std::collections::HashSet;
use std::io::{self, Read, Seek, SeekFrom};

const SECTOR: u64 = 2048;
/// The first volume descriptor.
const DESCRIPTORS: u64 = 16 * SECTOR;
/// Descriptors that are looked at: real images have three or four.
const MOST_DESCRIPTORS: u64 = 64;
/// A folder's own records; a larger one is read to here.
const LONGEST_FOLDER: u64 = 16 << 20;
const FOLDER: u8 = 2;

pub(crate) fn is(head: &[u8]) -> bool {
    head.len() > HEAD / 2 && head.get(0x8001..0x8006) == Some(b"CD001")
}

/// A folder or file on the disc.
struct Extent {
    at: u64,
    len: u64,
    name: String,
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let Some((root, joliet)) = root(source)? else {
        return nest.missed("", Reason::Damaged("it has no root folder".into()));
    };
    // Each folder once: one that holds itself would never end.
    let (mut folders, mut seen) = (vec![root], HashSet::new());
    while let Some(folder) = folders.pop() {
        nest.tick()?;
        if !seen.insert(folder.at) {
            continue;
        }
        for (flags, mut entry) in read_folder(source, &folder, joliet)? {
            nest.tick()?;
            if !folder.name.is_empty() {
                entry.name = format!("{}/{}", folder.name, entry.name);
            }
            if flags & FOLDER != 0 {
                folders.push(entry);
            } else if entry.at.saturating_add(entry.len) > source.len() {
                nest.missed(&entry.name, Reason::Damaged("it lies beyond the image's end".into()))?;
            } else if entry.len > 0 {
                source.seek(SeekFrom::Start(entry.at))?;
                nest.member(&entry.name, &mut source.by_ref().take(entry.len))?;
            }
        }
    }
    Ok(())
}

/// The root folder, of Joliet's tree if there is one.
fn root(source: &mut Source<'_>) -> io::Result<Option<(Extent, bool)>> {
    let mut found = None;
    for number in 0..MOST_DESCRIPTORS {
        let mut descriptor = [0; SECTOR as usize];
        source.seek(SeekFrom::Start(DESCRIPTORS + number * SECTOR))?;
        if source.read_exact(&mut descriptor).is_err() || &descriptor[1..6] != b"CD001" {
            break;
        }
        let joliet = descriptor[0] == 2 && descriptor[88..90] == *b"%/" && b"@CE".contains(&descriptor[90]);
        match descriptor[0] {
            255 => break,
            1 if found.is_none() => found = record(&descriptor[156..190], false).map(|(_, root)| (root, false)),
            2 if joliet => {
                found = record(&descriptor[156..190], true).map(|(_, root)| (root, true));
                break;
            }
            _ => {}
        }
    }
    Ok(found.map(|(root, joliet)| (Extent { name: String::new(), ..root }, joliet)))
}

fn read_folder(source: &mut Source<'_>, folder: &Extent, joliet: bool) -> io::Result<Vec<(u8, Extent)>> {
    source.seek(SeekFrom::Start(folder.at))?;
    let mut bytes = Vec::new();
    source.by_ref().take(folder.len.min(LONGEST_FOLDER)).read_to_end(&mut bytes)?;
    let mut entries: Vec<(u8, Extent)> = Vec::new();
    let mut at = 0;
    while let Some(&len) = bytes.get(at) {
        // No record crosses a sector; the rest of one is zeros.
        if len == 0 {
            at = (at / SECTOR as usize + 1) * SECTOR as usize;
            continue;
        }
        let own = bytes.get(at..at + usize::from(len)).unwrap_or_default();
        at += usize::from(len);
        let Some((flags, entry)) = record(own, joliet) else { continue };
        // The first two are the folder itself and the one above.
        if matches!(entry.name.as_str(), "\0" | "\x01") {
            continue;
        }
        // A large file comes in parts behind one another.
        match entries.last_mut() {
            Some((_, last)) if last.name == entry.name && last.at + last.len.next_multiple_of(SECTOR) == entry.at => {
                last.len = last.len.next_multiple_of(SECTOR) + entry.len;
            }
            _ => entries.push((flags, entry)),
        }
    }
    Ok(entries)
}

/// A directory record: its flags, and what it names.
fn record(bytes: &[u8], joliet: bool) -> Option<(u8, Extent)> {
    let u32_at = |at: usize| bytes.get(at..at + 4).map(|b| u64::from(u32::from_le_bytes([b[0], b[1], b[2], b[3]])));
    let name = bytes.get(33..33 + usize::from(*bytes.get(32)?))?;
    let name = match name {
        [0] | [1] => char::from(name[0]).to_string(),
        _ if joliet => encoding_rs::UTF_16BE.decode_without_bom_handling(name).0.into_owned(),
        _ => text::name(name),
    };
    let name = name.split_once(';').map_or(name.as_str(), |(name, _version)| name).to_owned();
    Some((*bytes.get(25)?, Extent { at: u32_at(2)? * SECTOR, len: u32_at(10)?, name }))
}

#[cfg(test)]
mod tests {
    use crate::samples::{Heard, sample};

    /// Images are mostly zeros: the samples are kept packed.
    fn unpacked(name: &str) -> Vec<u8> {
        Heard::of(&sample(name)).members.swap_remove(0).1
    }

    #[test]
    fn real_ones_are_opened_with_their_long_names() {
        let whole = unpacked("joliet.iso.gz");
        let heard = Heard::of(&whole);
        heard.holds("docs/发票 invoice.js");
        assert_eq!(heard.missed, []);
        Heard::of(&unpacked("plain.iso.gz")).holds("DOCS/INVOICE.JS");
    }

    #[test]
    fn damaged_ones_end_and_a_folder_that_holds_itself_does_too() {
        let whole = unpacked("plain.iso.gz");
        for len in (0x8800..whole.len()).step_by(4096) {
            Heard::of(&whole[..len]);
        }
        // Every byte of the folders, bent.
        for at in (0x8000..0x8800).chain(0xb000..whole.len().min(0xf000)).step_by(7) {
            let mut bent = whole.clone();
            bent[at] ^= 0x55;
            let heard = Heard::of(&bent);
            assert!(!heard.missed.iter().any(|(_, why)| why.to_string().contains("crashed")), "{at}: {heard:?}");
        }
        let root = 0x8000 + 156;
        let mut cycle = whole.clone();
        let root_at = u32::from_le_bytes([whole[root + 2], whole[root + 3], whole[root + 4], whole[root + 5]]);
        let folder = usize::try_from(root_at).unwrap_or(0) * 2048;
        // The third record is the first real one; it now names the root itself.
        let third = folder + 2 * 34;
        let third = if cycle[third] > 34 { third } else { folder + usize::from(cycle[folder]) * 2 };
        let root_bytes = whole[folder + 2..folder + 18].to_vec();
        cycle[third + 2..third + 18].copy_from_slice(&root_bytes);
        cycle[third + 25] = 2;
        Heard::of(&cycle);
    }
}
