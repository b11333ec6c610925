//! `conclave serve`: run the delivery service until interrupted.

use crate::failure::Failure;
use crate::output::Output;
use delivery_service::Server;
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
}

impl Serve {
    pub(crate) fn run(self, output: &mut Output) -> Result<(), Failure> {
        let server = Server::bind(self.listen, &self.data)?;
        let url = format!("http://{}", server.local_addr());
        let key = server.public_key().to_string();
        let value = json!({"type": "listening", "url": url, "key": key});
        output.print(&format!("listening at {url}, key {key}"), &value)?;
        Ok(server.run_until_signal()?)
    }
}
