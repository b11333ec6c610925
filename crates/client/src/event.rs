//! What happens in groups, as the application is told and as the history keeps it.
//!
//! An event's order is its `number`: the order in which this client made it durable. Its place in
//! the group's one order is `position`; every member sees the same happen at the same position.

use crate::GroupId;
use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Opaque, Reader, Writer};
use delivery_api::Position;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its number on this client.
    pub number: u64,
    /// The group, if it concerns one.
    pub group: Option<GroupId>,
    /// The entry of the group's log behind it, or 0.
    pub position: Position,
    /// The epoch: of a message, in which it was sent; of a change, which it began.
    pub epoch: u64,
    /// What happened.
    pub kind: EventKind,
}

macro_rules! kinds {
    ($(#[$doc:meta])* pub enum EventKind { $($(#[$variant_doc:meta])* $tag:literal $variant:ident {
        $($(#[$field_doc:meta])* $field:ident: $wrapper:ty),* $(,)?
    })* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum EventKind {
            $($(#[$variant_doc])* $variant { $($(#[$field_doc])* $field: $wrapper),* },)*
        }

        impl Encode for EventKind {
            fn encode(&self, writer: &mut Writer) {
                match self {
                    $(Self::$variant { $($field),* } => {
                        u8::encode(&$tag, writer);
                        $(Stored::store($field, writer);)*
                    })*
                }
            }
        }

        impl Decode for EventKind {
            fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                let error = reader.error(DecodeErrorKind::InvalidValue("event kind"));
                Ok(match u8::decode(reader)? {
                    $($tag => Self::$variant { $($field: Stored::load(reader)?),* },)*
                    _ => return Err(error),
                })
            }
        }
    };
}

kinds! {
    /// What happened. Names are account names, checked by the identity policy.
    pub enum EventKind {
        /// Somebody said something.
        1 Message {
            /// Who sent it.
            from: String,
            /// What it says.
            text: String,
            /// The device that it was sent from, as 64 hexadecimal digits.
            device: String,
        }
        /// A group was created here.
        2 Created {}
        /// This client joined a group, or came back.
        3 Joined {
            /// Everybody in the group, this client's account included.
            members: Vec<String>,
        }
        /// Somebody was added.
        4 MemberAdded {
            /// Who added them.
            by: String,
            /// Who was added.
            name: String,
            /// With which device, as 64 hexadecimal digits.
            device: String,
        }
        /// Somebody was removed.
        5 MemberRemoved {
            /// Who removed them.
            by: String,
            /// Who was removed.
            name: String,
        }
        /// A member changed its keys.
        6 KeysUpdated {
            /// Who.
            name: String,
        }
        /// This client was removed from the group.
        7 RemovedFromGroup {
            /// Who removed it.
            by: String,
        }
        /// An entry of the log is invalid; every member skips it.
        8 EntrySkipped {
            /// Why.
            reason: String,
        }
        /// A Welcome arrived that could not be used; it was put away.
        9 WelcomeUnusable {
            /// Why.
            reason: String,
        }
        /// The group cannot be followed safely any more; nothing is sent to it.
        10 Halted {
            /// Why.
            reason: String,
        }
        /// Something that was asked for could not be done and was given up.
        11 IntentFailed {
            /// What was wanted.
            what: String,
            /// Why it cannot be done.
            reason: String,
        }
        /// An insider had closed the group's log; this client has opened it again.
        50 LogRepaired {}
        /// This client had lost the group, and is back as a member with new keys.
        51 Rejoined {
            /// What came behind this entry of the log, and
            after: u64,
            /// before this one, could not be read.
            at: u64,
        }
        /// Another member is where this client is: what had halted the group was not so.
        52 Resumed {}
        /// Nobody has shown this client the way back into the group: it must be added again.
        53 RejoinFailed {}
        /// Somebody is in the group who was not when this client lost it. Who added them cannot be
        /// told.
        55 MemberAppeared {
            /// Who.
            name: String,
            /// With which device, as 64 hexadecimal digits.
            device: String,
        }
        /// Somebody is in the group no more who was when this client lost it.
        56 MemberDisappeared {
            /// Who.
            name: String,
            /// With which device, as 64 hexadecimal digits.
            device: String,
        }
        /// A member had lost the group, and is back with new keys.
        54 MemberRejoined {
            /// Who.
            name: String,
        }
        /// An account that is in the group came in with one more device.
        20 DeviceAdded {
            /// Who added it.
            by: String,
            /// The account.
            name: String,
            /// The device, as 64 hexadecimal digits.
            device: String,
        }
        /// A device of an account went, and the account is still in the group.
        21 DeviceRemoved {
            /// Who removed it.
            by: String,
            /// The account.
            name: String,
            /// The device, as 64 hexadecimal digits.
            device: String,
        }
        /// A member's device is not on its account's list, or not any more. It will be removed.
        22 DeviceNotListed {
            /// The account.
            name: String,
            /// The device, as 64 hexadecimal digits.
            device: String,
        }
        /// This device is now one of its account's.
        23 Linked {}
        /// This client recovered its account and asked to be taken into its groups again.
        24 Recovering {
            /// The groups' names.
            groups: Vec<String>,
        }
        /// Somebody sent something with this client's keys: its folder was copied, or put back from
        /// an older copy. What was said is not known here. The keys are changed before anything
        /// else is sent.
        60 SentElsewhere {}
        /// The service takes no backups of this account: it asks for an invitation token. All else
        /// works; but should all devices be lost, the recovery code leads back into no group. It is
        /// tried again with all that is fetched.
        61 BackupRefused {}
        /// The account has given this device up. Its members remove it from their groups; nothing
        /// can be sent from it.
        62 DeviceRevoked {}
        /// Somebody shared a file: [`crate::Account::save_file`] fetches it.
        40 File {
            /// Who sent it.
            from: String,
            /// The name that the sender gave it.
            name: String,
            /// Its media type, for example `image/png`, as the sender says.
            media_type: String,
            /// Its size in bytes.
            size: u64,
        }
        /// A member wants to leave; the next commit removes it.
        30 MemberLeaving {
            /// Who.
            name: String,
        }
        /// A member left, as it wished.
        31 MemberLeft {
            /// Who removed them for it.
            by: String,
            /// Who left.
            name: String,
        }
        /// A member was removed that has not renewed its keys for longer than the policy allows.
        32 MemberEvicted {
            /// Who removed them.
            by: String,
            /// Who was removed.
            name: String,
        }
        /// This client left the group, as it wished.
        33 LeftGroup {
            /// Who removed it for it.
            by: String,
        }
        /// A member shows another credential: renewed, or by another root key of its account.
        34 CredentialChanged {
            /// Who.
            name: String,
        }
        /// The group has another policy.
        35 PolicyChanged {
            /// Who changed it.
            by: String,
            /// What is different, one line each.
            what: Vec<String>,
        }
        /// The group has another name.
        36 GroupRenamed {
            /// Who renamed it.
            by: String,
            /// The old name.
            before: String,
            /// The new name.
            name: String,
        }
        /// The own keys could not be renewed in time: nothing is sent until they are. Whoever keeps
        /// commits away keeps keys alive that somebody may have stolen.
        37 UpdateOverdue {}
        /// The own keys are renewed, and messages go out again.
        38 UpdateLanded {}
    }
}

/// How a field of an event is kept.
trait Stored: Sized {
    fn store(&self, writer: &mut Writer);
    fn load(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;
}

impl Stored for String {
    fn store(&self, writer: &mut Writer) {
        writer.opaque(self.as_bytes());
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let error = reader.error(DecodeErrorKind::InvalidValue("text"));
        Self::from_utf8(Opaque::decode(reader)?.into_vec()).map_err(|_| error)
    }
}

impl Stored for u64 {
    fn store(&self, writer: &mut Writer) {
        self.encode(writer);
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::decode(reader)
    }
}

impl Stored for Vec<String> {
    fn store(&self, writer: &mut Writer) {
        let texts: Vec<Opaque> = self.iter().map(|text| text.as_bytes().into()).collect();
        texts.encode(writer);
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let error = reader.error(DecodeErrorKind::InvalidValue("text"));
        let texts = Vec::<Opaque>::decode(reader)?;
        let texts = texts.into_iter().map(|text| String::from_utf8(text.into_vec()));
        texts.collect::<Result<_, _>>().map_err(|_| error)
    }
}

#[cfg(test)]
mod tests {
    use super::EventKind;
    use codec::{Decode, Encode};

    #[test]
    fn kinds_survive_storage() {
        let text = |text: &str| text.to_owned();
        for kind in [
            EventKind::Message { from: text("bob"), text: text("hé"), device: text("07") },
            EventKind::Created {},
            EventKind::Joined { members: vec![text("a"), text("b")] },
            EventKind::RemovedFromGroup { by: text("alice") },
            EventKind::File { from: text("a"), name: text("b"), media_type: text("c/d"), size: 7 },
        ] {
            assert_eq!(EventKind::from_bytes(&kind.to_bytes()), Ok(kind));
        }
        assert!(EventKind::from_bytes(&[99]).is_err());
        assert!(EventKind::from_bytes(&[7, 1, 0xff]).is_err());
    }
}
