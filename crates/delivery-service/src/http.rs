//! The service on a socket: HTTP/1.1 by axum, long polling, bounded bodies, graceful shutdown.
//!
//! Every request takes the same way: find the route to know how large the body may be, read the
//! body, admit and carry out on a blocking thread (writes on the store's writer), and map the
//! outcome to status and body in [`Response`]. Nothing of the connection, least of all its address,
//! reaches the logic.
//!
//! [`Server`] brings its own threads and can be used from any program, async or not.

use crate::core::{Answer, Call, Config, RawRequest, ServiceCore};
use crate::error::Error;
use crate::key::ServiceKey;
use crate::news::News;
use crate::service::{Response, Service};
use crate::store::{Outcome, SqliteStore};
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use delivery_api::{Problem, PublicKey, Route};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};

/// How long a body may take to arrive.
const BODY_SECONDS_MAX: u64 = 60;

/// How long shutting down waits for requests that are being answered.
const SHUTDOWN_SECONDS_MAX: u64 = 10;

/// How often expired rows are deleted.
const HOUSEKEEPING_SECONDS: u64 = 3600;

/// A running service.
pub struct Server {
    address: SocketAddr,
    public_key: PublicKey,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

impl Server {
    /// Starts a service that stores in `directory` and listens at `address`; port 0 takes any.
    ///
    /// # Errors
    /// The directory cannot be used, another service uses it, or the address is taken.
    pub fn bind(address: impl ToSocketAddrs, directory: &Path) -> Result<Self, Error> {
        Self::bind_with(address, directory, Config::default())
    }

    /// [`Server::bind`] with the operator's choices.
    ///
    /// # Errors
    /// As [`Server::bind`].
    pub fn bind_with(
        address: impl ToSocketAddrs,
        directory: &Path,
        config: Config,
    ) -> Result<Self, Error> {
        let store = SqliteStore::open(directory)?;
        let core = ServiceCore::new(ServiceKey::load_or_create(directory)?, config);
        let service = Service::new(Arc::new(core), Arc::new(store));
        let public_key = service.public_key();
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let (stop, stopped) = watch::channel(false);
        let thread =
            std::thread::Builder::new().name("delivery-http".to_owned()).spawn(move || {
                let result = runtime.block_on(serve(listener, service, stopped));
                runtime.shutdown_timeout(Duration::from_secs(1));
                result
            })?;
        Ok(Self { address, public_key, stop, thread: Some(thread) })
    }

    /// Where the service listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The key that signs receipts.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.public_key
    }

    /// Stops accepting, answers what is being answered, closes the store.
    ///
    /// # Errors
    /// The socket failed while the service ran.
    pub fn shutdown(mut self) -> Result<(), Error> {
        self.stop()
    }

    /// Runs until the process is asked to end (interrupt or terminate), then shuts down.
    ///
    /// # Errors
    /// Signals cannot be received, or the socket failed while the service ran.
    pub fn run_until_signal(mut self) -> Result<(), Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(signal())?;
        self.stop()
    }

    fn stop(&mut self) -> Result<(), Error> {
        self.stop.send_replace(true);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => Ok(result?),
            Some(Err(_)) => Err(Error::Io(std::io::Error::other("the server thread panicked"))),
            None => Ok(()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Whoever wants to know uses `shutdown`.
        let _ = self.stop();
    }
}

async fn signal() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

#[derive(Clone)]
struct Shared {
    service: Service,
    news: Arc<News>,
    stopped: watch::Receiver<bool>,
}

async fn serve(
    listener: std::net::TcpListener,
    service: Service,
    stopped: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let shared =
        Shared { service: service.clone(), news: Arc::new(News::new()), stopped: stopped.clone() };
    let housekeeping = tokio::spawn(housekeep(service));
    let router = axum::Router::new().fallback(handle).with_state(shared);
    let server = axum::serve(listener, router)
        .with_graceful_shutdown(until_stopped(stopped.clone()))
        .into_future();
    let patience = async {
        until_stopped(stopped).await;
        tokio::time::sleep(Duration::from_secs(SHUTDOWN_SECONDS_MAX)).await;
    };
    let result = tokio::select! {
        result = server => result,
        () = patience => Ok(()),
    };
    housekeeping.abort();
    result
}

async fn until_stopped(mut stopped: watch::Receiver<bool>) {
    // An error means that the handle is gone, which is a reason to stop too.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn housekeep(service: Service) {
    let mut interval = tokio::time::interval(Duration::from_secs(HOUSEKEEPING_SECONDS));
    loop {
        interval.tick().await;
        let service = service.clone();
        // If it fails, the next round tries again.
        let _ = tokio::task::spawn_blocking(move || service.housekeep(now_seconds())).await;
    }
}

/// The clock, read nowhere else in the service.
fn now_seconds() -> u64 {
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

async fn handle(State(shared): State<Shared>, request: Request) -> Response {
    Response::from(respond(&shared, request).await)
}

async fn respond(shared: &Shared, request: Request) -> Outcome {
    let (parts, body) = request.into_parts();
    let method = parts.method.as_str().to_owned();
    let path = parts.uri.path_and_query().ok_or(Problem::UnknownRoute)?.as_str().to_owned();
    let route = Route::parse(&method, &path).ok_or(Problem::UnknownRoute)?;
    let authorization = match parts.headers.get(header::AUTHORIZATION) {
        Some(value) => Some(value.to_str().map_err(|_| Problem::BadSignature)?.to_owned()),
        None => None,
    };
    let reading = to_bytes(body, route.body_bytes_max());
    let body = tokio::time::timeout(Duration::from_secs(BODY_SECONDS_MAX), reading)
        .await
        .map_err(|_| Problem::Unavailable)?
        .map_err(|_| Problem::TooLarge)?;
    let service = shared.service.clone();
    let call = blocking(move || {
        let raw = RawRequest {
            method: &method,
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

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Problem::Internal))
}

async fn write(shared: &Shared, call: Arc<Call>) -> Outcome {
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
