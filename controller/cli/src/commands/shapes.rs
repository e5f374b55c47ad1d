//! Every shape that `--output json` writes is in deploy/json-shapes.md, field by field. What is
//! here is read from the sources, so that no new view goes without its words.

#![allow(clippy::unwrap_used)]

use crate::sources;
use std::collections::BTreeMap;

/// The fields of a struct, each with the word for its type.
type Fields = Vec<(String, String)>;

/// The word for a type, as the page has it.
fn word(rust: &str) -> String {
    let inside = |outer: &str| rust.strip_prefix(outer).and_then(|rest| rest.strip_suffix('>'));
    if let Some(inner) = inside("Option<") {
        return format!("{} or null", word(inner));
    }
    if let Some(inner) = inside("Vec<") {
        return format!("list of {}", word(inner));
    }
    match rust {
        "String" | "&'static str" => "text".into(),
        "bool" => "true or false".into(),
        "u32" | "u64" | "i64" | "usize" => "number".into(),
        "DateTime<Utc>" => "time".into(),
        "BTreeMap<String, String>" => "map of texts".into(),
        shape => format!("`{}`", shape.rsplit("::").next().unwrap_or(shape)),
    }
}

/// The fields between a struct's braces.
fn fields(body: &str) -> Fields {
    let (mut fields, mut attribute) = (Vec::new(), "");
    for line in body.lines().map(str::trim) {
        if line.starts_with("#[serde(") {
            attribute = line;
        }
        let Some((name, kind)) = line.trim_end_matches(',').split_once(": ").filter(|_| !line.starts_with(['/', '#']))
        else {
            continue;
        };
        let name = name.trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ");
        match std::mem::take(&mut attribute) {
            "#[serde(skip)]" => {}
            "#[serde(flatten)]" => fields.push((name.to_owned(), format!("its fields are here: {}", word(kind)))),
            _ => fields.push((name.to_owned(), word(kind))),
        }
    }
    fields
}

/// All structs in the commands that are written as JSON.
fn written() -> BTreeMap<String, Fields> {
    let mut shapes = BTreeMap::new();
    for (_, code) in sources::code("commands") {
        for derived in
            code.split("#[derive(").skip(1).filter(|rest| rest.split(')').next().unwrap().contains("Serialize"))
        {
            let Some((_, after)) = derived.split_once("struct ") else { continue };
            let Some((name, body)) = after.split_once(" {") else { continue };
            if name.contains(['(', '\n']) {
                continue;
            }
            let body = body.split("\n}").next().unwrap();
            shapes.insert(name.to_owned(), fields(body));
        }
    }
    shapes
}

/// All tables of the page, by the name in their heading's parentheses.
fn documented() -> BTreeMap<String, Fields> {
    let page = include_str!("../../../../deploy/json-shapes.md");
    let mut shapes = BTreeMap::new();
    for section in page.split("\n## ").skip(1) {
        let heading = section.lines().next().unwrap();
        let Some(name) = heading.rsplit_once('(').and_then(|(_, rest)| rest.strip_suffix(')')) else { continue };
        let rows = section.lines().filter(|l| l.starts_with("| `"));
        let fields = rows.map(|row| {
            let mut cells = row.split('|').map(str::trim).skip(1);
            (cells.next().unwrap().trim_matches('`').to_owned(), cells.next().unwrap().to_owned())
        });
        shapes.insert(name.to_owned(), fields.collect());
    }
    shapes
}

#[test]
fn every_json_shape_is_documented_as_it_is() {
    let (written, mut documented) = (written(), documented());
    assert!(written.len() > 15, "{:?}", written.keys());
    let mut wrong = String::new();
    for (name, fields) in written {
        let table: String = fields.iter().map(|(field, word)| format!("| `{field}` | {word} |\n")).collect();
        if documented.remove(&name) != Some(fields) {
            wrong += &format!("\n## … ({name})\n\n| field | value |\n| --- | --- |\n{table}");
        }
    }
    assert!(wrong.is_empty(), "tables of the page that ought to be:\n{wrong}");
    // What is left comes from elsewhere, and has tests there.
    assert_eq!(documented.into_keys().collect::<Vec<_>>(), ["Facts", "Missed", "Tally"]);
}
