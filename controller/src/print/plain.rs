//! A paper for a terminal or a mail.

use super::{Column, Paper, Part, Table};

/// Rows of one table that a terminal is good for.
const ROWS: usize = 50;
/// Places that a cell takes at most.
const WIDEST: usize = 40;

/// The short of a paper.
pub fn plain(paper: &Paper) -> String {
    let mut out = format!("{}\n{}\n\n", paper.title, paper.sentence);
    pairs(&mut out, paper.facts.iter().map(|(name, value)| (name.as_str(), value.clone())));
    for section in &paper.sections {
        out += &format!("\n{}\n", section.heading);
        for part in &section.parts {
            match part {
                Part::Bar(shares) => pairs(&mut out, shares.iter().map(|s| (s.label.as_str(), s.n.to_string()))),
                Part::Facts(facts) => {
                    pairs(&mut out, facts.iter().map(|(name, cell)| (name.as_str(), cell.shown().to_owned())));
                }
                Part::Table(table) => rows(&mut out, table, &paper.say_more),
            }
        }
    }
    out
}

fn pairs<'a>(out: &mut String, pairs: impl Iterator<Item = (&'a str, String)>) {
    let pairs: Vec<(&str, String)> = pairs.collect();
    let widest = pairs.iter().map(|(name, _)| places(name)).max().unwrap_or(0);
    for (name, value) in pairs {
        *out += &format!("  {}  {value}\n", filled(name, widest, false));
    }
}

fn rows(out: &mut String, table: &Table, say_more: &dyn Fn(usize) -> String) {
    if table.rows.is_empty() {
        *out += &format!("  {}\n", table.empty);
        return;
    }
    let shown: Vec<Vec<String>> = table
        .rows
        .iter()
        .take(ROWS)
        .map(|row| {
            let cells = row.cells.iter().enumerate();
            cells
                .map(|(at, cell)| {
                    cut(&if at == 0 { "  ".repeat(row.step as usize) + cell.shown() } else { cell.shown().to_owned() })
                })
                .collect()
        })
        .collect();
    let widest = |at: usize, column: &Column| {
        let cells = shown.iter().filter_map(|row| row.get(at)).map(|cell| places(cell));
        cells.chain([places(&column.title)]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = table.columns.iter().enumerate().map(|(at, column)| widest(at, column)).collect();
    let titles: Vec<String> = table.columns.iter().map(|column| column.title.clone()).collect();
    for row in std::iter::once(&titles).chain(&shown) {
        let cells = row.iter().zip(&table.columns).zip(&widths);
        let cells: Vec<String> = cells.map(|((cell, column), width)| filled(cell, *width, column.numbers)).collect();
        *out += &format!("  {}\n", cells.join("  ").trim_end());
    }
    if table.left_out(ROWS) > 0 {
        *out += &format!("  {}\n", say_more(table.left_out(ROWS)));
    }
}

/// Places that a text takes in a terminal: what is Chinese takes two.
fn places(text: &str) -> usize {
    text.chars().map(|c| if super::lines::is_wide(c) { 2 } else { 1 }).sum()
}

fn filled(text: &str, width: usize, right: bool) -> String {
    let space = " ".repeat(width.saturating_sub(places(text)));
    if right { space + text } else { text.to_owned() + &space }
}

fn cut(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        out.push(c);
        if places(&out) > WIDEST {
            out.pop();
            return out + "…";
        }
    }
    out
}
