//! What the service counts, for whoever watches the controller.

use super::RepositoryError;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};

/// Counts, by what was asked and what came of it. Clones are one.
#[derive(Debug, Clone, Default)]
pub struct Meters {
    requests: Family<Labels, Counter>,
    received: Counter,
    sent: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    method: &'static str,
    outcome: &'static str,
}

/// What came of a request, on its way out with the answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome(pub(super) &'static str);

/// Bytes of an object that was stored, likewise.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stored(pub(super) u64);

impl Meters {
    /// Has them shown.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("repository");
        let requests = "Requests to the repository service, by method and by what came of them";
        registry.register("requests", requests, self.requests.clone());
        let received = "Objects received and stored";
        registry.register_with_unit("received", received, Unit::Bytes, self.received.clone());
        registry.register_with_unit("sent", "Objects sent", Unit::Bytes, self.sent.clone());
    }

    /// How many requests had this outcome.
    #[cfg(test)]
    pub(super) fn count(&self, method: &'static str, outcome: &'static str) -> u64 {
        self.requests.get_or_create(&Labels { method, outcome }).get()
    }
}

/// Counts each request and its outcome.
pub(super) async fn count(State(meters): State<Meters>, request: Request, next: Next) -> Response {
    let method = match *request.method() {
        Method::GET => "get",
        Method::HEAD => "head",
        Method::POST => "post",
        Method::DELETE => "delete",
        _ => "other",
    };
    let answer = next.run(request).await;
    let of_status = if answer.status().is_success() { "ok" } else { "unclear" };
    let outcome = answer.extensions().get().map_or(of_status, |Outcome(outcome)| outcome);
    meters.requests.get_or_create(&Labels { method, outcome }).inc();
    if let Some(Stored(bytes)) = answer.extensions().get() {
        meters.received.inc_by(*bytes);
    }
    let length = answer.headers().get(axum::http::header::CONTENT_LENGTH);
    let length: Option<u64> = length.and_then(|length| length.to_str().ok()?.parse().ok());
    if let Some(bytes) = length.filter(|_| method == "get" && answer.status().is_success()) {
        meters.sent.inc_by(bytes);
    }
    answer
}

impl RepositoryError {
    /// A word for it, that does not change.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Stranger => "stranger",
            Self::Foreign => "foreign",
            Self::AppendOnly => "append-only",
            Self::KeysAreSet => "keys-are-set",
            Self::Exists => "exists",
            Self::Unclear(_) => "unclear",
            Self::Corrupt => "corrupt",
            Self::BrokenOff => "broken-off",
            Self::TooLarge(_) => "too-large",
            Self::NotFound => "not-found",
            Self::Range(_) => "range",
            Self::Full => "full",
            Self::Quota(_) => "quota",
            Self::GroupQuota(_) => "group-quota",
            Self::TooMany(_) => "too-many",
            Self::Busy => "busy",
            Self::Disk(_) => "disk",
        }
    }
}
