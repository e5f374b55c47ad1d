//! A repository behind the controller's repository service: the restic REST protocol over
//! mutual TLS. Office lines drop and controllers restart, so what may pass is tried again
//! for a long while; what will not pass is said at once.

use crate::ahead::Ahead;
use crate::stop::Stop;
use crate::storage::{Objects, Service, StorageError, name};
use crate::tls;
use bytes::Bytes;
use reqwest::blocking::{Body, Client as Http, RequestBuilder, Response};
use reqwest::header::{ACCEPT, RANGE, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use rustic_core::{BytesList, FileType, Id};
use rustls::ClientConfig;
use serde::Deserialize;
use std::collections::VecDeque;
use std::error::Error as _;
use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

const LIST_V2: &str = "application/vnd.x.restic.rest.v2";
const CONNECT: Duration = Duration::from_secs(20);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Tries after which an answer that blames us is believed.
const DOUBTFUL_TRIES: u32 = 4;
/// A line this slow still counts as alive.
const BYTES_PER_SECOND: u64 = 16 * 1024;
/// Nothing larger is read into memory: listings have 90 bytes for each object.
const MAX_ANSWER: u64 = 512 << 20;

/// Small reads fetch this much: what lies behind in the pack is mostly wanted next, and each
/// request costs a round trip.
const AHEAD: u32 = 256 << 10;

/// The client of one repository.
pub(crate) struct Client {
    http: Http,
    tls: ClientConfig,
    base: String,
    patience: Duration,
    stop: Arc<Stop>,
    ahead: Ahead,
}

/// How one try ended, if not well.
enum Trouble {
    Final(StorageError),
    Passing {
        why: String,
        pause: Option<Duration>,
    },
    /// What we sent arrived damaged, or was wrong from the start: a few tries tell.
    Doubtful {
        why: String,
    },
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
            .timeout(None)
            .http2_keep_alive_interval(Duration::from_secs(30))
            .http2_keep_alive_timeout(Duration::from_secs(20))
            .build()
            .map_err(|e| StorageError::Setup(e.to_string()))?;
        let base = service.url.trim_end_matches('/').to_owned();
        Ok(Self { http, tls, base, patience: service.patience, stop, ahead: Ahead::default() })
    }

    fn request(&self, method: Method, path: &str, bytes: u64) -> RequestBuilder {
        let time = Duration::from_secs(60 + bytes / BYTES_PER_SECOND);
        self.http.request(method, format!("{}/{path}", self.base)).timeout(time)
    }

    /// From `offset` on at least `length` bytes, and up to `wanted` where the object has them.
    fn read_part(&self, name: &str, offset: u32, length: u32, wanted: u32) -> Result<Bytes, StorageError> {
        let bytes = format!("bytes={offset}-{}", u64::from(offset) + u64::from(wanted) - 1);
        let get = || self.request(Method::GET, name, wanted.into()).header(RANGE, &bytes);
        self.ask(name, get, |answer| {
            if answer.status() != StatusCode::PARTIAL_CONTENT {
                return Err(wrong(name, "it sent the whole object where a part was asked".to_owned()));
            }
            let content = body(name, answer, wanted.into())?;
            match (length as usize..=wanted as usize).contains(&content.len()) {
                true => Ok(content),
                false => Err(wrong(name, format!("{} bytes instead of {length}", content.len()))),
            }
        })
    }

    /// Sends until there is an answer that will not change, reads it with `read`.
    fn ask<T>(
        &self,
        what: &str,
        request: impl Fn() -> RequestBuilder,
        read: impl Fn(Response) -> Result<T, Trouble>,
    ) -> Result<T, StorageError> {
        let (start, mut tries) = (Instant::now(), 0u32);
        loop {
            tries += 1;
            let outcome = request().send().map_err(|e| transport(&e)).and_then(|r| accept(what, r)).and_then(&read);
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
            if tries == 1
                && let Some(refusal) = tls::refused(&self.tls, &self.base, CONNECT)
            {
                return Err(refusal);
            }
            if start.elapsed() + pause > self.patience {
                return Err(StorageError::Unreachable { what: what.to_owned(), tries, why });
            }
            tracing::debug!(what, tries, why, "the repository service did not answer well; trying again");
            self.stop.wait(pause);
        }
    }
}

impl Objects for Client {
    fn location(&self) -> String {
        self.base.clone()
    }

    fn create(&self) -> Result<(), StorageError> {
        self.ask("making the repository", || self.request(Method::POST, "?create=true", 0), |_| Ok(()))
    }

