#![allow(clippy::unwrap_used)]
//! The schedule against tables, against the model of cron, and against PCs that come and go.

use super::model::{Expression, Named};
use super::*;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[test]
fn expressions_mean_what_people_write() {
    // 2026-11-22 is a Sunday.
    for (expression, next) in [
        ("0 9 * * 0", "2026-11-22T09:00:00Z"),
        ("0 9 * * 7", "2026-11-22T09:00:00Z"),
        ("0 9 * * 1", "2026-11-23T09:00:00Z"),
        ("0 9 * * FRI", "2026-11-27T09:00:00Z"),
        ("0 9 * * 1-5", "2026-11-23T09:00:00Z"),
        ("0 9 * * 6", "2026-11-28T09:00:00Z"),
        ("0 9 * * 5-7", "2026-11-22T09:00:00Z"),
        ("0 9 * * sat-sun", "2026-11-22T09:00:00Z"),
        ("0 9 * dec *", "2026-12-01T09:00:00Z"),
        ("*/20 * * * *", "2026-11-22T00:20:00Z"),
        ("50-59/3 0 * * *", "2026-11-22T00:50:00Z"),
        ("0 9 25 * *", "2026-11-25T09:00:00Z"),
        // Either day counts; a star with a step is no restriction of its own.
        ("0 9 25 * 1", "2026-11-23T09:00:00Z"),
        ("0 9 23 * 5", "2026-11-23T09:00:00Z"),
        ("0 9 */2 * mon", "2026-11-23T09:00:00Z"),
        ("0 9 */2 * tue", "2026-12-01T09:00:00Z"),
        ("0 0 29 2 *", "2028-02-29T00:00:00Z"),
    ] {
        let schedule = Schedule::parse(expression, "").unwrap();
        assert_eq!(schedule.next_after(at("2026-11-22T00:00:00Z")), Some(at(next)), "{expression}");
        assert_eq!(schedule.last_until(at(next)), Some(at(next)), "{expression}");
    }
}

#[test]
fn the_zone_is_the_offices() {
    let noon = Schedule::parse("0 12 * * *", "Asia/Shanghai").unwrap();
    assert_eq!(noon.next_after(at("2026-11-22T00:00:00Z")), Some(at("2026-11-22T04:00:00Z")));
}

#[test]
fn a_clock_that_is_changed_neither_skips_nor_doubles_a_daily_run() {
    // Paris leaves 2:00 to 3:00 out on 2027-03-28, and has it twice on 2027-10-31.
    for (expression, after, next) in [
        ("30 2 * * *", "2027-03-27T12:00:00Z", "2027-03-28T01:00:00Z"),
        ("0,30 2 * * *", "2027-03-28T01:00:00Z", "2027-03-29T00:00:00Z"),
        ("30 2 * * *", "2027-10-30T12:00:00Z", "2027-10-31T00:30:00Z"),
        ("30 2 * * *", "2027-10-31T00:30:00Z", "2027-11-01T01:30:00Z"),
        ("30 2 * * *", "2027-10-31T00:45:00Z", "2027-11-01T01:30:00Z"),
        // Every hour that passes, and none that does not.
        ("0 * * * *", "2027-03-28T00:30:00Z", "2027-03-28T01:00:00Z"),
        ("0 * * * *", "2027-10-31T00:00:00Z", "2027-10-31T01:00:00Z"),
        ("0 * * * *", "2027-10-31T00:30:00Z", "2027-10-31T01:00:00Z"),
        ("0 * * * *", "2027-10-31T01:00:00Z", "2027-10-31T02:00:00Z"),
    ] {
        let schedule = Schedule::parse(expression, "Europe/Paris").unwrap();
        assert_eq!(schedule.next_after(at(after)), Some(at(next)), "{expression} after {after}");
    }
}

#[test]
fn one_run_makes_good_for_all_that_were_missed_within_the_limit() {
    let mut noon = Timetable::from(Schedule::parse("0 12 * * *", "").unwrap());
    let since = at("2026-11-01T12:00:00Z");
    assert_eq!(noon.due(since, at("2026-11-02T11:59:59Z")), None);
    assert_eq!(noon.due(since, at("2026-11-02T12:00:00Z")), Some(at("2026-11-02T12:00:00Z")));
    assert_eq!(noon.due(since, at("2026-11-22T15:00:00Z")), Some(at("2026-11-22T12:00:00Z")));
    noon.catch_up = Some(TimeDelta::hours(2));
    assert_eq!(noon.due(since, at("2026-11-22T14:00:00Z")), Some(at("2026-11-22T12:00:00Z")));
    assert_eq!(noon.due(since, at("2026-11-22T14:00:01Z")), None);
}

