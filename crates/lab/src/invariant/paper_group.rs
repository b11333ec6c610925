//! A group's public state, moved by the tree crate: [`tree::apply`], `merge_path`, `set_leaf`, as
//! committers and receivers call them. Private keys do not exist; a public key is a number.

use std::collections::BTreeSet;
use std::sync::Arc;

use codec::Encode;
use crypto::{CipherSuite, Crypto, Digest, HpkePublicKey, Suite};
use mls::{Candidate, ExternalSender, Refusal};
use tree::rules::LifetimeRules;
use tree::{
    AppliedProposals, Base, Checks, Committer, IdentityPolicy, LeafIndex, ListedProposal, NextTree,
    NodeIndex, ProposalSender, PskPurpose, RatchetTree,
};
use wire::{
    Capabilities, Credential, CredentialType, Extensions, GroupContext, KeyPackage, LeafNode,
    LeafNodeSource, Lifetime, Proposal, ProtocolVersion,
};

use super::paper_provider::PaperProvider;
use super::{Client, Knowledge};

/// Numbers an encryption key of a history, in the order in which they are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyNumber(pub usize);

/// Who commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The member at this leaf.
    Member(LeafIndex),
    /// Somebody who joins by an external commit.
    Joiner {
        /// The leaf that is removed by the same commit, as when a member comes back that has lost
        /// its state.
        former: Option<LeafIndex>,
    },
}

/// A commit that is to be made.
#[derive(Clone, Debug)]
pub struct Act {
    /// Who commits.
    pub by: By,
    /// How many are added.
    pub adds: usize,
    /// Who is removed.
    pub removes: Vec<LeafIndex>,
    /// Whose Update proposals are committed.
    pub updates: Vec<LeafIndex>,
    /// Whether there is a path even if none is required.
    pub path: bool,
}

impl Act {
    /// A commit without proposals.
    #[must_use]
    pub fn empty(by: By) -> Self {
        Self { by, adds: 0, removes: Vec::new(), updates: Vec::new(), path: true }
    }

    /// A member's commit that adds.
    #[must_use]
    pub fn add(leaf: LeafIndex, adds: usize, path: bool) -> Self {
        Self { adds, path, ..Self::empty(By::Member(leaf)) }
    }
}

/// A node of a path that was sent.
#[derive(Clone, Debug)]
pub struct PathStep {
    /// The node.
    pub node: NodeIndex,
    /// Its new key.
    pub key: KeyNumber,
    /// The keys that its path secret is encrypted to.
    pub recipients: Vec<KeyNumber>,
    /// Those who are told the path secret in their Welcome.
    pub joiners: Vec<Client>,
}

/// A commit that was made.
#[derive(Clone, Debug)]
pub struct Done {
    /// Who committed.
    pub sender: Client,
    /// Whether by joining.
    pub is_external: bool,
    /// The path, from the leaf's end to the root.
    pub path: Option<Vec<PathStep>>,
    /// Who was added.
    pub added: Vec<Client>,
    /// New leaf keys, and who made them.
    pub leaf_keys: Vec<(KeyNumber, Client)>,
    /// Bytes of the UpdatePath as RFC 9420 encodes it with suite 1: leaf and nodes.
    pub path_bytes: u64,
    /// Bytes of the LeafNodes in Update proposals.
    pub update_bytes: u64,
}

impl Done {
    /// Ciphertexts of the path: what the sender has to encrypt.
    #[must_use]
    pub fn ciphertexts(&self) -> usize {
        self.path.iter().flatten().map(|step| step.recipients.len()).sum()
    }
}

/// The public state of a group.
#[derive(Clone)]
pub struct PaperGroup {
    suite: Suite,
    context: GroupContext,
    tree: RatchetTree,
    /// Who is at each leaf.
    seats: Vec<Option<Client>>,
    clients: usize,
    keys: usize,
}

struct EverybodyMay;

impl IdentityPolicy for EverybodyMay {
    fn validate_leaf(&self, _: &Candidate<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    fn validate_external_sender(&self, _: &ExternalSender, _: u64) -> Result<(), Refusal> {
        Ok(())
    }
}

const CHECKS: Checks<'_> = Checks {
    identity: &EverybodyMay,
    lifetimes: LifetimeRules { lifetime_max_seconds: 1, check_received: false, check_tree: false },
    now: 0,
    sending: false,
    psk_purpose: PskPurpose::Ordinary,
};

/// As long as an X25519 key.
const KEY_BYTES: usize = 32;

