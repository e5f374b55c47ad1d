//! Where everything stands on A4 pages: headings, sentences, bars and figures one below the other.
//! Tables have a file of their own.

use super::letters::Letters;
use super::lines::broken;
use super::{Look, Paper, Part, Share};

/// A4, in points.
pub const WIDTH: f32 = 595.28;
/// A4, in points.
pub const HEIGHT: f32 = 841.89;
/// Free at the left and at the right.
pub const SIDE: f32 = 46.0;
/// Free above.
const TOP: f32 = 62.0;
/// Free below.
const BOTTOM: f32 = 58.0;
/// Between the margins.
pub const INSIDE: f32 = WIDTH - 2.0 * SIDE;
/// Of the head and the foot of a page, from its edge.
const EDGE: f32 = 34.0;

/// A colour.
pub type Colour = (u8, u8, u8);
/// What is read.
pub const INK: Colour = (28, 36, 33);
/// What is read second.
pub const QUIET: Colour = (86, 98, 93);
/// Between things.
pub const LINE: Colour = (214, 219, 215);
/// Behind the head of a table.
pub const WASH: Colour = (241, 244, 242);
/// On a dark ground.
const PAPER: Colour = (255, 255, 255);

impl Look {
    fn colour(self) -> Colour {
        match self {
            Self::Good => (25, 122, 62),
            Self::Warn => (201, 138, 12),
            Self::Bad => (179, 38, 30),
            Self::Unknown => (91, 95, 138),
        }
    }
}

/// How a text looks.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// In points.
    pub size: f32,
    /// From one line to the next.
    pub leading: f32,
    /// Its colour.
    pub colour: Colour,
    /// Whether it is heavier.
    pub bold: bool,
}

/// What people read.
pub const BODY: Style = Style { size: 9.0, leading: 13.0, colour: INK, bold: false };
/// Beside it.
pub const SMALL: Style = Style { size: 8.0, leading: 11.0, colour: QUIET, bold: false };
const TITLE: Style = Style { size: 20.0, leading: 27.0, colour: INK, bold: true };
const SENTENCE: Style = Style { size: 12.5, leading: 18.0, colour: INK, bold: false };
const HEADING: Style = Style { size: 12.5, leading: 17.0, colour: INK, bold: true };
const FIGURE: Style = Style { size: 14.0, leading: 18.0, colour: INK, bold: true };

/// What something is to who cannot see it.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A heading of this level.
    Heading(u16, String),
    /// A paragraph.
    Paragraph,
    /// A picture, and what it says.
    Figure(String),
    /// A table, and what is in it.
    Table(String),
    /// The head of a table.
    Head,
    /// The rest of it.
    Body,
    /// A row.
    Row,
    /// The head of a column.
    ColumnHead,
    /// What a row is about.
    RowHead,
    /// A cell.
    Cell,
}

/// A node of what there is to read, in its order.
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Those in it.
    pub children: Vec<usize>,
}

/// What a mark belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It is read.
    Node(usize),
    /// It only helps the eye.
    Ornament,
    /// The head of a page.
    Top,
    /// The foot of a page.
    Foot,
}

/// What is drawn. Coordinates are points from the upper left.
pub enum Mark {
    /// One line; `y` is its foot line.
    Text {
        /// From the left.
        x: f32,
        /// From above.
        y: f32,
        /// What it says.
        text: String,
        /// How it looks.
        style: Style,
    },
    /// A filled rectangle: left, upper edge, width, height.
    Fill(f32, f32, f32, f32, Colour),
    /// A shape around a point, of this size, with a sign in it: the colours of both.
    Shape(Look, f32, f32, f32, Colour, Colour),
}

/// All pages.
#[derive(Default)]
pub struct Sheets {
    /// What is on each.
    pub pages: Vec<Vec<(Mark, Place)>>,
    /// What there is to read.
    pub nodes: Vec<Node>,
    /// Those that are in no other.
    pub roots: Vec<usize>,
    /// The headings: each with its page and how far down it is.
    pub outline: Vec<(String, usize, f32)>,
}

/// Sets a paper.
pub fn sheets(paper: &Paper, letters: &Letters) -> Sheets {
    let mut setter = Setter { letters, sheets: Sheets::default(), y: TOP };
    setter.sheets.pages.push(vec![]);
    setter.head(paper);
    for section in &paper.sections {
        setter.section(section, &paper.say_more);
    }
    setter.edges(paper);
    setter.sheets
}

