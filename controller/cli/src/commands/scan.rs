//! `scan`: look at a host's files now.

use super::{jobs, remote_path};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use keepwatch_proto::policy::{FULL, QUICK, REMOVABLE};
use keepwatch_proto::wire::agent::{ScanJob, job_spec::Kind};
use keepwatch_proto::wire::staff::CreateJobRequest;

/// Scan a host now.
#[derive(Debug, clap::Args)]
pub(crate) struct Scan {
    /// Name or id of the host
    host: String,
    /// Files and folders on it; those of its policy if left out
    #[arg(value_name = "PATH", value_parser = remote_path(), conflicts_with_all = ["quick", "full", "removable"])]
    paths: Vec<String>,
    /// Where malware is met first: running programs, start-up places, temporary folders, downloads
    #[arg(long)]
    quick: bool,
    /// All its local disks
    #[arg(long)]
    full: bool,
    /// The removable media that are in it now
    #[arg(long)]
    removable: bool,
    /// Follow it to its end; exits with 0: succeeded, 3: partial, 4: failed or cancelled
    #[arg(long)]
    watch: bool,
}

impl Scan {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let (host, watch) = (self.host.clone(), self.watch);
        let spec = jobs::spec(Kind::Scan(ScanJob { paths: self.places(), ..Default::default() }));
        jobs::start(context, CreateJobRequest { host, spec, source_host: String::new() }, watch).await
    }

    /// The paths, or the words that stand for places.
    fn places(self) -> Vec<String> {
        let words = [(self.quick, QUICK), (self.full, FULL), (self.removable, REMOVABLE)];
        let asked = words.into_iter().filter(|(asked, _)| *asked).map(|(_, word)| word.to_owned());
        self.paths.into_iter().chain(asked).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        scan: Scan,
    }

    fn places(words: &str) -> Option<Vec<String>> {
        Line::try_parse_from(format!("scan {words}").split(' ')).ok().map(|line| line.scan.places())
    }

    #[test]
    fn a_word_stands_for_its_places_and_takes_no_paths_beside_it() {
        let none: [&str; 0] = [];
        assert_eq!(places("PC").unwrap(), none);
        assert_eq!(places("PC /a /b").unwrap(), ["/a", "/b"]);
        assert_eq!(places("PC --removable --quick").unwrap(), ["@quick", "@removable"]);
        assert_eq!(places("PC --full").unwrap(), ["@full"]);
        for refused in ["PC /a --quick", "PC --full /a", "PC /a --removable"] {
            assert_eq!(places(refused), None, "{refused}");
        }
    }
}
