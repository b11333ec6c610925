//! The MLS working group's interoperability harness: Conclave as a client of it, and a runner of
//! its scenarios.
//!
//! * To be driven by a runner over gRPC: [`Server`] with [`Conclave`]; without sockets:
//!   [`client::HarnessClient`].
//! * To put another stack behind the same interface: [`proto::mls_client_server::MlsClient`], and
//!   [`Server::of`]; what it cannot do: [`Lack`].
//! * To play scenarios against any set of such clients: [`runner`].

pub mod client;
mod lack;
pub mod runner;
mod server;

pub use lack::Lack;
pub use server::{Conclave, Server, ServerOptions};

/// The messages and the service of `proto/mls_client.proto`.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
pub mod proto {
    tonic::include_proto!("mls_client");
}
