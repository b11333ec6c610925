//! Messages that are signed and encrypted (RFC 9420, section 6.3), and the flow from ciphertext to
//! verified content.
//!
//! 1. [`MessageSecrets::unprotect`] opens the sender data, looks the key up and opens the content.
//!    It changes nothing.
//! 2. The caller finds the signature key of [`OpenedMessage::sender`] in the tree of the message's
//!    epoch; a blank leaf is to be refused.
//! 3. [`OpenedMessage::verify`] verifies the signature and hands out the update.
//! 4. [`MessageSecrets::apply`] erases the key.
//!
//! A message that fails on the way leaves its key in place: every member can encrypt under every
//! other member's ratchet, so a key that went with the first decryption could be burnt by an
//! insider.

use codec::{Encode, Opaque, Reader, Writer};
use crypto::{CryptoError, Random, Secret, SignaturePublicKey, Suite};
use tree::LeafIndex;
use wire::{
    AuthenticatedContent, Content, FramedContent, FramedContentAuthData, GroupContext,
    PrivateContentAad, PrivateMessage, Sender, SenderData, WireFormat,
};

use crate::content::{check_confirmation_tag, check_framing};
use crate::{
    AeadCost, Error, KeyLookup, Limit, MessageKey, Misuse, PaddingPolicy, RatchetKind,
    RatchetUpdate, ReuseGuard, SecretTree, UnprotectedContent, VerifiedContent, Violation,
    sender_data,
};

/// The longest PrivateMessage, counting its three variable fields: half of what a message may have
/// at all, so that it can travel inside another. A commit with 300,000 path secrets fits.
pub const PRIVATE_MESSAGE_BYTES_MAX: usize = wire::MESSAGE_BYTES_MAX / 2;

/// Length of the tag of every AEAD in use; a longer one only makes the limit stricter.
const AEAD_TAG_BYTES: usize = 16;

/// Length of an encoded `SenderData`.
const SENDER_DATA_BYTES: usize = 12;

/// What protects the private messages of one epoch.
pub struct MessageSecrets {
    sender_data_secret: Secret,
    secret_tree: SecretTree,
}

/// A private message after decryption: who claims to say what. Nothing is verified yet, and nothing
/// is erased yet.
#[must_use]
pub struct OpenedMessage {
    content: UnprotectedContent,
    sender: LeafIndex,
    generation: u32,
    update: RatchetUpdate,
}

impl MessageSecrets {
    /// The secrets of an epoch.
    #[must_use]
    pub fn new(sender_data_secret: Secret, secret_tree: SecretTree) -> Self {
        Self { sender_data_secret, secret_tree }
    }

    /// The epoch's `sender_data_secret`, to be stored; it does not change within the epoch.
    #[must_use]
    pub fn sender_data_secret(&self) -> &Secret {
        &self.sender_data_secret
    }

    /// The epoch's secret tree.
    #[must_use]
    pub fn secret_tree(&self) -> &SecretTree {
        &self.secret_tree
    }

    /// The epoch's secret tree, to drain its changes.
    pub fn secret_tree_mut(&mut self) -> &mut SecretTree {
        &mut self.secret_tree
    }

    /// Encrypts a member's signed content. The sender must be this client: it is its ratchet that
    /// moves on, and its usage that counts.
    ///
    /// If it fails after the key was taken, the generation is lost, never used again.
    pub fn protect(
        &mut self,
        suite: &Suite,
        content: AuthenticatedContent,
        padding: PaddingPolicy,
        random: &mut dyn Random,
    ) -> Result<PrivateMessage, Error> {
        if content.wire_format != WireFormat::PRIVATE_MESSAGE {
            return Err(Misuse::WireFormat.into());
        }
        check_framing(content.wire_format, &content.content).map_err(Misuse::WouldViolate)?;
        check_confirmation_tag(&content)?;
        // Section 6.3.2: "the sender MUST verify Sender.sender_type is member".
        let Sender::Member(leaf_index) = content.content.sender else {
            return Err(Misuse::SenderType.into());
        };
        let leaf = self.secret_tree.size().leaf(leaf_index).ok_or(Misuse::UnknownLeaf)?;
        let plaintext = encode_content(&content, padding)?;
        let mut message = PrivateMessage {
            content_type: content.content.content.content_type(),
            group_id: content.content.group_id,
            epoch: content.content.epoch,
            authenticated_data: content.content.authenticated_data,
            encrypted_sender_data: Opaque::default(),
            ciphertext: Opaque::default(),
        };
        let aad = content_aad(&message);
        let guard = ReuseGuard::random(random)?;
        let kind = RatchetKind::of(message.content_type);
        let cost = AeadCost::of([plaintext.len(), aad.len(), SENDER_DATA_BYTES, aad.len()]);
        let key = self.secret_tree.next_key(suite, leaf, kind, cost)?;
        let generation = key.generation();
        message.ciphertext = key.seal(suite, guard, &aad, &plaintext)?.into();
        let sender_data = SenderData { leaf_index, generation, reuse_guard: guard.0 };
        message.encrypted_sender_data =
            sender_data::seal(suite, &self.sender_data_secret, &sender_data, &message)?.into();
        Ok(message)
    }

