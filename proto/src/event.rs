//! What happened on a host. Events wait in the agent's outbox until the controller has
//! committed them; (host, boot, seq) tells a repeated one.

use crate::canary::Canary;
use crate::detection::Detection;
use crate::ids::JobId;
use crate::job::{Ended, JobSpec, JobState, NAMED_FAILURES};
use crate::quarantine::{Changed, Item};
use crate::{WireError, bounds, wire::agent as wire};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// One entry of the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Counts up by one within the ledger's life.
    pub seq: u64,
    /// By the PC's clock.
    pub at: DateTime<Utc>,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
// An end is larger than the rest; there is one for each job, and it is moved, not kept in numbers.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// Work began. A scheduled job is first heard of here.
    Started {
        /// Which job.
        job: JobId,
        /// What it does.
        spec: JobSpec,
        /// By the host itself, not by staff.
        scheduled: bool,
        /// Since a removable medium appeared: it covers no more than that.
        #[serde(default)]
        medium: bool,
    },
    /// A rule matched.
    Detection(Detection),
    /// Work ended.
    Ended {
        /// Which job.
        job: JobId,
        /// How.
        ended: Ended,
    },
    /// A bundle was not taken into use; the one before it stays.
    Refused {
        /// The bundle's version.
        version: u64,
        /// Why, for people.
        reason: String,
    },
    /// A bundle was taken into use.
    Applied {
        /// The bundle's version.
        version: u64,
    },
    /// A canary was changed, renamed or deleted.
    Canary(Canary),
    /// A file was put away.
    Quarantined(Item),
    /// One that was put away was brought back or destroyed.
    #[serde(rename = "quarantine_changed")]
    QuarantineChanged(Changed),
}

impl From<Event> for wire::Event {
    fn from(event: Event) -> Self {
        use wire::event::Kind;
        let kind = match event.kind {
            EventKind::Started { job, spec, scheduled, medium } => {
                Kind::Started(wire::JobStarted { job: job.to_string(), spec: Some(spec.into()), scheduled, medium })
            }
            EventKind::Detection(detection) => Kind::Detection(detection.into()),
            EventKind::Ended { job, ended } => Kind::Ended(wire::JobEnded {
                job: job.to_string(),
                outcome: ended.outcome.word().into(),
                message: ended.message,
                tally: Some(ended.tally.into()),
                failures: ended.failures.into_iter().map(Into::into).collect(),
                snapshot: ended.snapshot.map(Into::into),
                target: ended.target,
                failure_kind: if ended.outcome == JobState::Failed {
                    ended.failure.word().into()
                } else {
                    String::new()
                },
                spec: ended.spec.map(Into::into),
                scheduled: ended.scheduled,
                log: ended.log,
            }),
            EventKind::Refused { version, reason } => Kind::Refused(wire::BundleRefused { version, reason }),
            EventKind::Applied { version } => Kind::Applied(wire::BundleApplied { version }),
            EventKind::Canary(canary) => Kind::Canary(canary.into()),
            EventKind::Quarantined(item) => Kind::Quarantined(item.into()),
            EventKind::QuarantineChanged(changed) => Kind::QuarantineChanged(changed.into()),
        };
        Self { seq: event.seq, at: event.at.timestamp_millis(), kind: Some(kind) }
    }
}

