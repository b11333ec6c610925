//! The rules about one proposal by itself (RFC 9420, section 12.1), before any list is considered.

use std::sync::Arc;

use crypto::{SignedContent, VerifiedSignature};
use wire::{LeafNode, PreSharedKeyId, Proposal, PskKind, ResumptionPskUsage};

use crate::in_chunks::try_in_chunks;
use crate::rules::{
    KeyPackageSignatures, LeafPlace, signed_contents, signed_leaf_node, verify_key_package,
    verify_leaf_node,
};
use crate::{
    Base, Candidate, Checks, Error, LeafIndex, LeafOrigin, ListedProposal, ProposalSender,
    PskPurpose, Violation,
};

/// Proof that a proposal is valid by itself in an epoch; later looks at it verify no signature
/// again.
#[derive(Clone, Copy, Debug)]
pub struct VerifiedProposal(Signatures);

/// The signatures inside a proposal that are known to be valid.
#[derive(Clone, Copy, Debug, Default)]
struct Signatures {
    key_package: Option<KeyPackageSignatures>,
    leaf_node: Option<VerifiedSignature>,
}

/// With this many signatures, a batch is as fast as it gets within some percent. A key package has
/// two.
const CHUNK_PROPOSALS_MAX: usize = 1024;

/// Verifies each proposal of a list by itself, as [`verify`] does: on all cores, with signatures in
/// batches. The verdict is the one of verifying them in order.
pub(crate) fn verify_each(
    base: Base<'_>,
    proposals: &[ListedProposal],
    checks: &Checks<'_>,
) -> Result<(), Error> {
    try_in_chunks(proposals, CHUNK_PROPOSALS_MAX, |chunk| {
        // From the first that is refused before its signatures are looked at, there is no proof.
        let signed = chunk.iter().map_while(|listed| signatures(base, listed));
        let signed: Vec<SignedContent<'_>> = signed.flatten().collect();
        let mut proofs = base.suite.verify_batch_with_label(&signed).into_iter();
        chunk.iter().try_for_each(|listed| {
            let known = match listed.verified {
                Some(VerifiedProposal(known)) => known,
                None => Signatures::take(&listed.proposal, &mut proofs),
            };
            verify_with(base, listed, checks, known).map(|_| ())
        })
    })
}

/// The signatures that are to be verified, with what they cover; `None` if the proposal will be
/// refused without verifying them.
fn signatures<'a>(base: Base<'_>, listed: &'a ListedProposal) -> Option<Vec<SignedContent<'a>>> {
    if listed.verified.is_some() {
        return Some(Vec::new());
    }
    match &*listed.proposal {
        Proposal::Add(key_package) => Some(signed_contents(key_package).ok()?.into()),
        Proposal::Update(leaf) => {
            let replaced = replaced_leaf(base, listed.sender).ok()?;
            Some(vec![signed_leaf_node(leaf, update_place(base, &replaced)).ok()?])
        }
        _ => Some(Vec::new()),
    }
}

impl Signatures {
    /// Those of a proposal whose proofs are the next, as far as there are any.
    fn take(proposal: &Proposal, proofs: &mut impl Iterator<Item = VerifiedSignature>) -> Self {
        let mut known = Self::default();
        match proposal {
            Proposal::Add(_) => {
                known.key_package = proofs
                    .next()
                    .zip(proofs.next())
                    .map(|(leaf_node, own)| KeyPackageSignatures { leaf_node, key_package: own });
            }
            Proposal::Update(_) => known.leaf_node = proofs.next(),
            _ => {}
        }
        known
    }
}

/// The leaf that an Update replaces.
fn replaced_leaf(
    base: Base<'_>,
    sender: ProposalSender,
) -> Result<(LeafIndex, Arc<LeafNode>), Violation> {
    let ProposalSender::Member(index) = sender else { return Err(Violation::UpdateOfBlank) };
    Ok((index, base.tree.leaf(index).ok_or(Violation::UpdateOfBlank)?))
}

/// Where the leaf of an Update stands.
fn update_place<'a>(base: Base<'a>, replaced: &'a (LeafIndex, Arc<LeafNode>)) -> LeafPlace<'a> {
    let (index, old) = replaced;
    let group_id = &base.context.group_id;
    LeafPlace::Update { group_id, index: *index, replaced: &old.encryption_key }
}

