//! `completion` and `man`: what a shell and the manual know of this command line, made from the
//! command line itself.

use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::help;
use crate::i18n::Language;
use clap_complete::Shell;
use std::path::{Path, PathBuf};

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
        let mut command = help::command(context.output.language());
        clap_complete::generate(self.shell, &mut command, "keepwatch", &mut script);
        context.output.verbatim(&script)?;
        Ok(Outcome::Done)
    }
}

impl Manual {
    pub(crate) fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let language = context.output.language();
        let command = help::manual(language);
        match self.to {
            Some(folder) => pages(&command, language, &folder)?,
            None => {
                let (_, page) = help::page(&command, language).map_err(Failure::Output)?;
                context.output.verbatim(page.as_bytes())?;
            }
        }
        Ok(Outcome::Done)
    }
}

/// Writes a page for a command, and for each below it.
fn pages(command: &clap::Command, language: Language, folder: &Path) -> Result<(), Failure> {
    let (name, page) = help::page(command, language).map_err(Failure::Output)?;
    let file = folder.join(name);
    std::fs::write(&file, page).map_err(Failure::file(file))?;
    command.get_subcommands().try_for_each(|sub| pages(sub, language, folder))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn every_shell_and_the_manual_know_every_verb() {
        for language in [Language::En, Language::ZhCn] {
            let command = help::manual(language);
            let (_, page) = help::page(&command, language).unwrap();
            for shell in Shell::value_variants() {
                let mut script = Vec::new();
                clap_complete::generate(*shell, &mut help::command(language), "keepwatch", &mut script);
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
            assert!(page.contains("KEEPWATCH_TOKEN"), "{page}");
        }
    }

    #[test]
    fn each_command_gets_a_page() {
        let folder = tempfile::tempdir().unwrap();
        pages(&help::manual(Language::ZhCn), Language::ZhCn, folder.path()).unwrap();
        for page in ["keepwatch.1", "keepwatch-hosts.1", "keepwatch-hosts-show.1"] {
            let page = std::fs::read_to_string(folder.path().join(page)).unwrap();
            assert!(page.contains(".SH 选项") && page.contains("显示此帮助"), "{page}");
        }
    }
}
