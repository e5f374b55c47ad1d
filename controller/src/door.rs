//! A door: a TCP port behind TLS that serves HTTP/1 and HTTP/2. Both doors are this; they
//! differ in whom they let in, and in what they lead to.

use axum::extract::Request;
use axum::{Router, middleware};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Handshakes under way at once; the rest wait their turn in the listener's queue.
const HANDSHAKES: usize = 128;
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
const FIRST_REQUEST_TIME: Duration = Duration::from_secs(20);
/// As the agents' side has it.
const PING_EVERY: Duration = Duration::from_secs(30);
/// An answer waits behind what is being sent: on a thin line for a minute.
const PING_TIME: Duration = Duration::from_secs(90);
const STREAMS_PER_CONNECTION: u32 = 64;
/// Bytes that a connection may send before we have taken them in.
const WINDOW: u32 = 2 << 20;
/// Bytes in one frame that we take: packs come in fewer, larger ones.
const LARGEST_FRAME: u32 = 128 << 10;

/// Who stands at the door.
pub struct Caller {
    /// Where from.
    pub address: SocketAddr,
    /// What they showed, verified against our CA.
    pub certificate: Option<CertificateDer<'static>>,
}

/// Let in.
pub struct Admission {
    /// What this connection's requests lead to.
    pub router: Router,
    /// Ends the connection at once.
    pub leash: CancellationToken,
    /// A place that the connection takes up while it lasts, where places are counted.
    pub permit: Option<OwnedSemaphorePermit>,
}

/// Serves until `shutdown`. `admit` decides about each connection; `None` closes it.
pub async fn serve<A, F>(listener: TcpListener, tls: Arc<ServerConfig>, admit: A, shutdown: CancellationToken)
where
    A: Fn(Caller) -> F + Clone + Send + 'static,
    F: Future<Output = Option<Admission>> + Send + 'static,
{
    let acceptor = TlsAcceptor::from(tls);
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, most likely: those in use must end first.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(permit) = handshakes.clone().acquire_owned().await else { break };
        let (acceptor, admit, shutdown) = (acceptor.clone(), admit.clone(), shutdown.clone());
        connections.spawn(async move {
            let shaken = tokio::time::timeout(HANDSHAKE_TIME, handshake(acceptor, stream, address)).await;
            drop(permit);
            let Ok(Some((stream, caller))) = shaken else { return };
            let Some(Admission { router, leash, permit: _permit }) = admit(caller).await else { return };
            tokio::select! {
                () = leash.cancelled() => {}
                () = shutdown.cancelled() => {}
                () = converse(stream, router) => {}
            }
        });
    }
    connections.close();
    connections.wait().await;
}

type TlsStream = tokio_rustls::server::TlsStream<TcpStream>;

async fn handshake(acceptor: TlsAcceptor, stream: TcpStream, address: SocketAddr) -> Option<(TlsStream, Caller)> {
    stream.set_nodelay(true).ok()?;
    match acceptor.accept(stream).await {
        Ok(stream) => {
            let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
            let certificate = shown.map(|c| c.clone().into_owned());
            Some((stream, Caller { address, certificate }))
        }
        Err(error) => {
            tracing::debug!(%address, %error, "no TLS connection");
            None
        }
    }
}

/// Serves a connection that speaks; one that asks for nothing is ended.
async fn converse(stream: TlsStream, router: Router) {
    let spoke = CancellationToken::new();
    let heard = spoke.clone();
    let router = router.layer(middleware::map_request(move |request: Request| {
        heard.cancel();
        std::future::ready(request)
    }));
    tokio::select! {
        () = silence(&spoke) => tracing::debug!("a connection asked for nothing"),
        () = serve_connection(stream, router) => {}
    }
}

async fn silence(spoke: &CancellationToken) {
    if tokio::time::timeout(FIRST_REQUEST_TIME, spoke.cancelled()).await.is_ok() {
        std::future::pending().await
    }
}

async fn serve_connection(stream: TlsStream, router: Router) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HANDSHAKE_TIME);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIME)
        .max_frame_size(LARGEST_FRAME)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_concurrent_streams(STREAMS_PER_CONNECTION);
    if let Err(error) =
        builder.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(router)).await
    {
        tracing::debug!(%error, "a connection ended early");
    }
}
