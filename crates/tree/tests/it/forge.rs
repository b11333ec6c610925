//! Forged public state: people, leaves, key packages and commits, all really signed, in which a
//! test changes what it likes before the signature is made.
//!
//! A [`Group`] is what an insider of ill will has: every member's signature key. It holds no
//! secrets of key agreement, so the paths here carry no ciphertexts; this layer does not look at
//! them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crypto::{
    CipherSuite, Crypto, Digest, HpkePublicKey, Random, SignatureKeyPair, SignaturePublicKey,
    Signer, Suite,
};
use testkit::{AcceptAll, NOW, SeededRandom};
use tree::rules::{LifetimeRules, VerifiedTree, verify_ratchet_tree};
use tree::{
    AppliedProposals, Base, Checks, Committer, Error, LeafIndex, ListedProposal, NextTree,
    ProposalSender, PskPurpose, RatchetTree, Violation, apply,
};
use wire::{
    Capabilities, Credential, CredentialType, Extension, ExtensionType, Extensions, GroupContext,
    KeyPackage, LeafNode, LeafNodeSource, Lifetime, Node, ParentNode, Proposal, ProtocolVersion,
    RatchetTreeNodes, UpdatePath, UpdatePathNode,
};

/// Half the length of the longest lifetime that [`CHECKS`] allow.
pub(crate) const HALF_LIFE: u64 = 500;

/// The lifetime of ordinary key packages: now, and as long as allowed.
pub(crate) const LIFETIME: Lifetime =
    Lifetime { not_before: NOW - HALF_LIFE, not_after: NOW + HALF_LIFE };

pub(crate) const LIFETIMES: LifetimeRules =
    LifetimeRules { lifetime_max_seconds: 2 * HALF_LIFE, check_received: true, check_tree: true };

/// What an application that accepts everyone wants checked.
pub(crate) const CHECKS: Checks<'_> = Checks {
    identity: &AcceptAll,
    lifetimes: LIFETIMES,
    now: NOW,
    sending: false,
    psk_purpose: PskPurpose::Ordinary,
};

/// The mandatory suite.
pub(crate) fn suite() -> Suite {
    Crypto::new(crypto_aws_lc::provider()).suite(CipherSuite(1)).unwrap()
}

/// The rule that a result says was broken.
pub(crate) fn broken<T>(result: Result<T, impl Into<Error>>) -> Violation {
    match result.map_err(Into::into) {
        Ok(_) => panic!("it is accepted"),
        Err(Error::Violation { violation, .. }) => violation,
        Err(other) => panic!("{other}"),
    }
}

/// An extension with arbitrary contents.
pub(crate) fn extension(extension_type: u16) -> Extension {
    let extension_type = ExtensionType(extension_type);
    Extension { extension_type, extension_data: b"data".into() }
}

/// Someone with a signature key.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) signer: Arc<SignatureKeyPair>,
}

/// The public state of a group, and every member's signature key.
pub(crate) struct Group {
    pub(crate) suite: Suite,
    pub(crate) random: SeededRandom,
    pub(crate) context: GroupContext,
    pub(crate) tree: RatchetTree,
    people: BTreeMap<SignaturePublicKey, Person>,
}

/// People and what they sign.
impl Group {
    /// Someone new.
    pub(crate) fn person(&mut self) -> Person {
        let signer = SignatureKeyPair::generate(&self.suite, &mut self.random).unwrap();
        let name = format!("person {}", self.people.len());
        let person = Person { name, signer: Arc::new(signer) };
        self.people.insert(person.signer.public_key().clone(), person.clone());
        person
    }

    /// Whoever is at this leaf.
    pub(crate) fn member(&self, index: u32) -> Person {
        let (_, leaf) = self.tree.member(index).unwrap();
        self.people[&leaf.signature_key].clone()
    }

    /// A new encryption key, whose private key nobody needs.
    pub(crate) fn key(&mut self) -> HpkePublicKey {
        let mut key = [0; 32];
        self.random.fill(&mut key).unwrap();
        // Any 32 bytes but a few are an X25519 public key.
        key.to_vec().into()
    }

