//! `completion` and `man`: what a shell and the manual know of this command line, made from the
//! command line itself.

use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::run::Arguments;
use clap::CommandFactory;
use clap_complete::Shell;
use std::path::PathBuf;

/// Print what makes a shell complete this command line
#[derive(Debug, clap::Args)]
pub(crate) struct Completion {
    /// Which shell's; as in: source <(keepwatch completion bash)
    #[arg(value_enum)]
    shell: Shell,
}

/// Print the manual page, or write one for each command
#[derive(Debug, clap::Args)]
pub(crate) struct Manual {
    /// Write a page for each command into this folder, as in /usr/local/share/man/man1
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

impl Completion {
    pub(crate) fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "keepwatch", &mut script);
        context.output.verbatim(&script)?;
        Ok(Outcome::Done)
    }
}

impl Manual {
    pub(crate) fn run(self, context: &Context) -> Result<Outcome, Failure> {
        match self.to {
            Some(folder) => {
                clap_mangen::generate_to(Arguments::command(), &folder).map_err(Failure::file(folder))?;
            }
            None => {
                let mut page = Vec::new();
                clap_mangen::Man::new(Arguments::command()).render(&mut page).map_err(Failure::Output)?;
                context.output.verbatim(&page)?;
            }
        }
        Ok(Outcome::Done)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn every_shell_and_the_manual_know_every_verb() {
        let command = Arguments::command();
        let mut page = Vec::new();
        clap_mangen::Man::new(command.clone()).render(&mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        for shell in Shell::value_variants() {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "keepwatch", &mut script);
            let script = String::from_utf8(script).unwrap();
            for verb in command.get_subcommands() {
                assert!(script.contains(verb.get_name()), "{shell}: {}", verb.get_name());
            }
        }
        for verb in command.get_subcommands() {
            let name = verb.get_name().replace('-', "\\-");
            assert!(page.contains(&format!("keepwatch\\-{name}(1)")), "{name}");
        }
        // The exit codes that scripts rely on are in the manual, too.
        assert!(page.contains("ended partial"), "{page}");
    }

    #[test]
    fn each_command_gets_a_page() {
        let folder = tempfile::tempdir().unwrap();
        clap_mangen::generate_to(Arguments::command(), folder.path()).unwrap();
        for page in ["keepwatch.1", "keepwatch-hosts.1", "keepwatch-hosts-show.1"] {
            assert!(folder.path().join(page).is_file(), "{page}");
        }
    }
}
