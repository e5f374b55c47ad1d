//! One scale for how bad a match is. Rule sets say it in words, in numbers up to ten or a
//! hundred, in a `score`, or in tags; people who compare a hundred PCs need one word.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How bad it would be if it is what it looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Unwanted.
    Low,
    /// Suspicious; also what a rule gets that says nothing.
    Medium,
    /// Very likely malware.
    High,
    /// Malware that spreads or destroys.
    Critical,
}

/// A match of this severity or worse makes a file an infected one.
pub const INFECTED_FROM: Severity = Severity::Medium;

impl Severity {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// What a rule says of itself: `severity` first, then `score`, then its tags.
    pub(crate) fn of<'t>(metadata: &[(String, String)], tags: impl Iterator<Item = &'t str>) -> Self {
        let value = |name: &str| metadata.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim());
        value("severity")
            .and_then(Self::from_severity)
            .or_else(|| value("score").and_then(|v| v.parse().ok()).map(Self::from_score))
            .or_else(|| tags.filter_map(Self::from_word).max())
            .unwrap_or(Self::Medium)
    }

    fn from_severity(text: &str) -> Option<Self> {
        if let Ok(number) = text.parse::<f64>() {
            // Sets that count to ten and sets that count to a hundred share this field.
            return Some(Self::from_score(if number <= 10.0 { number * 10.0 } else { number }));
        }
        Self::from_word(text)
    }

    fn from_score(score: f64) -> Self {
        match score {
            s if s >= 90.0 => Self::Critical,
            s if s >= 70.0 => Self::High,
            s if s >= 50.0 => Self::Medium,
            s if s >= 30.0 => Self::Low,
            _ => Self::Info,
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "info" | "informational" | "information" => Self::Info,
            "low" | "pua" | "pup" => Self::Low,
            "medium" | "moderate" | "warning" | "suspicious" => Self::Medium,
            "high" | "severe" | "malware" | "malicious" => Self::High,
            "critical" | "ransomware" => Self::Critical,
            _ => return None,
        })
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Case = (&'static [(&'static str, &'static str)], &'static [&'static str], Severity);

    #[test]
    fn every_dialect_maps_to_one_scale() {
        use Severity::{Critical, High, Info, Low, Medium};
        let cases: &[Case] = &[
            (&[], &[], Medium),
            (&[("severity", "critical")], &[], Critical),
            (&[("Severity", " High ")], &[], High),
            (&[("severity", "100")], &[], Critical),
            (&[("severity", "75")], &[], High),
            (&[("severity", "3")], &[], Low),
            (&[("severity", "10")], &[], Critical),
            (&[("severity", "nonsense"), ("score", "80")], &[], High),
            (&[("score", "10")], &[], Info),
            (&[("score", "-5")], &[], Info),
            (&[("score", "60")], &["critical"], Medium),
            (&[], &["tc_detection", "malicious"], High),
            (&[], &["PUA", "FILE"], Low),
            (&[("score", "NaN")], &[], Info),
        ];
        for (metadata, tags, expected) in cases {
            let metadata: Vec<_> = metadata.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            assert_eq!(Severity::of(&metadata, tags.iter().copied()), *expected, "{metadata:?} {tags:?}");
        }
    }
}
