//! Whether a file begins with noise, as one does that was encrypted: told by its first bytes,
//! which the backup reads anyway, and counted. What is compressed by its format looks the same
//! but says what it is; what malware has encrypted no longer does, whatever its name.

/// Bytes that are looked at. Some malware encrypts no more of a file than its first 4 KiB, and
/// a few microseconds for each file cost a backup nothing.
const SAMPLE: usize = 4096;
/// Fewer bytes say too little.
const LEAST: usize = 1024;
/// How many bits a byte may have less than noise of that length has. Text has 4 to 6, programs 6,
/// base64 6, recorded sound 7; noise of 4096 bytes has 7.955, and hardly ever 0.02 less.
const CLOSE: f64 = 0.15;

/// What formats that are compressed or encrypted as a rule begin with: at which byte, and what.
const FORMATS: [(usize, &[u8]); 66] = [
    // Archives and documents: office documents, programs and books are zip, too.
    (0, b"PK"),
    (0, b"\x1f\x8b"),
    (0, b"\x1f\x9d"),
    (0, b"BZh"),
    (0, b"\xfd7zXZ"),
    (0, b"\x28\xb5\x2f\xfd"),
    (0, b"\x04\x22\x4d\x18"),
    (0, b"LZIP"),
    (0, b"7z\xbc\xaf\x27\x1c"),
    (0, b"Rar!"),
    (0, b"MSCF"),
    (0, b"ISc("),
    (0, b"MSWIM"),
    (0, b"PA30"),
    (0, b"DCN\x01"),
    (0, b"DCM\x01"),
    (0, b"DCS\x01"),
    (0, b"xar!"),
    (0, b"\xed\xab\xee\xdb"),
    (0, b"!<arch>"),
    (0, b"hsqs"),
    (0, b"%PDF"),
    (0, b"\xd0\xcf\x11\xe0"),
    (0, b"AC10"),
    (0, b"AT&TFORM"),
    (0, b"HN\x00"),
    (0, b"CAJ"),
    // zlib, as git keeps its objects.
    (0, b"\x78\x01"),
    (0, b"\x78\x5e"),
    (0, b"\x78\x9c"),
    (0, b"\x78\xda"),
    (0, b"PACK"),
    // Pictures.
    (0, b"\xff\xd8\xff"),
    (0, b"\x89PNG"),
    (0, b"GIF8"),
    (0, b"RIFF"),
    (0, b"II*\x00"),
    (0, b"MM\x00*"),
    (0, b"IIU\x00"),
    (0, b"IIRO"),
    (0, b"8BPS"),
    (0, b"\x00\x00\x00\x0cjP"),
    (0, b"\xff\x4f\xff\x51"),
    (0, b"FUJIFILM"),
    (0, b"gimp xcf"),
    // Sound and films.
    (4, b"ftyp"),
    (4, b"moov"),
    (4, b"mdat"),
    (0, b"ID3"),
    (0, b"OggS"),
    (0, b"fLaC"),
    (0, b"MAC "),
    (0, b"#!AMR"),
    (0, b"\x1a\x45\xdf\xa3"),
    (0, b"\x30\x26\xb2\x75"),
    (0, b"\x00\x00\x01\xba"),
    (0, b"FLV\x01"),
    (0, b".RMF"),
    (0, b"CWS"),
    // Programs and fonts, packed.
    (0, b"MZ"),
    (0, b"wOF2"),
    (0, b"wOFF"),
    // Encrypted on purpose.
    (0, b"age-encryption.org"),
    (0, b"Salted__"),
    (0, b"LUKS\xba\xbe"),
    (0, b"\x03\xd9\xa2\x9a"),
];

/// The first bytes of a file, as they are read.
#[derive(Debug, Default)]
pub(crate) struct Sample(Vec<u8>);

