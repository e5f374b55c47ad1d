//! The settings that a form can show, and what a form changes in a group's document. Which fields there
//! are, of which kind and within which bounds, the published schema says.

use super::shown::place_of;
use super::weekly::{Days, Plan, Time, halfwidth};
use serde_json::Value as Schema;
use serde_norway::{Mapping, Value};
use std::collections::BTreeMap;
use std::sync::LazyLock;

const SCHEMA: &str = include_str!("../../../../../deploy/policy.schema.json");
/// Lines of a list for which the schema has no bound: who has more of them writes YAML.
const MOST_LINES: u64 = 1000;
/// What sizes are told in, the largest first.
const UNITS: [(&str, u32); 3] = [("GiB", 30), ("MiB", 20), ("KiB", 10)];

/// A setting.
#[derive(Debug)]
pub struct Field {
    /// Where it is, `backup.keep.weekly`.
    pub path: String,
    /// How it is asked for.
    pub kind: Kind,
}

/// How a setting is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Yes or no.
    YesNo,
    /// One of these words.
    Choice(Vec<String>),
    /// A whole number, at least and at most.
    Number(u64, Option<u64>),
    /// Bytes.
    Size,
    /// One limit in KiB a second, at all hours.
    Rate,
    /// The name of a time zone.
    Zone,
    /// A text on each line, and at most so many.
    Lines(u64),
    /// A schedule.
    Schedule,
    /// More than a form can ask for.
    Other,
}

/// What stands in a field's controls. All empty: the setting is inherited.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Typed {
    /// In the first one; of a schedule, how often: `never`, `daily`, `weekly` or `other`.
    pub text: String,
    /// Of a list: that it is empty, whatever is inherited.
    pub none: bool,
    /// Of a schedule: its days.
    pub days: Days,
    /// Of a schedule: its time.
    pub time: String,
    /// Of a schedule: its cron expression.
    pub cron: String,
}

/// What is wrong with what was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// No number within these bounds.
    Number(u64, Option<u64>),
    /// No size.
    Size,
    /// None of the words offered.
    Choice,
    /// More lines than these.
    Lines(u64),
    /// Lines, and that there are none.
    Both,
    /// No time zone.
    Zone,
    /// No time of the day.
    Time,
    /// No day is chosen.
    Days,
    /// The expression is missing.
    Cron,
}

/// All of a policy's fields, as people look for them.
pub static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
    // That it can be read, a test has found.
    let schema: Schema = serde_json::from_str(SCHEMA).unwrap_or_default();
    let mut fields = Vec::new();
    collect("", &schema, &mut fields);
    fields.retain(|field| !["group", "revision", "locked"].contains(&field.path.as_str()));
    fields.sort_by_cached_key(|field| place_of(&field.path));
    fields
});

fn collect(prefix: &str, section: &Schema, fields: &mut Vec<Field>) {
    for (name, schema) in section["properties"].as_object().into_iter().flatten() {
        let path = format!("{prefix}{name}");
        // Whatever takes no other fields than its own is a section.
        match schema["additionalProperties"] == false {
            true => collect(&format!("{path}."), schema, fields),
            false => fields.push(Field { kind: Kind::of(&path, schema), path }),
        }
    }
}

impl Kind {
    fn of(path: &str, schema: &Schema) -> Self {
        match path.rsplit('.').next().unwrap_or_default() {
            "schedule" => return Self::Schedule,
            "time_zone" => return Self::Zone,
            "max_file_bytes" => return Self::Size,
            "bandwidth" => return Self::Rate,
            _ => {}
        }
        if let Some(words) = schema["enum"].as_array() {
            return Self::Choice(words.iter().filter_map(Schema::as_str).map(str::to_owned).collect());
        }
        match schema["type"].as_str() {
            Some("boolean") => Self::YesNo,
            Some("integer") => Self::Number(schema["minimum"].as_u64().unwrap_or(0), schema["maximum"].as_u64()),
            Some("array") if schema["items"]["type"] == "string" => {
                Self::Lines(schema["maxItems"].as_u64().unwrap_or(MOST_LINES))
            }
            _ => Self::Other,
        }
    }

