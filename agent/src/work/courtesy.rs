//! A scan or a backup keeps out of people's way: it waits when staff say so, while the PC runs on battery,
//! and while other programs keep it busy. One thread listens, and looks now and then;
//! [`decide`] says what follows.

use crate::platform::{self, ProcessorTimes};
use crate::worker::{Courtesy, Word};
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

/// How often is looked.
const EVERY: Duration = Duration::from_secs(2);
/// How many looks the share of others is reckoned over.
const LOOKS: usize = 5;
/// Percent of all processors that others use: from here on the scan waits.
const BUSY: u64 = 60;
/// Below this it goes on.
const CALM: u64 = 30;

/// What the thread that listens hears.
pub(super) enum Heard {
    /// What the parent passes on.
    Parent(Word),
    /// The work is over.
    Over,
}

/// Why it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Staff,
    Battery,
    Busy,
}

impl Why {
    /// As progress says it.
    fn phase(self) -> &'static str {
        match self {
            Self::Staff => "paused: by staff",
            Self::Battery => "paused: on battery",
            Self::Busy => "paused: the PC is busy",
        }
    }
}

/// What a look showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reading {
    held: bool,
    battery: bool,
    /// Percent of all processors; `None` while it is not known yet.
    others: Option<u64>,
}

/// Whether to wait, and why.
fn decide(reading: Reading, was: Option<Why>, courtesy: Courtesy) -> Option<Why> {
    if reading.held {
        return Some(Why::Staff);
    }
    if courtesy.on_battery && reading.battery {
        return Some(Why::Battery);
    }
    let limit = if was == Some(Why::Busy) { CALM } else { BUSY };
    let busy = reading.others.is_some_and(|others| others >= limit);
    (courtesy.when_busy && busy).then_some(Why::Busy)
}

/// What others used, of late.
#[derive(Default)]
struct Load(VecDeque<ProcessorTimes>);

impl Load {
    /// Takes in how it stands now; percent since the oldest look that is remembered.
    fn look(&mut self, now: Option<ProcessorTimes>) -> Option<u64> {
        let now = now?;
        self.0.push_back(now);
        if self.0.len() <= LOOKS {
            return None;
        }
        let before = self.0.pop_front()?;
        let since = |of: fn(&ProcessorTimes) -> u64| of(&now).saturating_sub(of(&before));
        let (all, ours) = (since(|t| t.total), since(|t| t.idle) + since(|t| t.own));
        (all > 0).then(|| all.saturating_sub(ours) * 100 / all)
    }
}

/// Watches until the work is over. Has it wait or go on with `hold`, and says why it waits at
/// each look, or that it does not.
pub(super) fn watch(
    courtesy: Courtesy,
    heard: &Receiver<Heard>,
    hold: impl Fn(bool),
    say: impl Fn(Option<&'static str>),
) {
    let (mut load, mut held) = (Load::default(), courtesy.held);
    let mut waits = held.then_some(Why::Staff);
    loop {
        let others = if courtesy.when_busy { load.look(platform::processor_times()) } else { None };
        let reading = Reading { held, battery: courtesy.on_battery && platform::on_battery(), others };
        let now = decide(reading, waits, courtesy);
        match (waits, now) {
            (None, Some(_)) => hold(true),
            (Some(_), None) => hold(false),
            _ => {}
        }
        say(now.map(Why::phase));
        waits = now;
        match heard.recv_timeout(EVERY) {
            Ok(Heard::Parent(word)) => held = word == Word::Hold,
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Heard::Over) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Works while it is watched, in a thread beside, what the parent says and how the PC stands.
pub(super) fn while_watched<T>(
    courtesy: Courtesy,
    tell: Sender<Heard>,
    heard: Receiver<Heard>,
    hold: impl Fn(bool) + Send,
    say: impl Fn(Option<&'static str>) + Send,
    work: impl FnOnce() -> T,
) -> T {
    if courtesy.held {
        hold(true);
    }
    std::thread::scope(|scope| {
        scope.spawn(move || watch(courtesy, &heard, hold, say));
        let done = work();
        // It listens, unless it has gone before.
        let _ = tell.send(Heard::Over);
        done
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Courtesy = Courtesy { on_battery: true, when_busy: true, held: false };

    #[test]
    fn it_waits_for_power_and_for_people_and_not_back_and_forth() {
        use Why::{Battery, Busy};
        let none = Courtesy::default();
        for (battery, others, was, courtesy, expected) in [
            (false, None, None, BOTH, None),
            (true, None, None, BOTH, Some(Battery)),
            (true, Some(99), None, BOTH, Some(Battery)),
            (false, Some(59), None, BOTH, None),
            (false, Some(60), None, BOTH, Some(Busy)),
            (false, Some(30), Some(Busy), BOTH, Some(Busy)),
            (false, Some(29), Some(Busy), BOTH, None),
            // What it waited for before was something else.
            (false, Some(45), Some(Battery), BOTH, None),
            (false, None, Some(Battery), BOTH, None),
            (true, Some(99), None, none, None),
            (true, Some(99), None, Courtesy { on_battery: false, ..BOTH }, Some(Busy)),
            (false, Some(99), None, Courtesy { when_busy: false, ..BOTH }, None),
        ] {
            let reading = Reading { held: false, battery, others };
            assert_eq!(decide(reading, was, courtesy), expected, "{reading:?} {was:?} {courtesy:?}");
        }
    }

    #[test]
    fn staff_say_first_whether_it_waits() {
        let reading = Reading { held: true, battery: true, others: Some(99) };
        for courtesy in [BOTH, Courtesy::default()] {
            assert_eq!(decide(reading, None, courtesy), Some(Why::Staff));
            assert_eq!(decide(Reading { held: false, battery: false, others: None }, Some(Why::Staff), courtesy), None);
        }
    }

    #[test]
    fn what_others_use_is_reckoned_over_some_looks_without_us_and_without_idleness() {
        let mut load = Load::default();
        let at = |n: u64, idle: u64, own: u64| Some(ProcessorTimes { total: n * 100, idle: n * idle, own: n * own });
        let looks: Vec<_> = (0..8).map(|n| load.look(at(n, 20, 50))).collect();
        assert_eq!(looks, [None, None, None, None, None, Some(30), Some(30), Some(30)]);
        assert_eq!(load.look(None), None);
        // A counter that goes back, or stands, is no load.
        assert_eq!(load.look(Some(ProcessorTimes { total: 0, idle: 0, own: 0 })), None);
    }
}
