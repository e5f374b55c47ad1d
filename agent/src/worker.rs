//! Heavy work runs in a child of the same binary. The order goes in on its stdin, secrets
//! included, since a command line and an environment can be read by others; what it says
//! comes out on stdout, one JSON line each. Killing it is how work is called off, and what
//! it does wrong costs one job.

mod order;

pub(crate) use order::{
    BackupOrder, BundleOrder, Courtesy, Deed, Hooks, Order, QuarantineOrder, RestoreOrder, ScanOrder, Suspect,
    VerifyOrder, Word,
};

use crate::platform;
use keepwatch_proto::bundle::Bundle;
use keepwatch_proto::detection::Detection;
use keepwatch_proto::job::{Ended, Failure, NAMED_FAILURES};
use keepwatch_proto::paths::harmless;
use keepwatch_proto::quarantine::{Item, NAMED_RULES};
use keepwatch_proto::verdict::NAMED_INFECTED;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::Instrument;

/// Longest line that is taken from a child: it handles hostile files. What is [`bounded`]
/// fits also where JSON needs six bytes for each one of it.
pub(crate) const LONGEST_LINE: u64 = 2 << 20;
/// Longest text in anything that goes into the outbox, in bytes.
const LONGEST_TEXT: usize = 8 << 10;
/// Longest path, in bytes: the longest that Linux has, each byte escaped.
const LONGEST_PATH: usize = 16 << 10;
/// Bytes of all failures that one end names, so that it fits a message.
const ALL_FAILURES: usize = 256 << 10;
/// Bytes of all infected files that a verdict names.
const ALL_INFECTED: usize = 128 << 10;
/// Of what a child says besides, the last lines that go along with its job's end, and the longest.
const LOG_LINES: usize = 100;
const LONGEST_LOG_LINE: usize = 500;
/// Most metadata of one rule.
const MOST_METADATA: usize = 64;

/// What a child says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Said {
    /// How far it has come.
    Progress { phase: String, files: u64, bytes: u64, total_bytes: u64 },
    /// A rule matched.
    Detection(Detection),
    /// Something that should have been read or written and was not.
    Failure(Failure),
    /// How the job ends if nothing more is heard: what it is for is done.
    SoFar(Ended),
    /// The job is over.
    Ended(Ended),
    /// Something is found in this file that has it put away, once the scan is over.
    Suspect(Suspect),
    /// A file was put away.
    PutAway(Item),
    /// A bundle was judged.
    Judged(Judgement),
}

/// What came of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Judgement {
    /// It may be used; its verified bytes lie in this file.
    Good { bundle: Bundle, file: PathBuf },
    /// It must not be used.
    Bad(String),
    /// It could not be had; later perhaps.
    Unavailable(String),
}

/// A child that does not work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkerError {
    /// It could not be started.
    #[error("the worker process cannot be started: {0}; check memory and the agent's program file")]
    Spawn(#[from] std::io::Error),
    /// The order could not be written down.
    #[error("the worker's order cannot be written: {0}")]
    Order(#[from] serde_json::Error),
}

/// How a child ended.
pub(crate) struct Ending {
    /// In words, with its last complaint.
    pub(crate) how: String,
    /// The last lines that it said besides.
    pub(crate) log: Vec<String>,
    /// Somebody else ended it, as the system does where memory runs short or the PC goes down.
    pub(crate) killed: bool,
}

/// A child at work. Dropping it kills it.
pub(crate) struct Worker {
    child: Child,
    leash: Leash,
    said: mpsc::Receiver<Said>,
    complaints: JoinHandle<VecDeque<String>>,
}

/// What leads to a child while it works. It ends when this closes, also when this process
/// is killed.
pub(crate) struct Leash<W = ChildStdin>(pub(crate) W);

impl<W: AsyncWrite + Unpin> Leash<W> {
    /// Has a scan wait, or go on. A child that is gone needs neither.
    pub(crate) async fn hold(&mut self, held: bool) {
        let word = if held { Word::Hold } else { Word::GoOn };
        let Ok(mut line) = serde_json::to_vec(&word) else { return };
        line.push(b'\n');
        let _ = self.0.write_all(&line).await;
        let _ = self.0.flush().await;
    }
}

impl Worker {
    /// Starts a child on an order.
    pub(crate) async fn start(order: &Order) -> Result<Self, WorkerError> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("worker").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        platform::prepare_worker(&mut command);
        let mut child = command.spawn()?;
        let missing = || std::io::Error::other("a pipe is missing");
        let mut stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = child.stderr.take().ok_or_else(missing)?;

        let (sender, said) = mpsc::channel(64);
        tokio::spawn(listen(stdout, sender));
        let complaints = tokio::spawn(pass_on(stderr).in_current_span());
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        // A child that has died already shows by its end, not here.
        let _ = stdin.write_all(&line).await;
        let _ = stdin.flush().await;
        Ok(Self { child, leash: Leash(stdin), said, complaints })
    }

    /// What it says, what leads to it, and what ends it once it is waited for. What it had
    /// said by then is still to be heard.
    pub(crate) fn parts(&mut self) -> (&mut mpsc::Receiver<Said>, &mut Leash, impl Future<Output = ()>) {
        let child = &mut self.child;
        let end = async {
            end(child).await;
        };
        (&mut self.said, &mut self.leash, end)
    }

    /// How it ended.
    pub(crate) async fn how_it_ended(mut self) -> Ending {
        // It has closed its stdout; one that lingers is of no more use.
        let patience = std::time::Duration::from_secs(10);
        let (how, killed) = match tokio::time::timeout(patience, self.child.wait()).await {
            Ok(Ok(status)) => (platform::how_it_ended(status), platform::was_killed(status)),
            Ok(Err(error)) => (error.to_string(), false),
            Err(_) => {
                end(&mut self.child).await;
                ("it did not end by itself".into(), false)
            }
        };
        // What the child has started may hold the pipe open for as long as it likes.
        let log = match tokio::time::timeout(patience, self.complaints).await {
            Ok(log) => log.unwrap_or_default(),
            Err(_) => VecDeque::new(),
        };
        let how = log.back().map(|last| format!("{how}: {last}")).unwrap_or(how);
        Ending { how, log: log.into(), killed }
    }
}

