//! Epochs that may come: the own candidate and the one of a received commit, each a value that is
//! dropped without a trace or advanced to.

use std::sync::Arc;

use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Opaque, Reader, Writer};
use crypto::{Digest, Secret, Signer, Suite};
use tree::{AppliedProposals, LeafIndex, ListedProposal, ProposalSender, RatchetTree, TreeSize};
use wire::{
    Extensions, LeafNode, Node, PreSharedKeyId, Proposal, ProposalType, RatchetTreeNodes, ReInit,
    Sender,
};

use crate::epoch::Epoch;
use crate::rows::{Overlay, load_epoch_with, put_next_tree, structure, value};
use crate::{Delta, Effect, Error, Group, Misuse, RowKey, RowKind, Storage};

/// Names an own commit: the hash of its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(pub Digest);

codec::fields!(CommitId { 0 });

/// What a commit changes, for the application to look at before it advances.
#[derive(Clone, Debug, Default)]
pub struct EpochChange {
    /// The new epoch.
    pub epoch: u64,
    /// The leaf of who committed, in the new tree.
    pub committer: Option<LeafIndex>,
    /// Whether the committer joined by this very commit.
    pub external: bool,
    /// Who joins, with the new leaf; the committer of an external commit too.
    pub added: Vec<(LeafIndex, Arc<LeafNode>)>,
    /// Who leaves, with the old leaf.
    pub removed: Vec<(LeafIndex, Arc<LeafNode>)>,
    /// Whose leaf changes by an Update or the commit's path, with the old leaf.
    pub updated: Vec<(LeafIndex, Arc<LeafNode>)>,
    /// The pre-shared keys that come in.
    pub psks: Vec<PreSharedKeyId>,
    /// Proposals of the application's own types with who made them, in the order of the commit.
    pub other: Vec<(ProposalSender, ProposalType, Vec<u8>)>,
    /// What the commit covers, in its order: who proposed it, and of which type it is. Its Adds are
    /// [`Self::added`] and its Removes [`Self::removed`], in the same order.
    pub proposed: Vec<(ProposalSender, ProposalType)>,
    /// Whether the extensions of the group change.
    pub extensions_changed: bool,
    /// The new extensions of the group, if they change.
    pub extensions: Option<Extensions>,
    /// The parameters of the group's successor, if this closes it.
    pub reinit: Option<ReInit>,
    /// Whether this client is removed.
    pub self_removed: bool,
    /// What a received commit authenticates beside itself; empty for an own one.
    pub authenticated_data: Vec<u8>,
}

impl EpochChange {
    /// The change that a commit makes to `old`, resulting in `new`.
    pub(crate) fn new(
        old: &Epoch0<'_>,
        applied: &AppliedProposals,
        new: &RatchetTree,
        (committer, external): (LeafIndex, bool),
    ) -> Self {
        let mut change = Self {
            // That there is a next epoch is checked where its GroupContext is made.
            epoch: old.epoch.saturating_add(1),
            committer: Some(committer),
            external,
            removed: applied.removed.clone(),
            updated: applied.updated.clone(),
            psks: applied.psks.clone(),
            other: other_proposals(old.proposals),
            proposed: proposed(old.proposals),
            extensions_changed: applied.extensions != *old.extensions,
            extensions: (applied.extensions != *old.extensions).then(|| applied.extensions.clone()),
            reinit: applied.reinit.clone(),
            ..Self::default()
        };
        let added = applied.added.iter().map(|added| added.index);
        let added = added.chain(external.then_some(committer));
        change.added = added.filter_map(|index| Some((index, new.leaf(index)?))).collect();
        if let (false, Some(before)) = (external, old.tree.leaf(committer)) {
            let replaced = new.leaf(committer).is_some_and(|leaf| leaf != before);
            change.updated.extend(replaced.then_some((committer, before)));
        }
        change.self_removed = old
            .own_leaf
            .is_some_and(|own| change.removed.iter().any(|(removed, _)| *removed == own));
        change
    }
}

fn proposed(listed: &[ListedProposal]) -> Vec<(ProposalSender, ProposalType)> {
    listed.iter().map(|listed| (listed.sender, listed.proposal.proposal_type())).collect()
}

fn other_proposals(listed: &[ListedProposal]) -> Vec<(ProposalSender, ProposalType, Vec<u8>)> {
    let other = listed.iter().filter_map(|listed| match &*listed.proposal {
        Proposal::Other(proposal_type, body) => {
            Some((listed.sender, *proposal_type, body.to_vec()))
        }
        _ => None,
    });
    other.collect()
}

