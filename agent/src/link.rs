//! The one stream to the controller. The agent dials out, says what it is, and hears what
//! it is to be; wire types stop here. Whatever is lost costs time and never truth: after a
//! reconnect everything that matters is said again.

use crate::claim;
use crate::config::{Address, LinkConfig, StateDir};
use crate::enroll::{facts, in_full, request};
use crate::identity::{Identity, IdentityError, Next};
use crate::ledger::{Ledger, LedgerError, Lineage};
use crate::platform;
use crate::quarantine::Vault;
use crate::signatures::InUse;
use chrono::DateTime;
use keepwatch_proto::bundle::Bundle;
use keepwatch_proto::clock::Clock;
use keepwatch_proto::desired::Desired;
use keepwatch_proto::ids::{ItemId, JobId};
use keepwatch_proto::job::{Job, Progress};
use keepwatch_proto::quarantine::Contents;
use keepwatch_proto::wire::agent as wire;
use keepwatch_proto::wire::agent::link_client::LinkClient;
use keepwatch_proto::wire::agent::renewal_client::RenewalClient;
use keepwatch_proto::{MAX_MESSAGE, WireError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity as TlsIdentity};

/// Below what proxies and NAT forget idle connections after.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_PATIENCE: Duration = Duration::from_secs(20);
/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(60);
const FACTS_EVERY: Duration = Duration::from_secs(600);
/// How much goes into one report, well below what a message can hold.
const EVENTS: usize = 200;
const EVENT_BYTES: usize = 256 << 10;
/// Stands beside the refusal of a PC that may ask to be a host again.
const MAY_CLAIM: &str = "keepwatch-may-claim";

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// No connection.
    #[error("the controller cannot be reached: {0}")]
    Connect(String),
    /// The controller said no, or broke off.
    #[error(
        "the controller ended the stream: {0}; if this lasts, look on the controller whether this host was revoked"
    )]
    Status(String),
    /// The controller does not let this PC in as it is; it may ask to be a host again.
    #[error("this PC is not let in: {0}")]
    NotLetIn(String),
    /// It ended it without a word.
    #[error("the controller closed the stream")]
    Closed,
    /// It reads nothing, or commits nothing.
    #[error("the controller does not answer reports")]
    Stuck,
    /// The identity could not be kept.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The ledger; not the stream's fault.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What holding the stream needs.
pub(crate) struct Link {
    pub(crate) ledger: Arc<Ledger>,
    /// Who this PC is; the link renews it.
    pub(crate) identity: watch::Sender<Arc<Identity>>,
    pub(crate) address: Address,
    pub(crate) config: LinkConfig,
    pub(crate) state: StateDir,
    pub(crate) bundle: watch::Receiver<Option<InUse>>,
    pub(crate) progress: mpsc::Receiver<Progress>,
    pub(crate) connected: watch::Sender<bool>,
    pub(crate) clock: Clock,
}

/// What was said on the present stream.
struct Told {
    generation: u64,
    bundle: Option<Bundle>,
    /// The newest event on its way, and since when. Nothing follows it before it is
    /// acknowledged: that bounds what is in flight.
    underway: Option<(u64, Instant)>,
    /// The job that leave was asked for.
    wants: Option<JobId>,
    /// Whether it is time to say which jobs the ledger knows.
    known_due: bool,
    /// Whether it is time to say what the quarantine holds, and after which item.
    vault_due: Option<Option<ItemId>>,
    /// The controller has said something, and with that, that this PC is the host. Before that no
    /// event goes out: of two PCs with one identity, one's would be taken for the other's.
    answered: bool,
}

