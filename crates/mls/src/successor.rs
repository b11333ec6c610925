//! Groups that succeed another: what a ReInit (RFC 9420, section 11.2) and a branch (section 11.3)
//! have in common, and what whoever joins them checks.

use std::sync::Arc;

use crypto::{Random, Secret};
use tree::{Committer, IdentityPolicy, ListedProposal, ProposalSender, PskPurpose, RatchetTree};
use wire::{
    KeyPackage, KeyPackageRef, LeafNode, MlsMessage, PreSharedKeyId, Proposal, PskKind,
    ResumptionPskUsage,
};

use crate::commit::{CommitDraft, PathChoice, make_commit};
use crate::epoch::Epoch;
use crate::propose::psk;
use crate::rows::{resumption_psk_key, stored_epoch_resumption_psk, structure};
use crate::welcome::{WelcomeInputs, is_successor, make_welcomes};
use crate::{
    Client, Delta, Effect, Error, Group, GroupInfoOptions, GroupParams, GroupStatus, LeafChanges,
    Misuse, Storage, Violation,
};

/// A successor group in its epoch 1, and the Welcome for the others.
pub struct NewSuccessor {
    /// The new group.
    pub group: Group,
    /// For the other members; `None` if there are none.
    pub welcome: Option<(MlsMessage, Vec<KeyPackageRef>)>,
}

/// Whether two leaves are the same client, according to the application.
fn same_client(identity: &dyn IdentityPolicy, left: &LeafNode, right: &LeafNode) -> bool {
    match (identity.client_id(left), identity.client_id(right)) {
        (Some(left), Some(right)) => left == right,
        _ => left.credential == right.credential,
    }
}

/// Whether each member of `some` is a member of `all`.
fn all_members_of(identity: &dyn IdentityPolicy, some: &RatchetTree, all: &RatchetTree) -> bool {
    some.members().all(|(_, member)| {
        // By key where possible; keys may have changed with the suite.
        let by_key = all.find_signature_key(&member.signature_key);
        by_key.and_then(|leaf| all.leaf(leaf)).is_some_and(|it| same_client(identity, it, member))
            || all.members().any(|(_, other)| same_client(identity, other, member))
    })
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
    let identity = &*client.config.identity;
    if *usage == ResumptionPskUsage::Branch {
        let (context, old_context) = (&new.context, old.context());
        if (context.version, context.cipher_suite)
            != (old_context.version, old_context.cipher_suite)
        {
            return Err(Violation::BranchParameters.into());
        }
        // "Each LeafNode in a new subgroup MUST match some LeafNode in the original group" (section
        // 11.3).
        return match all_members_of(identity, &new.tree, &old.epoch.tree) {
            true => Ok(()),
            false => Err(Violation::BranchMembers.into()),
        };
    }
    // "verify that the last Commit to the referenced group contains a ReInit proposal and that the
    // group_id, version, cipher_suite, and group_context.extensions fields of the GroupInfo match".
    let GroupStatus::Reinitialized(reinit) = old.status() else {
        return Err(Violation::ReInitParameters.into());
    };
    if *psk_epoch != old.epoch()
        || new.context.group_id != reinit.group_id
        || new.context.version != reinit.version
        || new.context.cipher_suite != reinit.cipher_suite
        || new.context.extensions != reinit.extensions
    {
        return Err(Violation::ReInitParameters.into());
    }
    // "verify that all the members of the old group are also members of the new group".
    match all_members_of(identity, &old.epoch.tree, &new.tree) {
        true => Ok(()),
        false => Err(Violation::ReInitMembers.into()),
    }
}

impl Client {
    /// Creates the group that a committed ReInit announced (section 11.2, step 3). Any member of
    /// the old group may do it; the key packages are those of all the others, for the new cipher
    /// suite.
    pub fn reinitialize(
        &self,
        old: &Group,
        key_packages: Vec<KeyPackage>,
        now: u64,
        random: &mut dyn Random,
    ) -> Result<Effect<NewSuccessor>, Error> {
        let GroupStatus::Reinitialized(reinit) = old.status() else {
            return Err(Misuse::NotReinitialized.into());
        };
        let params = GroupParams {
            cipher_suite: reinit.cipher_suite,
            group_id: Some(reinit.group_id.to_vec()),
            extensions: reinit.extensions.clone(),
        };
        let link = (old, ResumptionPskUsage::ReInit);
        let made = self.found_successor(link, params, key_packages, (now, random))?;
        let identity = &*self.config.identity;
        if !all_members_of(identity, &old.epoch.tree, &made.0.group.epoch.tree) {
            return Err(Misuse::MembersMissing.into());
        }
        Ok(Effect::new(made.0, made.1))
    }

    /// Creates a group with some members of an existing one (section 11.3), linked to it so that
    /// its members know that the others are members of the old group.
    pub fn branch(
        &self,
        old: &Group,
        params: GroupParams,
        key_packages: Vec<KeyPackage>,
        now: u64,
        random: &mut dyn Random,
    ) -> Result<Effect<NewSuccessor>, Error> {
        old.check_active()?;
        if params.cipher_suite != old.suite().id() {
            return Err(Misuse::UnknownCipherSuite.into());
        }
        let link = (old, ResumptionPskUsage::Branch);
        let made = self.found_successor(link, params, key_packages, (now, random))?;
        let identity = &*self.config.identity;
        if !all_members_of(identity, &made.0.group.epoch.tree, &old.epoch.tree) {
            return Err(Misuse::NoSuchMember.into());
        }
        Ok(Effect::new(made.0, made.1))
    }

    /// A new group and its first commit, which adds everyone and brings in the link to the old
    /// group. Nobody else is in the group, so the commit is accepted as it is made.
    fn found_successor(
        &self,
        (old, usage): (&Group, ResumptionPskUsage),
        params: GroupParams,
        key_packages: Vec<KeyPackage>,
        (now, random): (u64, &mut dyn Random),
    ) -> Result<(NewSuccessor, Delta), Error> {
        let suite = self.suite(params.cipher_suite)?;
        let first = self.first_epoch(&suite, params, now, random)?;
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
