//! Why something did not work, by whose fault.

use crate::store::StoreError;
use crate::transport::TransportError;
use crypto::CryptoError;
use delivery_api::Problem;
use delivery_api::request::Failure;
use std::fmt;

/// Why something did not work.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Cryptography failed: no randomness, or a damaged key.
    Crypto(CryptoError),
    /// A file of the caller could not be read or written.
    File(std::io::Error),
    /// The MLS library failed or refused.
    Mls(mls::Error),
    /// The caller asked for what cannot be.
    Misuse(Misuse),
    /// The service could not be reached. What was asked for is stored and goes out with the next
    /// request.
    Offline(TransportError),
    /// The service refused.
    Refused(Problem),
    /// The service does not keep the protocol.
    Service(ServiceFault),
    /// The database failed, or is in use by another process.
    Store(StoreError),
    /// Somebody is not who they seem to be.
    Untrusted(String),
}

/// What a caller did wrong, or what is not so any more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// There is an account in the folder already.
    AccountExists,
    /// Several groups have this name; the id tells them apart.
    AmbiguousGroup(String),
    /// Others were faster too many times in a row; try again.
    Contention,
    /// The file is too large.
    FileTooLarge,
    /// The group cannot be used: the client was removed, or following it is not safe.
    GroupUnusable(String),
    /// A code is mistyped, or not of the kind that is asked for.
    InvalidCode,
    /// A key or device is not 64 hexadecimal digits.
    InvalidKey,
    /// A file's name or media type is empty, too long, or has characters that it must not have.
    InvalidFileName(String),
    /// A group's name is empty or too long.
    InvalidGroupName,
    /// The name is not 1 to 64 of `a`-`z`, `0`-`9`, `.`, `_`, `-`, starting with a letter or digit.
    InvalidName(String),
    /// A group's policy is outside its bounds.
    InvalidPolicy(&'static str),
    /// The service's address is not a [`ServiceAddress`](crate::transport::ServiceAddress).
    InvalidServer(String),
    /// The device is not on the account's list.
    NoSuchDevice(String),
    /// The account has given this device up.
    DeviceRevoked,
    /// There is no such group.
    NoSuchGroup(String),
    /// The event is not about a file.
    NoSuchFile,
    /// Only the group's admins may do this.
    NotAnAdmin,
    /// This account wishes to leave the group, or has left it.
    Leaving,
    /// The account is not in the group.
    NotAMember(String),
    /// The group's policy does not allow it.
    Policy(crate::PolicyViolation),
    /// The device waits to be linked to its account.
    NotLinked,
    /// The account's root key is not on this device.
    NoRootKey,
    /// Removing oneself takes somebody else.
    RemovesSelf,
    /// The message is too long.
    TextTooLong,
    /// Nothing is known of the account.
    UnknownAccount(String),
    /// It is not given up, only not done yet: the group's log is closed, or this client is on its
    /// way back into the group. What becomes of it, an event or the log says.
    Waits,
}