#[test]
fn lateness_is_measured_by_the_due_times_around_it() {
    let expected = |expression, done| Timetable::from(Schedule::parse(expression, "").unwrap()).expected(at(done));
    // Friday evening to Monday morning is no hour.
    let monday = Expected { due: at("2026-11-23T09:00:00Z"), period: TimeDelta::hours(64) };
    assert_eq!(expected("0 9-17 * * 1-5", "2026-11-20T17:05:00Z"), Some(monday));
    let hour = Expected { due: at("2026-11-23T11:00:00Z"), period: TimeDelta::hours(1) };
    assert_eq!(expected("0 9-17 * * 1-5", "2026-11-23T10:05:00Z"), Some(hour));
    let week = Expected { due: at("2026-11-25T12:40:00Z"), period: TimeDelta::days(7) };
    assert_eq!(expected("40 12 * * wed", "2026-11-18T12:40:00Z"), Some(week));
}

#[test]
fn delays_count_open_minutes_only() {
    let window = |days: &[&str], from, to| {
        Window::parse(&days.iter().map(ToString::to_string).collect::<Vec<_>>(), from, to).unwrap()
    };
    let schedule = Schedule::parse("0 12 * * *", "").unwrap();
    let allowed =
        vec![window(&["mon", "tue", "wed", "thu", "fri"], "18:00", "20:00"), window(&["sat"], "22:00", "01:00")];
    let forbidden = vec![window(&[], "19:00", "19:30")];
    let zone = schedule.zone();
    let mut table = Timetable { windows: Windows { allowed, forbidden, zone }, ..Timetable::from(schedule) };
    // A Friday.
    for (delay, due) in [
        (0, "2026-11-27T18:00:00Z"),
        (59, "2026-11-27T18:59:00Z"),
        (60, "2026-11-27T19:30:00Z"),
        (90, "2026-11-28T22:00:00Z"),
        (269, "2026-11-29T00:59:00Z"),
        (270, "2026-11-30T18:00:00Z"),
    ] {
        table.delay = delay;
        let from = at("2026-11-27T12:00:00Z");
        assert_eq!(table.windows.after_open(from, delay), Some(at(due)), "{delay}");
        assert_eq!(table.last_until(at(due)).map(|last| last <= at(due)), Some(true));
    }
    assert_eq!(table.windows.minutes_a_week(), 5 * 90 + 180);
}

#[test]
fn what_is_no_schedule_is_refused_with_the_reason() {
    for (bad, why) in [
        ("", "0 fields"),
        ("* * * *", "4 fields"),
        ("0 0 * * * *", "6 fields"),
        ("@daily", "1 fields"),
        ("60 * * * *", "'60' is no minute; write 0 to 59"),
        ("0 24 * * *", "'24' is no hour"),
        ("0 9 0 * *", "'0' is no day of month"),
        ("0 9 * 13 *", "'13' is no month; write 1 to 12 or jan to dec"),
        ("0 9 * * 8", "'8' is no weekday; write 0 to 7 or sun to sat"),
        ("0 9 * * 5-1", "runs backwards"),
        ("0 9 * * */0", "no step"),
        ("0 9 * * */+2", "no step"),
        ("5/15 * * * *", "write '5-59/15'"),
        ("0 9 ? * 1", "'?' is no day of month"),
        ("0 9 * * noday", "'noday' is no weekday"),
        ("0,,5 9 * * *", "'' is no minute"),
        ("+5 9 * * *", "'+5' is no minute"),
        ("0 0 31 2 *", "never comes due"),
    ] {
        let error = Schedule::parse(bad, "").unwrap_err().to_string();
        assert!(error.contains(why), "{bad}: {error}");
    }
    assert_eq!(Schedule::parse("0 9 * * *", "Mars/Base").unwrap_err(), ScheduleError::Zone("Mars/Base".into()));
    assert!(Window::parse(&["monday".into()], "08:00", "09:00").is_err());
    assert!(Window::parse(&[], "8", "09:00").is_err());
}

fn star(first: u32, last: u32) -> Named {
    Named { text: "*".into(), numbers: (first..=last).collect() }
}

