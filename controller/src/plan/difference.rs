//! What differs between two texts, line by line.

/// A line of either text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'a> {
    /// In both.
    Same(&'a str),
    /// In the old one only.
    Gone(&'a str),
    /// In the new one only.
    New(&'a str),
}

/// Products of lines that are compared; beyond, what differs is told in one piece.
const MOST: usize = 4 << 20;

/// The old text made into the new one, with as few lines touched as can be.
pub fn difference<'a>(old: &'a str, new: &'a str) -> Vec<Line<'a>> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let begin = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let end = old[begin..].iter().rev().zip(new[begin..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (gone, come) = (&old[begin..old.len() - end], &new[begin..new.len() - end]);
    let same = |lines: &[&'a str]| lines.iter().map(|line| Line::Same(line)).collect::<Vec<_>>();
    let mut out = same(&old[..begin]);
    if gone.len().saturating_mul(come.len()) > MOST {
        out.extend(gone.iter().map(|line| Line::Gone(line)));
        out.extend(come.iter().map(|line| Line::New(line)));
    } else {
        out.extend(woven(gone, come));
    }
    out.extend(same(&old[old.len() - end..]));
    out
}

/// By the longest lines that both have in the same order.
fn woven<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    let wide = new.len() + 1;
    // How many lines the rests have in common.
    let mut common = vec![0u32; (old.len() + 1) * wide];
    for a in (0..old.len()).rev() {
        for b in (0..new.len()).rev() {
            common[a * wide + b] = if old[a] == new[b] {
                common[(a + 1) * wide + b + 1] + 1
            } else {
                common[(a + 1) * wide + b].max(common[a * wide + b + 1])
            };
        }
    }
    let (mut a, mut b, mut out) = (0, 0, Vec::new());
    while a < old.len() || b < new.len() {
        if a < old.len() && b < new.len() && old[a] == new[b] {
            out.push(Line::Same(old[a]));
            (a, b) = (a + 1, b + 1);
        } else if b == new.len() || (a < old.len() && common[(a + 1) * wide + b] >= common[a * wide + b + 1]) {
            out.push(Line::Gone(old[a]));
            a += 1;
        } else {
            out.push(Line::New(new[b]));
            b += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(old: &str, new: &str) -> String {
        let line = |line: Line| match line {
            Line::Same(text) => format!(" {text}"),
            Line::Gone(text) => format!("-{text}"),
            Line::New(text) => format!("+{text}"),
        };
        difference(old, new).into_iter().map(line).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn what_differs_is_told_line_by_line() {
        for (old, new, told) in [
            ("", "", ""),
            ("a\nb", "a\nb\n", " a| b"),
            ("", "a\nb", "+a|+b"),
            ("a\nb", "", "-a|-b"),
            ("a\nb\nc", "a\nx\nc", " a|-b|+x| c"),
            ("a\nb\nc\nd", "b\nc\nd\ne", "-a| b| c| d|+e"),
            ("k: 1\nl: 2", "l: 2\nk: 1", "-k: 1| l: 2|+k: 1"),
        ] {
            assert_eq!(shown(old, new), told);
        }
    }

    #[test]
    fn long_texts_are_told_in_one_piece() {
        let (old, new) = ("a\n".repeat(5000), "b\n".repeat(5000));
        assert_eq!(difference(&old, &new).len(), 10_000);
    }

    proptest! {
        #[test]
        fn both_texts_are_in_it(old in "([ab]\n){0,8}", new in "([ab]\n){0,8}") {
            let lines = difference(&old, &new);
            let of = |wanted: fn(&Line) -> bool| lines.iter().filter(|l| wanted(l)).map(|l| match l {
                Line::Same(t) | Line::Gone(t) | Line::New(t) => format!("{t}\n"),
            }).collect::<String>();
            prop_assert_eq!(of(|l| !matches!(l, Line::New(_))), old.clone());
            prop_assert_eq!(of(|l| !matches!(l, Line::Gone(_))), new.clone());
        }
    }
}
