//! The only room that writes to the terminal. Commands hand over views, of which it makes
//! tables for people or JSON for programs; what others wrote is made harmless on the way.

use crate::failure::Failure;
use crate::i18n::Language;
use crate::show::{harmless, harmless_json, harmless_lines};
use comfy_table::{Table, presets};
use serde::Serialize;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::marker::PhantomData;

/// How results are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    // No doc comments: they would swell every command's help.
    #[default]
    Table,
    Json,
}

/// One row of a listing. Its JSON form is a promise to scripts.
pub(crate) trait Row: Serialize {
    /// The columns.
    const HEADER: &'static [&'static str];
    /// As wide as a column is at least, where rows are shown as they come.
    const WIDTHS: &'static [usize] = &[];
    /// The row for people, one for each column.
    fn cells(&self) -> Vec<String>;
}

/// One thing with all that is known of it.
pub(crate) trait Card: Serialize {
    /// The card for people: what, and its value.
    fn lines(&self) -> Vec<(&'static str, String)>;
}

/// Where results go.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    format: Format,
    language: Language,
}

/// Columns and labels that hold sentences of the program's own, of the controller's or of an agent's.
const SENTENCES: [&str; 15] = [
    "RULES",
    "DISK",
    "NOT DONE",
    "ITS BACKUPS",
    "LOOK ENCRYPTED",
    "RING",
    "IN GROUP",
    "REASON",
    "MESSAGE",
    "FAILED",
    "ERROR",
    "WHAT",
    "WAITED",
    "WARNING",
    "REFUSED",
];

/// Columns and labels that hold stable words, which people read in their language.
const WORDS: [&str; 22] = [
    "LAST SCAN",
    "LAST FULL SCAN",
    "LAST BACKUP",
    "LAST SEEN",
    "LAST LOGIN",
    "BACKUPS SOUND",
    "ENROLLED",
    "STATE",
    "PRESENCE",
    "WHY",
    "KIND",
    "SEVERITY",
    "ROLE",
    "OUTCOME",
    "OF THE UNKNOWN",
    "DEALT WITH",
    "PUT AWAY",
    "OWN POLICY",
    "PLACED BY HAND",
    "COMPLETE",
    "SCANNED",
    "STAYS",
];

impl Output {
    pub(crate) fn new(format: Format) -> Self {
        Self { format, language: Language::default() }
    }

    /// The same in a language. What programs read has none.
    pub(crate) fn speaking(self, language: Language) -> Self {
        Self { language, ..self }
    }

    /// What people read.
    pub(crate) fn language(&self) -> Language {
        self.language
    }

    /// A text as people read it in their language.
    pub(crate) fn translated(&self, english: &str) -> String {
        self.language.say(english)
    }

    /// A whole listing; `none` is said where it is empty.
    pub(crate) fn list<R: Row>(&self, rows: &[R], none: &str) -> Result<(), Failure> {
        if rows.is_empty() && self.format == Format::Table {
            self.note(none);
            return Ok(());
        }
        write(&list(self.format, self.language, rows)?)
    }

