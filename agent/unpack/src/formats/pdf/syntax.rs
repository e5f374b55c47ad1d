//! The tokens of PDF (ISO 32000-1, 7.2 and 7.3), and dictionaries made of them: read loosely,
//! since whatever a reader accepts is written somewhere.

/// Tokens of one dictionary that are looked at.
const MOST_TOKENS: usize = 1024;
/// Bytes of one dictionary.
const LONGEST: usize = 16 << 10;
/// Bytes of one string that are kept.
const LONGEST_TEXT: usize = 1 << 20;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// With its `#xx` resolved, which hide names from whoever looks for them.
    Name(Vec<u8>),
    /// Literal or hexadecimal.
    Text(Vec<u8>),
    Number(i64),
    Open,
    Close,
    Word(&'a [u8]),
}

/// Tokens from a place onwards.
pub(super) struct Tokens<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Bytes from here on that are of this kind.
    fn run(&mut self, is: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|b| !is(*b)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn literal(&mut self) -> Vec<u8> {
        let (mut out, mut depth) = (Vec::new(), 0_usize);
        while let Some(b) = self.peek().filter(|_| out.len() < LONGEST_TEXT) {
            self.at += 1;
            match b {
                b'(' => depth += 1,
                b')' if depth == 0 => break,
                b')' => depth -= 1,
                b'\\' => {
                    self.escape(&mut out);
                    continue;
                }
                _ => {}
            }
            out.push(b);
        }
        out
    }

    fn escape(&mut self, out: &mut Vec<u8>) {
        let Some(b) = self.peek() else { return };
        let digits =
            self.bytes.get(self.at..).unwrap_or_default().iter().take(3).take_while(|b| (b'0'..=b'7').contains(b));
        let (count, code) = digits.fold((0, 0_u32), |(count, code), b| (count + 1, code << 3 | u32::from(b - b'0')));
        if count > 0 {
            self.at += count;
            out.push(code.to_le_bytes()[0]);
            return;
        }
        self.at += 1;
        match b {
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'\r' if self.peek() == Some(b'\n') => self.at += 1,
            b'\r' | b'\n' => {}
            _ => out.push(b),
        }
    }

    fn hexadecimal(&mut self) -> Vec<u8> {
        let text = self.run(|b| b != b'>');
        self.at += 1;
        let text = text.get(..LONGEST_TEXT).unwrap_or(text);
        let digits: Vec<u8> = text.iter().filter_map(|b| hex(*b)).collect();
        digits
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit) << (4 * (2 - pair.len())))
            .collect()
    }

    fn name(&mut self) -> Vec<u8> {
        let raw = self.run(is_regular);
        let (mut out, mut at) = (Vec::new(), 0);
        while let Some(&b) = raw.get(at) {
            let code = (b == b'#').then(|| Some(hex(*raw.get(at + 1)?)? << 4 | hex(*raw.get(at + 2)?)?)).flatten();
            out.push(code.unwrap_or(b));
            at += if code.is_some() { 3 } else { 1 };
        }
        out
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn is_blank(b: u8) -> bool {
    b.is_ascii_whitespace() || b == 0
}

fn is_regular(b: u8) -> bool {
    !is_blank(b) && !b"()<>[]{}/%".contains(&b)
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            self.run(is_blank);
            let first = self.peek()?;
            let second = self.bytes.get(self.at + 1).copied();
            if is_regular(first) {
                let word = self.run(is_regular);
                let number = std::str::from_utf8(word).ok().and_then(|word| word.parse().ok());
                return Some(number.map_or(Token::Word(word), Token::Number));
            }
            self.at += 1;
            return Some(match (first, second) {
                (b'%', _) => {
                    self.run(|b| b != b'\n' && b != b'\r');
                    continue;
                }
                (b'/', _) => Token::Name(self.name()),
                (b'(', _) => Token::Text(self.literal()),
                (b'<', Some(b'<')) => {
                    self.at += 1;
                    Token::Open
                }
                (b'>', Some(b'>')) => {
                    self.at += 1;
                    Token::Close
                }
                (b'<', _) => Token::Text(self.hexadecimal()),
                _ => Token::Word(self.bytes.get(self.at - 1..self.at).unwrap_or_default()),
            });
        }
    }
}

