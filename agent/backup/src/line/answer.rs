//! What an answer means: good, final, or worth another try, and when.

use super::exchange::{Answer, Unanswered};
use crate::patience::{FIRST_PAUSE, LONGEST_PAUSE, Trouble};
use crate::storage::StorageError;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use std::error::Error as _;
use std::time::Duration;

/// Sorts an answer by its status. `hint` is what to look at when we are refused.
pub(super) fn accept(what: &str, answer: Answer, hint: &'static str) -> Result<Answer, Trouble> {
    let final_ = |error| Err(Trouble::Final(error));
    let (of, why) = (what.to_owned(), explain(&answer));
    match answer.status.as_u16() {
        200..=299 => Ok(answer),
        404 => final_(StorageError::Missing(of)),
        401 | 403 => final_(StorageError::Denied { what: of, answer: why, hint }),
        413 => final_(StorageError::TooLarge(of)),
        507 => final_(StorageError::Full { what: of, why }),
        501 => Err(wrong(what, why)),
        408 | 409 | 425 | 429 | 500..=599 => Err(Trouble::Passing { pause: retry_after(&answer.headers), why }),
        400 => Err(Trouble::Doubtful { why }),
        _ => Err(wrong(what, why)),
    }
}

/// Sorts what came instead of an answer. Errors below HTTP pass with time, but for those that
/// [`crate::tls::refused`] finds.
pub(super) fn unanswered(what: &str, why: &Unanswered) -> Trouble {
    let passing = |why: String| Trouble::Passing { why, pause: None };
    match why {
        Unanswered::Stopped => Trouble::Final(StorageError::Cancelled),
        Unanswered::Silence => passing("it fell silent".to_owned()),
        Unanswered::TooLarge => wrong(what, "the answer is too large".to_owned()),
        Unanswered::Transport(error) if error.is_builder() => {
            Trouble::Final(StorageError::Setup("the address cannot be used".to_owned()))
        }
        Unanswered::Transport(error) => {
            let mut deepest: Option<&dyn std::error::Error> = error.source();
            while let Some(cause) = deepest.and_then(std::error::Error::source) {
                deepest = Some(cause);
            }
            passing(deepest.map_or_else(|| error.to_string(), ToString::to_string))
        }
    }
}

fn wrong(what: &str, why: String) -> Trouble {
    Trouble::Final(StorageError::Wrong { what: what.to_owned(), why })
}

/// The status and the first line of what the service says about it.
fn explain(answer: &Answer) -> String {
    let text = String::from_utf8_lossy(&answer.content);
    let text: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.is_empty() { answer.status.to_string() } else { format!("{}: {text}", answer.status) }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).clamp(FIRST_PAUSE, 2 * LONGEST_PAUSE))
}
