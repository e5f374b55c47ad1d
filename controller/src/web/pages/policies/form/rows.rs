//! The form's rows: each setting with what stands in its controls, and what holds where nothing does.

use super::super::fields::{self, FIELDS, Field, Kind, Typed};
use super::super::shown::{self, part_of};
use super::super::simulate::WEEKDAYS;
use super::super::weekly::words_of;
use super::{AllTyped, AllWrong, Complaint};
use crate::app::policies::{EffectiveView, FieldView};
use crate::web::i18n::Value;
use crate::web::pages::Teller;
use crate::web::words::plain;
use keepwatch_proto::detection::Severity;
use keepwatch_proto::policy::in_words;
use serde_norway::Mapping;

/// Words of a policy's choices that are not severities, so that a test finds one without a translation.
#[cfg(test)]
pub const CHOICES: [&str; 4] = ["report", "quarantine", "keep", "leave_out"];
/// The parts that most people look for; the others are folded.
const COMMON: [&str; 4] = ["general", "backup", "backup-keep", "scan"];
/// Lines of a list's field, at least and at most.
const HEIGHT: std::ops::RangeInclusive<usize> = 3..=14;

/// Settings that belong together.
pub struct Part {
    /// Its word.
    pub word: &'static str,
    /// What people read.
    pub title: String,
    /// How many of its settings the group sets itself; empty: none.
    pub own: String,
    /// Whether it is unfolded.
    pub open: bool,
    /// Its settings.
    pub rows: Vec<Row>,
}

/// A setting.
pub struct Row {
    /// What its controls' ids begin with.
    pub id: String,
    /// Where it is, which is its controls' name, too.
    pub path: &'static str,
    /// What it is called.
    pub label: String,
    /// `choice`, `line`, `lines`, `schedule`, or `other` for what is no matter of a form.
    pub control: &'static str,
    /// What stands in its controls.
    pub typed: Typed,
    /// What can be chosen: the value, what it is called, whether it is chosen.
    pub options: Vec<(String, String, bool)>,
    /// What may be typed; empty: that goes without saying.
    pub help: String,
    /// Whether numbers are typed.
    pub numeric: bool,
    /// Lines of its field.
    pub height: usize,
    /// What holds where nothing is typed, and whence.
    pub inherited: String,
    /// What it says, where it is no matter of a form.
    pub value: String,
    /// The group that locks it; empty: none.
    pub locked_by: String,
    /// What is wrong with it.
    pub wrong: Option<Complaint>,
}

impl Row {
    /// Whether what is wrong is wrong with this control.
    pub fn bad(&self, control: &str) -> bool {
        self.wrong.as_ref().is_some_and(|wrong| wrong.control == control)
    }

    /// The ids of what is said of a control.
    pub fn described(&self, control: &str) -> String {
        let mut ids = vec![format!("{}-from", self.id)];
        if !self.help.is_empty() {
            ids.insert(0, format!("{}-help", self.id));
        }
        if self.bad(control) {
            ids.insert(0, format!("{}-wrong", self.id));
        }
        ids.join(" ")
    }

    /// The days of the week: each word, and whether it is ticked.
    pub fn days(&self) -> impl Iterator<Item = (&'static str, bool)> {
        WEEKDAYS.into_iter().zip(self.typed.days)
    }

    /// The id of the control that is wrong.
    pub fn wrong_at(&self) -> String {
        match self.wrong.as_ref().map_or("", |wrong| wrong.control) {
            "" => self.id.clone(),
            control => format!("{}-{control}", self.id),
        }
    }
}

/// All of them, part by part.
pub fn parts(
    teller: Teller,
    document: &Mapping,
    inherited: &EffectiveView,
    mut typed: AllTyped,
    mut wrong: AllWrong,
) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for field in FIELDS.iter() {
        let Some(view) = inherited.fields.iter().find(|view| view.field == field.path) else { continue };
        let path = field.path.as_str();
        let row = row(teller, document, field, view, typed.remove(path), wrong.remove(path));
        let word = part_of(path);
        if parts.last().is_none_or(|part| part.word != word) {
            let own = FIELDS.iter().filter(|f| part_of(&f.path) == word && fields::at(document, &f.path).is_some());
            let own = own.count() as u64;
            parts.push(Part {
                word,
                title: teller.language.word("part", word),
                own: if own > 0 { teller.language.count("policy-form-own", own) } else { String::new() },
                open: own > 0 || COMMON.contains(&word),
                rows: Vec::new(),
            });
        }
        if let Some(part) = parts.last_mut() {
            part.open |= row.wrong.is_some();
            part.rows.push(row);
        }
    }
    parts
}

