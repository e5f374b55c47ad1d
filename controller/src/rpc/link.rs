//! The one stream. Reports are taken in and acknowledged after their commit; what the host
//! must be is sent after the first report, which says whose stream it is, and whenever somebody
//! pokes.

use super::{MAY_CLAIM, Shown, status};
use crate::app::App;
use crate::app::events::Report;
use crate::app::streams::Lineage;
use crate::hub::Registration;
use crate::plan::pace::Pace;
use crate::repository::HostIdentity;
use keepwatch_proto::ids::{BootId, HostId};
use keepwatch_proto::wire::agent as wire;
use keepwatch_proto::wire::agent::link_server::Link;
use keepwatch_proto::{WireError, event::Event, job::Progress};
use std::collections::HashMap;
use std::mem::take;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Request, Response, Status, Streaming};

/// Answers that wait for a host that reads slowly.
const IN_FLIGHT: usize = 8;
/// Events in one report; an honest agent sends fewer.
const MOST_EVENTS: usize = 2000;
/// Jobs that one ledger knows; an honest agent forgets sooner.
const MOST_KNOWN: usize = 2000;
/// Items of one page of a quarantine's contents; an honest agent sends fewer.
const MOST_ITEMS: usize = 1000;
/// What a page of them costs beside its items, in events: all that is known to be held is looked at.
const PAGE: usize = 200;
/// Things that one host would begin at once.
const MOST_WANTS: usize = 8;
/// In which a stream's first report comes.
const SPEAKS_WITHIN: Duration = Duration::from_secs(60);
/// In which a host takes one of those answers: on a thin line an agent does so in seconds.
const READS_WITHIN: Duration = Duration::from_secs(60);
/// For no longer than this one host's reports are left waiting at a time.
const LONGEST_REST: Duration = Duration::from_secs(600);
/// How often is looked whether a stream's certificate is to be renewed.
const RENEWAL_EVERY: Duration = Duration::from_secs(3600);

/// The streams of all hosts.
pub(super) struct Service {
    app: Arc<App>,
    paces: Arc<Paces>,
}

impl Service {
    pub(super) fn new(app: &Arc<App>) -> Self {
        Self { app: app.clone(), paces: Arc::new(Paces { since: Instant::now(), of: Mutex::default() }) }
    }
}

/// How much each host has told of late, on whichever stream.
struct Paces {
    since: Instant,
    of: Mutex<HashMap<HostId, Pace>>,
}

impl Paces {
    /// A report was taken in; the host's next one is taken after so long.
    fn took(&self, host: HostId, events: usize, bytes: usize) -> Duration {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = of.entry(host).or_default().took(events, bytes, self.since.elapsed().as_secs_f64());
        Duration::try_from_secs_f64(wait).unwrap_or(Duration::MAX)
    }
}

type Answers = mpsc::Sender<Result<wire::Desired, Status>>;

#[tonic::async_trait]
impl Link for Service {
    type HoldStream = ReceiverStream<Result<wire::Desired, Status>>;

