//! One epoch of a small group, for the other tests: its secrets, its members' keys, and forging
//! with the primitives alone.

use std::sync::Arc;

use codec::{Encode, Opaque};
use crypto::{CipherSuite, Crypto, Digest, Secret, SignatureKeyPair, Signer, Suite};
use protection::{
    AeadCost, Error, MessageSecrets, PaddingPolicy, RatchetId, RatchetKind, RatchetLimits,
    ReuseGuard, SecretTree, SenderDataKey, VerifiedContent, sign,
};
use testkit::SeededRandom;
use tree::{LeafIndex, TreeSize};
use wire::{
    AuthenticatedContent, Capabilities, Commit, Content, Credential, Extensions, FramedContent,
    GroupContext, KeyPackage, LeafNode, LeafNodeSource, Lifetime, PrivateContentAad,
    PrivateMessage, Proposal, ProtocolVersion, Sender, SenderData, SenderDataAad, WireFormat,
};

/// What all members of the epoch share.
pub(crate) struct Epoch {
    pub(crate) suite: Suite,
    pub(crate) context: GroupContext,
    pub(crate) membership_key: Secret,
    /// The signature keys, by leaf.
    pub(crate) members: [SignatureKeyPair; 2],
}

impl Epoch {
    /// A group of two in this epoch.
    pub(crate) fn new(epoch: u64) -> Self {
        let suite = Crypto::new(crypto_aws_lc::provider()).suite(CipherSuite(1)).unwrap();
        let key = |byte| {
            SignatureKeyPair::from_private_key(&suite, Secret::from_slice(&[byte; 32])).unwrap()
        };
        let context = GroupContext {
            version: ProtocolVersion::MLS10,
            cipher_suite: suite.id(),
            group_id: b"group".into(),
            epoch,
            tree_hash: Digest::EMPTY,
            confirmed_transcript_hash: Digest::EMPTY,
            extensions: Extensions(Vec::new()),
        };
        let members = [key(1), key(2)];
        Self { suite, context, membership_key: Secret::from_slice(&[3; 32]), members }
    }

    pub(crate) fn size(&self) -> TreeSize {
        TreeSize::from_leaves(2).unwrap()
    }

    pub(crate) fn leaf(&self, index: u32) -> LeafIndex {
        self.size().leaf(index).unwrap()
    }

    pub(crate) fn sender_data_secret(&self) -> Secret {
        Secret::from_slice(&[4; 32])
    }

    /// The secrets as every member has them when the epoch begins.
    pub(crate) fn secrets(&self) -> MessageSecrets {
        let encryption_secret = Secret::from_slice(&[5; 32]);
        let tree = SecretTree::new(self.size(), encryption_secret, RatchetLimits::default());
        MessageSecrets::new(self.sender_data_secret(), tree)
    }

    pub(crate) fn framed(&self, sender: Sender, content: Content) -> FramedContent {
        FramedContent {
            group_id: self.context.group_id.clone(),
            epoch: self.context.epoch,
            sender,
            authenticated_data: b"authenticated".into(),
            content,
        }
    }

    /// Content signed by the key of leaf `signer`, with a tag if it is a commit. Signs anything.
    pub(crate) fn signed(
        &self,
        signer: usize,
        wire_format: WireFormat,
        content: FramedContent,
    ) -> AuthenticatedContent {
        let message = AuthenticatedContent::to_be_signed(wire_format, &content, &self.context);
        let label = AuthenticatedContent::SIGNATURE_LABEL;
        let signature =
            self.suite.sign_with_label(&self.members[signer], label, &message).unwrap().into();
        let is_commit = matches!(content.content, Content::Commit(_));
        let confirmation_tag = is_commit.then(|| b"tag".into());
        let auth = wire::FramedContentAuthData { signature, confirmation_tag };
        AuthenticatedContent { wire_format, content, auth }
    }

    /// An application message of leaf 0, honestly made.
    pub(crate) fn say(&self, secrets: &mut MessageSecrets, text: &str) -> PrivateMessage {
        let content = self.framed(Sender::Member(0), application(text));
        let format = WireFormat::PRIVATE_MESSAGE;
        let signed = sign(&self.suite, &self.members[0], format, content, &self.context).unwrap();
        let random = &mut SeededRandom::new(secrets.secret_tree().usage().messages);
        secrets.protect(&self.suite, signed, PaddingPolicy::default(), random).unwrap()
    }

    /// Everything a receiver does with a private message of leaf 0.
    pub(crate) fn hear(
        &self,
        secrets: &mut MessageSecrets,
        message: &PrivateMessage,
    ) -> Result<VerifiedContent, Error> {
        let opened = secrets.unprotect(&self.suite, message)?;
        let key = self.members[0].public_key();
        let (content, update) = opened.verify(&self.suite, key, &self.context)?;
        secrets.apply(update)?;
        Ok(content)
    }

