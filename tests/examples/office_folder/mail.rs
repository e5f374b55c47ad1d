//! What mail programs keep: letters with text in two forms and attachments in base64.

use crate::chance::Chance;
use crate::{documents, words};
use base64::{Engine, prelude::BASE64_STANDARD};
use std::fmt::Write;
use std::io;

/// One letter.
pub(crate) fn message(size: usize, chance: &mut Chance) -> io::Result<Vec<u8>> {
    let user = |chance: &mut Chance| words::USERS[chance.below(20) as usize];
    let (from, to, boundary) = (user(chance), user(chance), format!("=_{:016x}", chance.next()));
    let subject = BASE64_STANDARD.encode(words::title(chance));
    let mut mail = format!(
        "From: <{from}@office.example>\r\nTo: <{to}@office.example>\r\nSubject: =?UTF-8?B?{subject}?=\r\nDate: Tue, 05 Mar 2024 09:{:02}:00 +0800\r\nMessage-ID: <{:x}@office.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n",
        chance.below(60),
        chance.next()
    );
    let text = words::prose((size / 20).clamp(200, 6_000), chance);
    part(
        &mut mail,
        &boundary,
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable",
    );
    quoted_printable(&mut mail, &text);
    part(&mut mail, &boundary, "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64");
    base64(&mut mail, format!("<html><body><p>{text}</p></body></html>").as_bytes());
    let mut left = size.saturating_sub(mail.len()) * 3 / 4;
    while left > 4_000 {
        let share = left.min(20_000 + chance.below(left as u64) as usize);
        let (extension, content) = match chance.below(4) {
            0 => ("docx", documents::docx(share, chance)?),
            1 => ("xlsx", documents::xlsx(share, chance)?),
            2 => ("jpg", documents::jpeg(share, chance)),
            _ => ("pdf", documents::pdf(share, chance)?),
        };
        let name = format!("attachment-{}.{extension}", chance.below(1_000));
        part(
            &mut mail,
            &boundary,
            &format!(
                "Content-Type: application/octet-stream; name=\"{name}\"\r\nContent-Disposition: attachment; filename=\"{name}\"\r\nContent-Transfer-Encoding: base64"
            ),
        );
        base64(&mut mail, &content);
        left = left.saturating_sub(content.len());
    }
    let _ = write!(mail, "\r\n--{boundary}--\r\n");
    Ok(mail.into_bytes())
}

/// Many letters in one file.
pub(crate) fn mailbox(size: usize, chance: &mut Chance) -> io::Result<Vec<u8>> {
    let mut mailbox = vec![];
    while mailbox.len() < size {
        let share = (40.0 * 1024.0 * (1.4 * chance.normal()).exp()) as usize;
        mailbox.extend_from_slice(b"From MAILER@office.example Tue Mar  5 09:00:00 2024\r\n");
        mailbox.extend_from_slice(&message(share.clamp(800, 4 << 20), chance)?);
        mailbox.extend_from_slice(b"\r\n");
    }
    Ok(mailbox)
}

fn part(mail: &mut String, boundary: &str, headers: &str) {
    let _ = write!(mail, "\r\n--{boundary}\r\n{headers}\r\n\r\n");
}

fn base64(mail: &mut String, content: &[u8]) {
    for line in content.chunks(57) {
        BASE64_STANDARD.encode_string(line, mail);
        mail.push_str("\r\n");
    }
}

fn quoted_printable(mail: &mut String, text: &str) {
    let mut width = 0;
    for byte in text.bytes() {
        match byte {
            b'\r' => continue,
            b'\n' => {
                mail.push_str("\r\n");
                width = 0;
                continue;
            }
            b' '..=b'~' if byte != b'=' => {
                mail.push(char::from(byte));
                width += 1;
            }
            _ => {
                let _ = write!(mail, "={byte:02X}");
                width += 3;
            }
        }
        if width > 72 {
            mail.push_str("=\r\n");
            width = 0;
        }
    }
}
