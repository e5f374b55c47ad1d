//! Tables on pages: how wide their columns are, and their rows, below a head that each page repeats.

use super::layout::{BODY, INSIDE, Kind, LINE, Mark, Place, SIDE, SMALL, Setter, Style, WASH};
use super::letters::Letters;
use super::lines::is_wide;
use super::{Cell, Column, Row, Table};

/// Rows of one table on paper.
pub const ROWS: usize = 300;
/// Lines of one cell; what is longer is cut short.
const LINES: usize = 6;
/// Chinese characters of a title that stay together.
const WORD: usize = 5;
/// Beside a cell's text.
const BESIDE: f32 = 4.0;
/// Above and below it.
const ABOVE: f32 = 2.5;
/// How far a step sets a row off.
const STEP: f32 = 9.0;
/// Steps that are set off from one another.
const STEPS: u32 = 6;
/// What a column of text gets at least, and what one asks for at most.
const NARROW: f32 = 52.0;
const BROAD: f32 = 230.0;

const CELL: Style = Style { size: 8.5, leading: 11.5, ..BODY };
const HEAD: Style = Style { size: 7.5, leading: 10.0, ..SMALL };

fn indent(row: &Row, at: usize) -> f32 {
    #[allow(clippy::cast_precision_loss)]
    let steps = row.step.min(STEPS) as f32;
    if at == 0 { steps * STEP } else { 0.0 }
}

/// The widest of a title's parts that should stay in one line; a long Chinese one has two lines of
/// about the same length.
fn longest_word(title: &str, letters: &Letters) -> f32 {
    let word = |word: &str| {
        let count = word.chars().count();
        let most = if word.chars().any(is_wide) && count > WORD { count.div_ceil(2) } else { count };
        letters.width(&word.chars().take(most).collect::<String>(), HEAD.size)
    };
    // What is measured letter by letter does not quite add up.
    title.split(' ').map(word).fold(0.0, f32::max) + 0.1
}

/// How wide each column is.
fn widths(table: &Table, letters: &Letters) -> Vec<f32> {
    let wish = |(at, column): (usize, &Column)| {
        let cells = table.rows.iter().take(ROWS);
        let widest = cells
            .filter_map(|row| Some(letters.width(row.cells.get(at)?.shown(), CELL.size) + indent(row, at)))
            .fold(longest_word(&column.title, letters), f32::max);
        let wish = if column.numbers { widest } else { widest.clamp(NARROW, BROAD) };
        wish + 2.0 * BESIDE
    };
    let mut widths: Vec<f32> = table.columns.iter().enumerate().map(wish).collect();
    let all: f32 = widths.iter().sum();
    if all <= INSIDE {
        #[allow(clippy::cast_precision_loss)]
        let more = (INSIDE - all) / widths.len().max(1) as f32;
        widths.iter_mut().for_each(|width| *width += more);
        return widths;
    }
    // Texts give way, numbers do not.
    let spare =
        |width: f32, column: &Column| if column.numbers { 0.0 } else { (width - NARROW - 2.0 * BESIDE).max(0.0) };
    let spares: Vec<f32> = widths.iter().zip(&table.columns).map(|(width, column)| spare(*width, column)).collect();
    let to_spare: f32 = spares.iter().sum();
    let gives = ((all - INSIDE) / to_spare.max(1.0)).min(1.0);
    widths.iter_mut().zip(spares).for_each(|(width, spare)| *width -= spare * gives);
    let all: f32 = widths.iter().sum();
    if all > INSIDE {
        widths.iter_mut().for_each(|width| *width *= INSIDE / all);
    }
    widths
}

/// A row that is ready to be set.
struct Ready {
    cells: Vec<Vec<String>>,
    height: f32,
}

