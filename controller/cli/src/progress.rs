//! How long work comes along: a bar on a terminal, now and then a plain line elsewhere.

use crate::output::Output;
use crate::show;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

/// How often a plain line repeats what goes on.
const PACE: Duration = Duration::from_secs(10);
/// How often a bar is drawn anew.
const TICK: Duration = Duration::from_millis(120);

/// Shows progress until it is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    output: Output,
    bar: Option<ProgressBar>,
    said: Option<(String, Instant)>,
}

impl Progress {
    pub(crate) fn new(output: &Output) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::no_length();
            bar.enable_steady_tick(TICK);
            bar
        });
        Self { output: output.clone(), bar, said: None }
    }

    /// Shows how far it has come: what goes on, more of it, and bytes of how many (0: unknown).
    pub(crate) fn show(&mut self, headline: &str, detail: &str, bytes: u64, total: u64) {
        let headline = show::harmless(headline).into_owned();
        match &self.bar {
            Some(bar) => {
                bar.set_style(style(total > 0));
                bar.set_length(total.max(bytes));
                bar.set_position(bytes);
                bar.set_message(format!("{headline} {}", show::harmless(detail)).trim_end().to_owned());
            }
            None => self.say(headline, detail, bytes, total),
        }
    }

    fn say(&mut self, headline: String, detail: &str, bytes: u64, total: u64) {
        let now = Instant::now();
        let news = self.said.as_ref().is_none_or(|(said, at)| *said != headline || now - *at >= PACE);
        if !news {
            return;
        }
        let amount = match (bytes, total) {
            (0, 0) => String::new(),
            (_, 0) => show::size(bytes),
            _ => format!("{} of {}", show::size(bytes), show::size(total)),
        };
        let parts = [headline.as_str(), detail, &amount];
        let line: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        self.output.note(&line.join("  "));
        self.said = Some((headline, now));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(bounded: bool) -> ProgressStyle {
    let template = if bounded { "{bar:24} {bytes}/{total_bytes}  {msg}" } else { "{spinner} {bytes}  {msg}" };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
