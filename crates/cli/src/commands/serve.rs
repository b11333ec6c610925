//! `conclave serve`: run the delivery service until interrupted.

use crate::failure::Failure;
use crate::output::Output;
use delivery_service::core::{Admission, Config};
use delivery_service::store::PostgresStore;
use delivery_service::{LogSink, Options, Server, Tls};
use serde_json::json;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(clap::Args)]
pub(crate) struct Serve {
    /// The folder of the service's store; created if needed
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Store in this PostgreSQL database instead of the folder, which then holds the service's key
    /// only; several services with the same key may share it
    #[arg(long, value_name = "URL", env = "CONCLAVE_DATABASE", hide_env_values = true)]
    database: Option<String>,
    /// Where to listen; port 0 takes any
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7420")]
    listen: SocketAddr,
    /// Serve over TLS with the certificates in this file (PEM, the service's own first)
    #[arg(long, value_name = "FILE", requires = "tls_key", conflicts_with = "tls_self_made")]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Serve over TLS with a certificate made here and kept in the store's folder, for local use
    #[arg(long)]
    tls_self_made: bool,
    /// A further host name or address for the self-made certificate, when it is made
    #[arg(long, value_name = "NAME", requires = "tls_self_made")]
    tls_name: Vec<String>,
    /// Who may register a device: `open` for everybody, or `token FILE` for who brings one of the
    /// tokens in the file, one a line
    #[arg(long, num_args = 1..=2, value_names = ["open|token", "FILE"], default_value = "open")]
    admission: Vec<String>,
    /// Where the operator can ask for /metrics, /health/live and /health/ready
    #[arg(long, value_name = "ADDR")]
    operator: Option<SocketAddr>,
    /// Write a line per request, without identifiers, to standard error
    #[arg(long)]
    log: bool,
    /// How many days to keep messages and commits; for ever if not given
    #[arg(long, value_name = "DAYS")]
    entry_days: Option<u64>,
    /// How many days to keep blobs; for ever if not given
    #[arg(long, value_name = "DAYS")]
    blob_days: Option<u64>,
}

impl Serve {
    pub(crate) fn run(self, output: &mut Output) -> Result<(), Failure> {
        let config = Config {
            log_days_kept: self.entry_days,
            blob_days_kept: self.blob_days,
            ..Config::default()
        };
        let log = self.log.then(LogSink::stderr);
        let tls = self.tls();
        if tls.is_none() && !self.listen.ip().is_loopback() {
            output.warn(
                "NO TLS, and others can reach this address: whoever watches the network sees who \
                 asks for what. Give --tls-cert and --tls-key, or put a proxy with TLS in front",
            );
        }
        let (admission, operator) = (self.admission()?, self.operator);
        let options = Options { config, admission, tls, operator, log, ..Options::default() };
        let server = match &self.database {
            None => Server::bind_with(self.listen, &self.data, options)?,
            Some(url) => {
                let store = PostgresStore::open(url).map_err(delivery_service::Error::from)?;
                Server::over(self.listen, &self.data, Arc::new(store), options)?
            }
        };
        let scheme = if server.certificate_fingerprint().is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", server.local_addr());
        let fingerprint = server.certificate_fingerprint().map(|bytes| hex(&bytes));
        // What clients give as the address: with the fingerprint where nobody certifies it.
        let address = match &fingerprint {
            Some(fingerprint) if self.tls_self_made => format!("{url}#sha256:{fingerprint}"),
            _ => url.clone(),
        };
        let key = server.public_key().to_string();
        let operator = server.operator_addr().map(|address| format!("http://{address}"));
        let value = json!({
            "type": "listening", "url": url, "address": address, "key": key,
            "certificate_sha256": fingerprint, "operator": operator,
        });
        output.print(&format!("listening at {address}, key {key}"), &value)?;
        Ok(server.run_until_signal()?)
    }

    /// Who may register a device.
    fn admission(&self) -> Result<Admission, Failure> {
        let words: Vec<&str> = self.admission.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["open"] => Ok(Admission::Open),
            ["token", file] => Ok(Admission::from_file(Path::new(file))?),
            _ => Err(Failure::usage("--admission takes `open` or `token FILE`".to_owned())),
        }
    }

    /// Which certificate is asked for.
    fn tls(&self) -> Option<Tls> {
        if self.tls_self_made {
            let mut names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
            let ip = self.listen.ip();
            if !ip.is_loopback() && !ip.is_unspecified() {
                names.push(ip.to_string());
            }
            names.extend(self.tls_name.iter().cloned());
            return Some(Tls::SelfMade { names });
        }
        let (certificates, key) = (self.tls_cert.clone()?, self.tls_key.clone()?);
        Some(Tls::Files { certificates, key })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