/// A number as the bytes of a key.
fn key_bytes(kind: u8, number: usize) -> Vec<u8> {
    let mut bytes = vec![0; KEY_BYTES];
    bytes[0] = kind;
    let number = number.to_be_bytes();
    bytes[KEY_BYTES - number.len()..].copy_from_slice(&number);
    bytes
}

fn encryption_key(KeyNumber(number): KeyNumber) -> HpkePublicKey {
    key_bytes(0, number).into()
}

fn key_number(key: &HpkePublicKey) -> KeyNumber {
    let mut number = [0; size_of::<usize>()];
    let start = KEY_BYTES - number.len();
    number.copy_from_slice(&key.as_slice()[start..]);
    KeyNumber(usize::from_be_bytes(number))
}

/// The leaf of a client; its signature has the length of one of Ed25519.
fn leaf_node(Client(client): Client, key: KeyNumber, source: LeafNodeSource) -> LeafNode {
    LeafNode {
        encryption_key: encryption_key(key),
        signature_key: key_bytes(2, client).into(),
        credential: Credential::basic(&client.to_be_bytes()),
        capabilities: Capabilities {
            versions: vec![ProtocolVersion::MLS10],
            cipher_suites: vec![CipherSuite(1)],
            credentials: vec![CredentialType::BASIC],
            ..Capabilities::default()
        },
        leaf_node_source: source,
        extensions: Extensions::default(),
        signature: vec![0; 64].into(),
    }
}

impl PaperGroup {
    /// A group of its creator alone, and who knows what of it.
    #[must_use]
    pub fn new() -> (Self, Knowledge) {
        let crypto = Crypto::new(Arc::new(PaperProvider::new()));
        let suite = crypto.suite(CipherSuite(1)).expect("the native backend has suite 1");
        let (creator, key) = (Client(0), KeyNumber(0));
        let source = LeafNodeSource::KeyPackage(Lifetime { not_before: 0, not_after: 1 });
        let context = GroupContext {
            version: ProtocolVersion::MLS10,
            cipher_suite: suite.id(),
            group_id: b"on paper".into(),
            epoch: 0,
            tree_hash: Digest::EMPTY,
            confirmed_transcript_hash: Digest::EMPTY,
            extensions: Extensions::default(),
        };
        let tree = RatchetTree::new(leaf_node(creator, key, source));
        let seats = vec![Some(creator)];
        let group = Self { suite, context, tree, seats, clients: 1, keys: 1 };
        (group, Knowledge::of_creator(creator))
    }

    /// A group of `members` that its creator has made by one commit, with its path.
    pub fn created(members: usize) -> Result<(Self, Knowledge), tree::Error> {
        let (mut group, mut knowledge) = Self::new();
        if members > 1 {
            let creator = group.tree.size().iter_leaves().next().expect("a tree has a leaf");
            knowledge.follow(&group.commit(&Act::add(creator, members - 1, true))?);
        }
        Ok((group, knowledge))
    }

    /// The tree.
    #[must_use]
    pub fn tree(&self) -> &RatchetTree {
        &self.tree
    }

