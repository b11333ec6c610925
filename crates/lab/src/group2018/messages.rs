//! The messages of the groups of 2018, in the laboratory's own framing: what a draft said about
//! paths is in the trees, the rest is as small as it can be.

use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Opaque, Reader, Writer};
use crypto::{Digest, HpkePublicKey, Secret, SignaturePublicKey};

/// Members that a message may name: more than a group can have.
const MEMBERS_MAX: usize = 1 << 24;

/// What a newcomer publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyPackage {
    pub(crate) identity: u32,
    /// For those who add the newcomer; of one use.
    pub(crate) init_key: HpkePublicKey,
    /// For a Diffie-Hellman that proves who adds somebody; empty where nothing uses it.
    pub(crate) static_key: HpkePublicKey,
    pub(crate) signature_key: SignaturePublicKey,
    pub(crate) signature: Opaque,
}

codec::fields!(KeyPackage { identity, init_key, static_key, signature_key, signature });

impl KeyPackage {
    /// What its owner signs.
    pub(crate) fn signed_part(&self) -> Vec<u8> {
        Self { signature: Opaque::default(), ..self.clone() }.to_bytes()
    }
}

/// What happens in an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Add(KeyPackage),
    Remove(u32),
    Update,
}

impl Encode for Change {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Add(package) => {
                writer.write(&[1]);
                package.encode(writer);
            }
            Self::Remove(slot) => {
                writer.write(&[2]);
                slot.encode(writer);
            }
            Self::Update => writer.write(&[3]),
        }
    }
}

impl Decode for Change {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = reader.clone();
        match reader.array()? {
            [1] => Ok(Self::Add(KeyPackage::decode(reader)?)),
            [2] => Ok(Self::Remove(u32::decode(reader)?)),
            [3] => Ok(Self::Update),
            _ => Err(at.error(DecodeErrorKind::InvalidValue("change"))),
        }
    }
}

/// How the owner of a leaf that was set by another comes to its new secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) leaf: u32,
    /// For the owner's init key; empty if nobody lives there, or the sender.
    pub(crate) encapsulated: Opaque,
}

codec::fields!(Delivery { leaf, encapsulated });

/// A message to all members before it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) epoch: u64,
    pub(crate) sender: u32,
    pub(crate) change: Change,
    /// The leaves that a removal sets beside that of the removed.
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) path: Opaque,
}

codec::fields!(Content { epoch, sender, change, deliveries <= MEMBERS_MAX, path });

/// A message to all members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Handshake {
    pub(crate) content: Content,
    pub(crate) signature: Opaque,
    /// Empty in the form that has none.
    pub(crate) confirmation_tag: Opaque,
}

codec::fields!(Handshake { content, signature, confirmation_tag });

/// A line of the book of owners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BookEntry {
    pub(crate) leaf: u32,
    pub(crate) owner: u32,
}

codec::fields!(BookEntry { leaf, owner });

/// Everything public about a group in one epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) group_id: Opaque,
    pub(crate) epoch: u64,
    pub(crate) transcript: Digest,
    pub(crate) roster: Vec<Option<KeyPackage>>,
    pub(crate) book: Vec<BookEntry>,
    pub(crate) public_keys: Vec<HpkePublicKey>,
}

codec::fields!(Snapshot {
    group_id,
    epoch,
    transcript,
    roster <= MEMBERS_MAX,
    book <= MEMBERS_MAX,
    public_keys <= 2 * MEMBERS_MAX,
});

/// What one newcomer is told alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) delivery: Delivery,
    /// An encrypted [`EntrySecrets`].
    pub(crate) sealed: Opaque,
}

codec::fields!(Entry { delivery, sealed });

/// The secrets in an [`Entry`].
pub(crate) struct EntrySecrets {
    pub(crate) joiner_secret: Secret,
    pub(crate) nodes: Vec<NodeSecret>,
}

codec::fields!(EntrySecrets { joiner_secret, nodes <= 64 });

/// The secret of a node.
pub(crate) struct NodeSecret {
    pub(crate) node: u32,
    pub(crate) secret: Secret,
}

codec::fields!(NodeSecret { node, secret });

/// The message with which newcomers join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Welcome {
    pub(crate) snapshot: Snapshot,
    pub(crate) sender: u32,
    pub(crate) entries: Vec<Entry>,
    pub(crate) confirmation_tag: Opaque,
    pub(crate) signature: Opaque,
}

codec::fields!(Welcome { snapshot, sender, entries <= MEMBERS_MAX, confirmation_tag, signature });
