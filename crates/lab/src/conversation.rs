//! A conversation over any group key agreement: the real message layer of RFC 9420, with a key that
//! it does not ask the origin of (LAY-1).
//!
//! What a [`Member`] calls its epoch secret enters the key schedule of section 8 as commit secret;
//! from there on everything is production code: the epoch's secrets, the secret tree, signed and
//! encrypted messages, confirmation tags. So key agreement is one layer, to be replaced without a
//! change of the others. History is in the member's secret already, so each epoch starts from an
//! init secret of zeros; a newcomer needs nothing beside its group key.

use std::sync::Arc;

use codec::{Decode, Encode, Opaque, Writer};
use crypto::{Digest, Random, Secret, SignatureKeyPair, SignaturePublicKey, Suite};
use protection::{MessageSecrets, PaddingPolicy, RatchetLimits, SecretTree, sign};
use tree::TreeSize;
use treekem::{CommitSecret, InitSecret, JoinerSecret, PskSecret};
use wire::{
    Content, Extensions, FramedContent, GroupContext, PrivateMessage, ProtocolVersion, Sender,
    WireFormat,
};

use crate::{Failure, Member, Tools};

/// A member who can speak.
pub struct Voice {
    suite: Suite,
    group_id: Opaque,
    signer: Arc<SignatureKeyPair>,
    member: Box<dyn Member>,
    context: GroupContext,
    messages: MessageSecrets,
    confirmation_tag: Opaque,
}

/// What was said, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The speaker's slot.
    pub slot: u32,
    /// The words.
    pub words: Vec<u8>,
}

impl Voice {
    /// Gives a member a voice: the key that it signs what it says with.
    pub fn new(
        tools: &Tools,
        group_id: &[u8],
        member: Box<dyn Member>,
        signer: Arc<SignatureKeyPair>,
    ) -> Result<Self, Failure> {
        let (suite, group_id) = (tools.suite().clone(), Opaque::from(group_id));
        let (context, messages, confirmation_tag) = epoch(&suite, &group_id, &*member)?;
        Ok(Self { suite, group_id, signer, member, context, messages, confirmation_tag })
    }

    /// The member, to send its messages about keys.
    pub fn member(&mut self) -> &mut dyn Member {
        &mut *self.member
    }

    /// Equal for those who share the epoch: context and keys.
    #[must_use]
    pub fn confirmation_tag(&self) -> &[u8] {
        &self.confirmation_tag
    }

    /// Moves on with everybody.
    pub fn process(&mut self, message: &[u8]) -> Result<(), Failure> {
        self.member.process(message)?;
        (self.context, self.messages, self.confirmation_tag) =
            epoch(&self.suite, &self.group_id, &*self.member)?;
        Ok(())
    }

    /// A signed and encrypted message to the group.
    pub fn say(&mut self, words: &[u8], random: &mut dyn Random) -> Result<Vec<u8>, Failure> {
        let content = FramedContent {
            group_id: self.group_id.clone(),
            epoch: self.context.epoch,
            sender: Sender::Member(self.member.slot()),
            authenticated_data: Opaque::default(),
            content: Content::Application(words.into()),
        };
        let wire_format = WireFormat::PRIVATE_MESSAGE;
        let signed = sign(&self.suite, &*self.signer, wire_format, content, &self.context);
        let signed = signed.map_err(refused)?;
        let padding = PaddingPolicy::default();
        let message = self.messages.protect(&self.suite, signed, padding, random);
        Ok(message.map_err(refused)?.to_bytes())
    }

    /// Opens and verifies a message; `key_of` knows the signature key of each slot.
    pub fn hear(
        &mut self,
        message: &[u8],
        key_of: &dyn Fn(u32) -> Option<SignaturePublicKey>,
    ) -> Result<Heard, Failure> {
        let message = PrivateMessage::from_bytes(message)?;
        if message.group_id != self.group_id || message.epoch != self.context.epoch {
            return Err(Failure::Message("a message of another epoch".into()));
        }
        let opened = self.messages.unprotect(&self.suite, &message).map_err(refused)?;
        let slot = opened.sender().as_u32();
        let key = key_of(slot).ok_or(Failure::Misuse("an empty slot"))?;
        let (content, update) = opened.verify(&self.suite, &key, &self.context).map_err(refused)?;
        self.messages.apply(update).map_err(refused)?;
        match &content.content().content {
            Content::Application(words) => Ok(Heard { slot, words: words.to_vec() }),
            Content::Commit(_) | Content::Proposal(_) => {
                Err(Failure::Message("not the words of an application".into()))
            }
        }
    }
}

fn refused(error: protection::Error) -> Failure {
    Failure::Message(error.to_string())
}

fn schedule(error: treekem::Error) -> Failure {
    Failure::Message(error.to_string())
}

/// The message layer of the member's epoch.
fn epoch(
    suite: &Suite,
    group_id: &Opaque,
    member: &dyn Member,
) -> Result<(GroupContext, MessageSecrets, Opaque), Failure> {
    let mut tree = Writer::new();
    for (node, key) in member.public_nodes() {
        node.encode(&mut tree);
        tree.opaque(&key);
    }
    let context = GroupContext {
        version: ProtocolVersion::MLS10,
        cipher_suite: suite.id(),
        group_id: group_id.clone(),
        epoch: member.epoch(),
        tree_hash: suite.hash(tree.as_slice())?,
        confirmed_transcript_hash: Digest::EMPTY,
        extensions: Extensions::default(),
    };
    let bytes = context.to_bytes();
    let init = InitSecret::from(Secret::zeros(suite.hash_length()));
    let commit = CommitSecret::from(member.epoch_secret());
    let joiner = JoinerSecret::derive(suite, &init, &commit, &bytes).map_err(schedule)?;
    let member_secret = joiner.member_secret(suite, &PskSecret::none(suite)).map_err(schedule)?;
    let mut secrets = member_secret.into_epoch_secrets(suite, &bytes).map_err(schedule)?;
    let tag = secrets.confirmation_tag(suite, context.confirmed_transcript_hash.as_slice());
    let slots = member.members().last().copied().and_then(|slot| slot.checked_add(1));
    let size = slots.and_then(u32::checked_next_power_of_two).and_then(TreeSize::from_leaves);
    let size = size.ok_or(Failure::Misuse("a group without members"))?;
    let encryption_secret = secrets.take_encryption_secret();
    let encryption_secret = encryption_secret.ok_or(Failure::Misuse("an epoch without keys"))?;
    let tree = SecretTree::new(size, encryption_secret, RatchetLimits::default());
    let messages = MessageSecrets::new(secrets.sender_data_secret().duplicate(), tree);
    Ok((context, messages, tag.map_err(schedule)?.into_opaque()))
}