    /// What the controls show of a value; `None`: it says more than they can.
    pub fn typed(&self, value: Option<&Value>) -> Option<Typed> {
        let Some(value) = value else { return (*self != Self::Other).then(Typed::default) };
        let text = |text: String| Some(Typed { text, ..Typed::default() });
        match self {
            Self::YesNo => text(value.as_bool()?.to_string()),
            Self::Choice(_) => text(value.as_str()?.to_owned()),
            Self::Number(..) => text(value.as_u64()?.to_string()),
            Self::Size => text(size(value.as_u64()?)),
            Self::Rate => text(rate(value.as_sequence()?)?.to_string()),
            Self::Zone => text(Some(value.as_str()?).filter(|zone| !zone.is_empty()).unwrap_or("UTC").to_owned()),
            Self::Lines(_) => {
                let lines = value.as_sequence()?.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?;
                let whole = |line: &&str| !line.is_empty() && line.trim() == *line && !line.contains(['\n', '\r']);
                let typed = Typed { text: lines.join("\n"), none: lines.is_empty(), ..Typed::default() };
                lines.iter().all(whole).then_some(typed)
            }
            Self::Schedule => Some(planned(Plan::read(value.as_str()?))),
            Self::Other => None,
        }
    }

    /// The value that the controls say; `None`: it is inherited.
    fn value(&self, typed: &Typed) -> Result<Option<Value>, Wrong> {
        let text = typed.text.trim();
        if text.is_empty() && !typed.none {
            return Ok(None);
        }
        Ok(Some(match self {
            Self::YesNo => Value::Bool(text.parse().map_err(|_| Wrong::Choice)?),
            Self::Choice(words) => words.iter().find(|word| *word == text).ok_or(Wrong::Choice)?.as_str().into(),
            Self::Number(least, most) => number(text, *least, *most)?.into(),
            Self::Size => bytes(text).ok_or(Wrong::Size)?.into(),
            Self::Rate => match number(text, 0, Some(u32::MAX.into()))? {
                0 => Value::Sequence(vec![]),
                kib => {
                    Value::Sequence(vec![Value::Mapping([("kib_per_second".into(), kib.into())].into_iter().collect())])
                }
            },
            Self::Zone => text.parse::<chrono_tz::Tz>().map_err(|_| Wrong::Zone)?.name().into(),
            Self::Lines(most) => {
                let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
                let lines: Vec<Value> = lines.map(Value::from).collect();
                match lines.len() as u64 {
                    many if many > *most => return Err(Wrong::Lines(*most)),
                    1.. if typed.none => return Err(Wrong::Both),
                    _ => Value::Sequence(lines),
                }
            }
            Self::Schedule => plan(typed)?.cron().into(),
            Self::Other => return Ok(None),
        }))
    }
}

/// A schedule's controls.
fn planned(plan: Plan) -> Typed {
    let (text, days, time, cron) = match plan {
        Plan::Never => ("never", Days::default(), String::new(), String::new()),
        Plan::Daily(time) => ("daily", Days::default(), time.to_string(), String::new()),
        Plan::Weekly(days, time) => ("weekly", days, time.to_string(), String::new()),
        Plan::Other(cron) => ("other", Days::default(), String::new(), cron),
    };
    Typed { text: text.into(), none: false, days, time, cron }
}

fn plan(typed: &Typed) -> Result<Plan, Wrong> {
    let time = || Time::read(&typed.time).ok_or(Wrong::Time);
    match typed.text.as_str() {
        "never" => Ok(Plan::Never),
        "daily" => Ok(Plan::Daily(time()?)),
        "weekly" if !typed.days.contains(&true) => Err(Wrong::Days),
        "weekly" => Ok(Plan::Weekly(typed.days, time()?)),
        "other" if typed.cron.trim().is_empty() => Err(Wrong::Cron),
        "other" => Ok(Plan::Other(typed.cron.trim().to_owned())),
        _ => Err(Wrong::Choice),
    }
}

