//! Forged messages, made from outside: a member who deviates, with what its store holds and the
//! public functions of the layers.
//!
//! * To say anything as a member, rightly or wrongly framed, signed, tagged or encrypted:
//!   [`Insider::of`], then [`Insider::sign`] and [`Insider::public`] or [`Insider::encrypt`].
//! * To make a commit in which anything can be changed before it is signed: [`Insider::draft`].
//! * To commit what no rule allows, consistently: [`Insider::changes`] and [`Insider::draft_of`].
//! * To describe an epoch falsely: [`Insider::group_info`]. To change a Welcome: [`WelcomeForge`].
//!
//! Everything here panics where an honest step fails: a forger has no excuse.

mod commit;
mod welcome;

use std::sync::Arc;

use codec::{Decode, Encode, Opaque, Writer};
use crypto::{Digest, Random as _, Signer, Suite};
use mls::{RowKey, RowKind, Storage as _};
use protection::{
    InterimTranscriptHash, MessageSecrets, RatchetId, RatchetKind, RatchetLimits, ReuseGuard,
    SecretTree, SecretTreeRow, SenderDataKey,
};
use tree::{LeafIndex, PageId, RatchetTree, TreeSize};
use treekem::{EpochSecrets, PrivatePath, StoredPrivatePath};
use wire::{
    AuthenticatedContent, Content, Extension, ExtensionType, Extensions, ExternalPub,
    FramedContent, FramedContentAuthData, GroupContext, GroupInfo, LeafNode, MlsMessage,
    MlsMessageBody, PrivateContentAad, PrivateMessage, PublicMessage, Sender, SenderData,
    SenderDataAad, WireFormat,
};

use crate::{Person, SeededRandom};

pub use commit::{Changes, DraftCommit, ForgedCommit, PathChange};
pub use welcome::WelcomeForge;

/// Everything that a member knows in an epoch, in the open.
pub struct Insider {
    /// The suite.
    pub suite: Suite,
    /// Signs whatever is to be signed.
    pub signer: Arc<dyn Signer>,
    /// The member's place.
    pub leaf: LeafIndex,
    /// The epoch's context.
    pub context: GroupContext,
    /// Its tree.
    pub tree: RatchetTree,
    /// Its secrets.
    pub secrets: EpochSecrets,
    /// The member's private keys.
    pub private: PrivatePath,
    /// The transcript up to the epoch.
    pub interim: InterimTranscriptHash,
    /// The tag of the commit that made the epoch.
    pub confirmation_tag: Opaque,
    /// The keys of messages.
    pub messages: MessageSecrets,
    /// Randomness.
    pub random: SeededRandom,
}

/// The row of a group's current epoch, as the store has it.
struct EpochRow {
    context: GroupContext,
    leaves: u32,
    secrets: EpochSecrets,
    private: StoredPrivatePath,
    interim: Digest,
    confirmation_tag: Opaque,
}

codec::fields!(EpochRow { context, leaves, secrets, private, interim, confirmation_tag });

/// The rows of a kind with an id that starts so, without the octet of the format.
fn rows(person: &Person, group_id: &[u8], kind: RowKind, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let rows = person.store.scan(group_id, kind, prefix).expect("memory does not fail");
    rows.into_iter().map(|(id, value)| (id, value.expose()[1..].to_vec())).collect()
}

/// A stored structure.
fn row<T: Decode>(person: &Person, key: &RowKey) -> T {
    let value = person.store.read(key).expect("memory does not fail").expect("the row is there");
    T::from_bytes(&value.expose()[1..]).expect("the row decodes")
}

impl Insider {
    /// What a person's store says about its group.
    #[must_use]
    pub fn of(person: &Person) -> Self {
        let group = person.group.as_ref().expect("the person is in a group");
        let (group_id, suite) = (group.group_id().to_vec(), group.suite().clone());
        let key = RowKey { group_id: group_id.clone(), kind: RowKind::Epoch, id: Vec::new() };
        let EpochRow { context, leaves, secrets, private, interim, confirmation_tag } =
            row(person, &key);
        let size = TreeSize::from_leaves(leaves).expect("a tree has a size");
        let tree = stored_tree(person, &group_id, (size, &suite));
        let private = private.with_tree(&tree);
        let messages = stored_messages(person, &context, size, &secrets);
        let leaf = private.leaf();
        let key = &tree.leaf(leaf).expect("a member has a leaf").signature_key;
        let mut signers = person.client.config().signers.iter();
        let signer = signers.find(|signer| signer.public_key() == key);
        let signer = Arc::clone(signer.expect("the client has the leaf's signer"));
        let random = SeededRandom::new(context.epoch.rotate_left(32) ^ u64::from(leaf.as_u32()));
        let interim = InterimTranscriptHash(interim);
        Self {
            suite,
            signer,
            leaf,
            context,
            tree,
            secrets,
            private,
            interim,
            confirmation_tag,
            messages,
            random,
        }
    }

