//! The delivery service: one ordered log per group, inboxes, key packages and blobs, all opaque.
//!
//! The service never parses MLS and links nothing that could: it sees positions, keys and sizes.
//! What is where:
//!
//! * To run it, [`Server::bind`]; it listens, stores in a directory, and stops on
//!   [`Server::shutdown`].
//! * To call it without a network, [`Service`] over a [`store::MemoryStore`] or
//!   [`store::SqliteStore`].
//! * To drive its logic step by step, [`core::ServiceCore`] over [`store::Rows`].
//! * What it promises is in `docs/delivery-protocol.md`, what it knows in `docs/server-data.md`.
//!
//! ```
//! use delivery_api::request;
//! use delivery_service::core::{Config, ServiceCore};
//! use delivery_service::{Service, key::ServiceKey, store::MemoryStore};
//! use std::sync::Arc;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let core = ServiceCore::new(ServiceKey::from_seed(&[7; 32])?, Config::default());
//! let service = Service::new(Arc::new(core), Arc::new(MemoryStore::new()));
//! let info = service.ask(&request::service_info(), 0)?;
//! assert_eq!(info.key, service.public_key());
//! # Ok(())
//! # }
//! ```

pub mod core;
mod error;
pub mod http;
pub mod key;
mod news;
mod observe;
mod service;
pub mod store;

pub use error::Error;
pub use http::{Options, Server, Tls};
pub use observe::LogSink;
pub use service::{Response, Service};
