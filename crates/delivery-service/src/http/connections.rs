//! Accepting connections, as many as allowed, and serving requests on each.

use super::requests::Shared;
use super::tls::Handshakes;
use crate::core::Pace;
use crate::observe::Observer;
use crate::service::Response;
use delivery_api::Problem;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// The head of a request: the longest path, an `Authorization` header and what proxies add.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Header fields of a request; proxies add some.
const HEADERS_MAX: usize = 64;

/// How long telling somebody that there are too many connections may take.
const REFUSAL_SECONDS_MAX: u64 = 1;

/// How many are told at a time.
const REFUSALS_MAX: usize = 64;

/// How long to wait before accepting again when accepting failed, say for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the connections of a listener may do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) connections_max: u32,
    pub(super) head_time_max: Duration,
    pub(super) cursors: Option<Pace>,
}

/// The least that a signed cursor has on the wire: log, position, key and signature.
const CURSOR_BYTES_MIN: usize = 32 + 8 + 32 + 64;

/// How fast one connection may have the signatures of cursors checked.
pub(super) struct ConnectionPace {
    pace: Option<Pace>,
    due: Mutex<u64>,
}

impl ConnectionPace {
    fn new(pace: Option<Pace>) -> Self {
        Self { pace, due: Mutex::new(0) }
    }

    /// Counts as many cursors as a body of this length may hold, unless that is too many.
    pub(super) fn count_cursors(&self, length: usize, now_seconds: u64) -> Result<(), Problem> {
        let Some(pace) = self.pace else { return Ok(()) };
        let count = u64::try_from(length.div_ceil(CURSOR_BYTES_MIN)).unwrap_or(u64::MAX);
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        *due = pace.count(*due, count, now_seconds)?;
        Ok(())
    }
}

/// The connections of a listener.
pub(super) struct Connections {
    router: axum::Router,
    limits: Limits,
    /// What goes before HTTP, if anything does.
    tls: Option<Handshakes>,
    observer: Arc<Observer>,
    stopped: watch::Receiver<bool>,
    free: Arc<Semaphore>,
    /// How many refusals may be under way; beyond it connections are just closed.
    refusals: Arc<Semaphore>,
}

impl Connections {
    pub(super) fn new(router: axum::Router, limits: Limits, shared: &Shared) -> Self {
        let permits = usize::try_from(limits.connections_max).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            router,
            limits,
            tls: None,
            observer: Arc::clone(&shared.observer),
            stopped: shared.stopped.clone(),
            free: Arc::new(Semaphore::new(permits)),
            refusals: Arc::new(Semaphore::new(REFUSALS_MAX)),
        }
    }

    /// The same, over TLS.
    pub(super) fn with_tls(self, tls: Option<Handshakes>) -> Self {
        Self { tls, ..self }
    }

    /// Accepts and serves connections for ever.
    pub(super) async fn accept(self: &Arc<Self>, listener: &TcpListener) {
        loop {
            // Who connects, by address, is forgotten here.
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            // Answers are small and awaited; a failure costs speed only.
            let _ = stream.set_nodelay(true);
            if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
                let this = Arc::clone(self);
                tokio::spawn(async move {
                    this.observer.connection_opened();
                    this.converse(stream).await;
                    this.observer.connection_closed();
                    drop(permit);
                });
                continue;
            }
            self.observer.connection_refused();
            // Over TLS telling would cost a handshake: the connection is just closed.
            if self.tls.is_some() {
                continue;
            }
            if let Ok(permit) = Arc::clone(&self.refusals).try_acquire_owned() {
                tokio::spawn(async move {
                    refuse(stream).await;
                    drop(permit);
                });
            }
        }
    }

    /// Waits until no connection is left.
    pub(super) async fn finished(&self) {
        // The semaphore is never closed.
        let _ = self.free.acquire_many(self.limits.connections_max).await;
    }

    /// Serves one connection, behind its handshake if there is one.
    async fn converse(&self, stream: TcpStream) {
        let Some(tls) = &self.tls else { return self.serve(stream).await };
        match tls.accept(stream).await {
            Some(stream) => {
                self.observer.handshake_done();
                self.serve(stream).await;
            }
            None => self.observer.handshake_failed(),
        }
    }

    /// Serves the requests of one connection until it ends or the server stops.
    async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        let mut stopped = self.stopped.clone();
        let pace = Arc::new(ConnectionPace::new(self.limits.cursors));
        let router = TowerToHyperService::new(self.router.clone());
        let service = service_fn(move |mut request: hyper::Request<_>| {
            request.extensions_mut().insert(Arc::clone(&pace));
            router.call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head_time_max)
            .max_headers(HEADERS_MAX)
            .max_header_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        tokio::pin!(connection);
        // How a connection ends is the client's business.
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = stopped.wait_for(|stopped| *stopped) => (),
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

/// Tells a client that there are too many connections.
async fn refuse(mut stream: TcpStream) {
    let Response { status, body } = Err(Problem::Unavailable).into();
    let head = format!(
        "HTTP/1.1 {status} Service Unavailable\r\nContent-Type: application/octet-stream\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let telling = async {
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&body).await?;
        stream.shutdown().await
    };
    // Whether it is heard is the client's business.
    let _ = tokio::time::timeout(Duration::from_secs(REFUSAL_SECONDS_MAX), telling).await;
}