    /// Content of this member in this epoch, without data of the application.
    #[must_use]
    pub fn content(&self, content: Content) -> FramedContent {
        FramedContent {
            group_id: self.context.group_id.clone(),
            epoch: self.context.epoch,
            sender: Sender::Member(self.leaf.as_u32()),
            authenticated_data: Opaque::default(),
            content,
        }
    }

    /// Signs content, whatever it says.
    #[must_use]
    pub fn sign(&self, wire_format: WireFormat, content: FramedContent) -> AuthenticatedContent {
        let signed = AuthenticatedContent::to_be_signed(wire_format, &content, &self.context);
        let signature = self.sign_with_label(AuthenticatedContent::SIGNATURE_LABEL, &signed);
        let auth = FramedContentAuthData { signature, confirmation_tag: None };
        AuthenticatedContent { wire_format, content, auth }
    }

    /// Signs bytes under a label.
    #[must_use]
    pub fn sign_with_label(&self, label: &str, content: &[u8]) -> Opaque {
        let signature = self.suite.sign_with_label(&*self.signer, label, content);
        signature.expect("a key signs").into()
    }

    /// Signs a leaf for a place in the group.
    pub fn sign_leaf(&self, leaf: &mut LeafNode, place: u32) {
        let signed = leaf.to_be_signed((&self.context.group_id, place));
        leaf.signature = self.sign_with_label(LeafNode::SIGNATURE_LABEL, &signed);
    }

    /// The content as a PublicMessage, with the right membership tag if the sender is a member.
    #[must_use]
    pub fn public(&self, content: AuthenticatedContent) -> MlsMessage {
        let is_member = matches!(content.content.sender, Sender::Member(_));
        let membership_tag = is_member.then(|| {
            let key = self.secrets.membership_key();
            let tag = self.suite.mac(key, &content.to_be_maced(&self.context));
            tag.expect("a MAC is made").expose().into()
        });
        let AuthenticatedContent { content, auth, .. } = content;
        let message = PublicMessage { content, auth, membership_tag };
        MlsMessage(MlsMessageBody::PublicMessage(Box::new(message)))
    }

    /// Signs content for a PublicMessage and frames it.
    #[must_use]
    pub fn say_publicly(&self, content: FramedContent) -> MlsMessage {
        self.public(self.sign(WireFormat::PUBLIC_MESSAGE, content))
    }

    /// Signs content for a PrivateMessage and encrypts it.
    pub fn say_privately(&mut self, content: FramedContent) -> MlsMessage {
        let content = self.sign(WireFormat::PRIVATE_MESSAGE, content);
        self.private(&content)
    }

    /// The content as a PrivateMessage of the member that it names, under that member's next key.
    pub fn private(&mut self, content: &AuthenticatedContent) -> MlsMessage {
        let mut plaintext = Writer::new();
        content.content.content.encode_body(&mut plaintext);
        content.auth.encode(&mut plaintext);
        self.encrypt(&content.content, plaintext.as_slice())
    }