    /// Decrypts a message of this epoch and group. Changes nothing; see the module's steps.
    pub fn unprotect(
        &self,
        suite: &Suite,
        message: &PrivateMessage,
    ) -> Result<OpenedMessage, Error> {
        check_length(message)?;
        let SenderData { leaf_index, generation, reuse_guard } =
            sender_data::open(suite, &self.sender_data_secret, message)?;
        let sender = self.secret_tree.size().leaf(leaf_index).ok_or(Violation::UnknownSender)?;
        let kind = RatchetKind::of(message.content_type);
        let KeyLookup { key, update } = self.secret_tree.lookup(suite, sender, kind, generation)?;
        let plaintext = open_content(suite, key, ReuseGuard(reuse_guard), message)?;
        let content = UnprotectedContent::new(decode_content(&plaintext, sender, message)?)?;
        Ok(OpenedMessage { content, sender, generation, update })
    }

    /// Erases the key of a message that was verified. Fails, and changes nothing, if another update
    /// was applied since the message was opened; the message is then to be opened again.
    pub fn apply(&mut self, update: RatchetUpdate) -> Result<(), Error> {
        self.secret_tree.apply(update)
    }
}

impl OpenedMessage {
    /// Who claims to say it: the leaf whose signature key verifies the content.
    #[must_use]
    pub fn sender(&self) -> LeafIndex {
        self.sender
    }

    /// The generation of the sender's ratchet that the message used.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The content, not verified.
    #[must_use]
    pub fn content(&self) -> &UnprotectedContent {
        &self.content
    }

    /// Verifies the signature with the key in the sender's leaf. Returns the content, and the
    /// update that erases the message's key.
    pub fn verify(
        self,
        suite: &Suite,
        public_key: &SignaturePublicKey,
        context: &GroupContext,
    ) -> Result<(VerifiedContent, RatchetUpdate), Error> {
        let content = VerifiedContent::verify(suite, self.content, public_key, context)?;
        Ok((content, self.update))
    }
}

/// `PrivateMessageContent`: the content, its authentication, and zeros.
fn encode_content(content: &AuthenticatedContent, padding: PaddingPolicy) -> Result<Secret, Error> {
    let FramedContent { group_id, authenticated_data, content: body, .. } = &content.content;
    let mut writer = Writer::erasing();
    body.encode_body(&mut writer);
    content.auth.encode(&mut writer);
    let length = writer.as_slice().len();
    let overhead = AEAD_TAG_BYTES + group_id.len() + authenticated_data.len();
    let length_max = PRIVATE_MESSAGE_BYTES_MAX.checked_sub(overhead).ok_or(Limit::MessageBytes)?;
    if length > length_max {
        return Err(Limit::MessageBytes.into());
    }
    writer.write(&vec![0; padding.padded_length(length, length_max) - length]);
    Ok(Secret::from_vec(writer.into_bytes()))
}

/// Opens the ciphertext and uses the key up.
fn open_content(
    suite: &Suite,
    key: MessageKey,
    guard: ReuseGuard,
    message: &PrivateMessage,
) -> Result<Secret, Error> {
    match key.open(suite, guard, &content_aad(message), &message.ciphertext) {
        Ok(plaintext) => Ok(plaintext),
        Err(CryptoError::AeadOpen | CryptoError::InvalidLength) => {
            Err(Violation::ContentNotAuthentic.into())
        }
        Err(other) => Err(other.into()),
    }
}

fn decode_content(
    plaintext: &Secret,
    sender: LeafIndex,
    message: &PrivateMessage,
) -> Result<AuthenticatedContent, Error> {
    let mut reader = Reader::new(plaintext.expose());
    let content_type = message.content_type;
    let content = Content::decode_body(content_type, &mut reader).map_err(Error::Malformed)?;
    let auth =
        FramedContentAuthData::decode(content_type, &mut reader).map_err(Error::Malformed)?;
    // Section 6.3.1: "A receiver MUST verify that there are no non-zero bytes in the padding
    // field".
    if reader.rest().iter().fold(0, |any, byte| any | byte) != 0 {
        return Err(Violation::NonzeroPadding.into());
    }
    let content = FramedContent {
        group_id: message.group_id.clone(),
        epoch: message.epoch,
        sender: Sender::Member(sender.as_u32()),
        authenticated_data: message.authenticated_data.clone(),
        content,
    };
    Ok(AuthenticatedContent { wire_format: WireFormat::PRIVATE_MESSAGE, content, auth })
}

/// Refuses what no honest sender makes that long, before anything is computed from it.
fn check_length(message: &PrivateMessage) -> Result<(), Error> {
    let PrivateMessage { group_id, authenticated_data, ciphertext, .. } = message;
    let lengths = [group_id.len(), authenticated_data.len(), ciphertext.len()];
    let length = lengths.into_iter().fold(0, usize::saturating_add);
    if length > PRIVATE_MESSAGE_BYTES_MAX { Err(Limit::MessageBytes.into()) } else { Ok(()) }
}

fn content_aad(message: &PrivateMessage) -> Vec<u8> {
    PrivateContentAad {
        group_id: message.group_id.clone(),
        epoch: message.epoch,
        content_type: message.content_type,
        authenticated_data: message.authenticated_data.clone(),
    }
    .to_bytes()
}