/// Goes down page by page.
pub struct Setter<'a> {
    /// The fonts.
    pub letters: &'a Letters,
    /// What is set.
    pub sheets: Sheets,
    /// How far down it is.
    pub y: f32,
}

impl Setter<'_> {
    /// A node in another, or in none.
    pub fn node(&mut self, parent: Option<usize>, kind: Kind) -> usize {
        let at = self.sheets.nodes.len();
        self.sheets.nodes.push(Node { kind, children: vec![] });
        match parent {
            Some(parent) => self.sheets.nodes[parent].children.push(at),
            None => self.sheets.roots.push(at),
        }
        at
    }

    /// Draws on the last page.
    pub fn mark(&mut self, mark: Mark, place: Place) {
        if let Some(page) = self.sheets.pages.last_mut() {
            page.push((mark, place));
        }
    }

    /// Goes to the next page unless there is so much room. Says whether it did.
    pub fn room(&mut self, height: f32) -> bool {
        if self.y + height <= HEIGHT - BOTTOM {
            return false;
        }
        self.sheets.pages.push(vec![]);
        self.y = TOP;
        true
    }

    /// One line whose upper edge is there.
    pub fn line(&mut self, text: String, style: Style, (x, top): (f32, f32), place: Place) {
        let y = top + (style.leading - style.size) / 2.0 + style.size * 0.86;
        self.mark(Mark::Text { x, y, text, style }, place);
    }

    /// A text in lines of at most this width.
    pub fn lines(&self, text: &str, style: Style, width: f32) -> Vec<String> {
        broken(text, width, &|c| self.letters.wide(c, style.size))
    }

    /// A text over the whole width.
    fn text(&mut self, text: &str, style: Style, kind: Kind) {
        let node = self.node(None, kind);
        for line in self.lines(text, style, INSIDE) {
            self.room(style.leading);
            self.line(line, style, (SIDE, self.y), Place::Node(node));
            self.y += style.leading;
        }
    }

    fn head(&mut self, paper: &Paper) {
        self.y -= 12.0;
        self.sheets.outline.push((paper.title.clone(), 0, self.y));
        self.text(&paper.title, TITLE, Kind::Heading(1, paper.title.clone()));
        self.y += 4.0;
        self.text(&paper.sentence, SENTENCE, Kind::Paragraph);
        self.y += 8.0;
        let names = paper.facts.iter().map(|(name, _)| self.letters.width(name, BODY.size));
        let indent = names.fold(0.0, f32::max) + 16.0;
        let quiet = Style { colour: QUIET, ..BODY };
        for (name, value) in &paper.facts {
            let node = self.node(None, Kind::Paragraph);
            self.room(BODY.leading);
            self.line(name.clone(), quiet, (SIDE, self.y), Place::Node(node));
            for line in self.lines(value, BODY, INSIDE - indent) {
                self.line(line, BODY, (SIDE + indent, self.y), Place::Node(node));
                self.y += BODY.leading;
            }
        }
    }

    fn section(&mut self, section: &super::Section, say_more: &dyn Fn(usize) -> String) {
        self.y += 20.0;
        // A heading alone at the foot of a page is none.
        self.room(HEADING.leading + 70.0);
        let page = self.sheets.pages.len() - 1;
        self.sheets.outline.push((section.heading.clone(), page, self.y));
        self.text(&section.heading, HEADING, Kind::Heading(2, section.heading.clone()));
        if !section.note.is_empty() {
            self.text(&section.note, SMALL, Kind::Paragraph);
        }
        self.y += 5.0;
        for part in &section.parts {
            match part {
                Part::Bar(shares) => self.bar(shares),
                Part::Facts(facts) => {
                    let facts: Vec<_> =
                        facts.iter().map(|(name, cell)| (None, name.clone(), cell.shown().to_owned())).collect();
                    self.figures(&facts);
                }
                Part::Table(table) => self.table(table, say_more),
            }
        }
    }

    /// Shares side by side, each with its shape where it has room, and below what they are.
    fn bar(&mut self, shares: &[Share]) {
        const TALL: f32 = 16.0;
        let whole: u32 = shares.iter().map(|share| share.n).sum();
        if whole > 0 {
            self.room(TALL + 60.0);
            let says = shares.iter().map(|share| format!("{} {}", share.label, share.n)).collect::<Vec<_>>().join("; ");
            let node = Place::Node(self.node(None, Kind::Figure(says)));
            let mut x = SIDE;
            for share in shares.iter().filter(|share| share.n > 0) {
                #[allow(clippy::cast_precision_loss)]
                let wide = INSIDE * share.n as f32 / whole as f32;
                // White between them, so that they are told apart in black and white.
                self.mark(Mark::Fill(x, self.y, (wide - 1.5).max(0.6), TALL, share.look.colour()), node);
                if wide >= 18.0 {
                    let middle = (x + (wide - 1.5) / 2.0, self.y + TALL / 2.0);
                    self.mark(Mark::Shape(share.look, middle.0, middle.1, 10.0, PAPER, share.look.colour()), node);
                }
                x += wide;
            }
            self.y += TALL + 10.0;
        }
        let facts = shares.iter().map(|share| (Some(share.look), share.label.clone(), share.n.to_string()));
        self.figures(&facts.collect::<Vec<_>>());
    }

    /// Names with values, four side by side.
    fn figures(&mut self, facts: &[(Option<Look>, String, String)]) {
        const SIDE_BY_SIDE: usize = 4;
        #[allow(clippy::cast_precision_loss)]
        let wide = INSIDE / SIDE_BY_SIDE as f32;
        for row in facts.chunks(SIDE_BY_SIDE) {
            let names: Vec<Vec<String>> = row.iter().map(|(_, name, _)| self.lines(name, SMALL, wide - 24.0)).collect();
            let most = names.iter().map(Vec::len).max().unwrap_or(1);
            #[allow(clippy::cast_precision_loss)]
            let tall = SMALL.leading * most as f32;
            self.room(tall + FIGURE.leading + 8.0);
            let mut x = SIDE;
            for ((look, _, value), name) in row.iter().zip(names) {
                let node = Place::Node(self.node(None, Kind::Paragraph));
                let mut indent = 0.0;
                if let Some(look) = look {
                    self.mark(
                        Mark::Shape(*look, x + 4.0, self.y + SMALL.leading / 2.0, 8.5, look.colour(), PAPER),
                        Place::Ornament,
                    );
                    indent = 12.0;
                }
                for (at, line) in name.into_iter().enumerate() {
                    #[allow(clippy::cast_precision_loss)]
                    let top = self.y + SMALL.leading * at as f32;
                    self.line(line, SMALL, (x + indent, top), node);
                }
                self.line(value.clone(), FIGURE, (x + indent, self.y + tall), node);
                x += wide;
            }
            self.y += tall + FIGURE.leading + 8.0;
        }
    }

    /// What stands at the edges of each page, once it is known how many there are.
    fn edges(&mut self, paper: &Paper) {
        let pages = self.sheets.pages.len();
        for at in 0..pages {
            let count = (paper.say_page)(at + 1, pages);
            let wide = self.letters.width(&count, SMALL.size);
            let foot = HEIGHT - EDGE;
            let mut marks = vec![
                (Mark::Fill(SIDE, foot - 14.0, INSIDE, 0.5, LINE), Place::Foot),
                (Mark::Text { x: WIDTH - SIDE - wide, y: foot, text: count, style: SMALL }, Place::Foot),
                (
                    Mark::Text {
                        x: SIDE,
                        y: foot,
                        text: self.fitting(&paper.about, INSIDE - wide - 20.0),
                        style: SMALL,
                    },
                    Place::Foot,
                ),
            ];
            if at > 0 {
                let title = self.fitting(&paper.title, INSIDE);
                marks.push((Mark::Text { x: SIDE, y: EDGE + 6.0, text: title, style: SMALL }, Place::Top));
                marks.push((Mark::Fill(SIDE, EDGE + 12.0, INSIDE, 0.5, LINE), Place::Top));
            }
            self.sheets.pages[at].append(&mut marks);
        }
    }

    /// As much of a text as one line has room for.
    fn fitting(&self, text: &str, width: f32) -> String {
        let mut lines = self.lines(text, SMALL, width).into_iter();
        let first = lines.next().unwrap_or_default();
        if lines.next().is_some() { first + "…" } else { first }
    }
}
