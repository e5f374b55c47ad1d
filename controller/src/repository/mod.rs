//! The repository service: the restic REST protocol, versions 1 and 2, on the agent door.
//! Each host has a private repository that it can add to and read; nobody changes or removes
//! through it what is stored, locks excepted. Stock restic opens a host's folder as it lies.

mod error;
mod folder;
mod gate;
#[cfg(test)]
pub(crate) mod hanging;
mod incoming;
mod meters;
mod object;
mod range;
mod store;
#[cfg(test)]
mod tests;

pub use error::RepositoryError;
pub use folder::FolderStore;
pub use gate::{Room, RoomOf};
pub use meters::Meters;
pub use store::{RepositoryStore, Space};

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{ACCEPT, ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router, middleware};
use futures_util::{Stream, StreamExt};
use gate::Gate;
use keepwatch_proto::ids::HostId;
use meters::Stored;
use object::{Kind, Object};
use serde::Deserialize;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::io::ReaderStream;

const LIST_V1: &str = "application/vnd.x.restic.rest.v1";
const LIST_V2: &str = "application/vnd.x.restic.rest.v2";

/// The host behind a connection. The door sets it as a request extension, from the
/// certificate and from nothing else.
#[derive(Debug, Clone, Copy)]
pub struct HostIdentity(pub HostId);

/// Whether the first host may read the second one's repository: a restore to another PC.
pub type MayRead = Arc<dyn Fn(HostId, HostId) -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;

#[derive(Clone)]
struct Service {
    store: Arc<dyn RepositoryStore>,
    may_read: MayRead,
    gate: Arc<Gate>,
    /// Each takes the memory of a list of all objects.
    listing: Arc<Semaphore>,
}

/// Listings under way at once.
const LISTINGS: usize = 4;

/// The service's routes, all below `/repositories/{host}/`.
pub fn router(store: Arc<dyn RepositoryStore>, may_read: MayRead, room_of: RoomOf, meters: Meters) -> Router {
    let config = get(read_config).post(write_config).delete(remove_config);
    let object = get(read_object).post(write_object).delete(remove_object);
    Router::new()
        .route("/repositories/{host}/", post(create))
        .route("/repositories/{host}/config", config)
        .route("/repositories/{host}/{kind}/", get(list))
        .route("/repositories/{host}/{kind}/{id}", object)
        .layer(middleware::from_fn_with_state(meters, meters::count))
        .with_state(Service {
            gate: Gate::new(Arc::clone(&store), room_of),
            store,
            may_read,
            listing: Arc::new(Semaphore::new(LISTINGS)),
        })
}

type Answer = Result<Response, RepositoryError>;

/// Who asks, and whether only to read.
#[derive(Clone, Copy)]
struct Sender {
    host: Option<HostId>,
    reads: bool,
}

impl Sender {
    fn of(request: &Request) -> Self {
        let host = request.extensions().get().map(|&HostIdentity(host)| host);
        Self { host, reads: matches!(*request.method(), Method::GET | Method::HEAD) }
    }
}

impl Service {
    /// The repository that the request is about, if its sender may do this with it.
    async fn admit(&self, owner: &str, sender: Sender) -> Result<HostId, RepositoryError> {
        let host = sender.host.ok_or(RepositoryError::Stranger)?;
        let owner = owner.parse().map_err(|_| RepositoryError::Foreign)?;
        if host == owner || sender.reads && (self.may_read)(host, owner).await {
            return Ok(owner);
        }
        tracing::warn!(%host, repository = %owner, reads = sender.reads, "refused another host's repository");
        Err(RepositoryError::Foreign)
    }
}

#[derive(Deserialize)]
struct Creation {
    #[serde(default)]
    create: bool,
}

async fn create(
    State(service): State<Service>,
    Path(host): Path<String>,
    Query(creation): Query<Creation>,
    request: Request,
) -> Answer {
    let host = service.admit(&host, Sender::of(&request)).await?;
    if !creation.create {
        return Err(RepositoryError::Unclear("only ?create=true can be posted here"));
    }
    service.store.create(host).await?;
    Ok(StatusCode::OK.into_response())
}

async fn read_config(State(service): State<Service>, Path(host): Path<String>, request: Request) -> Answer {
    let host = service.admit(&host, Sender::of(&request)).await?;
    read(&service, host, Object::Config, request).await
}

async fn write_config(State(service): State<Service>, Path(host): Path<String>, request: Request) -> Answer {
    let host = service.admit(&host, Sender::of(&request)).await?;
    write(&service, host, Object::Config, request).await
}

async fn remove_config(State(service): State<Service>, Path(host): Path<String>, request: Request) -> Answer {
    service.admit(&host, Sender::of(&request)).await?;
    Err(RepositoryError::AppendOnly)
}

type ObjectPath = Path<(String, String, String)>;

