//! What a forger has at hand, and what it comes up with.

use std::sync::Arc;

use codec::{Encode, Opaque};
use crypto::{HpkePublicKey, SignatureKeyPair};
use mls::{HandshakeFormat, MlsMessage};
use testkit::SeededRandom;
use testkit::forge::{Changes, DraftCommit, Insider, PathChange};
use wire::{
    AuthenticatedContent, Content, KeyPackage, LeafNode, Proposal, ProposalOrRef, Sender,
    WireFormat,
};

use super::stage::{Stage, key_package};

/// A message with exactly one rule broken, or with none.
pub(crate) struct Forgery {
    /// What is done.
    pub(crate) name: &'static str,
    /// The `Violation` that it is; none for what is in order.
    pub(crate) rule: Option<&'static str>,
    /// How.
    pub(crate) make: fn(&mut Studio<'_, '_>) -> Evidence,
}

/// What is shown to everyone.
pub(crate) enum Evidence {
    /// A commit, what was proposed before, and the authenticator of the epoch it leads to.
    Commit { proposals: Vec<Vec<u8>>, commit: Vec<u8>, authenticator: Vec<u8> },
    /// Application messages, with their text, one after the other: the last is what counts.
    Texts(Vec<(Vec<u8>, Vec<u8>)>),
    /// A key package that somebody shall propose to add.
    KeyPackage(Vec<u8>),
}

/// The forger's place of work.
pub(crate) struct Studio<'s, 'j> {
    pub(crate) stage: &'s mut Stage<'j>,
    /// The forger, in the open.
    pub(crate) insider: Insider,
    /// Its friend, who signs whatever it likes.
    pub(crate) friend: Insider,
    /// The form of this round.
    pub(crate) form: WireFormat,
    pub(crate) random: SeededRandom,
}

impl<'s, 'j> Studio<'s, 'j> {
    pub(crate) fn new(stage: &'s mut Stage<'j>, handshakes: HandshakeFormat) -> Self {
        let (insider, friend) = (Insider::of(&stage.forger), Insider::of(&stage.friend));
        let form = match handshakes {
            HandshakeFormat::Public => WireFormat::PUBLIC_MESSAGE,
            HandshakeFormat::Private => WireFormat::PRIVATE_MESSAGE,
        };
        Self { stage, insider, friend, form, random: SeededRandom::new(7) }
    }

    /// No changes yet.
    pub(crate) fn changes(&self) -> Changes {
        self.insider.changes()
    }

    /// The leaf of the friend.
    pub(crate) fn friends_leaf(&self) -> LeafNode {
        Arc::unwrap_or_clone(self.insider.tree.leaf(self.friend.leaf).expect("a member"))
    }

    /// The forger's own leaf.
    pub(crate) fn own_leaf(&self) -> LeafNode {
        Arc::unwrap_or_clone(self.insider.tree.leaf(self.insider.leaf).expect("a member"))
    }

    /// A key that nobody else has.
    pub(crate) fn fresh_key(&mut self) -> HpkePublicKey {
        let pair = self.insider.suite.generate_key_pair(&mut self.random);
        pair.expect("keys can be made").public_key
    }

    /// The key package of a newcomer, changed and signed by it, the leaf first.
    pub(crate) fn newcomer(&mut self, change: impl FnOnce(&mut KeyPackage)) -> KeyPackage {
        self.newcomer_with(change, |_| {})
    }

