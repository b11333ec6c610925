//! What the rows mean: one type per table, and the encodings of what is kept as bytes.

use crate::engine::notice::Contact;
use crate::message::{Content, MessageId};
use crate::policy::GroupPolicy;
use crate::{EventKind, GroupId};
use authentication::DeviceCredential;
use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Opaque, Reader, Writer};
use crypto::Secret;
use delivery_api::log::{Append, CommitBundle};
use delivery_api::{ChainHash, DeviceId, LogId, Name, Position, PublicKey};

/// The account.
pub(crate) struct AccountRecord {
    pub(crate) name: Name,
    pub(crate) server: String,
    pub(crate) service_key: Option<PublicKey>,
    pub(crate) device_key: Secret,
    pub(crate) signature_key: Secret,
    /// Empty if the root key is elsewhere.
    pub(crate) root_key: Secret,
    pub(crate) credential: Option<DeviceCredential>,
    pub(crate) registered: bool,
}

/// How this device belongs to its account.
pub(crate) struct BelongingRecord {
    /// The seed of the key that owns the name at the service; empty without the root key.
    pub(crate) owner_key: Secret,
    /// The secret of the code that is shown; empty unless the device waits to be linked.
    pub(crate) link_secret: Secret,
    /// While the account is recovered: the devices to be kept.
    pub(crate) keep: Option<Vec<DeviceId>>,
    /// Where backups are left, once known.
    pub(crate) backup: Option<Contact>,
    /// The hash of what was last left there.
    pub(crate) backed_up: Option<Vec<u8>>,
}

/// How a group stands with the service. Whether the own client is a member, MLS knows too; here it
/// is what decides whether the log is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupStatus {
    /// Created here; its log does not exist yet.
    Creating,
    /// Joined by a Welcome; where its segment starts is not known yet.
    Locating,
    /// In use.
    Active,
    /// This client was removed.
    Removed,
    /// Not safe to follow any more.
    Halted,
}

impl GroupStatus {
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Creating => 1,
            Self::Locating => 2,
            Self::Active => 3,
            Self::Removed => 4,
            Self::Halted => 5,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        [Self::Creating, Self::Locating, Self::Active, Self::Removed, Self::Halted]
            .into_iter()
            .find(|status| status.code() == code)
    }
}

/// A group.
pub(crate) struct GroupRecord {
    pub(crate) id: GroupId,
    pub(crate) log: LogId,
    pub(crate) name: String,
    pub(crate) status: GroupStatus,
    pub(crate) position: Position,
    pub(crate) chain_hash: ChainHash,
    pub(crate) head: Position,
    pub(crate) access_key: Secret,
}

/// An event before it has a number.
pub(crate) struct NewEvent {
    pub(crate) group: Option<GroupId>,
    pub(crate) position: Position,
    pub(crate) epoch: u64,
    pub(crate) kind: EventKind,
    /// Of a message: whose device, and its id there.
    pub(crate) message_id: Option<(DeviceId, MessageId)>,
    /// Whether the application learns of it by asking for news; own doings it knows.
    pub(crate) unread: bool,
}

/// Somebody to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invitee {
    pub(crate) name: Name,
    /// The device, once looked up.
    pub(crate) device: Option<DeviceId>,
    /// Its key package, once claimed; kept over lost races and restarts, since each is handed out
    /// once.
    pub(crate) key_package: Option<Opaque>,
}

impl Encode for Invitee {
    fn encode(&self, writer: &mut Writer) {
        writer.opaque(self.name.as_str().as_bytes());
        self.device.encode(writer);
        self.key_package.encode(writer);
    }
}

impl Decode for Invitee {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            name: decode_name(reader)?,
            device: Decode::decode(reader)?,
            key_package: Decode::decode(reader)?,
        })
    }
}

/// What the user wants of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Intent {
    /// Add these.
    Add(Vec<Invitee>),
    /// Make the devices of an account in the group those that it has: remove who must go, add
    /// these.
    Reconcile {
        /// The account.
        name: Name,
        /// Its devices that the group lacks.
        invitees: Vec<Invitee>,
    },
    /// Remove these.
    Remove(Vec<Name>),
    /// Say something.
    Send {
        /// The message's id, the same however often it is encrypted.
        id: MessageId,
        /// What to say.
        content: Content,
    },
    /// Change the own keys.
    Update,
    /// Give the group another policy.
    SetPolicy(Box<GroupPolicy>),
    /// Give the group another name.
    Rename(String),
    /// Leave the group.
    Leave,
    /// Remove these devices, which have not renewed their keys for too long.
    Evict(Vec<DeviceId>),
}

impl Intent {
    /// Who is to be added.
    pub(crate) fn invitees(&self) -> &[Invitee] {
        match self {
            Self::Add(invitees) | Self::Reconcile { invitees, .. } => invitees,
            _ => &[],
        }
    }

