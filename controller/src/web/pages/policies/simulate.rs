//! What a group's PCs would begin in the coming days, hour by hour, before they do.

use super::Links;
use crate::app::App;
use crate::app::simulate::Simulated;
use crate::plan::load::Hour;
use crate::web::i18n::Value;
use crate::web::pages::{Frame, Page, Teller, show};
use crate::web::session::Visitor;
use crate::web::words::{plain, size};
use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use chrono::{DateTime, Datelike, NaiveDate, Timelike};
use chrono_tz::Tz;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Days that can be asked for.
const SPANS: [u32; 3] = [7, 14, 28];
/// Height of a day's bars, in the units of their picture.
const TALL: u64 = 24;

#[derive(Template)]
#[template(path = "policy-simulate.html")]
struct Simulation {
    frame: Frame,
    title: String,
    links: Links,
    group: String,
    spans: Vec<(u32, String, bool)>,
    forecast: Forecast,
}

/// What would happen, in the reader's words.
pub struct Forecast {
    /// How many PCs, in which zone.
    pub about: String,
    /// Day by day.
    pub days: Vec<Day>,
    /// Runs that are not counted; empty: all are.
    pub left_out: String,
}

/// A day in which something begins.
pub struct Day {
    /// Date and weekday.
    pub name: String,
    /// Scans that begin.
    pub scans: u64,
    /// Backups that begin.
    pub backups: u64,
    /// What they store.
    pub stores: String,
    /// The hour with the most.
    pub busiest: String,
    /// The picture.
    pub bars: Vec<Bar>,
    /// The same in numbers.
    pub hours: Vec<HourRow>,
}

/// One bar of a day's picture.
pub struct Bar {
    /// `scan` or `backup`.
    pub kind: &'static str,
    /// From the left.
    pub x: u32,
    /// From above.
    pub y: u64,
    /// Its height.
    pub height: u64,
}

/// An hour in numbers.
pub struct HourRow {
    /// When it begins.
    pub name: String,
    /// Scans that begin.
    pub scans: u32,
    /// Backups that begin.
    pub backups: u32,
    /// Of those, the most in one minute.
    pub minute: u32,
    /// What they store.
    pub stores: String,
    /// The first PCs.
    pub hosts: String,
}

/// Whose, and how far ahead.
#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    group: String,
    #[serde(default)]
    days: u32,
}

/// The page.
pub async fn page(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(wanted): Query<Wanted>,
) -> Page {
    let teller = Teller::new(&app, &visitor);
    let own = app.policy(&visitor.actor, &wanted.group).await?;
    let days = if SPANS.contains(&wanted.days) { wanted.days } else { 14 };
    let simulated = app.simulate(&visitor.actor, &own.group, days).await?;
    let span = |n: u32| (n, teller.language.count("simulate-days", n.into()), n == days);
    show(&Simulation {
        frame: Frame::of(&visitor),
        title: teller.text("policy-of", "group", &teller.language.group(&own.group)),
        links: Links::of(&own.group),
        group: own.group,
        spans: SPANS.map(span).into(),
        forecast: Forecast::of(teller, simulated),
    })
}

impl Forecast {
    /// In the zone that the schedules are in.
    pub(super) fn of(teller: Teller, simulated: Simulated) -> Self {
        let language = teller.language;
        let zone: Tz = simulated.time_zone.parse().unwrap_or(Tz::UTC);
        let mut days: BTreeMap<NaiveDate, Vec<(DateTime<Tz>, Hour)>> = BTreeMap::new();
        let most = simulated.hours.values().map(|hour| u64::from(hour.scans) + u64::from(hour.backups)).max();
        for (at, hour) in simulated.hours {
            let at = at.with_timezone(&zone);
            days.entry(at.date_naive()).or_default().push((at, hour));
        }
        let hosts = language.count("policy-hosts", simulated.hosts.into());
        Self {
            about: language.with(
                "simulate-about",
                &[("hosts", Value::Text(&hosts)), ("zone", Value::Text(&teller.language.zone(zone)))],
            ),
            days: days.into_iter().map(|(date, hours)| day(teller, date, hours, most.unwrap_or(1))).collect(),
            left_out: match simulated.left_out {
                0 => String::new(),
                n => language.count("simulate-left-out", n),
            },
        }
    }
}

