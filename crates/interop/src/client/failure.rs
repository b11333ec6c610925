//! Why a request is refused. The text names the rule that was broken.

use std::fmt;

use mls::{DecodeError, Error};

/// Whose fault it is that a request cannot be carried out, as far as gRPC has names for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The request holds bytes or values that are wrong in themselves.
    InvalidRequest,
    /// There is no such state, transaction or signer.
    NotFound,
    /// The state does not allow it now.
    NotNow,
    /// Too much was asked for.
    TooMuch,
    /// This client failed.
    Internal,
}

/// A refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whose fault.
    pub blame: Blame,
    /// What is wrong.
    pub text: String,
}

impl Failure {
    pub(crate) fn new(blame: Blame, text: impl Into<String>) -> Self {
        Self { blame, text: text.into() }
    }

    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::new(Blame::InvalidRequest, text)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl std::error::Error for Failure {}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let blame = match &error {
            Error::Malformed(_) | Error::Violation(_) | Error::Refused(_) => Blame::InvalidRequest,
            Error::MissingPsk(_) | Error::Misuse(_) => Blame::NotNow,
            Error::Limit(_) => Blame::TooMuch,
            _ => Blame::Internal,
        };
        Self::new(blame, error.to_string())
    }
}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        Self::from(Error::from(error))
    }
}

impl From<mls::CryptoError> for Failure {
    fn from(error: mls::CryptoError) -> Self {
        Self::from(Error::from(error))
    }
}
