//! Carries requests to the delivery service and answers back; the only place that touches the
//! network.
//!
//! * [`Transport`] is what a client needs: one request, one answer, blocking. Tests and simulations
//!   bring their own.
//! * [`HttpTransport`] is the real one: HTTP/1.1 over TLS 1.3. Without TLS requests are signed all
//!   the same, and bodies sealed by MLS, but an observer of the network sees who asks for what.
//! * [`ServiceAddress`] says where a service is and whose certificate it must show.
//!
//! * [`EventStream`] tells when reading is worth while; a transport without one is polled.
//!
//! A transport never retries: whether a request may be sent again is the engine's to say.

mod address;
mod stream;
mod tls;

pub use address::{ServiceAddress, Trust};
pub use stream::EventStream;

use crate::Misuse;
use delivery_api::{Method, limits};
use std::sync::Arc;
use std::time::Duration;
use tls::TlsConnector;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector, TcpConnector};

/// How long to wait for a connection.
const CONNECT_SECONDS_MAX: u64 = 10;

/// How long an answer may take beyond what the request itself asks to wait.
const ANSWER_SECONDS_MAX: u64 = 60;

/// Bytes of an answer: the largest is a page with one entry that is as large as a bundle may be.
const ANSWER_BYTES_MAX: u64 = 2 * limits::BUNDLE_BYTES_MAX as u64;

/// A request, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The path with its query.
    pub path: String,
    /// The value of the `Authorization` header.
    pub authorization: Option<String>,
    /// The body; empty for `GET`.
    pub body: Vec<u8>,
    /// How long the service may hold the answer back, in seconds.
    pub wait_seconds: u32,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// Why nothing came back. Whether the request took effect is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportError(pub String);

impl std::fmt::Display for TransportError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "the delivery service cannot be reached: {}", self.0)
    }
}

impl std::error::Error for TransportError {}

/// Something that carries requests.
pub trait Transport: Send + Sync {
    /// Sends one request and waits for its answer.
    ///
    /// # Errors
    /// Nothing came back; the request may have taken effect all the same.
    fn send(&self, request: &HttpRequest) -> Result<HttpResponse, TransportError>;

    /// Opens a stream of hints, if this transport can.
    ///
    /// # Errors
    /// The service cannot be reached, or offers none now.
    fn open_stream(&self) -> Result<Option<Box<dyn EventStream>>, TransportError> {
        Ok(None)
    }
}

/// HTTP/1.1 with connections that are kept open.
pub struct HttpTransport {
    agent: ureq::Agent,
    address: ServiceAddress,
    tls: Option<Arc<rustls::ClientConfig>>,
}

impl HttpTransport {
    /// A transport to the service at `server`, for example `http://127.0.0.1:7420`.
    ///
    /// # Errors
    /// `server` is not a [`ServiceAddress`], or the certificates in it are none.
    pub fn new(server: &str) -> Result<Self, Misuse> {
        let address = ServiceAddress::parse(server)?;
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(Duration::from_secs(CONNECT_SECONDS_MAX)))
            // Whoever wants a proxy configures one here; the environment does not decide silently.
            .proxy(None)
            .build();
        let (tcp, resolver) = (().chain(TcpConnector::default()), DefaultResolver::default());
        let tls = address.is_tls().then(|| tls::config(&address)).transpose()?;
        let agent = match &tls {
            Some(tls) => {
                let connector = tcp.chain(TlsConnector(Arc::clone(tls)));
                ureq::Agent::with_parts(config, connector, resolver)
            }
            None => ureq::Agent::with_parts(config, tcp, resolver),
        };
        Ok(Self { agent, address, tls })
    }

    fn carry(&self, request: &HttpRequest) -> Result<HttpResponse, ureq::Error> {
        let mut builder = ureq::http::Request::builder()
            .method(request.method.as_str())
            .uri(format!("{}{}", self.address.url(), request.path));
        if let Some(value) = &request.authorization {
            builder = builder.header("authorization", value);
        }
        let patience = ANSWER_SECONDS_MAX + u64::from(request.wait_seconds);
        let timeout = Some(Duration::from_secs(patience));
        let response = if request.method == Method::Get {
            let request = builder.body(())?;
            self.agent.run(self.agent.configure_request(request).timeout_global(timeout).build())?
        } else {
            let request = builder.body(request.body.as_slice())?;
            self.agent.run(self.agent.configure_request(request).timeout_global(timeout).build())?
        };
        let status = response.status().as_u16();
        let body = response.into_body().into_with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
        Ok(HttpResponse { status, body })
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: &HttpRequest) -> Result<HttpResponse, TransportError> {
        self.carry(request).map_err(|error| TransportError(error.to_string()))
    }

    fn open_stream(&self) -> Result<Option<Box<dyn EventStream>>, TransportError> {
        let stream = stream::WebSocketStream::open(&self.address, self.tls.as_ref())?;
        Ok(Some(Box::new(stream)))
    }
}
