//! Macros. Their source is packed ([MS-OVBA] 2.4.1) and stands in each module's stream behind
//! what the compiler made of it; where, is said in the stream `dir` beside it. Malware lies
//! there or leaves it out, so a module's source is also sought by how it begins. It is handed
//! on as `Macros/VBA/Module1.vba`, in the bytes in which it is stored.

use super::compound::{Compound, le16, le32};
use crate::nest::{Nest, Opening};
use crate::text;
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Read;

/// Of one module's stream, and of its source; the largest real ones are below 1 MiB.
const LONGEST: u64 = 16 << 20;
/// Of what `dir` says.
const LONGEST_DIR: u64 = 1 << 20;
/// Places in one stream where source may begin.
const MOST_PLACES: usize = 16;
/// A container's chunk, unpacked.
const CHUNK: usize = 4096;

/// Where the source of each module begins, by the name of its stream in lower case.
type Places = HashMap<String, usize>;

/// Hands on the source of each module in each macro folder.
pub(super) fn open(file: &mut Compound<'_, '_>, names: &[(usize, String)], nest: &mut Nest<'_>) -> Opening {
    let mut stated: HashMap<Option<u32>, Places> = HashMap::new();
    for (index, name) in names {
        if last(name).eq_ignore_ascii_case("dir") {
            let mut dir = Vec::new();
            let _ = Unpacked::new(&read(file, *index)).take(LONGEST_DIR).read_to_end(&mut dir);
            nest.passed(dir.len())?;
            stated.entry(file.folder(*index)).or_insert_with(|| places(&dir));
        }
    }
    for (index, name) in names {
        let folder = file.folder(*index);
        // One that hangs nowhere may have hung there.
        if is_module(name) || folder.is_none() {
            nest.tick()?;
            let at = stated.get(&folder).and_then(|places| places.get(&last(name).to_lowercase()));
            hand_on(name, &read(file, *index), at.copied(), nest)?;
        }
    }
    Ok(())
}

fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// As much of a stream as is looked at. What cannot be read of it has been said when the
/// stream itself was handed on.
fn read<'a>(file: &mut Compound<'_, 'a>, index: usize) -> Cow<'a, [u8]> {
    if let Some(piece) = file.piece(index) {
        return piece.into();
    }
    let mut bytes = Vec::new();
    let _ = file.stream(index).take(LONGEST).read_to_end(&mut bytes);
    bytes.into()
}

/// Hands on what source is found in a stream: where it is stated to be, and where it looks so.
fn hand_on(name: &str, bytes: &[u8], stated: Option<usize>, nest: &mut Nest<'_>) -> Opening {
    let stated = stated.filter(|at| bytes.get(*at) == Some(&1));
    let sought = sought(bytes).filter(|at| Some(*at) != stated);
    for (number, at) in stated.into_iter().chain(sought).take(MOST_PLACES).enumerate() {
        let name = if number == 0 { format!("{name}.vba") } else { format!("{name}.{}.vba", number + 1) };
        nest.member(&name, &mut Unpacked::new(bytes.get(at..).unwrap_or_default()).take(LONGEST))?;
    }
    Ok(())
}

/// Looks for source in bytes of which the structure is lost.
pub(super) fn recover(bytes: &[u8], nest: &mut Nest<'_>) -> Opening {
    hand_on("recovered", bytes, None, nest)
}

/// Whether this stream lies in a macro folder, and is none of those that describe it.
fn is_module(name: &str) -> bool {
    let mut parts = name.rsplit('/');
    let (last, folder) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let describes = last.eq_ignore_ascii_case("dir") || last.starts_with("_VBA_PROJECT") || last.starts_with("__SRP_");
    folder.eq_ignore_ascii_case("VBA") && !describes
}

/// What the records of `dir` say ([MS-OVBA] 2.3.4.2).
fn places(dir: &[u8]) -> Places {
    const STREAM_NAME: u16 = 0x1a;
    const STREAM_NAME_UNICODE: u16 = 0x32;
    const OFFSET: u16 = 0x31;
    const PROJECT_VERSION: u16 = 0x09;
    let (mut at, mut names, mut places) = (0_usize, Vec::new(), Places::new());
    while let (Some(kind), Some(size)) = (le16(dir, at), le32(dir, at + 2)) {
        // This record's size leaves out a part of it.
        let size = if kind == PROJECT_VERSION { 6 } else { size as usize };
        let Some(content) = dir.get(at + 6..).and_then(|rest| rest.get(..size)) else { break };
        match kind {
            STREAM_NAME => names = vec![text::name(content)],
            STREAM_NAME_UNICODE => names.push(encoding_rs::UTF_16LE.decode_without_bom_handling(content).0.into()),
            OFFSET => {
                let offset = le32(content, 0).unwrap_or(0) as usize;
                places.extend(names.drain(..).map(|name: String| (name.to_lowercase(), offset)));
            }
            _ => {}
        }
        at += 6 + size;
    }
    places
}

