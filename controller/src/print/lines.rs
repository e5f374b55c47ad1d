//! Where lines break: between any two Chinese characters, but not before a closing mark nor after
//! an opening one; otherwise at spaces and within paths; a word that is longer than a line, anywhere.

/// None of these begins a line.
const CLOSING: &str = "，。、；：？！）】》」』〉〕｝”’…—～％‰℃·,.;:?!)]}%°";
/// None of these ends one.
const OPENING: &str = "（【《「『〈〔｛“‘￥¥$([{#";

/// Whether a character takes the place of two.
pub fn is_wide(c: char) -> bool {
    matches!(c,
        '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{303e}' | '\u{3041}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}'
        | '\u{20000}'..='\u{3fffd}')
}

fn may_break(before: char, after: char, next: Option<char>) -> bool {
    if after.is_whitespace() || CLOSING.contains(after) || OPENING.contains(before) {
        return false;
    }
    if before.is_whitespace() || is_wide(before) || is_wide(after) {
        return true;
    }
    let digits = after.is_ascii_digit() && next.is_none_or(|c| c.is_ascii_digit() || !c.is_alphabetic());
    match before {
        '/' | '\\' => true,
        '-' | '_' | '.' | ',' | ';' | ':' | ')' => !digits,
        _ => false,
    }
}

/// A text in lines of at most this width, as `wide` measures each character.
pub fn broken(text: &str, width: f32, wide: &dyn Fn(char) -> f32) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let letters: Vec<char> = paragraph.chars().collect();
        let mut start = 0;
        loop {
            let end = end_of_line(&letters, start, width, wide);
            let line: String = letters[start..end].iter().collect();
            lines.push(line.trim_end().to_owned());
            start = end;
            while letters.get(start).is_some_and(|c| c.is_whitespace()) {
                start += 1;
            }
            if start >= letters.len() {
                break;
            }
        }
    }
    lines
}

/// Where the line that begins there ends.
fn end_of_line(letters: &[char], start: usize, width: f32, wide: &dyn Fn(char) -> f32) -> usize {
    let (mut taken, mut chance) = (0.0, None);
    for at in start..letters.len() {
        if at > start && may_break(letters[at - 1], letters[at], letters.get(at + 1).copied()) {
            chance = Some(at);
        }
        taken += wide(letters[at]);
        // A space at the end takes no place.
        if taken > width && !letters[at].is_whitespace() {
            return chance.unwrap_or(at.max(start + 1));
        }
    }
    letters.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_where_readers_expect_it() {
        let wide = |c: char| if is_wide(c) { 2.0 } else { 1.0 };
        for (text, width, expected) in [
            ("", 4.0, &[""][..]),
            ("受保护的电脑", 6.0, &["受保护", "的电脑"]),
            // The comma stays with what is before it, the bracket with what is in it.
            ("备份三次，成功", 8.0, &["备份三", "次，成功"]),
            ("共三台（离线）", 8.0, &["共三台", "（离线）"]),
            ("two words here", 9.0, &["two words", "here"]),
            ("two  words", 4.0, &["two", "word", "s"]),
            ("/home/wang/年度报告", 8.0, &["/home/", "wang/年", "度报告"]),
            ("2026-11-27 08:00", 10.0, &["2026-11-27", "08:00"]),
            ("共1,234,567台", 9.0, &["共", "1,234,567", "台"]),
            ("aaaaaaaaaa", 4.0, &["aaaa", "aaaa", "aa"]),
            ("一\n二", 9.0, &["一", "二"]),
            ("字", 1.0, &["字"]),
        ] {
            assert_eq!(broken(text, width, &wide), expected, "{text}");
        }
    }
}