    /// Bytes as they are, for programs that this one's own makers have written.
    pub(crate) fn verbatim(&self, content: &[u8]) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(content).and_then(|()| out.flush()).map_err(Failure::Output)
    }

    /// Makes room for a listing that is shown anew: on a terminal, and for people.
    pub(crate) fn clear(&self) -> Result<(), Failure> {
        match self.format {
            Format::Table if io::stdout().is_terminal() => self.verbatim(b"\x1b[H\x1b[2J"),
            _ => Ok(()),
        }
    }

    /// One thing.
    pub(crate) fn card<C: Card>(&self, card: &C) -> Result<(), Failure> {
        write(&match self.format {
            Format::Table => pairs(self.language, card.lines()),
            Format::Json => json(card)?,
        })
    }

    /// A document as it is; as JSON, the thing that it is part of.
    pub(crate) fn document<S: Serialize>(&self, text: &str, whole: &S) -> Result<(), Failure> {
        write(&match self.format {
            Format::Table => harmless_lines(text),
            Format::Json => json(whole)?,
        })
    }

    /// The same, for a file: as it is, for no terminal obeys it there.
    pub(crate) fn written<S: Serialize>(&self, text: &str, whole: &S) -> Result<String, Failure> {
        match self.format {
            Format::Table => Ok(text.to_owned()),
            Format::Json => json(whole),
        }
    }

    /// A listing whose rows are shown as they come.
    pub(crate) fn stream<R: Row>(&self) -> Stream<R> {
        Stream {
            format: self.format,
            language: self.language,
            rows: 0,
            out: BufWriter::new(io::stdout()),
            of: PhantomData,
        }
    }

    /// Something that people want to know and programs do not read.
    pub(crate) fn note(&self, text: &str) {
        // Standard error that is closed is no reason to stop.
        let _ = write!(io::stderr(), "{}", harmless_lines(&self.language.say(text)));
    }

    /// Why it did not work, with its stable word and the exit code: for programs as one line of JSON.
    pub(crate) fn failed(&self, text: &str, word: &str, exit_code: u8) {
        match self.format {
            Format::Table => self.failure(text),
            Format::Json => {
                let error = serde_json::json!({"error": word, "message": text, "exit_code": exit_code});
                // Standard error that is closed is no reason to stop.
                let _ = writeln!(io::stderr(), "{}", harmless_json(&error.to_string()));
            }
        }
    }

    /// Why it did not work.
    pub(crate) fn failure(&self, text: &str) {
        let _ = write!(io::stderr(), "{}", harmless_lines(&format!("keepwatch: {}", self.language.say(text))));
    }
}

/// A listing under way.
#[derive(Debug)]
pub(crate) struct Stream<R> {
    format: Format,
    language: Language,
    rows: u64,
    out: BufWriter<Stdout>,
    of: PhantomData<R>,
}

impl<R: Row> Stream<R> {
    /// Shows one more row.
    pub(crate) fn row(&mut self, row: &R) -> Result<(), Failure> {
        let text = streamed(self.format, self.language, self.rows == 0, row)?;
        self.rows += 1;
        self.out.write_all(text.as_bytes()).map_err(Failure::Output)
    }

    /// Ends the listing and says how many rows it had. One that breaks off is left open, so
    /// that no program takes it for whole.
    pub(crate) fn end(mut self) -> Result<u64, Failure> {
        if self.format == Format::Json {
            let end: &[u8] = if self.rows == 0 { b"[]\n" } else { b"\n]\n" };
            self.out.write_all(end).map_err(Failure::Output)?;
        }
        self.out.flush().map_err(Failure::Output)?;
        Ok(self.rows)
    }
}

fn write(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::Output)
}

fn json<S: Serialize + ?Sized>(value: &S) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::Output(error.into()))?;
    Ok(harmless_json(&text) + "\n")
}

fn list<R: Row>(format: Format, language: Language, rows: &[R]) -> Result<String, Failure> {
    match format {
        Format::Json => json(rows),
        Format::Table => {
            let mut table = plain_table();
            table.set_header(headings::<R>(language));
            table.add_rows(rows.iter().map(|row| tamed(worded(language, R::HEADER, row.cells()))));
            Ok(trimmed(&table))
        }
    }
}

