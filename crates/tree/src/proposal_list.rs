//! Validating and applying the proposals of a commit (RFC 9420, sections 12.2 and 12.3).
//!
//! Committer, receiver and follower share this file. [`apply`] works on a copy of the tree that
//! shares its structure with the old one; an error leaves no trace. The result says who came, left
//! and changed, and is finished by [`AppliedProposals::without_path`] or by `update_path`.

use std::collections::BTreeSet;
use std::sync::Arc;

use codec::Opaque;
use crypto::{Digest, Suite};
use wire::{
    Commit, Extensions, GroupContext, KeyPackage, LeafNode, PreSharedKeyId, Proposal,
    ProposalOrRef, ProposalRef, ReInit,
};

use crate::rules::{LifetimeRules, verify_members};
use crate::{
    Candidate, Error, IdentityPolicy, LeafIndex, LeafOrigin, RatchetTree, Violation, proposal,
};

/// Who made a proposal, once its signature is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProposalSender {
    /// The member at this leaf.
    Member(LeafIndex),
    /// The entry at this place of `external_senders`.
    External(u32),
    /// A client that proposes to add itself.
    NewMember,
    /// The committer of an external commit, for what that commit holds.
    Joiner,
}

/// Who commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committer {
    /// The member at this leaf.
    Member(LeafIndex),
    /// A client that joins by an external commit.
    NewMember,
}

/// A proposal in the list of a commit.
#[derive(Clone, Debug)]
pub struct ListedProposal {
    /// What is proposed.
    pub proposal: Arc<Proposal>,
    /// Who proposes it.
    pub sender: ProposalSender,
    /// How the commit refers to it; `None` for one by value.
    pub reference: Option<ProposalRef>,
    /// The proof of an earlier look at it in this epoch, see [`proposal::verify`].
    pub verified: Option<proposal::VerifiedProposal>,
}

impl ListedProposal {
    /// The proposals of a commit, in order: those by value are the committer's, those by reference
    /// are looked up among what was received in this epoch. `None` if one of them is unknown.
    pub fn of_commit(
        commit: &Commit,
        committer: Committer,
        find: impl Fn(&ProposalRef) -> Option<Self>,
    ) -> Option<Vec<Self>> {
        let sender = match committer {
            Committer::Member(leaf) => ProposalSender::Member(leaf),
            Committer::NewMember => ProposalSender::Joiner,
        };
        let listed = commit.proposals.iter().map(|proposal| match proposal {
            ProposalOrRef::Proposal(proposal) => Some(Self {
                proposal: Arc::clone(proposal),
                sender,
                reference: None,
                verified: None,
            }),
            ProposalOrRef::Reference(reference) => find(reference),
        });
        listed.collect()
    }
}

/// The epoch that a commit starts from.
#[derive(Clone, Copy)]
pub struct Base<'a> {
    /// The group's suite.
    pub suite: &'a Suite,
    /// Its GroupContext.
    pub context: &'a GroupContext,
    /// Its tree.
    pub tree: &'a RatchetTree,
}

/// Which resumption PSKs a commit may use (section 12.1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PskPurpose {
    /// An ordinary commit: none with usage reinit or branch.
    Ordinary,
    /// The first commit of a reinitialized group or of a branch.
    Successor,
}

/// What the application wants checked.
#[derive(Clone, Copy)]
pub struct Checks<'a> {
    /// Who may be in the group.
    pub identity: &'a dyn IdentityPolicy,
    /// Rules about lifetimes.
    pub lifetimes: LifetimeRules,
    /// The time, in seconds since 1970.
    pub now: u64,
    /// Whether the proposals are being sent, not received: then lifetimes are always compared with
    /// the clock (section 7.3).
    pub sending: bool,
    /// Which resumption PSKs are in order.
    pub psk_purpose: PskPurpose,
}

impl Checks<'_> {
    pub(crate) fn lifetimes(&self) -> (LifetimeRules, Option<u64>) {
        let clock = self.sending || self.lifetimes.check_received;
        (self.lifetimes, clock.then_some(self.now))
    }
}

