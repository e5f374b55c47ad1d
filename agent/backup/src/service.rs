//! A repository behind the controller's repository service: the restic REST protocol over
//! mutual TLS. Office lines drop and controllers restart, so what may pass is tried again
//! for a long while; what will not pass is said at once.

mod answer;
mod exchange;

use crate::ahead::Ahead;
use crate::stop::Stop;
use crate::storage::{Objects, Service, StorageError, name};
use crate::tls;
use answer::{FIRST_PAUSE, Trouble, accept, backoff, unanswered};
use bytes::Bytes;
use exchange::{Answer, Exchange};
use reqwest::header::{ACCEPT, CONTENT_LENGTH, HeaderMap, RANGE};
use reqwest::{Client as Http, Method, RequestBuilder, StatusCode};
use rustic_core::{BytesList, FileType, Id};
use rustls::ClientConfig;
use serde::Deserialize;
use std::sync::Arc;
use std::time::{Duration, Instant};

const LIST_V2: &str = "application/vnd.x.restic.rest.v2";
const CONNECT: Duration = Duration::from_secs(20);
/// Tries after which an answer that blames us is believed.
const DOUBTFUL_TRIES: u32 = 4;
/// For so long is looked whether it is our certificate that is refused.
const LOOK_AT_REFUSAL: Duration = Duration::from_secs(2);
/// What one try takes of the patience, at most: what is longer was a PC that slept.
const LONGEST_TRY: Duration = Duration::from_secs(600);
/// Nothing larger is read into memory: listings have 90 bytes for each object.
const MAX_ANSWER: u64 = 512 << 20;

/// Of an answer that has nothing to say.
const EXPLANATION: u64 = 4096;
/// Small reads fetch this much: what lies behind in the pack is mostly wanted next, and each
/// request costs a round trip.
const AHEAD: u32 = 256 << 10;

/// The client of one repository.
pub(crate) struct Client {
    http: Http,
    exchange: Exchange,
    tls: ClientConfig,
    base: String,
    patience: Duration,
    stop: Arc<Stop>,
    ahead: Ahead,
}

impl Client {
    pub(crate) fn new(service: &Service, stop: Arc<Stop>) -> Result<Self, StorageError> {
        let tls = tls::config(service)?;
        let http = Http::builder()
            .tls_backend_preconfigured(tls.clone())
            .https_only(!cfg!(test))
            .redirect(reqwest::redirect::Policy::none())
            // The agent's other link goes straight to the controller too.
            .no_proxy()
            .connect_timeout(CONNECT)
            .http2_keep_alive_interval(Duration::from_secs(30))
            // An answer waits behind what is being sent: on a thin line for a minute.
            .http2_keep_alive_timeout(Duration::from_secs(90))
            .build()
            .map_err(|e| StorageError::Setup(e.to_string()))?;
        let base = service.url.trim_end_matches('/').to_owned();
        let exchange = Exchange::new(Arc::clone(&stop), service.throttle.clone())?;
        Ok(Self { http, exchange, tls, base, patience: service.patience, stop, ahead: Ahead::default() })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/{path}", self.base))
    }

    /// From `offset` on at least `length` bytes, and up to `wanted` where the object has them.
    fn read_part(&self, name: &str, offset: u32, length: u32, wanted: u32) -> Result<Bytes, StorageError> {
        let bytes = format!("bytes={offset}-{}", u64::from(offset) + u64::from(wanted) - 1);
        let get = || self.request(Method::GET, name).header(RANGE, &bytes);
        let answer = self.ask(name, &get, &[], wanted.into())?;
        let bad = |why: String| StorageError::Wrong { what: name.to_owned(), why };
        if answer.status != StatusCode::PARTIAL_CONTENT {
            return Err(bad("it sent the whole object where a part was asked".to_owned()));
        }
        match (length as usize..=wanted as usize).contains(&answer.content.len()) {
            true => Ok(answer.content),
            false => Err(bad(format!("{} bytes instead of {length}", answer.content.len()))),
        }
    }

