//! What only the operator may ask, at an address of its own: metrics and health.
//!
//! `/metrics` is for Prometheus. `/health/live` says that the process answers, `/health/ready` that
//! the store reads and its writer lives.

use super::requests::{Shared, write};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;

/// The routes.
pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/health/live", get(|| async { "live\n" }))
        .route("/health/ready", get(ready))
        .with_state(shared)
}

async fn metrics(State(shared): State<Shared>) -> Response {
    let content_type = (header::CONTENT_TYPE, "text/plain; version=0.0.4");
    ([content_type], shared.observer.metrics()).into_response()
}

async fn ready(State(shared): State<Shared>) -> Response {
    match write(&shared, Arc::new(shared.service.health_call())).await {
        Ok(_) => "ready\n".into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Shared, State, ready};
    use crate::core::{Config, ServiceCore};
    use crate::http::{Options, stream::Streams};
    use crate::key::ServiceKey;
    use crate::news::News;
    use crate::observe::Observer;
    use crate::service::Service;
    use crate::store::{Done, MemoryStore, Outcome, Store, Work};
    use delivery_api::Problem;
    use std::sync::Arc;
    use std::time::Duration;

    /// A store that can be read and whose writer is gone.
    struct Broken(MemoryStore);

    impl Store for Broken {
        fn write(&self, _: Work, done: Done) {
            done(Err(Problem::Unavailable));
        }

        fn read(&self, work: Work) -> Outcome {
            self.0.read(work)
        }
    }

    fn status_over(store: Arc<dyn Store>) -> u16 {
        let key = ServiceKey::from_seed(&[1; 32]).unwrap();
        let core = ServiceCore::new(key, Config::default());
        let (_stop, stopped) = tokio::sync::watch::channel(false);
        let shared = Shared {
            service: Service::new(Arc::new(core), store),
            news: Arc::new(News::new()),
            streams: Arc::new(Streams::new(&Options::default())),
            body_time_max: Duration::from_secs(1),
            observer: Arc::new(Observer::default()),
            stopped,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(ready(State(shared))).status().as_u16()
    }

    #[test]
    fn a_service_whose_writer_is_gone_is_not_ready() {
        assert_eq!(status_over(Arc::new(MemoryStore::new())), 200);
        assert_eq!(status_over(Arc::new(Broken(MemoryStore::new()))), 503);
    }
}
