//! Draws set pages as a PDF that can also be read by who cannot see it (PDF/UA-1): tagged, with its
//! language, an outline, and the parts of the fonts that it needs.

use super::layout::{Colour, HEIGHT, Kind, Mark, Place, Sheets, WIDTH, sheets};
use super::letters::Letters;
use super::{Look, Paper, PrintError};
use chrono::{Datelike, Timelike};
use krilla::color::rgb;
use krilla::configure::{Accessibility, Configuration, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::geom::{Path, PathBuilder, Point, Rect};
use krilla::metadata::{DateTime, Metadata};
use krilla::num::NormalizedF32;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule, Stroke};
use krilla::surface::Surface;
use krilla::tagging::{
    Artifact, ArtifactType, ContentTag, Identifier, Node as Leaf, SpanTag, TableHeaderScope, Tag, TagGroup, TagKind,
    TagTree,
};
use krilla::{Document, SerializeSettings};
use std::num::NonZeroU16;

/// How much heavier bold type is, of its size.
const BOLD: f32 = 0.028;

/// A paper as PDF.
pub fn pdf(paper: &Paper) -> Result<Vec<u8>, PrintError> {
    let letters = Letters::new()?;
    let sheets = sheets(paper, &letters);
    if letters.lacking() > 0 {
        tracing::info!(characters = letters.lacking(), "a PDF shows characters that its fonts lack as boxes");
    }
    let accessible = ConfigurationBuilder::new().with_accessibility_validator(Accessibility::UA1).finish();
    if let Ok(accessible) = accessible {
        match drawn(paper, &sheets, &letters, accessible) {
            Ok(pdf) => return Ok(pdf),
            Err(error) => tracing::warn!(%error, "a PDF is not accessible by the standard's rules"),
        }
    }
    drawn(paper, &sheets, &letters, Configuration::default())
}

fn drawn(
    paper: &Paper,
    sheets: &Sheets,
    letters: &Letters,
    configuration: Configuration,
) -> Result<Vec<u8>, PrintError> {
    let mut document = Document::new_with(SerializeSettings { configuration, ..Default::default() });
    document.set_metadata(metadata(paper));
    let mut leaves: Vec<Vec<Identifier>> = vec![vec![]; sheets.nodes.len()];
    let size = PageSettings::from_wh(WIDTH, HEIGHT).ok_or_else(|| PrintError("A4 is no size".into()))?;
    for marks in &sheets.pages {
        let mut page = document.start_page_with(size.clone());
        let mut surface = page.surface();
        for (mark, place) in marks {
            let id = surface.start_tagged(tag(mark, *place));
            draw(&mut surface, mark, letters);
            surface.end_tagged();
            if let Place::Node(node) = place {
                leaves[*node].push(id);
            }
        }
        surface.finish();
        page.finish();
    }
    let mut outline = Outline::new();
    for (text, page, y) in &sheets.outline {
        outline.push_child(OutlineNode::new(text.clone(), XyzDestination::new(*page, Point::from_xy(0.0, *y))));
    }
    document.set_outline(outline);
    let mut tree = TagTree::new().with_lang(Some(paper.language.to_owned()));
    for root in &sheets.roots {
        tree.push(group(sheets, *root, &mut leaves));
    }
    document.set_tag_tree(tree);
    document.finish().map_err(|error| PrintError(format!("{error:?}")))
}

fn metadata(paper: &Paper) -> Metadata {
    let small = |n: u32| u8::try_from(n).unwrap_or(0);
    let (day, time) = (paper.made.date_naive(), paper.made.time());
    let made = DateTime::new(u16::try_from(day.year()).unwrap_or(0))
        .month(small(day.month()))
        .day(small(day.day()))
        .hour(small(time.hour()))
        .minute(small(time.minute()))
        .second(small(time.second()))
        .utc_offset_hour(0)
        .utc_offset_minute(0);
    Metadata::new()
        .title(paper.title.clone())
        .description(paper.sentence.clone())
        .language(paper.language.to_owned())
        .authors(vec![paper.author.clone()])
        .creator("Keepwatch".to_owned())
        .creation_date(made)
}

fn tag(mark: &Mark, place: Place) -> ContentTag<'static> {
    let artifact = |kind| ContentTag::Artifact(Artifact::with_kind(kind));
    match (place, mark) {
        (Place::Node(_), Mark::Text { .. }) => ContentTag::Span(SpanTag::empty()),
        (Place::Node(_), _) => ContentTag::Other,
        (Place::Ornament, _) => artifact(ArtifactType::Layout),
        (Place::Top, _) => artifact(ArtifactType::Header),
        (Place::Foot, _) => artifact(ArtifactType::Footer),
    }
}

