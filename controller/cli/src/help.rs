//! The help and the errors of the command line itself, in the language of whoever reads them. In
//! English they are clap's, made of the doc comments: those are the one truth. The others stand in
//! a catalogue under ids made of the command's path and the argument's id, each below the English
//! that it translates, so that a test finds what is missing, left over or out of date.

mod usage;

use crate::i18n::Language;
use crate::run::Arguments;
use clap::builder::{StyledStr, Styles};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Command, CommandFactory};
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::sync::LazyLock;
use unic_langid::LanguageIdentifier;

const CHINESE: &str = include_str!("i18n/help.zh-CN.ftl");

/// What clap sets above the parts of a help.
const TITLES: [(&str, &str); 5] = [
    ("Usage:", "title-usage"),
    ("Commands:", "title-commands"),
    ("Arguments:", "title-arguments"),
    ("Options:", "title-options"),
    ("Everywhere:", "title-everywhere"),
];
/// What clap writes for options and commands in a usage.
const USAGE: [(&str, &str); 3] =
    [("[OPTIONS]", "place-options"), ("<COMMAND>", "place-command"), ("[COMMAND]", "place-no-command")];
/// The same on a manual page, as it writes them there.
const SECTIONS: [(&str, &str); 8] = [
    ("NAME", "section-name"),
    ("SYNOPSIS", "section-synopsis"),
    ("DESCRIPTION", "section-description"),
    ("OPTIONS", "section-options"),
    ("EVERYWHERE", "section-everywhere"),
    ("SUBCOMMANDS", "section-commands"),
    ("EXTRA", "section-extra"),
    ("VERSION", "section-version"),
];

static TEXTS: LazyLock<FluentBundle<FluentResource>> = LazyLock::new(|| {
    let mut texts = FluentBundle::new_concurrent(vec!["zh-CN".parse::<LanguageIdentifier>().unwrap_or_default()]);
    texts.set_use_isolating(false);
    // What is wrong with a file, a test has found.
    let resource = FluentResource::try_new(CHINESE.to_owned()).unwrap_or_else(|(resource, _)| resource);
    texts.add_resource_overriding(resource);
    texts
});

/// A text of the catalogue, with what stands in its places.
fn text(key: &str, places: &[(&str, &str)]) -> Option<String> {
    let pattern = TEXTS.get_message(key)?.value()?;
    let args: FluentArgs = places.iter().copied().collect();
    Some(TEXTS.format_pattern(pattern, Some(&args), &mut vec![]).into_owned())
}

/// The language that is wished, before it is known whether the line can be understood at all: what
/// `--lang` says in it, else the environment.
pub(crate) fn language(line: &[OsString], environment: impl Fn(&str) -> Option<String>) -> Language {
    let known = |wish: &str| <Language as clap::ValueEnum>::from_str(wish, false).ok();
    let words = line.iter().take_while(|word| *word != "--").map(|word| word.to_str().unwrap_or_default());
    let mut said = None;
    let mut words = words.peekable();
    while let Some(word) = words.next() {
        let wish = if word == "--lang" { words.peek().copied() } else { word.strip_prefix("--lang=") };
        said = wish.and_then(known).or(said);
    }
    said.or_else(|| environment("KEEPWATCH_LANG").and_then(|wish| known(&wish)))
        .unwrap_or_else(|| Language::of_environment(environment))
}

/// The whole command line, with its help in a language.
pub(crate) fn command(language: Language) -> Command {
    in_language(Arguments::command(), language)
}

/// The same as the manual has it: each verb has a page, so none is needed for `help`.
pub(crate) fn manual(language: Language) -> Command {
    let mut command = in_language(Arguments::command().disable_help_subcommand(true), language);
    command.build();
    command
}

fn in_language(command: Command, language: Language) -> Command {
    match language {
        Language::En => command,
        Language::ZhCn => {
            // Building brings clap's own parts, which are worded after that.
            let mut command = translated(command, "help");
            command.build();
            own_parts(command)
        }
    }
}

/// A command and all below it; `key` is its own.
fn translated(command: Command, key: &str) -> Command {
    let mut command = command.mut_args(|arg| argument(arg, key));
    if let Some(about) = text(key, &[]) {
        // What `--help` says below it, where there is more to say.
        if let Some(more) = text(&format!("{key}-more"), &[]) {
            command = command.long_about(format!("{about}\n\n{more}"));
        }
        command = command.about(about);
    }
    if command.get_after_help().is_some()
        && let Some(after) = text(&format!("{key}-behind"), &[])
    {
        command = command.after_help(after);
    }
    command.mut_subcommands(|sub| {
        let key = format!("{key}-{}", sub.get_name());
        translated(sub, &key)
    })
}