impl Link {
    /// Holds the stream, again and again, until it is told to stop, or until the PC was let in as
    /// another host than it was, or with another life: then all begins anew.
    pub(crate) async fn hold(mut self, stop: CancellationToken) -> Result<(), LinkError> {
        let system_version = platform::system_version();
        let mut failures = 0;
        let mut next_failed = false;
        loop {
            // The next certificate first: it is there since the one in force is to go. Where it does
            // not work, the one in force is tried, and so on in turn.
            let next = Next::load(&self.state).filter(|_| !next_failed);
            let mut established = false;
            let ended = tokio::select! {
                ended = self.session(next.as_ref(), &system_version, &mut established) => ended,
                _ = stop.cancelled() => return Ok(()),
            };
            self.connected.send_if_modified(std::mem::take);
            match ended {
                Err(LinkError::Ledger(error)) => return Err(error.into()),
                // Not while there is another certificate to try.
                Err(LinkError::NotLetIn(why)) if next.is_none() => {
                    tokio::select! {
                        let_in = self.claim(&why) => if let_in? { return Ok(()) },
                        _ = stop.cancelled() => return Ok(()),
                    }
                }
                Err(error) => tracing::warn!("{error}"),
                Ok(()) => {}
            }
            let wait = if established {
                failures = 0;
                next_failed = false;
                self.config.first().mul_f64(rand::random())
            } else {
                next_failed = next.is_some();
                failures += 1;
                backoff(failures - 1, self.config.longest(), rand::random())
            };
            tokio::select! {
                _ = tokio::time::sleep(wait.max(Duration::from_millis(100))) => {}
                _ = stop.cancelled() => return Ok(()),
            }
        }
    }

