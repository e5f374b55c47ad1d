//! What is wrong with a command line, in words of the catalogue. Kinds that are not here are
//! clap's own, in English.

use super::{text, titled};
use crate::i18n::Language;
use clap::Error;
use clap::builder::{StyledStr, Styles};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::error::Error as _;

/// The error as it is shown, if it is of a kind that has words.
pub(super) fn rendered(error: &Error) -> Option<StyledStr> {
    let styles = Styles::default();
    let (wrong, good) = (styles.get_error(), styles.get_valid());
    let mut shown = format!("{wrong}{}{wrong:#}{}", text("usage-error", &[])?, wording(error)?);
    let tips: Vec<String> = tips(error).collect();
    if !tips.is_empty() {
        shown += "\n";
    }
    for tip in tips {
        shown += &format!("\n  {good}{}{good:#}{tip}", text("usage-tip", &[])?);
    }
    if let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) {
        shown += &format!("\n\n{}", titled(usage).ansi());
    }
    shown += &format!("\n\n{}\n", text("usage-more", &[])?);
    Some(shown.into())
}

/// What happened.
fn wording(error: &Error) -> Option<String> {
    let argument = words(error, ContextKind::InvalidArg).join("、");
    let value = words(error, ContextKind::InvalidValue).join(" ");
    let places = [("argument", argument.as_str()), ("value", value.as_str())];
    match error.kind() {
        ErrorKind::UnknownArgument => text("usage-unknown-argument", &places),
        ErrorKind::InvalidSubcommand => {
            let command = words(error, ContextKind::InvalidSubcommand).join(" ");
            text("usage-unknown-command", &[("command", &command)])
        }
        ErrorKind::MissingRequiredArgument => text("usage-missing-argument", &places),
        ErrorKind::MissingSubcommand => {
            let command = words(error, ContextKind::InvalidSubcommand).join(" ");
            let commands = words(error, ContextKind::ValidSubcommand).join("、");
            text("usage-missing-command", &[("command", &command), ("commands", &commands)])
        }
        ErrorKind::InvalidValue => {
            let key = if value.is_empty() { "usage-no-value" } else { "usage-invalid-value" };
            let possible = words(error, ContextKind::ValidValue).join("、");
            let listed = text("usage-possible", &[("values", &possible)]).filter(|_| !possible.is_empty());
            Some(text(key, &places)? + &listed.unwrap_or_default())
        }
        ErrorKind::ValueValidation => {
            let why = error.source().map(ToString::to_string).unwrap_or_default();
            // What is not ours to say otherwise: a number out of its bounds.
            let range = why.split_once(" is not in ").and_then(|(_, range)| text("usage-range", &[("range", range)]));
            let why = range.unwrap_or_else(|| Language::ZhCn.say(&why));
            Some(text("usage-invalid-value", &places)? + &text("usage-why", &[("why", &why)])?)
        }
        ErrorKind::TooManyValues => text("usage-too-many", &places),
        ErrorKind::NoEquals => text("usage-no-equals", &places),
        ErrorKind::ArgumentConflict => {
            let others = words(error, ContextKind::PriorArg);
            match others.as_slice() {
                [] => None,
                [other] if *other == argument => text("usage-twice", &places),
                others => text("usage-conflict", &[("argument", &argument), ("others", &others.join("、"))]),
            }
        }
        _ => None,
    }
}

/// What may have been meant.
fn tips(error: &Error) -> impl Iterator<Item = String> {
    let kinds = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue];
    kinds.into_iter().filter_map(|kind| {
        let similar = words(error, kind).join("、");
        text("usage-similar", &[("similar", &similar)]).filter(|_| !similar.is_empty())
    })
}

/// What clap knows of the case.
fn words(error: &Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(word)) => vec![word.clone()],
        Some(ContextValue::Strings(words)) => words.clone(),
        _ => Vec::new(),
    }
}