    /// A private message of any plaintext under the application key of a leaf's generation, as any
    /// member can make it.
    pub(crate) fn forge(&self, leaf: u32, generation: u32, plaintext: &[u8]) -> PrivateMessage {
        let secrets = self.secrets();
        let found = secrets.secret_tree().lookup(
            &self.suite,
            self.leaf(leaf),
            RatchetKind::Application,
            generation,
        );
        let guard = ReuseGuard([9; 4]);
        let GroupContext { group_id, epoch, .. } = self.context.clone();
        let content_type = wire::ContentType::Application;
        let authenticated_data: Opaque = b"authenticated".into();
        let aad = PrivateContentAad {
            group_id: group_id.clone(),
            epoch,
            content_type,
            authenticated_data: authenticated_data.clone(),
        };
        let plaintext = Secret::from_slice(plaintext);
        let key = found.unwrap().key;
        let ciphertext = key.seal(&self.suite, guard, &aad.to_bytes(), &plaintext).unwrap().into();
        let mut message = PrivateMessage {
            group_id,
            epoch,
            content_type,
            authenticated_data,
            encrypted_sender_data: Opaque::default(),
            ciphertext,
        };
        let sender = SenderData { leaf_index: leaf, generation, reuse_guard: guard.0 };
        self.reseal(&mut message, &sender.to_bytes());
        message
    }

    /// Replaces the sender data of a message.
    pub(crate) fn reseal(&self, message: &mut PrivateMessage, sender_data: &[u8]) {
        let secret = self.sender_data_secret();
        let key = SenderDataKey::derive(&self.suite, &secret, &message.ciphertext).unwrap();
        let PrivateMessage { group_id, epoch, content_type, .. } = message.clone();
        let aad = SenderDataAad { group_id, epoch, content_type }.to_bytes();
        let nonce = key.nonce().expose();
        message.encrypted_sender_data =
            self.suite.aead_seal(key.key(), nonce, &aad, sender_data).unwrap().into();
    }

    /// The plaintext of an honest application message without padding.
    pub(crate) fn plaintext(&self, signer: usize, text: &str) -> Vec<u8> {
        let content = self.framed(Sender::Member(0), application(text));
        let signed = self.signed(signer, WireFormat::PRIVATE_MESSAGE, content);
        let mut writer = codec::Writer::new();
        signed.content.content.encode_body(&mut writer);
        signed.auth.encode(&mut writer);
        writer.into_bytes()
    }
}

/// The application ratchet of a leaf in a group of two.
pub(crate) fn application_ratchet(epoch: &Epoch, leaf: u32) -> RatchetId {
    RatchetId { leaf: epoch.leaf(leaf), kind: RatchetKind::Application }
}

/// Moves a sender's ratchet, as by a message that never arrives.
pub(crate) fn lose_a_message(epoch: &Epoch, secrets: &mut MessageSecrets) {
    let leaf = epoch.leaf(0);
    let cost = AeadCost::of([1]);
    let tree = secrets.secret_tree_mut();
    drop(tree.next_key(&epoch.suite, leaf, RatchetKind::Application, cost).unwrap());
}

pub(crate) fn application(text: &str) -> Content {
    Content::Application(text.as_bytes().into())
}

pub(crate) fn remove() -> Content {
    Content::Proposal(Proposal::Remove(1))
}

pub(crate) fn commit() -> Content {
    Content::Commit(Arc::new(Commit { proposals: Vec::new(), path: None }))
}

/// An Add of a well-formed key package; nobody checks it here.
pub(crate) fn add() -> Content {
    let capabilities = Capabilities {
        versions: Vec::new(),
        cipher_suites: Vec::new(),
        extensions: Vec::new(),
        proposals: Vec::new(),
        credentials: Vec::new(),
    };
    let leaf_node = LeafNode {
        encryption_key: vec![1].into(),
        signature_key: vec![2].into(),
        credential: Credential::Basic(b"joiner".into()),
        capabilities,
        leaf_node_source: LeafNodeSource::KeyPackage(Lifetime { not_before: 0, not_after: 1 }),
        extensions: Extensions(Vec::new()),
        signature: Opaque::default(),
    };
    Content::Proposal(Proposal::Add(Box::new(KeyPackage {
        version: ProtocolVersion::MLS10,
        cipher_suite: CipherSuite(1),
        init_key: vec![3].into(),
        leaf_node,
        extensions: Extensions(Vec::new()),
        signature: Opaque::default(),
    })))
}
