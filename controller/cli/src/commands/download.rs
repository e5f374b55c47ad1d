//! `download`: one file from a snapshot to this computer, or a folder as one archive. It appears
//! under its name only when it is whole, and never in place of another unless that is wanted. What
//! the archive does not hold is named.

use super::remote_path;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::progress::Progress;
use crate::{platform, show};
use keepwatch_proto::paths;
use keepwatch_proto::wire::staff as wire;
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;
use tonic::Streaming;

/// Fetch a file from a snapshot to this computer, or a folder as one zip or tar.
#[derive(Debug, clap::Args)]
pub(crate) struct Download {
    /// Name or id of the host
    host: String,
    /// Id of the snapshot, its beginning, 'latest', or 'latest-clean': the newest in which it is clean
    snapshot: String,
    /// The file or folder within it, as 'ls' shows it
    #[arg(value_parser = remote_path())]
    path: String,
    /// How a folder comes: zip unless that cannot hold it
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Where to write ('-': standard output); under its own name here if left out
    #[arg(short = 'o', long = "to", value_name = "FILE")]
    to: Option<PathBuf>,
    /// Fetch also what is infected; for administrators
    #[arg(long)]
    infected: bool,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
}

/// How a folder comes.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    // No doc comments: they would swell the command's help.
    Zip,
    Tar,
}

impl Format {
    fn word(self) -> String {
        match self {
            Self::Zip => "zip".to_owned(),
            Self::Tar => "tar".to_owned(),
        }
    }
}

impl Download {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let Self { host, snapshot, path, format, to, infected, force } = self;
        let mut staff = context.staff().await?;
        let format = format.map(Format::word).unwrap_or_default();
        let request = wire::DownloadRequest { host, snapshot, path: path.clone(), format, infected };
        let mut chunks = staff.download(request).await?.into_inner();
        let first = chunks.message().await?.unwrap_or_default();
        if !first.note.is_empty() {
            context.output.note(&format!("note: {}", first.note));
        }
        let to = match to {
            Some(to) if to.is_dir() => to.join(local_name(&path, &first.format)?),
            Some(to) => to,
            None => local_name(&path, &first.format)?,
        };
        let piped = to.as_os_str() == "-";
        // Not after a long download.
        if !piped && !force && to.symlink_metadata().is_ok() {
            return Err(Failure::Exists(to));
        }
        let progress = Progress::new(&context.output);
        let mut incoming = Incoming { chunks, first: Some(first), progress, left_out: vec![], count: 0, unscanned: 0 };
        if piped {
            let mut out = std::io::stdout();
            incoming.receive(&mut |data| out.write_all(data).map_err(Failure::Output)).await?;
            out.flush().map_err(Failure::Output)?;
            return Ok(incoming.end(context));
        }
        let mut file = beside(&to).map_err(Failure::file(&to))?;
        let bytes = incoming.receive(&mut |data| file.write_all(data).map_err(Failure::file(&to))).await?;
        put(file, &to, force)?;
        let outcome = incoming.end(context);
        context.output.note(&format!("{}: {}", to.display(), show::size(bytes)));
        Ok(outcome)
    }
}

/// The file's own name, in the folder where we are; a folder's archive has its format behind it.
fn local_name(path: &str, format: &str) -> Result<PathBuf, Failure> {
    let bytes = paths::to_bytes(path);
    let is_drive = |bytes: &[u8]| matches!(bytes, [letter, b':', ..] if letter.is_ascii_alphabetic());
    let windows = is_drive(&bytes) || bytes.starts_with(b"\\\\");
    let is_separator = |byte: &u8| *byte == b'/' || (windows && *byte == b'\\');
    match bytes.rsplit(is_separator).next() {
        None | Some(b"" | b"." | b"..") => {
            Err(Failure::Usage(format!("'{path}' names no file; write the file's path, and where it shall go with -o")))
        }
        Some(name) => {
            let name = if format.is_empty() { name.to_vec() } else { [name, b".", format.as_bytes()].concat() };
            Ok(Path::new(".").join(platform::file_name(name)))
        }
    }
}