    fn config(&self) -> Result<Option<u32>, StorageError> {
        let head = || self.request(Method::HEAD, "config", 0);
        match self.ask("looking for the repository", head, |answer| Ok(length(&answer))) {
            Ok(size) => Ok(Some(size)),
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
        let answer = self.ask(
            &what,
            || self.request(Method::GET, &path, 64 << 20).header(ACCEPT, LIST_V2),
            |answer| body(&what, answer, MAX_ANSWER),
        )?;
        let items: Vec<Item> = serde_json::from_slice(&answer)
            .map_err(|e| StorageError::Wrong { what, why: format!("not a list of version 2: {e}") })?;
        let id = |item: Item| Some((item.name.parse().ok()?, u32::try_from(item.size).unwrap_or(u32::MAX)));
        Ok(items.into_iter().filter_map(id).collect())
    }

    fn read(&self, kind: FileType, id: &Id, range: Option<(u32, u32)>) -> Result<Bytes, StorageError> {
        let name = name(kind, id);
        let Some((offset, length)) = range else {
            let get = || self.request(Method::GET, &name, largest(kind));
            return self.ask(&name, get, |answer| body(&name, answer, largest(kind)));
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
        let length = content.slice().iter().map(|part| part.len() as u64).sum();
        let post = || {
            let parts = Parts(content.slice().iter().cloned().collect());
            self.request(Method::POST, &name, length).body(Body::sized(parts, length))
        };
        self.ask(&name, post, |_| Ok(()))
    }

    fn remove(&self, kind: FileType, id: &Id) -> Result<(), StorageError> {
        let name = name(kind, id);
        match self.ask(&name, || self.request(Method::DELETE, &name, 0), |_| Ok(())) {
            // An answer may have been lost.
            Err(StorageError::Missing(_)) => Ok(()),
            outcome => outcome,
        }
    }
}

/// An object's parts, one after the other; they are shared by each try, not copied.
struct Parts(VecDeque<Bytes>);

impl Read for Parts {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.0.front().is_some_and(Bytes::is_empty) {
            self.0.pop_front();
        }
        let Some(part) = self.0.front_mut() else { return Ok(0) };
        let taken = part.split_to(part.len().min(buffer.len()));
        buffer[..taken.len()].copy_from_slice(&taken);
        Ok(taken.len())
    }
}

/// Sorts an answer by its status: good, final, or worth another try.
fn accept(what: &str, answer: Response) -> Result<Response, Trouble> {
    let status = answer.status();
    let final_ = |error| Err(Trouble::Final(error));
    match status.as_u16() {
        200..=299 => Ok(answer),
        404 => final_(StorageError::Missing(what.to_owned())),
        401 | 403 => final_(StorageError::Denied { what: what.to_owned(), answer: explain(answer) }),
        413 => final_(StorageError::TooLarge(what.to_owned())),
        507 => final_(StorageError::Full(what.to_owned())),
        408 | 425 | 429 | 500..=599 => Err(Trouble::Passing { pause: retry_after(&answer), why: explain(answer) }),
        400 => Err(Trouble::Doubtful { why: explain(answer) }),
        _ => Err(wrong(what, explain(answer))),
    }
}

/// The status and the first line of what the service says about it.
fn explain(answer: Response) -> String {
    let status = answer.status();
    let mut text = Vec::new();
    // A text that cannot be read adds nothing to the status.
    let read = answer.take(512).read_to_end(&mut text).map(|_| String::from_utf8_lossy(&text).trim().to_owned());
    match read {
        Ok(text) if !text.is_empty() => format!("{status}: {}", text.escape_debug()),
        _ => status.to_string(),
    }
}

fn wrong(what: &str, why: String) -> Trouble {
    Trouble::Final(StorageError::Wrong { what: what.to_owned(), why })
}

/// Errors below HTTP pass with time, but for those that [`tls::refused`] finds.
fn transport(error: &reqwest::Error) -> Trouble {
    if error.is_builder() {
        return Trouble::Final(StorageError::Setup(error.to_string()));
    }
    let mut deepest: Option<&dyn std::error::Error> = error.source();
    while let Some(cause) = deepest.and_then(std::error::Error::source) {
        deepest = Some(cause);
    }
    Trouble::Passing { why: deepest.map_or_else(|| error.to_string(), ToString::to_string), pause: None }
}

/// The largest object of a kind that makes sense, in bytes; a whole pack is read by nobody but
/// who checks restic's, of up to 128 MiB. A service that stays silent is waited for as long as
/// so much takes over a slow line.
fn largest(kind: FileType) -> u64 {
    match kind {
        FileType::Config | FileType::Key => 1 << 20,
        FileType::Snapshot => 16 << 20,
        FileType::Index => 64 << 20,
        FileType::Pack => 256 << 20,
    }
}

fn body(what: &str, answer: Response, largest: u64) -> Result<Bytes, Trouble> {
    let mut content =
        Vec::with_capacity(usize::try_from(answer.content_length().unwrap_or(0).min(64 << 20)).unwrap_or(0));
    match answer.take(largest + 1).read_to_end(&mut content) {
        Ok(_) if content.len() as u64 > largest => Err(wrong(what, "the answer is too large".to_owned())),
        Ok(_) => Ok(content.into()),
        Err(e) => Err(Trouble::Passing { why: e.to_string(), pause: None }),
    }
}

fn length(answer: &Response) -> u32 {
    let header = answer.headers().get(reqwest::header::CONTENT_LENGTH);
    header.and_then(|v| v.to_str().ok()?.parse().ok()).unwrap_or(0)
}

fn retry_after(answer: &Response) -> Option<Duration> {
    let seconds: u64 = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).clamp(FIRST_PAUSE, 2 * LONGEST_PAUSE))
}

/// Doubles up to a cap, and spreads hosts that failed together.
fn backoff(tries: u32) -> Duration {
    let full = FIRST_PAUSE.saturating_mul(1 << tries.min(10)).min(LONGEST_PAUSE);
    full.mul_f64(rand::random_range(0.5..1.0))
}
