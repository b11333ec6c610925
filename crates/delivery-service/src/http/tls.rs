//! TLS 1.3 (RFC 8446) for the public listener: certificates from files or self-made, handshakes
//! bounded in time and number.
//!
//! A self-made certificate is for local use: it is made once, kept beside the database, and clients
//! pin it by its SHA-256 fingerprint or take the file as their authority.

use crate::error::Error;
use aws_lc_rs::digest::{SHA256, digest};
use pki_types::pem::PemObject;
use pki_types::{CertificateDer, PrivateKeyDer};
use rustls::ServerConfig;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use zeroize::Zeroizing;

/// Where a self-made certificate is kept, beside the database.
const CERTIFICATE_FILE: &str = "tls-certificate.pem";

/// Where its key is kept, readable by the owner only.
const KEY_FILE: &str = "tls-key.pem";

/// The only application protocol (RFC 7301).
const HTTP_1_1: &[u8] = b"http/1.1";

/// Which certificate to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// A chain and its key in files, as PEM (RFC 7468).
    Files {
        /// The certificates, the service's own first.
        certificates: PathBuf,
        /// The private key.
        key: PathBuf,
    },
    /// One made by the service itself, once, for these host names and addresses.
    SelfMade {
        /// The names.
        names: Vec<String>,
    },
}

/// A certificate that is ready to be shown.
pub(super) struct Identity {
    config: Arc<ServerConfig>,
    fingerprint: [u8; 32],
}

impl Identity {
    pub(super) fn load(tls: &Tls, directory: &Path) -> Result<Self, Error> {
        match tls {
            Tls::Files { certificates, key } => Self::from_files(certificates, key),
            Tls::SelfMade { names } => {
                let (certificate, key) =
                    (directory.join(CERTIFICATE_FILE), directory.join(KEY_FILE));
                // The certificate is written last: where it is, the key is whole.
                if !certificate.try_exists()? {
                    make(names, &certificate, &key)?;
                }
                Self::from_files(&certificate, &key)
            }
        }
    }

    fn from_files(certificates: &Path, key: &Path) -> Result<Self, Error> {
        let unreadable = |path: &Path, error: &dyn std::fmt::Display| {
            Error::Tls(format!("{}: {error}", path.display()))
        };
        let chain = CertificateDer::pem_file_iter(certificates)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| unreadable(certificates, &error))?;
        let own = chain.first().ok_or_else(|| unreadable(certificates, &"no certificate"))?;
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest(&SHA256, own).as_ref());
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, &error))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| Error::Tls(error.to_string()))?;
        config.alpn_protocols = vec![HTTP_1_1.to_vec()];
        Ok(Self { config: Arc::new(config), fingerprint })
    }

    /// SHA-256 of the certificate.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }
}

/// Makes a certificate for these names, with a key of its own.
fn make(names: &[String], certificate: &Path, key: &Path) -> Result<(), Error> {
    let failed = |error: rcgen::Error| Error::Tls(error.to_string());
    let pair = rcgen::KeyPair::generate().map_err(failed)?;
    let mut parameters = rcgen::CertificateParams::new(names.to_vec()).map_err(failed)?;
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "Conclave delivery service");
    let made = parameters.self_signed(&pair).map_err(failed)?;
    write(key, Zeroizing::new(pair.serialize_pem()).as_bytes())?;
    write(certificate, made.pem().as_bytes())
}

/// Writes a file that appears under its name only once it is whole, readable by the owner only.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let draft = path.with_extension("new");
    match std::fs::remove_file(&draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(std::fs::rename(&draft, path)?)
}

/// Does handshakes, not too many at a time and none for too long.
pub(super) struct Handshakes {
    acceptor: TlsAcceptor,
    free: Semaphore,
    time_max: Duration,
}

impl Handshakes {
    pub(super) fn new(identity: &Identity, number_max: u32, time_max: Duration) -> Self {
        let permits = usize::try_from(number_max).unwrap_or(Semaphore::MAX_PERMITS);
        let acceptor = TlsAcceptor::from(Arc::clone(&identity.config));
        Self { acceptor, free: Semaphore::new(permits), time_max }
    }

    /// The stream below HTTP, or nothing if the client does not get there: waiting for its turn
    /// counts too.
    pub(super) async fn accept(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let handshake = async {
            // The semaphore is never closed.
            let _turn = self.free.acquire().await.ok()?;
            self.acceptor.accept(stream).await.ok()
        };
        tokio::time::timeout(self.time_max, handshake).await.ok().flatten()
    }
}
