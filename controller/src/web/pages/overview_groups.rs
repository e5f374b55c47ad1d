//! The first page, department by department: how each stands, and how old its backups are.

use super::Teller;
use super::overview::{Bar, Count, bar, counts, of_group};
use crate::plan::overview::{AGES, Department, LIMITS};
use crate::web::i18n::Value;
use std::cmp::Reverse;

/// So many departments are in the table of ages.
const ROWS: usize = 10;

/// How a department stands.
pub struct Place {
    /// Its name.
    pub name: String,
    /// Its PCs; none where the list would show others, too.
    pub href: Option<String>,
    /// How many.
    pub hosts: u32,
    /// How many are protected.
    pub protected: u32,
    /// That many in a hundred.
    pub percent: u32,
    /// By state, drawn.
    pub bar: Bar,
    /// Those that are not, by state, with their lists.
    pub counts: Vec<Count>,
}

/// How old the backups are.
pub struct Ages {
    /// What the columns are called.
    pub columns: Vec<String>,
    /// Those with the oldest first.
    pub rows: Vec<Row>,
    /// All together.
    pub all: Vec<Cell>,
}

/// A department's line.
pub struct Row {
    /// Its name.
    pub name: String,
    /// Column by column.
    pub cells: Vec<Cell>,
}

/// How many backups are so old.
pub struct Cell {
    /// How many.
    pub n: u32,
    /// How much of the department that is, from 0 to 4.
    pub level: u32,
    /// Whether that is well.
    pub tone: &'static str,
    /// The PCs; none where the list would show others, too.
    pub href: Option<String>,
}

/// What each column means.
const TONES: [&str; AGES] = ["good", "good", "warn", "bad", "bad", "bad"];

/// Department by department, in the order given.
pub fn places(teller: Teller, departments: &[Department]) -> Vec<Place> {
    departments.iter().map(|department| place(teller, department)).collect()
}

fn place(teller: Teller, department: &Department) -> Place {
    let figures = &department.figures;
    let group = of_group(&department.path);
    let href = |count: Count| {
        let state = count.href.rsplit('=').next().unwrap_or_default();
        Count { href: format!("{group}&state={state}"), ..count }
    };
    Place {
        name: name(teller, department),
        href: department.whole.then(|| group.clone()),
        hosts: figures.hosts,
        protected: figures.protected,
        percent: share(figures.protected, figures.hosts),
        bar: bar(figures),
        counts: counts(teller, figures).into_iter().skip(1).map(href).collect(),
    }
}

/// One of which only its own PCs count says so.
fn name(teller: Teller, department: &Department) -> String {
    let path = teller.language.group(&department.path);
    match (department.whole, path.as_str()) {
        (true, _) => path,
        (false, "") => teller.language.say("overview-no-place"),
        (false, group) => teller.text("overview-directly", "group", group),
    }
}

fn share(part: u32, all: u32) -> u32 {
    u32::try_from(u64::from(part) * 100 / u64::from(all.max(1))).unwrap_or(100)
}

/// Those with most old backups first.
pub fn ages(teller: Teller, departments: &[Department]) -> Ages {
    let mut sorted: Vec<&Department> = departments.iter().collect();
    sorted.sort_by_key(|department| Reverse(department.ages[3..].iter().sum::<u32>()));
    let rows = sorted.into_iter().take(ROWS).map(|department| Row {
        name: name(teller, department),
        cells: cells(
            &department.ages,
            department.whole.then(|| format!("{}&sort=backup", of_group(&department.path))).as_deref(),
        ),
    });
    let mut all = [0; AGES];
    departments.iter().for_each(|department| all.iter_mut().zip(department.ages).for_each(|(sum, n)| *sum += n));
    Ages { columns: columns(teller), rows: rows.collect(), all: cells(&all, Some("/hosts?sort=backup")) }
}

fn cells(ages: &[u32; AGES], href: Option<&str>) -> Vec<Cell> {
    let hosts = ages.iter().sum();
    let cell = |(n, tone): (&u32, &'static str)| Cell {
        n: *n,
        level: level(*n, hosts),
        tone,
        href: href.filter(|_| *n > 0).map(str::to_owned),
    };
    ages.iter().zip(TONES).map(cell).collect()
}

fn level(n: u32, hosts: u32) -> u32 {
    match share(n, hosts) {
        _ if n == 0 => 0,
        ..10 => 1,
        10..34 => 2,
        34..67 => 3,
        _ => 4,
    }
}

fn columns(teller: Teller) -> Vec<String> {
    let language = teller.language;
    let text = LIMITS.map(|limit| limit.to_string());
    let after = LIMITS.map(|limit| (limit + 1).to_string());
    let mut columns = vec![language.with("overview-age-first", &[("to", Value::Text(&text[0]))])];
    for (from, to) in after.iter().zip(&text[1..]) {
        let values = [("from", Value::Text(from.as_str())), ("to", Value::Text(to.as_str()))];
        columns.push(language.with("overview-age-range", &values));
    }
    columns.push(language.with("overview-age-over", &[("from", Value::Text(&text[text.len() - 1]))]));
    columns.push(language.say("overview-age-never"));
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_as_dark_as_it_is_large() {
        for (n, hosts, expected) in [(0, 0, 0), (0, 9, 0), (1, 100, 1), (1, 10, 2), (1, 2, 3), (9, 10, 4), (3, 3, 4)] {
            assert_eq!(level(n, hosts), expected, "{n} of {hosts}");
        }
    }
}
