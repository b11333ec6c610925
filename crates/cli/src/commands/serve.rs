//! `conclave serve`: run the delivery service until interrupted.

use crate::failure::Failure;
use crate::output::Output;
use delivery_service::core::Config;
use delivery_service::{LogSink, Options, Server};
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Serve {
    /// The folder of the service's store; created if needed
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Where to listen; port 0 takes any
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7420")]
    listen: SocketAddr,
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
        let options = Options { config, operator: self.operator, log, ..Options::default() };
        let server = Server::bind_with(self.listen, &self.data, options)?;
        let url = format!("http://{}", server.local_addr());
        let key = server.public_key().to_string();
        let operator = server.operator_addr().map(|address| format!("http://{address}"));
        let value = json!({"type": "listening", "url": url, "key": key, "operator": operator});
        output.print(&format!("listening at {url}, key {key}"), &value)?;
        Ok(server.run_until_signal()?)
    }
}