/// How the service breaks the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServiceFault {
    /// A receipt that the service's key did not sign, or that does not belong to the submission.
    BadReceipt,
    /// What answers is not the delivery protocol, or a version that this client does not know.
    NotThisProtocol(String),
    /// The service says one thing and then another.
    Inconsistent(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crypto(error) => write!(formatter, "cryptography failed: {error}"),
            Self::File(error) => write!(formatter, "the file cannot be used: {error}"),
            Self::Mls(error) => error.fmt(formatter),
            Self::Misuse(misuse) => misuse.fmt(formatter),
            Self::Offline(error) => error.fmt(formatter),
            Self::Refused(Problem::AdmissionRequired) => formatter.write_str(
                "the delivery service refused: admission-required: it asks for an invitation token",
            ),
            Self::Refused(problem) => write!(formatter, "the delivery service refused: {problem}"),
            Self::Service(fault) => fault.fmt(formatter),
            Self::Store(error) => error.fmt(formatter),
            Self::Untrusted(text) => write!(formatter, "not trusted: {text}"),
        }
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Misuse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AccountExists => {
                formatter.write_str("there is an account in this folder already")
            }
            Self::AmbiguousGroup(name) => {
                write!(formatter, "several groups are called `{name}`; use the id")
            }
            Self::Contention => formatter.write_str("others were faster too many times; try again"),
            Self::DeviceRevoked => formatter.write_str(
                "this device is not one of the account's any more: it was revoked on another one",
            ),
            Self::FileTooLarge => formatter.write_str("the file is too large"),
            Self::Waits => formatter.write_str(
                "the group cannot be used now: its log is closed; what was asked for goes out once \
                 a member has repaired it",
            ),
            Self::GroupUnusable(why) => write!(formatter, "the group cannot be used: {why}"),
            Self::InvalidFileName(name) => {
                write!(formatter, "`{}` is no name or media type of a file", name.escape_debug())
            }
            Self::InvalidGroupName => {
                formatter.write_str("a group's name has 1 to 100 bytes and no control characters")
            }
            Self::InvalidCode => {
                formatter.write_str("the code is mistyped, or not the one that is needed here")
            }
            Self::InvalidKey => {
                formatter.write_str("a key or device is written as 64 hexadecimal digits")
            }
            Self::InvalidName(name) => write!(
                formatter,
                "`{name}` is not a name: 1 to 64 of a-z, 0-9, `.`, `_`, `-`, \
                 a letter or digit first"
            ),
            Self::InvalidServer(server) => {
                write!(
                    formatter,
                    "`{server}` is not an address such as https://chat.example or \
                     http://127.0.0.1:7420, or the certificate to trust there is none"
                )
            }
            Self::NoSuchFile => formatter.write_str("there is no such file"),
            Self::NoSuchDevice(device) => {
                write!(formatter, "the account has no device {device}")
            }
            Self::NoSuchGroup(name) => write!(formatter, "there is no group `{name}`"),
            Self::InvalidPolicy(bound) => {
                write!(formatter, "this is no policy for a group: {bound}")
            }
            Self::Leaving => formatter.write_str("this account leaves the group, or has left it"),
            Self::NotAnAdmin => formatter.write_str("only the group's admins may do this"),
            Self::Policy(violation) => {
                write!(formatter, "the group's policy forbids it: {violation}")
            }
            Self::NotAMember(name) => write!(formatter, "`{name}` is not in the group"),
            Self::NotLinked => formatter
                .write_str("this device is not linked yet: have its code confirmed on another one"),
            Self::NoRootKey => formatter.write_str(
                "the account's root key is not on this device: use the device that has it, \
                 or import the recovery code",
            ),
            Self::RemovesSelf => formatter.write_str("only somebody else can remove this account"),
            Self::TextTooLong => formatter.write_str("the message is too long"),
            Self::UnknownAccount(name) => write!(
                formatter,
                "nothing is known of `{name}`: share a group, or give the account key by hand"
            ),
        }
    }
}

impl fmt::Display for ServiceFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadReceipt => formatter.write_str("the delivery service gave a bad receipt"),
            Self::Inconsistent(what) => {
                write!(formatter, "the delivery service contradicts itself: {what}")
            }
            Self::NotThisProtocol(text) => {
                write!(formatter, "this is not a delivery service: {text}")
            }
        }
    }
}

impl From<CryptoError> for Error {
    fn from(error: CryptoError) -> Self {
        Self::Crypto(error)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Problem(problem) => Self::Refused(problem),
            other => Self::Service(ServiceFault::NotThisProtocol(other.to_string())),
        }
    }
}

impl From<Misuse> for Error {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}

impl From<ServiceFault> for Error {
    fn from(fault: ServiceFault) -> Self {
        Self::Service(fault)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Self {
        Self::Offline(error)
    }
}

impl From<mls::Error> for Error {
    fn from(error: mls::Error) -> Self {
        match error {
            mls::Error::Refused(refusal) => Self::Untrusted(refusal.0),
            other => Self::Mls(other),
        }
    }
}