    fn endpoint(&self, next: Option<&Next>) -> Result<Endpoint, LinkError> {
        let identity = self.identity.borrow();
        let (certificate, key) =
            next.map_or((&identity.certificate, &identity.key), |next| (&next.certificate, &next.key));
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(&identity.ca))
            .identity(TlsIdentity::from_pem(certificate, key))
            .domain_name(&self.address.name);
        let endpoint = Endpoint::from_shared(self.address.url.clone())
            .and_then(|endpoint| endpoint.tls_config(tls))
            .map_err(|e| LinkError::Connect(in_full(&e)))?;
        Ok(endpoint
            .connect_timeout(PING_PATIENCE)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_PATIENCE)
            .keep_alive_while_idle(true))
    }

    /// One stream, from its first report to its end: with the next certificate where one is given.
    /// It is established once the controller has said something on it.
    async fn session(&mut self, next: Option<&Next>, system: &str, established: &mut bool) -> Result<(), LinkError> {
        let channel = self.endpoint(next)?.connect().await.map_err(|e| LinkError::Connect(in_full(&e)))?;
        let mut client = LinkClient::new(channel.clone())
            .max_decoding_message_size(MAX_MESSAGE)
            .max_encoding_message_size(MAX_MESSAGE);
        let (reports, outgoing) = mpsc::channel(4);
        let mut changes = self.ledger.watch();
        let mut facts_due = tokio::time::interval_at(Instant::now() + FACTS_EVERY, FACTS_EVERY);
        // What was said to nobody is stale.
        while self.progress.try_recv().is_ok() {}

        let Lineage { session, previous } = self.ledger.next_stream()?;
        let mut told = Told {
            generation: 0,
            bundle: None,
            underway: None,
            wants: None,
            known_due: true,
            vault_due: Some(None),
            answered: false,
        };
        let facts_now = Some(facts(&self.state, system).into());
        let first = wire::Report { facts: facts_now, session: session.clone(), previous, ..self.report(&mut told)? };
        send(&reports, first).await?;
        let held = tokio::time::timeout(PATIENCE, client.hold(ReceiverStream::new(outgoing)));
        let mut incoming = held.await.map_err(|_| LinkError::Stuck)?.map_err(status)?.into_inner();
        loop {
            let mut say = wire::Report::default();
            tokio::select! {
                message = incoming.message() => {
                    let desired = message.map_err(status)?.ok_or(LinkError::Closed)?;
                    if !told.answered {
                        (told.answered, *established) = (true, true);
                        self.ledger.stream_answered(&session)?;
                        self.established(next)?;
                    }
                    if desired.renew && self.renew(channel.clone()).await {
                        return Ok(());
                    }
                    self.take(desired, &mut told)?;
                }
                _ = changes.changed() => {}
                changed = self.bundle.changed() => if changed.is_err() { return Err(LinkError::Closed) },
                Some(progress) = self.progress.recv() => say.progress.push(progress.into()),
                _ = facts_due.tick() => {
                    say.facts = Some(facts(&self.state, system).into());
                    (told.known_due, told.vault_due) = (true, Some(None));
                }
                _ = overdue(told.underway) => return Err(LinkError::Stuck),
            }
            if let Some(news) = self.news(&mut told)? {
                send(&reports, wire::Report { facts: say.facts, progress: say.progress, ..news }).await?;
                // Page by page, for as long as nothing else has to be told.
                while told.vault_due.is_some()
                    && let Some(news) = self.news(&mut told)?
                {
                    send(&reports, news).await?;
                }
            } else if say.facts.is_some() || !say.progress.is_empty() {
                send(&reports, wire::Report { facts: say.facts, progress: say.progress, ..self.standing(&mut told)? })
                    .await?;
            }
        }
    }

    /// The controller speaks on a stream: it has taken the certificate that was shown.
    fn established(&self, next: Option<&Next>) -> Result<(), LinkError> {
        self.connected.send_replace(true);
        tracing::info!("connected to {}", self.address.url);
        if let Some(next) = next {
            let renewed = self.identity.borrow().renewed(next, &self.state)?;
            self.identity.send_replace(Arc::new(renewed));
            tracing::info!("the renewed certificate works and is in force");
        }
        Ok(())
    }

    /// Asks to be a host again. Says whether the PC is one now.
    async fn claim(&self, why: &str) -> Result<bool, LinkError> {
        let identity = self.identity.borrow().clone();
        let lineage = self.ledger.last_stream()?;
        match claim::ask(&self.state, &identity, &self.address, lineage, &self.clock).await {
            Ok(claim::Answer::LetIn) => {
                tracing::info!("this PC was let in again");
                return Ok(true);
            }
            Ok(claim::Answer::Waiting) => {
                tracing::warn!("{why}; it has asked, and waits for 'keepwatch hosts approve'");
            }
            Ok(claim::Answer::Refused) => {
                tracing::error!("{why}, and they have refused; enrol it anew with a token and --force");
            }
            Err(error) => tracing::warn!("{why}; it could not ask: {error}"),
        }
        Ok(false)
    }

    /// Gets the next certificate and keeps it. Says whether there is one now; where there is none,
    /// the one in force stays, and the controller asks again.
    async fn renew(&self, channel: Channel) -> bool {
        match self.next(channel).await {
            Ok(next) => next.save(&self.state).map_err(|e| tracing::warn!("{e}")).is_ok(),
            Err(why) => {
                tracing::warn!("the certificate was not renewed; it is tried again: {why}");
                false
            }
        }
    }

    async fn next(&self, channel: Channel) -> Result<Next, String> {
        let (key, csr) = request("").map_err(|e| e.to_string())?;
        let mut client = RenewalClient::new(channel).max_decoding_message_size(MAX_MESSAGE);
        let asked = tokio::time::timeout(PATIENCE, client.renew(wire::RenewRequest { csr }));
        let reply = asked.await.map_err(|_| "no answer".to_owned())?.map_err(|status| words(&status))?;
        Ok(Next { certificate: reply.into_inner().certificate, key })
    }

    /// Applies what the controller says: state only if it is newer, acknowledgements always.
    fn take(&self, message: wire::Desired, told: &mut Told) -> Result<(), LinkError> {
        if let Some(acknowledged) = &message.acknowledged
            && let Ok(boot) = acknowledged.boot.parse()
        {
            self.ledger.acknowledge(boot, acknowledged.seq)?;
            if boot == self.ledger.boot() && told.underway.is_some_and(|(seq, _)| seq <= acknowledged.seq) {
                told.underway = None;
            }
        }
        if message.generation == 0 {
            return Ok(());
        }
        let sent = DateTime::from_timestamp(message.sent, 0).filter(|_| message.sent != 0);
        match desired(message) {
            Ok((desired, unreadable)) => {
                let here = self.clock.now();
                let desired = desired.by_clock(sent.unwrap_or(here), here);
                if self.ledger.apply(&desired, &unreadable)? {
                    tracing::info!(generation = desired.generation, jobs = desired.jobs.len(), "new desired state");
                }
            }
            Err(error) => tracing::error!("the controller's desired state makes no sense and is not applied: {error}"),
        }
        Ok(())
    }

    /// A report, if there is anything that was not told yet.
    fn news(&self, told: &mut Told) -> Result<Option<wire::Report>, LinkError> {
        let wants = self.ledger.wanted()?.map(|want| want.job);
        let changed =
            self.ledger.generation()? != told.generation || self.bundle_in_use() != told.bundle || wants != told.wants;
        let report = self.report(told)?;
        let says = !report.events.is_empty() || report.known.is_some() || report.quarantine.is_some();
        Ok((changed || says).then_some(report))
    }

    fn report(&self, told: &mut Told) -> Result<wire::Report, LinkError> {
        told.generation = self.ledger.generation()?;
        told.bundle = self.bundle_in_use();
        // Read before the outbox: what begins in between has an event in there.
        let quiet = told.answered && told.underway.is_none();
        let known = if told.known_due && quiet { Some(self.ledger.known_jobs()?) } else { None };
        let vault = match told.vault_due.filter(|_| quiet) {
            Some(after) => self.page_of_vault(after, told)?,
            None => None,
        };
        let mut report = self.standing(told)?;
        if told.answered && told.underway.is_none() {
            let events = self.ledger.outbox(0, EVENTS, EVENT_BYTES)?;
            told.underway = events.last().map(|event| (event.seq, Instant::now()));
            report.events = events.into_iter().map(Into::into).collect();
        }
        if told.underway.is_none() && known.is_some() {
            (report.known, told.known_due) = (known.map(Into::into), false);
        }
        if told.underway.is_none()
            && let Some(contents) = vault
        {
            told.vault_due = if contents.last { None } else { contents.items.last().map(|item| Some(item.id)) };
            report.quarantine = Some(contents.into());
        }
        Ok(report)
    }

    /// A page of what the quarantine holds; what became of others is told before that. Where it cannot be
    /// read there is none until the next time: one that leaves out what is there would have it gone.
    fn page_of_vault(&self, after: Option<ItemId>, told: &mut Told) -> Result<Option<Contents>, LinkError> {
        let vault = Vault::to_look_at(self.state.quarantine());
        vault.tell_changes(&self.ledger)?;
        match vault.contents(after) {
            Ok(contents) => Ok(Some(contents)),
            Err(error) => {
                tracing::error!("what is in quarantine cannot be told: {error}");
                told.vault_due = None;
                Ok(None)
            }
        }
    }

    fn standing(&self, told: &mut Told) -> Result<wire::Report, LinkError> {
        let want = self.ledger.wanted()?;
        told.wants = want.as_ref().map(|want| want.job);
        Ok(wire::Report {
            boot: self.ledger.boot().to_string(),
            generation: told.generation,
            bundle: told.bundle.clone().map(Into::into),
            wants: want.into_iter().map(Into::into).collect(),
            ..Default::default()
        })
    }

    fn bundle_in_use(&self) -> Option<Bundle> {
        self.bundle.borrow().as_ref().map(|in_use| in_use.bundle.clone())
    }
}

