//! Groups that succeed another: what reinitialization (RFC 9420, section 11.2) and branching
//! (section 11.3) have in common. A resumption PSK in the new group's first commit links it to the
//! old one.

use std::collections::BTreeSet;
use std::sync::Arc;

use codec::Encode;
use crypto::{Random, Secret};
use tree::{Committer, IdentityPolicy, ListedProposal, ProposalSender, PskPurpose, RatchetTree};
use wire::{
    KeyPackage, KeyPackageRef, LeafNode, MlsMessage, PreSharedKeyId, Proposal, PskKind,
    ResumptionPskUsage,
};

use crate::branch::check_branch;
use crate::commit::{CommitDraft, PathChoice, make_commit};
use crate::create::check_new_group;
use crate::epoch::Epoch;
use crate::propose::psk;
use crate::reinit::check_reinit;
use crate::rows::{resumption_psk_key, stored_epoch_resumption_psk, structure};
use crate::welcome::{WelcomeInputs, is_successor, make_welcomes};
use crate::{
    Client, Delta, Error, Group, GroupInfoOptions, GroupParams, LeafChanges, Storage, Violation,
};

/// A successor group in its epoch 1, and the Welcome for the others.
pub struct NewSuccessor {
    /// The new group.
    pub group: Group,
    /// For the other members; `None` if there are none.
    pub welcome: Option<(MlsMessage, Vec<KeyPackageRef>)>,
}

/// What identifies a client according to the application, across groups and suites.
fn identity_of(identity: &dyn IdentityPolicy, leaf: &LeafNode) -> Vec<u8> {
    identity.client_id(leaf).unwrap_or_else(|| leaf.credential.to_bytes())
}

/// Whether each member of `some` is a member of `all`, according to the application.
pub(crate) fn all_members_of(
    identity: &dyn IdentityPolicy,
    some: &RatchetTree,
    all: &RatchetTree,
) -> bool {
    let known: BTreeSet<_> = all.members().map(|(_, leaf)| identity_of(identity, &leaf)).collect();
    some.members().all(|(_, leaf)| known.contains(&identity_of(identity, &leaf)))
}

/// A resumption PSK of a stored group.
pub(crate) fn stored_resumption_psk(
    storage: &dyn Storage,
    group_id: &[u8],
    epoch: u64,
) -> Result<Option<Secret>, Error> {
    match storage.read(&resumption_psk_key(group_id, epoch))? {
        Some(bytes) => Ok(Some(structure(&bytes, "resumption psk")?)),
        None => stored_epoch_resumption_psk(storage, group_id, epoch),
    }
}

/// That the successor replaces no other group. A ReInit may keep the group's id: then it replaces
/// the group that it closed.
fn check_new_successor(
    storage: &dyn Storage,
    (old, usage): (&Group, ResumptionPskUsage),
    group_id: &[u8],
) -> Result<(), Error> {
    if usage == ResumptionPskUsage::ReInit && old.group_id() == group_id {
        let stored = stored_epoch_resumption_psk(storage, group_id, old.epoch())?;
        if stored.is_some_and(|psk| psk == *old.epoch.secrets.resumption_psk()) {
            return Ok(());
        }
    }
    check_new_group(storage, group_id)
}

/// Whether a Welcome with these keys leads to the successor of the group of this id that keeps the
/// id. [`check_successor`] checks that it is one.
pub(crate) fn keeps_group_id(psks: &[PreSharedKeyId], group_id: &[u8]) -> bool {
    psks.iter().any(|id| match &id.kind {
        PskKind::Resumption { usage: ResumptionPskUsage::ReInit, psk_group_id, .. } => {
            **psk_group_id == *group_id
        }
        _ => false,
    })
}

/// The last step of joining (section 12.4.3.1): a group that was linked to an old one by its
/// Welcome must be what the link says.
pub(crate) fn check_successor(
    client: &Client,
    storage: &dyn Storage,
    new: &Epoch,
    psks: &[PreSharedKeyId],
) -> Result<(), Error> {
    let Some(link) = psks.iter().find(|id| is_successor(id)) else { return Ok(()) };
    let PskKind::Resumption { usage, psk_group_id, psk_epoch } = &link.kind else { return Ok(()) };
    // "verify that the epoch field in the GroupInfo is equal to 1".
    if new.context.epoch != 1 {
        return Err(Violation::SuccessorEpoch.into());
    }
    let old = client.load_group(storage, psk_group_id)?;
    let old = old.ok_or_else(|| Error::MissingPsk(link.kind.clone()))?;
    match usage {
        ResumptionPskUsage::Branch => check_branch(client, &old, new)?,
        _ => check_reinit(client, &old, new, *psk_epoch)?,
    }
    Ok(())
}

impl Client {
    /// A new group and its first commit, which adds everyone and brings in the link to the old
    /// group. Nobody else is in the group, so the commit is accepted as it is made.
    pub(crate) fn found_successor(
        &self,
        storage: &dyn Storage,
        (old, usage): (&Group, ResumptionPskUsage),
        (params, key_packages): (GroupParams, Vec<KeyPackage>),
        (now, random): (u64, &mut dyn Random),
    ) -> Result<(NewSuccessor, Delta), Error> {
        let suite = self.suite(params.cipher_suite)?;
        let first = self.first_epoch(&suite, params, now, random)?;
        check_new_successor(storage, (old, usage), &first.context.group_id)?;
        let kind = PskKind::Resumption {
            usage,
            psk_group_id: old.group_id().into(),
            psk_epoch: old.epoch(),
        };
        let link = Proposal::PreSharedKey(psk(&suite, kind, random)?);
        let adds = key_packages.into_iter().map(|new| Proposal::Add(Box::new(new)));
        let sender = ProposalSender::Member(first.own_leaf());
        let listed = adds.chain([link]).map(|proposal| ListedProposal {
            proposal: Arc::new(proposal),
            sender,
            reference: None,
            verified: None,
        });
        let signer = self.current_signer(&suite)?;
        let leaf = LeafChanges::default();
        let find_psk = |_: &PreSharedKeyId| Ok(old.epoch.secrets.resumption_psk().duplicate());
        let mut checks = self.checks(now, true);
        checks.psk_purpose = PskPurpose::Successor;
        let draft = CommitDraft {
            client: self,
            base: tree::Base { suite: &suite, context: &first.context, tree: &first.tree },
            committer: Committer::Member(first.own_leaf()),
            proposals: listed.collect(),
            checks,
            path: PathChoice::Always,
            leaf: &leaf,
            signer: Arc::clone(&signer),
            wire_format: self.settings().handshakes.wire_format(),
            authenticated_data: Default::default(),
            interim: first.interim,
            init_secret: first.secrets.init_secret(),
            private: Some(&first.private),
            find_psk: &find_psk,
        };
        let made = make_commit(&draft, random)?;
        let options = GroupInfoOptions::default();
        let info = made.next.epoch.group_info(self, &suite, &*signer, options, random)?;
        let welcomes = make_welcomes(WelcomeInputs {
            suite: &suite,
            group_info: &info,
            joiner_secret: &made.next.joiner_secret,
            welcome_secret: made.next.welcome_secret,
            added: &made.added,
            psks: &made.psks,
            per_member: false,
            random,
        })?;
        let welcome = welcomes.into_iter().find(|(_, key_packages)| !key_packages.is_empty());
        let effect = self.first_group(suite, made.next.epoch, Delta::default());
        let (group, delta) = effect.into_parts();
        Ok((NewSuccessor { group, welcome }, delta))
    }
}
