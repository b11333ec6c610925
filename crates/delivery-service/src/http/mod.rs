//! The service on a socket: HTTP/1.1, long polling, bounded everything, graceful shutdown.
//!
//! * `connections` accepts, limits how many there are and how long a request's head may take.
//! * `tls` does what goes before HTTP, if the operator gave or wants a certificate.
//! * `operator`: metrics and health, at an address of their own.
//! * `requests`: every request takes the same way: find the route to know how large the body may
//!   be, read the body, admit and carry out on a blocking thread (writes on the store's writer),
//!   and map the outcome to status and body in [`Response`](crate::Response). Nothing of the
//!   connection, least of all its address, reaches the logic.
//! * `stream`: WebSockets over which clients hear that something is new.
//!
//! [`Server`] brings its own threads and can be used from any program, async or not.

mod connections;
mod operator;
mod requests;
mod stream;
mod tls;

pub use tls::Tls;

use crate::core::{Admission, Config, Pace, ServiceCore};
use crate::error::Error;
use crate::key::ServiceKey;
use crate::news::News;
use crate::observe::{LogSink, Observer};
use crate::service::Service;
use crate::store::{SqliteStore, Store};
use connections::{Connections, Limits};
use delivery_api::{PublicKey, limits};
use requests::{Shared, handle, now_seconds};
use std::net::{SocketAddr, TcpListener as StdListener, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use stream::Streams;
use tls::{Handshakes, Identity};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What an operator may choose about the socket.
#[derive(Clone, Debug)]
pub struct Options {
    /// What concerns the logic.
    pub config: Config,
    /// Who may register a device.
    pub admission: Admission,
    /// Connections at a time; whoever comes beyond it is told that the service is unavailable.
    /// Readers that wait for news hold one each.
    pub connections_max: u32,
    /// How long a connection may take to send the head of a request, the first or the next.
    pub head_time_max: Duration,
    /// How long a body may take to arrive.
    pub body_time_max: Duration,
    /// Streams at a time; they do not count as connections.
    pub streams_max: u32,
    /// Logs and inboxes that all streams together may have subscribed.
    pub subscriptions_max: u32,
    /// How long the client of a stream may be silent; it is pinged three times in that time.
    pub stream_silence_max: Duration,
    /// How many signed cursors one connection may send, in syncs and on its stream; `None` for no
    /// limit.
    pub cursors: Option<Pace>,
    /// Which certificate to show; plain HTTP without one.
    pub tls: Option<Tls>,
    /// TLS handshakes at a time; others wait for their turn.
    pub handshakes_max: u32,
    /// How long a TLS handshake may take, with the wait for its turn.
    pub handshake_time_max: Duration,
    /// Where metrics and health can be asked for, by the operator only; nowhere if not given.
    pub operator: Option<SocketAddr>,
    /// Where the log goes: a line per request and event, without identifiers.
    pub log: Option<LogSink>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            config: Config::default(),
            admission: Admission::default(),
            connections_max: 8192,
            head_time_max: Duration::from_secs(60),
            body_time_max: Duration::from_secs(60),
            streams_max: 4096,
            subscriptions_max: 500_000,
            stream_silence_max: Duration::from_secs(limits::STREAM_SILENCE_SECONDS_MAX),
            // A client in a thousand groups that comes back five times, and then once a minute.
            cursors: Some(Pace::new(5000, 1000)),
            tls: None,
            handshakes_max: 1024,
            handshake_time_max: Duration::from_secs(10),
            operator: None,
            log: None,
        }
    }
}

/// How long shutting down waits for requests that are being answered.
const SHUTDOWN_SECONDS_MAX: u64 = 10;

/// How often expired rows are deleted.
const HOUSEKEEPING_SECONDS: u64 = 3600;

/// A running service.
pub struct Server {
    address: SocketAddr,
    operator_address: Option<SocketAddr>,
    public_key: PublicKey,
    fingerprint: Option<[u8; 32]>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

impl Server {
    /// Starts a service that stores in `directory` and listens at `address`; port 0 takes any.
    ///
    /// # Errors
    /// The directory cannot be used, another service uses it, or the address is taken.
    pub fn bind(address: impl ToSocketAddrs, directory: &Path) -> Result<Self, Error> {
        Self::bind_with(address, directory, Options::default())
    }

    /// [`Server::bind`] with the operator's choices.
    ///
    /// # Errors
    /// As [`Server::bind`].
    pub fn bind_with(
        address: impl ToSocketAddrs,
        directory: &Path,
        options: Options,
    ) -> Result<Self, Error> {
        let store = Arc::new(SqliteStore::open(directory)?);
        Self::over(address, directory, store, options)
    }