/// Where containers begin whose text begins as every module's does: a mark, a chunk's header,
/// and "Attribut", as eight literals behind their flags or in a chunk that is not packed.
fn sought(bytes: &[u8]) -> impl Iterator<Item = usize> {
    memchr::memmem::find_iter(bytes, b"Attribut").filter_map(|text| {
        let begins = |before: usize| {
            let at = text.checked_sub(before)?;
            let header = le16(bytes, at + 1)?;
            (bytes.get(at) == Some(&1) && header >> 12 & 7 == 3).then_some((at, header >> 15 == 1))
        };
        let packed = begins(4).filter(|(_, packed)| *packed && bytes.get(text - 1) == Some(&0));
        let plain = || begins(3).filter(|(_, packed)| !packed);
        packed.or_else(plain).map(|(at, _)| at)
    })
}

/// A container, unpacked chunk by chunk. It ends where no chunk begins: what stands behind it
/// in its stream belongs to somebody else.
struct Unpacked<'b> {
    rest: &'b [u8],
    chunk: Vec<u8>,
    given: usize,
}

impl<'b> Unpacked<'b> {
    fn new(container: &'b [u8]) -> Self {
        let rest = container.strip_prefix(&[1]).unwrap_or_default();
        Self { rest, chunk: vec![], given: 0 }
    }

    fn next_chunk(&mut self) {
        self.given = 0;
        self.chunk.clear();
        let Some(header) = le16(self.rest, 0).filter(|header| header >> 12 & 7 == 3) else {
            self.rest = &[];
            return;
        };
        let size = usize::from(header & 0xfff) + 3;
        let chunk = self.rest.get(2..size).or(self.rest.get(2..)).unwrap_or_default();
        self.rest = self.rest.get(size..).unwrap_or_default();
        if header >> 15 == 0 {
            self.chunk.extend_from_slice(chunk);
        } else {
            unpack_chunk(chunk, &mut self.chunk);
        }
    }
}

impl Read for Unpacked<'_> {
    fn read(&mut self, output: &mut [u8]) -> std::io::Result<usize> {
        while self.given >= self.chunk.len() {
            if self.rest.is_empty() {
                return Ok(0);
            }
            self.next_chunk();
        }
        let read = self.chunk.get(self.given..).unwrap_or_default().read(output)?;
        self.given += read;
        Ok(read)
    }
}

/// Eight tokens behind their flags, again and again: a literal, or a copy of what came before.
fn unpack_chunk(chunk: &[u8], out: &mut Vec<u8>) {
    let mut tokens = chunk;
    while let Some((&flags, more)) = tokens.split_first() {
        tokens = more;
        for bit in 0..8 {
            let done = out.len();
            if done >= CHUNK {
                return;
            }
            if flags >> bit & 1 == 0 {
                let Some((&literal, more)) = tokens.split_first() else { return };
                tokens = more;
                out.push(literal);
                continue;
            }
            let Some((token, more)) = tokens.split_first_chunk() else { return };
            tokens = more;
            let token = usize::from(u16::from_le_bytes(*token));
            // The more there is to point into, the more bits the offset has.
            let bits = (usize::BITS - done.saturating_sub(1).leading_zeros()).clamp(4, 12);
            let (offset, len) = ((token >> (16 - bits)) + 1, (token & (0xffff >> bits)) + 3);
            let Some(from) = done.checked_sub(offset) else { return };
            for at in from..from + len.min(CHUNK - done) {
                let Some(&byte) = out.get(at) else { return };
                out.push(byte);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn unpack(packed: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        Unpacked::new(packed).take(LONGEST_DIR).read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn the_examples_of_the_specification_come_out() {
        // [MS-OVBA] 3.2.1 to 3.2.3.
        let plain = b"\x01\x19\xb0\x00abcdefgh\x00ijklmnop\x00qrstuv.";
        assert_eq!(unpack(plain), b"abcdefghijklmnopqrstuv.");
        let normal: &[u8] = &[
            0x01, 0x2f, 0xb0, 0x00, 0x23, 0x61, 0x61, 0x61, 0x62, 0x63, 0x64, 0x65, 0x82, 0x66, 0x00, 0x70, 0x61, 0x67,
            0x68, 0x69, 0x6a, 0x01, 0x38, 0x08, 0x61, 0x6b, 0x6c, 0x00, 0x30, 0x6d, 0x6e, 0x6f, 0x70, 0x06, 0x71, 0x02,
            0x70, 0x04, 0x10, 0x72, 0x73, 0x74, 0x75, 0x76, 0x10, 0x77, 0x78, 0x79, 0x7a, 0x00, 0x3c,
        ];
        assert_eq!(unpack(normal), b"#aaabcdefaaaaghijaaaaaklaaamnopqaaaaaaaaaaaarstuvwxyzaaa");
        assert_eq!(unpack(b"\x01\x03\xb0\x02\x61\x45\x00"), vec![b'a'; 73]);
    }

    #[test]
    fn hostile_containers_end() {
        for hostile in [&b""[..], b"\x01", b"\x01\xff", b"\x01\xff\xbf", b"\x02ab", b"\x01\x03\xb0\xff\xff\xff"] {
            assert_eq!(unpack(hostile), b"");
        }
        // No chunk holds more than it may, and all together not more than is taken.
        let bomb = [&[1][..], &b"\x03\xb0\x02a\xff\x0f".repeat(500)].concat();
        assert_eq!(unpack(&bomb).len() as u64, LONGEST_DIR);
        assert_eq!(unpack(b"\x01\x02\x30abcdef"), b"abc", "a chunk that is not packed");
    }
}