    /// Any plaintext in a PrivateMessage with this framing; the body of `framing` is not used.
    pub fn encrypt(&mut self, framing: &FramedContent, plaintext: &[u8]) -> MlsMessage {
        let FramedContent { group_id, epoch, sender, authenticated_data, content } = framing;
        let Sender::Member(leaf_index) = *sender else { panic!("only members encrypt") };
        let content_type = content.content_type();
        let leaf = self.tree.size().leaf(leaf_index).expect("the leaf has a ratchet");
        let ratchet = RatchetId { leaf, kind: RatchetKind::of(content_type) };
        let secret_tree = self.messages.secret_tree_mut();
        let generation = secret_tree.next_generation(ratchet);
        let looked_up = secret_tree.lookup(&self.suite, leaf, ratchet.kind, generation);
        let looked_up = looked_up.expect("the next generation has a key");
        secret_tree.apply(looked_up.update).expect("nothing came between");
        let mut reuse_guard = [0; 4];
        self.random.fill(&mut reuse_guard).expect("a seed does not fail");
        let aad = PrivateContentAad {
            group_id: group_id.clone(),
            epoch: *epoch,
            content_type,
            authenticated_data: authenticated_data.clone(),
        };
        let plaintext = crypto::Secret::from_slice(plaintext);
        let guard = ReuseGuard(reuse_guard);
        let ciphertext = looked_up.key.seal(&self.suite, guard, &aad.to_bytes(), &plaintext);
        let message = PrivateMessage {
            group_id: group_id.clone(),
            epoch: *epoch,
            content_type,
            authenticated_data: authenticated_data.clone(),
            encrypted_sender_data: Opaque::default(),
            ciphertext: ciphertext.expect("a key encrypts").into(),
        };
        self.seal_sender(SenderData { leaf_index, generation, reuse_guard }, message)
    }

    /// Puts sender data into a message that has everything else.
    #[must_use]
    pub fn seal_sender(&self, sender: SenderData, mut message: PrivateMessage) -> MlsMessage {
        let secret = self.messages.sender_data_secret();
        let keys = SenderDataKey::derive(&self.suite, secret, &message.ciphertext);
        let keys = keys.expect("keys derive");
        let aad = SenderDataAad {
            group_id: message.group_id.clone(),
            epoch: message.epoch,
            content_type: message.content_type,
        };
        let (nonce, aad) = (keys.nonce().expose(), aad.to_bytes());
        let sealed = self.suite.aead_seal(keys.key(), nonce, &aad, &sender.to_bytes());
        message.encrypted_sender_data = sealed.expect("a key encrypts").into();
        MlsMessage(MlsMessageBody::PrivateMessage(message))
    }

    /// The epoch's GroupInfo with tree and external_pub, changed and then signed.
    #[must_use]
    pub fn group_info(&self, change: impl FnOnce(&mut GroupInfo)) -> MlsMessage {
        let external_pub = self.secrets.external_key_pair(&self.suite).expect("keys derive");
        let external_pub = ExternalPub { external_pub: external_pub.public_key };
        let mut extensions = Extensions::default();
        extensions.set(Extension::new(ExtensionType::RATCHET_TREE, &self.tree.to_nodes()));
        extensions.set(Extension::new(ExtensionType::EXTERNAL_PUB, &external_pub));
        let mut group_info = GroupInfo {
            group_context: self.context.clone(),
            extensions,
            confirmation_tag: self.confirmation_tag.clone(),
            signer: self.leaf.as_u32(),
            signature: Opaque::default(),
        };
        change(&mut group_info);
        let signed = group_info.to_be_signed();
        group_info.signature = self.sign_with_label(GroupInfo::SIGNATURE_LABEL, &signed);
        MlsMessage(MlsMessageBody::GroupInfo(Box::new(group_info)))
    }
}

fn stored_tree(person: &Person, group_id: &[u8], form: (TreeSize, &Suite)) -> RatchetTree {
    let rows = rows(person, group_id, RowKind::TreePage, &[]);
    let pages = rows
        .iter()
        .map(|(id, bytes)| (PageId::from_bytes(id).expect("a page has a name"), bytes.as_slice()));
    RatchetTree::from_pages(form, pages).expect("the pages make a tree")
}

fn stored_messages(
    person: &Person,
    context: &GroupContext,
    size: TreeSize,
    secrets: &EpochSecrets,
) -> MessageSecrets {
    let prefix = context.epoch.to_be_bytes();
    let rows = rows(person, &context.group_id, RowKind::SecretTree, &prefix).into_iter();
    let rows = rows.map(|(id, bytes)| {
        let row = SecretTreeRow::from_bytes(size, &id[prefix.len()..]).expect("a row has a name");
        (row, bytes)
    });
    let secret_tree = SecretTree::from_rows(size, RatchetLimits::default(), rows);
    let secret_tree = secret_tree.expect("the rows make a tree");
    MessageSecrets::new(secrets.sender_data_secret().duplicate(), secret_tree)
}
