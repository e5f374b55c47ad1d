//! Whether this PC runs on battery, and how busy its processors are.

use crate::platform::ProcessorTimes;
use std::path::Path;

const SUPPLIES: &str = "/sys/class/power_supply";

/// Whether the PC runs on battery now.
pub(crate) fn on_battery() -> bool {
    battery(Path::new(SUPPLIES))
}

/// A supply that gives power decides; without one a battery that gives does. Those of mice
/// and keyboards do not count.
fn battery(supplies: &Path) -> bool {
    let mut discharging = false;
    for supply in std::fs::read_dir(supplies).into_iter().flatten().flatten() {
        let says = |file: &str| std::fs::read_to_string(supply.path().join(file)).unwrap_or_default().trim().to_owned();
        match says("type").as_str() {
            "Battery" if says("scope") != "Device" => discharging |= says("status") == "Discharging",
            "Mains" | "USB" | "Wireless" if says("online") == "1" => return false,
            _ => {}
        }
    }
    discharging
}

/// What the processors have done since the system started.
pub(crate) fn processor_times() -> Option<ProcessorTimes> {
    let read = |path| std::fs::read_to_string(path).ok();
    times(&read("/proc/stat")?, &read("/proc/self/stat")?)
}

fn times(all: &str, own: &str) -> Option<ProcessorTimes> {
    let line = all.lines().find_map(|line| line.strip_prefix("cpu "))?;
    // What follows the eighth, guests' time, is contained in the first two.
    let spent: Vec<u64> = line.split_ascii_whitespace().take(8).map_while(|n| n.parse().ok()).collect();
    let idle = spent.get(3)?.saturating_add(*spent.get(4)?);
    // The program's name is in parentheses and may hold anything.
    let (_, after) = own.rsplit_once(')')?;
    let mut ticks = after.split_ascii_whitespace().skip(11).take(2).map_while(|n| n.parse::<u64>().ok());
    let own = ticks.next()?.saturating_add(ticks.next()?);
    Some(ProcessorTimes { total: spent.iter().sum(), idle, own })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;

    /// Names and texts of a supply's files.
    type Files = [(&'static str, &'static str)];

    #[test]
    fn a_pc_is_on_battery_when_nothing_else_gives_power() {
        const LAPTOP: [(&str, &str); 2] = [("type", "Battery"), ("status", "Discharging")];
        const FULL: [(&str, &str); 2] = [("type", "Battery"), ("status", "Full")];
        const MOUSE: [(&str, &str); 3] = [("type", "Battery"), ("scope", "Device"), ("status", "Discharging")];
        const PLUGGED: [(&str, &str); 2] = [("type", "Mains"), ("online", "1")];
        const UNPLUGGED: [(&str, &str); 2] = [("type", "Mains"), ("online", "0")];
        let cases: [(&[&Files], bool); 8] = [
            (&[], false),
            (&[&LAPTOP], true),
            (&[&LAPTOP, &UNPLUGGED], true),
            (&[&LAPTOP, &PLUGGED], false),
            (&[&PLUGGED, &LAPTOP], false),
            (&[&FULL, &UNPLUGGED], false),
            (&[&MOUSE], false),
            (&[&FULL, &LAPTOP], true),
        ];
        for (supplies, expected) in cases {
            let folder = tempfile::tempdir().unwrap();
            for (number, files) in supplies.iter().enumerate() {
                let supply = folder.path().join(number.to_string());
                fs::create_dir(&supply).unwrap();
                files.iter().for_each(|(file, text)| fs::write(supply.join(file), format!("{text}\n")).unwrap());
            }
            assert_eq!(battery(folder.path()), expected, "{supplies:?}");
        }
        assert!(!battery(Path::new("/nowhere")));
    }

    #[test]
    fn times_are_read_whatever_the_program_is_called() {
        let all = "cpu  100 20 30 800 50 1 2 3 4 5\ncpu0 1 1 1 1 1\n";
        let own = "7 (a b) c)) S 1 2 3 4 5 6 7 8 9 10 40 2 0 0";
        assert_eq!(times(all, own), Some(ProcessorTimes { total: 1006, idle: 850, own: 42 }));
        for (all, own) in [("", own), (all, ""), ("cpu 1 2", own), (all, "7 (x) S 1"), ("cpu  a b c d e", own)] {
            assert_eq!(times(all, own), None);
        }
        assert!(processor_times().is_some_and(|times| times.total >= times.idle));
    }
}
