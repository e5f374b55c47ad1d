//! A line to a storage that speaks HTTP: one request after the other, each asked until there is
//! an answer that will not change. Office lines drop and servers restart.

mod answer;
mod exchange;

use crate::patience::{Patience, Trouble};
use crate::stop::Stop;
use crate::storage::StorageError;
use crate::throttle::Throttle;
use answer::{accept, unanswered};
use bytes::Bytes;
use exchange::Exchange;
use reqwest::{Client as Http, Method, RequestBuilder};
use rustls::ClientConfig;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use exchange::Answer;

const CONNECT: Duration = Duration::from_secs(20);
/// Nothing larger is read into memory: listings have 90 bytes for each object.
pub(crate) const MAX_ANSWER: u64 = 512 << 20;
/// Of an answer that has nothing to say.
pub(crate) const EXPLANATION: u64 = 4096;

/// Whether what does not answer refuses us for good.
type Refused = Box<dyn Fn() -> Option<StorageError> + Send + Sync>;

/// One storage's line. Blocking; several threads may use it at once.
pub(crate) struct Line {
    http: Http,
    exchange: Exchange,
    patience: Patience,
    stop: Arc<Stop>,
    refused: Refused,
    hint: &'static str,
}

/// How a line is to be.
pub(crate) struct LineOptions {
    /// Whom we trust and who we are.
    pub(crate) tls: ClientConfig,
    /// Whether what is not encrypted will do.
    pub(crate) plain: bool,
    /// Whether the proxy of the environment is gone through, if it names one.
    pub(crate) proxy: bool,
    /// How long to keep trying.
    pub(crate) patience: Duration,
    /// How fast bytes may go.
    pub(crate) throttle: Throttle,
    /// What to look at when the storage refuses us.
    pub(crate) hint: &'static str,
}

impl Line {
    pub(crate) fn new(options: LineOptions, stop: Arc<Stop>, refused: Refused) -> Result<Self, StorageError> {
        let http = Http::builder()
            .tls_backend_preconfigured(options.tls)
            .https_only(!options.plain)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .http2_keep_alive_interval(Duration::from_secs(30))
            // An answer waits behind what is being sent: on a thin line for a minute.
            .http2_keep_alive_timeout(Duration::from_secs(90));
        let http = if options.proxy { http } else { http.no_proxy() };
        let http = http.build().map_err(|e| StorageError::Setup(e.to_string()))?;
        let exchange = Exchange::new(Arc::clone(&stop), options.throttle)?;
        let patience = Patience::new(options.patience, Arc::clone(&stop));
        Ok(Self { http, exchange, patience, stop, refused, hint: options.hint })
    }

    /// A request, to be asked below.
    pub(crate) fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.http.request(method, url)
    }

    /// Asks until there is an answer that will not change. A good answer of more than `largest`
    /// bytes is none.
    pub(crate) fn ask(
        &self,
        what: &str,
        request: &dyn Fn() -> RequestBuilder,
        content: &[Bytes],
        largest: u64,
    ) -> Result<Answer, StorageError> {
        self.patience.until(what, |tries| match self.exchange.ask(request(), content, largest) {
            Ok(answer) => accept(what, answer, self.hint),
            Err(why) => {
                let refusal = if tries == 1 && !self.stop.wanted() { (self.refused)() } else { None };
                Err(refusal.map_or_else(|| unanswered(what, &why), Trouble::Final))
            }
        })
    }
}
