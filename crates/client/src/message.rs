//! What an application message holds, and what accompanies it in the clear part that MLS
//! authenticates.

use codec::{Decode, Encode, Opaque};
use delivery_api::{ChainHash, Position};

/// The version of [`Payload`].
const PAYLOAD_VERSION: u8 = 1;

/// The version of [`LastSeen`].
const LAST_SEEN_VERSION: u8 = 1;

/// Characters of a message, as bytes; anything larger belongs in a blob. Leaves room for padding.
pub const TEXT_BYTES_MAX: usize = 256 << 10;

/// Names a message uniquely among its sender's.
pub(crate) type MessageId = [u8; 16];

/// The encrypted part.
struct Payload {
    version: u8,
    id: MessageId,
    text: Opaque,
}
codec::fields!(Payload { version, id, text });

/// The encoding of a message's contents.
pub(crate) fn encode_payload(id: MessageId, text: &str) -> Vec<u8> {
    Payload { version: PAYLOAD_VERSION, id, text: text.as_bytes().into() }.to_bytes()
}

/// The contents of a message, if they are in a form that this version knows.
pub(crate) fn decode_payload(bytes: &[u8]) -> Option<(MessageId, String)> {
    let Payload { version, id, text } = Payload::from_bytes(bytes).ok()?;
    let text = String::from_utf8(text.into_vec()).ok()?;
    (version == PAYLOAD_VERSION).then_some((id, text))
}

/// How far the sender had read the log: in the authenticated data of every message and commit.
///
/// Whoever finds another chain at that position knows that the service shows its readers different
/// logs. The service itself can read it: `PrivateMessage` authenticates this part without
/// encrypting it, and it says nothing that the service did not say first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LastSeen {
    version: u8,
    pub(crate) position: Position,
    pub(crate) chain_hash: ChainHash,
}
codec::fields!(LastSeen { version, position, chain_hash });

impl LastSeen {
    pub(crate) fn new(position: Position, chain_hash: ChainHash) -> Self {
        Self { version: LAST_SEEN_VERSION, position, chain_hash }
    }

    /// Reads it from authenticated data; `None` if a member wrote something else there.
    pub(crate) fn read(authenticated_data: &[u8]) -> Option<Self> {
        let seen = Self::from_bytes(authenticated_data).ok()?;
        (seen.version == LAST_SEEN_VERSION).then_some(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::{LastSeen, decode_payload, encode_payload};
    use codec::Encode;
    use delivery_api::{ChainHash, Position};

    #[test]
    fn contents_survive_and_other_forms_are_refused() {
        let bytes = encode_payload([7; 16], "hello");
        assert_eq!(decode_payload(&bytes), Some(([7; 16], "hello".to_owned())));
        assert_eq!(decode_payload(&bytes[1..]), None);
        assert_eq!(decode_payload(&[&[2], &bytes[1..]].concat()), None);
        let seen = LastSeen::new(Position(3), ChainHash::new([1; 32]));
        assert_eq!(LastSeen::read(&seen.to_bytes()), Some(seen));
        assert_eq!(LastSeen::read(b""), None);
    }
}