/// A member that a commit adds.
#[derive(Clone, Debug)]
pub struct Added {
    /// Its place.
    pub index: LeafIndex,
    /// The Add proposal that holds its key package.
    proposal: Arc<Proposal>,
}

impl Added {
    /// The new member's key package.
    #[must_use]
    pub fn key_package(&self) -> Option<&KeyPackage> {
        match &*self.proposal {
            Proposal::Add(key_package) => Some(key_package),
            _ => None,
        }
    }
}

/// The state after the proposals of a commit, all of them valid, before its path.
pub struct AppliedProposals {
    pub(crate) tree: RatchetTree,
    /// The extensions of the new GroupContext.
    pub extensions: Extensions,
    /// New members, in the order of the list.
    pub added: Vec<Added>,
    /// Members whose leaf an Update replaces, with the old leaf.
    pub updated: Vec<(LeafIndex, Arc<LeafNode>)>,
    /// Members that are removed, with their old leaf.
    pub removed: Vec<(LeafIndex, Arc<LeafNode>)>,
    /// Pre-shared keys, in the order of the list.
    pub psks: Vec<PreSharedKeyId>,
    /// The `kem_output` of an external commit.
    pub external_init: Option<Opaque>,
    /// The parameters of the group that replaces this one.
    pub reinit: Option<ReInit>,
    /// Whether the commit must have a path (section 12.4).
    pub path_required: bool,
}

/// The public state of the next epoch: every rule about proposals, path and members holds.
pub struct NextTree {
    /// The tree, with its hash computed.
    pub tree: RatchetTree,
    /// The tree hash.
    pub tree_hash: Digest,
}

/// Validates a list of proposals (section 12.2) and applies it (section 12.3).
pub fn apply(
    base: Base<'_>,
    committer: Committer,
    proposals: &[ListedProposal],
    checks: &Checks<'_>,
) -> Result<AppliedProposals, Error> {
    match committer {
        Committer::Member(leaf) => {
            base.tree.member_index(leaf.as_u32()).ok_or(Violation::SenderNotMember)?;
            check_member_list(leaf, proposals)?;
        }
        Committer::NewMember => check_external_list(proposals)?,
    }
    proposal::verify_each(base, proposals, checks)?;
    let mut applied = AppliedProposals {
        tree: base.tree.clone(),
        extensions: base.context.extensions.clone(),
        added: Vec::new(),
        updated: Vec::new(),
        removed: Vec::new(),
        psks: Vec::new(),
        external_init: None,
        reinit: None,
        path_required: proposals.is_empty(),
    };
    for listed in proposals {
        applied.path_required |= listed.proposal.requires_path();
        applied.note(&listed.proposal);
    }
    applied.check_external_senders(base, checks)?;
    applied.replace_and_remove(proposals)?;
    applied.check_proposal_types(proposals)?;
    applied.add(base, proposals, checks)?;
    Ok(applied)
}

/// Whether a commit over these proposals must have a path (section 12.4).
#[must_use]
pub fn path_required(proposals: &[ListedProposal]) -> bool {
    proposals.is_empty() || proposals.iter().any(|listed| listed.proposal.requires_path())
}

/// The list of a regular commit (section 12.2), as far as it concerns the proposals together.
fn check_member_list(committer: LeafIndex, proposals: &[ListedProposal]) -> Result<(), Violation> {
    let mut leaves = BTreeSet::new();
    let mut psks = BTreeSet::new();
    let mut extensions = 0;
    for listed in proposals {
        let changed_leaf = match (&*listed.proposal, listed.sender) {
            (Proposal::Update(_), ProposalSender::Member(leaf)) if leaf == committer => {
                return Err(Violation::CommitterUpdatesItself);
            }
            (Proposal::Update(_), ProposalSender::Member(leaf)) => Some(leaf.as_u32()),
            (Proposal::Remove(removed), _) if *removed == committer.as_u32() => {
                return Err(Violation::CommitterRemovesItself);
            }
            (Proposal::Remove(removed), _) => Some(*removed),
            (Proposal::ExternalInit(_), _) => return Err(Violation::ExternalInitByMember),
            (Proposal::ReInit(_), _) if proposals.len() > 1 => {
                return Err(Violation::ReInitNotAlone);
            }
            (Proposal::GroupContextExtensions(_), _) => {
                extensions += 1;
                None
            }
            (Proposal::PreSharedKey(psk), _) if !psks.insert(psk) => {
                return Err(Violation::DuplicatePsk);
            }
            _ => None,
        };
        if changed_leaf.is_some_and(|leaf| !leaves.insert(leaf)) {
            return Err(Violation::MultipleProposalsForLeaf);
        }
    }
    if extensions > 1 { Err(Violation::MultipleGroupContextExtensions) } else { Ok(()) }
}

