//! `download`: one file from a snapshot to this computer. It appears under its name only
//! when it is whole, and never in place of another unless that is wanted.

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

/// Fetch one file from a snapshot to this computer.
#[derive(Debug, clap::Args)]
pub(crate) struct Download {
    /// Name or id of the host
    host: String,
    /// Id of the snapshot, its beginning, or 'latest'
    snapshot: String,
    /// The file within it, as 'ls' shows it
    #[arg(value_parser = remote_path())]
    path: String,
    /// Where to write ('-': standard output); under its own name here if left out
    #[arg(short = 'o', long = "to", value_name = "FILE")]
    to: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
}

impl Download {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let Self { host, snapshot, path, to, force } = self;
        let to = match to {
            Some(to) if to.is_dir() => to.join(local_name(&path)?),
            Some(to) => to,
            None => local_name(&path)?,
        };
        let piped = to.as_os_str() == "-";
        // Not after a long download.
        if !piped && !force && to.symlink_metadata().is_ok() {
            return Err(Failure::Exists(to));
        }
        let mut progress = Progress::new(&context.output);
        let mut staff = context.staff().await?;
        let request = wire::DownloadRequest { host, snapshot, path };
        let chunks = staff.download(request).await?.into_inner();
        if piped {
            let mut out = std::io::stdout();
            receive(chunks, &mut progress, &mut |data| out.write_all(data).map_err(Failure::Output)).await?;
            out.flush().map_err(Failure::Output)?;
            return Ok(Outcome::Done);
        }
        let mut file = beside(&to).map_err(Failure::file(&to))?;
        let write = &mut |data: &[u8]| file.write_all(data).map_err(Failure::file(&to));
        let bytes = receive(chunks, &mut progress, write).await?;
        put(file, &to, force)?;
        drop(progress);
        context.output.note(&format!("{}: {}", to.display(), show::size(bytes)));
        Ok(Outcome::Done)
    }
}

/// The file's own name, in the folder where we are.
fn local_name(path: &str) -> Result<PathBuf, Failure> {
    let bytes = paths::to_bytes(path);
    let is_drive = |bytes: &[u8]| matches!(bytes, [letter, b':', ..] if letter.is_ascii_alphabetic());
    let windows = is_drive(&bytes) || bytes.starts_with(b"\\\\");
    let is_separator = |byte: &u8| *byte == b'/' || (windows && *byte == b'\\');
    match bytes.rsplit(is_separator).next() {
        None | Some(b"" | b"." | b"..") => {
            Err(Failure::Usage(format!("'{path}' names no file; write the file's path, and where it shall go with -o")))
        }
        Some(name) => Ok(Path::new(".").join(platform::file_name(name.to_vec()))),
    }
}

/// A file in the same folder, which vanishes unless it is put in place.
fn beside(to: &Path) -> std::io::Result<NamedTempFile> {
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::Builder::new().prefix(".keepwatch-").suffix(".part").tempfile_in(folder)
}

fn put(file: NamedTempFile, to: &Path, force: bool) -> Result<(), Failure> {
    file.as_file().sync_all().map_err(Failure::file(to))?;
    let done = if force { file.persist(to) } else { file.persist_noclobber(to) };
    match done {
        Ok(_) => Ok(()),
        Err(failed) if failed.error.kind() == std::io::ErrorKind::AlreadyExists => Err(Failure::Exists(to.into())),
        Err(failed) => Err(Failure::File { path: to.into(), error: failed.error }),
    }
}

async fn receive(
    mut chunks: Streaming<wire::Chunk>,
    progress: &mut Progress,
    write: &mut dyn FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    let (mut received, mut total) = (0u64, 0u64);
    while let Some(chunk) = chunks.message().await? {
        write(&chunk.data)?;
        received += chunk.data.len() as u64;
        total = total.max(chunk.total);
        progress.show("downloading", "", received, total);
    }
    if total > 0 && received != total { Err(Failure::CutShort { received, total }) } else { Ok(received) }
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
            assert_eq!(local_name(path).unwrap(), Path::new(name), "{path}");
        }
        for bad in ["", "/", "..", "/a/..", "/a/.", "C:\\a\\.."] {
            assert!(local_name(bad).is_err(), "{bad}");
        }
        let latin1 = local_name("/a/caf\\xE9").unwrap();
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