    /// Asks until there is an answer that will not change.
    fn ask(
        &self,
        what: &str,
        request: &dyn Fn() -> RequestBuilder,
        content: &[Bytes],
        largest: u64,
    ) -> Result<Answer, StorageError> {
        let (mut spent, mut tries) = (Duration::ZERO, 0u32);
        loop {
            tries += 1;
            let begun = Instant::now();
            let answer = self.exchange.ask(request(), content, largest);
            let unanswered_yet = tries == 1 && answer.is_err();
            let outcome = match answer {
                Ok(answer) => accept(what, answer),
                Err(why) => Err(unanswered(what, &why)),
            };
            let (why, pause) = match outcome {
                Ok(answer) => return Ok(answer),
                Err(Trouble::Final(error)) => return Err(error),
                Err(Trouble::Passing { why, pause }) => (why, pause.unwrap_or_else(|| backoff(tries))),
                Err(Trouble::Doubtful { why }) if tries >= DOUBTFUL_TRIES => {
                    return Err(StorageError::Wrong { what: what.to_owned(), why });
                }
                Err(Trouble::Doubtful { why }) => (why, FIRST_PAUSE),
            };
            if self.stop.wanted() {
                return Err(StorageError::Cancelled);
            }
            if unanswered_yet && let Some(refusal) = tls::refused(&self.tls, &self.base, LOOK_AT_REFUSAL) {
                return Err(refusal);
            }
            spent += begun.elapsed().min(LONGEST_TRY) + pause;
            if spent > self.patience {
                return Err(StorageError::Unreachable { what: what.to_owned(), tries, why });
            }
            tracing::info!(what, tries, why, "the repository service did not answer well; trying again");
            self.stop.wait(pause);
        }
    }
}

impl Objects for Client {
    fn location(&self) -> String {
        self.base.clone()
    }

    fn create(&self) -> Result<(), StorageError> {
        self.ask("making the repository", &|| self.request(Method::POST, "?create=true"), &[], EXPLANATION).map(drop)
    }

    fn config(&self) -> Result<Option<u32>, StorageError> {
        match self.ask("looking for the repository", &|| self.request(Method::HEAD, "config"), &[], EXPLANATION) {
            Ok(answer) => Ok(Some(length(&answer.headers))),
            Err(StorageError::Missing(_)) => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn list(&self, kind: FileType) -> Result<Vec<(Id, u32)>, StorageError> {
        #[derive(Deserialize)]
        struct Item {
            name: String,
            size: u64,
        }
        let what = format!("listing {}", kind.dirname());
        let path = format!("{}/", kind.dirname());
        let get = || self.request(Method::GET, &path).header(ACCEPT, LIST_V2);
        let answer = self.ask(&what, &get, &[], MAX_ANSWER)?;
        let items: Vec<Item> = serde_json::from_slice(&answer.content)
            .map_err(|e| StorageError::Wrong { what, why: format!("not a list of version 2: {e}") })?;
        let id = |item: Item| Some((item.name.parse().ok()?, u32::try_from(item.size).unwrap_or(u32::MAX)));
        Ok(items.into_iter().filter_map(id).collect())
    }

    fn read(&self, kind: FileType, id: &Id, range: Option<(u32, u32)>) -> Result<Bytes, StorageError> {
        let name = name(kind, id);
        let Some((offset, length)) = range else {
            let answer = self.ask(&name, &|| self.request(Method::GET, &name), &[], largest(kind))?;
            return Ok(answer.content);
        };
        if length == 0 {
            return Ok(Bytes::new());
        }
        if let Some(known) = self.ahead.find(id, offset, length) {
            return Ok(known);
        }
        let content = self.read_part(&name, offset, length, length.max(AHEAD))?;
        let part = content.slice(..length as usize);
        self.ahead.keep(*id, offset, content);
        Ok(part)
    }

    fn write(&self, kind: FileType, id: &Id, content: &BytesList) -> Result<(), StorageError> {
        let name = name(kind, id);
        let parts = content.slice().to_vec();
        self.ask(&name, &|| self.request(Method::POST, &name), &parts, EXPLANATION).map(drop)
    }

    fn remove(&self, kind: FileType, id: &Id) -> Result<(), StorageError> {
        let name = name(kind, id);
        match self.ask(&name, &|| self.request(Method::DELETE, &name), &[], EXPLANATION) {
            // An answer may have been lost.
            Err(StorageError::Missing(_)) => Ok(()),
            outcome => outcome.map(drop),
        }
    }
}

/// The largest object of a kind that makes sense, in bytes; a whole pack is read by nobody but
/// who checks restic's, of up to 128 MiB.
fn largest(kind: FileType) -> u64 {
    match kind {
        FileType::Config | FileType::Key => 1 << 20,
        FileType::Snapshot => 16 << 20,
        FileType::Index => 64 << 20,
        FileType::Pack => 256 << 20,
    }
}

fn length(headers: &HeaderMap) -> u32 {
    headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0)
}