    /// The same, with a change after the leaf was signed and before the whole is.
    pub(crate) fn newcomer_with(
        &mut self,
        change: impl FnOnce(&mut KeyPackage),
        after_leaf: impl FnOnce(&mut KeyPackage),
    ) -> KeyPackage {
        let suite = self.insider.suite.clone();
        let mut made = key_package(&mut self.stage.friend);
        let signer = SignatureKeyPair::generate(&suite, &mut self.random).expect("keys are made");
        made.leaf_node.signature_key = crypto::Signer::public_key(&signer).clone();
        made.leaf_node.credential = wire::Credential::basic(b"newcomer");
        change(&mut made);
        let sign = |label: &str, bytes: &[u8]| -> Opaque {
            suite.sign_with_label(&signer, label, bytes).expect("a key signs").into()
        };
        let placed = (&self.insider.context.group_id[..], 0);
        made.leaf_node.signature =
            sign(LeafNode::SIGNATURE_LABEL, &made.leaf_node.to_be_signed(placed));
        after_leaf(&mut made);
        made.signature = sign(KeyPackage::SIGNATURE_LABEL, &made.to_be_signed());
        made
    }

    /// A proposal of the friend, with what a commit says to refer to it.
    pub(crate) fn friend_proposes(&mut self, proposal: Proposal) -> (Vec<u8>, ProposalOrRef) {
        let content = self.friend.content(Content::Proposal(proposal));
        let signed = self.friend.sign(self.form, content);
        let reference = signed.proposal_ref(&self.insider.suite).expect("hashing works");
        let message = frame(&mut self.friend, self.form, signed);
        (message, ProposalOrRef::Reference(reference))
    }

    /// An Update of the friend's leaf, changed before it is signed, and a commit of it.
    pub(crate) fn update_of_friend(&mut self, change: impl FnOnce(&mut LeafNode)) -> Evidence {
        let place = self.friend.leaf.as_u32();
        self.update_signed_for(place, change)
    }

    /// The same, with the leaf signed for a place.
    pub(crate) fn update_signed_for(
        &mut self,
        place: u32,
        change: impl FnOnce(&mut LeafNode),
    ) -> Evidence {
        let mut leaf = self.friends_leaf();
        leaf.encryption_key = self.fresh_key();
        leaf.leaf_node_source = wire::LeafNodeSource::Update;
        change(&mut leaf);
        self.friend.sign_leaf(&mut leaf, place);
        let update = Proposal::Update(Box::new(leaf.clone()));
        let (message, listed) = self.friend_proposes(update);
        let mut changes = self.changes();
        changes.update(self.friend.leaf, leaf);
        changes.proposals.push(listed);
        let draft = self.insider.draft_of(changes, Some(PathChange::default()));
        self.show(draft, vec![message])
    }

    /// A commit with a path.
    pub(crate) fn commit(&mut self, changes: Changes) -> Evidence {
        let draft = self.insider.draft_of(changes, Some(PathChange::default()));
        self.show(draft, Vec::new())
    }

    /// A commit without a path.
    pub(crate) fn commit_without_path(&mut self, changes: Changes) -> Evidence {
        let draft = self.insider.draft_of(changes, None);
        self.show(draft, Vec::new())
    }

    /// A commit of nothing, with something done to its path.
    pub(crate) fn commit_path(&mut self, change: PathChange<'_>) -> Evidence {
        let changes = self.changes();
        let draft = self.insider.draft_of(changes, Some(change));
        self.show(draft, Vec::new())
    }

    /// A commit of nothing, changed before it is signed.
    pub(crate) fn commit_changed(
        &mut self,
        change: impl FnOnce(&mut DraftCommit, &Insider),
    ) -> Evidence {
        let changes = self.changes();
        let mut draft = self.insider.draft_of(changes, Some(PathChange::default()));
        change(&mut draft, &self.insider);
        self.show(draft, Vec::new())
    }

    /// A commit of nothing, changed after it is signed and before it is framed.
    pub(crate) fn commit_signed(
        &mut self,
        change: impl FnOnce(&mut AuthenticatedContent),
    ) -> Evidence {
        let changes = self.changes();
        let mut draft = self.insider.draft_of(changes, Some(PathChange::default()));
        draft.wire_format = self.form;
        let mut forged = draft.finish(&self.insider);
        let authenticator = forged.next.secrets.epoch_authenticator().expose().to_vec();
        change(&mut forged.content);
        let commit = frame(&mut self.insider, self.form, forged.content);
        Evidence::Commit { proposals: Vec::new(), commit, authenticator }
    }

