//! Refusals: each has a stable code, an HTTP status and says whether the same request may be sent
//! again.
//!
//! [`Problem::entry`] is the only place that maps problems to codes and statuses. The body of a
//! refusal is `opaque code<V>; uint8 retryable; opaque details<V>;` where the details depend on the
//! code; a client that does not know a code still learns whether to retry.

use crate::flag;
use crate::id::Position;
use crate::log::LogPage;
use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Opaque, Reader, Writer};

/// The commit head is not the one that the request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadMoved {
    /// The commit head, as far as the signing key may know: at most the commit that ended its
    /// reading.
    pub head: Position,
    /// What the requester missed, if it asked for it.
    pub missed: Option<LogPage>,
}
codec::fields!(HeadMoved { head, missed });

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The next access key was used in this log before.
    AccessKeyReused,
    /// The service registers only devices that bring a token that it knows.
    AdmissionRequired,
    /// The signature is not by the key it names over this request to this service.
    BadSignature,
    /// The position asked for lies beyond what the key may read. If the position was once real and
    /// no member was removed since, the service lost entries: a reason to raise an alarm.
    BeyondEnd {
        /// The last position that the key may read.
        end: Position,
    },
    /// The entries asked for are no longer kept.
    Gone {
        /// The oldest position that can be read.
        oldest: Position,
    },
    /// The commit head is not the one that the request names.
    HeadMoved(Box<HeadMoved>),
    /// The idempotency key was used for another request.
    IdempotencyMismatch,
    /// The inbox is full.
    InboxFull,
    /// The service met a fault of its own that trying again will not cure.
    Internal,
    /// An anchor has locked the log; it is unlocked by the anchor's commit.
    Locked,
    /// The log exists, with another first key.
    LogExists,
    /// The body is not what the route expects.
    Malformed,
    /// The name belongs to another device.
    NameTaken,
    /// The key that signed may not do this.
    NotAllowed,
    /// No GroupInfo is published.
    NoGroupInfo,
    /// The device has no key package of the suite in stock.
    NoKeyPackage,
    /// The repair does not have the next number.
    RepairRaced {
        /// The number of the last repair.
        number: u64,
    },
    /// The request must be signed.
    SignatureRequired,
    /// The request's time is too far from the service's clock.
    StaleRequest {
        /// The service's clock, in seconds since 1970; a hint for diagnosis, not a source of time.
        service_time_seconds: u64,
    },
    /// More key packages than a device may keep.
    StockFull,
    /// The body is larger than the route allows.
    TooLarge,
    /// The key has done this, or this was done to the target, too often lately.
    TooManyRequests {
        /// How long to wait before trying again.
        retry_after_seconds: u64,
    },
    /// The body took too long to arrive.
    TooSlow,
    /// No such blob.
    UnknownBlob,
    /// No such device.
    UnknownDevice,
    /// No such log.
    UnknownLog,
    /// No such name.
    UnknownName,
    /// No such route.
    UnknownRoute,
    /// The service cannot answer now; whether a submission took effect is unknown.
    Unavailable,
    /// The route is for WebSockets only.
    UpgradeRequired,
    /// A code that this client does not know.
    Other {
        /// The code.
        code: String,
        /// Whether the same request may be sent again.
        retryable: bool,
    },
}

/// A problem's code, status and whether the same request may be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProblemEntry<'a> {
    /// The stable code.
    pub code: &'a str,
    /// The HTTP status.
    pub status: u16,
    /// Whether the same request, unchanged, may succeed later.
    pub retryable: bool,
}