fn pairs(language: Language, lines: Vec<(&'static str, String)>) -> String {
    let mut table = plain_table();
    for (name, value) in lines {
        let value = told(language, &name.to_uppercase(), value);
        table.add_row([format!("{}:", language.say(name)), harmless(&value).into_owned()]);
    }
    trimmed(&table)
}

fn headings<R: Row>(language: Language) -> Vec<String> {
    R::HEADER.iter().map(|heading| language.say(heading)).collect()
}

/// The cells, with the stable words among them in a language.
fn worded(language: Language, header: &[&str], cells: Vec<String>) -> Vec<String> {
    header.iter().zip(cells).map(|(heading, cell)| told(language, heading, cell)).collect()
}

/// A value as people read it, by what stands above or beside it.
fn told(language: Language, name: &str, value: String) -> String {
    match name {
        _ if SENTENCES.contains(&name) => language.say_of(&value),
        // A reason may be a sentence, too.
        _ if WORDS.contains(&name) => {
            Some(language.say(&value)).filter(|said| *said != value).unwrap_or_else(|| language.words(&value))
        }
        _ => value,
    }
}

fn streamed<R: Row>(format: Format, language: Language, first: bool, row: &R) -> Result<String, Failure> {
    match format {
        Format::Json => {
            let text = serde_json::to_string(row).map_err(|error| Failure::Output(error.into()))?;
            Ok(format!("{}{}", if first { "[\n  " } else { ",\n  " }, harmless_json(&text)))
        }
        Format::Table => {
            let header = if first { spaced(headings::<R>(language), R::WIDTHS) } else { String::new() };
            Ok(header + &spaced(tamed(worded(language, R::HEADER, row.cells())), R::WIDTHS))
        }
    }
}

fn spaced(cells: impl IntoIterator<Item = String>, widths: &[usize]) -> String {
    let widths = widths.iter().copied().chain(std::iter::repeat(0));
    let columns: Vec<String> = cells.into_iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
    columns.join("  ").trim_end().to_owned() + "\n"
}

fn tamed(cells: Vec<String>) -> Vec<String> {
    cells.iter().map(|cell| harmless(cell).into_owned()).collect()
}

fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

fn trimmed(table: &Table) -> String {
    // The style pads each cell on both sides.
    table.lines().map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned() + "\n").collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Thing {
        name: &'static str,
        bytes: u64,
    }

    impl Row for Thing {
        const HEADER: &'static [&'static str] = &["NAME", "SIZE"];
        const WIDTHS: &'static [usize] = &[6];
        fn cells(&self) -> Vec<String> {
            vec![self.name.into(), crate::show::size(self.bytes)]
        }
    }

    const THINGS: [Thing; 2] = [Thing { name: "守\x1b", bytes: 1024 }, Thing { name: "b", bytes: 0 }];

    #[test]
    fn a_table_is_plain_and_harmless() {
        let text = list(Format::Table, Language::En, &THINGS).unwrap();
        assert_eq!(text, "NAME      SIZE\n守\\u{1b}  1.00 KiB\nb         0 B\n");
    }

    #[test]
    fn people_read_headings_and_words_in_their_language_and_programs_do_not() {
        #[derive(Serialize)]
        struct Pc(&'static str);
        impl Row for Pc {
            const HEADER: &'static [&'static str] = &["NAME", "STATE", "WHY"];
            fn cells(&self) -> Vec<String> {
                vec![self.0.into(), "at-risk".into(), "malware, backup-overdue".into()]
            }
        }
        impl Card for Pc {
            fn lines(&self) -> Vec<(&'static str, String)> {
                let disk = "1.00 GiB free of 2.00 GiB".into();
                let known = [("name", "protected"), ("state", "protected"), ("last scan", "never")];
                known.map(|(label, value)| (label, value.into())).into_iter().chain([("disk", disk)]).collect()
            }
        }
        // A PC that is called as a state is keeps its name.
        let table = list(Format::Table, Language::ZhCn, &[Pc("protected")]).unwrap();
        assert!(table.starts_with("名称") && table.contains("protected") && table.contains("有风险"), "{table}");
        assert!(table.contains("疑有恶意软件、备份逾期"), "{table}");
        assert_eq!(
            pairs(Language::ZhCn, Pc("").lines()).split_whitespace().collect::<Vec<_>>(),
            [
                "名称:",
                "protected",
                "状态:",
                "受保护",
                "上次扫描:",
                "从未",
                "磁盘:",
                "可用",
                "1.00",
                "GiB，共",
                "2.00",
                "GiB"
            ]
        );
        assert_eq!(
            list(Format::Json, Language::ZhCn, &[Pc("a")]).unwrap(),
            list(Format::Json, Language::En, &[Pc("a")]).unwrap()
        );
    }

    #[test]
    fn json_is_an_array_of_objects() {
        let text = list(Format::Json, Language::En, &THINGS).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value, serde_json::json!([{"name": "守\x1b", "bytes": 1024}, {"name": "b", "bytes": 0}]));
        assert_eq!(list::<Thing>(Format::Json, Language::ZhCn, &[]).unwrap(), "[]\n");
    }

    #[test]
    fn rows_that_come_one_by_one_make_the_same() {
        let rows = |format| -> String {
            THINGS.iter().enumerate().map(|(at, row)| streamed(format, Language::En, at == 0, row).unwrap()).collect()
        };
        let value: serde_json::Value = serde_json::from_str(&(rows(Format::Json) + "\n]\n")).unwrap();
        assert_eq!(value.as_array().unwrap().len(), 2);
        assert_eq!(rows(Format::Table), "NAME    SIZE\n守\\u{1b}  1.00 KiB\nb       0 B\n");
    }
}