/// Kills a child and all that it has started: a command of the PC's, a program that reaches a storage.
async fn end(child: &mut Child) {
    if let Some(worker) = child.id() {
        platform::end_family(worker).await;
    }
    let _ = child.kill().await;
}

/// Reads what a child says until it says no more. What is no message is logged and passed
/// over: a library's stray print must not cost a job.
async fn listen(stdout: impl AsyncRead + Unpin, sender: mpsc::Sender<Said>) {
    let mut lines = BufReader::new(stdout);
    while let Some(line) = next_line(&mut lines).await {
        match serde_json::from_slice(&line) {
            Ok(said) => {
                if sender.send(bounded(said)).await.is_err() {
                    return;
                }
            }
            Err(error) => tracing::warn!("the worker said something that is no message: {error}"),
        }
    }
}

/// Passes a child's log on, and gives back its last lines.
async fn pass_on(stderr: impl AsyncRead + Unpin) -> VecDeque<String> {
    let (mut lines, mut last) = (BufReader::new(stderr), VecDeque::new());
    while let Some(line) = next_line(&mut lines).await {
        // It may name files, and a name with a line end in it must not pass for our own word.
        let text = harmless(String::from_utf8_lossy(&line).trim()).into_owned();
        tracing::info!("worker: {text}");
        if last.len() == LOG_LINES {
            last.pop_front();
        }
        last.push_back(shortened(text, LONGEST_LOG_LINE));
    }
    last
}

/// The next line, cut off where it is longer than any that we write.
async fn next_line(lines: &mut (impl AsyncBufReadExt + Unpin)) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    let read = lines.take(LONGEST_LINE).read_until(b'\n', &mut line).await;
    match read {
        Ok(n) if n > 0 => {
            if line.last() == Some(&b'\n') {
                line.pop();
            }
            Some(line)
        }
        _ => None,
    }
}

/// Within what a line, an outbox and a message can hold. The child bounds what it says, so
/// that nothing is lost; the parent does it again, since it trusts no child.
pub(crate) fn bounded(said: Said) -> Said {
    match said {
        Said::Detection(d) => Said::Detection(Detection {
            rule: shortened(d.rule, LONGEST_TEXT),
            namespace: shortened(d.namespace, LONGEST_TEXT),
            path: shortened(d.path, LONGEST_PATH),
            sha256: shortened(d.sha256, 64),
            metadata: d
                .metadata
                .into_iter()
                .take(MOST_METADATA)
                .map(|(key, value)| (shortened(key, 256), shortened(value, 2048)))
                .collect(),
            ..d
        }),
        Said::Failure(f) => {
            Said::Failure(Failure { path: shortened(f.path, LONGEST_PATH), reason: shortened(f.reason, LONGEST_TEXT) })
        }
        // One that is longer names no file; it is said that there is none.
        Said::Suspect(suspect) => Said::Suspect(Suspect {
            path: shortened(suspect.path, LONGEST_PATH),
            sha256: shortened(suspect.sha256, 64),
            rules: few(suspect.rules),
            ..suspect
        }),
        Said::PutAway(item) => {
            Said::PutAway(Item { path: shortened(item.path, LONGEST_PATH), rules: few(item.rules), ..item })
        }
        Said::Ended(ended) => Said::Ended(bounded_end(ended)),
        Said::SoFar(ended) => Said::SoFar(bounded_end(ended)),
        Said::Judged(Judgement::Bad(reason)) => Said::Judged(Judgement::Bad(shortened(reason, LONGEST_TEXT))),
        other => other,
    }
}