fn row(
    teller: Teller,
    document: &Mapping,
    Field { path, kind }: &'static Field,
    view: &FieldView,
    typed: Option<Typed>,
    wrong: Option<Complaint>,
) -> Row {
    let own = fields::at(document, path);
    let above = serde_json::from_str::<serde_norway::Value>(&view.value).ok();
    let holds = kind.typed(above.as_ref());
    let locked = !view.locked_by.is_empty();
    // What is locked is as the groups above have it, whatever this one says.
    let shown = if locked { holds.clone() } else { typed.or_else(|| kind.typed(own)) };
    let control = match (&shown, kind) {
        (None, _) | (_, Kind::Other) => "other",
        (_, Kind::YesNo | Kind::Choice(_)) => "choice",
        (_, Kind::Lines(_)) => "lines",
        (_, Kind::Schedule) => "schedule",
        _ => "line",
    };
    let mut shown = shown.unwrap_or_default();
    if let Some(holds) = holds.as_ref().filter(|_| *kind == Kind::Schedule && shown == Typed::default()) {
        // To begin from, for whoever chooses days or a time of their own.
        shown = Typed { text: String::new(), ..holds.clone() };
    }
    let said = own.map_or_else(|| view.value.clone(), in_words);
    Row {
        id: path.replace(['.', '_'], "-"),
        path,
        label: shown::label(teller, path),
        control,
        options: options(teller, kind, &shown.text),
        help: help(teller, kind),
        numeric: matches!(kind, Kind::Number(..) | Kind::Rate),
        height: (shown.text.lines().count() + 1).clamp(*HEIGHT.start(), *HEIGHT.end()),
        inherited: whence(teller, view, &in_short(teller, path, kind, holds.as_ref(), &view.value)),
        value: shown::value(teller, path, &said),
        locked_by: teller.language.group(&view.locked_by),
        wrong: wrong.filter(|_| control != "other" && !locked),
        typed: shown,
    }
}

/// What is inherited, and from whom.
fn whence(teller: Teller, view: &FieldView, value: &str) -> String {
    let from = match view.origin.is_empty() {
        true => teller.language.say("policies-default"),
        false => teller.language.group(&view.origin),
    };
    teller.language.with("policy-form-inherited", &[("value", Value::Text(value)), ("from", Value::Text(&from))])
}

fn options(teller: Teller, kind: &Kind, chosen: &str) -> Vec<(String, String, bool)> {
    let language = teller.language;
    let option = |value: &str, label: String| (value.to_owned(), label, value == chosen);
    match kind {
        Kind::YesNo => vec![option("true", language.say("value-yes")), option("false", language.say("value-no"))],
        Kind::Choice(words) => words.iter().map(|word| option(word, called(teller, word))).collect(),
        Kind::Schedule => vec![
            option("never", language.say("value-only-asked")),
            option("daily", language.say("policy-form-daily")),
            option("weekly", language.say("policy-form-weekly")),
            option("other", language.say("policy-form-other")),
        ],
        _ => Vec::new(),
    }
}

/// What one of a policy's words is called.
fn called(teller: Teller, word: &str) -> String {
    let family = if Severity::ALL.iter().any(|s| s.word() == word) { "severity" } else { "choice" };
    teller.language.word(family, word)
}

fn help(teller: Teller, kind: &Kind) -> String {
    let language = teller.language;
    match kind {
        Kind::Number(least, Some(most)) => {
            language.with("policy-form-bounds", &[("least", Value::Count(*least)), ("most", Value::Count(*most))])
        }
        Kind::Size => language.say("policy-form-size-help"),
        Kind::Rate => language.say("policy-form-rate-help"),
        Kind::Lines(_) => language.say("policy-form-lines-help"),
        _ => String::new(),
    }
}

/// A value as the form's own words have it.
fn in_short(teller: Teller, path: &str, kind: &Kind, typed: Option<&Typed>, json: &str) -> String {
    let language = teller.language;
    match (kind, typed) {
        (Kind::Schedule, Some(typed)) => schedule(teller, typed),
        (Kind::Choice(_), Some(typed)) => called(teller, &typed.text),
        (Kind::Rate, Some(typed)) if typed.text == "0" => language.say("value-no-limit"),
        (Kind::Rate, Some(typed)) => teller.text("policy-form-rate", "n", &typed.text),
        _ => shown::value(teller, path, json),
    }
}

/// When something is due, as people say it.
fn schedule(teller: Teller, typed: &Typed) -> String {
    let language = teller.language;
    match typed.text.as_str() {
        "daily" => teller.text("policy-form-every-day", "time", &typed.time),
        "weekly" => {
            let days: Vec<String> = words_of(&typed.days).map(|day| language.word("weekday", day)).collect();
            let values = [("days", Value::Text(&days.join(" "))), ("time", Value::Text(&typed.time))];
            language.with("policy-form-on-days", &values)
        }
        "other" => plain(&typed.cron),
        _ => language.say("value-only-asked"),
    }
}
