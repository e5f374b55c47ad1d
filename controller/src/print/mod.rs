//! Papers: what is to be read on paper or in a spreadsheet, and how it becomes a PDF, CSV or plain
//! text. This room knows no use case and no language: it is given words and sets them.

mod csv;
mod draw;
mod layout;
mod letters;
mod lines;
mod plain;
mod table;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use csv::csv;
pub use draw::pdf;
pub use plain::plain;

/// Why a paper could not be set. The words are for the log: nobody who asks can mend it.
#[derive(Debug, thiserror::Error)]
#[error("the PDF could not be set: {0}")]
pub struct PrintError(pub String);

/// A paper, in words.
pub struct Paper {
    /// The language's tag.
    pub language: &'static str,
    /// What it is called.
    pub title: String,
    /// What it is about, in short: stands at the head of each page.
    pub about: String,
    /// Who had it made.
    pub author: String,
    /// When it was made, in UTC.
    pub made: chrono::DateTime<chrono::Utc>,
    /// What it says in one sentence.
    pub sentence: String,
    /// What it is: each a name and a value.
    pub facts: Vec<(String, String)>,
    /// The rest.
    pub sections: Vec<Section>,
    /// Says that so many more rows are not shown.
    pub say_more: Box<dyn Fn(usize) -> String + Send + Sync>,
    /// Says which page of how many it is.
    pub say_page: Box<dyn Fn(usize, usize) -> String + Send + Sync>,
}

/// A part under a heading.
pub struct Section {
    /// What people read.
    pub heading: String,
    /// A sentence under it; empty: none.
    pub note: String,
    /// What is in it.
    pub parts: Vec<Part>,
}

/// What stands in a section.
pub enum Part {
    /// Shares of a whole, as a bar.
    Bar(Vec<Share>),
    /// Names with values.
    Facts(Vec<(String, Cell)>),
    /// A table.
    Table(Table),
}

/// One share of a whole.
pub struct Share {
    /// Its shape and colour.
    pub look: Look,
    /// What people read.
    pub label: String,
    /// How much it is.
    pub n: u32,
}

/// A shape with a colour, so that neither is needed alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// A disc.
    Good,
    /// A triangle.
    Warn,
    /// An octagon.
    Bad,
    /// A ring.
    Unknown,
}

/// A table.
#[derive(Default)]
pub struct Table {
    /// What is in it, for who cannot see it.
    pub name: String,
    /// Its columns; the first one says what a row is about.
    pub columns: Vec<Column>,
    /// Its rows.
    pub rows: Vec<Row>,
    /// How many rows there would be if all were here.
    pub total: usize,
    /// What stands there where there are none.
    pub empty: String,
}

/// A column.
pub struct Column {
    /// What people read.
    pub title: String,
    /// What its numbers count, for programs: stands behind the title in CSV; empty: nothing.
    pub unit: String,
    /// Whether its cells are numbers or sizes, which stand to the right.
    pub numbers: bool,
}

/// A row.
pub struct Row {
    /// A cell for each column.
    pub cells: Vec<Cell>,
    /// How far it is set off from the left.
    pub step: u32,
}

/// What stands in a cell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    /// For people; empty: nothing is there to say.
    pub text: String,
    /// For programs, where it is a number.
    pub number: Option<u64>,
}

/// Stands where there is nothing to say.
const NOTHING: &str = "–";

impl Cell {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), number: None }
    }

    /// A number, as people write it and as it is.
    pub fn number(text: impl Into<String>, number: u64) -> Self {
        Self { text: text.into(), number: Some(number) }
    }

    /// What people see.
    pub fn shown(&self) -> &str {
        if self.text.is_empty() { NOTHING } else { &self.text }
    }
}

impl Table {
    /// How many rows are left out where at most so many are shown.
    pub fn left_out(&self, most: usize) -> usize {
        self.total.max(self.rows.len()) - self.rows.len().min(most)
    }
}
