//! One request on its way: body, admission, the store, waiting for news, the response.

use super::connections::ConnectionPace;
use super::stream::{self, Streams};
use crate::core::{Answer, Call, RawRequest};
use crate::news::News;
use crate::observe::{Field, Observer};
use crate::service::{Response, Service};
use crate::store::Outcome;
use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::{Request, State};
use axum::http::uri::PathAndQuery;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use delivery_api::{Problem, Route};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{oneshot, watch};

/// What all requests share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) service: Service,
    pub(super) news: Arc<News>,
    pub(super) streams: Arc<Streams>,
    pub(super) body_time_max: Duration,
    pub(super) observer: Arc<Observer>,
    pub(super) stopped: watch::Receiver<bool>,
}

/// The clock, read nowhere else in the service.
pub(super) fn now_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

impl IntoResponse for Response {
    fn into_response(self) -> axum::response::Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let content_type = (header::CONTENT_TYPE, "application/octet-stream");
        // Answers depend on who asks and when.
        let cache_control = (header::CACHE_CONTROL, "no-store");
        (status, [content_type, cache_control], Body::from(self.body)).into_response()
    }
}

pub(super) async fn handle(
    State(shared): State<Shared>,
    request: Request,
) -> axum::response::Response {
    let start = Instant::now();
    let method = request.method().as_str().to_owned();
    let path = request.uri().path_and_query().map_or("", PathAndQuery::as_str).to_owned();
    let route = Route::parse(&method, &path);
    let name = route.as_ref().map_or("unknown", Route::name);
    let response = match route {
        Some(Route::Stream) => stream::open(&shared, request).await,
        Some(Route::OpenApi) => {
            let outcome = respond(&shared, &Route::OpenApi, request).await;
            let json = (header::CONTENT_TYPE, "application/json");
            ([json], Response::from(outcome)).into_response()
        }
        Some(route) => Response::from(respond(&shared, &route, request).await).into_response(),
        None => Response::from(Err(Problem::UnknownRoute)).into_response(),
    };
    let (status, took) = (response.status().as_u16(), start.elapsed());
    shared.observer.request(name, status, took);
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let fields = [
        ("route", Field::Name(name)),
        ("status", Field::Number(status.into())),
        ("micros", Field::Number(micros)),
    ];
    shared.observer.log(now_seconds(), "request", &fields);
    response
}

async fn respond(shared: &Shared, route: &Route, request: Request) -> Outcome {
    let (parts, body) = request.into_parts();
    let (method, path) = (route.method().as_str(), route.path());
    let authorization = match parts.headers.get(header::AUTHORIZATION) {
        Some(value) => Some(value.to_str().map_err(|_| Problem::BadSignature)?.to_owned()),
        None => None,
    };
    // Told before a byte of it is read, where the client says so.
    if size_hint(&body) > route.body_bytes_max() {
        return Err(Problem::TooLarge);
    }
    let reading = to_bytes(body, route.body_bytes_max());
    let body = tokio::time::timeout(shared.body_time_max, reading)
        .await
        .map_err(|_| Problem::TooSlow)?
        .map_err(|_| Problem::TooLarge)?;
    if let (Route::Sync, Some(pace)) = (route, parts.extensions.get::<Arc<ConnectionPace>>()) {
        pace.count_cursors(body.len(), now_seconds())?;
    }
    let service = shared.service.clone();
    let call = blocking(move || {
        let raw = RawRequest {
            method,
            path: &path,
            authorization: authorization.as_deref(),
            body: &body,
        };
        service.admit(&raw, now_seconds())
    })
    .await?;
    let call = Arc::new(call);
    if call.writes() { write(shared, call).await } else { read(shared, call).await }
}

/// The least that a body will turn out to be.
fn size_hint(body: &Body) -> usize {
    usize::try_from(HttpBody::size_hint(body).lower()).unwrap_or(usize::MAX)
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Problem::Internal))
}

pub(super) async fn write(shared: &Shared, call: Arc<Call>) -> Outcome {
    let (sender, receiver) = oneshot::channel();
    let news = Arc::clone(&shared.news);
    shared.service.write(call, move |outcome| {
        // Here, not behind the receiver: the requester may have hung up, the others still wait.
        if let Ok(Answer { news: topics, .. }) = &outcome {
            topics.iter().for_each(|topic| news.publish(*topic));
        }
        // Nobody to tell if the requester hung up.
        let _ = sender.send(outcome);
    });
    receiver.await.unwrap_or(Err(Problem::Unavailable))
}

async fn read(shared: &Shared, call: Arc<Call>) -> Outcome {
    let once = |call| {
        let service = shared.service.clone();
        blocking(move || service.read(call))
    };
    let Some((topic, wait_seconds)) = call.wait() else { return once(call).await };
    let deadline = tokio::time::sleep(Duration::from_secs(wait_seconds.into()));
    tokio::pin!(deadline);
    let mut news = shared.news.subscribe(topic);
    let mut stopped = shared.stopped.clone();
    loop {
        news.mark_unchanged();
        let answer = once(Arc::clone(&call)).await?;
        if !answer.may_wait {
            return Ok(answer);
        }
        let _counted = shared.observer.request_waits();
        let changed = tokio::select! {
            result = news.changed() => result.is_ok(),
            () = &mut deadline => false,
            _ = stopped.wait_for(|stopped| *stopped) => false,
        };
        if !changed {
            return Ok(answer);
        }
    }
}