/// What [`EpochChange::new`] needs to know of the old epoch and its commit.
pub(crate) struct Epoch0<'a> {
    pub(crate) proposals: &'a [ListedProposal],
    pub(crate) epoch: u64,
    pub(crate) extensions: &'a wire::Extensions,
    pub(crate) tree: &'a RatchetTree,
    /// The place of this client, if it is a member already.
    pub(crate) own_leaf: Option<LeafIndex>,
}

/// An epoch that a group can advance to: made from a [`PendingCommit`] or [`StagedCommit`].
pub struct StagedEpoch {
    /// The epoch it starts from.
    pub(crate) base: BaseEpoch,
    /// The next epoch; `None` if this client is removed.
    pub(crate) epoch: Option<Box<Epoch>>,
    /// The rows that turn the stored old epoch into the new one.
    pub(crate) delta: Delta,
    pub(crate) change: EpochChange,
    /// The signer of the own new leaf, if it is another than before.
    pub(crate) signer: Option<Arc<dyn Signer>>,
}

/// Identifies the epoch that a staged one starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BaseEpoch {
    pub(crate) epoch: u64,
    pub(crate) confirmed_transcript_hash: Digest,
    pub(crate) confirmation_tag: Opaque,
}

codec::fields!(BaseEpoch { epoch, confirmed_transcript_hash, confirmation_tag });

impl BaseEpoch {
    pub(crate) fn of(epoch: &Epoch) -> Self {
        let (number, confirmed_transcript_hash, confirmation_tag) = epoch.identity();
        Self { epoch: number, confirmed_transcript_hash, confirmation_tag }
    }
}

/// An own commit that was not accepted yet. The group still lives in the old epoch.
///
/// Any number of candidates may exist at once. Each is stored until the group advances or it is
/// discarded, and can be had back after a restart by [`Group::pending_commits`].
pub struct PendingCommit {
    pub(crate) id: CommitId,
    pub(crate) staged: StagedEpoch,
}

/// A received commit that obeys every rule. The group still lives in the old epoch.
///
/// Nothing is stored of it: a client that restarts before advancing processes the message again.
pub struct StagedCommit {
    pub(crate) staged: StagedEpoch,
}

impl StagedCommit {
    /// What the commit changes.
    #[must_use]
    pub fn change(&self) -> &EpochChange {
        &self.staged.change
    }
}

impl PendingCommit {
    /// The commit's name: the hash of its message.
    #[must_use]
    pub fn id(&self) -> CommitId {
        self.id
    }

    /// What the commit changes.
    #[must_use]
    pub fn change(&self) -> &EpochChange {
        &self.staged.change
    }

    /// [`Group::export`] of the epoch that the commit leads to: for what must be said about that
    /// epoch together with the commit. `suite` is the group's.
    pub fn export(
        &self,
        suite: &Suite,
        label: &str,
        context: &[u8],
        length: usize,
    ) -> Result<Secret, Error> {
        // A member does not remove itself, so an own commit always leads somewhere.
        let epoch = self.staged.epoch.as_ref().ok_or(Misuse::Removed)?;
        Ok(epoch.secrets.export(suite, label, context, length)?)
    }

    /// The public tree of the epoch that the commit leads to: for joiners who get it beside their
    /// Welcome. O(N).
    #[must_use]
    pub fn ratchet_tree(&self) -> RatchetTreeNodes {
        // A member does not remove itself, so an own commit always leads somewhere.
        let nodes = self.staged.epoch.as_ref().map(|epoch| epoch.tree.to_nodes());
        nodes.unwrap_or_else(|| RatchetTreeNodes(Vec::new()))
    }

    /// The row that lets the candidate survive a restart: all of it but the pages of the tree, of
    /// which it has the nodes that differ.
    pub(crate) fn put(
        &self,
        group_id: &[u8],
        (old, new): (&RatchetTree, &RatchetTree),
        delta: &mut Delta,
    ) {
        let nodes = NodeChangesRef { old, new };
        let stored = StoredCandidateRef { staged: &self.staged, nodes };
        delta.put(Self::row(group_id, self.id), value(&stored));
    }

    fn row(group_id: &[u8], id: CommitId) -> RowKey {
        RowKey::new(group_id, RowKind::PendingCommit, id.0.as_slice())
    }
}

impl From<PendingCommit> for StagedEpoch {
    fn from(pending: PendingCommit) -> Self {
        pending.staged
    }
}

impl From<StagedCommit> for StagedEpoch {
    fn from(staged: StagedCommit) -> Self {
        staged.staged
    }
}

/// The nodes in which a candidate's tree differs from that of the epoch before, in ascending order.
pub(crate) struct NodeChanges(Vec<(u32, Option<Node>)>);

