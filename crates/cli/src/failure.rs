//! Why a command ends without success, and the exit code that says so to scripts.
//!
//! With `--json` it is one object on standard error: `docs/cli.md` fixes its fields.

use client::Error;
use mls::BrokenRule;
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;

/// The exit codes, as the help text lists them.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  something that was checked does not hold, or this program failed
  2  the command line is wrong
  3  what was asked for cannot be done, or was refused
  4  the delivery service cannot be reached; what was to be sent is kept and goes out next time
  5  somebody, or the delivery service, is not to be trusted: a message breaks a rule
  6  the account or state cannot be used: none there, in use, or its database fails";

/// Whose fault a code stands for.
fn fault(code: u8) -> &'static str {
    match code {
        2 | 3 => "caller",
        4 => "network",
        5 => "peer",
        6 => "storage",
        _ => "program",
    }
}

/// Why a command ends without success.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    text: String,
    /// The rule of RFC 9420 that is broken, if it is one.
    rule: Option<BrokenRule>,
}

impl Failure {
    fn new(code: u8, text: String) -> Self {
        Self { code, text, rule: None }
    }

    /// Something that was checked does not hold.
    pub(crate) fn check(text: String) -> Self {
        Self::new(1, text)
    }

    /// The command line is wrong.
    pub(crate) fn usage(text: String) -> Self {
        Self::new(2, text)
    }

    /// What was asked for cannot be done, or was refused.
    pub(crate) fn refused(text: String) -> Self {
        Self::new(3, text)
    }

    /// Somebody else broke a rule.
    pub(crate) fn peer(text: String) -> Self {
        Self::new(5, text)
    }

    /// A file that is named on the command line cannot be read, or not be made.
    pub(crate) fn file(path: &Path, error: &std::io::Error) -> Self {
        Self::new(3, format!("{}: {error}", path.display()))
    }

    /// The account or state cannot be used.
    pub(crate) fn state(text: String) -> Self {
        Self::new(6, text)
    }

    /// Whether nothing but the network is in the way.
    pub(crate) fn is_offline(&self) -> bool {
        fault(self.code) == "network"
    }

    /// What it says.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The same, told already.
    pub(crate) fn told(self) -> Self {
        Self { text: String::new(), ..self }
    }

    /// What would be made breaks a rule: it is the caller who asks for it.
    pub(crate) fn of_own_making(error: mls::Error) -> Self {
        match error {
            mls::Error::Violation(rule) => {
                let text = format!("this would break a rule: {rule} [{}]", rule.name());
                Self { rule: Some(rule), ..Self::refused(text) }
            }
            other => other.into(),
        }
    }

    /// The same with something more to tell, if anything is told.
    pub(crate) fn and(mut self, more: &str) -> Self {
        if !self.text.is_empty() {
            self.text.push_str(more);
        }
        self
    }

    /// Tells the user, or a program.
    pub(crate) fn report(&self, as_json: bool) {
        // Whoever closed the output wants to hear no more, and what is told is not told again.
        match (self.text.is_empty(), as_json) {
            (true, _) => {}
            (false, false) => eprintln!("conclave: {}", self.text),
            (false, true) => eprintln!("{}", self.value()),
        }
    }

    /// What a program is told.
    fn value(&self) -> Value {
        json!({
            "type": "error",
            "code": self.code,
            "fault": fault(self.code),
            "text": self.text,
            "rule": self.rule.map(BrokenRule::name),
            "section": self.rule.map(BrokenRule::section),
        })
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
        Self::new(code, error.to_string())
    }
}

impl From<mls::Error> for Failure {
    fn from(error: mls::Error) -> Self {
        use mls::Error;
        let text = match &error {
            Error::Violation(rule) => format!("{error} [{}]", rule.name()),
            Error::MissingPsk(kind) => format!("{error}: {}", crate::commands::mls::psk_name(kind)),
            _ => error.to_string(),
        };
        match &error {
            Error::Malformed(_) => Self::peer(text),
            Error::Violation(rule) => Self { rule: Some(*rule), ..Self::peer(text) },
            Error::Limit(_) | Error::MissingPsk(_) | Error::Misuse(_) | Error::Refused(_) => {
                Self::refused(text)
            }
            Error::Storage(_) => Self::state(text),
            _ => Self::check(text),
        }
    }
}

impl From<delivery_service::Error> for Failure {
    fn from(error: delivery_service::Error) -> Self {
        Self::new(1, error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        let text = match error.kind() {
            std::io::ErrorKind::BrokenPipe => String::new(),
            _ => error.to_string(),
        };
        Self::new(1, text)
    }
}
