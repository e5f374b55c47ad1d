//! What makes pages live: a stream of "something has changed". The page then asks for
//! itself again, so there is one way to show a thing and nothing to get out of step.

use super::session::Visitor;
use crate::app::App;
use crate::hub::Change;
use axum::Extension;
use axum::extract::{Query, State};
use axum::response::sse::{Event, Sse};
use futures_util::Stream;
use keepwatch_proto::ids::HostId;
use serde::Deserialize;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

/// Changes come in swarms: one look serves for all that come within this time.
const SETTLE: Duration = Duration::from_millis(300);
/// States age without any change, and a session ends.
const TICK: Duration = Duration::from_secs(30);

/// What a page is about.
#[derive(Deserialize)]
pub struct Subject {
    /// One host only.
    host: Option<String>,
}

struct Watch {
    app: Arc<App>,
    visitor: Visitor,
    host: Option<HostId>,
    changes: Receiver<Change>,
    begun: bool,
    over: bool,
}

/// The stream.
pub async fn events(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(subject): Query<Subject>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let host = subject.host.and_then(|h| h.parse().ok());
    let changes = app.hub.watch();
    let watch = Watch { app, visitor, host, changes, begun: false, over: false };
    Sse::new(futures_util::stream::unfold(watch, |mut watch| async move {
        let event = watch.next().await?;
        Some((Ok(event), watch))
    }))
}

impl Watch {
    async fn next(&mut self) -> Option<Event> {
        if self.over {
            return None;
        }
        if self.begun {
            self.change().await?;
        }
        // The first event is for what changed between the page and this stream.
        self.begun = true;
        // After the last one, the page finds the session ended by itself.
        self.over = self.app.actor(&self.visitor.token, &self.visitor.actor.origin).await.is_err();
        Some(Event::default().event("change").data("."))
    }

    /// Returns when there is something new to see; `None`: there never will be.
    async fn change(&mut self) -> Option<()> {
        let mut tick = pin!(tokio::time::sleep(TICK));
        loop {
            tokio::select! {
                () = &mut tick => return Some(()),
                change = self.changes.recv() => match change {
                    Ok(change) if !self.concerns(change) => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return None,
                }
            }
        }
        tokio::time::sleep(SETTLE).await;
        while !matches!(self.changes.try_recv(), Err(TryRecvError::Empty | TryRecvError::Closed)) {}
        Some(())
    }

    fn concerns(&self, change: Change) -> bool {
        match (change, self.host) {
            (Change::Host(changed), Some(host)) => changed == host,
            _ => true,
        }
    }
}