/// The entries of a dictionary, each with all the tokens of its value.
#[derive(Debug, Default)]
pub(super) struct Dictionary<'a>(Vec<(Vec<u8>, Vec<Token<'a>>)>);

impl<'a> Dictionary<'a> {
    /// The first one behind a place.
    pub(super) fn read(bytes: &'a [u8], at: usize) -> Self {
        let (mut entries, mut depth) = (Vec::<(Vec<u8>, Vec<Token<'_>>)>::new(), 0_usize);
        let mut lists = 0_usize;
        let bytes = bytes.get(..at.saturating_add(LONGEST)).unwrap_or(bytes);
        for token in Tokens::new(bytes, at).take(MOST_TOKENS) {
            match &token {
                Token::Open => depth += 1,
                Token::Close if depth <= 1 => break,
                Token::Close => depth -= 1,
                Token::Word(b"[") => lists += 1,
                Token::Word(b"]") => lists = lists.saturating_sub(1),
                Token::Word(b"stream" | b"endobj") => break,
                _ => {}
            }
            match (token, entries.last_mut()) {
                (Token::Name(name), last)
                    if depth == 1 && lists == 0 && last.as_ref().is_none_or(|(_, value)| !value.is_empty()) =>
                {
                    entries.push((name, vec![]));
                }
                (token, Some((_, value))) => value.push(token),
                _ => {}
            }
        }
        Self(entries)
    }

    pub(super) fn value(&self, key: &str) -> Option<&[Token<'a>]> {
        self.0.iter().find(|(name, _)| name == key.as_bytes()).map(|(_, value)| value.as_slice())
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// Whether the value of this key is this name.
    pub(super) fn says(&self, key: &str, name: &str) -> bool {
        matches!(self.value(key), Some([Token::Name(value), ..]) if value == name.as_bytes())
    }

    /// Any number within the value that stands behind this name.
    pub(super) fn within(&self, key: &str, name: &str) -> Option<i64> {
        let value = self.value(key)?;
        let at = value.iter().position(|token| matches!(token, Token::Name(given) if given == name.as_bytes()))?;
        match value.get(at + 1) {
            Some(Token::Number(number)) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn text(&self, key: &str) -> Option<&[u8]> {
        match self.value(key)? {
            [Token::Text(text), ..] => Some(text),
            _ => None,
        }
    }
}

/// The object that `12 0 R` refers to.
pub(super) fn reference(value: &[Token<'_>]) -> Option<u32> {
    match value {
        [Token::Number(number), Token::Number(_), Token::Word(b"R"), ..] => u32::try_from(*number).ok(),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_in_every_form() {
        let text = b"/A#42c(a(b)\\)\\101\\n\\\r\nc)<4 b45>% (comment\n12 0 R<</x>>[true]<4";
        let tokens: Vec<_> = Tokens::new(text, 0).collect();
        let name = |name: &[u8]| Token::Name(name.to_vec());
        let expected = [
            name(b"ABc"),
            Token::Text(b"a(b))A\nc".to_vec()),
            Token::Text(b"KE".to_vec()),
            Token::Number(12),
            Token::Number(0),
            Token::Word(b"R"),
            Token::Open,
            name(b"x"),
            Token::Close,
            Token::Word(b"["),
            Token::Word(b"true"),
            Token::Word(b"]"),
            Token::Text(b"@".to_vec()),
        ];
        assert_eq!(tokens, expected);
    }

    #[test]
    fn dictionaries_keep_their_own_entries_only() {
        let text =
            b" <</Type/ObjStm/P<</Filter/No/D[/Length 9]>>/Filter [/AHx /Fl]/Length 12 0 R/EarlyChange#20>>/Type/X";
        let dictionary = Dictionary::read(text, 0);
        assert!(dictionary.says("Type", "ObjStm"));
        assert_eq!(reference(dictionary.value("Length").unwrap()), Some(12));
        assert_eq!(dictionary.value("Filter").unwrap().len(), 4);
        assert_eq!(dictionary.within("P", "Length"), Some(9));
        assert!(!dictionary.has("D") && dictionary.has("EarlyChange "));
        assert!(Dictionary::read(&b"<</A ".repeat(100_000), 0).0.len() <= MOST_TOKENS);
    }
}
