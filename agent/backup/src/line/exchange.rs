//! One request and its answer. It lasts for as long as bytes move, on however thin a line;
//! silence ends it, and the wish to stop ends it at once.

use crate::stop::Stop;
use crate::storage::StorageError;
use crate::throttle::Throttle;
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, StatusCode};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Sleep, sleep};

/// When nothing moves for so long, nothing will: a megabyte that the system has taken for sending
/// is on its way for as long on the thinnest of lines. A dead one is found by pings before that.
const SILENCE: Duration = Duration::from_secs(600);
/// How often is looked whether work should end.
const LOOK: Duration = Duration::from_millis(200);
/// Bytes that are sent in one piece: where the line is limited, one goes well within the silence.
const PIECE: usize = 16 << 10;
/// Where it is not.
const LARGE_PIECE: usize = 128 << 10;
/// Of an answer that is a refusal, as much is read.
const EXPLANATION: u64 = 512;

/// What carries requests out. Blocking; several threads may use it at once.
pub(super) struct Exchange {
    runtime: Runtime,
    stop: Arc<Stop>,
    throttle: Throttle,
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) content: Bytes,
}

/// Why there is no answer.
pub(super) enum Unanswered {
    Transport(reqwest::Error),
    Silence,
    Stopped,
    TooLarge,
}

impl Exchange {
    pub(super) fn new(stop: Arc<Stop>, throttle: Throttle) -> Result<Self, StorageError> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("line").enable_all().build();
        Ok(Self { runtime: runtime.map_err(|e| StorageError::Setup(e.to_string()))?, stop, throttle })
    }

    /// Asks, with this content if any; a good answer of more than `largest` bytes is none.
    pub(super) fn ask(&self, request: RequestBuilder, content: &[Bytes], largest: u64) -> Result<Answer, Unanswered> {
        let moved = Arc::<AtomicU64>::default();
        let request = if content.is_empty() {
            request
        } else {
            request.body(reqwest::Body::wrap(Upload::new(content, Arc::clone(&moved), self.throttle.clone())))
        };
        self.runtime.block_on(async {
            tokio::select! {
                answer = self.talk(request, &moved, largest) => answer,
                why = self.watch(&moved) => Err(why),
            }
        })
    }

    async fn talk(&self, request: RequestBuilder, moved: &AtomicU64, largest: u64) -> Result<Answer, Unanswered> {
        let mut answer = request.send().await.map_err(Unanswered::Transport)?;
        moved.fetch_add(1, Ordering::Relaxed);
        let (status, headers) = (answer.status(), answer.headers().clone());
        let most = if status.is_success() { largest } else { EXPLANATION };
        let mut content = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(Unanswered::Transport)? {
            moved.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            content.extend_from_slice(&chunk);
            if content.len() as u64 > most {
                if status.is_success() {
                    return Err(Unanswered::TooLarge);
                }
                break;
            }
            sleep(self.throttle.pass(chunk.len() as u64)).await;
        }
        Ok(Answer { status, headers, content: content.freeze() })
    }

    /// Ends when work should, or when nothing has moved for too long.
    async fn watch(&self, moved: &AtomicU64) -> Unanswered {
        let (mut last, mut since) = (0, Instant::now());
        loop {
            sleep(LOOK).await;
            if self.stop.wanted() {
                return Unanswered::Stopped;
            }
            let now = moved.load(Ordering::Relaxed);
            if now != last {
                (last, since) = (now, Instant::now());
            } else if since.elapsed() > SILENCE {
                return Unanswered::Silence;
            }
        }
    }
}

/// An object's parts on their way; each try shares them, none copies.
struct Upload {
    parts: VecDeque<Bytes>,
    left: u64,
    moved: Arc<AtomicU64>,
    throttle: Throttle,
    waits: Option<Pin<Box<Sleep>>>,
}

impl Upload {
    fn new(parts: &[Bytes], moved: Arc<AtomicU64>, throttle: Throttle) -> Self {
        let left = parts.iter().map(|part| part.len() as u64).sum();
        let parts = parts.iter().filter(|part| !part.is_empty()).cloned().collect();
        Self { parts, left, moved, throttle, waits: None }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(waits) = &mut self.waits {
            ready!(waits.as_mut().poll(cx));
            self.waits = None;
        }
        let largest = if self.throttle.is_limited() { PIECE } else { LARGE_PIECE };
        let Some(part) = self.parts.front_mut() else { return Poll::Ready(None) };
        let piece = part.split_to(part.len().min(largest));
        if part.is_empty() {
            self.parts.pop_front();
        }
        let length = piece.len() as u64;
        self.left -= length;
        self.moved.fetch_add(length, Ordering::Relaxed);
        let wait = self.throttle.pass(length);
        self.waits = (!wait.is_zero()).then(|| Box::pin(sleep(wait)));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.parts.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
