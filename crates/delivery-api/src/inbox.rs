//! The inbox of a device: items for it alone, kept until it acknowledges them.

use crate::flag;
use crate::id::IdempotencyKey;
use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Opaque, Reader, Writer};

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// Put by some device directly.
    Direct,
    /// A Welcome that came with a commit.
    Welcome,
}

impl ItemKind {
    /// The octet that stands for the kind.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Welcome => 1,
            Self::Direct => 2,
        }
    }

    /// The kind that the octet stands for.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Welcome),
            2 => Some(Self::Direct),
            _ => None,
        }
    }
}

impl Encode for ItemKind {
    fn encode(&self, writer: &mut Writer) {
        self.code().encode(writer);
    }
}

impl Decode for ItemKind {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let error = reader.error(DecodeErrorKind::InvalidValue("item kind"));
        Self::from_code(u8::decode(reader)?).ok_or(error)
    }
}

/// Puts an item into another device's inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutItem {
    /// Names this submission.
    pub idempotency_key: IdempotencyKey,
    /// The item, opaque.
    pub bytes: Opaque,
}
codec::fields!(PutItem { idempotency_key, bytes });

/// An item as its owner reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its number in this inbox: 1, 2, 3, …, never used again.
    pub number: u64,
    /// What it is.
    pub kind: ItemKind,
    /// Its contents, opaque.
    pub bytes: Opaque,
}
codec::fields!(Item { number, kind, bytes });

/// Items behind the number that was asked for, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxPage {
    /// The items.
    pub items: Vec<Item>,
    /// Whether more are waiting behind the last of them.
    pub more: bool,
}

impl Encode for InboxPage {
    fn encode(&self, writer: &mut Writer) {
        self.items.encode(writer);
        flag::encode(self.more, writer);
    }
}

impl Decode for InboxPage {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { items: Decode::decode(reader)?, more: flag::decode(reader)? })
    }
}

/// The numbers of items that their owner has made durable; the service forgets them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledge {
    /// The items; numbers that are gone already do no harm.
    pub numbers: Vec<u64>,
}
codec::fields!(Acknowledge { numbers });