impl Setter<'_> {
    /// A table; what is too much for paper is counted below it.
    pub fn table(&mut self, table: &Table, say_more: &dyn Fn(usize) -> String) {
        if table.rows.is_empty() {
            return self.note(&table.empty);
        }
        let widths = widths(table, self.letters);
        let node = self.node(None, Kind::Table(table.name.clone()));
        let titles = Row { cells: table.columns.iter().map(|c| Cell::text(c.title.clone())).collect(), step: 0 };
        let head = self.ready(&titles, HEAD, &widths);
        let first = table.rows.first().map_or(0.0, |row| self.ready(row, CELL, &widths).height);
        self.room(head.height + first);
        let group = self.node(Some(node), Kind::Head);
        self.head_of(table, &head, &widths, Some(group));
        let body = self.node(Some(node), Kind::Body);
        for row in table.rows.iter().take(ROWS) {
            let ready = self.ready(row, CELL, &widths);
            if self.room(ready.height) {
                self.head_of(table, &head, &widths, None);
            }
            let node = self.node(Some(body), Kind::Row);
            for (at, lines) in ready.cells.into_iter().enumerate() {
                let kind = if at == 0 { Kind::RowHead } else { Kind::Cell };
                let cell = Place::Node(self.node(Some(node), kind));
                let x = SIDE + widths[..at].iter().sum::<f32>() + indent(row, at);
                let numbers = table.columns.get(at).is_some_and(|column| column.numbers);
                self.cell(lines, CELL, (x, widths[at] - indent(row, at), self.y), numbers, cell);
            }
            self.y += ready.height;
            self.mark(Mark::Fill(SIDE, self.y - 0.25, INSIDE, 0.5, LINE), Place::Ornament);
        }
        if table.left_out(ROWS) > 0 {
            self.y += 3.0;
            self.note(&say_more(table.left_out(ROWS)));
        }
        self.y += 8.0;
    }

    fn note(&mut self, text: &str) {
        let node = Place::Node(self.node(None, Kind::Paragraph));
        for line in self.lines(text, SMALL, INSIDE) {
            self.room(SMALL.leading);
            self.line(line, SMALL, (SIDE, self.y), node);
            self.y += SMALL.leading;
        }
    }

    fn ready(&self, row: &Row, style: Style, widths: &[f32]) -> Ready {
        let cell = |(at, (cell, width)): (usize, (&Cell, &f32))| {
            let room = (width - 2.0 * BESIDE - indent(row, at)).max(style.size);
            let mut lines = self.lines(cell.shown(), style, room);
            if lines.len() > LINES {
                lines.truncate(LINES);
                if let Some(last) = lines.last_mut() {
                    last.push('…');
                }
            }
            lines
        };
        let cells: Vec<Vec<String>> = row.cells.iter().zip(widths).enumerate().map(cell).collect();
        let most = cells.iter().map(Vec::len).max().unwrap_or(1);
        #[allow(clippy::cast_precision_loss)]
        let height = most as f32 * style.leading + 2.0 * ABOVE;
        Ready { cells, height }
    }

    /// The head; where it is repeated it is not read again.
    fn head_of(&mut self, table: &Table, head: &Ready, widths: &[f32], group: Option<usize>) {
        self.mark(Mark::Fill(SIDE, self.y, INSIDE, head.height, WASH), Place::Ornament);
        let row = group.map(|group| self.node(Some(group), Kind::Row));
        for (at, lines) in head.cells.iter().enumerate() {
            let place = match row {
                Some(row) => Place::Node(self.node(Some(row), Kind::ColumnHead)),
                None => Place::Top,
            };
            #[allow(clippy::cast_precision_loss)]
            let tall = lines.len() as f32 * HEAD.leading + 2.0 * ABOVE;
            let x = SIDE + widths[..at].iter().sum::<f32>();
            // All of them end at the same line.
            let top = self.y + head.height - tall;
            self.cell(lines.clone(), HEAD, (x, widths[at], top), table.columns[at].numbers, place);
        }
        self.y += head.height;
        self.mark(Mark::Fill(SIDE, self.y - 0.5, INSIDE, 0.75, LINE), Place::Ornament);
    }

    fn cell(&mut self, lines: Vec<String>, style: Style, (x, width, top): (f32, f32, f32), right: bool, place: Place) {
        let mut y = top + ABOVE;
        for line in lines {
            let wide = self.letters.width(&line, style.size);
            let x = if right { x + width - BESIDE - wide } else { x + BESIDE };
            self.line(line, style, (x, y), place);
            y += style.leading;
        }
    }
}
