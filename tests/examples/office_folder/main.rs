//! Writes a folder as an office has it, for benches: departments, users and years with
//! documents, spreadsheets, mail, pictures and PDFs whose sizes are log-normal. The same seed
//! gives the same folder, byte for byte, on the same machine: its programs are copied from
//! `/usr/bin`.
//!
//! `office_folder FOLDER MIB [SEED]`

mod chance;
mod documents;
mod mail;
mod words;

use chance::Chance;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// What lies in an office's folders.
#[derive(Clone, Copy)]
enum Kind {
    Document,
    Spreadsheet,
    Pdf,
    Picture,
    Text,
    Table,
    Letter,
    Mailbox,
    Archive,
    Legacy,
    Program,
}

/// Of 1,000 files so many are of this kind, with this median size in KiB and this spread (the
/// standard deviation of the size's logarithm).
const MIX: [(Kind, u64, f64, f64); 11] = [
    (Kind::Document, 250, 48.0, 1.15),
    (Kind::Spreadsheet, 190, 48.0, 1.2),
    (Kind::Pdf, 160, 115.0, 1.1),
    (Kind::Picture, 160, 320.0, 0.8),
    (Kind::Text, 60, 6.0, 1.4),
    (Kind::Table, 45, 18.0, 1.4),
    (Kind::Letter, 50, 50.0, 1.3),
    (Kind::Mailbox, 9, 2_400.0, 0.9),
    (Kind::Archive, 26, 300.0, 1.1),
    (Kind::Legacy, 40, 80.0, 1.0),
    (Kind::Program, 10, 0.0, 0.0),
];

/// No file is larger, whatever chance says.
const LARGEST: usize = 64 << 20;

fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let usage = || io::Error::new(ErrorKind::InvalidInput, "usage: office_folder FOLDER MIB [SEED]");
    let [folder, mib, seed @ ..] = words.as_slice() else { return Err(usage()) };
    let mib: u64 = mib.parse().map_err(|_| usage())?;
    let seed: u64 = seed.first().map_or(Ok(1), |seed| seed.parse()).map_err(|_| usage())?;
    let programs = programs()?;
    let (mut files, mut bytes) = (0, 0);
    while bytes < mib << 20 {
        // Each file has a chance of its own: one kind's changes do not change the others.
        let mut chance = Chance::new(seed, files);
        bytes += write(Path::new(folder), files, &programs, &mut chance)?;
        files += 1;
    }
    eprintln!("{files} files, {} MiB", bytes >> 20);
    Ok(())
}

/// One file; says its size.
fn write(folder: &Path, number: u64, programs: &[PathBuf], chance: &mut Chance) -> io::Result<u64> {
    let (kind, median, spread) = pick(chance);
    // Not of this year: what seems to come from the future is judged anew each time.
    let year = 2018 + chance.below(8);
    let folder = folder.join(words::DEPARTMENTS[chance.below(words::DEPARTMENTS.len() as u64) as usize]);
    let folder = folder.join(words::USERS[chance.below(words::USERS.len() as u64) as usize]).join(year.to_string());
    fs::create_dir_all(&folder)?;
    let size = ((median * 1024.0 * (spread * chance.normal()).exp()) as usize).clamp(200, LARGEST);
    let (bytes, extension) = content(kind, size, programs, chance)?;
    let path = folder.join(format!("{} {year}-{number:05}.{extension}", words::title(chance)));
    fs::write(&path, &bytes)?;
    let written = UNIX_EPOCH + Duration::from_secs((year - 1970) * 31_557_600 + chance.below(31_000_000));
    fs::File::options().append(true).open(&path)?.set_modified(written)?;
    Ok(bytes.len() as u64)
}

fn pick(chance: &mut Chance) -> (Kind, f64, f64) {
    let mut left = chance.below(MIX.iter().map(|(_, share, ..)| share).sum());
    for (kind, share, median, spread) in MIX {
        if left < share {
            return (kind, median, spread);
        }
        left -= share;
    }
    unreachable!("the shares are those that were summed up")
}

fn content(kind: Kind, size: usize, programs: &[PathBuf], chance: &mut Chance) -> io::Result<(Vec<u8>, &'static str)> {
    Ok(match kind {
        Kind::Document => (documents::docx(size, chance)?, "docx"),
        Kind::Spreadsheet => (documents::xlsx(size, chance)?, "xlsx"),
        Kind::Pdf => (documents::pdf(size, chance)?, "pdf"),
        Kind::Picture => (documents::jpeg(size, chance), "jpg"),
        Kind::Text => (words::prose(size, chance).into_bytes(), "txt"),
        Kind::Table => (words::table(size, chance).into_bytes(), "csv"),
        Kind::Letter => (mail::message(size, chance)?, "eml"),
        Kind::Mailbox => (mail::mailbox(size, chance)?, "mbox"),
        Kind::Archive => (documents::archive(size, chance)?, "zip"),
        Kind::Legacy => (documents::legacy(size, chance)?, "doc"),
        Kind::Program if programs.is_empty() => (words::prose(size, chance).into_bytes(), "log"),
        Kind::Program => (fs::read(&programs[chance.below(programs.len() as u64) as usize])?, "exe"),
    })
}

/// Real programs of a size that is kept in a folder.
fn programs() -> io::Result<Vec<PathBuf>> {
    let mut programs = vec![];
    let Ok(folder) = fs::read_dir("/usr/bin") else { return Ok(programs) };
    for entry in folder {
        let entry = entry?;
        let meta = entry.metadata()?;
        if meta.is_file() && (50_000..4_000_000).contains(&meta.len()) {
            programs.push(entry.path());
        }
    }
    programs.sort();
    Ok(programs)
}