fn few(rules: Vec<String>) -> Vec<String> {
    rules.into_iter().take(NAMED_RULES).map(|rule| shortened(rule, 252)).collect()
}

fn bounded_end(mut ended: Ended) -> Ended {
    ended.message = shortened(ended.message, LONGEST_TEXT);
    ended.failures.clear();
    if let Some(verdict) = ended.snapshot.as_mut().and_then(|snapshot| snapshot.verdict.as_mut()) {
        let mut left = ALL_INFECTED;
        verdict.files.truncate(NAMED_INFECTED);
        verdict.files.retain(|file| {
            let bytes = file.path.len() + file.content.len() + file.rules.iter().map(String::len).sum::<usize>();
            let fits = bytes <= left;
            left -= if fits { bytes } else { 0 };
            fits
        });
    }
    ended
}

fn shortened(mut text: String, longest: usize) -> String {
    if text.len() > longest {
        text.truncate(text.floor_char_boundary(longest));
        text.push('…');
    }
    text
}

/// The failures that an end names: the first ones, as many as fit.
#[derive(Default)]
pub(crate) struct Named {
    failures: Vec<Failure>,
    bytes: usize,
}

impl Named {
    /// Names one more, if it fits.
    pub(crate) fn add(&mut self, failure: Failure) {
        let bytes = self.bytes + failure.path.len() + failure.reason.len();
        // A worker that follows on one that died says again what that one had said.
        let more = self.failures.len() < NAMED_FAILURES && bytes <= ALL_FAILURES;
        if more && !self.failures.contains(&failure) {
            self.bytes = bytes;
            self.failures.push(failure);
        }
    }

    /// The end, with these failures named.
    pub(crate) fn in_end(self, ended: Ended) -> Ended {
        Ended { failures: self.failures, ..ended }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use keepwatch_proto::clock::Clock;
    use keepwatch_proto::detection::Severity;
    use keepwatch_proto::ids::JobId;

    async fn heard(stdout: &[u8]) -> Vec<Said> {
        let (sender, mut said) = mpsc::channel(1024);
        listen(stdout, sender).await;
        let mut all = Vec::new();
        while let Some(one) = said.recv().await {
            all.push(one);
        }
        all
    }

    fn failure(path: &str) -> Failure {
        Failure { path: path.into(), reason: "gone".into() }
    }

    #[tokio::test]
    async fn noise_and_endless_lines_cost_nothing_that_was_said() {
        let said = Said::Failure(failure("/a"));
        let mut stdout = b"a stray print\n".to_vec();
        stdout.extend(serde_json::to_vec(&said).unwrap());
        stdout.push(b'\n');
        stdout.extend(vec![b'x'; 3 * LONGEST_LINE as usize]);
        stdout.push(b'\n');
        stdout.extend(serde_json::to_vec(&said).unwrap());
        // The last line may come without its end.
        assert_eq!(heard(&stdout).await, vec![said.clone(), said]);
    }

    #[tokio::test]
    async fn what_a_child_says_fits_a_message() {
        let long = "守".repeat(20_000);
        let detection = Detection {
            job: JobId::new(&Clock::system()),
            rule: long.clone(),
            namespace: long.clone(),
            severity: Severity::High,
            metadata: (0..100).map(|n| (format!("{n}{long}"), long.clone())).collect(),
            path: long.clone(),
            size: 1,
            sha256: long.clone(),
            bundle: 1,
        };
        let size = serde_json::to_vec(&bounded(Said::Detection(detection))).unwrap().len();
        assert!(size < keepwatch_proto::MAX_MESSAGE / 2, "{size}");

        let mut named = Named::default();
        for n in 0..10_000 {
            let Said::Failure(failure) = bounded(Said::Failure(failure(&format!("{n}{long}")))) else { panic!() };
            named.add(failure);
        }
        let mut again = Named::default();
        (0..2).for_each(|_| again.add(failure("/a")));
        assert_eq!(again.in_end(Ended::failed("x")).failures.len(), 1);
        let ended = named.in_end(Ended::failed("x"));
        assert!(!ended.failures.is_empty());
        assert!(serde_json::to_vec(&ended).unwrap().len() < keepwatch_proto::MAX_MESSAGE / 2);
    }

    #[tokio::test]
    async fn the_last_complaint_is_the_reason() {
        assert_eq!(pass_on(&b"starting\nout of luck\n"[..]).await, ["starting", "out of luck"]);
        assert!(pass_on(&b""[..]).await.is_empty());
        assert_eq!(pass_on(&b"bad name: \x1b[2J\r\n"[..]).await, ["bad name: \\u{1b}[2J"]);
        let much: Vec<u8> = (0..1000).flat_map(|n| format!("{n}{}\n", "x".repeat(2000)).into_bytes()).collect();
        let kept = pass_on(&much[..]).await;
        assert!(kept.len() == LOG_LINES && kept[0].starts_with("900x") && kept.iter().all(|line| line.len() < 600));
    }
}
