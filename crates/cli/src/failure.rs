//! Why a command ends without success, and the exit code that says so to scripts.

use client::Error;
use std::process::ExitCode;

/// The exit codes, as the help text lists them.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  something that was checked does not hold, or this program failed
  2  the command line is wrong
  3  what was asked for cannot be done, or was refused
  4  the delivery service cannot be reached; what was to be sent is kept and goes out next time
  5  somebody, or the delivery service, is not to be trusted
  6  the account cannot be used: none there, in use, or its database fails";

/// Why a command ends without success.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    text: String,
}

impl Failure {
    /// Something that was checked does not hold.
    pub(crate) fn check(text: String) -> Self {
        Self { code: 1, text }
    }

    /// The command line is wrong.
    pub(crate) fn usage(text: String) -> Self {
        Self { code: 2, text }
    }

    /// Tells the user.
    pub(crate) fn report(&self) {
        // Whoever closed the output wants to hear no more.
        if !self.text.is_empty() {
            eprintln!("conclave: {}", self.text);
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Crypto(_) | Error::Mls(_) => 1,
            Error::Misuse(_) | Error::Refused(_) => 3,
            Error::Offline(_) => 4,
            Error::Service(_) | Error::Untrusted(_) => 5,
            Error::Store(_) => 6,
            _ => 1,
        };
        Self { code, text: error.to_string() }
    }
}

impl From<delivery_service::Error> for Failure {
    fn from(error: delivery_service::Error) -> Self {
        Self { code: 1, text: error.to_string() }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        let text = match error.kind() {
            std::io::ErrorKind::BrokenPipe => String::new(),
            _ => error.to_string(),
        };
        Self { code: 1, text }
    }
}
