//! The letters that papers are set in: a font for Latin and signs, one for Chinese. What neither
//! has is shown as an empty box, so that it is missed and not overlooked.

use super::PrintError;
use krilla::text::{Font, GlyphId, KrillaGlyph};
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};
use std::cell::RefCell;
use std::collections::HashMap;

static LATIN: &[u8] = include_bytes!("fonts/KeepwatchLatin.ttf");
static CHINESE: &[u8] = include_bytes!("fonts/DroidSansFallbackFull.ttf");
/// Stands for what no font has.
const BOX: char = '□';

/// How one character is set.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Letter {
    face: usize,
    glyph: u32,
    /// Of the size of the type.
    advance: f32,
    /// Whether it is only a box.
    lacking: bool,
}

struct Face {
    font: Font,
    read: FontRef<'static>,
    units: f32,
}

impl Face {
    fn new(bytes: &'static [u8]) -> Result<Self, PrintError> {
        let broken = || PrintError("a font that is built in cannot be read".into());
        let read = FontRef::from_index(bytes, 0).map_err(|e| PrintError(e.to_string()))?;
        let font = Font::new(bytes.into(), 0).ok_or_else(broken)?;
        Ok(Self { units: font.units_per_em(), font, read })
    }

    fn letter(&self, face: usize, c: char) -> Option<Letter> {
        let glyph = self.read.charmap().map(c).filter(|glyph| glyph.to_u32() != 0)?;
        let metrics = self.read.glyph_metrics(Size::unscaled(), LocationRef::default());
        let advance = metrics.advance_width(glyph).unwrap_or(self.units) / self.units;
        Some(Letter { face, glyph: glyph.to_u32(), advance, lacking: false })
    }
}

/// Glyphs of one font that stand side by side.
pub struct Stretch {
    /// The font.
    pub font: Font,
    /// Its glyphs.
    pub glyphs: Vec<KrillaGlyph>,
    /// What they say.
    pub text: String,
    /// How wide they are, of the size of the type.
    pub width: f32,
}

/// The fonts, and what was looked up in them.
pub struct Letters {
    faces: [Face; 2],
    known: RefCell<HashMap<char, Letter>>,
}

impl Letters {
    /// Reads the fonts.
    pub fn new() -> Result<Self, PrintError> {
        Ok(Self { faces: [Face::new(LATIN)?, Face::new(CHINESE)?], known: RefCell::default() })
    }

    fn letter(&self, c: char) -> Letter {
        *self.known.borrow_mut().entry(c).or_insert_with(|| {
            let find = |c: char| self.faces.iter().enumerate().find_map(|(at, face)| face.letter(at, c));
            let nothing = Letter { face: 0, glyph: 0, advance: 1.0, lacking: true };
            find(c).unwrap_or_else(|| Letter { lacking: true, ..find(BOX).unwrap_or(nothing) })
        })
    }

    /// How wide a character is at this size.
    pub fn wide(&self, c: char, size: f32) -> f32 {
        self.letter(c).advance * size
    }

    /// How wide a text is at this size.
    pub fn width(&self, text: &str, size: f32) -> f32 {
        text.chars().map(|c| self.wide(c, size)).sum()
    }

    /// How many different characters were only boxes so far.
    pub fn lacking(&self) -> usize {
        self.known.borrow().values().filter(|letter| letter.lacking).count()
    }

    /// A text as glyphs, font by font.
    pub fn stretches(&self, text: &str) -> Vec<Stretch> {
        let mut stretches: Vec<(usize, Stretch)> = Vec::new();
        for c in text.chars() {
            let letter = self.letter(c);
            if stretches.last().is_none_or(|(face, _)| *face != letter.face) {
                let font = self.faces[letter.face].font.clone();
                stretches.push((letter.face, Stretch { font, glyphs: vec![], text: String::new(), width: 0.0 }));
            }
            let Some((_, stretch)) = stretches.last_mut() else { continue };
            // What is copied out of the paper is the box that is seen.
            let from = stretch.text.len();
            stretch.text.push(if letter.lacking { BOX } else { c });
            let range = from..stretch.text.len();
            let id = GlyphId::new(letter.glyph);
            stretch.glyphs.push(KrillaGlyph::new(id, letter.advance, 0.0, 0.0, 0.0, range, None));
            stretch.width += letter.advance;
        }
        stretches.into_iter().map(|(_, stretch)| stretch).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_and_signs_of_offices_are_there() {
        let letters = Letters::new().unwrap();
        for text in [
            "0123456789 ABCXYZ abcxyz !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
            "“”‘’…—·–×→①℃№",
            "，。、；：？！（）《》【】％￥",
            "守备：受保护、需要处理、有风险、状态未知",
            // Characters in names that older fonts lack.
            "王伟赟燊甡犇淼焱垚鑫煜骉羴靐龘䶮㛃䲟䴓喆旻昳堃頔玥珺龢",
            "éüñßøЖΩ",
        ] {
            letters.width(text, 1.0);
            assert_eq!(letters.lacking(), 0, "{text}");
        }
        // All of GBK's Chinese.
        ('\u{4e00}'..='\u{9fa5}').for_each(|c| assert!(!letters.letter(c).lacking, "{c}"));
        let stretches = letters.stretches("PC-1 财务处\u{2070e}\u{202e}");
        assert_eq!(letters.lacking(), 2);
        let texts: Vec<&str> = stretches.iter().map(|s| s.text.as_str()).collect();
        assert_eq!(texts, ["PC-1 ", "财务处", "□□"]);
    }
}
