//! The delivery protocol: what a client asks the delivery service and what it answers.
//!
//! This crate does no I/O and holds no cryptography; both sides bring their own. What is where:
//!
//! * To ask something, take a builder of [`request`] ([`request::commit`], [`request::read_log`],
//!   …); it returns a [`Request`] that knows its method, path, header and body, and the type of its
//!   answer.
//! * To sign it, use [`Request::sign`] with a closure over the Ed25519 key; what is signed is
//!   [`RequestTbs`], and it names the service, so that a request to one service is void at another.
//! * To read the answer, give status and body to [`Request::answer`]; a refusal is a [`Problem`].
//! * To be told when reading is worth while, see [`stream`].
//! * To follow a log, hash its [`log::ChainLink`]s from [`log::LogPage::chain_hash`] on.
//!
//! Bodies are in the TLS presentation language (RFC 9420, section 2.1). The service never parses
//! MLS: commits, messages, Welcomes, GroupInfo and key packages are opaque bytes here.
//!
//! ```
//! use delivery_api::{Credential, LogId, Position, PublicKey, Problem, request};
//!
//! let log = LogId::new([7; 32]);
//! let credential = Credential {
//!     service: PublicKey::new([1; 32]),
//!     key: PublicKey::new([2; 32]),
//!     time_seconds: 1_700_000_000,
//! };
//! let window = request::Window { after: Position::START, limit: 100, wait_seconds: 0 };
//! let request = request::read_log(log, window)
//!     .sign(&credential, |tbs| Ok::<_, std::convert::Infallible>(vec![tbs.len() as u8; 64]))
//!     .unwrap();
//! assert_eq!(request.method().as_str(), "GET");
//! assert!(request.path().ends_with("/entries?after=0&limit=100&wait=0"));
//! assert!(request.authorization().is_some());
//! // 404 with a problem body is what a client sees of a log that does not exist.
//! let body = codec::Encode::to_bytes(&Problem::UnknownLog);
//! assert_eq!(request.answer(404, &body), Err(request::Failure::Problem(Problem::UnknownLog)));
//! ```

pub mod auth;
pub mod blob;
pub mod directory;
mod flag;
pub mod id;
pub mod inbox;
pub mod key_package;
pub mod limits;
pub mod log;
pub mod problem;
pub mod repair;
pub mod request;
pub mod route;
pub mod service;
pub mod stream;
pub mod sync;

pub use auth::{Authorization, Credential, RequestTbs};
pub use id::{BlobId, ChainHash, DeviceId, IdempotencyKey, LogId, Name, Position, PublicKey};
pub use problem::Problem;
pub use request::Request;
pub use route::{Method, Route};
