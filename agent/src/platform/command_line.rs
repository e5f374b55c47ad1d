//! Which files a Windows command line may mean. It says no more than where it begins: a path
//! with blanks need not be quoted, and what matters may be an argument (`rundll32`, `wscript`).

/// Paths that one command line gives rise to, at most.
const MOST: usize = 64;

/// The longest command line that Windows has; users write their own.
const LONGEST: usize = 32 << 10;

/// Every path that the command line may mean; most do not exist. `variable` gives what stands
/// for `%NAME%`.
pub(super) fn paths(command: &str, variable: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let command = command.trim();
    let command = expanded(&command[..command.floor_char_boundary(LONGEST)], variable);
    let mut found = Vec::new();
    for (start, _) in command.char_indices() {
        let rest = &command[start..];
        let begins_here = start == 0 || command[..start].ends_with([' ', '"', ',', '=', '\t']);
        if begins_here && is_full(rest) {
            let quoted = command[..start].ends_with('"');
            found.extend(ends(rest, quoted).map(|end| rest[..end].to_owned()).take(MOST - found.len()));
        }
        if found.len() >= MOST {
            break;
        }
    }
    found
}

/// Whether a text begins with a drive's path.
fn is_full(text: &str) -> bool {
    let bytes = text.as_bytes();
    matches!(bytes, [drive, b':', b'\\' | b'/', ..] if drive.is_ascii_alphabetic())
}

/// Where a path that begins the text may end.
fn ends(text: &str, quoted: bool) -> impl Iterator<Item = usize> {
    let whole = text.find('"').unwrap_or(text.len());
    let breaks = text[..whole].match_indices([' ', ',', '\t']).map(|(at, _)| at);
    // In quotes blanks belong to it.
    breaks.filter(move |_| !quoted).chain([whole])
}

fn expanded(text: &str, variable: impl Fn(&str) -> Option<String>) -> String {
    // As drivers and services are written.
    let text = match text.get(..12).filter(|start| start.eq_ignore_ascii_case(r"\SystemRoot\")) {
        Some(_) => format!(r"%SystemRoot%\{}", &text[12..]),
        None if text.to_ascii_lowercase().starts_with(r"system32\") => format!(r"%SystemRoot%\{text}"),
        None => text.strip_prefix(r"\??\").unwrap_or(text).to_owned(),
    };
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        if out.len() > LONGEST {
            return out;
        }
        match after.split_once('%').and_then(|(name, after)| Some((variable(name)?, after))) {
            Some((value, after)) => {
                out.push_str(&value);
                rest = after;
            }
            None => {
                out.push('%');
                rest = after;
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_may_be_a_file_is_named() {
        let variable = |name: &str| name.eq_ignore_ascii_case("SystemRoot").then(|| r"C:\Windows".to_owned());
        for (command, expected) in [
            (r#""C:\Program Files\App\app.exe" /min"#, r"C:\Program Files\App\app.exe"),
            (r"C:\Program Files\App\app.exe /min", r"C:\Program Files\App\app.exe"),
            (r"rundll32.exe C:\Users\li\evil.dll,Start", r"C:\Users\li\evil.dll"),
            (r#"wscript.exe //B "D:\文档\a b.js""#, r"D:\文档\a b.js"),
            (r"%systemroot%\system32\svchost.exe -k x", r"C:\Windows\system32\svchost.exe"),
            (r"\SystemRoot\System32\drivers\x.sys", r"C:\Windows\System32\drivers\x.sys"),
            (r"System32\drivers\y.sys", r"C:\Windows\System32\drivers\y.sys"),
            (r"\??\C:\x.sys", r"C:\x.sys"),
            (r"cmd /c start=C:\a.exe", r"C:\a.exe"),
            (r"C:\100% sure\%x%.exe", r"C:\100% sure\%x%.exe"),
        ] {
            let found = paths(command, variable);
            assert!(found.iter().any(|path| path == expected), "{command}: {found:?}");
        }
    }

    #[test]
    fn nothing_that_is_written_there_makes_it_fail_or_flood() {
        for odd in [
            "",
            "\"",
            "%",
            "%%",
            r"C:\",
            "守备",
            r"\SystemRoo守",
            &r"C:\a ".repeat(10_000),
            &"%".repeat(9999),
            &"%x%".repeat(100_000),
        ] {
            assert!(paths(odd, |_| Some("C:\\".to_owned())).len() <= MOST, "{odd}");
        }
    }
}
