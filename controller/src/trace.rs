//! Which request caused what: each of the staff's has an id, made by the command line or here, that
//! stands in all that is logged on its behalf, goes with the jobs that it asks for to the PC, and
//! comes back with the answer.

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use keepwatch_proto::clock::Clock;
use keepwatch_proto::ids::RequestId;
use tracing::Instrument;

/// The header, and gRPC's metadata, that it goes by.
const HEADER: &str = "x-request-id";

tokio::task_local! {
    static CURRENT: RequestId;
}

/// The request on whose behalf this runs; `None`: nobody asked.
pub fn current() -> Option<RequestId> {
    CURRENT.try_with(|id| *id).ok()
}

/// Does work on behalf of a request.
pub async fn within<T>(id: RequestId, work: impl Future<Output = T>) -> T {
    CURRENT.scope(id, work.instrument(tracing::info_span!("request", request = %id))).await
}

/// Gives each request its id. What is no id of ours does not get into a log.
pub async fn follow(State(clock): State<Clock>, request: Request, next: Next) -> Response {
    let given = request.headers().get(HEADER).and_then(|value| value.to_str().ok()?.parse().ok());
    let id = given.unwrap_or_else(|| RequestId::new(&clock));
    let mut response = within(id, next.run(request)).await;
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::app::tests::{administrator, app, enrol};
    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use tower::ServiceExt;

    #[tokio::test]
    async fn a_job_carries_the_request_that_asked_for_it() {
        let (_folder, app) = app().await;
        let host = enrol(&app, "pc").await;
        let id = RequestId::new(&app.clock);
        within(id, app.ask_backup(&administrator(), "pc")).await.unwrap();
        assert_eq!(app.desired(host).await.unwrap().jobs[0].request, Some(id));
        assert_eq!(current(), None);
        app.ask_scan(&administrator(), "pc", vec![]).await.unwrap();
        assert_eq!(app.desired(host).await.unwrap().jobs[1].request, None);
    }

    #[tokio::test]
    async fn an_id_comes_back_and_what_is_none_is_replaced() {
        let clock = Clock::system();
        let own = RequestId::new(&clock).to_string();
        let said = get(async || current().unwrap().to_string());
        let router = Router::new().route("/", said).layer(from_fn_with_state(clock, follow));
        for (given, kept) in
            [(own.as_str(), true), ("evil\u{1b}[2J", false), ("1; DROP TABLE jobs", false), ("", false)]
        {
            let mut request = Request::new(Body::empty());
            let header = HeaderValue::from_bytes(given.as_bytes()).unwrap_or(HeaderValue::from_static("x"));
            request.headers_mut().insert(HEADER, header);
            let response = router.clone().oneshot(request).await.unwrap();
            let back = response.headers()[HEADER].to_str().unwrap();
            assert_eq!(back == given, kept, "{given:?}");
            assert!(back.parse::<RequestId>().is_ok());
        }
    }
}
