//! What is written most often, to copy from.

use super::Teller;

/// The word for each, and how it is written.
pub const EXAMPLES: [(&str, &str); 6] = [
    ("backup", "backup:\n  schedule: '30 12 * * 3'"),
    ("scan", "scan:\n  schedule: '15 12 * * *'"),
    ("paths", "backup:\n  paths: ['@users', 'D:\\Work']"),
    ("excludes", "backup:\n  excludes: ['**/*.iso', '**/Videos/**']"),
    (
        "hours",
        "backup:\n  timing:\n    allowed:\n      - {days: [mon, tue, wed, thu, fri], from: '12:00', to: '14:00'}",
    ),
    ("locked", "locked: [backup.schedule]"),
];

/// In the reader's words, each with its text.
pub(super) fn told(teller: Teller) -> Vec<(String, &'static str)> {
    EXAMPLES.iter().map(|(word, yaml)| (teller.language.word("example", word), *yaml)).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use keepwatch_proto::policy::{Effective, Layer};

    #[test]
    fn what_is_shown_can_be_followed() {
        for (word, yaml) in EXAMPLES {
            let layer = Layer::from_yaml(yaml).unwrap();
            Effective::of([("all", &layer)]).unwrap_or_else(|error| panic!("{word}: {error}"));
        }
    }
}