/// A node with all that is in it.
fn group(sheets: &Sheets, at: usize, leaves: &mut [Vec<Identifier>]) -> TagGroup {
    let node = &sheets.nodes[at];
    let kind: TagKind = match &node.kind {
        Kind::Heading(level, title) => {
            Tag::Hn(NonZeroU16::new(*level).unwrap_or(NonZeroU16::MIN), Some(title.clone())).into()
        }
        Kind::Paragraph => Tag::P.into(),
        Kind::Figure(says) => Tag::Figure(Some(says.clone())).into(),
        Kind::Table(name) => Tag::Table.with_summary(Some(name.clone())).into(),
        Kind::Head => Tag::THead.into(),
        Kind::Body => Tag::TBody.into(),
        Kind::Row => Tag::TR.into(),
        Kind::ColumnHead => Tag::TH(TableHeaderScope::Column).into(),
        Kind::RowHead => Tag::TH(TableHeaderScope::Row).into(),
        Kind::Cell => Tag::TD.into(),
    };
    let own = std::mem::take(&mut leaves[at]).into_iter().map(Leaf::from);
    let mut children: Vec<Leaf> = own.collect();
    children.extend(node.children.iter().map(|child| Leaf::from(group(sheets, *child, leaves))));
    TagGroup::with_children(kind, children)
}

fn fill((red, green, blue): Colour) -> Fill {
    Fill { paint: rgb::Color::new(red, green, blue).into(), opacity: NormalizedF32::ONE, rule: FillRule::NonZero }
}

fn stroke((red, green, blue): Colour, width: f32) -> Stroke {
    Stroke { paint: rgb::Color::new(red, green, blue).into(), width, ..Default::default() }
}

fn draw(surface: &mut Surface<'_>, mark: &Mark, letters: &Letters) {
    match mark {
        Mark::Text { x, y, text, style } => {
            surface.set_fill(Some(fill(style.colour)));
            surface.set_stroke(style.bold.then(|| stroke(style.colour, style.size * BOLD)));
            let mut x = *x;
            for stretch in letters.stretches(text) {
                surface.draw_glyphs(
                    Point::from_xy(x, *y),
                    &stretch.glyphs,
                    stretch.font,
                    &stretch.text,
                    style.size,
                    false,
                );
                x += stretch.width * style.size;
            }
        }
        Mark::Fill(x, y, width, height, colour) => {
            let mut path = PathBuilder::new();
            if let Some(rect) = Rect::from_xywh(*x, *y, *width, *height) {
                path.push_rect(rect);
            }
            painted(surface, path.finish(), Some(fill(*colour)), None);
        }
        Mark::Shape(look, x, y, size, colour, sign) => shape(surface, *look, (*x, *y), size / 2.0, (*colour, *sign)),
    }
}

/// Each state has a shape and a sign of its own, so that black and white is enough.
fn shape(surface: &mut Surface<'_>, look: Look, (x, y): (f32, f32), half: f32, (colour, sign): (Colour, Colour)) {
    const TRIANGLE: [(f32, f32); 3] = [(0.0, -1.0), (1.1, 0.9), (-1.1, 0.9)];
    const OCTAGON: [(f32, f32); 8] = [
        (-0.42, -1.0),
        (0.42, -1.0),
        (1.0, -0.42),
        (1.0, 0.42),
        (0.42, 1.0),
        (-0.42, 1.0),
        (-1.0, 0.42),
        (-1.0, -0.42),
    ];
    let ground = match look {
        Look::Good => disc(x, y, half),
        Look::Unknown => return painted(surface, disc(x, y, half * 0.8), None, Some(stroke(colour, half * 0.4))),
        Look::Warn => lines(x, y, half, &TRIANGLE, true),
        Look::Bad => lines(x, y, half, &OCTAGON, true),
    };
    painted(surface, ground, Some(fill(colour)), None);
    let signs: &[&[(f32, f32)]] = match look {
        Look::Good => &[&[(-0.45, 0.05), (-0.12, 0.38), (0.48, -0.32)]],
        Look::Warn => &[&[(0.0, -0.3), (0.0, 0.25)], &[(0.0, 0.55), (0.0, 0.7)]],
        Look::Bad => &[&[(-0.38, -0.38), (0.38, 0.38)], &[(0.38, -0.38), (-0.38, 0.38)]],
        Look::Unknown => &[],
    };
    for corners in signs {
        painted(surface, lines(x, y, half, corners, false), None, Some(stroke(sign, half * 0.28)));
    }
}

fn painted(surface: &mut Surface<'_>, path: Option<Path>, fill: Option<Fill>, stroke: Option<Stroke>) {
    let Some(path) = path else { return };
    surface.set_fill(fill);
    surface.set_stroke(stroke);
    surface.draw_path(&path);
}

fn lines(x: f32, y: f32, half: f32, corners: &[(f32, f32)], closed: bool) -> Option<Path> {
    let mut path = PathBuilder::new();
    for (at, (right, down)) in corners.iter().enumerate() {
        let (x, y) = (x + right * half, y + down * half);
        if at == 0 { path.move_to(x, y) } else { path.line_to(x, y) }
    }
    if closed {
        path.close();
    }
    path.finish()
}

fn disc(x: f32, y: f32, r: f32) -> Option<Path> {
    // How far the handles of a quarter reach.
    let k = r * 0.5523;
    let mut path = PathBuilder::new();
    path.move_to(x + r, y);
    path.cubic_to(x + r, y + k, x + k, y + r, x, y + r);
    path.cubic_to(x - k, y + r, x - r, y + k, x - r, y);
    path.cubic_to(x - r, y - k, x - k, y - r, x, y - r);
    path.cubic_to(x + k, y - r, x + r, y - k, x + r, y);
    path.close();
    path.finish()
}
