//! A note to hand on: what people ask when they ask whether their file is back.

use super::job::{SHOWN, Told, arrived, is_windows, location};
use super::{last_name, stamp};
use crate::web::i18n::Value;
use crate::web::pages::Teller;
use crate::web::session::Visitor;
use crate::web::words::{plain, size};
use chrono_tz::Tz;

/// A text to hand on to whoever asked: which file, from when, where it lies now, who restored it.
pub(super) fn note(teller: Teller, zone: Tz, told: &Told, visitor: &Visitor) -> String {
    let Told { view, spec, host, owner, snapshot } = told;
    let (row, language) = (&view.row, teller.language);
    let target = if spec.in_place { "" } else { row.target.as_str() };
    let there = arrived(row, spec);
    let what = match &there.paths[..] {
        [] => language.say("destination-everything"),
        [one] => plain(last_name(one)),
        [one, more @ ..] => {
            let name = plain(last_name(one));
            language.with("note-and-more", &[("name", Value::Text(&name)), ("n", Value::Count(more.len() as u64))])
        }
    };
    let mut lines = vec![language.say("note-greeting"), String::new()];
    lines.push(teller.text("note-what", "what", &what));
    if let Some(row) = snapshot {
        let (at, name) = (stamp(zone, row.received), plain(owner.name()));
        lines.push(language.with("note-when", &[("at", Value::Text(&at)), ("host", Value::Text(&name))]));
    }
    let name = plain(host.name());
    lines.push(teller.text("note-where", "host", &name));
    let shown = there.paths.iter().take(SHOWN).map(|path| plain(&location(path, target, is_windows(host))));
    lines.extend(shown);
    match there.paths.len() {
        0 => lines.push(plain(target)),
        n if n > SHOWN => lines.push(language.count("destination-more", (n - SHOWN) as u64)),
        _ => {}
    }
    let (files, bytes) = (language.count("count-files", row.tally.0.files), size(row.tally.0.bytes));
    lines.push(language.with("note-how-much", &[("files", Value::Text(&files)), ("size", Value::Text(&bytes))]));
    if row.tally.0.skipped > 0 {
        lines.push(language.count("note-skipped", row.tally.0.skipped));
    }
    // Those that were left out on purpose are nothing to ask about.
    let refused = row.tally.0.refused;
    if refused > 0 {
        lines.push(language.count("note-infected", refused));
    }
    if row.tally.0.failed > refused {
        lines.push(language.count("note-failed", row.tally.0.failed - refused));
    }
    let at = stamp(zone, row.ended);
    let by = if row.origin.is_empty() { visitor.actor.user.as_str() } else { row.origin.as_str() };
    lines.push(language.with("note-who", &[("user", Value::Text(by)), ("at", Value::Text(&at))]));
    lines.join("\n")
}