impl TryFrom<wire::Event> for Event {
    type Error = WireError;
    fn try_from(event: wire::Event) -> Result<Self, WireError> {
        use wire::event::Kind;
        let kind = match event.kind.ok_or(WireError::missing("event.kind"))? {
            Kind::Started(s) => EventKind::Started {
                job: s.job.parse()?,
                spec: JobSpec::try_from(s.spec.ok_or(WireError::missing("event.started.spec"))?)?.bounded(),
                scheduled: s.scheduled,
                medium: s.medium,
            },
            Kind::Detection(d) => EventKind::Detection(d.try_into()?),
            Kind::Ended(e) => {
                let outcome: JobState = e.outcome.parse()?;
                // That nothing is heard of it no host can say.
                if !outcome.is_end() || outcome == JobState::Lost {
                    return Err(WireError::bad("event.ended.outcome", "is no end of a job's"));
                }
                EventKind::Ended {
                    job: e.job.parse()?,
                    ended: Ended {
                        outcome,
                        message: bounds::text(e.message, bounds::SENTENCE),
                        tally: e.tally.unwrap_or_default().into(),
                        failures: e.failures.into_iter().take(NAMED_FAILURES).map(Into::into).collect(),
                        snapshot: e.snapshot.map(TryInto::try_into).transpose()?,
                        target: bounds::text(e.target, bounds::PATH),
                        failure: e.failure_kind.parse()?,
                        spec: e.spec.map(TryInto::try_into).transpose()?.map(JobSpec::bounded),
                        scheduled: e.scheduled,
                        log: bounds::list(e.log),
                    },
                }
            }
            Kind::Refused(r) => {
                EventKind::Refused { version: r.version, reason: bounds::text(r.reason, bounds::SENTENCE) }
            }
            Kind::Applied(a) => EventKind::Applied { version: a.version },
            Kind::Canary(c) => EventKind::Canary(c.into()),
            Kind::Quarantined(item) => EventKind::Quarantined(item.try_into()?),
            Kind::QuarantineChanged(changed) => EventKind::QuarantineChanged(changed.try_into()?),
        };
        let at = DateTime::from_timestamp_millis(event.at).ok_or(WireError::bad("event.at", "is no time"))?;
        Ok(Self { seq: event.seq, at, kind })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::job::FailureKind;

    #[test]
    fn a_host_says_how_a_job_ended_and_not_that_it_was_lost() {
        let job = JobId::new(&Clock::system()).to_string();
        for (outcome, taken) in
            [("succeeded", true), ("expired", true), ("lost", false), ("running", false), ("", false)]
        {
            let ended = wire::JobEnded { job: job.clone(), outcome: outcome.into(), ..Default::default() };
            let event = wire::Event { seq: 1, at: 1, kind: Some(wire::event::Kind::Ended(ended)) };
            assert_eq!(Event::try_from(event).is_ok(), taken, "{outcome}");
        }
    }

    #[test]
    fn an_end_says_what_the_job_did_and_why_it_failed() {
        let spec = Some(JobSpec::Backup { paths: vec!["/a".into()], excludes: vec![] });
        let log = vec!["opened".into(), "gave up".into()];
        let ended = Ended { spec, scheduled: true, log, ..Ended::failed("no").by(FailureKind::NoRoom) };
        let kind = EventKind::Ended { job: JobId::new(&Clock::system()), ended };
        let event = Event { seq: 7, at: DateTime::UNIX_EPOCH, kind };
        assert_eq!(Event::try_from(wire::Event::from(event.clone())).unwrap(), event);
    }

    use wire::event::Kind;

    fn heard(kind: Kind) -> Result<EventKind, WireError> {
        Event::try_from(wire::Event { seq: 1, at: 0, kind: Some(kind) }).map(|event| event.kind)
    }

    /// What a hostile host says is kept short, whatever it says; what it must say, it must.
    #[test]
    fn long_texts_are_cut_and_nonsense_is_refused() {
        let (job, long) = (JobId::new(&Clock::system()).to_string(), "\u{1b}[2J=cmd()<script>".repeat(50_000));
        let text = || long.clone();
        let detection = wire::Detection {
            job: job.clone(),
            rule: text(),
            namespace: text(),
            severity: "high".into(),
            metadata: (0..1000).map(|n| (format!("{n}{long}"), text())).take(3).collect(),
            path: text(),
            sha256: text(),
            ..Default::default()
        };
        let failure = wire::Failure { path: text(), reason: text() };
        let snapshot = wire::Snapshot { id: "a".repeat(64), paths: vec![text(); 3], ..Default::default() };
        let ended = wire::JobEnded {
            job: job.clone(),
            outcome: "failed".into(),
            message: text(),
            failures: vec![failure; 3],
            snapshot: Some(snapshot),
            target: text(),
            ..Default::default()
        };
        let scan = wire::ScanJob { paths: vec![text(); 9], excludes: vec![text(); 9], ..Default::default() };
        let spec = Some(wire::JobSpec { kind: Some(wire::job_spec::Kind::Scan(scan)) });
        let started = wire::JobStarted { job: job.clone(), spec, ..Default::default() };
        let item = wire::QuarantineItem {
            id: job.clone(),
            path: text(),
            sha256: "a".repeat(64),
            rules: vec![text(); 99],
            job: job.clone(),
            ..Default::default()
        };
        let changed = wire::QuarantineChanged { id: job.clone(), state: "restored".into(), target: text() };
        for kind in [
            Kind::Detection(detection.clone()),
            Kind::Ended(ended.clone()),
            Kind::Started(started.clone()),
            Kind::Refused(wire::BundleRefused { version: 1, reason: text() }),
            Kind::Canary(wire::CanaryTouched { path: text(), gone: true }),
            Kind::Quarantined(item.clone()),
            Kind::QuarantineChanged(changed.clone()),
        ] {
            let kept = serde_json::to_string(&heard(kind).unwrap()).unwrap();
            assert!(kept.len() < 1 << 18, "{} bytes of {}", kept.len(), &kept[..40]);
        }
        for nonsense in [
            Kind::Detection(wire::Detection { job: "'; DROP TABLE jobs; --".into(), ..detection.clone() }),
            Kind::Detection(wire::Detection { severity: text(), ..detection }),
            Kind::Ended(wire::JobEnded { outcome: "running".into(), ..ended.clone() }),
            Kind::Ended(wire::JobEnded { outcome: text(), ..ended.clone() }),
            Kind::Ended(wire::JobEnded { job: "../../x".into(), ..ended }),
            Kind::Started(wire::JobStarted { spec: None, ..started }),
            Kind::Quarantined(wire::QuarantineItem { sha256: text(), ..item.clone() }),
            Kind::Quarantined(wire::QuarantineItem { id: "../x".into(), ..item }),
            Kind::QuarantineChanged(wire::QuarantineChanged { state: text(), ..changed.clone() }),
            // That one is not there any more shows by the contents, and by nobody's word.
            Kind::QuarantineChanged(wire::QuarantineChanged { state: "gone".into(), ..changed }),
        ] {
            assert!(heard(nonsense).is_err());
        }
        assert!(Event::try_from(wire::Event { seq: 1, at: i64::MAX, kind: None }).is_err());
    }
}