impl Sample {
    /// More of the file has been read.
    pub(crate) fn see(&mut self, bytes: &[u8]) {
        let room = SAMPLE - self.0.len();
        if room > 0 {
            self.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }

    /// Whether the file begins with noise that does not say what it is.
    pub(crate) fn is_noise(&self) -> bool {
        let sample = &self.0[..];
        sample.len() >= LEAST && !is_known(sample) && bits(sample) >= bits_of_noise(sample.len()) - CLOSE
    }
}

fn is_known(sample: &[u8]) -> bool {
    // Sound as MPEG has it, with nothing before it: 11 bits set, and a layer that there is.
    let sound = sample[0] == 0xff && sample[1] & 0xe0 == 0xe0 && sample[1] & 0x06 != 0;
    sound || FORMATS.iter().any(|(at, magic)| sample[*at..].starts_with(magic))
}

/// How many bits each byte carries (Shannon's entropy).
#[allow(clippy::cast_precision_loss)] // There are 4096 at most.
fn bits(sample: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    sample.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    let all = sample.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / all)
        .map(|share| -share * share.log2())
        .sum()
}

/// How many noise of that length has: few bytes do not have all values equally often.
#[allow(clippy::cast_precision_loss)]
fn bits_of_noise(length: usize) -> f64 {
    8.0 - 255.0 / (2.0 * std::f64::consts::LN_2 * length as f64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use base64::Engine;
    use std::io::Write;

    /// As good as random.
    fn noise(seed: u64, length: usize) -> Vec<u8> {
        use sha2::{Digest, Sha256};
        let blocks = (0u64..).flat_map(|n| Sha256::digest([seed.to_le_bytes(), n.to_le_bytes()].concat()));
        blocks.take(length).collect()
    }

    fn is_noise(content: &[u8]) -> bool {
        let mut sample = Sample::default();
        // As it comes.
        content.chunks(700).for_each(|piece| sample.see(piece));
        sample.is_noise()
    }

    #[test]
    fn noise_is_told_from_what_people_keep() {
        for length in [1024, 1500, 4096, 100_000] {
            for seed in 0..300 {
                let noise = noise(seed, length);
                assert!(is_noise(&noise) || is_known(&noise), "{seed}, {length} bytes");
            }
        }
        let text = "Sehr geehrte Damen und Herren, 尊敬的领导，关于二零二六年度预算的报告。Best regards, 123.45 €\r\n"
            .repeat(60);
        let digits: String = (0..4000u32).map(|n| format!("{},", n.wrapping_mul(2_654_435_761))).collect();
        let base64 = base64::engine::general_purpose::STANDARD.encode(noise(1, 9000));
        // A tone, two bytes for each moment.
        #[allow(clippy::cast_possible_truncation)]
        let wave: Vec<u8> =
            (0..4000).flat_map(|n| (((f64::from(n) * 0.05).sin() * 9000.0) as i16).to_le_bytes()).collect();
        for (what, content) in
            [("text", text.as_bytes()), ("numbers", digits.as_bytes()), ("base64", base64.as_bytes()), ("sound", &wave)]
        {
            assert!(!is_noise(content), "{what} has {} bits", bits(&content[..SAMPLE]));
        }
        assert!(!is_noise(&noise(3, 1023)), "too little to tell");
        assert!(!is_noise(b""));
    }

    #[test]
    fn what_is_compressed_by_its_format_says_so_until_it_is_encrypted() {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(vec![]));
        zip.start_file("word/document.xml", zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(&noise(4, 20_000)).unwrap();
        let zip = zip.finish().unwrap().into_inner();
        let zstd = [&b"\x28\xb5\x2f\xfd"[..], &noise(5, 5000)].concat();
        let jpeg = [&b"\xff\xd8\xff\xe0"[..], &noise(6, 5000)].concat();
        let film = [&b"\x00\x00\x00\x20ftypisom"[..], &noise(7, 5000)].concat();
        let sound = [&b"\xff\xfb\x90\x64"[..], &noise(8, 5000)].concat();
        for content in [zip, zstd, jpeg, film, sound] {
            assert!(!is_noise(&content), "{:?}", &content[..8]);
            // As malware does, with a key of its own: in place, and only the beginning.
            let key = noise(9, 4096).into_iter().chain(std::iter::repeat(0));
            let encrypted: Vec<u8> = content.iter().zip(key).map(|(byte, key)| byte ^ key).collect();
            assert!(is_noise(&encrypted), "{:?}", &content[..8]);
        }
    }
}
