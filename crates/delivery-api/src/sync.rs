//! Sync: asks for the news of many logs in one round trip.
//!
//! A client that was away names a cursor per log, each signed by an access key of its own. The
//! answer holds only logs with news, each with the page that [`read_log`](crate::request::read_log)
//! would give, or with the refusal. Once the answer is large enough, further pages come without
//! entries; `end` then lies behind the cursor, and the client reads that log by itself.

use crate::id::{LogId, Position, PublicKey};
use crate::log::LogPage;
use crate::problem::Problem;
use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Opaque, Reader, Writer};

/// Separates these signatures from all others made with the same key.
const CURSOR_LABEL: &[u8] = b"Conclave 1.0 delivery sync";

/// How far a client has read a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The log.
    pub log: LogId,
    /// The last entry that was read.
    pub after: Position,
    /// The key that may read on from there.
    pub key: PublicKey,
}

impl Cursor {
    /// What the signature by `key` covers; `service` is asked at `time_seconds`.
    #[must_use]
    pub fn to_be_signed(&self, service: PublicKey, time_seconds: u64) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.opaque(CURSOR_LABEL);
        service.encode(&mut writer);
        self.key.encode(&mut writer);
        time_seconds.encode(&mut writer);
        self.log.encode(&mut writer);
        self.after.encode(&mut writer);
        writer.into_bytes()
    }
}

/// A cursor with its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCursor {
    /// The log.
    pub log: LogId,
    /// The last entry that was read.
    pub after: Position,
    /// The key that may read on from there.
    pub key: PublicKey,
    /// Its signature over [`Cursor::to_be_signed`].
    pub signature: Opaque,
}
codec::fields!(SignedCursor { log, after, key, signature });

impl SignedCursor {
    /// The cursor without its signature.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        let Self { log, after, key, .. } = *self;
        Cursor { log, after, key }
    }
}

/// Asks for the news of many logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sync {
    /// The client's clock, in seconds since 1970, which every signature covers.
    pub time_seconds: u64,
    /// The cursors, at most [`SYNC_CURSORS_MAX`](crate::limits::SYNC_CURSORS_MAX).
    pub cursors: Vec<SignedCursor>,
}
codec::fields!(Sync { time_seconds, cursors });

/// The news of one log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogNews {
    /// Which of the cursors it answers, counted from 0.
    pub cursor: u32,
    /// What is new, or why it is not told.
    pub outcome: Result<LogPage, Problem>,
}

impl Encode for LogNews {
    fn encode(&self, writer: &mut Writer) {
        self.cursor.encode(writer);
        match &self.outcome {
            Ok(page) => {
                1_u8.encode(writer);
                page.encode(writer);
            }
            Err(problem) => {
                2_u8.encode(writer);
                problem.encode(writer);
            }
        }
    }
}

impl Decode for LogNews {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let cursor = Decode::decode(reader)?;
        let error = reader.error(DecodeErrorKind::InvalidValue("outcome"));
        let outcome = match u8::decode(reader)? {
            1 => Ok(LogPage::decode(reader)?),
            2 => Err(Problem::decode(reader)?),
            _ => return Err(error),
        };
        Ok(Self { cursor, outcome })
    }
}

/// The logs with news, in the order of their cursors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synced {
    /// One element per log with news or a refusal.
    pub logs: Vec<LogNews>,
}
codec::fields!(Synced { logs });

#[cfg(test)]
mod tests {
    use super::{Cursor, LogNews, Synced};
    use crate::id::{ChainHash, LogId, Position, PublicKey};
    use crate::log::LogPage;
    use crate::problem::Problem;
    use codec::{Decode, Encode};

    #[test]
    fn news_survive_a_round_trip_and_an_unknown_outcome_is_refused() {
        let page = LogPage {
            chain_hash: ChainHash::new([1; 32]),
            entries: Vec::new(),
            end: Position(3),
            head: Position(2),
            stopped: true,
        };
        let news = |cursor, outcome| LogNews { cursor, outcome };
        let synced = Synced { logs: vec![news(0, Ok(page)), news(7, Err(Problem::NotAllowed))] };
        assert_eq!(Synced::from_bytes(&synced.to_bytes()), Ok(synced.clone()));
        let mut bytes = synced.logs[1].to_bytes();
        assert_eq!(bytes[4], 2);
        bytes[4] = 3;
        assert!(LogNews::from_bytes(&bytes).is_err());
    }

    #[test]
    fn every_part_of_a_cursor_changes_what_is_signed() {
        let (one, two) = (PublicKey::new([1; 32]), PublicKey::new([2; 32]));
        let cursor = Cursor { log: LogId::new([3; 32]), after: Position(4), key: one };
        let signed: std::collections::BTreeSet<_> = [
            cursor.to_be_signed(one, 5),
            cursor.to_be_signed(two, 5),
            cursor.to_be_signed(one, 6),
            Cursor { log: LogId::new([4; 32]), ..cursor }.to_be_signed(one, 5),
            Cursor { after: Position(5), ..cursor }.to_be_signed(one, 5),
            Cursor { key: two, ..cursor }.to_be_signed(one, 5),
        ]
        .into();
        assert_eq!(signed.len(), 6);
    }
}
