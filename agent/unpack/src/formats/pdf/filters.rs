//! How streams are packed: filters behind one another, by their names or their short forms.

use crate::nest::{Nest, Opening, Reason};
use std::io::Read;

/// Filters of one stream; real ones have two.
const MOST_FILTERS: usize = 8;

/// What a stream holds, as far as it could be unpacked, and why no further. It ends where the
/// budget does.
pub(super) fn decode(
    dictionary: &[u8],
    data: &[u8],
    nest: &mut Nest<'_>,
) -> Result<(Vec<u8>, Option<Reason>), crate::nest::Halt> {
    let mut content = data.to_vec();
    let mut complaint = None;
    for filter in names(dictionary).into_iter().take(MOST_FILTERS) {
        let decoded = match filter.as_str() {
            "FlateDecode" | "Fl" => unpack(&mut flate2::read::ZlibDecoder::new(&content[..]), nest)?,
            "LZWDecode" | "LZW" => {
                let early = memchr::memmem::find(dictionary, b"/EarlyChange 0").is_none();
                (lzw(&content, early, nest)?, None)
            }
            "ASCIIHexDecode" | "AHx" => (ascii_hex(&content), None),
            "ASCII85Decode" | "A85" => (ascii_85(&content), None),
            "RunLengthDecode" | "RL" => (run_length(&content, nest)?, None),
            "Crypt" => (content, Some(Reason::Encrypted)),
            _ => (Vec::new(), None),
        };
        content = decoded.0;
        complaint = complaint.or(decoded.1);
    }
    // What came out is handed on; an early end without anything is damage.
    Ok((std::mem::take(&mut content), complaint))
}

/// The names behind /Filter, `#xx` resolved.
fn names(dictionary: &[u8]) -> Vec<String> {
    let dictionary = String::from_utf8_lossy(dictionary);
    let dictionary = unescaped(&dictionary);
    let Some(at) = dictionary.find("/Filter").map(|at| at + 7).or_else(|| dictionary.find("/F ").map(|at| at + 2))
    else {
        return vec![];
    };
    let value = dictionary[at..].trim_start();
    let value = match value.strip_prefix('[') {
        Some(list) => list.split(']').next().unwrap_or_default(),
        None => {
            let end = value
                .char_indices()
                .skip(1)
                .find(|(_, c)| !c.is_ascii_alphanumeric())
                .map_or(value.len(), |(at, _)| at);
            &value[..end]
        }
    };
    value.split('/').skip(1).map(|name| name.trim().to_owned()).collect()
}

/// Names may write any character as `#` and its number.
fn unescaped(text: &str) -> String {
    let mut parts = text.split('#');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(code) => {
                out.push(char::from(code));
                out.push_str(&part[2..]);
            }
            None => {
                out.push('#');
                out.push_str(part);
            }
        }
    }
    out
}

/// Reads a decoder to its end, within the budget. Streams that end early are common, and
/// readers show them: damage is only one of which nothing comes out.
fn unpack(decoder: &mut dyn Read, nest: &mut Nest<'_>) -> Result<(Vec<u8>, Option<Reason>), crate::nest::Halt> {
    let (mut out, mut step) = (Vec::new(), vec![0; 32 << 10]);
    loop {
        match decoder.read(&mut step) {
            Ok(0) => return Ok((out, None)),
            Ok(read) => {
                grow(&mut out, &step[..read], nest)?;
            }
            Err(error) => {
                let nothing = out.is_empty();
                return Ok((out, nothing.then(|| Reason::damaged(error))));
            }
        }
    }
}

/// Takes more out of a filter, if the budget has it.
fn grow(out: &mut Vec<u8>, more: &[u8], nest: &mut Nest<'_>) -> Opening {
    nest.intermediate(more.len(), out.len())?;
    out.extend_from_slice(more);
    Ok(())
}

fn lzw(data: &[u8], early: bool, nest: &mut Nest<'_>) -> Result<Vec<u8>, crate::nest::Halt> {
    let order = weezl::BitOrder::Msb;
    let mut decoder = if early {
        weezl::decode::Decoder::with_tiff_size_switch(order, 8)
    } else {
        weezl::decode::Decoder::new(order, 8)
    };
    let (mut out, mut step, mut rest) = (Vec::new(), vec![0; 32 << 10], data);
    loop {
        let result = decoder.decode_bytes(rest, &mut step);
        rest = &rest[result.consumed_in..];
        grow(&mut out, &step[..result.consumed_out], nest)?;
        let stuck = result.consumed_in == 0 && result.consumed_out == 0;
        if stuck || !matches!(result.status, Ok(weezl::LzwStatus::Ok)) {
            return Ok(out);
        }
    }
}

fn ascii_hex(data: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = data
        .iter()
        .take_while(|b| **b != b'>')
        .filter_map(|b| char::from(*b).to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or(0)).collect()
}

fn ascii_85(data: &[u8]) -> Vec<u8> {
    let (mut out, mut group) = (Vec::new(), Vec::new());
    let data = data.trim_ascii_start();
    for &b in data.strip_prefix(b"<~").unwrap_or(data) {
        match b {
            b'~' => break,
            b'z' if group.is_empty() => out.extend([0; 4]),
            b'!'..=b'u' => group.push(u32::from(b - b'!')),
            _ => {}
        }
        if group.len() == 5 {
            out.extend(word_85(&group));
            group.clear();
        }
    }
    if group.len() > 1 {
        let kept = group.len() - 1;
        group.resize(5, 84);
        out.extend(&word_85(&group)[..kept]);
    }
    out
}

fn word_85(group: &[u32]) -> [u8; 4] {
    group.iter().fold(0_u32, |word, digit| word.wrapping_mul(85).wrapping_add(*digit)).to_be_bytes()
}

fn run_length(data: &[u8], nest: &mut Nest<'_>) -> Result<Vec<u8>, crate::nest::Halt> {
    let (mut out, mut rest) = (Vec::new(), data);
    while let Some((&len, more)) = rest.split_first().filter(|(len, _)| **len != 128) {
        if len < 128 {
            let (literal, after) = more.split_at(more.len().min(usize::from(len) + 1));
            grow(&mut out, literal, nest)?;
            rest = after;
        } else {
            let Some((&byte, after)) = more.split_first() else { break };
            grow(&mut out, &vec![byte; 257 - usize::from(len)], nest)?;
            rest = after;
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_every_form() {
        for (dictionary, expected) in [
            (&b"<< /Filter /FlateDecode /Length 7 >>"[..], &["FlateDecode"][..]),
            (b"<</Filter[/ASCII85Decode /FlateDecode]>>", &["ASCII85Decode", "FlateDecode"]),
            (b"<</Filter/Fl#61teDecode>>", &["FlateDecode"]),
            (b"<</Length 5>>", &[]),
            (b"<</F /AHx>>", &["AHx"]),
        ] {
            assert_eq!(names(dictionary), expected);
        }
    }

    #[test]
    fn text_codes_are_decoded() {
        assert_eq!(ascii_hex(b"4B 45\n4>ff"), [0x4b, 0x45, 0x40]);
        assert_eq!(ascii_85(b"<~87cURD]i,\"Ebo80~>"), b"Hello World!");
        assert_eq!(ascii_85(b"87cURDZ~>"), b"Hello");
    }
}