/// The list of an external commit (section 12.2).
fn check_external_list(proposals: &[ListedProposal]) -> Result<(), Violation> {
    let (mut inits, mut removes, mut psks) = (0, 0, BTreeSet::new());
    for listed in proposals {
        // "The Commit MUST NOT include any proposals by reference" (section 12.4.3.2).
        if listed.reference.is_some() {
            return Err(Violation::ExternalCommitReference);
        }
        match &*listed.proposal {
            Proposal::ExternalInit(_) => inits += 1,
            Proposal::Remove(_) => removes += 1,
            Proposal::PreSharedKey(psk) if psks.insert(psk) => {}
            Proposal::PreSharedKey(_) => return Err(Violation::DuplicatePsk),
            _ => return Err(Violation::ExternalCommitProposal),
        }
    }
    if inits != 1 {
        return Err(Violation::ExternalInitCount);
    }
    if removes > 1 { Err(Violation::ExternalCommitRemoves) } else { Ok(()) }
}

/// The clients that the application tells apart, while Adds are applied. Collected once, or else a
/// commit of many Adds would look at every member for each.
#[derive(Default)]
struct Clients {
    /// Those in the tree before the first Add; `None` until the application names a client.
    members: Option<BTreeSet<Vec<u8>>>,
    added: BTreeSet<Vec<u8>>,
}

impl AppliedProposals {
    /// Takes over what does not change the tree.
    fn note(&mut self, proposal: &Proposal) {
        match proposal {
            Proposal::PreSharedKey(psk) => self.psks.push(psk.clone()),
            Proposal::ReInit(reinit) => self.reinit = Some(reinit.clone()),
            Proposal::ExternalInit(kem_output) => self.external_init = Some(kem_output.clone()),
            Proposal::GroupContextExtensions(new) => self.extensions = new.clone(),
            Proposal::Add(_) | Proposal::Update(_) | Proposal::Remove(_) | Proposal::Other(..) => {}
        }
    }

    /// The application judges external senders that the commit brings in (section 12.1.8.1).
    fn check_external_senders(&self, base: Base<'_>, checks: &Checks<'_>) -> Result<(), Error> {
        let old = base.context.extensions.external_senders()?.unwrap_or_default();
        for sender in self.extensions.external_senders()?.unwrap_or_default() {
            if !old.contains(&sender) {
                checks.identity.validate_external_sender(&sender, checks.now)?;
            }
        }
        Ok(())
    }

    /// Applies Updates and Removes. All leaves concerned are taken out first, so that uniqueness of
    /// keys is judged on what results and not on the order of the list.
    fn replace_and_remove(&mut self, proposals: &[ListedProposal]) -> Result<(), Error> {
        let mut updates = Vec::new();
        for listed in proposals {
            match (&*listed.proposal, listed.sender) {
                (Proposal::Update(leaf), ProposalSender::Member(index)) => {
                    let old = self.tree.take_leaf(index).ok_or(Violation::UpdateOfBlank)?;
                    updates.push((index, leaf, old));
                }
                (Proposal::Remove(removed), _) => {
                    let index = self.tree.size().leaf(*removed).ok_or(Violation::RemoveOfBlank)?;
                    let old = self.tree.take_leaf(index).ok_or(Violation::RemoveOfBlank)?;
                    self.removed.push((index, old));
                }
                _ => {}
            }
        }
        for (index, leaf, old) in updates {
            check_unique(&self.tree, leaf)?;
            self.tree.set_leaf(index, (**leaf).clone());
            self.updated.push((index, old));
        }
        if !self.removed.is_empty() {
            self.tree.truncate();
        }
        Ok(())
    }

