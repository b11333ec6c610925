//! Whether a commit keeps to the group's policy.
//!
//! [`judge`] decides from the group's state and the commit alone: no clock, no trust of this
//! client, nothing that only some members know. So all members come to the same verdict, and a
//! commit that breaks the policy is skipped by all of them, like one that breaks RFC 9420: the
//! first valid commit wins. What a client makes itself passes here before it is sent.
//!
//! 1. Whatever a commit does, its sender wants: only leaving is proposed apart.
//! 2. Who may change the group: adding others, removing others, changing what is agreed on.
//! 3. What is added fits: the key package's lifetime, the number of members and of devices.
//! 4. Who comes in by an external commit.
//! 5. The log stays, and there is a policy afterwards.

use super::Engine;
use crate::id::{LogExtension, is_group_name};
use crate::identity::{Identity, identity_of};
use crate::policy::{ExternalJoins, GroupPolicy};
use crate::store::Intent;
use crate::{Error, GroupId, Misuse};
use delivery_api::Name;
use mls::{EpochChange, Group, ProposalSender, ProposalType, ReceivedProposal, Settings};
use std::collections::BTreeSet;
use wire::{Extensions, LeafNode, LeafNodeSource, PskKind};

wire::violations! {
    /// Ways in which a commit can break the policy of its group. The sections are RFC 9420's, of
    /// what the policy limits (RFC 9750, section 7).
    pub enum Violation {
        /// A commit covers a proposal of somebody else that is not a member's wish to leave.
        ProposedApart = "12.4",
        /// Somebody adds another account without being one of the admins.
        AddByOther = "12.1.1",
        /// Somebody removes another account without being one of the admins.
        RemoveByOther = "12.1.3",
        /// Somebody changes the group's name or policy without being one of the admins.
        ExtensionsByOther = "12.1.7",
        /// A proposal is of a type that these groups do not use.
        ProposalOfOtherType = "12.1",
        /// A commit brings in a pre-shared key of the application.
        ExternalPsk = "12.1.4",
        /// The key package of a new member lives longer than the policy allows.
        KeyPackageLifetime = "7.2",
        /// More devices would be members than the policy allows.
        TooManyMembers = "12.1.1",
        /// More devices of one account would be members than the policy allows.
        TooManyDevices = "12.1.1",
        /// Somebody comes in by an external commit whom the policy does not let in so.
        ExternalJoin = "12.4.3.2",
        /// The group would not say any more where its log is, or name another one.
        LogReplaced = "12.1.7",
        /// The group would have no policy, or one outside its bounds.
        NoPolicy = "12.1.7",
    }
}

impl std::error::Error for Violation {}

/// Whether a commit keeps to the policy of the group as it was before.
pub(super) fn judge(group: &Group, change: &EpochChange) -> Result<(), Violation> {
    let commit = Commit { group, change, policy: policy_of(group), author: author(group, change) };
    commit.check_proposals()?;
    commit.check_external()?;
    commit.check_removed()?;
    commit.check_added()?;
    commit.check_extensions()
}

/// Whether a proposal may wait for a commit: only that of a member to leave.
pub(super) fn judge_proposal(received: &ReceivedProposal) -> Result<(), Violation> {
    match (&*received.proposal, received.sender) {
        (wire::Proposal::Remove(removed), ProposalSender::Member(sender))
            if *removed == sender.as_u32() =>
        {
            Ok(())
        }
        _ => Err(Violation::ProposedApart),
    }
}

/// A group's policy. Nobody joins a group without one, and no commit takes it away.
pub(super) fn policy_of(group: &Group) -> GroupPolicy {
    GroupPolicy::read(group.extensions()).unwrap_or_default()
}

/// Puts a group's policy to use for its messages.
pub(super) fn apply(group: &mut Group, base: &Settings) {
    group.set_settings(policy_of(group).settings(base));
}

/// Who made a commit, and wants what it does.
fn author(group: &Group, change: &EpochChange) -> Option<Identity> {
    let committer = change.committer?;
    if change.external {
        let (_, leaf) = change.added.iter().find(|(index, _)| *index == committer)?;
        return identity_of(leaf);
    }
    identity_of(&group.member(committer.as_u32())?.leaf)
}