/// What the controller said, or what kind of no it was.
pub(crate) fn words(status: &tonic::Status) -> String {
    if status.message().is_empty() { status.code().to_string() } else { status.message().to_owned() }
}

/// Why the controller ended a stream.
fn status(status: tonic::Status) -> LinkError {
    match status.metadata().contains_key(MAY_CLAIM) {
        true => LinkError::NotLetIn(words(&status)),
        false => LinkError::Status(words(&status)),
    }
}

async fn send(reports: &mpsc::Sender<wire::Report>, report: wire::Report) -> Result<(), LinkError> {
    match reports.send_timeout(report, PATIENCE).await {
        Ok(()) => Ok(()),
        Err(_) => Err(LinkError::Stuck),
    }
}

/// Returns when what is underway should have been acknowledged long ago.
async fn overdue(underway: Option<(u64, Instant)>) {
    match underway {
        Some((_, since)) => tokio::time::sleep_until(since + PATIENCE).await,
        None => std::future::pending().await,
    }
}

/// How long to wait before trying again, for the first, second … time: longer and longer,
/// at a random point, so that a thousand PCs do not come back together.
pub(crate) fn backoff(times: u32, longest: Duration, chance: f64) -> Duration {
    let step = Duration::from_secs(5).saturating_mul(1 << times.min(10));
    step.min(longest).mul_f64(chance.clamp(0.0, 1.0))
}

/// The noun for a message, and the jobs that this agent does not know: they spoil nothing
/// else, while anything else that makes no sense does.
fn desired(mut message: wire::Desired) -> Result<(Desired, Vec<(JobId, String)>), WireError> {
    let mut unreadable = Vec::new();
    for job in std::mem::take(&mut message.jobs) {
        let id = job.id.parse()?;
        match Job::try_from(job.clone()) {
            Ok(_) => message.jobs.push(job),
            Err(error) => unreadable.push((id, format!("this agent cannot do that ({error}); upgrade it"))),
        }
    }
    Ok((Desired::try_from(message)?, unreadable))
}

#[cfg(test)]
mod tests;