    /// Applies Adds in the order of the list.
    fn add(
        &mut self,
        base: Base<'_>,
        proposals: &[ListedProposal],
        checks: &Checks<'_>,
    ) -> Result<(), Error> {
        let mut clients = Clients::default();
        for listed in proposals {
            let Proposal::Add(key_package) = &*listed.proposal else { continue };
            let leaf = &key_package.leaf_node;
            self.check_new_client(leaf, &mut clients, checks)?;
            check_unique(&self.tree, leaf)?;
            let index = self.tree.add_leaf_unnoted(leaf.clone());
            let index = index.ok_or(Violation::RatchetTreeTooLarge)?;
            checks.identity.validate_leaf(&Candidate {
                group_id: &base.context.group_id,
                leaf,
                index,
                origin: LeafOrigin::Add,
                predecessor: None,
                now: checks.now,
            })?;
            self.added.push(Added { index, proposal: Arc::clone(&listed.proposal) });
        }
        // Each Add takes the leftmost blank leaf, so this is in ascending order.
        let added: Vec<u32> = self.added.iter().map(|added| added.index.as_u32()).collect();
        self.tree.note_unmerged(&added);
        Ok(())
    }

    /// An added client is new, by signature key and by what the application says (section 12.2).
    fn check_new_client(
        &self,
        leaf: &LeafNode,
        clients: &mut Clients,
        checks: &Checks<'_>,
    ) -> Result<(), Violation> {
        if let Some(member) = self.tree.find_signature_key(&leaf.signature_key) {
            let twice = self.added.iter().any(|added| added.index == member);
            return Err(if twice { Violation::AddTwice } else { Violation::AddOfMember });
        }
        let Some(client_id) = checks.identity.client_id(leaf) else { return Ok(()) };
        // Before the first Add all leaves of the tree are members.
        let members = clients.members.get_or_insert_with(|| {
            let members = self.tree.members();
            members.filter_map(|(_, other)| checks.identity.client_id(&other)).collect()
        });
        if members.contains(&client_id) {
            return Err(Violation::AddOfMember);
        }
        if clients.added.insert(client_id) { Ok(()) } else { Err(Violation::AddTwice) }
    }

    /// "a Proposal with a non-default proposal type that is not supported by some members of the
    /// group that will process the Commit (i.e., members being added or removed ... do not need to
    /// support the proposal type)" (section 12.2). Between Removes and Adds the tree holds exactly
    /// those who process it.
    fn check_proposal_types(&self, proposals: &[ListedProposal]) -> Result<(), Violation> {
        let mut types = proposals.iter().map(|listed| listed.proposal.proposal_type());
        match types.all(|proposal_type| self.tree.census().all_support_proposal(proposal_type)) {
            true => Ok(()),
            false => Err(Violation::UnsupportedProposalType),
        }
    }

    /// The tree after the proposals.
    #[must_use]
    pub fn tree(&self) -> &RatchetTree {
        &self.tree
    }

    /// Finishes a commit that has no path.
    pub fn without_path(&self, suite: &Suite) -> Result<NextTree, Error> {
        finish(self.tree.clone(), &self.extensions, suite)
    }
}

/// Judges the members that result, and computes the tree hash.
pub(crate) fn finish(
    mut tree: RatchetTree,
    extensions: &Extensions,
    suite: &Suite,
) -> Result<NextTree, Error> {
    verify_members(&tree, extensions)?;
    let tree_hash = tree.tree_hash(suite)?;
    Ok(NextTree { tree, tree_hash })
}

/// "Verify that the following fields are unique among the members of the group: signature_key,
/// encryption_key" (section 7.3).
pub(crate) fn check_unique(tree: &RatchetTree, leaf: &LeafNode) -> Result<(), Violation> {
    if tree.find_signature_key(&leaf.signature_key).is_some() {
        return Err(Violation::DuplicateSignatureKey);
    }
    if tree.find_encryption_key(&leaf.encryption_key).is_some() {
        return Err(Violation::DuplicateEncryptionKey);
    }
    Ok(())
}