/// A file in the same folder, which vanishes unless it is put in place.
pub(super) fn beside(to: &Path) -> std::io::Result<NamedTempFile> {
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::Builder::new().prefix(".keepwatch-").suffix(".part").tempfile_in(folder)
}

/// Gives it its name, once all of it is there.
pub(super) fn put(file: NamedTempFile, to: &Path, force: bool) -> Result<(), Failure> {
    file.as_file().sync_all().map_err(Failure::file(to))?;
    let done = if force { file.persist(to) } else { file.persist_noclobber(to) };
    match done {
        Ok(_) => Ok(()),
        Err(failed) if failed.error.kind() == std::io::ErrorKind::AlreadyExists => Err(Failure::Exists(to.into())),
        Err(failed) => Err(Failure::File { path: to.into(), error: failed.error }),
    }
}

/// What arrives.
struct Incoming {
    chunks: Streaming<wire::Chunk>,
    /// Looked at already.
    first: Option<wire::Chunk>,
    progress: Progress,
    left_out: Vec<String>,
    count: u64,
    unscanned: u64,
}

impl Incoming {
    /// Writes what arrives and says how many bytes it was. A stream that breaks off is a failure.
    async fn receive(&mut self, write: &mut dyn FnMut(&[u8]) -> Result<(), Failure>) -> Result<u64, Failure> {
        let (mut received, mut total, mut archive) = (0u64, 0u64, false);
        loop {
            let chunk = match self.first.take() {
                Some(first) => first,
                None => match self.chunks.message().await? {
                    Some(chunk) => chunk,
                    None => break,
                },
            };
            write(&chunk.data)?;
            received += chunk.data.len() as u64;
            total = total.max(chunk.total);
            archive |= !chunk.format.is_empty();
            if let Some(entry) = chunk.left_out {
                self.left_out.push(format!("{}: {}", entry.path, entry.reason));
            }
            self.count = self.count.max(chunk.left_out_count);
            self.unscanned = self.unscanned.max(chunk.unscanned);
            // An archive has another length than what is in it.
            self.progress.show("downloading", "", if archive { chunk.done } else { received }, total);
        }
        if !archive && total > 0 && received != total {
            Err(Failure::CutShort { received, total })
        } else {
            Ok(received)
        }
    }

    /// Names what is not there.
    fn end(self, context: &Context) -> Outcome {
        let Self { left_out, count, unscanned, progress, .. } = self;
        drop(progress);
        if unscanned > 0 {
            context
                .output
                .note(&format!("{unscanned} files were not inspected to their end: look at them before you open them"));
        }
        let count = count.max(left_out.len() as u64);
        if count == 0 {
            return Outcome::Done;
        }
        left_out.iter().for_each(|line| context.output.note(&format!("left out: {line}")));
        context.output.note(&format!("{count} entries are not in the archive; a text in it names them, too"));
        Outcome::Partial
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_file_lands_here_whatever_its_path_says() {
        for (path, name) in [
            ("/home/王/报告.docx", "./报告.docx"),
            ("report", "./report"),
            ("C:\\Users\\a\\b.txt", "./b.txt"),
            ("/a\\b", "./a\\b"),
        ] {
            assert_eq!(local_name(path, "").unwrap(), Path::new(name), "{path}");
        }
        for bad in ["", "/", "..", "/a/..", "/a/.", "C:\\a\\.."] {
            assert!(local_name(bad, "").is_err(), "{bad}");
        }
        assert_eq!(local_name("/home/王/报告", "zip").unwrap(), Path::new("./报告.zip"));
        let latin1 = local_name("/a/caf\\xE9", "").unwrap();
        assert_eq!(platform::bytes(latin1.file_name().unwrap()), b"caf\xe9");
    }

    #[test]
    fn another_file_is_replaced_only_by_force() {
        let home = tempfile::tempdir().unwrap();
        let to = home.path().join("x".repeat(255));
        let fresh = |text: &str| {
            let mut file = beside(&to).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            file
        };
        put(fresh("one"), &to, false).unwrap();
        assert!(matches!(put(fresh("two"), &to, false), Err(Failure::Exists(_))));
        assert_eq!(std::fs::read(&to).unwrap(), b"one");
        put(fresh("three"), &to, true).unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), b"three");
        drop(fresh("never"));
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
    }
}