impl Problem {
    /// The one mapping of problems to codes and statuses.
    #[must_use]
    pub fn entry(&self) -> ProblemEntry<'_> {
        let (code, status, retryable) = match self {
            Self::AccessKeyReused => ("access-key-reused", 422, false),
            Self::AdmissionRequired => ("admission-required", 403, false),
            Self::BadSignature => ("bad-signature", 401, false),
            Self::BeyondEnd { .. } => ("beyond-end", 409, false),
            Self::Gone { .. } => ("gone", 410, false),
            Self::HeadMoved(_) => ("head-moved", 409, false),
            Self::IdempotencyMismatch => ("idempotency-mismatch", 422, false),
            Self::InboxFull => ("inbox-full", 429, true),
            Self::Internal => ("internal", 500, false),
            Self::Locked => ("locked", 409, true),
            Self::LogExists => ("log-exists", 409, false),
            Self::Malformed => ("malformed", 400, false),
            Self::NameTaken => ("name-taken", 409, false),
            Self::NotAllowed => ("not-allowed", 403, false),
            Self::NoGroupInfo => ("no-group-info", 404, false),
            Self::NoKeyPackage => ("no-key-package", 404, true),
            Self::RepairRaced { .. } => ("repair-raced", 409, false),
            Self::SignatureRequired => ("signature-required", 401, false),
            Self::StaleRequest { .. } => ("stale-request", 401, false),
            Self::StockFull => ("stock-full", 429, true),
            Self::TooLarge => ("too-large", 413, false),
            Self::TooManyRequests { .. } => ("too-many-requests", 429, true),
            Self::TooSlow => ("too-slow", 408, true),
            Self::UnknownBlob => ("unknown-blob", 404, false),
            Self::UnknownDevice => ("unknown-device", 404, false),
            Self::UnknownLog => ("unknown-log", 404, false),
            Self::UnknownName => ("unknown-name", 404, false),
            Self::UnknownRoute => ("unknown-route", 404, false),
            Self::Unavailable => ("unavailable", 503, true),
            Self::UpgradeRequired => ("upgrade-required", 426, false),
            Self::Other { code, retryable } => (code.as_str(), 500, *retryable),
        };
        ProblemEntry { code, status, retryable }
    }

    /// The problems without details.
    const PLAIN: [Self; 24] = [
        Self::AccessKeyReused,
        Self::AdmissionRequired,
        Self::BadSignature,
        Self::IdempotencyMismatch,
        Self::InboxFull,
        Self::Internal,
        Self::Locked,
        Self::LogExists,
        Self::Malformed,
        Self::NameTaken,
        Self::NotAllowed,
        Self::NoGroupInfo,
        Self::NoKeyPackage,
        Self::SignatureRequired,
        Self::StockFull,
        Self::TooLarge,
        Self::TooSlow,
        Self::UnknownBlob,
        Self::UnknownDevice,
        Self::UnknownLog,
        Self::UnknownName,
        Self::UnknownRoute,
        Self::Unavailable,
        Self::UpgradeRequired,
    ];

    /// One of each that has a code of its own, for descriptions and tests.
    #[must_use]
    pub fn examples() -> Vec<Self> {
        let mut problems = Vec::from(Self::PLAIN);
        problems.extend([
            Self::BeyondEnd { end: Position(8) },
            Self::Gone { oldest: Position(9) },
            Self::HeadMoved(Box::new(HeadMoved { head: Position(4), missed: None })),
            Self::RepairRaced { number: 6 },
            Self::StaleRequest { service_time_seconds: 5 },
            Self::TooManyRequests { retry_after_seconds: 7 },
        ]);
        problems
    }

    fn details(&self) -> Vec<u8> {
        match self {
            Self::BeyondEnd { end } => end.to_bytes(),
            Self::Gone { oldest } => oldest.to_bytes(),
            Self::HeadMoved(moved) => moved.to_bytes(),
            Self::RepairRaced { number } => number.to_bytes(),
            Self::StaleRequest { service_time_seconds } => service_time_seconds.to_bytes(),
            Self::TooManyRequests { retry_after_seconds } => retry_after_seconds.to_bytes(),
            _ => Vec::new(),
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.entry().code)?;
        match self {
            Self::BeyondEnd { end } => write!(formatter, " (last position {end})"),
            Self::Gone { oldest } => write!(formatter, " (oldest position {oldest})"),
            Self::HeadMoved(moved) => write!(formatter, " (to {})", moved.head),
            Self::RepairRaced { number } => write!(formatter, " (last number {number})"),
            Self::TooManyRequests { retry_after_seconds } => {
                write!(formatter, " (retry in {retry_after_seconds} s)")
            }
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Problem {}

impl Encode for Problem {
    fn encode(&self, writer: &mut Writer) {
        let entry = self.entry();
        writer.opaque(entry.code.as_bytes());
        flag::encode(entry.retryable, writer);
        writer.opaque(&self.details());
    }
}

impl Decode for Problem {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let error = reader.error(DecodeErrorKind::InvalidValue("problem code"));
        let code = std::str::from_utf8(reader.opaque()?).map_err(|_| error)?.to_owned();
        let retryable = flag::decode(reader)?;
        let details = Opaque::decode(reader)?;
        let plain = Self::PLAIN.into_iter().find(|problem| problem.entry().code == code);
        match (code.as_str(), plain) {
            (_, Some(problem)) => Ok(problem),
            ("beyond-end", _) => Ok(Self::BeyondEnd { end: Decode::from_bytes(&details)? }),
            ("gone", _) => Ok(Self::Gone { oldest: Decode::from_bytes(&details)? }),
            ("head-moved", _) => Ok(Self::HeadMoved(Decode::from_bytes(&details)?)),
            ("repair-raced", _) => Ok(Self::RepairRaced { number: Decode::from_bytes(&details)? }),
            ("stale-request", _) => {
                Ok(Self::StaleRequest { service_time_seconds: Decode::from_bytes(&details)? })
            }
            ("too-many-requests", _) => {
                Ok(Self::TooManyRequests { retry_after_seconds: Decode::from_bytes(&details)? })
            }
            _ => Ok(Self::Other { code, retryable }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Problem;
    use codec::{Decode, Encode};

    #[test]
    fn every_problem_survives_a_round_trip_under_its_own_code() {
        let problems = Problem::examples();
        let count = problems.len();
        let mut codes = std::collections::BTreeSet::new();
        for problem in problems {
            assert_eq!(Problem::from_bytes(&problem.to_bytes()), Ok(problem.clone()));
            assert!((400..600).contains(&problem.entry().status));
            codes.insert(problem.entry().code.to_owned());
        }
        assert_eq!(codes.len(), count);
    }

    #[test]
    fn an_unknown_code_still_says_whether_to_retry() {
        let problem = Problem::Other { code: "from-the-future".to_owned(), retryable: true };
        assert_eq!(Problem::from_bytes(&problem.to_bytes()), Ok(problem));
    }
}
