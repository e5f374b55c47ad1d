//! The one stream. Reports are taken in and acknowledged after their commit; what the host
//! must be is sent at the start and whenever somebody pokes.

use super::status;
use crate::app::App;
use crate::app::events::Report;
use crate::hub::Registration;
use crate::repository::HostIdentity;
use keepwatch_proto::ids::{BootId, HostId};
use keepwatch_proto::wire::agent as wire;
use keepwatch_proto::wire::agent::link_server::Link;
use keepwatch_proto::{WireError, event::Event, job::Progress};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// Answers that wait for a host that reads slowly.
const IN_FLIGHT: usize = 8;
/// Events in one report; an honest agent sends fewer.
const MOST_EVENTS: usize = 2000;
/// Jobs that one ledger knows; an honest agent forgets sooner.
const MOST_KNOWN: usize = 2000;
/// Things that one host would begin at once.
const MOST_WANTS: usize = 8;

pub(super) struct Service(pub(super) Arc<App>);

type Answers = mpsc::Sender<Result<wire::Desired, Status>>;

#[tonic::async_trait]
impl Link for Service {
    type HoldStream = ReceiverStream<Result<wire::Desired, Status>>;

    async fn hold(&self, request: Request<Streaming<wire::Report>>) -> Result<Response<Self::HoldStream>, Status> {
        let HostIdentity(host) = *request
            .extensions()
            .get::<HostIdentity>()
            .ok_or_else(|| Status::unauthenticated("show this host's certificate; enrol first"))?;
        let (answers, stream) = mpsc::channel(IN_FLIGHT);
        let registration = self.0.hub.register(host);
        let app = self.0.clone();
        tokio::spawn(async move {
            if let Err(error) = converse(&app, host, request.into_inner(), &registration, &answers).await {
                tracing::warn!(%host, error = error.message(), "a stream was ended");
                // The host may be gone.
                let _ = answers.try_send(Err(error));
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

async fn converse(
    app: &App,
    host: HostId,
    mut reports: Streaming<wire::Report>,
    registration: &Registration,
    answers: &Answers,
) -> Result<(), Status> {
    send_desired(app, host, answers).await?;
    loop {
        tokio::select! {
            () = registration.replaced.cancelled() => {
                return Err(Status::aborted("this host opened another stream; if it did not, its disk was cloned"));
            }
            () = answers.closed() => return Ok(()),
            () = registration.poke.notified() => send_desired(app, host, answers).await?,
            report = reports.message() => match report {
                Ok(Some(report)) => take(app, host, report, answers).await?,
                // It hung up, in words or without.
                Ok(None) | Err(_) => return Ok(()),
            },
        }
    }
}

async fn send_desired(app: &App, host: HostId, answers: &Answers) -> Result<(), Status> {
    let desired = app.desired(host).await.map_err(|e| status(&e))?;
    send(answers, desired.into()).await
}

async fn take(app: &App, host: HostId, report: wire::Report, answers: &Answers) -> Result<(), Status> {
    let boot = report.boot.clone();
    let report = read(report).map_err(|e| Status::invalid_argument(e.to_string()))?;
    let had_events = !report.events.is_empty();
    let seq = app.ingest(host, report).await.map_err(|e| status(&e))?;
    if !had_events {
        return Ok(());
    }
    // Generation 0: this message only acknowledges.
    let acknowledged = Some(wire::Acknowledgement { boot, seq });
    send(answers, wire::Desired { acknowledged, ..Default::default() }).await
}

async fn send(answers: &Answers, message: wire::Desired) -> Result<(), Status> {
    answers.send(Ok(message)).await.map_err(|_| Status::cancelled("the host hung up"))
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
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use keepwatch_proto::clock::Clock;
    use keepwatch_proto::ids::JobId;

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
