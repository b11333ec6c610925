//! Why a service cannot start. Refusals of requests are `delivery_api::Problem`s.

use crate::store::StoreError;

/// Why a service cannot start.
#[derive(Debug)]
pub enum Error {
    /// The system refused: the address is in use, a file cannot be written.
    Io(std::io::Error),
    /// The service's key is damaged or refused by the cryptographic library.
    Key,
    /// The store does not open.
    Store(StoreError),
    /// The certificate or its key cannot be used.
    Tls(String),
}

impl std::fmt::Display for Error {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => error.fmt(formatter),
            Self::Key => formatter.write_str("the service's key is unusable"),
            Self::Store(error) => error.fmt(formatter),
            Self::Tls(text) => write!(formatter, "the TLS certificate cannot be used: {text}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
