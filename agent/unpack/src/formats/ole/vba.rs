//! Macros. Their source is packed ([MS-OVBA] 2.4.1) and stands in each module's stream behind
//! what the compiler made of it; where, is said in the stream `dir`. Malware lies in it or
//! leaves it out, so a module's source is also sought by how it begins.

use crate::nest::{Nest, Opening};

/// Source unpacked from one module; the largest real ones are below 1 MiB.
const LONGEST: usize = 8 << 20;

/// Hands on the source of each module among these streams, as `…/VBA/Module1.vba`.
pub(super) fn open(streams: &[(String, Vec<u8>)], nest: &mut Nest<'_>) -> Opening {
    for (name, bytes) in streams {
        let Some((folder, module)) = name.rsplit_once('/').filter(|(folder, _)| in_vba(folder)) else { continue };
        nest.tick()?;
        if module == "dir" || module.starts_with("_VBA_PROJECT") || module.starts_with("__SRP_") {
            continue;
        }
        let dir = streams.iter().find(|(other, _)| other.strip_suffix("/dir") == Some(folder));
        let stated = dir.and_then(|(_, dir)| source_at(&decompress(dir)?, module));
        let stated =
            stated.and_then(|at| bytes.get(at..)).and_then(decompress).filter(|source| looks_like_source(source));
        if let Some(source) = stated.or_else(|| sought(bytes)) {
            nest.bytes(&format!("{name}.vba"), &source)?;
        }
    }
    Ok(())
}

fn in_vba(folder: &str) -> bool {
    folder.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case("VBA"))
}

/// Where in its stream a module's source begins, by the records of `dir`.
fn source_at(dir: &[u8], module: &str) -> Option<usize> {
    const STREAM_NAME: u16 = 0x1a;
    const OFFSET: u16 = 0x31;
    const PROJECT_VERSION: u16 = 0x09;
    let (mut rest, mut ours) = (dir, false);
    while let Some((header, more)) = rest.split_at_checked(6) {
        let kind = u16::from_le_bytes([header[0], header[1]]);
        let size = usize::try_from(u32::from_le_bytes([header[2], header[3], header[4], header[5]])).ok()?;
        // This record's size leaves out a part of it.
        let size = if kind == PROJECT_VERSION { 6 } else { size };
        let (content, more) = more.split_at_checked(size)?;
        match kind {
            STREAM_NAME => ours = crate::text::name(content).eq_ignore_ascii_case(module),
            OFFSET if ours => {
                let offset = <[u8; 4]>::try_from(content).ok()?;
                return usize::try_from(u32::from_le_bytes(offset)).ok();
            }
            _ => {}
        }
        rest = more;
    }
    None
}

/// A container anywhere in the stream whose text begins as every module's does.
fn sought(bytes: &[u8]) -> Option<Vec<u8>> {
    // A container's mark, a chunk's header, eight literals: "Attribut".
    memchr::memmem::find_iter(bytes, b"\0Attribut")
        .filter_map(|at| at.checked_sub(3))
        .filter(|at| bytes.get(*at) == Some(&1))
        .find_map(|at| decompress(bytes.get(at..)?).filter(|source| looks_like_source(source)))
}

fn looks_like_source(source: &[u8]) -> bool {
    source.len() >= 9 && source[..9].eq_ignore_ascii_case(b"Attribute")
}

/// What a container holds, as far as it makes sense.
pub(super) fn decompress(container: &[u8]) -> Option<Vec<u8>> {
    let mut rest = container.strip_prefix(&[1])?;
    let mut out = Vec::new();
    while let Some((header, more)) = rest.split_at_checked(2) {
        let header = u16::from_le_bytes([header[0], header[1]]);
        if header >> 12 & 7 != 3 || out.len() > LONGEST {
            break;
        }
        let size = usize::from(header & 0xfff) + 1;
        let chunk = more.get(..size).unwrap_or(more);
        if header & 0x8000 == 0 {
            out.extend_from_slice(chunk);
        } else {
            decompress_chunk(chunk, &mut out);
        }
        rest = more.get(size..).unwrap_or_default();
    }
    (!out.is_empty()).then_some(out)
}

/// A chunk of up to 4096 bytes: literals and copies of what came before in the same chunk.
fn decompress_chunk(chunk: &[u8], out: &mut Vec<u8>) {
    const CHUNK: usize = 4096;
    let begins = out.len();
    let mut tokens = chunk;
    while let Some((&flags, more)) = tokens.split_first() {
        tokens = more;
        for bit in 0..8 {
            let done = out.len() - begins;
            if done >= CHUNK {
                return;
            }
            if flags >> bit & 1 == 0 {
                let Some((&literal, more)) = tokens.split_first() else { return };
                tokens = more;
                out.push(literal);
                continue;
            }
            let Some((token, more)) = tokens.split_at_checked(2) else { return };
            tokens = more;
            let token = usize::from(u16::from_le_bytes([token[0], token[1]]));
            // The more there is to point into, the more bits the offset has.
            let bits = (usize::BITS - done.saturating_sub(1).leading_zeros()).clamp(4, 12);
            let (offset, len) = ((token >> (16 - bits)) + 1, (token & (0xffff >> bits)) + 3);
            if offset > done {
                return;
            }
            for _ in 0..len.min(CHUNK - done) {
                out.push(out[out.len() - offset]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_specification_come_out() {
        // [MS-OVBA] 3.2.1 to 3.2.3.
        let plain = b"\x01\x19\xb0\x00abcdefgh\x00ijklmnop\x00qrstuv.";
        assert_eq!(decompress(plain).as_deref(), Some(&b"abcdefghijklmnopqrstuv."[..]));
        let normal: &[u8] = &[
            0x01, 0x2f, 0xb0, 0x00, 0x23, 0x61, 0x61, 0x61, 0x62, 0x63, 0x64, 0x65, 0x82, 0x66, 0x00, 0x70, 0x61, 0x67,
            0x68, 0x69, 0x6a, 0x01, 0x38, 0x08, 0x61, 0x6b, 0x6c, 0x00, 0x30, 0x6d, 0x6e, 0x6f, 0x70, 0x06, 0x71, 0x02,
            0x70, 0x04, 0x10, 0x72, 0x73, 0x74, 0x75, 0x76, 0x10, 0x77, 0x78, 0x79, 0x7a, 0x00, 0x3c,
        ];
        assert_eq!(
            decompress(normal).as_deref(),
            Some(&b"#aaabcdefaaaaghijaaaaaklaaamnopqaaaaaaaaaaaarstuvwxyzaaa"[..])
        );
        let most = b"\x01\x03\xb0\x02\x61\x45\x00";
        assert_eq!(decompress(most), Some(vec![b'a'; 73]));
    }

    #[test]
    fn hostile_containers_end() {
        for hostile in [&b""[..], b"\x01", b"\x01\xff", b"\x01\xff\xbf", b"\x01\x03\xb0\xff\xff\xff", b"\x02ab"] {
            let _ = decompress(hostile);
        }
        assert!(
            decompress(&[&[1][..], &b"\xff\xb0\x02a\xff\x0f".repeat(10_000)].concat())
                .is_none_or(|o| o.len() < 50 << 20)
        );
    }
}