    /// A leaf that lacks only the signature.
    pub(crate) fn leaf_node(&mut self, person: &Person, source: LeafNodeSource) -> LeafNode {
        LeafNode {
            encryption_key: self.key(),
            signature_key: person.signer.public_key().clone(),
            credential: Credential::basic(person.name.as_bytes()),
            capabilities: Capabilities {
                versions: vec![ProtocolVersion::MLS10],
                cipher_suites: vec![self.suite.id()],
                credentials: vec![CredentialType::BASIC],
                ..Capabilities::default()
            },
            leaf_node_source: source,
            extensions: Extensions::default(),
            signature: Default::default(),
        }
    }

    /// Signs a leaf for its place; the place of one from a key package does not matter.
    pub(crate) fn sign_leaf(&self, mut leaf: LeafNode, person: &Person, index: u32) -> LeafNode {
        let signed = leaf.to_be_signed((&self.context.group_id, index));
        let label = LeafNode::SIGNATURE_LABEL;
        leaf.signature =
            self.suite.sign_with_label(&*person.signer, label, &signed).unwrap().into();
        leaf
    }

    /// A key package, changed before its two signatures are made.
    pub(crate) fn key_package(
        &mut self,
        person: &Person,
        change: impl FnOnce(&mut KeyPackage),
    ) -> KeyPackage {
        let mut key_package = KeyPackage {
            version: ProtocolVersion::MLS10,
            cipher_suite: self.suite.id(),
            init_key: self.key(),
            leaf_node: self.leaf_node(person, LeafNodeSource::KeyPackage(LIFETIME)),
            extensions: Extensions::default(),
            signature: Default::default(),
        };
        change(&mut key_package);
        key_package.leaf_node = self.sign_leaf(key_package.leaf_node, person, 0);
        let signed = key_package.to_be_signed();
        let label = KeyPackage::SIGNATURE_LABEL;
        let signature = self.suite.sign_with_label(&*person.signer, label, &signed).unwrap();
        key_package.signature = signature.into();
        key_package
    }

    /// A member's new leaf for an Update proposal, changed before it is signed.
    pub(crate) fn updated_leaf(
        &mut self,
        member: u32,
        change: impl FnOnce(&mut LeafNode),
    ) -> LeafNode {
        let person = self.member(member);
        let mut leaf = self.leaf_node(&person, LeafNodeSource::Update);
        change(&mut leaf);
        self.sign_leaf(leaf, &person, member)
    }
}

/// Proposals, all of the epoch that [`Group::base`] describes.
impl Group {
    /// A proposal of a member, as a commit by another refers to it.
    pub(crate) fn proposed(&self, member: u32, proposal: Proposal) -> ListedProposal {
        listed(ProposalSender::Member(self.leaf(member)), proposal)
    }

    /// The first member's proposal to add someone new whose key package was changed.
    pub(crate) fn add_with(&mut self, change: impl FnOnce(&mut KeyPackage)) -> ListedProposal {
        let person = self.person();
        self.add_person(&person, change)
    }

    /// The first member's proposal to add this person.
    pub(crate) fn add_person(
        &mut self,
        person: &Person,
        change: impl FnOnce(&mut KeyPackage),
    ) -> ListedProposal {
        let key_package = self.key_package(person, change);
        self.proposed(0, Proposal::Add(Box::new(key_package)))
    }

    /// The first member's proposal to add someone new.
    pub(crate) fn add(&mut self) -> ListedProposal {
        self.add_with(|_| {})
    }

    /// A member's Update, changed before it is signed.
    pub(crate) fn update_with(
        &mut self,
        member: u32,
        change: impl FnOnce(&mut LeafNode),
    ) -> ListedProposal {
        let leaf = self.updated_leaf(member, change);
        self.proposed(member, Proposal::Update(Box::new(leaf)))
    }

    /// A member's Update.
    pub(crate) fn update(&mut self, member: u32) -> ListedProposal {
        self.update_with(member, |_| {})
    }