async fn read_object(State(service): State<Service>, Path((host, kind, id)): ObjectPath, request: Request) -> Answer {
    let host = service.admit(&host, Sender::of(&request)).await?;
    read(&service, host, Object::named(&kind, &id)?, request).await
}

async fn write_object(State(service): State<Service>, Path((host, kind, id)): ObjectPath, request: Request) -> Answer {
    let host = service.admit(&host, Sender::of(&request)).await?;
    let object = Object::named(&kind, &id)?;
    let is_key = matches!(object, Object::Named(Kind::Keys, _));
    // Who tries keys in turn stops at one that makes no sense: a PC that was taken over must
    // not be able to lock its own good backups with one.
    if is_key && service.store.has(host, Object::Config).await? && !service.store.has(host, object).await? {
        tracing::warn!(%host, "refused a key for a repository that is complete");
        return Err(RepositoryError::KeysAreSet);
    }
    write(&service, host, object, request).await
}

async fn remove_object(State(service): State<Service>, Path((host, kind, id)): ObjectPath, request: Request) -> Answer {
    let host = service.admit(&host, Sender::of(&request)).await?;
    let object = Object::named(&kind, &id)?;
    let removable = match object {
        Object::Named(Kind::Locks, _) => true,
        // Left by a first run that was cut off: nothing is encrypted with it.
        Object::Named(Kind::Keys, _) => !service.store.has(host, Object::Config).await?,
        _ => false,
    };
    if !removable {
        return Err(RepositoryError::AppendOnly);
    }
    service.store.remove(host, object).await?;
    Ok(StatusCode::OK.into_response())
}

async fn list(State(service): State<Service>, Path((host, kind)): Path<(String, String)>, request: Request) -> Answer {
    let host = service.admit(&host, Sender::of(&request)).await?;
    let kind = Kind::named(&kind)?;
    let place = service.gate.reading(sender_of(&request)?)?;
    let turn = service.listing.clone().acquire_owned().await.map_err(|_| RepositoryError::Busy)?;
    let items = service.store.list(host, kind).await?;
    let sizes = request.headers().get_all(ACCEPT).iter().any(|accept| accept == LIST_V2);
    let (version, body) = if sizes {
        (LIST_V2, serde_json::to_vec(&items))
    } else {
        (LIST_V1, serde_json::to_vec(&items.iter().map(|item| &item.name).collect::<Vec<_>>()))
    };
    let body = body.map_err(|e| RepositoryError::Disk(e.into()))?;
    drop((items, turn));
    let length = HeaderValue::from(body.len());
    let body = Body::from_stream(held(futures_util::stream::iter([Ok(Bytes::from(body))]), place));
    Ok(([(CONTENT_TYPE, HeaderValue::from_static(version)), (CONTENT_LENGTH, length)], body).into_response())
}

/// Who sent a request that was let in.
fn sender_of(request: &Request) -> Result<HostId, RepositoryError> {
    Sender::of(request).host.ok_or(RepositoryError::Stranger)
}

/// An answer that keeps its place until it is sent, or whoever asked is gone.
fn held<S>(content: S, place: OwnedSemaphorePermit) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static
where
    S: Stream<Item = io::Result<Bytes>> + Send + 'static,
{
    content.map(move |piece| {
        let _place = &place;
        piece
    })
}

async fn read(service: &Service, host: HostId, object: Object, request: Request) -> Answer {
    let place = service.gate.reading(sender_of(&request)?)?;
    let (mut file, size) = service.store.open_object(host, object).await?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let Some(wanted) = request.headers().get(RANGE) else {
        headers.insert(CONTENT_LENGTH, size.into());
        let body = if request.method() == Method::HEAD {
            Body::empty()
        } else {
            Body::from_stream(held(ReaderStream::new(file), place))
        };
        return Ok((headers, body).into_response());
    };
    let range = wanted.to_str().ok().and_then(|text| range::parse(text, size)).ok_or(RepositoryError::Range(size))?;
    let length = range.end - range.start;
    headers.insert(CONTENT_LENGTH, length.into());
    let content_range = format!("bytes {}-{}/{size}", range.start, range.end - 1);
    headers.insert(CONTENT_RANGE, HeaderValue::try_from(content_range).map_err(io::Error::other)?);
    file.seek(io::SeekFrom::Start(range.start)).await?;
    let part = ReaderStream::new(file.take(length));
    let body = if request.method() == Method::HEAD { Body::empty() } else { Body::from_stream(held(part, place)) };
    Ok((StatusCode::PARTIAL_CONTENT, headers, body).into_response())
}

async fn write(service: &Service, host: HostId, object: Object, request: Request) -> Answer {
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > object.limit()) {
        return Err(RepositoryError::TooLarge(object.limit()));
    }
    let pass = service.gate.admit(host, object, announced).await?;
    let length = service.store.write(host, object, request.into_body()).await?;
    drop(pass);
    Ok((Extension(Stored(length)), StatusCode::OK).into_response())
}
