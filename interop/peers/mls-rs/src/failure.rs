//! Why a request is refused, as a gRPC status.

use mls_rs::error::{AnyError, ExtensionError, IntoAnyError, MlsError};
use mls_rs::mls_rs_codec;
use tonic::{Code, Status};

use crate::VERSION;

/// A refused request.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Code,
    text: String,
}

impl Failure {
    /// The request is wrong in itself.
    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self { code: Code::InvalidArgument, text: text.into() }
    }

    /// No state has the number.
    pub(crate) fn not_found(what: &str, id: u32) -> Self {
        Self { code: Code::NotFound, text: format!("there is no {what} with the number {id}") }
    }

    /// The state does not allow it.
    pub(crate) fn not_now(text: impl Into<String>) -> Self {
        Self { code: Code::FailedPrecondition, text: text.into() }
    }

    /// The library cannot do it.
    pub(crate) fn lack(why: &str) -> Self {
        Self { code: Code::Unimplemented, text: format!("{VERSION}: {why}") }
    }

    /// The library or its backend failed.
    pub(crate) fn internal(text: impl Into<String>) -> Self {
        Self { code: Code::Internal, text: text.into() }
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        Self::new(failure.code, failure.text)
    }
}

impl From<MlsError> for Failure {
    fn from(error: MlsError) -> Self {
        let code = match &error {
            MlsError::CommitRequired
            | MlsError::GroupUsedAfterReInit
            | MlsError::MissingRequiredPsk
            | MlsError::OldGroupStateNotFound
            | MlsError::PendingCommitNotFound => Code::FailedPrecondition,
            _ => Code::InvalidArgument,
        };
        // The name says more than the text, which some errors lack.
        Self { code, text: format!("{error} ({error:?})") }
    }
}

impl From<mls_rs_codec::Error> for Failure {
    fn from(error: mls_rs_codec::Error) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<ExtensionError> for Failure {
    fn from(error: ExtensionError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<AnyError> for Failure {
    fn from(error: AnyError) -> Self {
        Self::internal(error.to_string())
    }
}

/// An error of the cryptographic backend.
pub(crate) fn of_crypto(error: impl IntoAnyError) -> Failure {
    Failure::from(error.into_any_error())
}
