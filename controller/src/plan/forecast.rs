//! When the storage will be full, by what was seen of it. It is said only where there is enough to
//! say it by.

/// What was free, and of how much, on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// Days since any beginning.
    pub day: i64,
    /// Free bytes.
    pub free: i64,
    /// All bytes.
    pub total: i64,
}

/// When it will be full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forecast {
    /// Too little is known.
    Unsure,
    /// Not within [`FARTHEST`] days, or never.
    NotSoon,
    /// In about so many days.
    Days(i64),
}

/// Fewer points make no line.
const FEWEST: usize = 8;
/// Points of fewer days say nothing: backups come by the week.
const SHORTEST: i64 = 14;
/// What was before that says nothing of what will be.
const LONGEST: i64 = 42;
/// So far ahead nobody sees by a few weeks.
pub const FARTHEST: i64 = 730;

/// Draws a straight line through what was free in the last weeks. `points` are the oldest first, the last
/// one is now.
pub fn forecast(points: &[Point]) -> Forecast {
    let Some(now) = points.last() else { return Forecast::Unsure };
    // Another disk begins anew.
    let same = points.iter().rev().take_while(|p| p.total == now.total && now.day - p.day <= LONGEST).count();
    let points = &points[points.len() - same..];
    let span = now.day - points[0].day;
    if points.len() < FEWEST || span < SHORTEST || now.total == 0 {
        return Forecast::Unsure;
    }
    let pace = slope(points);
    // Exact enough for what is a guess anyhow.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
    match now.free as f64 / -pace {
        days if pace < 0.0 && days <= FARTHEST as f64 => Forecast::Days(days.round() as i64),
        _ => Forecast::NotSoon,
    }
}

/// Bytes a day, by least squares.
#[allow(clippy::cast_precision_loss)]
fn slope(points: &[Point]) -> f64 {
    let (first, n) = (points[0], points.len() as f64);
    // From the first one on, so that the numbers stay small.
    let pairs = || points.iter().map(|p| ((p.day - first.day) as f64, (p.free - first.free) as f64));
    let (x, y) = pairs().fold((0.0, 0.0), |(x, y), (day, free)| (x + day / n, y + free / n));
    let (above, below) = pairs().fold((0.0, 0.0), |(above, below), (day, free)| {
        (above + (day - x) * (free - y), below + (day - x) * (day - x))
    });
    if below > 0.0 { above / below } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_will_be_is_said_where_enough_is_known() {
        let line = |days: std::ops::RangeInclusive<i64>, pace: i64| -> Vec<Point> {
            let last = *days.end();
            days.map(|day| Point { day, free: 1000 + pace * (last - day), total: 5000 }).collect()
        };
        let few: Vec<Point> = line(0..=30, 10).into_iter().step_by(10).collect();
        let gaps: Vec<Point> = line(0..=40, 10).into_iter().filter(|p| p.day % 5 == 0).collect();
        let mut larger = line(0..=40, 10);
        larger[35..].iter_mut().for_each(|p| p.total = 9000);
        let mut unknown = line(0..=40, 10);
        unknown.iter_mut().for_each(|p| p.total = 0);
        let mut steps = line(0..=42, 0);
        steps.iter_mut().for_each(|p| p.free = 1000 + 70 * ((42 - p.day) / 7));
        for (case, points, expected) in [
            ("nothing", vec![], Forecast::Unsure),
            ("only now", line(5..=5, 10), Forecast::Unsure),
            ("a week", line(0..=7, 10), Forecast::Unsure),
            ("few points", few, Forecast::Unsure),
            ("a new disk", larger, Forecast::Unsure),
            ("a disk that does not say", unknown, Forecast::Unsure),
            ("six weeks", line(0..=42, 10), Forecast::Days(100)),
            ("with gaps", gaps, Forecast::Days(100)),
            ("week by week", steps, Forecast::Days(98)),
            ("it stays", line(0..=42, 0), Forecast::NotSoon),
            ("it shrinks", line(0..=42, -10), Forecast::NotSoon),
            ("for years", line(0..=42, 1), Forecast::NotSoon),
        ] {
            match (forecast(&points), expected) {
                (Forecast::Days(found), Forecast::Days(days)) => assert!((found - days).abs() <= 5, "{case}: {found}"),
                (found, expected) => assert_eq!(found, expected, "{case}"),
            }
        }
        // What was long ago does not count.
        let mut turned = line(0..=100, 10);
        turned[..50].iter_mut().for_each(|p| p.free = 0);
        assert_eq!(forecast(&turned), Forecast::Days(100));
    }
}
