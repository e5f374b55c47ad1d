//! What happened on a host. Events wait in the agent's outbox until the controller has
//! committed them; (host, boot, seq) tells a repeated one.

use crate::canary::Canary;
use crate::detection::Detection;
use crate::ids::JobId;
use crate::job::{Ended, JobSpec, JobState};
use crate::{WireError, wire::agent as wire};
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
            }),
            EventKind::Refused { version, reason } => Kind::Refused(wire::BundleRefused { version, reason }),
            EventKind::Applied { version } => Kind::Applied(wire::BundleApplied { version }),
            EventKind::Canary(canary) => Kind::Canary(canary.into()),
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
                spec: s.spec.ok_or(WireError::missing("event.started.spec"))?.try_into()?,
                scheduled: s.scheduled,
                medium: s.medium,
            },
            Kind::Detection(d) => EventKind::Detection(d.try_into()?),
            Kind::Ended(e) => {
                let outcome: JobState = e.outcome.parse()?;
                if !outcome.is_end() {
                    return Err(WireError::bad("event.ended.outcome", "is no end"));
                }
                EventKind::Ended {
                    job: e.job.parse()?,
                    ended: Ended {
                        outcome,
                        message: e.message,
                        tally: e.tally.unwrap_or_default().into(),
                        failures: e.failures.into_iter().map(Into::into).collect(),
                        snapshot: e.snapshot.map(TryInto::try_into).transpose()?,
                        target: e.target,
                    },
                }
            }
            Kind::Refused(r) => EventKind::Refused { version: r.version, reason: r.reason },
            Kind::Applied(a) => EventKind::Applied { version: a.version },
            Kind::Canary(c) => EventKind::Canary(c.into()),
        };
        let at = DateTime::from_timestamp_millis(event.at).ok_or(WireError::bad("event.at", "is no time"))?;
        Ok(Self { seq: event.seq, at, kind })
    }
}
