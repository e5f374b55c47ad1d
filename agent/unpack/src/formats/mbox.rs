//! Mail stores: mails behind one another, each after a line that begins with `From `
//! (RFC 4155, and what programs made of it). Read mail by mail, since a store is often larger
//! than memory.

use super::coder::line;
use crate::nest::{Nest, Opening};
use crate::source::Source;
use std::io::{BufRead, BufReader, Read, Result};

/// A longer line is read in pieces.
const LONGEST_LINE: u64 = 64 << 10;

/// A line that begins a mail, and headers behind it.
pub(crate) fn is(head: &[u8]) -> bool {
    let Some((first, next)) = line(head, 0) else { return false };
    first.starts_with(b"From ") && head.get(next..).is_some_and(super::mail::is)
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let mut mails = Mails {
        store: BufReader::with_capacity(128 << 10, source),
        line: Vec::new(),
        done: 0,
        after_empty: true,
        within_line: false,
        at_mail: false,
    };
    // To the first line that begins a mail: nothing is before it.
    std::io::copy(&mut mails, &mut std::io::sink())?;
    let mut number = 0_u64;
    while mails.at_mail {
        nest.tick()?;
        mails.at_mail = false;
        number += 1;
        nest.member(&format!("message-{number}"), &mut mails)?;
        // One that is too large was not read to its end.
        while !mails.at_mail && std::io::copy(&mut mails.by_ref().take(1 << 20), &mut std::io::sink())? > 0 {
            nest.tick()?;
        }
    }
    Ok(())
}

/// Reads a store, and ends before each mail.
struct Mails<R> {
    store: R,
    /// The lines being handed out, and how much of them has been.
    line: Vec<u8>,
    done: usize,
    after_empty: bool,
    within_line: bool,
    at_mail: bool,
}

impl<R: BufRead> Mails<R> {
    /// The next line. `false` at the end, and where a mail begins.
    fn next_line(&mut self) -> Result<bool> {
        self.line.clear();
        self.done = 0;
        let begins = !self.within_line;
        self.store.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut self.line)?;
        self.within_line = self.line.last().is_some_and(|last| *last != b'\n');
        if begins && self.line.starts_with(b"From ") && (self.after_empty || has_time(&self.line)) {
            // A paragraph may begin like this. Headers follow where it is the beginning of a mail.
            let first = self.line.len();
            self.store.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut self.line)?;
            self.within_line = self.line.last().is_some_and(|last| *last != b'\n');
            let second = self.line.get(first..).unwrap_or_default();
            self.after_empty = is_empty(second);
            if is_header(second) {
                self.done = first;
                self.at_mail = true;
                return Ok(false);
            }
            return Ok(true);
        }
        self.after_empty = is_empty(&self.line);
        Ok(!self.line.is_empty())
    }
}

impl<R: BufRead> Read for Mails<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut read = 0;
        while read < buffer.len() && !self.at_mail {
            if self.done == self.line.len() && !self.next_line()? {
                break;
            }
            let rest = self.line.get(self.done..).unwrap_or_default();
            let more = (&mut &*rest).read(buffer.get_mut(read..).unwrap_or_default())?;
            self.done += more;
            read += more;
        }
        Ok(read)
    }
}

fn is_empty(line: &[u8]) -> bool {
    matches!(line, b"\n" | b"\r\n")
}

/// `From - Tue Nov 24 10:00:00 2026`: that is no paragraph, even if no empty line is before it.
fn has_time(line: &[u8]) -> bool {
    let digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    line.split(|b| b.is_ascii_whitespace()).any(|word| word.len() >= 7 && word.split(|b| *b == b':').all(digits))
}

fn is_header(line: &[u8]) -> bool {
    let name = line.split(|b| *b == b':').next().unwrap_or_default();
    line.starts_with(b">From ")
        || name.len() < line.len() && !name.is_empty() && name.iter().all(|b| b.is_ascii_graphic() && *b != b'/')
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::samples::{Heard, sample, torment};
    use crate::{Limits, Reason, Source, unpack};
    use std::io::{Seek, Write};

    fn store(mails: usize) -> Vec<u8> {
        let mail = [b"From li@example.org Tue Nov 24 10:00:00 2026\n".to_vec(), sample("mail.eml"), b"\n\n".to_vec()];
        mail.concat().repeat(mails)
    }

    #[test]
    fn each_mail_is_opened_from_memory_and_from_a_file() {
        let whole = store(3);
        let heard = Heard::of(&whole);
        heard.holds("message-1!/invoice.zip!/docs/invoice.js");
        heard.holds("message-3!/发票.js");
        assert_eq!(heard.missed, []);

        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&whole).unwrap();
        file.rewind().unwrap();
        let mut from_file = Heard::default();
        unpack(&mut Source::file(file, whole.len() as u64), &Limits::default(), &mut from_file);
        assert_eq!(from_file.members, heard.members);
        torment(&store(1));
    }

    #[test]
    fn paragraphs_are_no_mails_and_mails_need_no_empty_line() {
        let mail = |text: &str| format!("Subject: x\nTo: y\nMIME-Version: 1.0\n\n{text}\n");
        let first = mail("\nFrom here on it is text.\nReally.\n\nFrom me\n");
        let text = format!(
            "From a Tue Nov 24 10:00:00 2026\n{first}From - Tue Nov 24 10:00:00 2026\n{}\nFrom b\n{}",
            mail("second"),
            mail("third")
        );
        let heard = Heard::of(text.as_bytes());
        let names: Vec<_> = heard.members.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["message-1", "message-2", "message-3"]);
        assert_eq!(heard.members[0].1, first.as_bytes());
    }

    #[test]
    fn a_mail_that_is_too_large_is_named_and_the_next_is_opened() {
        let large = format!("From a\nSubject: x\nTo: y\n\n{}\n\n", "x".repeat(5000));
        let whole = [large.as_bytes(), &store(1)].concat();
        let heard = Heard::within(&whole, &Limits { member: 4000, ..Limits::default() });
        assert_eq!(heard.missed, [("message-1".into(), Reason::TooLarge(4000))]);
        heard.holds("message-2!/发票.js");
    }

    #[test]
    fn a_letter_is_no_store() {
        assert!(!super::is(b"From here on it is text.\nReally: it is.\n"));
        assert!(!super::is(b"From "));
    }
}
