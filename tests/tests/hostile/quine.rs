//! A zip that holds itself, without end: the scheme is Russ Cox's ("Zip Files All The Way
//! Down", 2010). Its deflate stream is a program of two instructions: print what follows, and
//! repeat what was printed last.

use crate::scanned::{Place, UNINSPECTED};
use crate::zips::{Claim, central_header, crc, end, local_header};

/// So long that the instruction which repeats header and first instruction fills whole bytes.
const NAME: &[u8] = b"a-zip-that-holds-itself-in.zip";

/// Bits as deflate packs them.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn low_first(mut self, value: u32, count: u32) -> Self {
        self.0.extend((0..count).map(|bit| value >> bit & 1 == 1));
        self
    }

    fn high_first(mut self, value: u32, count: u32) -> Self {
        self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
        self
    }

    /// A block with the fixed codes begins.
    fn begin(self, last: bool) -> Self {
        self.low_first(u32::from(last), 1).low_first(1, 2)
    }

    fn end(self) -> Self {
        self.high_first(0, 7)
    }

    /// A length's code with its extra bits, then a distance's.
    fn copy(self, length: (u32, u32, u32), distance: (u32, u32, u32)) -> Self {
        let with_length = self.high_first(length.0 - 256, 7).low_first(length.1, length.2);
        with_length.high_first(distance.0, 5).low_first(distance.1, distance.2)
    }

    fn bytes(self) -> Vec<u8> {
        let byte = |bits: &[bool]| bits.iter().enumerate().map(|(at, bit)| u8::from(*bit) << at).sum();
        self.0.chunks(8).map(byte).collect()
    }
}

/// Print so many bytes, which follow.
fn print(count: usize) -> Vec<u8> {
    let count = count as u16;
    [&[0][..], &count.to_le_bytes(), &(!count).to_le_bytes()].concat()
}

fn with_checksum(checksum: u32) -> Vec<u8> {
    let repeat_20 =
        Bits::default().begin(false).copy((264, 0, 0), (8, 3, 3)).copy((264, 0, 0), (8, 3, 3)).end().bytes();
    let repeat_65 = Bits::default().begin(false).copy((276, 6, 3), (12, 0, 5)).end().begin(false).end().bytes();
    let repeat_104 = Bits::default().begin(false).copy((279, 5, 4), (13, 7, 5)).end().begin(true).end().bytes();
    let (nothing, p5, p20) = (print(0), print(5), print(20));
    let program = |head: &[u8], tail: &[u8]| -> Vec<u8> {
        let parts: [&[u8]; 15] = [
            &[&print(65), head, &print(65)].concat(),
            &repeat_65,
            &[&p5[..], &repeat_65].concat(),
            &[&p5[..], &p5].concat(),
            &[&p20[..], &repeat_65, &p5, &p5, &p20].concat(),
            &repeat_20,
            &[&p20[..], &repeat_20, &p20, &repeat_20, &p20].concat(),
            &repeat_20,
            &[&p20[..], &repeat_20, &nothing, &nothing, &print(104)].concat(),
            &repeat_20,
            &nothing,
            &nothing,
            &print(104),
            tail,
            &repeat_104,
        ];
        parts.concat()
    };
    // First for the lengths, then with them.
    let packed = program(&[0; 60], &[0; 104]).len() as u32;
    let size = 60 + packed + 98;
    let claim = Claim { method: 8, crc: checksum, packed, size };
    let head = local_header(NAME, claim);
    let ending = [central_header(NAME, claim, 0), end(1, 76, 60 + packed)].concat();
    let tail = [&repeat_104[..], &ending].concat();
    [&head[..], &program(&head, &tail), &ending].concat()
}

/// The checksum stands in what it is the checksum of. It depends on each of its own bits
/// linearly, so that finding it is solving 32 equations.
fn zip() -> Vec<u8> {
    let of = |checksum: u32| crc(&with_checksum(checksum)).sum();
    let without = of(0);
    // Row by row: which bits of the checksum, and the constant, make this bit of the difference.
    let columns: Vec<u32> = (0..32).map(|bit| of(1 << bit) ^ without ^ (1 << bit)).collect();
    let row = |bit: usize| -> u64 {
        let of_columns = columns.iter().enumerate().map(|(at, column)| u64::from(column >> bit & 1) << at);
        of_columns.sum::<u64>() | u64::from(without >> bit & 1) << 32
    };
    let mut rows: Vec<u64> = (0..32).map(row).collect();
    for at in 0..32 {
        let pivot = (at..32).find(|r| rows[*r] >> at & 1 == 1).expect("the equations have a solution");
        rows.swap(at, pivot);
        for other in 0..32 {
            if other != at && rows[other] >> at & 1 == 1 {
                rows[other] ^= rows[at];
            }
        }
    }
    let checksum = rows.iter().enumerate().map(|(at, row)| ((row >> 32) as u32 & 1) << at).sum();
    with_checksum(checksum)
}

#[test]
fn a_zip_that_holds_itself_ends() {
    let zip = zip();
    let mut held = vec![];
    std::io::Read::read_to_end(&mut flate2::read::DeflateDecoder::new(&zip[60..]), &mut held).unwrap();
    assert!(held == zip, "it is a quine");
    let place = Place::new();
    place.write("quine.zip", &zip);
    place.scan().ends(UNINSPECTED).missed("quine.zip", &["levels deep"]);
}
