//! E-mail (RFC 5322 and MIME) through `mail-parser`: attachments under their names, and the
//! texts that were encoded; what stands in the file as it is has been seen with the file.

use super::uuencode;
use crate::nest::{Halt, Nest, Opening, Reason};
use crate::source::Source;
use mail_parser::{Encoding, MessageParser, MessagePart, MimeHeaders, PartType};

/// A larger mail is more than any server takes; decoding it costs as much again.
const LARGEST: u64 = 96 << 20;
/// Lines of a beginning that may be headers.
const LINES: usize = 30;

/// Headers that mails have, and that together little else has.
const HEADERS: [&str; 18] = [
    "from",
    "to",
    "subject",
    "date",
    "received",
    "return-path",
    "mime-version",
    "message-id",
    "content-type",
    "cc",
    "delivered-to",
    "reply-to",
    "sender",
    "content-transfer-encoding",
    "dkim-signature",
    "x-mailer",
    "user-agent",
    "x-originating-ip",
];

/// Begins with lines that are headers, at least two of them well known. HTTP has some of the
/// same names, but neither a sender nor a subject.
pub(crate) fn is(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let (mut known, mut telling) = (0, false);
    for line in head.split(|b| *b == b'\n').take(LINES) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            continue;
        }
        let Some(colon) = memchr::memchr(b':', line) else { return false };
        let Ok(name) = std::str::from_utf8(&line[..colon]) else { return false };
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic()) {
            return false;
        }
        let name = name.to_ascii_lowercase();
        known += usize::from(HEADERS.contains(&name.as_str()));
        telling |=
            ["from", "received", "return-path", "message-id", "mime-version", "subject"].contains(&name.as_str());
    }
    known >= 2 && telling
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let bytes = source.whole().filter(|bytes| bytes.len() as u64 <= LARGEST);
    let bytes = bytes.ok_or(Halt::Bad(Reason::TooLarge(LARGEST)))?;
    let Some(mail) = MessageParser::default().parse(bytes) else {
        return Err(Halt::Bad(Reason::Damaged("its headers make no sense".into())));
    };
    for (number, part) in mail.parts.iter().enumerate() {
        nest.tick()?;
        hand_on(number, part, nest)?;
    }
    uuencode::blocks(bytes, nest)
}

fn hand_on(number: usize, part: &MessagePart<'_>, nest: &mut Nest<'_>) -> Opening {
    let name = |otherwise: &str| {
        part.attachment_name().filter(|name| !name.is_empty()).map_or(format!("{otherwise}-{number}"), str::to_owned)
    };
    let encoded = part.encoding != Encoding::None;
    // Where the last boundary is missing the parser leaves a part as it is.
    if let Some(content) = undecoded(part) {
        return nest.bytes(&name("part"), &content);
    }
    match &part.body {
        PartType::Text(text) if encoded || part.attachment_name().is_some() => {
            nest.bytes(&name("text"), text.as_bytes())?;
            uuencode::blocks(text.as_bytes(), nest)
        }
        PartType::Html(text) if encoded || part.attachment_name().is_some() => {
            nest.bytes(&name("html"), text.as_bytes())
        }
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => nest.bytes(&name("part"), bytes),
        PartType::Message(mail) => {
            // Parsed already, but only to its own first level: it is opened like any other.
            let otherwise = mail.subject().map_or(format!("mail-{number}"), str::to_owned);
            let name = part.attachment_name().map_or(format!("{otherwise}.eml"), str::to_owned);
            nest.bytes(&name, mail.raw_message())
        }
        PartType::Text(_) | PartType::Html(_) | PartType::Multipart(_) => Ok(()),
    }
}

/// What a part holds that says it is base64, and that nobody has decoded.
fn undecoded(part: &MessagePart<'_>) -> Option<Vec<u8>> {
    let says = part.content_transfer_encoding().is_some_and(|encoding| encoding.eq_ignore_ascii_case("base64"));
    if !says || !(part.is_encoding_problem || part.encoding == Encoding::None) {
        return None;
    }
    let mut content = Vec::new();
    for line in part.contents().split(|b| *b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
        uuencode::decode_base64(line, &mut content);
    }
    Some(content)
}

#[cfg(test)]
mod tests {
    use crate::samples::{CONTENT, Heard, sample, torment};
    use base64::Engine;

    fn base64(bytes: &[u8]) -> String {
        base64::engine::general_purpose::STANDARD.encode(bytes)
    }

    fn mail(body: &str) -> Vec<u8> {
        format!("From: a@example.org\r\nTo: b@example.org\r\nSubject: x\r\nMIME-Version: 1.0\r\n{body}").into_bytes()
    }

    #[test]
    fn a_real_one_gives_up_all_it_holds() {
        let whole = sample("mail.eml");
        let heard = Heard::of(&whole);
        heard.holds("invoice.zip!/docs/invoice.js");
        heard.holds("发票.js");
        heard.holds("text-1");
        heard.holds("forwarded.eml!/inner.js");
        assert_eq!(heard.missed, []);
        torment(&whole);
    }

    #[test]
    fn what_mail_programs_forgive_is_forgiven() {
        let attachment = format!(
            "Content-Type: application/octet-stream; name=\"a.js\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
            base64(CONTENT.as_bytes())
        );
        // No last boundary; line ends of another system; a boundary without quotes.
        let open_end = mail(&format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n{attachment}"));
        Heard::of(&open_end).holds("a.js");
        let unix: Vec<u8> = open_end.iter().copied().filter(|b| *b != b'\r').collect();
        Heard::of(&unix).holds("a.js");
        Heard::of(&mail(&attachment)).holds("a.js");
    }

    #[test]
    fn uuencoded_blocks_in_the_text_are_opened() {
        let body = format!("\r\nsee below\r\n\r\n{}", String::from_utf8_lossy(&sample("sample.uu")));
        Heard::of(&mail(&body)).holds("invoice.js");
    }

    #[test]
    fn multiparts_in_multiparts_end() {
        let mut body = String::new();
        for level in 0..2000 {
            body.push_str(&format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n"));
        }
        Heard::of(&mail(&body));
        let nested = (0..40)
            .fold(mail("\r\ninnermost"), |inner, _| [mail("Content-Type: message/rfc822\r\n\r\n"), inner].concat());
        Heard::of(&nested);
    }

    #[test]
    fn other_text_is_no_mail() {
        for text in [
            "fn main() {\n    let from: u32 = 1;\n}\n",
            "HTTP/1.1 200 OK\r\nDate: today\r\nContent-Type: text/html\r\n\r\n",
            "name: job\non: push\nsubject: x\n",
            "To: do list\n- bread\n",
            "Subject: only one\n\ntext",
            "",
        ] {
            assert!(!super::is(text.as_bytes()), "{text}");
        }
        assert!(super::is(&sample("mail.eml")));
    }
}