/// The same nodes, in the trees.
struct NodeChangesRef<'a> {
    old: &'a RatchetTree,
    new: &'a RatchetTree,
}

/// Counted and not within a vector: the leaves of a large group are longer than a vector can be.
impl Encode for NodeChangesRef<'_> {
    fn encode(&self, writer: &mut Writer) {
        let changed = self.new.changed_since(self.old);
        (changed.len() as u64).encode(writer);
        for node in changed {
            node.as_u32().encode(writer);
            self.new.encode_node(node, writer);
        }
    }
}

impl Decode for NodeChanges {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let nodes = (0..u64::decode(reader)?)
            .map(|_| Ok((u32::decode(reader)?, Option::<Node>::decode(reader)?)));
        Ok(Self(nodes.collect::<Result<_, DecodeError>>()?))
    }
}

/// A candidate as it is stored.
pub(crate) struct StoredCandidate {
    pub(crate) base: BaseEpoch,
    pub(crate) change: EpochChange,
    /// The rows of the next epoch, but for those of the tree.
    pub(crate) delta: Delta,
    pub(crate) nodes: NodeChanges,
}

impl Decode for StoredCandidate {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            base: BaseEpoch::decode(reader)?,
            change: EpochChange::decode(reader)?,
            delta: Delta::decode(reader)?,
            nodes: NodeChanges::decode(reader)?,
        })
    }
}

/// The same, borrowed for writing. The staged epoch has no rows of the tree yet.
struct StoredCandidateRef<'a> {
    staged: &'a StagedEpoch,
    nodes: NodeChangesRef<'a>,
}

impl Encode for StoredCandidateRef<'_> {
    fn encode(&self, writer: &mut Writer) {
        self.staged.base.encode(writer);
        self.staged.change.encode(writer);
        self.staged.delta.encode(writer);
        self.nodes.encode(writer);
    }
}

impl StoredCandidate {
    /// The candidate as it was before it was stored. Shares what it does not change of the group's
    /// tree.
    pub(crate) fn restore(
        self,
        group: &Group,
        storage: &dyn Storage,
    ) -> Result<StagedEpoch, Error> {
        let Self { base, change, mut delta, nodes } = self;
        let (group_id, old) = (group.group_id(), &group.epoch.tree);
        let overlay = Overlay::new(storage, &delta);
        let epoch = load_epoch_with(&overlay, group_id, &group.client, |head| {
            let wrong = || Error::corrupt("nodes of a pending commit");
            let mut tree = old.with_changes(head.size, &nodes.0).ok_or_else(wrong)?;
            let tree_hash = tree.tree_hash(&group.suite)?;
            if tree_hash == head.context.tree_hash { Ok(tree) } else { Err(wrong()) }
        })?;
        put_next_tree(group_id, old, &epoch.tree, &mut delta);
        Ok(StagedEpoch { base, epoch: Some(Box::new(epoch)), delta, change, signer: None })
    }
}

impl Group {
    /// The own commits that are stored and still start from the current epoch: after a restart, to
    /// ask the delivery service what became of them.
    pub fn pending_commits(&self, storage: &dyn Storage) -> Result<Vec<PendingCommit>, Error> {
        let current = BaseEpoch::of(&self.epoch);
        let mut pending = Vec::new();
        for (id, bytes) in storage.scan(self.group_id(), RowKind::PendingCommit, &[])? {
            let id = Digest::new(&id).ok_or_else(|| Error::corrupt("pending commit"))?;
            let stored: StoredCandidate = structure(&bytes, "pending commit")?;
            if stored.base == current {
                let staged = stored.restore(self, storage)?;
                pending.push(PendingCommit { id: CommitId(id), staged });
            }
        }
        Ok(pending)
    }

    /// Forgets an own commit that was refused. Dropping it does the same for the time until a
    /// restart.
    pub fn discard(&mut self, pending: PendingCommit) -> Effect<()> {
        let mut delta = Delta::default();
        delta.delete(PendingCommit::row(self.group_id(), pending.id));
        self.effect((), delta)
    }
}

/// Leaves with their places, as stored.
struct Places(Vec<(LeafIndex, Arc<LeafNode>)>);

fn encode_places(places: &[(LeafIndex, Arc<LeafNode>)], writer: &mut Writer) {
    writer.vector(|writer| {
        for (index, leaf) in places {
            index.as_u32().encode(writer);
            leaf.encode(writer);
        }
    });
}

/// Leaf indices of stored changes: they were checked when they were made.
fn stored_leaf(reader: &mut Reader<'_>) -> Result<LeafIndex, DecodeError> {
    let invalid = reader.error(DecodeErrorKind::InvalidValue("leaf index"));
    leaf_anywhere(u32::decode(reader)?).ok_or(invalid)
}