    /// The leaves of the members.
    pub fn members(&self) -> impl Iterator<Item = LeafIndex> + '_ {
        let leaves = self.tree.size().iter_leaves();
        leaves.filter(|leaf| self.at(*leaf).is_some())
    }

    /// Who is at a leaf.
    #[must_use]
    pub fn at(&self, leaf: LeafIndex) -> Option<Client> {
        self.seats.get(usize::try_from(leaf.as_u32()).ok()?).copied().flatten()
    }

    /// The key of a node, unless blank.
    #[must_use]
    pub fn key(&self, node: NodeIndex) -> Option<KeyNumber> {
        Some(key_number(&self.tree.public_key(node)?))
    }

    /// Somebody new, who is nowhere yet.
    pub fn client(&mut self) -> Client {
        self.clients += 1;
        Client(self.clients - 1)
    }

    fn next_key(&mut self) -> KeyNumber {
        self.keys += 1;
        KeyNumber(self.keys - 1)
    }

    /// Commits, by the rules of RFC 9420, sections 12.2 to 12.4.
    pub fn commit(&mut self, act: &Act) -> Result<Done, tree::Error> {
        let (suite, context, old) = (self.suite.clone(), self.context.clone(), self.tree.clone());
        let base = Base { suite: &suite, context: &context, tree: &old };
        let (committer, sender) = match act.by {
            By::Member(leaf) => {
                let sender = self.at(leaf).ok_or(tree::Violation::SenderNotMember)?;
                (Committer::Member(leaf), sender)
            }
            By::Joiner { .. } => (Committer::NewMember, self.client()),
        };
        let mut done = Done {
            sender,
            is_external: committer == Committer::NewMember,
            path: None,
            added: Vec::new(),
            leaf_keys: Vec::new(),
            path_bytes: 0,
            update_bytes: 0,
        };
        let proposals = self.proposals(act, &mut done)?;
        let mut applied = tree::apply(base, committer, &proposals, &CHECKS)?;
        let next = if act.path || applied.path_required {
            self.path(base, committer, &mut applied, &mut done)?
        } else {
            applied.without_path(&suite)?
        };
        self.sit(&applied, &done, next.tree);
        Ok(done)
    }

    fn proposals(
        &mut self,
        act: &Act,
        done: &mut Done,
    ) -> Result<Vec<ListedProposal>, tree::Error> {
        let sender = match act.by {
            By::Member(leaf) => ProposalSender::Member(leaf),
            By::Joiner { .. } => ProposalSender::Joiner,
        };
        let mut proposals = Vec::new();
        let mut propose = |sender, proposal| {
            let (proposal, reference, verified) = (Arc::new(proposal), None, None);
            proposals.push(ListedProposal { proposal, sender, reference, verified });
        };
        if let By::Joiner { former } = act.by {
            propose(sender, Proposal::ExternalInit(vec![0; KEY_BYTES].into()));
            if let Some(leaf) = former {
                propose(sender, Proposal::Remove(leaf.as_u32()));
            }
        }
        for &leaf in &act.updates {
            let client = self.at(leaf).ok_or(tree::Violation::UpdateOfBlank)?;
            let key = self.next_key();
            done.leaf_keys.push((key, client));
            let leaf_node = leaf_node(client, key, LeafNodeSource::Update);
            done.update_bytes += byte_count(&leaf_node);
            propose(ProposalSender::Member(leaf), Proposal::Update(Box::new(leaf_node)));
        }
        for leaf in &act.removes {
            propose(sender, Proposal::Remove(leaf.as_u32()));
        }
        for _ in 0..act.adds {
            let (client, key) = (self.client(), self.next_key());
            done.leaf_keys.push((key, client));
            done.added.push(client);
            let source = LeafNodeSource::KeyPackage(Lifetime { not_before: 0, not_after: 1 });
            let KeyNumber(number) = key;
            let key_package = KeyPackage {
                version: ProtocolVersion::MLS10,
                cipher_suite: self.suite.id(),
                init_key: key_bytes(1, number).into(),
                leaf_node: leaf_node(client, key, source),
                extensions: Extensions::default(),
                signature: vec![0; 64].into(),
            };
            propose(sender, Proposal::Add(Box::new(key_package)));
        }
        Ok(proposals)
    }

    fn path(
        &mut self,
        base: Base<'_>,
        committer: Committer,
        applied: &mut AppliedProposals,
        done: &mut Done,
    ) -> Result<NextTree, tree::Error> {
        let leaf = applied.sender_leaf(committer)?;
        let filtered = applied.tree().filtered_direct_path(leaf);
        let keys: Vec<KeyNumber> = filtered.iter().map(|_| self.next_key()).collect();
        let public_keys: Vec<HpkePublicKey> = keys.iter().copied().map(encryption_key).collect();
        let merged = applied.merge_path(base.suite, (committer, leaf), &public_keys)?;
        let leaf_key = self.next_key();
        done.leaf_keys.push((leaf_key, done.sender));
        let source = LeafNodeSource::Commit { parent_hash: merged.parent_hash };
        let leaf_node = leaf_node(done.sender, leaf_key, source);
        done.path_bytes = byte_count(&leaf_node);
        let next = merged.set_leaf(base, &applied.extensions, leaf_node, &CHECKS)?;
        let joiners: Vec<(LeafIndex, Client)> =
            applied.added.iter().map(|added| added.index).zip(done.added.clone()).collect();
        let joining: BTreeSet<NodeIndex> = joiners.iter().map(|(leaf, _)| leaf.node()).collect();
        let steps = filtered.into_iter().zip(keys).map(|((node, copath), key)| {
            // "Any new member (from an Add proposal) added in the same Commit MUST be excluded from
            // this resolution" (section 7.5).
            let resolution = next.tree.resolution(copath).into_iter();
            let recipients = resolution.filter(|node| !joining.contains(node));
            let key_of = |node| Some(key_number(&next.tree.public_key(node)?));
            let told = joiners.iter().filter(|(leaf, _)| copath.covers(*leaf));
            PathStep {
                node,
                key,
                recipients: recipients.filter_map(key_of).collect(),
                joiners: told.map(|(_, client)| *client).collect(),
            }
        });
        let steps: Vec<PathStep> = steps.collect();
        done.path_bytes += path_nodes_bytes(steps.iter().map(|step| step.recipients.len()));
        done.path = Some(steps);
        Ok(next)
    }

    /// Gives everybody their place in the new epoch.
    fn sit(&mut self, applied: &AppliedProposals, done: &Done, tree: RatchetTree) {
        let seat = |leaf: LeafIndex| usize::try_from(leaf.as_u32()).expect("a tree fits in memory");
        for (leaf, _) in &applied.removed {
            self.seats[seat(*leaf)] = None;
        }
        self.seats.resize(usize::try_from(tree.size().leaves()).expect("it fits"), None);
        for (added, client) in applied.added.iter().zip(&done.added) {
            self.seats[seat(added.index)] = Some(*client);
        }
        self.tree = tree;
        if done.is_external {
            let is_new = |leaf: &LeafIndex| {
                self.at(*leaf).is_none() && self.tree.member_index(leaf.as_u32()).is_some()
            };
            let leaf = self.tree.size().iter_leaves().find(is_new);
            self.seats[seat(leaf.expect("the joiner has a leaf"))] = Some(done.sender);
        }
    }
}

