//! Questions to the person at the terminal, and secrets from files for scripts. Answers are
//! awaited on another thread, so that Ctrl-C still works.

use crate::context::Context;
use crate::failure::Failure;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::Path;

/// Longest file of secrets that is read, in bytes.
const LONGEST: u64 = 64 << 10;

/// Whether somebody is there to answer.
pub(crate) fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Has something broad, or for good, confirmed first: by `--yes`, or by whoever is at the terminal.
pub(crate) async fn confirm(context: &Context, question: &str) -> Result<(), Failure> {
    if context.yes {
        return Ok(());
    }
    if !is_possible() {
        return Err(Failure::Unconfirmed(question.to_owned()));
    }
    let answer = line(format!("{} [y/N] ", context.output.translated(question))).await?;
    let agreed = ["y", "yes", "是"].contains(&answer.to_lowercase().as_str());
    if agreed { Ok(()) } else { Err(Failure::Declined) }
}

/// One line, shown while typed.
pub(crate) async fn line(question: String) -> Result<String, Failure> {
    aside(move || {
        write!(io::stderr(), "{question}")?;
        let mut answer = String::new();
        if io::stdin().lock().take(LONGEST).read_line(&mut answer)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(answer.trim().to_owned())
    })
    .await
}

/// One line, not shown.
pub(crate) async fn password(question: &'static str) -> Result<String, Failure> {
    aside(move || rpassword::prompt_password(question)).await
}

/// The lines of a file, or of standard input where the file is `-`.
pub(crate) async fn lines_of(file: &Path) -> Result<Vec<String>, Failure> {
    let path = file.to_owned();
    let text = aside(move || {
        let mut text = String::new();
        if path.as_os_str() == "-" {
            io::stdin().lock().take(LONGEST).read_to_string(&mut text)?;
        } else {
            std::fs::File::open(&path)?.take(LONGEST).read_to_string(&mut text)?;
        }
        Ok(text)
    })
    .await
    .map_err(|failure| match failure {
        Failure::Ask(error) => Failure::File { path: file.into(), error },
        other => other,
    })?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// The password in a file: its first line.
pub(crate) async fn password_in(file: &Path) -> Result<String, Failure> {
    let first = lines_of(file).await?.into_iter().next().filter(|line| !line.is_empty());
    first.ok_or_else(|| Failure::Usage(format!("{} holds no password in its first line", file.display())))
}

async fn aside<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|broken| Err(io::Error::other(broken))).map_err(Failure::Ask)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_the_first_line_of_its_file() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(password_in(file.path()).await, Err(Failure::Usage(_))));
        file.write_all(b"old pass \r\nnew\n").unwrap();
        assert_eq!(password_in(file.path()).await.unwrap(), "old pass ");
        assert_eq!(lines_of(file.path()).await.unwrap(), ["old pass ", "new"]);
        assert!(matches!(password_in(Path::new("/no/such/file")).await, Err(Failure::File { .. })));
    }
}
