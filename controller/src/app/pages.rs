//! Long lists come page by page, the newest first. The next page begins where one ended, whatever
//! came in meanwhile.

use super::AppError;

/// Which page of a list.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// At most so many; 0: as many as a page has.
    pub limit: u32,
    /// Where the page before ended; empty: the newest come first.
    pub after: String,
}

/// Longest page.
const LONGEST: u32 = 10_000;

impl Page {
    /// What came up to this moment, in its second too; Unix seconds.
    pub fn up_to(moment: i64) -> Self {
        Self { limit: 0, after: format!("{}/", moment.saturating_add(1)) }
    }

    /// What is on it comes after this moment's entry of this id, going back in time.
    pub(super) fn place(&self) -> Result<(i64, String), AppError> {
        let bad = || AppError::Invalid(format!("'{}' is no place in a listing", self.after.escape_debug()));
        match self.after.split_once('/') {
            None if self.after.is_empty() => Ok((i64::MAX, String::new())),
            None => Err(bad()),
            Some((at, id)) => Ok((at.parse().map_err(|_| bad())?, id.to_owned())),
        }
    }

    /// Entries on it, where `usual` is what people read.
    pub(super) fn size(&self, usual: u32) -> u32 {
        if self.limit == 0 { usual } else { self.limit.min(LONGEST) }
    }
}

/// The page of rows of which one more was read than are on it, and where the next begins; empty:
/// there is none.
pub(super) fn cut<T>(mut rows: Vec<T>, size: u32, place: impl Fn(&T) -> (i64, String)) -> (Vec<T>, String) {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let more = rows.len() > size;
    rows.truncate(size);
    let next = rows.last().filter(|_| more).map(place).map(|(at, id)| format!("{at}/{id}"));
    (rows, next.unwrap_or_default())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_where_the_next_begins() {
        let (rows, next) = cut(vec![3, 2, 1], 2, |row| (*row, "x".into()));
        assert_eq!((rows, next.as_str()), (vec![3, 2], "2/x"));
        let page = Page { limit: 2, after: next };
        assert_eq!(page.place().unwrap(), (2, "x".into()));
        let (rows, next) = cut(vec![1], 2, |row| (*row, "x".into()));
        assert_eq!((rows, next.as_str()), (vec![1], ""));
        assert_eq!(Page::default().place().unwrap(), (i64::MAX, String::new()));
        for after in ["1", "x/1", "/", "9999999999999999999/1"] {
            let page = Page { limit: 0, after: after.into() };
            assert!(page.place().unwrap_err().to_string().contains("no place in a listing"), "{after}");
        }
        assert_eq!((page.size(50), Page::default().size(50)), (2, 50));
        assert_eq!(Page { limit: u32::MAX, after: String::new() }.size(50), LONGEST);
    }
}