/// The leaf with this index in the largest tree there can be.
fn leaf_anywhere(index: u32) -> Option<LeafIndex> {
    TreeSize::from_leaves(1 << 31)?.leaf(index)
}

impl Decode for Places {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut elements = reader.vector()?;
        let mut places = Vec::new();
        while !elements.is_empty() {
            places.push((stored_leaf(&mut elements)?, Arc::decode(&mut elements)?));
        }
        Ok(Self(places))
    }
}

fn encode_sender(sender: ProposalSender, writer: &mut Writer) {
    let sender = match sender {
        ProposalSender::Member(leaf) => Sender::Member(leaf.as_u32()),
        ProposalSender::External(index) => Sender::External(index),
        ProposalSender::NewMember => Sender::NewMemberProposal,
        ProposalSender::Joiner => Sender::NewMemberCommit,
    };
    sender.encode(writer);
}

fn stored_sender(reader: &mut Reader<'_>) -> Result<ProposalSender, DecodeError> {
    let invalid = reader.error(DecodeErrorKind::InvalidValue("sender"));
    Ok(match Sender::decode(reader)? {
        Sender::Member(index) => ProposalSender::Member(leaf_anywhere(index).ok_or(invalid)?),
        Sender::External(index) => ProposalSender::External(index),
        Sender::NewMemberProposal => ProposalSender::NewMember,
        Sender::NewMemberCommit => ProposalSender::Joiner,
    })
}

/// What a commit covers, as stored: counted, for the same reason as [`Others`].
struct Proposed(Vec<(ProposalSender, ProposalType)>);

impl Encode for Proposed {
    fn encode(&self, writer: &mut Writer) {
        (self.0.len() as u64).encode(writer);
        for (sender, proposal_type) in &self.0 {
            encode_sender(*sender, writer);
            proposal_type.encode(writer);
        }
    }
}

impl Decode for Proposed {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let proposed = (0..u64::decode(reader)?)
            .map(|_| Ok((stored_sender(reader)?, Decode::decode(reader)?)));
        Ok(Self(proposed.collect::<Result<_, DecodeError>>()?))
    }
}

/// Proposals of the application's own types, as stored: counted, since they come from others and
/// may together be longer than a vector can be.
struct Others(Vec<(ProposalSender, ProposalType, Vec<u8>)>);

impl Encode for Others {
    fn encode(&self, writer: &mut Writer) {
        (self.0.len() as u64).encode(writer);
        for (sender, proposal_type, body) in &self.0 {
            encode_sender(*sender, writer);
            proposal_type.encode(writer);
            writer.opaque(body);
        }
    }
}

impl Decode for Others {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut others = Vec::new();
        for _ in 0..u64::decode(reader)? {
            let sender = stored_sender(reader)?;
            let proposal_type = ProposalType::decode(reader)?;
            others.push((sender, proposal_type, reader.opaque()?.to_vec()));
        }
        Ok(Self(others))
    }
}

impl Encode for EpochChange {
    fn encode(&self, writer: &mut Writer) {
        self.epoch.encode(writer);
        self.committer.map(LeafIndex::as_u32).encode(writer);
        encode_places(&self.added, writer);
        encode_places(&self.removed, writer);
        encode_places(&self.updated, writer);
        self.psks.encode(writer);
        Others(self.other.clone()).encode(writer);
        Proposed(self.proposed.clone()).encode(writer);
        self.extensions.encode(writer);
        self.reinit.encode(writer);
        let flags = [self.external, self.extensions_changed, self.self_removed];
        flags.map(u8::from).encode(writer);
    }
}

impl Decode for EpochChange {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let epoch = u64::decode(reader)?;
        let committer = match u8::decode(reader)? {
            0 => None,
            _ => Some(stored_leaf(reader)?),
        };
        let Places(added) = Places::decode(reader)?;
        let Places(removed) = Places::decode(reader)?;
        let Places(updated) = Places::decode(reader)?;
        let psks = Vec::decode(reader)?;
        let Others(other) = Others::decode(reader)?;
        let Proposed(proposed) = Proposed::decode(reader)?;
        let extensions = Option::decode(reader)?;
        let reinit = Option::decode(reader)?;
        let [external, extensions_changed, self_removed] =
            <[u8; 3]>::decode(reader)?.map(|flag| flag != 0);
        Ok(Self {
            epoch,
            committer,
            external,
            added,
            removed,
            updated,
            psks,
            other,
            proposed,
            extensions_changed,
            extensions,
            authenticated_data: Vec::new(),
            reinit,
            self_removed,
        })
    }
}
