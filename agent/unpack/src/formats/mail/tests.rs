//! A mail that a real program made, and such as only malware sends.
#![allow(clippy::unwrap_used)]

use super::DEEPEST;
use crate::Reason;
use crate::samples::{CONTENT, Heard, sample, torment};
use base64::Engine;

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn mail(body: &str) -> Vec<u8> {
    format!("From: a@example.org\r\nTo: b@example.org\r\nSubject: x\r\nMIME-Version: 1.0\r\n{body}").into_bytes()
}

fn attachment() -> String {
    format!(
        "Content-Type: application/octet-stream; name=\"a.js\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
        base64(CONTENT.as_bytes())
    )
}

fn names(heard: &Heard) -> Vec<&str> {
    heard.members.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn a_real_one_gives_up_all_it_holds() {
    let whole = sample("mail.eml");
    let heard = Heard::of(&whole);
    heard.holds("invoice.zip!/docs/invoice.js");
    heard.holds("发票.js");
    heard.holds("text");
    heard.holds("forwarded.eml!/inner.js");
    assert_eq!(heard.missed, []);
    torment(&whole);
}

#[test]
fn what_mail_programs_forgive_is_forgiven() {
    let part = attachment();
    for body in [
        // No last boundary; no blanks; another line end; no quotes.
        format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n{part}"),
        format!("content-type:MULTIPART/mixed;boundary = \"b\"\r\n\r\n--b  \r\n{part}\r\n--b--\r\n"),
        // None, a wrong one, two of which one is right, one in pieces.
        format!("Content-Type: multipart/mixed\r\n\r\ntext\r\n--b\r\n{part}\r\n--b--\r\n"),
        format!("Content-Type: multipart/mixed; boundary=c\r\n\r\n--b\r\n{part}\r\n--b--\r\n"),
        format!("Content-Type: multipart/mixed; boundary=c; boundary=b\r\n\r\n--b\r\n{part}"),
        format!("Content-Type: text/plain\r\nContent-Type: multipart/x; boundary=b\r\n\r\n--b\r\n{part}"),
        format!("Content-Type: multipart/mixed; boundary*1=B; boundary*0=a\r\n\r\n--aB\r\n{part}"),
        // A part behind the end, one that is not closed within another, one without fields of its own.
        format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n--b\r\n{part}"),
        format!(
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/x; boundary=bb\r\n\r\n\
             --bb\r\n\r\nx\r\n--b\r\n{part}\r\n--b--"
        ),
        part.clone(),
        // The empty line is missing.
        format!("Content-Type: multipart/mixed; boundary=b\r\n--b\r\n{part}"),
    ] {
        for ends in ["\r\n", "\n", "\r"] {
            let text = String::from_utf8(mail(&body)).unwrap().replace("\r\n", ends);
            let heard = Heard::of(text.as_bytes());
            heard.holds("a.js");
            assert_eq!((names(&heard), heard.missed.len()), (vec!["a.js"], 0), "{body}");
        }
    }
}

#[test]
fn content_ends_before_its_boundary_to_the_byte() {
    let body = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: x/y; name=a\r\n\r\n1\r\n2\r\n\r\n--b\r\n\
                Content-Type: x/y\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=31=\r\n2\r\n--b--\r\nend";
    let heard = Heard::of(&mail(body));
    let expected = [("a".to_owned(), b"1\r\n2\r\n".to_vec()), ("part-3".to_owned(), b"12".to_vec())];
    assert_eq!(heard.members, expected);
}

#[test]
fn of_two_encodings_each_is_tried() {
    let part = attachment().replace("\r\n\r\n", "\r\nContent-Transfer-Encoding: 7bit\r\n\r\n");
    let heard = Heard::of(&mail(&part));
    heard.holds("a.js");
    assert_eq!(heard.members.len(), 2);
}

#[test]
fn texts_are_members_where_they_were_encoded_or_in_another_charset() {
    let plain = Heard::of(&mail("Content-Type: text/plain; charset=utf-8\r\n\r\n发票\r\n"));
    assert_eq!((plain.members.len(), plain.missed.len()), (0, 0));
    let chinese = [mail("Content-Type: text/html; charset=gb2312\r\n\r\n"), b"\xb7\xa2\xc6\xb1".to_vec()].concat();
    assert_eq!(Heard::of(&chinese).members, [("html".to_owned(), "发票".as_bytes().to_vec())]);
    let encoded = "Content-Type: text/plain; charset=\"gbk\"\r\nContent-Transfer-Encoding: base64\r\n\r\nt6LGsQ==";
    assert_eq!(Heard::of(&mail(encoded)).members, [("text".to_owned(), "发票".as_bytes().to_vec())]);
    let html = "Content-Type: text/html; charset=utf-16\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=3Cb>";
    assert_eq!(Heard::of(&mail(html)).members, [("html".to_owned(), b"<b>".to_vec())]);
}

#[test]
fn uuencoded_blocks_and_other_containers_in_the_text_are_opened() {
    let block = String::from_utf8(sample("sample.uu")).unwrap();
    Heard::of(&mail(&format!("\r\nsee below\r\n\r\n{block}"))).holds("invoice.js");
    Heard::of(&mail(&format!("Content-Transfer-Encoding: x-uuencode\r\n\r\n{block}"))).holds("invoice.js");
    let encoded = format!("Content-Transfer-Encoding: base64\r\n\r\n{}", base64(block.as_bytes()));
    Heard::of(&mail(&encoded)).holds("text!/invoice.js");
    let zip = [mail("Content-Transfer-Encoding: binary\r\n\r\n"), sample("sample.zip")].concat();
    Heard::of(&zip).holds("text!/docs/invoice.js");
}

#[test]
fn mails_in_mails_are_named_by_their_subject() {
    let inner = format!("From: a\r\nSubject: =?utf-8?B?5Y+R56Wo?=\r\n{}", attachment());
    let outer = mail(&format!("Content-Type: message/rfc822\r\n\r\n{inner}"));
    Heard::of(&outer).holds("发票.eml!/a.js");
    // One with too few fields to be told by them.
    let bare = mail(&format!("Content-Type: message/rfc822\r\n\r\n{}", &attachment()));
    let heard = Heard::of(&bare);
    assert!(names(&heard).iter().any(|name| name.ends_with("a.js")), "{:?}", names(&heard));
}

#[test]
fn nesting_ends() {
    let (mut body, mut alike) = (String::new(), String::new());
    for level in 0..50_000 {
        body.push_str(&format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n"));
        alike.push_str("Content-Type: multipart/mixed; boundary=never\r\n\r\n--a\r\n");
    }
    let too_deep = [(String::new(), Reason::TooDeep(DEEPEST))];
    assert_eq!(Heard::of(&mail(&body)).missed, too_deep);
    Heard::of(&mail(&alike));
    let flat = "--a\r\nContent-Type: multipart/mixed; boundary=never\r\n\r\n".repeat(50_000);
    Heard::of(&mail(&format!("Content-Type: multipart/mixed; boundary=a\r\n\r\n{flat}")));
    // These are what ends the process in a parser that frees them one in another.
    let mails = Heard::of(&mail(&"Content-Type: message/rfc822\r\n\r\n".repeat(200_000)));
    assert!(mails.missed.iter().any(|(_, reason)| *reason == Reason::TooDeep(DEEPEST)));
    let fields = "From: a\r\nTo: b\r\nContent-Type: message/rfc822\r\n\r\n".repeat(10_000);
    Heard::of(fields.as_bytes()).complains_of(&vec!["attached.eml"; 17].join("!/"), "17 levels deep");
}

#[test]
fn very_many_parts_end_with_the_budget() {
    let parts = format!("--b\r\n{}", attachment()).repeat(20_000);
    let heard = Heard::of(&mail(&format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{parts}")));
    assert!(heard.members.len() >= 10_000);
    let empty = "--b\r\n".repeat(200_000);
    let heard = Heard::of(&mail(&format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{empty}")));
    assert_eq!((heard.members.len(), heard.missed.len()), (0, 0));
}

#[test]
fn other_text_is_no_mail() {
    for text in [
        "fn main() {\n    let from: u32 = 1;\n}\n",
        "HTTP/1.1 200 OK\r\nDate: today\r\nContent-Type: text/html\r\n\r\n",
        "Date: today\r\nContent-Type: text/html\r\nX-Powered-By: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: example.org\r\nFrom: a\r\nX-From: b\r\n",
        "name: job\non: push\nsubject: x\n",
        "To: do list\n- bread\n",
        "Subject: only one\n\ntext",
        "{\"from\": 1,\n\"to\": 2}\n",
        "\n\n\n",
        "",
    ] {
        assert!(!super::is(text.as_bytes()), "{text}");
    }
    for text in [
        "\u{feff}\r\n\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related",
        "From a Tue Nov 24 10:00:00 2026\nSubject: x\nDate: y\n",
        "X-Mozilla-Status: 0001\nReceived : from a\n\tby b\n",
    ] {
        assert!(super::is(text.as_bytes()), "{text}");
    }
}