/// A field as people write it, with the numbers that it stands for.
fn field(first: u32, last: u32) -> impl Strategy<Value = Named> {
    let numbers: Vec<u32> = (first..=last).collect();
    let all = numbers.clone();
    let step = move |from: u32, to: u32, step: u32| (from..=to).step_by(step as usize).collect::<Vec<_>>();
    prop_oneof![
        3 => Just(Named { text: "*".into(), numbers: all }),
        2 => (2..=last.min(20)).prop_map(move |by| Named { text: format!("*/{by}"), numbers: step(first, last, by) }),
        3 => subsequence(numbers, 1..=3).prop_map(|numbers| Named {
            text: numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
            numbers,
        }),
        2 => (first..=last, first..=last, 1..5u32).prop_map(move |(a, b, by)| {
            let (from, to) = (a.min(b), a.max(b));
            Named { text: format!("{from}-{to}/{by}"), numbers: step(from, to, by) }
        }),
    ]
}

fn expressions() -> impl Strategy<Value = Expression> {
    let fields = (field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6));
    fields.prop_map(|(minute, hour, day, month, weekday)| Expression { minute, hour, day, month, weekday })
}

/// Lord Howe's clocks change by half an hour, Chile's at midnight, those of Troll by two hours.
const ZONES: [Tz; 9] = [
    Tz::Asia__Shanghai,
    Tz::UTC,
    Tz::Europe__Paris,
    Tz::America__New_York,
    Tz::America__Santiago,
    Tz::Australia__Lord_Howe,
    Tz::Antarctica__Troll,
    Tz::Asia__Kathmandu,
    Tz::Africa__Casablanca,
];

/// A minute of the ten years from 2020 on; every second one near a change of the clocks there.
fn moments() -> impl Strategy<Value = (Tz, DateTime<Utc>)> {
    (select(&ZONES[..]), 0..3650 * 24 * 60i64, any::<bool>()).prop_map(|(zone, minute, near)| {
        let start = at("2020-01-01T00:00:00Z");
        let moment = start + TimeDelta::minutes(minute);
        let offset = |at: DateTime<Utc>| at.with_timezone(&zone).naive_local() - at.naive_utc();
        let hours = (0..400 * 24).map(|hours| moment + TimeDelta::hours(hours));
        let change = hours.into_iter().find(|at| near && offset(*at) != offset(*at + TimeDelta::hours(1)));
        (zone, change.map_or(moment, |at| at - TimeDelta::minutes(minute % 3000)))
    })
}

/// All times of a schedule from one moment to another, asked for one by one.
fn times(schedule: &Schedule, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    let next = |at: &DateTime<Utc>| schedule.next_after(*at);
    std::iter::successors(schedule.next_after(from), next).take_while(|at| *at <= to).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_schedule_is_what_the_model_says((zone, from) in moments(), expression in expressions(), days in 2..9i64) {
        let text = expression.text();
        let to = from + TimeDelta::days(days);
        let model = expression.runs(zone, from, to);
        match Schedule::parse(&text, zone.name()) {
            // A day that no month has.
            Err(error) => prop_assert!(matches!(error, ScheduleError::Never(_)) && model.is_empty(), "{text}: {error}"),
            Ok(schedule) => {
                prop_assert_eq!(times(&schedule, from, to), model.clone(), "{} in {}", text, zone);
                // Backwards it is the same.
                let back = std::iter::successors(schedule.last_until(to), |at| schedule.last_until(*at - TimeDelta::seconds(1)));
                let mut back: Vec<_> = back.take_while(|at| *at > from).collect();
                back.reverse();
                prop_assert_eq!(back, model, "{} in {}, backwards", text, zone);
            }
        }
    }
}

#[test]
fn ten_years_are_what_the_model_says() {
    let named = |text: &str, numbers: Vec<u32>| Named { text: text.into(), numbers };
    let (from, to) = (at("2020-01-01T00:00:00Z"), at("2030-01-01T00:00:00Z"));
    let daily = Expression {
        minute: named("30", vec![30]),
        hour: named("0,2", vec![0, 2]),
        day: star(1, 31),
        month: star(1, 12),
        weekday: star(0, 6),
    };
    for zone in [Tz::Europe__Paris, Tz::America__Santiago] {
        let schedule = Schedule::parse(&daily.text(), zone.name()).unwrap();
        let runs = times(&schedule, from, to);
        assert_eq!(runs, daily.runs(zone, from, to), "{zone}");
        // Twice a day, whatever the clocks do.
        assert!((7304..=7308).contains(&runs.len()), "{}", runs.len());
    }
}

/// A window by its days, and its first and last minute.
type Hours = (Vec<usize>, u32, u32);

fn hours() -> impl Strategy<Value = Hours> {
    (subsequence((0..7).collect::<Vec<_>>(), 1..=7), 0..24 * 60u32, 0..24 * 60u32)
}

