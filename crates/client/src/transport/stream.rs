//! The stream of hints (`delivery_api::stream`) over a WebSocket, blocking, on the caller's thread.
//!
//! Pings are answered while somebody waits. If nobody waits for long, the service drops the stream,
//! and the next wait fails.

use super::address::ServiceAddress;
use super::{CONNECT_SECONDS_MAX, TransportError, tls};
use delivery_api::{Route, limits};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Message, WebSocket};

/// Bytes of a message of the service: an event, with a problem at most.
const EVENT_BYTES_MAX: usize = 64 << 10;

/// How long opening, and each sending, may take.
const PATIENCE: Duration = Duration::from_secs(CONNECT_SECONDS_MAX);

/// A stream of hints, as a client uses it.
pub trait EventStream: Send {
    /// Sends a message.
    ///
    /// # Errors
    /// The stream is of no use any more.
    fn send(&mut self, message: Vec<u8>) -> Result<(), TransportError>;

    /// The next message of the service, if one comes in time.
    ///
    /// # Errors
    /// The stream is of no use any more.
    fn next(&mut self, patience: Duration) -> Result<Option<Vec<u8>>, TransportError>;
}

/// What lies below the WebSocket.
enum Socket {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Socket {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(stream) => &stream.sock,
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// The real one.
pub(super) struct WebSocketStream {
    socket: WebSocket<Socket>,
    /// For how long nothing was heard, pings neither, while somebody waited.
    silence: Duration,
}

impl WebSocketStream {
    pub(super) fn open(
        address: &ServiceAddress,
        tls: Option<&Arc<ClientConfig>>,
    ) -> Result<Self, TransportError> {
        let socket = connect(address, tls).map_err(|error| TransportError(error.to_string()))?;
        let scheme = if address.is_tls() { "wss" } else { "ws" };
        let url = format!("{scheme}://{}{}", address.host(), Route::Stream.path());
        let config = WebSocketConfig::default()
            .read_buffer_size(4 << 10)
            .max_message_size(Some(EVENT_BYTES_MAX))
            .max_frame_size(Some(EVENT_BYTES_MAX));
        let (socket, _) = tungstenite::client::client_with_config(url, socket, Some(config))
            .map_err(|error| TransportError(error.to_string()))?;
        Ok(Self { socket, silence: Duration::ZERO })
    }
}

fn connect(address: &ServiceAddress, tls: Option<&Arc<ClientConfig>>) -> std::io::Result<Socket> {
    let (host, port) = address.host_and_port();
    let mut last = std::io::Error::from(ErrorKind::AddrNotAvailable);
    for place in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&place, PATIENCE) {
            Ok(tcp) => {
                tcp.set_nodelay(true)?;
                tcp.set_read_timeout(Some(PATIENCE))?;
                tcp.set_write_timeout(Some(PATIENCE))?;
                let Some(config) = tls else { return Ok(Socket::Plain(tcp)) };
                let name = tls::server_name(host)?;
                let connection = ClientConnection::new(Arc::clone(config), name)
                    .map_err(std::io::Error::other)?;
                return Ok(Socket::Tls(Box::new(StreamOwned::new(connection, tcp))));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl EventStream for WebSocketStream {
    fn send(&mut self, message: Vec<u8>) -> Result<(), TransportError> {
        self.socket
            .send(Message::Binary(message.into()))
            .map_err(|error| TransportError(error.to_string()))
    }

    fn next(&mut self, patience: Duration) -> Result<Option<Vec<u8>>, TransportError> {
        let failed = |error: &dyn std::fmt::Display| TransportError(error.to_string());
        let end = Instant::now() + patience;
        loop {
            let began = Instant::now();
            // No time at all would mean for ever.
            let left = end.saturating_duration_since(began).max(Duration::from_millis(1));
            let tcp = self.socket.get_ref().tcp();
            tcp.set_read_timeout(Some(left)).map_err(|error| failed(&error))?;
            match self.socket.read() {
                Ok(Message::Binary(bytes)) => {
                    self.silence = Duration::ZERO;
                    return Ok(Some(bytes.to_vec()));
                }
                Ok(Message::Ping(_) | Message::Pong(_)) => self.silence = Duration::ZERO,
                Ok(Message::Close(_)) => return Err(failed(&"the service closed the stream")),
                Ok(_) => return Err(failed(&"the stream does not speak this protocol")),
                Err(tungstenite::Error::Io(error))
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    self.silence += began.elapsed();
                    if self.silence.as_secs() >= limits::STREAM_SILENCE_SECONDS_MAX {
                        return Err(failed(&"the stream is silent"));
                    }
                }
                Err(error) => return Err(failed(&error)),
            }
            if Instant::now() >= end {
                return Ok(None);
            }
        }
    }
}
