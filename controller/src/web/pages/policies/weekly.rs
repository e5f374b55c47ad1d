//! A schedule as people say it: never, every day, or on days of the week, at a time. What says more
//! than that stays a cron expression.

use super::simulate::WEEKDAYS;

/// Days of the week, Monday first.
pub type Days = [bool; 7];

/// A time of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    hour: u8,
    minute: u8,
}

/// When something is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Only when asked.
    Never,
    /// Every day.
    Daily(Time),
    /// On these days.
    Weekly(Days, Time),
    /// As the expression says.
    Other(String),
}

impl Time {
    /// Reads `12:40` or `9:05`, also as it comes from a Chinese keyboard.
    pub fn read(text: &str) -> Option<Self> {
        let text = halfwidth(text);
        let (hour, minute) = text.trim().split_once(':')?;
        Self::of(minute, hour).filter(|_| minute.len() == 2)
    }

    /// Of a cron expression's first two fields.
    fn of(minute: &str, hour: &str) -> Option<Self> {
        let number = |text: &str, most: u8| {
            let digits = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
            text.parse().ok().filter(|n| digits && *n <= most)
        };
        Some(Self { hour: number(hour, 23)?, minute: number(minute, 59)? })
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

impl Plan {
    /// What an expression says.
    pub fn read(cron: &str) -> Self {
        let other = || Self::Other(cron.to_owned());
        match cron.split_whitespace().collect::<Vec<_>>()[..] {
            [] => Self::Never,
            [minute, hour, "*", "*", days] => match (Time::of(minute, hour), days) {
                (Some(time), "*") => Self::Daily(time),
                (Some(time), days) => read_days(days).map_or_else(other, |days| Self::Weekly(days, time)),
                (None, _) => other(),
            },
            _ => other(),
        }
    }

    /// The expression that says so.
    pub fn cron(&self) -> String {
        match self {
            Self::Never => String::new(),
            Self::Daily(Time { hour, minute }) => format!("{minute} {hour} * * *"),
            Self::Weekly(days, Time { hour, minute }) => {
                format!("{minute} {hour} * * {}", words_of(days).collect::<Vec<_>>().join(","))
            }
            Self::Other(cron) => cron.clone(),
        }
    }
}

/// The words for these days.
pub fn words_of(days: &Days) -> impl Iterator<Item = &'static str> {
    WEEKDAYS.into_iter().zip(days).filter_map(|(word, on)| on.then_some(word))
}

/// What an expression's last field says: days and ranges of them, by name or number.
fn read_days(text: &str) -> Option<Days> {
    let place = |word: &str| {
        let named = WEEKDAYS.iter().position(|day| day.eq_ignore_ascii_case(word));
        named.or_else(|| match word.as_bytes() {
            [b'0' | b'7'] => Some(6),
            [digit @ b'1'..=b'6'] => Some(usize::from(digit - b'1')),
            _ => None,
        })
    };
    let mut days = Days::default();
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to) = (place(from)?, place(to)?);
        if from > to {
            return None;
        }
        days[from..=to].fill(true);
    }
    Some(days)
}

/// Digits and colons as they stand on a Latin keyboard.
pub fn halfwidth(text: &str) -> String {
    let plain = |c: char| match c {
        '\u{ff10}'..='\u{ff1a}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        c => c,
    };
    text.chars().map(plain).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use keepwatch_proto::schedule::Schedule;

    fn time(text: &str) -> Time {
        Time::read(text).unwrap()
    }

    fn days(words: &[&str]) -> Days {
        WEEKDAYS.map(|day| words.contains(&day))
    }

    #[test]
    fn an_expression_that_fits_is_read_and_written_back_the_same() {
        for (cron, plan) in [
            ("", Plan::Never),
            ("40 12 * * wed", Plan::Weekly(days(&["wed"]), time("12:40"))),
            ("0 3 * * *", Plan::Daily(time("03:00"))),
            ("15 9 * * mon,fri,sun", Plan::Weekly(days(&["mon", "fri", "sun"]), time("9:15"))),
            ("59 23 * * mon,tue,wed,thu,fri,sat,sun", Plan::Weekly([true; 7], time("23:59"))),
            ("*/5 * * * *", Plan::Other("*/5 * * * *".into())),
            ("0 3 1 * *", Plan::Other("0 3 1 * *".into())),
            ("0 3 * jan *", Plan::Other("0 3 * jan *".into())),
            ("0 3,15 * * *", Plan::Other("0 3,15 * * *".into())),
            ("0 3 * * */2", Plan::Other("0 3 * * */2".into())),
            ("0 3 * *", Plan::Other("0 3 * *".into())),
            ("0 24 * * *", Plan::Other("0 24 * * *".into())),
        ] {
            assert_eq!(Plan::read(cron), plan, "{cron}");
            assert_eq!(plan.cron(), cron);
        }
    }

    #[test]
    fn another_spelling_means_the_same_times() {
        for cron in ["30 12 * * 3", "05 09  * * 1-5", "5 9 * * MON-Fri", "0 0 * * 0", "0 0 * * 7", "0 0 * * sat-sun,2"]
        {
            let plan = Plan::read(cron);
            assert!(matches!(plan, Plan::Weekly(..)), "{cron}: {plan:?}");
            let due = |cron: &str| {
                let schedule = Schedule::parse(cron, "Asia/Shanghai").unwrap();
                let first = schedule.next_after(chrono::DateTime::UNIX_EPOCH);
                let all = std::iter::successors(first, |at| schedule.next_after(*at));
                all.take(20).collect::<Vec<_>>()
            };
            assert_eq!(due(&plan.cron()), due(cron), "{cron}");
            assert_eq!(Plan::read(&plan.cron()), plan, "{cron}");
        }
        // Over the weekend's end: left as it is written.
        assert!(matches!(Plan::read("0 0 * * sun-tue"), Plan::Other(_)));
    }

    #[test]
    fn a_time_is_one_of_the_day() {
        for (text, read) in [
            ("12:40", Some("12:40")),
            (" 9:05 ", Some("09:05")),
            ("１２：４０", Some("12:40")),
            ("00:00", Some("00:00")),
            ("25:99", None),
            ("24:00", None),
            ("12:60", None),
            ("12:4", None),
            ("12", None),
            ("", None),
            ("+1:05", None),
            ("noon", None),
            ("1:2:3", None),
        ] {
            assert_eq!(Time::read(text).map(|time| time.to_string()).as_deref(), read, "{text}");
        }
    }
}
