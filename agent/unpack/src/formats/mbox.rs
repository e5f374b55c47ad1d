//! Mail stores: mails behind one another, each after a line that begins with `From `
//! (RFC 4155). Read mail by mail; a store is often larger than memory.

use crate::nest::{Nest, Opening, Reason};
use crate::source::Source;
use std::io::{BufRead, BufReader, Read};

/// A larger mail is handed on to here, and named.
const LARGEST: usize = 64 << 20;
/// A longer line is taken in pieces.
const LONGEST_LINE: u64 = 1 << 20;

/// The first line, and headers behind it.
pub(crate) fn is(head: &[u8]) -> bool {
    let Some(end) = memchr::memchr(b'\n', head).filter(|_| head.starts_with(b"From ")) else { return false };
    super::mail::is(&head[end + 1..])
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let mut lines = BufReader::with_capacity(64 << 10, source);
    let (mut mail, mut number, mut after_empty, mut cut) = (Vec::new(), 0, true, false);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        let begins = after_empty && line.starts_with(b"From ");
        if (read == 0 || begins) && !mail.is_empty() {
            number += 1;
            let name = format!("mail-{number}");
            nest.bytes(&name, &mail)?;
            if cut {
                nest.missed(&name, Reason::TooLarge(LARGEST as u64))?;
            }
            mail.clear();
            cut = false;
        }
        if read == 0 {
            return Ok(());
        }
        after_empty = matches!(line.as_slice(), b"\n" | b"\r\n");
        if begins {
            continue;
        }
        if mail.len() + line.len() > LARGEST {
            cut = true;
        } else {
            mail.extend_from_slice(&line);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::samples::{Heard, sample};
    use crate::{Limits, Source, unpack};
    use std::io::Write;

    fn store(mails: usize) -> Vec<u8> {
        let mail = [b"From li@example.org Tue Nov 24 10:00:00 2026\n".to_vec(), sample("mail.eml"), b"\n\n".to_vec()];
        mail.concat().repeat(mails)
    }

    #[test]
    fn each_mail_is_opened_from_memory_and_from_a_file() {
        let whole = store(3);
        let heard = Heard::of(&whole);
        heard.holds("mail-1!/invoice.zip!/docs/invoice.js");
        heard.holds("mail-3!/发票.js");
        assert_eq!(heard.missed, []);

        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&whole).unwrap();
        let mut from_file = Heard::default();
        std::io::Seek::rewind(&mut file).unwrap();
        unpack(&mut Source::file(file, whole.len() as u64), &Limits::default(), &mut from_file);
        assert_eq!(from_file.members, heard.members);
    }

    #[test]
    fn a_store_of_very_many_mails_is_inspected_to_its_end() {
        let few = Limits { entries: 10, ..Limits::default() };
        // As large as mails are.
        let letter = format!("{}\n", "Dear colleague, ".repeat(1000));
        let mail =
            [b"From li@example.org Tue Nov 24 10:00:00 2026\n", &sample("mail.eml")[..], letter.as_bytes(), b"\n"];
        let heard = Heard::within(&mail.concat().repeat(40), &few);
        heard.holds("mail-40!/发票.js");
        assert_eq!(heard.missed, []);
    }

    #[test]
    fn a_letter_is_no_store() {
        assert!(!super::is(b"From here on it is text.\nReally: it is.\n"));
    }
}
