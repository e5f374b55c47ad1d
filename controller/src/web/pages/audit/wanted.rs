//! The filters of the records, as an address has them.

use crate::app::audit::Wanted;
use crate::plan::period::midnight;
use crate::web::words::encoded;
use chrono::{Days, NaiveDate};
use chrono_tz::Tz;
use serde::Deserialize;

/// What was filled in, and where the page begins.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    user: String,
    #[serde(default)]
    pub action: String,
    #[serde(default)]
    object: String,
    #[serde(default)]
    pub outcome: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    until: String,
    #[serde(default)]
    pub after: String,
}

/// What stands in the filters' fields.
pub struct Filled {
    /// Whose deeds.
    pub user: String,
    /// On what.
    pub object: String,
    /// The first day.
    pub from: String,
    /// The last day.
    pub until: String,
    /// Whether anything does.
    pub any: bool,
}

impl Asked {
    /// Which records, by days of these clocks; `None`: a day that there is none of.
    pub fn wanted(&self, zone: Tz) -> Option<Wanted> {
        let day = |text: &str| -> Option<Option<NaiveDate>> {
            if text.trim().is_empty() { Some(None) } else { Some(Some(text.trim().parse().ok()?)) }
        };
        let begin = |day: NaiveDate| midnight(day, zone).timestamp();
        let after = |day: NaiveDate| day.checked_add_days(Days::new(1));
        let until = match day(&self.until)? {
            None => 0,
            Some(day) => begin(after(day)?),
        };
        Some(Wanted {
            user: self.user.trim().to_owned(),
            action: self.action.clone(),
            object: self.object.trim().to_owned(),
            outcome: self.outcome.clone(),
            since: day(&self.from)?.map_or(0, begin),
            until,
        })
    }

    /// The page of the same filters that begins after this place.
    pub fn address(&self, page: &str, after: &str) -> String {
        let fields = [
            ("user", self.user.as_str()),
            ("action", &self.action),
            ("object", &self.object),
            ("outcome", &self.outcome),
            ("from", &self.from),
            ("until", &self.until),
            ("after", after),
        ];
        let filled = fields.into_iter().filter(|(_, value)| !value.is_empty());
        let query: Vec<String> = filled.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        if query.is_empty() { page.to_owned() } else { format!("{page}?{}", query.join("&")) }
    }

    /// What its fields show.
    pub fn filled(self) -> Filled {
        let all = [&self.user, &self.action, &self.object, &self.outcome, &self.from, &self.until];
        let any = all.into_iter().any(|value| !value.is_empty());
        Filled { any, user: self.user, object: self.object, from: self.from, until: self.until }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn days_are_whole() {
        let asked = |from: &str, until: &str| Asked { from: from.into(), until: until.into(), ..Asked::default() };
        let wanted = asked("2026-11-27", "2026-11-27").wanted(Tz::UTC).unwrap();
        assert_eq!((wanted.since, wanted.until - wanted.since), (1_795_737_600, 86_400));
        let here = asked("2026-11-27", "").wanted(Tz::Asia__Shanghai).unwrap();
        assert_eq!(wanted.since - here.since, 8 * 3600);
        assert_eq!(asked("", " ").wanted(Tz::UTC), Some(Wanted::default()));
        for bad in ["2026-13-01", "yesterday", "+262142-12-31"] {
            assert_eq!(asked("", bad).wanted(Tz::UTC), None, "{bad}");
        }
    }

    #[test]
    fn filters_come_along_from_page_to_page() {
        let asked = Asked { user: "王".into(), action: "policy set".into(), ..Asked::default() };
        assert_eq!(asked.address("/audit", "9/x"), "/audit?user=%E7%8E%8B&action=policy%20set&after=9/x");
        assert_eq!(Asked::default().address("/audit", ""), "/audit");
        assert!(asked.filled().any && !Asked::default().filled().any);
    }
}