/// Whether an account may add and remove others and change what is agreed on.
pub(super) fn may_change(group: &Group, policy: &GroupPolicy, name: &Name) -> bool {
    let is_admin = |name: &Name| policy.admins.binary_search(name).is_ok();
    if policy.admins.is_empty() || is_admin(name) {
        return true;
    }
    // A group whose admins are all gone is everybody's, or nobody could change it any more.
    let mut members = group.members().filter_map(|member| identity_of(&member.leaf));
    !members.any(|member| is_admin(&member.name))
}

/// A commit under examination.
struct Commit<'a> {
    group: &'a Group,
    change: &'a EpochChange,
    policy: GroupPolicy,
    author: Option<Identity>,
}

impl Commit<'_> {
    /// Everything that is covered is the sender's own, but for what others want for themselves.
    fn check_proposals(&self) -> Result<(), Violation> {
        let mut removed = self.change.removed.iter();
        for (sender, proposal_type) in &self.change.proposed {
            let target = match *proposal_type {
                ProposalType::REMOVE => removed.next().map(|(index, _)| *index),
                ProposalType::ADD
                | ProposalType::EXTERNAL_INIT
                | ProposalType::GROUP_CONTEXT_EXTENSIONS
                | ProposalType::PSK => None,
                ProposalType::UPDATE => return Err(Violation::ProposedApart),
                _ => return Err(Violation::ProposalOfOtherType),
            };
            let is_own = match *sender {
                ProposalSender::Member(member) => {
                    let is_committer = Some(member) == self.change.committer;
                    (is_committer && !self.change.external) || Some(member) == target
                }
                ProposalSender::Joiner => self.change.external,
                ProposalSender::External(_) | ProposalSender::NewMember => false,
            };
            if !is_own {
                return Err(Violation::ProposedApart);
            }
        }
        let is_external = |psk: &wire::PreSharedKeyId| matches!(psk.kind, PskKind::External { .. });
        match self.change.psks.iter().any(is_external) {
            true => Err(Violation::ExternalPsk),
            false => Ok(()),
        }
    }

    /// Whoever comes in by itself is let in so, in place of its former self if it must be.
    fn check_external(&self) -> Result<(), Violation> {
        if !self.change.external {
            return Ok(());
        }
        let mut removed = self.change.removed.iter().map(|(_, leaf)| identity_of(leaf));
        let is_former_self = removed.any(|identity| identity == self.author);
        match self.policy.external_joins {
            ExternalJoins::Everybody => Ok(()),
            ExternalJoins::FormerSelves if is_former_self => Ok(()),
            ExternalJoins::FormerSelves | ExternalJoins::Nobody => Err(Violation::ExternalJoin),
        }
    }

    fn check_removed(&self) -> Result<(), Violation> {
        let types = self.change.proposed.iter().filter(|(_, it)| *it == ProposalType::REMOVE);
        for ((sender, _), (index, leaf)) in types.zip(&self.change.removed) {
            let leaves = *sender == ProposalSender::Member(*index);
            // Whoever comes in by itself is no member yet, and removes its former self alone.
            let may_remove = match self.change.external {
                true => identity_of(leaf) == self.author,
                false => leaves || self.may_act_on(leaf),
            };
            if !may_remove {
                return Err(Violation::RemoveByOther);
            }
        }
        Ok(())
    }

    fn check_added(&self) -> Result<(), Violation> {
        let joiner = self.change.external.then_some(self.change.committer).flatten();
        for (index, leaf) in &self.change.added {
            if Some(*index) == joiner {
                continue;
            }
            if !self.may_act_on(leaf) {
                return Err(Violation::AddByOther);
            }
            let LeafNodeSource::KeyPackage(lifetime) = &leaf.leaf_node_source else { continue };
            let lifetime_seconds = lifetime.not_after.saturating_sub(lifetime.not_before);
            if lifetime_seconds > self.policy.key_package_lifetime_max_seconds {
                return Err(Violation::KeyPackageLifetime);
            }
        }
        self.check_numbers()
    }

    /// A commit that makes the group grow stays within its bounds.
    fn check_numbers(&self) -> Result<(), Violation> {
        let (added, removed) = (self.change.added.len(), self.change.removed.len());
        let before = usize::try_from(self.group.member_count()).unwrap_or(usize::MAX);
        let after = before.saturating_sub(removed).saturating_add(added);
        let members_max = usize::try_from(self.policy.members_max).unwrap_or(usize::MAX);
        if added > removed && after > members_max {
            return Err(Violation::TooManyMembers);
        }
        let name = |leaf: &LeafNode| identity_of(leaf).map(|identity| identity.name);
        let count = |leaves: &[(_, std::sync::Arc<LeafNode>)], account: &Option<Name>| {
            leaves.iter().filter(|(_, leaf)| name(leaf) == *account).count()
        };
        let accounts: BTreeSet<_> = self.change.added.iter().map(|(_, leaf)| name(leaf)).collect();
        let devices_max = usize::try_from(self.policy.devices_max).unwrap_or(usize::MAX);
        if after <= devices_max {
            return Ok(());
        }
        for account in accounts {
            let (added, removed) =
                (count(&self.change.added, &account), count(&self.change.removed, &account));
            if added <= removed {
                continue;
            }
            let before = self.group.members().filter(|it| name(&it.leaf) == account).count();
            let after = before.saturating_sub(removed).saturating_add(added);
            if after > devices_max {
                return Err(Violation::TooManyDevices);
            }
        }
        Ok(())
    }

    fn check_extensions(&self) -> Result<(), Violation> {
        let Some(extensions) = &self.change.extensions else { return Ok(()) };
        let author = self.author.as_ref();
        if !author.is_some_and(|author| may_change(self.group, &self.policy, &author.name)) {
            return Err(Violation::ExtensionsByOther);
        }
        let log = |extensions: &Extensions| LogExtension::read(extensions).map(|(log, _)| log);
        if log(extensions).is_none() || log(extensions) != log(self.group.extensions()) {
            return Err(Violation::LogReplaced);
        }
        GroupPolicy::read(extensions).map(drop).ok_or(Violation::NoPolicy)
    }

    /// Whether the author may add or remove this leaf: one of its own account, or as an admin.
    fn may_act_on(&self, leaf: &LeafNode) -> bool {
        let Some(author) = &self.author else { return false };
        identity_of(leaf).is_some_and(|target| target.name == author.name)
            || may_change(self.group, &self.policy, &author.name)
    }
}