/// An argument's help: its own, or what is said of it wherever it is taken.
fn argument(arg: Arg, command: &str) -> Arg {
    let id = arg.get_id().as_str();
    let Some(help) = text(&format!("{command}--{id}"), &[]).or_else(|| text(&format!("help--{id}"), &[])) else {
        return arg;
    };
    let help = std::iter::once(help).chain(remarks(&arg)).collect::<Vec<_>>().join(" ");
    let takes_values = arg.get_action().takes_values();
    arg.help(help).hide_env(true).hide_default_value(takes_values).hide_possible_values(takes_values)
}

/// What clap appends to an argument's help, in its own English unless it is hidden.
fn remarks(arg: &Arg) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Some(name) = arg.get_env().filter(|_| !arg.is_hide_env_set()) {
        remarks.push(("remark-environment", name.to_string_lossy().into_owned()));
    }
    if !arg.get_action().takes_values() {
        return remarks.iter().filter_map(|(key, value)| text(key, &[("value", value)])).collect();
    }
    let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if !defaults.is_empty() && !arg.is_hide_default_value_set() {
        remarks.push(("remark-default", defaults.join(" ")));
    }
    // Values that need a word of explanation have it in the text itself.
    let values = arg.get_possible_values();
    if !values.is_empty() && !arg.is_hide_possible_values_set() && values.iter().all(|v| v.get_help().is_none()) {
        let names: Vec<_> = values.iter().map(|value| value.get_name()).collect();
        remarks.push(("remark-values", names.join("、")));
    }
    remarks.iter().filter_map(|(key, value)| text(key, &[("value", value)])).collect()
}

/// `--help`, `--version` and the verb `help`, which clap adds to every command by itself.
fn own_parts(command: Command) -> Command {
    let command = command.mut_args(|arg| {
        let key = match arg.get_action() {
            ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong => "own-help",
            ArgAction::Version => "own-version",
            _ => return arg,
        };
        match text(key, &[]) {
            Some(help) => arg.help(help.clone()).long_help(help),
            None => arg,
        }
    });
    command.mut_subcommands(|sub| match text("own-verb", &[]) {
        Some(about) if sub.get_name() == "help" => sub.about(about),
        _ => own_parts(sub),
    })
}

/// A command's page of the manual, and its file's name.
pub(crate) fn page(command: &Command, language: Language) -> io::Result<(String, String)> {
    let page = clap_mangen::Man::new(command.clone());
    let mut roff = Vec::new();
    page.render(&mut roff)?;
    let roff = String::from_utf8_lossy(&roff).into_owned();
    let section = |line: &str| {
        let name = line.strip_prefix(".SH ")?.trim_matches('"');
        let (_, key) = SECTIONS.iter().find(|(english, _)| *english == name)?;
        Some(format!(".SH {}", text(key, &[])?))
    };
    let lines = roff.lines().map(|line| match language {
        Language::En => line.to_owned(),
        Language::ZhCn => section(line).unwrap_or_else(|| line.to_owned()),
    });
    Ok((page.get_filename(), lines.map(|line| line + "\n").collect()))
}

/// Shows what clap ended with, a help or an error, and says which exit code that is.
pub(crate) fn show(error: &clap::Error, language: Language) -> u8 {
    let shown = match language {
        Language::En => error.render(),
        Language::ZhCn => rendered(error),
    };
    // Nobody may be there to read it, as behind `head`.
    let _ = if error.use_stderr() { write(io::stderr(), &shown) } else { write(io::stdout(), &shown) };
    u8::try_from(error.exit_code()).unwrap_or(2)
}

fn rendered(error: &clap::Error) -> StyledStr {
    match error.kind() {
        ErrorKind::DisplayVersion => error.render(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => titled(&error.render()),
        _ => usage::rendered(error).unwrap_or_else(|| error.render()),
    }
}

/// A help with its titles translated. They are told by how they are set, as nothing else is.
fn titled(help: &StyledStr) -> StyledStr {
    let styles = Styles::default();
    let mut shown = help.ansi().to_string();
    for (english, key) in TITLES {
        let style = if english == "Usage:" { styles.get_usage() } else { styles.get_header() };
        if let Some(title) = text(key, &[]) {
            shown = shown.replace(&format!("{style}{english}{style:#}"), &format!("{style}{title}{style:#}"));
        }
    }
    for (english, key) in USAGE {
        if let Some(place) = text(key, &[]) {
            shown = shown.replace(english, &place);
        }
    }
    shown.into()
}

fn write(mut to: impl Write + IsTerminal, shown: &StyledStr) -> io::Result<()> {
    let plain = !to.is_terminal() || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if plain {
        write!(to, "{shown}")?
    } else {
        write!(to, "{}", shown.ansi())?
    }
    to.flush()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
