//! Gzip (RFC 1952): one stream, or several behind one another.

use crate::nest::{Nest, Opening};
use crate::source::Source;
use crate::text;
use flate2::bufread::MultiGzDecoder;
use std::io::BufReader;

/// Its magic, deflate, and no flag that there is none of.
pub(crate) fn is(head: &[u8]) -> bool {
    head.starts_with(&[0x1f, 0x8b, 8]) && head.get(3).is_some_and(|flags| flags & 0xe0 == 0)
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let mut decoder = MultiGzDecoder::new(BufReader::new(source));
    let named = decoder.header().and_then(|header| header.filename());
    let name = named.map_or_else(|| "content".to_owned(), text::name);
    nest.member(&name, &mut decoder)
}

#[cfg(test)]
mod tests {
    use crate::samples::{Heard, sample};

    #[test]
    fn real_ones_are_opened_with_their_name_and_all_their_streams() {
        let heard = Heard::of(&sample("named.gz"));
        heard.holds("invoice.js");
        let twice = [sample("named.gz"), sample("named.gz")].concat();
        assert_eq!(Heard::of(&twice).members[0].1.len(), 2 * heard.members[0].1.len());
        heard.survives_damage(&sample("named.gz"));
    }

    #[test]
    fn what_came_out_before_the_damage_is_shown() {
        let whole = sample("named.gz");
        let heard = Heard::of(&whole[..whole.len() - 8]);
        heard.holds("invoice.js");
        heard.complains_of("invoice.js", "damaged");
        Heard::of(&[0x1f, 0x8b, 8, 0xff]).is_nothing();
    }
}
