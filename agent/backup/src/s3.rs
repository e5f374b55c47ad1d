//! A repository in a bucket of S3 or of a service that speaks its protocol, laid out as restic
//! lays it out there. A bucket keeps an object whole or not at all, and answers once it is kept.

use crate::ahead::Ahead;
use crate::line::{Answer, EXPLANATION, Line, LineOptions, MAX_ANSWER};
use crate::service::{AHEAD, LOOK_AT_REFUSAL, largest, length, part};
use crate::stop::Stop;
use crate::storage::{Bucket, Objects, StorageError, name};
use crate::tls;
use bytes::Bytes;
use reqwest::header::{CONTENT_LENGTH, RANGE};
use reqwest::{Method, RequestBuilder, Url};
use rustic_core::{BytesList, FileType, Id};
use rusty_s3::actions::ListObjectsV2;
use rusty_s3::{Credentials, S3Action, UrlStyle};
use std::sync::Arc;
use std::time::Duration;

/// For so long what is asked now may still be answered.
const SIGNED_FOR: Duration = Duration::from_secs(3600);

/// The client of one repository.
pub(crate) struct Client {
    line: Line,
    bucket: rusty_s3::Bucket,
    credentials: Credentials,
    prefix: String,
    location: String,
    ahead: Ahead,
}

impl Client {
    pub(crate) fn new(place: &Bucket, stop: Arc<Stop>) -> Result<Self, StorageError> {
        let bad = |why: String| StorageError::Setup(format!("{}: {why}", place.location()));
        let endpoint = Url::parse(&place.endpoint).map_err(|e| bad(e.to_string()))?;
        let amazon = endpoint.host_str().is_some_and(|host| host.ends_with(".amazonaws.com"));
        let style = if amazon { UrlStyle::VirtualHost } else { UrlStyle::Path };
        let bucket = rusty_s3::Bucket::new(endpoint, style, place.bucket.clone(), place.region.clone());
        let tls = tls::public(place.ca_pem.as_deref())?;
        let url = place.endpoint.clone();
        let options = LineOptions {
            tls: tls.clone(),
            plain: place.endpoint.starts_with("http://"),
            proxy: true,
            patience: place.patience,
            throttle: place.throttle.clone(),
            hint: "Check the access key, its rights, and this PC's clock",
        };
        Ok(Self {
            line: Line::new(options, stop, Box::new(move || tls::refused(&tls, &url, LOOK_AT_REFUSAL)))?,
            bucket: bucket.map_err(|e| bad(e.to_string()))?,
            credentials: Credentials::new(place.key.clone(), place.secret.clone()),
            prefix: place.prefix.clone(),
            location: place.location(),
            ahead: Ahead::default(),
        })
    }

    /// As restic lays objects out: packs in subfolders by the first two digits of their names.
    fn key(&self, kind: FileType, id: &Id) -> String {
        let hex = id.to_hex();
        match kind {
            FileType::Config => format!("{}config", self.prefix),
            FileType::Pack => format!("{}data/{}/{}", self.prefix, &hex[..2], &*hex),
            _ => format!("{}{}/{}", self.prefix, kind.dirname(), &*hex),
        }
    }

    /// One request, signed anew for each try.
    fn ask(
        &self,
        what: &str,
        method: &Method,
        action: &dyn Fn() -> Url,
        more: &dyn Fn(RequestBuilder) -> RequestBuilder,
        (content, largest): (&[Bytes], u64),
    ) -> Result<Answer, StorageError> {
        let request = || more(self.line.request(method.clone(), action().as_str()));
        self.line.ask(what, &request, content, largest)
    }

    fn get(&self, kind: FileType, id: &Id, range: Option<&str>, largest: u64) -> Result<Answer, StorageError> {
        let key = self.key(kind, id);
        let url = || self.bucket.get_object(Some(&self.credentials), &key).sign(SIGNED_FOR);
        let ranged = |request: RequestBuilder| match range {
            Some(range) => request.header(RANGE, range),
            None => request,
        };
        self.ask(&name(kind, id), &Method::GET, &url, &ranged, (&[], largest))
    }

    fn put(&self, kind: FileType, id: &Id, content: &[Bytes], once: bool) -> Result<(), StorageError> {
        let key = self.key(kind, id);
        // An object's name is its content's hash: the bucket takes nothing else for it.
        let hash = (kind != FileType::Config).then(|| base64(&hex::decode(&*id.to_hex()).unwrap_or_default()));
        let url = || {
            let mut action = self.bucket.put_object(Some(&self.credentials), &key);
            if let Some(hash) = &hash {
                action.headers_mut().insert("x-amz-checksum-sha256", hash.as_str());
            }
            action.sign(SIGNED_FOR)
        };
        let length: usize = content.iter().map(Bytes::len).sum();
        let headers = |request: RequestBuilder| {
            let request = request.header(CONTENT_LENGTH, length);
            let request = if once { request.header("if-none-match", "*") } else { request };
            match &hash {
                Some(hash) => request.header("x-amz-checksum-sha256", hash),
                None => request,
            }
        };
        let what = name(kind, id);
        match self.ask(&what, &Method::PUT, &url, &headers, (content, EXPLANATION)) {
            Err(StorageError::Missing(_)) => {
                Err(StorageError::Wrong { what, why: format!("there is no bucket '{}'", self.bucket.name()) })
            }
            outcome => outcome.map(drop),
        }
    }
}

