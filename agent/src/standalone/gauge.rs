//! How far a command has come: a line that moves on a terminal, a plain line now and then
//! elsewhere. All on stderr; stdout is for results. Names that others chose are made
//! harmless on the way: a file must not be able to say that it is clean.

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use keepwatch_proto::paths::{harmless, harmless_json};
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Log files are read later, not watched.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// The progress of one command.
pub(super) struct Gauge {
    what: &'static str,
    bar: Option<ProgressBar>,
    last: Mutex<Instant>,
}

impl Gauge {
    /// Begins.
    pub(super) fn new(what: &'static str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise} {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { what, bar, last: Mutex::new(Instant::now()) }
    }

    /// How far it has come.
    pub(super) fn show(&self, files: u64, bytes: u64, total_bytes: u64) {
        let text = || {
            let of = if total_bytes > 0 { format!(" of {}", HumanBytes(total_bytes)) } else { String::new() };
            format!("{}: {} files, {}{of}", self.what, HumanCount(files), HumanBytes(bytes))
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let every = if self.bar.is_some() { Duration::from_millis(100) } else { PLAIN_EVERY };
        if last.elapsed() < every {
            return;
        }
        *last = Instant::now();
        match &self.bar {
            Some(bar) => bar.set_message(text()),
            None => eprintln!("{}", text()),
        }
    }

    /// Says something on stderr without spoiling the line that moves.
    pub(super) fn say(&self, line: &str) {
        self.aside(std::io::stderr(), &harmless(line));
    }

    /// Prints a result on stdout.
    pub(super) fn print(&self, line: &str) {
        self.aside(std::io::stdout(), &harmless(line));
    }

    /// Prints a result on stdout, for programs.
    pub(super) fn print_json(&self, json: &str) {
        self.aside(std::io::stdout(), &harmless_json(json));
    }

    fn aside(&self, mut out: impl Write, line: &str) {
        // A reader that has seen enough, such as head, is no error.
        let mut speak = || drop(writeln!(out, "{line}"));
        match &self.bar {
            Some(bar) => bar.suspend(speak),
            None => speak(),
        }
    }

    /// Takes the line away.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
