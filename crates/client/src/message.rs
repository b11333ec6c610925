//! What an application message holds, and what accompanies it in the clear part that MLS
//! authenticates.

use crate::EventKind;
use crate::file::SharedFile;
use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Reader, Writer};
use crypto::Secret;
use delivery_api::{ChainHash, Position};

/// The version of [`Payload`].
const PAYLOAD_VERSION: u8 = 2;

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
    content: Content,
}
codec::fields!(Payload { version, id, content });

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// A file, which lies at the service in blobs.
    File(SharedFile),
    /// Words.
    Text(String),
}

impl Content {
    /// As the history shows it, of an account and its device.
    pub(crate) fn into_event(self, (from, device): (String, String)) -> EventKind {
        match self {
            Self::File(SharedFile { name, media_type, size, .. }) => {
                EventKind::File { from, name, media_type, size }
            }
            Self::Text(text) => EventKind::Message { from, text, device },
        }
    }

    /// The file, if it is one.
    pub(crate) fn file(&self) -> Option<&SharedFile> {
        match self {
            Self::File(file) => Some(file),
            Self::Text(_) => None,
        }
    }
}

impl Encode for Content {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Text(text) => {
                1_u8.encode(writer);
                writer.opaque(text.as_bytes());
            }
            Self::File(file) => {
                2_u8.encode(writer);
                file.encode(writer);
            }
        }
    }
}

impl Decode for Content {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let error = reader.error(DecodeErrorKind::InvalidValue("content"));
        match u8::decode(reader)? {
            1 => {
                let text = String::from_utf8(reader.opaque()?.to_vec());
                text.map(Self::Text).map_err(|_| error)
            }
            2 => Decode::decode(reader).map(Self::File),
            _ => Err(error),
        }
    }
}

/// The encoding of a message's contents.
pub(crate) fn encode_payload(id: MessageId, content: Content) -> Secret {
    Secret::encoding(&Payload { version: PAYLOAD_VERSION, id, content })
}

/// The contents of a message, if they are in a form that this version knows.
pub(crate) fn decode_payload(bytes: &[u8]) -> Option<(MessageId, Content)> {
    let Payload { version, id, content } = Payload::from_bytes(bytes).ok()?;
    (version == PAYLOAD_VERSION).then_some((id, content))
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
    use super::{Content, LastSeen, decode_payload, encode_payload};
    use codec::Encode;
    use delivery_api::{ChainHash, Position};

    #[test]
    fn contents_survive_and_other_forms_are_refused() {
        let hello = Content::Text("hello".to_owned());
        let bytes = encode_payload([7; 16], hello.clone());
        let bytes = bytes.expose();
        assert_eq!(decode_payload(bytes), Some(([7; 16], hello)));
        assert_eq!(decode_payload(&bytes[1..]), None);
        assert_eq!(decode_payload(&[&[1], &bytes[1..]].concat()), None);
        assert_eq!(decode_payload(&[bytes, &[0]].concat()), None);
        let other_kind = [&bytes[..17], &[3], &bytes[18..]].concat();
        assert_eq!(decode_payload(&other_kind), None);
        let seen = LastSeen::new(Position(3), ChainHash::new([1; 32]));
        assert_eq!(LastSeen::read(&seen.to_bytes()), Some(seen));
        assert_eq!(LastSeen::read(b""), None);
    }
}
