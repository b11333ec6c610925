//! The stream: hints that there is something new, over one WebSocket (RFC 6455) for many logs.
//!
//! Reading is delivery; a hint only says that reading now is worth while, and one that is lost
//! costs time and nothing else. Every message is binary:
//!
//! 1. The client opens `GET /v1/stream` and sends a [`Subscribe`], signed like the cursors of a
//!    [`Sync`](crate::sync::Sync). Each further one replaces what was subscribed.
//! 2. The service answers [`StreamEvent::Subscribed`], or [`StreamEvent::Rejected`].
//! 3. From then on it sends [`StreamEvent::News`], at once for what lies behind a cursor already.
//!    What a key may learn is decided anew each time; a subscription that ends says so.

use crate::flag;
use crate::id::{DeviceId, LogId, PublicKey};
use crate::problem::Problem;
use crate::sync::SignedCursor;
use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Opaque, Reader, Writer};

/// Separates these signatures from all others made with the same key.
const INBOX_LABEL: &[u8] = b"Conclave 1.0 delivery inbox stream";

/// How far a device has read its inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InboxCursor {
    /// The device.
    pub device: DeviceId,
    /// Number of the last item that was read.
    pub after: u64,
}

impl InboxCursor {
    /// What the device's signature covers; `service` is asked at `time_seconds`.
    #[must_use]
    pub fn to_be_signed(&self, service: PublicKey, time_seconds: u64) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.opaque(INBOX_LABEL);
        service.encode(&mut writer);
        self.device.encode(&mut writer);
        time_seconds.encode(&mut writer);
        self.after.encode(&mut writer);
        writer.into_bytes()
    }
}

/// An inbox cursor with its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedInboxCursor {
    /// The device.
    pub device: DeviceId,
    /// Number of the last item that was read.
    pub after: u64,
    /// The device's signature over [`InboxCursor::to_be_signed`].
    pub signature: Opaque,
}
codec::fields!(SignedInboxCursor { device, after, signature });

impl SignedInboxCursor {
    /// The cursor without its signature.
    #[must_use]
    pub fn cursor(&self) -> InboxCursor {
        InboxCursor { device: self.device, after: self.after }
    }
}

/// Asks to be told of news, instead of what was asked for before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe {
    /// The client's clock, in seconds since 1970, which every signature covers.
    pub time_seconds: u64,
    /// The logs, each once, at most [`SYNC_CURSORS_MAX`](crate::limits::SYNC_CURSORS_MAX).
    pub logs: Vec<SignedCursor>,
    /// The inbox, if its news is wanted too.
    pub inbox: Option<SignedInboxCursor>,
}
codec::fields!(Subscribe { time_seconds, logs, inbox });

/// What can be subscribed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The inbox.
    Inbox,
    /// A log.
    Log(LogId),
}

impl Encode for Subject {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Inbox => 1_u8.encode(writer),
            Self::Log(log) => {
                2_u8.encode(writer);
                log.encode(writer);
            }
        }
    }
}

impl Decode for Subject {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let error = reader.error(DecodeErrorKind::InvalidValue("subject"));
        match u8::decode(reader)? {
            1 => Ok(Self::Inbox),
            2 => Ok(Self::Log(Decode::decode(reader)?)),
            _ => Err(error),
        }
    }
}

/// What the service sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamEvent {
    /// There is something to read.
    News {
        /// Where.
        subject: Subject,
        /// The last position, or the number of the last item, that can be read.
        end: u64,
        /// Whether there will never be more, so that the subscription ends.
        stopped: bool,
    },
    /// A subscription ends, or does not begin.
    Refused {
        /// Of what.
        subject: Subject,
        /// Why.
        problem: Problem,
    },
    /// A [`Subscribe`] is not carried out at all; the stream ends.
    Rejected(Problem),
    /// A [`Subscribe`] is in force.
    Subscribed,
}

impl Encode for StreamEvent {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::News { subject, end, stopped } => {
                1_u8.encode(writer);
                subject.encode(writer);
                end.encode(writer);
                flag::encode(*stopped, writer);
            }
            Self::Refused { subject, problem } => {
                2_u8.encode(writer);
                subject.encode(writer);
                problem.encode(writer);
            }
            Self::Rejected(problem) => {
                3_u8.encode(writer);
                problem.encode(writer);
            }
            Self::Subscribed => 4_u8.encode(writer),
        }
    }
}

impl Decode for StreamEvent {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let error = reader.error(DecodeErrorKind::InvalidValue("stream event"));
        Ok(match u8::decode(reader)? {
            1 => Self::News {
                subject: Decode::decode(reader)?,
                end: Decode::decode(reader)?,
                stopped: flag::decode(reader)?,
            },
            2 => {
                Self::Refused { subject: Decode::decode(reader)?, problem: Decode::decode(reader)? }
            }
            3 => Self::Rejected(Decode::decode(reader)?),
            4 => Self::Subscribed,
            _ => return Err(error),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{InboxCursor, SignedInboxCursor, StreamEvent, Subject, Subscribe};
    use crate::id::{DeviceId, LogId, PublicKey};
    use crate::problem::Problem;
    use codec::{Decode, Encode, Opaque};

    #[test]
    fn events_survive_a_round_trip_and_others_are_refused() {
        let log = Subject::Log(LogId::new([1; 32]));
        let problem = Problem::NotAllowed;
        for event in [
            StreamEvent::News { subject: Subject::Inbox, end: 7, stopped: false },
            StreamEvent::News { subject: log, end: 7, stopped: true },
            StreamEvent::Refused { subject: log, problem: problem.clone() },
            StreamEvent::Rejected(problem),
            StreamEvent::Subscribed,
        ] {
            let bytes = event.to_bytes();
            assert_eq!(StreamEvent::from_bytes(&bytes), Ok(event));
            assert!(StreamEvent::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
            assert!(StreamEvent::from_bytes(&bytes[..bytes.len() - 1]).is_err());
        }
        assert!(StreamEvent::from_bytes(&[0]).is_err() && StreamEvent::from_bytes(&[5]).is_err());
        assert!(Subject::from_bytes(&[3]).is_err());
    }

    #[test]
    fn a_subscription_survives_a_round_trip() {
        let device = DeviceId::new([2; 32]);
        let signature = Opaque::from(&[3; 64]);
        for inbox in [None, Some(SignedInboxCursor { device, after: 4, signature })] {
            let subscribe = Subscribe { time_seconds: 5, logs: Vec::new(), inbox };
            assert_eq!(Subscribe::from_bytes(&subscribe.to_bytes()), Ok(subscribe));
        }
    }

    #[test]
    fn every_part_of_an_inbox_cursor_changes_what_is_signed() {
        let (one, two) = (PublicKey::new([1; 32]), PublicKey::new([2; 32]));
        let cursor = InboxCursor { device: DeviceId::new([3; 32]), after: 4 };
        let signed: std::collections::BTreeSet<_> = [
            cursor.to_be_signed(one, 5),
            cursor.to_be_signed(two, 5),
            cursor.to_be_signed(one, 6),
            InboxCursor { device: DeviceId::new([4; 32]), ..cursor }.to_be_signed(one, 5),
            InboxCursor { after: 5, ..cursor }.to_be_signed(one, 5),
        ]
        .into();
        assert_eq!(signed.len(), 5);
    }
}