/// The words for the days of the week, Monday first.
pub const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

fn day(teller: Teller, date: NaiveDate, hours: Vec<(DateTime<Tz>, Hour)>, most: u64) -> Day {
    let language = teller.language;
    let weekday = WEEKDAYS[date.weekday().num_days_from_monday() as usize % 7];
    let of = |hour: &Hour| u64::from(hour.scans) + u64::from(hour.backups);
    let busiest = hours.iter().max_by_key(|(_, hour)| of(hour)).map(|(at, _)| at.format("%H:00").to_string());
    Day {
        name: format!("{} {}", date.format("%Y-%m-%d"), language.word("weekday", weekday)),
        scans: hours.iter().map(|(_, hour)| u64::from(hour.scans)).sum(),
        backups: hours.iter().map(|(_, hour)| u64::from(hour.backups)).sum(),
        stores: stores(teller, hours.iter().map(|(_, hour)| hour.bytes).fold(0, u64::saturating_add)),
        busiest: busiest.unwrap_or_default(),
        bars: hours.iter().flat_map(|(at, hour)| bars(at.hour(), hour, most.max(1))).collect(),
        hours: hours.into_iter().map(|(at, hour)| hour_row(teller, at, hour)).collect(),
    }
}

/// The backups of an hour, and on them its scans.
fn bars(at: u32, hour: &Hour, most: u64) -> Vec<Bar> {
    let tall = |n: u32| (u64::from(n) * TALL).div_ceil(most).min(TALL);
    let (backups, scans) = (tall(hour.backups), tall(hour.scans));
    let scans = scans.min(TALL - backups);
    let bar = |kind, below, height| Bar { kind, x: at * 4, y: TALL - below - height, height };
    let bars = [bar("backup", 0, backups), bar("scan", backups, scans)];
    bars.into_iter().filter(|bar| bar.height > 0).collect()
}

fn hour_row(teller: Teller, at: DateTime<Tz>, hour: Hour) -> HourRow {
    HourRow {
        name: at.format("%H:00").to_string(),
        scans: hour.scans,
        backups: hour.backups,
        minute: hour.busiest_minute,
        stores: stores(teller, hour.bytes),
        hosts: plain(&hour.hosts.join(", ")),
    }
}

fn stores(teller: Teller, bytes: u64) -> String {
    if bytes == 0 { teller.language.say("simulate-unknown") } else { size(bytes) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::web::i18n::Language;
    use chrono::Utc;

    #[test]
    fn hours_are_told_in_the_zone_of_the_schedules() {
        let now: DateTime<Utc> = "2026-11-27T00:00:00Z".parse().unwrap();
        let teller = Teller { language: Language::English, now };
        let hour = |scans, backups, bytes| Hour { scans, backups, bytes, busiest_minute: 2, hosts: vec!["pc".into()] };
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let hours = [
            (at("2026-11-27T15:00:00Z"), hour(0, 12, 0)),
            (at("2026-11-27T16:00:00Z"), hour(6, 0, 0)),
            (at("2026-11-27T17:00:00Z"), hour(12, 12, 2048)),
        ];
        let simulated = Simulated { time_zone: "Asia/Shanghai".into(), hosts: 12, hours: hours.into(), left_out: 1 };
        let forecast = Forecast::of(teller, simulated);
        assert_eq!(forecast.about, "12 PCs; times are in Beijing time (UTC+8)");
        let told: Vec<_> = forecast
            .days
            .iter()
            .map(|d| (d.name.as_str(), d.scans, d.backups, d.stores.as_str(), d.busiest.as_str()))
            .collect();
        assert_eq!(
            told,
            [("2026-11-27 Fri", 0, 12, "not known yet", "23:00"), ("2026-11-28 Sat", 18, 12, "2.00 KiB", "01:00")]
        );
        // The busiest hour fills the picture, and no bar leaves it.
        let bars = &forecast.days[1].bars;
        assert_eq!(bars.iter().filter(|bar| bar.x == 4).map(|bar| bar.height).sum::<u64>(), TALL);
        assert!(forecast.days.iter().flat_map(|d| &d.bars).all(|bar| bar.y + bar.height <= TALL));
        assert!(!forecast.left_out.is_empty());
    }
}
