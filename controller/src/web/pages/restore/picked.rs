//! What somebody has chosen in a snapshot. It goes from page to page in their addresses, packed, so
//! that nothing is kept here and nothing is lost by going back or sharing the address.

use crate::app::AppError;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// So many paths can be chosen one by one; a folder is one.
pub const MOST: usize = 200;
/// Longest packed text, in characters: an address has to fit a request.
const LONGEST: usize = 8_000;
/// The same, not packed, in bytes.
const LONGEST_PLAIN: usize = 128 << 10;
/// How hard it is packed.
const LEVEL: i32 = 19;

/// Paths of a snapshot, each once, and none that is in another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Picked(Vec<String>);

impl Picked {
    /// This one path.
    pub fn only(path: &str) -> Self {
        Self(vec![path.to_owned()])
    }

    /// As an address has it; empty: nothing.
    pub fn parse(text: &str) -> Result<Self, AppError> {
        let bad = || AppError::Invalid("what was chosen cannot be read from the address; choose again".into());
        if text.is_empty() {
            return Ok(Self::default());
        }
        if text.len() > LONGEST {
            return Err(bad());
        }
        let packed = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| bad())?;
        let plain = zstd::bulk::decompress(&packed, LONGEST_PLAIN).map_err(|_| bad())?;
        let plain = String::from_utf8(plain).map_err(|_| bad())?;
        let paths: Vec<&str> = plain.split('\0').collect();
        if paths.len() > MOST || paths.iter().any(|path| !path.starts_with('/')) {
            return Err(bad());
        }
        Ok(Self::of(paths))
    }

    fn of<P: AsRef<str>>(paths: impl IntoIterator<Item = P>) -> Self {
        let mut paths: Vec<String> = paths.into_iter().map(|path| path.as_ref().to_owned()).collect();
        paths.sort();
        paths.dedup();
        let all = paths.clone();
        paths.retain(|path| !all.iter().any(|other| is_below(path, other)));
        Self(paths)
    }

    /// For an address; nothing where that would be too long.
    pub fn packed(&self) -> Option<String> {
        if self.0.is_empty() {
            return Some(String::new());
        }
        let plain = self.0.join("\0");
        let packed = zstd::bulk::compress(plain.as_bytes(), LEVEL).ok()?;
        let text = BASE64_URL_SAFE_NO_PAD.encode(packed);
        (self.0.len() <= MOST && plain.len() <= LONGEST_PLAIN && text.len() <= LONGEST).then_some(text)
    }

    /// The paths.
    pub fn paths(&self) -> &[String] {
        &self.0
    }

    /// Whether exactly this was chosen.
    pub fn has(&self, path: &str) -> bool {
        self.0.iter().any(|picked| picked == path)
    }

    /// Whether it is in a folder that was chosen.
    pub fn covers(&self, path: &str) -> bool {
        self.0.iter().any(|picked| is_below(path, picked))
    }

    /// With what is ticked on a page in place of what was ticked there. As much of it as there is
    /// room for, and whether that is all.
    pub fn changed(self, were: &[String], ticked: &[String]) -> (Self, bool) {
        let stay: Vec<String> = self.0.into_iter().filter(|path| !were.contains(path)).collect();
        let mut wanted: Vec<&String> = stay.iter().chain(ticked).collect();
        loop {
            let picked = Self::of(&wanted);
            if picked.packed().is_some() {
                return (picked, wanted.len() == stay.len() + ticked.len());
            }
            let fits = wanted.len().min(MOST + 1).saturating_sub(1);
            wanted.truncate(fits);
        }
    }
}

/// Whether a path is inside this folder.
fn is_below(path: &str, folder: &str) -> bool {
    path.len() > folder.len()
        && path.strip_prefix(folder.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn picked(paths: &[&str]) -> Picked {
        Picked::of(paths)
    }

    #[test]
    fn the_way_through_an_address_is_exact() {
        for paths in [&[][..], &["/"], &["/home/王/年度 报告.docx"], &["/a&b=c", "/a\\xFF", "/\u{202e}x"]] {
            let picked = picked(paths);
            let text = picked.packed().unwrap();
            assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)), "{text}");
            assert_eq!(Picked::parse(&text).unwrap(), picked);
        }
    }

    #[test]
    fn many_paths_fit_and_more_are_left() {
        let many: Vec<String> =
            (0..MOST + 50).map(|n| format!("/home/王芳/文档/财务/2026/年度 报告 {n}.docx")).collect();
        let (picked, whole) = Picked::default().changed(&[], &many);
        assert!(!whole && picked.paths().len() == MOST, "{}", picked.paths().len());
        assert_eq!(Picked::parse(&picked.packed().unwrap()).unwrap(), picked);
        let (few, whole) = Picked::default().changed(&[], &many[..20]);
        assert!(whole && few.paths().len() == 20);
        // Names that nothing shortens.
        let noise: Vec<String> = (0..MOST as u64)
            .map(|n| {
                format!("/{:x}{:x}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15), n.wrapping_mul(0xD1B5_4A32_D192_ED03))
                    .repeat(4)
            })
            .collect();
        let (some, _) = Picked::default().changed(&[], &noise);
        assert!(some.packed().is_some());
    }

    #[test]
    fn what_is_in_a_chosen_folder_is_chosen_once() {
        let all = picked(&["/home/li", "/home/li/a", "/home/li2", "/home/li"]);
        assert_eq!(all.paths(), ["/home/li", "/home/li2"]);
        assert!(all.covers("/home/li/a") && !all.covers("/home/li") && !all.covers("/home/li3") && all.has("/home/li"));
        assert_eq!(picked(&["/", "/a"]).paths(), ["/"]);
    }

    #[test]
    fn a_page_changes_its_own_ticks_only() {
        let before = picked(&["/a/1", "/a/2", "/b/3"]);
        let (after, whole) = before.changed(&["/a/1".into(), "/a/2".into()], &["/a/2".into(), "/a/4".into()]);
        assert!(whole);
        assert_eq!(after.paths(), ["/a/2", "/a/4", "/b/3"]);
    }

    #[test]
    fn a_crafted_address_is_refused() {
        let bomb = BASE64_URL_SAFE_NO_PAD.encode(zstd::bulk::compress(&vec![b'/'; LONGEST_PLAIN + 1], LEVEL).unwrap());
        let relative = BASE64_URL_SAFE_NO_PAD.encode(zstd::bulk::compress(b"../a", LEVEL).unwrap());
        let binary = BASE64_URL_SAFE_NO_PAD.encode(zstd::bulk::compress(b"/\xff", LEVEL).unwrap());
        for bad in ["!", "AAAA", &bomb, &relative, &binary, &"A".repeat(LONGEST + 1)] {
            assert!(Picked::parse(bad).is_err(), "{bad}");
        }
    }
}