/// Verifies one proposal by itself. The identity policy sees the leaf of an Update here, when it is
/// received and again when it is committed; that of an Add, whose place the commit decides, there.
pub fn verify(
    base: Base<'_>,
    listed: &ListedProposal,
    checks: &Checks<'_>,
) -> Result<VerifiedProposal, Error> {
    let known = listed.verified.map(|VerifiedProposal(known)| known).unwrap_or_default();
    verify_with(base, listed, checks, known)
}

fn verify_with(
    base: Base<'_>,
    listed: &ListedProposal,
    checks: &Checks<'_>,
    known: Signatures,
) -> Result<VerifiedProposal, Error> {
    check_sender(&listed.proposal, listed.sender)?;
    let mut verified = Signatures::default();
    match &*listed.proposal {
        Proposal::Add(key_package) => {
            let lifetimes = checks.lifetimes();
            let now = verify_key_package(base.suite, key_package, lifetimes, known.key_package)?;
            verified.key_package = Some(now.signatures());
        }
        Proposal::Update(leaf) => {
            let replaced = replaced_leaf(base, listed.sender)?;
            let place = update_place(base, &replaced);
            let (index, old) = (replaced.0, &replaced.1);
            let lifetimes = checks.lifetimes();
            let now = verify_leaf_node(base.suite, leaf, place, lifetimes, known.leaf_node)?;
            verified.leaf_node = Some(now.signature());
            checks.identity.validate_leaf(&Candidate {
                group_id: &base.context.group_id,
                leaf,
                index,
                origin: LeafOrigin::Update,
                predecessor: Some(old),
                now: checks.now,
            })?;
        }
        // "A Remove proposal is invalid if the removed field does not identify a non-blank leaf
        // node" (section 12.1.3).
        Proposal::Remove(removed) => {
            base.tree.member_index(*removed).ok_or(Violation::RemoveOfBlank)?;
        }
        Proposal::PreSharedKey(psk) => check_psk(base, psk, checks.psk_purpose)?,
        Proposal::ReInit(reinit) => {
            if reinit.version < base.context.version {
                return Err(Violation::ReInitVersion.into());
            }
            if reinit.extensions.duplicate().is_some() {
                return Err(Violation::DuplicateExtension.into());
            }
        }
        Proposal::GroupContextExtensions(extensions) => {
            if extensions.duplicate().is_some() {
                return Err(Violation::DuplicateExtension.into());
            }
            extensions.required_capabilities()?;
            extensions.external_senders()?;
        }
        Proposal::ExternalInit(_) | Proposal::Other(..) => {}
    }
    Ok(VerifiedProposal(verified))
}

/// Who may propose what (section 12.1.8, and 12.2 for external commits).
fn check_sender(proposal: &Proposal, sender: ProposalSender) -> Result<(), Violation> {
    match (sender, proposal) {
        // "This proposal can only be used in that context", of an external commit (section 12.1.6).
        (ProposalSender::Member(_), Proposal::ExternalInit(_)) => {
            Err(Violation::ExternalInitByMember)
        }
        (ProposalSender::Member(_), _)
        | (ProposalSender::NewMember, Proposal::Add(_))
        | (
            ProposalSender::External(_),
            Proposal::Add(_)
            | Proposal::Remove(_)
            | Proposal::PreSharedKey(_)
            | Proposal::ReInit(_)
            | Proposal::GroupContextExtensions(_),
        ) => Ok(()),
        (
            ProposalSender::Joiner,
            Proposal::ExternalInit(_) | Proposal::Remove(_) | Proposal::PreSharedKey(_),
        ) => Ok(()),
        (ProposalSender::Joiner, _) => Err(Violation::ExternalCommitProposal),
        (ProposalSender::External(_), _) => Err(Violation::ExternalSenderProposal),
        (ProposalSender::NewMember, _) => Err(Violation::NewMemberProposal),
    }
}

fn check_psk(base: Base<'_>, psk: &PreSharedKeyId, purpose: PskPurpose) -> Result<(), Violation> {
    if psk.psk_nonce.len() != base.suite.hash_length() {
        return Err(Violation::PskNonceLength);
    }
    match (&psk.kind, purpose) {
        (
            PskKind::Resumption {
                usage: ResumptionPskUsage::ReInit | ResumptionPskUsage::Branch,
                ..
            },
            PskPurpose::Ordinary,
        ) => Err(Violation::PskUsage),
        _ => Ok(()),
    }
}