    /// A commit of nothing as a PublicMessage, changed when it is complete.
    pub(crate) fn commit_framed(
        &mut self,
        change: impl FnOnce(&mut wire::PublicMessage),
    ) -> Evidence {
        let changes = self.changes();
        let draft = self.insider.draft_of(changes, Some(PathChange::default()));
        let forged = draft.finish(&self.insider);
        let authenticator = forged.next.secrets.epoch_authenticator().expose().to_vec();
        let mut message = self.insider.public(forged.content);
        if let wire::MlsMessageBody::PublicMessage(public) = &mut message.0 {
            change(public);
        }
        Evidence::Commit { proposals: Vec::new(), commit: message.to_bytes(), authenticator }
    }

    /// An external commit of a stranger.
    pub(crate) fn external(
        &mut self,
        changes: Changes,
        change: impl FnOnce(&mut DraftCommit),
    ) -> Evidence {
        self.external_by(b"stranger", changes, change)
    }

    /// An external commit of somebody with this identity and a new key.
    pub(crate) fn external_by(
        &mut self,
        identity: &[u8],
        changes: Changes,
        change: impl FnOnce(&mut DraftCommit),
    ) -> Evidence {
        let suite = self.insider.suite.clone();
        let signer = SignatureKeyPair::generate(&suite, &mut self.random).expect("keys are made");
        self.insider.signer = Arc::new(signer);
        let path = PathChange {
            leaf: &|leaf| leaf.credential = wire::Credential::basic(identity),
            ..PathChange::default()
        };
        let mut draft = self.insider.draft_external_of(changes, path);
        change(&mut draft);
        self.form = WireFormat::PUBLIC_MESSAGE;
        self.show(draft, Vec::new())
    }

    /// Signs and frames a draft.
    pub(crate) fn show(&mut self, mut draft: DraftCommit, proposals: Vec<Vec<u8>>) -> Evidence {
        draft.wire_format = self.form;
        let forged = draft.finish(&self.insider);
        let authenticator = forged.next.secrets.epoch_authenticator().expose().to_vec();
        let commit = frame(&mut self.insider, self.form, forged.content);
        Evidence::Commit { proposals, commit, authenticator }
    }

    /// Application data of the forger, changed before it is signed.
    pub(crate) fn text(&mut self, change: impl FnOnce(&mut AuthenticatedContent)) -> Evidence {
        let content = self.insider.content(Content::Application(b"hello".as_slice().into()));
        let mut signed = self.insider.sign(WireFormat::PRIVATE_MESSAGE, content);
        change(&mut signed);
        let message = self.insider.private(&signed).to_bytes();
        Evidence::Texts(vec![(message, b"hello".to_vec())])
    }

    /// A proposal in the form of this round that somebody makes in the forger's frame, and a commit
    /// that refers to it without any change.
    pub(crate) fn proposal_from(&mut self, sender: Sender, proposal: Proposal) -> Evidence {
        let mut content = self.insider.content(Content::Proposal(proposal));
        content.sender = sender;
        let signed = self.insider.sign(WireFormat::PUBLIC_MESSAGE, content);
        let reference = signed.proposal_ref(&self.insider.suite).expect("hashing works");
        let message = self.insider.public(signed).to_bytes();
        let mut changes = self.changes();
        changes.proposals.push(ProposalOrRef::Reference(reference));
        let draft = self.insider.draft_of(changes, Some(PathChange::default()));
        self.show(draft, vec![message])
    }
}

/// Content in a form.
fn frame(insider: &mut Insider, form: WireFormat, content: AuthenticatedContent) -> Vec<u8> {
    let message: MlsMessage = match form {
        WireFormat::PUBLIC_MESSAGE => insider.public(content),
        _ => insider.private(&content),
    };
    message.to_bytes()
}