    /// [`Server::bind_with`] over any store; the service's key is in `directory`. Services that
    /// share a store need the same key.
    ///
    /// # Errors
    /// The directory cannot be used, the store belongs to a service with another key, or the
    /// address is taken.
    pub fn over(
        address: impl ToSocketAddrs,
        directory: &Path,
        store: Arc<dyn Store>,
        options: Options,
    ) -> Result<Self, Error> {
        std::fs::create_dir_all(directory)?;
        let key = ServiceKey::load_or_create(directory)?;
        store.bind_key(key.public_key())?;
        let core = ServiceCore::new(key, options.config).with_admission(options.admission.clone());
        let service = Service::new(Arc::new(core), store);
        let public_key = service.public_key();
        let identity =
            options.tls.as_ref().map(|tls| Identity::load(tls, directory)).transpose()?;
        let fingerprint = identity.as_ref().map(Identity::fingerprint);
        let listener = listen(address)?;
        let address = listener.local_addr()?;
        let operator = options.operator.map(listen).transpose()?;
        let operator_address = operator.as_ref().map(StdListener::local_addr).transpose()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let (stop, stopped) = watch::channel(false);
        let listeners = Listeners { public: listener, identity, operator };
        let thread =
            std::thread::Builder::new().name("delivery-http".to_owned()).spawn(move || {
                let result = runtime.block_on(serve(listeners, service, options, stopped));
                runtime.shutdown_timeout(Duration::from_secs(1));
                result
            })?;
        Ok(Self { address, operator_address, public_key, fingerprint, stop, thread: Some(thread) })
    }

    /// Where the service listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Where metrics and health can be asked for.
    #[must_use]
    pub fn operator_addr(&self) -> Option<SocketAddr> {
        self.operator_address
    }

    /// The key that signs receipts.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.public_key
    }

    /// SHA-256 of the certificate that is shown, if there is TLS.
    #[must_use]
    pub fn certificate_fingerprint(&self) -> Option<[u8; 32]> {
        self.fingerprint
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

/// The sockets that a server accepts at.
struct Listeners {
    public: StdListener,
    identity: Option<Identity>,
    operator: Option<StdListener>,
}

fn listen(address: impl ToSocketAddrs) -> std::io::Result<StdListener> {
    let listener = StdListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

async fn serve(
    listeners: Listeners,
    service: Service,
    options: Options,
    stopped: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listeners.public)?;
    let observer = Arc::new(Observer::new(options.log.clone()));
    observer.log(now_seconds(), "started", &[]);
    let shared = Shared {
        service,
        news: Arc::new(News::new()),
        streams: Arc::new(Streams::new(&options)),
        body_time_max: options.body_time_max,
        observer,
        stopped: stopped.clone(),
    };
    let news = Arc::clone(&shared.news);
    shared.service.listen(Box::new(move |channel| news.publish_channel(channel)));
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(housekeep(shared.clone()));
    if let Some(operator) = listeners.operator {
        let listener = TcpListener::from_std(operator)?;
        let head_time_max = options.head_time_max;
        let limits = Limits { connections_max: 64, head_time_max, cursors: None };
        let router = operator::router(shared.clone());
        let connections = Arc::new(Connections::new(router, limits, &shared));
        tasks.spawn(async move { connections.accept(&listener).await });
    }
    let router = axum::Router::new().fallback(handle).with_state(shared.clone());
    let Options { connections_max, head_time_max, cursors, .. } = options;
    let handshakes = listeners.identity.map(|identity| {
        Handshakes::new(&identity, options.handshakes_max, options.handshake_time_max)
    });
    let limits = Limits { connections_max, head_time_max, cursors };
    let connections = Arc::new(Connections::new(router, limits, &shared).with_tls(handshakes));
    tokio::select! {
        () = connections.accept(&listener) => (),
        () = until_stopped(stopped) => (),
    }
    // Nobody new; those who are being answered get a moment.
    drop(listener);
    let patience = Duration::from_secs(SHUTDOWN_SECONDS_MAX);
    let _ = tokio::time::timeout(patience, async {
        // A connection may turn into a stream, but no stream into a connection.
        connections.finished().await;
        shared.streams.finished().await;
    })
    .await;
    shared.observer.log(now_seconds(), "stopped", &[]);
    Ok(())
}

async fn until_stopped(mut stopped: watch::Receiver<bool>) {
    // An error means that the handle is gone, which is a reason to stop too.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn housekeep(shared: Shared) {
    let mut interval = tokio::time::interval(Duration::from_secs(HOUSEKEEPING_SECONDS));
    loop {
        interval.tick().await;
        let service = shared.service.clone();
        let done = tokio::task::spawn_blocking(move || service.housekeep(now_seconds())).await;
        // The next round tries again.
        if !matches!(done, Ok(Ok(()))) {
            shared.observer.housekeeping_failed();
            shared.observer.log(now_seconds(), "housekeeping failed", &[]);
        }
    }
}