fn number(text: &str, least: u64, most: Option<u64>) -> Result<u64, Wrong> {
    let number = halfwidth(text).parse().ok();
    number.filter(|n| *n >= least && most.is_none_or(|most| *n <= most)).ok_or(Wrong::Number(least, most))
}

/// A size, exactly.
fn size(bytes: u64) -> String {
    let unit = UNITS.iter().find(|(_, shift)| bytes > 0 && bytes.is_multiple_of(1 << shift));
    unit.map_or_else(|| bytes.to_string(), |(name, shift)| format!("{} {name}", bytes >> shift))
}

/// Reads `256 MiB`, `256 M` or a number of bytes.
fn bytes(text: &str) -> Option<u64> {
    let text = halfwidth(text);
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit = text[digits..].trim().to_ascii_lowercase();
    let shift = match unit.trim_end_matches("ib").trim_end_matches('b') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// The one limit that holds at all hours; 0: none does.
fn rate(limits: &[Value]) -> Option<u64> {
    match limits {
        [] => Some(0),
        [Value::Mapping(limit)] if limit.len() == 1 => limit.get("kib_per_second")?.as_u64(),
        _ => None,
    }
}

/// What a document says; `None`: it cannot be read.
pub fn read(yaml: &str) -> Option<Mapping> {
    serde_norway::from_str::<Option<Mapping>>(yaml).ok().map(Option::unwrap_or_default)
}

/// What a document says of a field.
pub fn at<'a>(document: &'a Mapping, path: &str) -> Option<&'a Value> {
    let mut steps = path.split('.');
    let first = document.get(steps.next()?)?;
    steps.try_fold(first, |value, step| value.as_mapping()?.get(step)).filter(|value| !value.is_null())
}

/// The document with what was typed in it; `None`: it says that already. What the form does not know
/// stays as it is, and so does what shows the same as before.
pub fn merged<'a>(
    document: &Mapping,
    sent: impl IntoIterator<Item = (&'a Field, Typed)>,
) -> Result<Option<Mapping>, BTreeMap<&'a str, Wrong>> {
    let (mut new, mut wrong) = (document.clone(), BTreeMap::new());
    for (Field { path, kind }, typed) in sent {
        let Some(was) = kind.typed(at(document, path)).filter(|was| *was != typed) else { continue };
        match kind.value(&typed) {
            Err(why) => drop(wrong.insert(path.as_str(), why)),
            same if same == kind.value(&was) => {}
            Ok(value) => put(&mut new, path, value),
        }
    }
    if wrong.is_empty() { Ok((new != *document).then_some(new)) } else { Err(wrong) }
}

/// Sets a field, or takes it away, and the sections that are empty then.
fn put(document: &mut Mapping, path: &str, value: Option<Value>) {
    let Some((section, rest)) = path.split_once('.') else {
        match value {
            Some(value) => drop(document.insert(path.into(), value)),
            None => drop(document.shift_remove(path)),
        }
        return;
    };
    let below = document.entry(section.into()).or_insert(Value::Null);
    if !below.is_mapping() {
        *below = Value::Mapping(Mapping::new());
    }
    if let Value::Mapping(inside) = below {
        put(inside, rest, value);
        if inside.is_empty() {
            document.shift_remove(section);
        }
    }
}

/// A document as it is kept.
pub fn written(document: &Mapping) -> String {
    match document.is_empty() {
        true => String::new(),
        false => serde_norway::to_string(document).unwrap_or_default(),
    }
}

/// Whether a text has comments, which a form would lose. Of a text in quotes over several lines it may be
/// said wrongly, and then rather that there is one.
pub fn has_comments(yaml: &str) -> bool {
    yaml.lines().any(|line| {
        let (mut before, mut quote) = (' ', None);
        line.chars().any(|c| {
            let opens = before.is_whitespace() || "[{,:".contains(before);
            match c {
                '#' if quote.is_none() && before.is_whitespace() => return true,
                '\'' | '"' if quote == Some(c) => quote = None,
                '\'' | '"' if quote.is_none() && opens => quote = Some(c),
                _ => {}
            }
            before = c;
            false
        })
    })
}

#[cfg(test)]
mod tests;
