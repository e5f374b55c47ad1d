//! One English sentence with places in it, and whether a text is that sentence.

/// Between sentences that were put together.
pub(crate) const MARK: &str = "; ";
/// Places that hold sentences, or what other programs say.
const MAY_GO_ON: [&str; 9] = ["question", "said", "why", "error", "problem", "cause", "answer", "how", "note"];

/// A sentence: its key, and what stands before, between and behind its places.
pub(crate) struct Sentence {
    /// Under which it stands in the files.
    pub(crate) key: &'static str,
    texts: Vec<&'static str>,
    /// What its places are called. One called `n` holds a number, `field` and `place` hold one word, and
    /// none but those that hold sentences or another program's words holds the mark between two.
    pub(crate) places: Vec<&'static str>,
}

impl Sentence {
    /// A line `key = text with { $places }`.
    pub(crate) fn read(line: &'static str) -> Option<Self> {
        let (key, text) = line.split_once(" = ").filter(|_| !line.starts_with(['#', ' ']))?;
        let (mut texts, mut places) = (Vec::new(), Vec::new());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{ $") {
            let (place, behind) = after.split_once(" }")?;
            texts.push(before);
            places.push(place);
            rest = behind;
        }
        texts.push(rest);
        Some(Self { key, texts, places })
    }

    /// How much of it is its own.
    pub(crate) fn words(&self) -> usize {
        self.texts.iter().map(|text| text.len()).sum()
    }

    /// What stands in the places of a text that is this sentence.
    pub(crate) fn values<'a>(&self, text: &'a str) -> Option<Vec<&'a str>> {
        let (first, others) = self.texts.split_first()?;
        let mut rest = text.strip_prefix(first)?;
        let Some((last, between)) = others.split_last() else { return rest.is_empty().then(Vec::new) };
        // Before what stands between is looked for: most texts are no sentence that begins with a place.
        if !rest.ends_with(last) {
            return None;
        }
        let mut values = Vec::new();
        for part in between {
            let (value, behind) = rest.split_once(part)?;
            values.push(value);
            rest = behind;
        }
        values.push(rest.strip_suffix(last)?);
        let fits = self.places.iter().zip(&values).all(|(place, value)| match *place {
            "n" => is_number(value),
            "field" | "place" => !value.contains(char::is_whitespace),
            place if MAY_GO_ON.contains(&place) => true,
            _ => !value.contains(MARK),
        });
        fits.then_some(values)
    }
}

/// Whether it is a number; its digits may be grouped.
fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b',')
}
