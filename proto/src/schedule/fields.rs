//! The five fields of a cron expression, as sets of numbers.

/// A field: its name for people, the numbers that it can hold, and their names.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) first: u8,
    pub(super) last: u8,
    pub(super) names: &'static [&'static str],
}

pub(super) const MINUTE: Kind = Kind { name: "minute", first: 0, last: 59, names: &[] };
pub(super) const HOUR: Kind = Kind { name: "hour", first: 0, last: 23, names: &[] };
pub(super) const DAY: Kind = Kind { name: "day of month", first: 1, last: 31, names: &[] };
pub(super) const MONTH: Kind = Kind {
    name: "month",
    first: 1,
    last: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
/// Sunday is 0, and 7 as well.
pub(super) const WEEKDAY: Kind =
    Kind { name: "weekday", first: 0, last: 7, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

/// What one field says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    numbers: u64,
    /// Whether it begins with a star: then it restricts nothing, as Vixie cron has it.
    pub(super) star: bool,
}

impl Field {
    /// Reads a field; an error says what is wrong with which part of it.
    pub(super) fn parse(kind: &Kind, text: &str) -> Result<Self, String> {
        let mut numbers = 0;
        for part in text.split(',') {
            numbers |= kind.part(part)?;
        }
        if kind.last == WEEKDAY.last && numbers & (1 << WEEKDAY.last) != 0 {
            numbers |= 1;
        }
        Ok(Self { numbers, star: text.starts_with('*') })
    }

    pub(super) fn has(self, number: u32) -> bool {
        number < u64::BITS && self.numbers & (1 << number) != 0
    }
}

impl Kind {
    /// `*`, `n`, `n-m`, and the latter or the star with `/step`.
    fn part(&self, part: &str) -> Result<u64, String> {
        let (range, step) = match part.split_once('/') {
            None => (part, 1),
            Some((range, step)) => match step.parse::<u8>() {
                Ok(step) if step > 0 && step.to_string() == part[range.len() + 1..] => (range, step),
                _ => return Err(format!("'{}' has no step that can be followed", part.escape_debug())),
            },
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (self.first, self.last.min(if self.last == WEEKDAY.last { 6 } else { u8::MAX })),
            Some((from, to)) => (self.number(from)?, self.end(to)?),
            None if step > 1 || part.contains('/') => {
                return Err(format!("'{0}' has a step and no range; write '{range}-{1}/{step}'", part, self.last));
            }
            None => (self.number(range)?, self.number(range)?),
        };
        if from > to {
            return Err(format!("the range '{range}' runs backwards; write two, with a comma between them"));
        }
        Ok((from..=to).step_by(step.into()).fold(0, |set, number| set | 1 << number))
    }

    /// The end of a range: there Sunday comes after Saturday.
    fn end(&self, text: &str) -> Result<u8, String> {
        match self.number(text)? {
            0 if !self.names.is_empty() && text.eq_ignore_ascii_case(self.names[0]) => Ok(self.last),
            number => Ok(number),
        }
    }

    fn number(&self, text: &str) -> Result<u8, String> {
        if let Some(at) = self.names.iter().position(|name| name.eq_ignore_ascii_case(text)) {
            return Ok(self.first + at as u8);
        }
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|n| digits && (self.first..=self.last).contains(n));
        number.ok_or_else(|| {
            let names = match self.names {
                [first, .., last] => format!(" or {first} to {last}"),
                _ => String::new(),
            };
            format!("'{}' is no {}; write {} to {}{names}", text.escape_debug(), self.name, self.first, self.last)
        })
    }
}