    /// Who is to be added, to be looked up.
    pub(crate) fn invitees_mut(&mut self) -> Option<&mut Vec<Invitee>> {
        match self {
            Self::Add(invitees) | Self::Reconcile { invitees, .. } => Some(invitees),
            _ => None,
        }
    }
}

impl std::fmt::Display for Intent {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |names: Vec<&str>| names.join(", ");
        match self {
            Self::Add(invitees) => {
                let names = invitees.iter().map(|invitee| invitee.name.as_str()).collect();
                write!(formatter, "add {}", list(names))
            }
            Self::Remove(names) => {
                write!(formatter, "remove {}", list(names.iter().map(Name::as_str).collect()))
            }
            Self::Send { content: Content::File(file), .. } => {
                write!(formatter, "send the file {}", file.name)
            }
            Self::Reconcile { name, .. } => write!(formatter, "see to the devices of {name}"),
            Self::Send { .. } => formatter.write_str("send a message"),
            Self::Update => formatter.write_str("update keys"),
            Self::Leave => formatter.write_str("leave the group"),
            Self::Evict(_) => formatter.write_str("remove idle members"),
            Self::SetPolicy(_) => formatter.write_str("change the policy"),
            Self::Rename(name) => write!(formatter, "rename the group to {name}"),
        }
    }
}

impl Encode for Intent {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Add(invitees) => {
                1_u8.encode(writer);
                invitees.encode(writer);
            }
            Self::Remove(names) => {
                2_u8.encode(writer);
                let names: Vec<Opaque> =
                    names.iter().map(|name| name.as_str().as_bytes().into()).collect();
                names.encode(writer);
            }
            Self::Send { id, content } => {
                3_u8.encode(writer);
                id.encode(writer);
                content.encode(writer);
            }
            Self::Update => 4_u8.encode(writer),
            Self::Leave => 20_u8.encode(writer),
            Self::Evict(devices) => {
                23_u8.encode(writer);
                devices.encode(writer);
            }
            Self::SetPolicy(policy) => {
                21_u8.encode(writer);
                policy.encode(writer);
            }
            Self::Rename(name) => {
                22_u8.encode(writer);
                writer.opaque(name.as_bytes());
            }
            Self::Reconcile { name, invitees } => {
                29_u8.encode(writer);
                writer.opaque(name.as_str().as_bytes());
                invitees.encode(writer);
            }
        }
    }
}

impl Decode for Intent {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let error = reader.error(DecodeErrorKind::InvalidValue("intent"));
        match u8::decode(reader)? {
            1 => Ok(Self::Add(Decode::decode(reader)?)),
            2 => {
                let names = Vec::<Opaque>::decode(reader)?;
                let names = names.iter().map(|name| parse_name(name));
                Ok(Self::Remove(names.collect::<Option<_>>().ok_or(error)?))
            }
            3 => Ok(Self::Send { id: Decode::decode(reader)?, content: Decode::decode(reader)? }),
            4 => Ok(Self::Update),
            20 => Ok(Self::Leave),
            23 => Ok(Self::Evict(Decode::decode(reader)?)),
            21 => Ok(Self::SetPolicy(Box::new(Decode::decode(reader)?))),
            22 => {
                let name = String::from_utf8(reader.opaque()?.to_vec()).map_err(|_| error)?;
                Ok(Self::Rename(name))
            }
            29 => {
                let name = decode_name(reader)?;
                Ok(Self::Reconcile { name, invitees: Decode::decode(reader)? })
            }
            _ => Err(error),
        }
    }
}

fn parse_name(bytes: &[u8]) -> Option<Name> {
    Name::new(std::str::from_utf8(bytes).ok()?)
}

fn decode_name(reader: &mut Reader<'_>) -> Result<Name, DecodeError> {
    let error = reader.error(DecodeErrorKind::InvalidValue("name"));
    parse_name(reader.opaque()?).ok_or(error)
}

/// An intent that is not done.
pub(crate) struct IntentRecord {
    pub(crate) number: u64,
    pub(crate) group: GroupId,
    pub(crate) intent: Intent,
    pub(crate) attempts: u32,
}

/// What is to be sent exactly as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Submission {
    Commit(Box<CommitBundle>),
    Message(Box<Append>),
}

impl Submission {
    /// The commit head that it was made under.
    pub(crate) fn head(&self) -> Position {
        match self {
            Self::Commit(bundle) => bundle.expected_head,
            Self::Message(append) => append.head,
        }
    }

    /// The bytes that the log will hold.
    pub(crate) fn entry_bytes(&self) -> &[u8] {
        match self {
            Self::Commit(bundle) => &bundle.commit,
            Self::Message(append) => &append.bytes,
        }
    }
}

/// What was made for an intent.
pub(crate) struct OutboxRecord {
    pub(crate) group: GroupId,
    pub(crate) intent: u64,
    pub(crate) submission: Submission,
}

/// An own key package.
pub(crate) struct KeyPackageRecord {
    pub(crate) reference: Vec<u8>,
    pub(crate) last_resort: bool,
    pub(crate) not_after: u64,
}