impl Engine {
    /// What a group's members agree on.
    ///
    /// # Errors
    /// This account is no member of such a group.
    pub fn policy(&mut self, group: &GroupId) -> Result<GroupPolicy, Error> {
        let open = self.take_open(group)?;
        let policy = policy_of(&open.group);
        self.open.insert(group.clone(), open);
        Ok(policy)
    }

    /// Wants another policy for a group; the outcome is had under the number that is returned.
    ///
    /// # Errors
    /// It is outside its bounds, this account may not change it, or the group cannot be used.
    pub fn set_policy(&mut self, group: &GroupId, policy: &GroupPolicy) -> Result<u64, Error> {
        policy.check()?;
        self.intend_change(group, &Intent::SetPolicy(Box::new(policy.clone())))
    }

    /// Wants another name for a group.
    ///
    /// # Errors
    /// It is none for a group, this account may not change it, or the group cannot be used.
    pub fn rename(&mut self, group: &GroupId, name: &str) -> Result<u64, Error> {
        if !is_group_name(name) {
            return Err(Misuse::InvalidGroupName.into());
        }
        self.intend_change(group, &Intent::Rename(name.to_owned()))
    }

    /// Wants something that only those who may change the group can do. It is refused at once, not
    /// only when the commit is made.
    pub(super) fn intend_change(&mut self, group: &GroupId, intent: &Intent) -> Result<u64, Error> {
        if !self.may_change(group)? {
            return Err(Misuse::NotAnAdmin.into());
        }
        self.intend(group, intent)
    }

    /// Whether this account may add and remove others and change what is agreed on.
    pub(super) fn may_change(&mut self, group: &GroupId) -> Result<bool, Error> {
        let open = self.take_open(group)?;
        let may = may_change(&open.group, &policy_of(&open.group), &self.keys.identity.name);
        self.open.insert(group.clone(), open);
        Ok(may)
    }
}

/// The extensions of the group with another policy or name; `None` if they are so already.
pub(super) fn with_change(group: &Group, intent: &Intent) -> Result<Option<Extensions>, Error> {
    let mut extensions = group.extensions().clone();
    let new = match intent {
        Intent::SetPolicy(policy) => policy.to_extension(),
        Intent::Rename(name) => {
            let log = LogExtension::read(&extensions).map(|(log, _)| log);
            let log = log.ok_or(crate::StoreError::Corrupt("group"))?;
            LogExtension::new(log, name).to_extension()
        }
        _ => return Ok(None),
    };
    extensions.set(new);
    Ok((extensions != *group.extensions()).then_some(extensions))
}

#[cfg(test)]
mod tests;
