//! What is counted as reports are taken in, since the start of this process.

use chrono::{DateTime, Utc};
use keepwatch_proto::event::Event;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::time::Duration;

/// From what comes at once to what waited for a PC over a long weekend.
const LAG: [f64; 9] = [0.1, 0.5, 1.0, 5.0, 30.0, 300.0, 3_600.0, 86_400.0, 345_600.0];
/// One transaction: from one on a quick disk to one that waits for many.
const TAKEN: [f64; 10] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0];

/// For leave to back up: from one that need not wait to one that waited all day.
const LEAVE: [f64; 8] = [1.0, 10.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0];

/// Of reports. Clones are one.
#[derive(Debug, Clone)]
pub struct ReportMeters {
    events: Counter,
    lag: Histogram,
    taken: Histogram,
    leave: Histogram,
}

impl Default for ReportMeters {
    fn default() -> Self {
        Self {
            events: Counter::default(),
            lag: Histogram::new(LAG),
            taken: Histogram::new(TAKEN),
            leave: Histogram::new(LEAVE),
        }
    }
}

impl ReportMeters {
    /// A report was committed with these new events, after so long.
    pub fn count<'a>(&self, events: impl Iterator<Item = &'a Event>, now: DateTime<Utc>, took: Duration) {
        self.taken.observe(took.as_secs_f64());
        for event in events {
            self.events.inc();
            // A PC's clock may be ahead; nothing is learnt before it happens.
            self.lag.observe((now - event.at).to_std().unwrap_or_default().as_secs_f64());
        }
    }

    /// A backup began that had waited so many seconds for leave.
    pub fn waited(&self, seconds: i64) {
        self.leave.observe(f64::from(u32::try_from(seconds).unwrap_or(0)));
    }

    /// Has them shown.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("events", "Events that were taken in", self.events.clone());
        let lag = "From when something happened, by the PC's clock, to when it was committed here";
        registry.register_with_unit("ingest_lag", lag, Unit::Seconds, self.lag.clone());
        let taken = "How long it took to take a report in";
        registry.register_with_unit("ingest", taken, Unit::Seconds, self.taken.clone());
        let leave = "How long a backup waited for a slot until it began, with leave or without";
        registry.register_with_unit("slot_wait", leave, Unit::Seconds, self.leave.clone());
    }

    /// How many events were counted.
    #[cfg(test)]
    pub fn events(&self) -> u64 {
        self.events.get()
    }
}