    /// The first member's proposal to remove another.
    pub(crate) fn remove(&self, removed: u32) -> ListedProposal {
        self.proposed(0, Proposal::Remove(removed))
    }

    /// The first member's proposal of these extensions.
    pub(crate) fn extensions(&self, extensions: Vec<Extension>) -> ListedProposal {
        self.proposed(0, Proposal::GroupContextExtensions(Extensions(extensions)))
    }
}

/// A proposal by value.
pub(crate) fn listed(sender: ProposalSender, proposal: Proposal) -> ListedProposal {
    ListedProposal { proposal: Arc::new(proposal), sender, reference: None, verified: None }
}

/// Groups and their epochs.
impl Group {
    /// A group of one.
    pub(crate) fn alone(seed: u64) -> Self {
        let suite = suite();
        let context = GroupContext {
            version: ProtocolVersion::MLS10,
            cipher_suite: suite.id(),
            group_id: b"group".into(),
            epoch: 0,
            tree_hash: Digest::EMPTY,
            confirmed_transcript_hash: Digest::EMPTY,
            extensions: Extensions::default(),
        };
        let random = SeededRandom::new(seed);
        let tree = RatchetTree::new(placeholder());
        let mut group = Self { suite, random, context, tree, people: BTreeMap::new() };
        let creator = group.person();
        group.tree = RatchetTree::new(group.key_package(&creator, |_| {}).leaf_node);
        group.context.tree_hash = group.tree.tree_hash(&group.suite).unwrap();
        group
    }

    /// A group whose creator has added all others with one commit.
    pub(crate) fn of(members: u32) -> Self {
        let mut group = Self::alone(members.into());
        let adds: Vec<_> = (1..members).map(|_| group.add()).collect();
        group.commit(0, &adds);
        group
    }

    /// A group in which everyone has committed, so that no parent is blank that need not be.
    pub(crate) fn warm(members: u32) -> Self {
        let mut group = Self::of(members);
        (0..members).for_each(|member| group.commit(member, &[]));
        group
    }

    /// The leaf with this number, which the tree must have.
    pub(crate) fn leaf(&self, index: u32) -> LeafIndex {
        self.tree.size().leaf(index).unwrap()
    }