/// The length of an encoding.
fn byte_count(value: &impl Encode) -> u64 {
    u64::try_from(value.to_bytes().len()).expect("a length fits")
}

/// Bytes of a vector's header (RFC 9420, section 2.1.2) and of its contents.
fn vector_bytes(contents: u64) -> u64 {
    let header = match contents {
        0..64 => 1,
        64..16_384 => 2,
        _ => 4,
    };
    header + contents
}

/// Bytes of the `nodes` of an UpdatePath whose secrets are encrypted to so many keys each, with
/// keys and path secrets of 32 bytes and tags of 16.
pub(crate) fn path_nodes_bytes(recipients: impl Iterator<Item = usize>) -> u64 {
    let ciphertext = vector_bytes(32) + vector_bytes(32 + 16);
    let nodes = recipients.map(|count| {
        let count = u64::try_from(count).expect("a length fits");
        vector_bytes(32) + vector_bytes(count * ciphertext)
    });
    vector_bytes(nodes.sum())
}

#[cfg(test)]
mod tests {
    use crypto::HpkeCiphertext;
    use wire::{UpdatePath, UpdatePathNode};

    use super::*;

    impl PaperGroup {
        /// Puts somebody else at a leaf, against the rules: what is above stays as it is.
        pub(in crate::invariant) fn replace_without_blanking(
            &mut self,
            leaf: LeafIndex,
            client: Client,
        ) -> Done {
            let key = self.next_key();
            self.tree.set_leaf(leaf, leaf_node(client, key, LeafNodeSource::Update));
            let sender = self.seats.iter().flatten().next().copied().unwrap();
            self.seats[usize::try_from(leaf.as_u32()).unwrap()] = Some(client);
            Done {
                sender,
                is_external: false,
                path: None,
                added: vec![client],
                leaf_keys: vec![(key, client)],
                path_bytes: 0,
                update_bytes: 0,
            }
        }
    }

    #[test]
    fn the_bytes_of_a_path_are_those_of_its_encoding() {
        for counts in [&[][..], &[1], &[1, 1, 1], &[1, 0, 3], &[5, 60, 250], &[1; 17]] {
            let ciphertext =
                HpkeCiphertext { kem_output: vec![0; 32].into(), ciphertext: vec![0; 48].into() };
            let nodes = counts.iter().map(|count| UpdatePathNode {
                encryption_key: vec![0; 32].into(),
                encrypted_path_secret: vec![ciphertext.clone(); *count],
            });
            let leaf_node = leaf_node(
                Client(7),
                KeyNumber(9),
                LeafNodeSource::Commit { parent_hash: Digest::new(&[0; 32]).unwrap() },
            );
            let leaf = byte_count(&leaf_node);
            // The closed form for a basic credential of 8 bytes and source commit.
            assert_eq!(leaf, 181 + 8);
            let path = UpdatePath { leaf_node, nodes: nodes.collect() };
            assert_eq!(byte_count(&path), leaf + path_nodes_bytes(counts.iter().copied()));
        }
    }

    #[test]
    fn a_new_group_costs_what_research_says() {
        let (group, knowledge) = PaperGroup::created(8).unwrap();
        assert_eq!(group.members().count(), 8);
        assert_eq!(knowledge.verify(&group), Ok(11));
        // Each node of the creator's path, and nothing else.
        let filled = (0..15).filter(|node| node % 2 == 1).filter(|&node| {
            let node = group.tree().size().node(node).unwrap();
            group.key(node).is_some()
        });
        assert_eq!(filled.collect::<Vec<_>>(), [1, 3, 7]);
    }
}