    async fn hold(&self, request: Request<Streaming<wire::Report>>) -> Result<Response<Self::HoldStream>, Status> {
        let HostIdentity(host) = *request
            .extensions()
            .get::<HostIdentity>()
            .ok_or_else(|| Status::unauthenticated("show this host's certificate; enrol first"))?;
        let shown = request.extensions().get::<Shown>().cloned();
        let (answers, stream) = mpsc::channel(IN_FLIGHT);
        let (app, paces) = (self.app.clone(), self.paces.clone());
        tokio::spawn(async move {
            if let Err(error) = hold(app, &paces, (host, shown), request.into_inner(), &answers).await {
                tracing::warn!(%host, error = error.message(), "a stream was ended");
                // The host may be gone.
                let _ = answers.try_send(Err(error));
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

async fn hold(
    app: Arc<App>,
    paces: &Paces,
    (host, shown): (HostId, Option<Shown>),
    mut reports: Streaming<wire::Report>,
    answers: &Answers,
) -> Result<(), Status> {
    let first = tokio::time::timeout(SPEAKS_WITHIN, reports.message()).await;
    let Ok(first) = first else { return Err(Status::deadline_exceeded("this host says nothing")) };
    // It hung up, in words or without.
    let Ok(Some(mut first)) = first else { return Ok(()) };
    let lineage = Lineage { session: take(&mut first.session), previous: take(&mut first.previous) };
    if !app.open_stream(host, &lineage).await.map_err(|e| status(&e))? {
        return Err(copied());
    }
    // Not before that: a copy does not take the place of the PC that was here.
    let registration = app.hub.register(host);
    Talk { app, paces, host, shown, registration, answers }.converse(first, reports).await
}

/// One stream.
struct Talk<'a> {
    app: Arc<App>,
    paces: &'a Paces,
    host: HostId,
    shown: Option<Shown>,
    registration: Registration,
    answers: &'a Answers,
}

impl Talk<'_> {
    async fn converse(&self, first: wire::Report, mut reports: Streaming<wire::Report>) -> Result<(), Status> {
        self.send_desired().await?;
        let mut next = self.take(first).await?;
        let mut renewal = tokio::time::interval(RENEWAL_EVERY);
        loop {
            tokio::select! {
                () = self.registration.replaced.cancelled() => return Err(replaced()),
                () = self.answers.closed() => return Ok(()),
                () = self.registration.poke.notified() => self.send_desired().await?,
                _ = renewal.tick() => self.ask_renewal().await?,
                () = tokio::time::sleep_until(next), if Instant::now() < next => {}
                // What is not read here waits on the PC.
                report = reports.message(), if Instant::now() >= next => match report {
                    Ok(Some(report)) => next = self.take(report).await?,
                    // It hung up, in words or without.
                    Ok(None) | Err(_) => return Ok(()),
                },
            }
        }
    }

    async fn send_desired(&self) -> Result<(), Status> {
        let desired = self.app.desired(self.host).await.map_err(|e| status(&e))?;
        let generation = desired.generation;
        self.send(wire::Desired { sent: self.app.now(), ..desired.into() }).await?;
        self.app.hub.sent(self.host, generation);
        Ok(())
    }

    /// Our clock says when: a PC's may be years off.
    async fn ask_renewal(&self) -> Result<(), Status> {
        match &self.shown {
            Some(Shown(shown)) if self.app.renewal_due(shown) => {
                self.send(wire::Desired { renew: true, ..Default::default() }).await
            }
            _ => Ok(()),
        }
    }

    /// Takes a report in. Says when the next one is taken.
    async fn take(&self, report: wire::Report) -> Result<Instant, Status> {
        let (boot, bytes) = (report.boot.clone(), keepwatch_proto::wire_length(&report));
        let report = read(report).map_err(|e| Status::invalid_argument(e.to_string()))?;
        let (events, heard) = (report.events.len(), weight(&report));
        let seq = self.app.ingest(self.host, report).await.map_err(|e| status(&e))?;
        if events > 0 {
            // Generation 0: this message only acknowledges.
            let acknowledged = Some(wire::Acknowledgement { boot, seq });
            self.send(wire::Desired { acknowledged, ..Default::default() }).await?;
        }
        Ok(Instant::now() + self.paces.took(self.host, heard, bytes).min(LONGEST_REST))
    }

    /// A host that does not read is let go: whoever waits for it hears of nothing else.
    async fn send(&self, message: wire::Desired) -> Result<(), Status> {
        tokio::select! {
            () = self.registration.replaced.cancelled() => Err(replaced()),
            sent = self.answers.send_timeout(Ok(message), READS_WITHIN) => sent.map_err(|error| match error {
                SendTimeoutError::Timeout(_) => Status::deadline_exceeded("this host does not read what it is sent"),
                SendTimeoutError::Closed(_) => Status::cancelled("the host hung up"),
            }),
        }
    }
}

/// What it costs to take a report in, in events.
fn weight(report: &Report) -> usize {
    let items = report.quarantine.as_ref().map_or(0, |contents| contents.items.len() + PAGE);
    report.events.len() + report.progress.len() + items
}

fn replaced() -> Status {
    Status::aborted("this host opened another stream; if it did not, its disk was cloned")
}

/// Two PCs have one identity, and this is the one that came later.
fn copied() -> Status {
    let why = "another PC with this one's identity was here: its disk was copied, or set back to an older image; \
               staff must approve that it comes back";
    let mut metadata = MetadataMap::new();
    metadata.insert(MAY_CLAIM, MetadataValue::from_static("yes"));
    Status::with_metadata(Code::FailedPrecondition, why, metadata)
}

fn read(report: wire::Report) -> Result<Report, WireError> {
    if report.events.len() > MOST_EVENTS {
        return Err(WireError { field: "report.events", problem: format!("has more than {MOST_EVENTS}") });
    }
    if report.wants.len() > MOST_WANTS {
        return Err(WireError { field: "report.wants", problem: format!("has more than {MOST_WANTS}") });
    }
    if report.known.as_ref().is_some_and(|known| known.running.len() + known.ended.len() > MOST_KNOWN) {
        return Err(WireError { field: "report.known", problem: format!("has more than {MOST_KNOWN}") });
    }
    if report.quarantine.as_ref().is_some_and(|contents| contents.items.len() > MOST_ITEMS) {
        return Err(WireError { field: "report.quarantine", problem: format!("has more than {MOST_ITEMS}") });
    }
    let boot: BootId = report.boot.parse()?;
    let events: Vec<Event> = report.events.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
    let progress: Vec<Progress> = report.progress.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
    Ok(Report {
        boot,
        generation: report.generation,
        bundle: report.bundle.map_or(0, |b| b.version),
        facts: report.facts.map(Into::into),
        events,
        progress,
        wants: report.wants.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
        known: report.known.map(TryInto::try_into).transpose()?,
        quarantine: report.quarantine.map(TryInto::try_into).transpose()?,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use keepwatch_proto::clock::Clock;
    use keepwatch_proto::ids::{ItemId, JobId};
    use keepwatch_proto::quarantine::{Contents, Item};

    /// How long a PC's pages of its quarantine take that come one right after the other, in seconds.
    fn pages_take(pages: usize, items: usize) -> f64 {
        let clock = Clock::system();
        let item = Item {
            id: ItemId::new(&clock),
            path: "/home/eicar.com".into(),
            sha256: "cd".repeat(32),
            size: 68,
            rules: vec![],
            job: JobId::new(&clock),
            at: clock.now(),
        };
        let contents = Contents { after: None, items: vec![item; items], last: false };
        let report = Report { quarantine: Some(contents), ..Report::of(BootId::new(&clock), vec![]) };
        let (mut pace, mut now) = (Pace::default(), 0.0);
        for _ in 0..pages {
            now += pace.took(weight(&report), items * 200, now);
        }
        now
    }

    #[test]
    fn pages_of_a_quarantine_are_read_at_a_pace() {
        // All that is kept of one PC, told anew: in half a minute.
        let honest = pages_take(20, MOST_ITEMS);
        assert!(honest < 60.0, "{honest}");
        // The same over and over, or pages with nothing on them, which cost a look at all that is held.
        for (pages, items) in [(1000, MOST_ITEMS), (10_000, 0)] {
            let flood = pages_take(pages, items);
            assert!(flood > 86_400.0, "{pages} of {items}: {flood}");
        }
    }

    #[tokio::test]
    async fn who_tells_of_its_quarantine_without_end_is_left_waiting() {
        let (_folder, app) = crate::app::tests::app().await;
        let (host, other) = (crate::app::tests::enrol(&app, "a").await, crate::app::tests::enrol(&app, "b").await);
        let paces = Paces { since: Instant::now(), of: Mutex::default() };
        let (answers, _reads) = mpsc::channel(IN_FLIGHT);
        let boot = BootId::new(&app.clock).to_string();
        let nothing = wire::QuarantineContents { last: true, ..Default::default() };
        let page = wire::Report { boot: boot.clone(), quarantine: Some(nothing), ..Default::default() };
        let plain = wire::Report { boot, ..Default::default() };
        let talk = |host| {
            let registration = app.hub.register(host);
            Talk { app: app.clone(), paces: &paces, host, shown: None, registration, answers: &answers }
        };
        let rest = async |talk: &Talk<'_>, report: &wire::Report, times: usize| {
            let mut next = Instant::now();
            for _ in 0..times {
                next = talk.take(report.clone()).await.unwrap();
            }
            next > Instant::now()
        };
        assert!(!rest(&talk(host), &plain, 200).await);
        assert!(rest(&talk(host), &page, 200).await);
        // On whichever stream; and nobody else waits for it.
        assert!(rest(&talk(host), &plain, 1).await);
        assert!(!rest(&talk(other), &page, 1).await);
    }

    #[test]
    fn a_report_says_no_more_than_an_honest_agent_has_to_say() {
        let clock = Clock::system();
        let job = JobId::new(&clock).to_string();
        let report = |wants: usize, running: usize| wire::Report {
            boot: BootId::new(&clock).to_string(),
            wants: vec![
                wire::Want {
                    job: job.clone(),
                    spec: Some(keepwatch_proto::job::JobSpec::Backup { paths: vec![], excludes: vec![] }.into()),
                    scheduled: true
                };
                wants
            ],
            known: Some(wire::KnownJobs { running: vec![job.clone(); running], ..Default::default() }),
            ..Default::default()
        };
        assert!(read(report(MOST_WANTS, MOST_KNOWN)).is_ok());
        assert_eq!(read(report(MOST_WANTS + 1, 0)).err().unwrap().field, "report.wants");
        assert_eq!(read(report(0, MOST_KNOWN + 1)).err().unwrap().field, "report.known");
        // Nonsense is refused, and not passed over.
        assert!(read(wire::Report { wants: vec![wire::Want::default()], ..report(0, 0) }).is_err());
        let known = Some(wire::KnownJobs { running: vec!["../x".into()], ..Default::default() });
        assert!(read(wire::Report { known, ..report(0, 0) }).is_err());
    }
}