impl Objects for Client {
    fn location(&self) -> String {
        self.location.clone()
    }

    fn create(&self) -> Result<(), StorageError> {
        let none = |request: RequestBuilder| request;
        let what = format!("the bucket '{}'", self.bucket.name());
        let there = || self.bucket.head_bucket(Some(&self.credentials)).sign(SIGNED_FOR);
        let make = || self.bucket.create_bucket(&self.credentials).sign(SIGNED_FOR);
        match self.ask(&what, &Method::HEAD, &there, &none, (&[], EXPLANATION)) {
            Err(StorageError::Missing(_)) => self.ask(&what, &Method::PUT, &make, &none, (&[], EXPLANATION)).map(drop),
            outcome => outcome.map(drop),
        }
    }

    fn config(&self) -> Result<Option<u32>, StorageError> {
        let key = self.key(FileType::Config, &Id::default());
        let url = || self.bucket.head_object(Some(&self.credentials), &key).sign(SIGNED_FOR);
        match self.ask("looking for the repository", &Method::HEAD, &url, &|r| r, (&[], EXPLANATION)) {
            Ok(answer) => Ok(Some(length(&answer.headers))),
            Err(StorageError::Missing(_)) => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn list(&self, kind: FileType) -> Result<Vec<(Id, u32)>, StorageError> {
        let (what, prefix) = (format!("listing {}", kind.dirname()), format!("{}{}/", self.prefix, kind.dirname()));
        let (mut found, mut next) = (Vec::new(), None::<String>);
        loop {
            let url = || {
                let mut action = self.bucket.list_objects_v2(Some(&self.credentials));
                action.with_prefix(prefix.as_str());
                if let Some(next) = &next {
                    action.with_continuation_token(next.as_str());
                }
                action.sign(SIGNED_FOR)
            };
            let answer = self.ask(&what, &Method::GET, &url, &|r| r, (&[], MAX_ANSWER))?;
            let bad = |why: String| StorageError::Wrong { what: what.clone(), why };
            let text = std::str::from_utf8(&answer.content).map_err(|e| bad(e.to_string()))?;
            let page = ListObjectsV2::parse_response(text).map_err(|e| bad(format!("not a list: {e}")))?;
            found.extend(page.contents.iter().filter_map(|object| {
                let size = u32::try_from(object.size.unwrap_or(0)).unwrap_or(u32::MAX);
                Some((object.key.rsplit('/').next()?.parse().ok()?, size))
            }));
            match page.next_continuation_token {
                Some(token) if Some(&token) == next.as_ref() => return Err(bad("the list has no end".to_owned())),
                Some(token) => next = Some(token),
                None => return Ok(found),
            }
        }
    }

    fn read(&self, kind: FileType, id: &Id, range: Option<(u32, u32)>) -> Result<Bytes, StorageError> {
        let Some((offset, length)) = range else {
            return Ok(self.get(kind, id, None, largest(kind))?.content);
        };
        if length == 0 {
            return Ok(Bytes::new());
        }
        if let Some(known) = self.ahead.find(id, offset, length) {
            return Ok(known);
        }
        let wanted = length.max(AHEAD);
        let bytes = format!("bytes={offset}-{}", u64::from(offset) + u64::from(wanted) - 1);
        let content = part(&name(kind, id), self.get(kind, id, Some(&bytes), wanted.into())?, length, wanted)?;
        let wished = content.slice(..length as usize);
        self.ahead.keep(*id, offset, content);
        Ok(wished)
    }

    fn write(&self, kind: FileType, id: &Id, content: &BytesList) -> Result<(), StorageError> {
        let parts = content.slice().to_vec();
        if kind != FileType::Config {
            return self.put(kind, id, &parts, false);
        }
        // It comes once: who made the repository has its key. Not every service knows how to.
        match self.put(kind, id, &parts, true) {
            Err(StorageError::Wrong { why, .. }) if why.starts_with("501") => self.put(kind, id, &parts, false),
            // The answer to the first try may have been lost.
            Err(error) => match self.read(kind, id, None) {
                Ok(there) if there == parts.concat() => Ok(()),
                _ => Err(error),
            },
            Ok(()) => Ok(()),
        }
    }

    fn remove(&self, kind: FileType, id: &Id) -> Result<(), StorageError> {
        let key = self.key(kind, id);
        let url = || self.bucket.delete_object(Some(&self.credentials), &key).sign(SIGNED_FOR);
        match self.ask(&name(kind, id), &Method::DELETE, &url, &|r| r, (&[], EXPLANATION)) {
            Err(StorageError::Missing(_)) => Ok(()),
            outcome => outcome.map(drop),
        }
    }
}

/// Base64 as in RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
