//! TLS in front of HTTP: which certificate, which versions, how slow.

use crate::http::exchange_over;
use crate::world::{Directory, unpaced};
use delivery_service::{Error, Options, Server, Tls};
use pki_types::pem::PemObject;
use pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn self_made() -> Options {
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    Options { tls: Some(Tls::SelfMade { names }), ..unpaced() }
}

fn bind(directory: &Directory, options: Options) -> Server {
    Server::bind_with("127.0.0.1:0", directory.path(), options).unwrap()
}

fn certificate(directory: &Directory) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(directory.path().join("tls-certificate.pem")).unwrap()
}

/// A connection of a client that knows one authority.
fn connect(
    server: &Server,
    authority: &CertificateDer<'static>,
    name: &'static str,
) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name).unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    StreamOwned::new(connection, TcpStream::connect(server.local_addr()).unwrap())
}

fn health(stream: &mut (impl Read + Write)) -> std::io::Result<u16> {
    Ok(exchange_over(stream, ("GET", "/v1/health"), None, b"")?.0)
}

#[test]
fn a_self_made_certificate_is_made_once_and_serves_its_names() {
    let directory = Directory::new();
    let server = bind(&directory, self_made());
    let made = certificate(&directory);
    let fingerprint = server.certificate_fingerprint().unwrap();
    assert_eq!(fingerprint, crate::world::sha256(&made));
    for name in ["127.0.0.1", "localhost"] {
        let mut stream = connect(&server, &made, name);
        assert_eq!(health(&mut stream).unwrap(), 200);
        let version = stream.conn.protocol_version();
        assert_eq!(version, Some(rustls::ProtocolVersion::TLSv1_3));
    }
    assert!(health(&mut connect(&server, &made, "elsewhere.example")).is_err());
    server.shutdown().unwrap();
    let server = bind(&directory, self_made());
    assert_eq!(server.certificate_fingerprint(), Some(fingerprint));
    assert_eq!(health(&mut connect(&server, &made, "localhost")).unwrap(), 200);
    #[cfg(unix)]
    for file in ["tls-key.pem", "tls-certificate.pem"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(directory.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn a_certificate_from_files_is_the_one_that_is_shown() {
    let (other, directory) = (Directory::new(), Directory::new());
    let fingerprint = bind(&other, self_made()).certificate_fingerprint();
    let files = |key: &Path| Options {
        tls: Some(Tls::Files {
            certificates: other.path().join("tls-certificate.pem"),
            key: key.to_owned(),
        }),
        ..unpaced()
    };
    let server = bind(&directory, files(&other.path().join("tls-key.pem")));
    assert_eq!(server.certificate_fingerprint(), fingerprint);
    assert_eq!(health(&mut connect(&server, &certificate(&other), "localhost")).unwrap(), 200);
    drop(server);
    // A key that is missing, no key, or of another certificate is refused at the start.
    let stranger = Directory::new();
    bind(&stranger, self_made()).shutdown().unwrap();
    for key in [
        stranger.path().join("none.pem"),
        stranger.path().join("tls-certificate.pem"),
        stranger.path().join("tls-key.pem"),
    ] {
        let refused = Server::bind_with("127.0.0.1:0", directory.path(), files(&key));
        assert!(matches!(refused, Err(Error::Tls(_))), "{}", key.display());
    }
}

#[test]
fn a_client_that_does_not_know_the_certificate_does_not_talk() {
    let (directory, other) = (Directory::new(), Directory::new());
    let server = bind(&directory, self_made());
    bind(&other, self_made()).shutdown().unwrap();
    assert!(health(&mut connect(&server, &certificate(&other), "localhost")).is_err());
    // Nor does one that speaks plain HTTP get an answer.
    let mut plain = TcpStream::connect(server.local_addr()).unwrap();
    assert!(health(&mut plain).is_err());
}

#[test]
fn older_versions_of_tls_are_refused() {
    let directory = Directory::new();
    let server = bind(&directory, self_made());
    // A ClientHello (RFC 5246, section 7.4.1.2) of TLS 1.2: no `supported_versions`.
    let extensions = [
        &[0x00, 0x0a, 0x00, 0x04, 0x00, 0x02, 0x00, 0x17][..], // supported_groups: secp256r1
        &[0x00, 0x0d, 0x00, 0x04, 0x00, 0x02, 0x04, 0x03],     // ecdsa_secp256r1_sha256
    ]
    .concat();
    let mut hello = vec![0x03, 0x03];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x2b, 1, 0, 0, u8::try_from(extensions.len()).unwrap()]);
    hello.extend(extensions);
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![0x16, 0x03, 0x01, 0, length + 4, 0x01, 0, 0, length];
    record.extend(hello);
    let mut stream = TcpStream::connect(server.local_addr()).unwrap();
    stream.write_all(&record).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    // A fatal alert, protocol_version (RFC 8446, section 6.2).
    assert_eq!(answer, [0x15, 0x03, 0x03, 0, 2, 2, 70]);
}

#[test]
fn a_handshake_that_never_comes_is_cut_off_and_counted() {
    let directory = Directory::new();
    let options = Options {
        handshake_time_max: Duration::from_millis(100),
        handshakes_max: 1,
        operator: Some("127.0.0.1:0".parse().unwrap()),
        ..self_made()
    };
    let server = bind(&directory, options);
    let mut silent = TcpStream::connect(server.local_addr()).unwrap();
    silent.read_to_end(&mut Vec::new()).unwrap();
    let made = certificate(&directory);
    // On a slow machine it may take several.
    while health(&mut connect(&server, &made, "localhost")).is_err() {}
    let mut operator = TcpStream::connect(server.operator_addr().unwrap()).unwrap();
    let (_, body) = exchange_over(&mut operator, ("GET", "/metrics"), None, b"").unwrap();
    let text = String::from_utf8(body).unwrap();
    assert!(text.contains("\nconclave_tls_handshakes_total 1\n"), "{text}");
    assert!(!text.contains("\nconclave_tls_handshakes_failed_total 0\n"), "{text}");
}

#[test]
fn the_next_handshake_waits_for_its_turn() {
    let directory = Directory::new();
    let server = bind(&directory, Options { handshakes_max: 1, ..self_made() });
    let silent = TcpStream::connect(server.local_addr()).unwrap();
    let made = certificate(&directory);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| health(&mut connect(&server, &made, "localhost")).unwrap());
        std::thread::sleep(Duration::from_millis(50));
        // Now it is the other's turn.
        drop(silent);
        assert_eq!(waiting.join().unwrap(), 200);
    });
}

#[test]
fn a_stream_runs_over_tls_too() {
    let directory = Directory::new();
    let server = bind(&directory, self_made());
    let stream = connect(&server, &certificate(&directory), "localhost");
    let (mut socket, _) = tungstenite::client("wss://localhost/v1/stream", stream).unwrap();
    server.shutdown().unwrap();
    let closed = socket.read().unwrap();
    assert!(
        matches!(closed, tungstenite::Message::Close(Some(frame)) if frame.code == 1001.into())
    );
}
