//! The rules about one proposal by itself (RFC 9420, section 12.1), before any list is considered.

use wire::{PreSharedKeyId, Proposal, PskKind, ResumptionPskUsage};

use crate::rules::{LeafPlace, VerifiedKeyPackage, verify_key_package, verify_leaf_node};
use crate::{
    Base, Candidate, Checks, Error, LeafOrigin, ListedProposal, ProposalSender, PskPurpose,
    Violation,
};

/// Proof that a proposal is valid by itself in an epoch; later looks at it verify no signature
/// again.
#[derive(Clone, Copy, Debug)]
pub struct VerifiedProposal {
    key_package: Option<VerifiedKeyPackage>,
    leaf_node: Option<crypto::VerifiedSignature>,
}

/// Verifies one proposal by itself. The identity policy sees the leaf of an Update here, when it is
/// received and again when it is committed; that of an Add, whose place the commit decides, there.
pub fn verify(
    base: Base<'_>,
    listed: &ListedProposal,
    checks: &Checks<'_>,
) -> Result<VerifiedProposal, Error> {
    check_sender(&listed.proposal, listed.sender)?;
    let mut verified = VerifiedProposal { key_package: None, leaf_node: None };
    match &*listed.proposal {
        Proposal::Add(key_package) => {
            let before = listed.verified.and_then(|verified| verified.key_package);
            let now = verify_key_package(base.suite, key_package, checks.lifetimes(), before)?;
            verified.key_package = Some(now);
        }
        Proposal::Update(leaf) => {
            let ProposalSender::Member(index) = listed.sender else {
                return Err(Violation::UpdateOfBlank.into());
            };
            let old = base.tree.leaf(index).ok_or(Violation::UpdateOfBlank)?;
            let place = LeafPlace::Update {
                group_id: &base.context.group_id,
                index,
                replaced: &old.encryption_key,
            };
            let before = listed.verified.and_then(|verified| verified.leaf_node);
            let now = verify_leaf_node(base.suite, leaf, place, checks.lifetimes(), before)?;
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
            base.tree.member(*removed).ok_or(Violation::RemoveOfBlank)?;
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
    Ok(verified)
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
