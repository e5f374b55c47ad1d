//! Writes a large rule set for benches, made from a real one: the same rules several times
//! over, each time under other names and with other bytes in their patterns, so that no two
//! are the same to a compiler. The first copy is the real set, unchanged.
//!
//! `rule_set RULES FOLDER COUNT`: at least COUNT rules, from the *.yar and *.yara in RULES.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

fn main() -> io::Result<()> {
    let usage = || io::Error::new(ErrorKind::InvalidInput, "usage: rule_set RULES FOLDER COUNT");
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [rules, folder, count] = words.as_slice() else { return Err(usage()) };
    let count: usize = count.parse().map_err(|_| usage())?;
    let mut sources = vec![];
    read(Path::new(rules), &mut sources)?;
    sources.sort();
    fs::create_dir_all(folder)?;
    let (mut written, mut copy) = (0, 0);
    while written < count {
        let before = written;
        for (number, (_, source)) in sources.iter().enumerate() {
            let text = Other { copy }.source(source);
            written += text.lines().filter(|line| name_of(line).is_some()).count();
            fs::write(Path::new(folder).join(format!("{copy:02}-{number:03}.yara")), text)?;
        }
        if written == before {
            return Err(io::Error::new(ErrorKind::NotFound, format!("no rules in {rules}")));
        }
        copy += 1;
    }
    eprintln!("{written} rules in {} files", copy * sources.len());
    Ok(())
}

fn read(folder: &Path, sources: &mut Vec<(PathBuf, String)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read(&path, sources)?;
        } else if path.extension().is_some_and(|e| e == "yar" || e == "yara") {
            sources.push((path.clone(), fs::read_to_string(&path)?));
        }
    }
    Ok(())
}

/// The name of the rule that begins in this line.
fn name_of(line: &str) -> Option<&str> {
    let rest = ["rule ", "private rule ", "global rule "].iter().find_map(|word| line.strip_prefix(word))?;
    rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().filter(|name| !name.is_empty())
}

/// One of the copies.
struct Other {
    copy: usize,
}

impl Other {
    fn source(&self, source: &str) -> String {
        let mut text = String::with_capacity(source.len());
        let (mut in_strings, mut in_hex) = (false, false);
        for line in source.lines() {
            let word = line.trim();
            if word.ends_with(':') {
                in_strings = word == "strings:";
            }
            if self.copy == 0 {
                text.push_str(line);
            } else if let Some(name) = name_of(line) {
                text.push_str(&line.replacen(name, &format!("{name}_{}", self.copy), 1));
            } else if in_strings && (in_hex || word.contains("= {")) {
                let (name, bytes) = line.split_at(line.find('{').map_or(0, |at| at + 1));
                in_hex = !bytes.contains('}');
                text.push_str(name);
                text.push_str(&self.hex(bytes));
            } else if in_strings || word.contains("pe.signatures[i].serial ==") {
                text.push_str(&self.quoted(line));
            } else {
                text.push_str(line);
            }
            text.push('\n');
        }
        text
    }

    /// Whole bytes become others; wildcards, jumps and choices stay.
    fn hex(&self, line: &str) -> String {
        line.split_inclusive(' ')
            .map(|word| match (word.trim_end().len(), u8::from_str_radix(word.trim_end(), 16)) {
                (2, Ok(byte)) => word.replacen(word.trim_end(), &format!("{:02X}", self.byte(byte)), 1),
                _ => word.to_owned(),
            })
            .collect()
    }

    /// Digits and letters between quotes become others of their sort.
    fn quoted(&self, line: &str) -> String {
        let (mut quoted, mut escaped) = (false, false);
        line.chars()
            .map(|c| {
                let plain = quoted && !escaped;
                escaped = plain && c == '\\';
                quoted ^= c == '"' && (plain || !quoted);
                match c {
                    '0'..='9' if plain => self.turn(c, b'0', 10),
                    'a'..='f' if plain => self.turn(c, b'a', 6),
                    'g'..='z' if plain => self.turn(c, b'g', 20),
                    _ => c,
                }
            })
            .collect()
    }

    fn turn(&self, c: char, first: u8, count: usize) -> char {
        char::from(first + ((c as usize - usize::from(first) + self.copy) % count) as u8)
    }

    /// Frequent bytes (zero, the prologue's) stay: patterns keep the shape that real ones have.
    fn byte(&self, byte: u8) -> u8 {
        match byte {
            0x00 | 0x55 | 0x8b | 0xe8 | 0xec | 0xff => byte,
            _ => byte.wrapping_add((self.copy as u8).wrapping_mul(29)),
        }
    }
}
