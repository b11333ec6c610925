//! What a commit is to people: an event for everything that it changes, with who did it.
//!
//! | change | event |
//! |---|---|
//! | a member is added | `MemberAdded` |
//! | a device is added or removed whose account has others there | `DeviceAdded`, `DeviceRemoved` |
//! | a member is removed by another | `MemberRemoved` |
//! | the same, of a member that was idle as this client saw it too | `MemberEvicted` |
//! | a member is removed as it wished | `MemberLeft` |
//! | this client is removed by another, as it wished | `RemovedFromGroup`, `LeftGroup` |
//! | a member shows another credential | `CredentialChanged` |
//! | a member has new keys, and nothing else happens | `KeysUpdated` |
//! | the policy, the name | `PolicyChanged`, `GroupRenamed` |

use super::policy::policy_of;
use crate::EventKind;
use crate::id::LogExtension;
use crate::identity::{Identity, identity_of};
use crate::policy::GroupPolicy;
use delivery_api::Name;
use mls::{EpochChange, Group, LeafIndex, ProposalSender, ProposalType};
use std::collections::BTreeSet;
use std::sync::Arc;
use wire::LeafNode;

/// The name of whoever a leaf is of.
pub(super) fn name_of(identity: Option<Identity>) -> String {
    // The policy lets nobody in without an identity.
    identity.map_or_else(|| "?".to_owned(), |identity| identity.name.to_string())
}

/// Who committed, while the group is still in the old epoch.
pub(super) fn committer(group: &Group, change: &EpochChange) -> Option<Identity> {
    let joins = change.committer.and_then(|committer| {
        change.added.iter().find(|(index, _)| change.external && *index == committer)
    });
    let leaf = match (joins, change.committer) {
        (Some((_, leaf)), _) => Some(Arc::clone(leaf)),
        (None, Some(index)) => group.member(index.as_u32()).map(|member| member.leaf),
        (None, None) => None,
    };
    leaf.as_deref().and_then(identity_of)
}

/// The accounts of those who come or go that have a device in the group before and after the
/// commit: of them only devices come or go.
fn staying(group: &Group, change: &EpochChange) -> BTreeSet<Name> {
    let names = |leaves: &[(LeafIndex, Arc<LeafNode>)]| -> BTreeSet<Name> {
        leaves.iter().filter_map(|(_, leaf)| Some(identity_of(leaf)?.name)).collect()
    };
    let (added, removed) = (names(&change.added), names(&change.removed));
    let mut stays: BTreeSet<Name> = added.intersection(&removed).cloned().collect();
    if !added.is_empty() || !removed.is_empty() {
        let goes = |index| change.removed.iter().any(|(removed, _)| *removed == index);
        let rest = group.members().filter(|member| !goes(member.index));
        let names = rest.filter_map(|member| Some(identity_of(&member.leaf)?.name));
        stays.extend(names.filter(|name| added.contains(name) || removed.contains(name)));
    }
    stays
}

/// What happens to the members and to what they agree on, told while the group is still in the old
/// epoch. `is_idle` says of a member that it should have renewed its keys long ago.
pub(super) fn before(
    group: &Group,
    change: &EpochChange,
    by: &str,
    is_idle: impl Fn(LeafIndex) -> bool,
) -> Vec<EventKind> {
    let by = || by.to_owned();
    if change.external && !change.removed.is_empty() && !change.self_removed {
        // An external commit removes nobody but the former self of who comes back.
        return vec![EventKind::MemberRejoined { name: by() }];
    }
    let mut kinds = Vec::new();
    let mut stays = staying(group, change);
    let stays_in = |leaf: &LeafNode| identity_of(leaf).filter(|it| stays.contains(&it.name));
    let removes = change.proposed.iter().filter(|(_, it)| *it == ProposalType::REMOVE);
    for ((sender, _), (index, leaf)) in removes.zip(&change.removed) {
        let name = name_of(identity_of(leaf));
        let wished = *sender == ProposalSender::Member(*index);
        let mine = *index == group.own_leaf();
        kinds.push(match (mine, wished) {
            (true, true) => EventKind::LeftGroup { by: by() },
            (true, false) => EventKind::RemovedFromGroup { by: by() },
            (false, false) if let Some(identity) = stays_in(leaf) => {
                let device = identity.device.to_string();
                EventKind::DeviceRemoved { by: by(), name, device }
            }
            (false, true) => EventKind::MemberLeft { by: by(), name },
            (false, false) if is_idle(*index) => EventKind::MemberEvicted { by: by(), name },
            (false, false) => EventKind::MemberRemoved { by: by(), name },
        });
    }
    if change.self_removed {
        // What else happens is not for this client any more.
        let is_about_us = |kind: &EventKind| {
            matches!(kind, EventKind::LeftGroup { .. } | EventKind::RemovedFromGroup { .. })
        };
        kinds.retain(is_about_us);
        return kinds;
    }
    for identity in change.added.iter().filter_map(|(_, leaf)| identity_of(leaf)) {
        let (name, device) = (identity.name.to_string(), identity.device.to_string());
        // The first device of an account that comes is the member.
        kinds.push(match stays.insert(identity.name) {
            true => EventKind::MemberAdded { by: by(), name, device },
            false => EventKind::DeviceAdded { by: by(), name, device },
        });
    }
    if let Some(extensions) = &change.extensions {
        let what = GroupPolicy::read(extensions).map(|new| policy_of(group).differences(&new));
        if let Some(what) = what.filter(|what| !what.is_empty()) {
            kinds.push(EventKind::PolicyChanged { by: by(), what });
        }
        let name = |extensions| LogExtension::read(extensions).map(|(_, name)| name);
        if let (Some(before), Some(name)) = (name(group.extensions()), name(extensions))
            && before != name
        {
            kinds.push(EventKind::GroupRenamed { by: by(), before, name });
        }
    }
    kinds
}

/// What happens to leaves that stay, told when the group is in the new epoch; `told` is what was
/// told before.
pub(super) fn after(group: &Group, change: &EpochChange, by: &str, told: &mut Vec<EventKind>) {
    if change.self_removed {
        return;
    }
    let is_quiet = told.is_empty();
    for (index, old) in &change.updated {
        let new = group.member(index.as_u32()).map(|member| member.leaf);
        let has_changed = |new: &Arc<LeafNode>| new.credential != old.credential;
        let name = name_of(identity_of(old));
        if new.as_ref().is_some_and(has_changed) {
            told.push(EventKind::CredentialChanged { name });
        } else if is_quiet || name != by {
            // Every commit renews its sender's keys; that is worth a word only if it does nothing
            // else.
            told.push(EventKind::KeysUpdated { name });
        }
    }
}

/// Whether this client is to be told of what its own account did: only of what its engine did of
/// itself.
pub(super) fn is_news(kind: &EventKind, is_mine: bool) -> bool {
    let of_itself = matches!(kind, EventKind::MemberEvicted { .. } | EventKind::MemberLeft { .. });
    !is_mine || of_itself
}