fn window((days, from, to): &Hours) -> Window {
    const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let clock = |minute: u32| format!("{:02}:{:02}", minute / 60, minute % 60);
    let days: Vec<String> = days.iter().map(|day| NAMES[*day].into()).collect();
    Window::parse(&days, &clock(*from), &clock(*to)).unwrap()
}

/// Whether a minute lies in a window, told without any code of the product's.
fn within((days, from, to): &Hours, zone: Tz, at: DateTime<Utc>) -> bool {
    use chrono::Timelike;
    let wall = at.with_timezone(&zone).naive_local();
    let (minute, day) = (wall.hour() * 60 + wall.minute(), wall.weekday().num_days_from_monday() as usize);
    let (length, early) = (if from < to { to - from } else { to + 1440 - from }, (minute + 1440 - from) % 1440);
    let begun = if minute >= *from { day } else { (day + 6) % 7 };
    early < length && days.contains(&begun)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// A PC that is on and off at random, asked every five minutes what is due.
    #[test]
    fn each_due_run_happens_once_where_it_can(
        (zone, start) in moments(),
        expression in expressions().prop_map(|e| Expression { month: star(1, 12), ..e }),
        allowed in proptest::collection::vec(hours(), 0..3),
        forbidden in proptest::collection::vec(hours(), 0..2),
        delay in prop_oneof![Just(0), 0..600u32],
        limit in prop_oneof![Just(None), (1..48i64).prop_map(Some)],
        outages in proptest::collection::vec((0..2000i64, 0..2000i64), 0..20),
    ) {
        let Ok(schedule) = Schedule::parse(&expression.text(), zone.name()) else { return Ok(()) };
        let windows = Windows { allowed: allowed.iter().map(window).collect(), forbidden: forbidden.iter().map(window).collect(), zone };
        prop_assume!(windows.minutes_a_week() > delay as usize);
        let table = Timetable { schedule, windows, delay, catch_up: limit.map(TimeDelta::hours) };
        let start = windows::whole_minute(start);
        let minutes: Vec<_> = (0..4 * 1440).map(|minute| start + TimeDelta::minutes(minute)).collect();
        let open = |at: DateTime<Utc>| {
            (allowed.is_empty() || allowed.iter().any(|w| within(w, zone, at))) && !forbidden.iter().any(|w| within(w, zone, at))
        };
        let opened: Vec<bool> = minutes.iter().map(|at| open(*at)).collect();
        let open_ones: Vec<usize> = (0..minutes.len()).filter(|minute| opened[*minute]).collect();
        // Each regular time's due time, found by counting open minutes.
        let end = minutes[minutes.len() - 1];
        let mut due_times: Vec<usize> = expression.runs(zone, start - TimeDelta::minutes(1), end).into_iter().filter_map(|run| {
            let from = (run - start).num_minutes() as usize;
            open_ones.get(open_ones.partition_point(|minute| *minute < from) + delay as usize).copied()
        }).collect();
        due_times.dedup();
        // A time before the first minute may become due after it: what is judged begins after that.
        let early = open_ones.get(delay as usize).copied().unwrap_or(minutes.len());
        let on = |minute: usize| {
            if !minute.is_multiple_of(5) { return false }
            let mut at = 0;
            for (up, down) in &outages {
                if (minute as i64) < at + up { return true }
                at += up + down;
                if (minute as i64) < at { return false }
            }
            true
        };
        let (mut since, mut runs) = (start - TimeDelta::minutes(1), Vec::new());
        for minute in (0..minutes.len()).filter(|minute| on(*minute)) {
            if let Some(due) = table.due(since, minutes[minute]) {
                prop_assert!(opened[minute] && due <= minutes[minute]);
                runs.push((minute, (due - start).num_minutes() as usize));
                since = minutes[minute];
            }
        }
        for (at, due) in due_times.iter().enumerate().map(|(n, due)| (n, *due)).filter(|(_, due)| *due > early) {
            let next = due_times.get(at + 1).copied().unwrap_or(minutes.len());
            let last = limit.map_or(next, |hours| next.min(due + 60 * hours as usize + 1));
            let can = (due..last).find(|minute| on(*minute) && opened[*minute]);
            let did: Vec<usize> = runs.iter().filter(|(_, of)| *of == due).map(|(minute, _)| *minute).collect();
            prop_assert_eq!(did, can.into_iter().collect::<Vec<_>>(), "due at {}", minutes[due]);
        }
        // And nothing else does.
        prop_assert!(runs.iter().all(|(_, due)| *due <= early || due_times.contains(due)));
    }
}