    pub(crate) fn base(&self) -> Base<'_> {
        Base { suite: &self.suite, context: &self.context, tree: &self.tree }
    }

    /// Applies the proposals of a member's commit.
    pub(crate) fn apply(
        &self,
        committer: u32,
        proposals: &[ListedProposal],
    ) -> Result<AppliedProposals, Error> {
        let committer = Committer::Member(self.leaf(committer));
        apply(self.base(), committer, proposals, &CHECKS)
    }

    /// Applies proposals without a path and judges what results.
    pub(crate) fn result(
        &self,
        committer: u32,
        proposals: &[ListedProposal],
    ) -> Result<NextTree, Error> {
        self.apply(committer, proposals)?.without_path(&self.suite)
    }

    /// The path of a committer with these keys; the leaf is changed before it is signed.
    pub(crate) fn path_with_keys(
        &mut self,
        applied: &mut AppliedProposals,
        (committer, person): (Committer, &Person),
        keys: Vec<HpkePublicKey>,
        change: impl FnOnce(&mut LeafNode),
    ) -> UpdatePath {
        let sender = applied.sender_leaf(committer).unwrap();
        let merged = applied.merge_path(&self.suite, (committer, sender), &keys).unwrap();
        let source = LeafNodeSource::Commit { parent_hash: merged.parent_hash };
        let mut leaf = self.leaf_node(person, source);
        change(&mut leaf);
        let leaf_node = self.sign_leaf(leaf, person, sender.as_u32());
        let node =
            |encryption_key| UpdatePathNode { encryption_key, encrypted_path_secret: Vec::new() };
        UpdatePath { leaf_node, nodes: keys.into_iter().map(node).collect() }
    }

    /// The path of a committer; the leaf is changed before it is signed.
    pub(crate) fn path(
        &mut self,
        applied: &mut AppliedProposals,
        committer: (Committer, &Person),
        change: impl FnOnce(&mut LeafNode),
    ) -> UpdatePath {
        let sender = applied.sender_leaf(committer.0).unwrap();
        let length = applied.tree().filtered_direct_path(sender).len();
        let keys = (0..length).map(|_| self.key()).collect();
        self.path_with_keys(applied, committer, keys, change)
    }

    /// A member's path over these proposals, as a receiver judges it after `change`.
    pub(crate) fn receive_path(
        &mut self,
        committer: u32,
        proposals: &[ListedProposal],
        change: impl FnOnce(&mut LeafNode),
    ) -> Result<NextTree, Error> {
        let mut applied = self.apply(committer, proposals)?;
        let person = self.member(committer);
        let committer = Committer::Member(self.leaf(committer));
        let path = self.path(&mut applied, (committer, &person), change);
        Ok(applied.merge_received_path(self.base(), committer, &path, &CHECKS)?.1)
    }

    /// A member commits these proposals with a path, and the group moves on.
    pub(crate) fn commit(&mut self, committer: u32, proposals: &[ListedProposal]) {
        let mut applied = self.apply(committer, proposals).unwrap();
        let person = self.member(committer);
        let committer = Committer::Member(self.leaf(committer));
        let path = self.path(&mut applied, (committer, &person), |_| {});
        let merged = applied.merge_received_path(self.base(), committer, &path, &CHECKS);
        let (_, next) = merged.unwrap();
        self.advance(&applied, next);
    }

    /// A commit without a path, and the group moves on.
    pub(crate) fn commit_without_path(&mut self, committer: u32, proposals: &[ListedProposal]) {
        let applied = self.apply(committer, proposals).unwrap();
        let next = applied.without_path(&self.suite).unwrap();
        self.advance(&applied, next);
    }

    /// Moves to the next epoch.
    pub(crate) fn advance(&mut self, applied: &AppliedProposals, next: NextTree) {
        self.tree = next.tree;
        self.context.tree_hash = next.tree_hash;
        self.context.epoch += 1;
        self.context.extensions = applied.extensions.clone();
    }
}

/// What stands in a tree until its first leaf is made.
fn placeholder() -> LeafNode {
    LeafNode {
        encryption_key: Vec::new().into(),
        signature_key: Vec::new().into(),
        credential: Credential::basic(b""),
        capabilities: Capabilities::default(),
        leaf_node_source: LeafNodeSource::Update,
        extensions: Extensions::default(),
        signature: Default::default(),
    }
}

/// Trees as a joiner sees them.
impl Group {
    /// Verifies the group's tree as a joiner does, after a change. The tree hash is that of the
    /// changed tree: whoever signs the GroupInfo is in on it.
    pub(crate) fn join(
        &self,
        change: impl FnOnce(&mut Vec<Option<Node>>),
    ) -> Result<VerifiedTree, Error> {
        let mut nodes = self.tree.to_nodes();
        change(&mut nodes.0);
        self.join_nodes(nodes)
    }

    /// Verifies any nodes as the tree of the group's context.
    pub(crate) fn join_nodes(&self, nodes: RatchetTreeNodes) -> Result<VerifiedTree, Error> {
        let tree_hash = RatchetTree::from_nodes(nodes.clone())?.tree_hash(&self.suite)?;
        let context = GroupContext { tree_hash, ..self.context.clone() };
        verify_ratchet_tree(&self.suite, &context, nodes, (LIFETIMES, NOW), &AcceptAll)
    }
}

/// The parent node at this place of a list of nodes, to be changed.
pub(crate) fn parent_mut(nodes: &mut [Option<Node>], index: usize) -> &mut ParentNode {
    match &mut nodes[index] {
        Some(Node::Parent(parent)) => Arc::make_mut(parent),
        _ => panic!("node {index} is no parent"),
    }
}

/// The leaf at this place of a list of nodes, to be changed.
pub(crate) fn leaf_mut(nodes: &mut [Option<Node>], index: usize) -> &mut LeafNode {
    match &mut nodes[index] {
        Some(Node::Leaf(leaf)) => Arc::make_mut(leaf),
        _ => panic!("node {index} is no leaf"),
    }
}
