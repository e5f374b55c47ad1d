//! A repository behind the controller's repository service: the restic REST protocol over
//! mutual TLS. Office lines drop and controllers restart, so what may pass is tried again
//! for a long while; what will not pass is said at once.

use crate::ahead::Ahead;
use crate::line::{Answer, EXPLANATION, Line, LineOptions, MAX_ANSWER};
use crate::stop::Stop;
use crate::storage::{Objects, Service, StorageError, name};
use crate::tls;
use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, HeaderMap, RANGE};
use reqwest::{Method, RequestBuilder, StatusCode};
use rustic_core::{BytesList, FileType, Id};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

const LIST_V2: &str = "application/vnd.x.restic.rest.v2";
/// For so long is looked whether it is our certificate that is refused.
pub(crate) const LOOK_AT_REFUSAL: Duration = Duration::from_secs(2);
/// Small reads fetch this much: what lies behind in the pack is mostly wanted next, and each
/// request costs a round trip.
pub(crate) const AHEAD: u32 = 256 << 10;

/// The client of one repository.
pub(crate) struct Client {
    line: Line,
    base: String,
    ahead: Ahead,
}

impl Client {
    pub(crate) fn new(service: &Service, stop: Arc<Stop>) -> Result<Self, StorageError> {
        let tls = tls::config(service)?;
        let base = service.url.trim_end_matches('/').to_owned();
        let options = LineOptions {
            tls: tls.clone(),
            plain: cfg!(test),
            // The agent's other link goes straight to the controller too.
            proxy: false,
            patience: service.patience,
            throttle: service.throttle.clone(),
            hint: tls::HINT,
        };
        let url = base.clone();
        let refused = Box::new(move || tls::refused(&tls, &url, LOOK_AT_REFUSAL));
        Ok(Self { line: Line::new(options, stop, refused)?, base, ahead: Ahead::default() })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.line.request(method, &format!("{}/{path}", self.base))
    }

    /// From `offset` on at least `length` bytes, and up to `wanted` where the object has them.
    fn read_part(&self, name: &str, offset: u32, length: u32, wanted: u32) -> Result<Bytes, StorageError> {
        let bytes = format!("bytes={offset}-{}", u64::from(offset) + u64::from(wanted) - 1);
        let get = || self.request(Method::GET, name).header(RANGE, &bytes);
        part(name, self.line.ask(name, &get, &[], wanted.into())?, length, wanted)
    }
}

/// What was sent of an object, if it is the part that was asked for.
pub(crate) fn part(name: &str, answer: Answer, length: u32, wanted: u32) -> Result<Bytes, StorageError> {
    let bad = |why: String| StorageError::Wrong { what: name.to_owned(), why };
    if answer.status != StatusCode::PARTIAL_CONTENT {
        return Err(bad("it sent the whole object where a part was asked".to_owned()));
    }
    match (length as usize..=wanted as usize).contains(&answer.content.len()) {
        true => Ok(answer.content),
        false => Err(bad(format!("{} bytes instead of {length}", answer.content.len()))),
    }
}

impl Objects for Client {
    fn location(&self) -> String {
        self.base.clone()
    }

    fn create(&self) -> Result<(), StorageError> {
        self.line
            .ask("making the repository", &|| self.request(Method::POST, "?create=true"), &[], EXPLANATION)
            .map(drop)
    }

    fn config(&self) -> Result<Option<u32>, StorageError> {
        match self.line.ask("looking for the repository", &|| self.request(Method::HEAD, "config"), &[], EXPLANATION) {
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
        let answer = self.line.ask(&what, &get, &[], MAX_ANSWER)?;
        let items: Vec<Item> = serde_json::from_slice(&answer.content)
            .map_err(|e| StorageError::Wrong { what, why: format!("not a list of version 2: {e}") })?;
        let id = |item: Item| Some((item.name.parse().ok()?, u32::try_from(item.size).unwrap_or(u32::MAX)));
        Ok(items.into_iter().filter_map(id).collect())
    }

    fn read(&self, kind: FileType, id: &Id, range: Option<(u32, u32)>) -> Result<Bytes, StorageError> {
        let name = name(kind, id);
        let Some((offset, length)) = range else {
            let answer = self.line.ask(&name, &|| self.request(Method::GET, &name), &[], largest(kind))?;
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
        self.line.ask(&name, &|| self.request(Method::POST, &name), &parts, EXPLANATION).map(drop)
    }

    fn remove(&self, kind: FileType, id: &Id) -> Result<(), StorageError> {
        let name = name(kind, id);
        match self.line.ask(&name, &|| self.request(Method::DELETE, &name), &[], EXPLANATION) {
            // An answer may have been lost.
            Err(StorageError::Missing(_)) => Ok(()),
            outcome => outcome.map(drop),
        }
    }
}

/// The largest object of a kind that makes sense, in bytes; a whole pack is read by nobody but
/// who checks restic's, of up to 128 MiB.
pub(crate) fn largest(kind: FileType) -> u64 {
    match kind {
        FileType::Config | FileType::Key => 1 << 20,
        FileType::Snapshot => 16 << 20,
        FileType::Index => 64 << 20,
        FileType::Pack => 256 << 20,
    }
}

pub(crate) fn length(headers: &HeaderMap) -> u32 {
    headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0)
}
