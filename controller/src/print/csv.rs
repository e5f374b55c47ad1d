//! A paper for spreadsheets: UTF-8 with the mark by which Excel knows it, lines ended as RFC 4180
//! says, numbers bare. A text that a spreadsheet would take for a formula has an apostrophe before it.

use super::{Cell, Paper, Part, Table};

/// By it Excel knows UTF-8.
const MARK: &str = "\u{feff}";
/// Rows of one table: a spreadsheet has a million.
const ROWS: usize = 100_000;

/// All of a paper.
pub fn csv(paper: &Paper) -> Vec<u8> {
    let mut out = String::from(MARK);
    line(&mut out, [text(&paper.title)]);
    line(&mut out, [text(&paper.sentence)]);
    for (name, value) in &paper.facts {
        line(&mut out, [text(name), text(value)]);
    }
    for section in &paper.sections {
        out += "\r\n";
        line(&mut out, [text(&section.heading)]);
        for part in &section.parts {
            match part {
                Part::Bar(shares) => shares.iter().for_each(|s| line(&mut out, [text(&s.label), s.n.to_string()])),
                Part::Facts(facts) => facts.iter().for_each(|(name, cell)| line(&mut out, [text(name), value(cell)])),
                Part::Table(table) => rows(&mut out, table, &paper.say_more),
            }
        }
    }
    out.into_bytes()
}

fn rows(out: &mut String, table: &Table, say_more: &dyn Fn(usize) -> String) {
    if table.rows.is_empty() {
        return line(out, [text(&table.empty)]);
    }
    let title = |column: &super::Column| match column.unit.as_str() {
        "" => text(&column.title),
        unit => text(&format!("{} ({unit})", column.title)),
    };
    line(out, table.columns.iter().map(title));
    for row in table.rows.iter().take(ROWS) {
        line(out, row.cells.iter().map(value));
    }
    match table.left_out(ROWS) {
        0 => {}
        more => line(out, [text(&say_more(more))]),
    }
}

fn line(out: &mut String, fields: impl IntoIterator<Item = String>) {
    for (at, field) in fields.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str(&field);
    }
    out.push_str("\r\n");
}

fn value(cell: &Cell) -> String {
    cell.number.map_or_else(|| text(&cell.text), |number| number.to_string())
}

/// A text as a field: what would be a formula is none.
fn text(text: &str) -> String {
    let formula = text
        .trim_start_matches([' ', '\u{a0}', '\u{3000}'])
        .starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let safe = if formula { format!("'{text}") } else { text.to_owned() };
    if safe.contains([',', '"', '\n', '\r', ';', '\'', '\t']) {
        format!("\"{}\"", safe.replace('"', "\"\""))
    } else {
        safe
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_a_formula_is_a_text() {
        for (given, expected) in [
            ("王伟的电脑", "王伟的电脑"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\""),
            ("+1", "\"'+1\""),
            ("-2", "\"'-2\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\tx", "\"'\tx\""),
            (" =1", "\"' =1\""),
            ("＝1+1", "\"'＝1+1\""),
            ("a=b", "a=b"),
            ("line\nbreak", "\"line\nbreak\""),
            ("", ""),
        ] {
            assert_eq!(text(given), expected, "{given:?}");
        }
    }
}
