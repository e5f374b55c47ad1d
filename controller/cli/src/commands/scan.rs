//! `scan`: look at hosts' files now.

use super::many::{self, Many};
use super::{jobs, remote_path};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use keepwatch_proto::policy::{FULL, QUICK, REMOVABLE};
use keepwatch_proto::wire::agent::{ScanJob, job_spec::Kind};

/// Scan hosts now.
#[derive(Debug, clap::Args)]
pub(crate) struct Scan {
    /// Name or id of the host, then files and folders on it; those of its policy if left out. With --group
    /// or --query no host is named, and all are files and folders
    #[arg(value_name = "HOST [PATH]", value_parser = remote_path())]
    words: Vec<String>,
    #[command(flatten)]
    many: Many,
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
        let (hosts, paths) = self.meant()?;
        let spec = jobs::spec(Kind::Scan(ScanJob { paths, ..Default::default() }));
        many::start(context, hosts, &self.many, spec, self.watch).await
    }

    /// The host, where one is named, and the paths or the words that stand for places.
    fn meant(&self) -> Result<(Vec<String>, Vec<String>), Failure> {
        let named = usize::from(!self.many.is_given()).min(self.words.len());
        let (hosts, paths) = self.words.split_at(named);
        let words = [(self.quick, QUICK), (self.full, FULL), (self.removable, REMOVABLE)];
        let places: Vec<String> = words.into_iter().filter(|(asked, _)| *asked).map(|(_, w)| w.to_owned()).collect();
        if !paths.is_empty() && !places.is_empty() {
            return Err(Failure::Usage("name paths, or --quick, --full and --removable, and not both".into()));
        }
        Ok((hosts.to_vec(), if paths.is_empty() { places } else { paths.to_vec() }))
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

    fn meant(words: &str) -> Option<(Vec<String>, Vec<String>)> {
        Line::try_parse_from(format!("scan {words}").split(' ')).ok().and_then(|line| line.scan.meant().ok())
    }

    fn owned(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_word_stands_for_its_places_and_takes_no_paths_beside_it() {
        for (line, hosts, paths) in [
            ("PC", &["PC"][..], &[][..]),
            ("PC /a /b", &["PC"], &["/a", "/b"]),
            ("PC --removable --quick", &["PC"], &["@quick", "@removable"]),
            ("PC --full", &["PC"], &["@full"]),
            // Where a group is meant, nobody is named.
            ("--group tax /a", &[], &["/a"]),
            ("--query no-scan:3d --quick", &[], &["@quick"]),
        ] {
            assert_eq!(meant(line), Some((owned(hosts), owned(paths))), "{line}");
        }
        for refused in ["PC /a --quick", "PC --full /a", "PC /a --removable", "--group tax /a --full"] {
            assert_eq!(meant(refused), None, "{refused}");
        }
    }
}
