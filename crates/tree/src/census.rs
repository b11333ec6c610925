//! What the members support, counted: answers "do all members support X?" without visiting them
//! (RFC 9420, sections 7.3, 12.1.7 and 12.2).

use std::collections::{BTreeMap, BTreeSet};

use wire::{CredentialType, ExtensionType, LeafNode, ProposalType, RequiredCapabilities};

/// Counts over all leaves of a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Census {
    members: u32,
    credentials_in_use: BTreeMap<CredentialType, u32>,
    credentials: BTreeMap<CredentialType, u32>,
    extensions: BTreeMap<ExtensionType, u32>,
    proposals: BTreeMap<ProposalType, u32>,
}

fn count<T: Ord + Copy>(counts: &mut BTreeMap<T, u32>, values: &[T], add: bool) {
    for value in values.iter().copied().collect::<BTreeSet<T>>() {
        let count = counts.entry(value).or_insert(0);
        if add {
            *count += 1;
        } else if *count > 1 {
            *count -= 1;
        } else {
            counts.remove(&value);
        }
    }
}

impl Census {
    pub(crate) fn add(&mut self, leaf: &LeafNode) {
        self.members += 1;
        self.count(leaf, true);
    }

    pub(crate) fn remove(&mut self, leaf: &LeafNode) {
        self.members -= 1;
        self.count(leaf, false);
    }

    fn count(&mut self, leaf: &LeafNode, add: bool) {
        count(&mut self.credentials_in_use, &[leaf.credential.credential_type()], add);
        count(&mut self.credentials, &leaf.capabilities.credentials, add);
        count(&mut self.extensions, &leaf.capabilities.extensions, add);
        count(&mut self.proposals, &leaf.capabilities.proposals, add);
    }

    pub(crate) fn members(&self) -> u32 {
        self.members
    }

    /// The credential types that members present.
    pub(crate) fn credentials_in_use(&self) -> impl Iterator<Item = CredentialType> + '_ {
        self.credentials_in_use.keys().copied()
    }

    fn all<T: Ord>(&self, counts: &BTreeMap<T, u32>, value: &T) -> bool {
        counts.get(value).copied().unwrap_or(0) == self.members
    }

    pub(crate) fn all_support_credential(&self, value: CredentialType) -> bool {
        self.all(&self.credentials, &value)
    }

    pub(crate) fn all_support_extension(&self, value: ExtensionType) -> bool {
        value.is_default() || self.all(&self.extensions, &value)
    }

    pub(crate) fn all_support_proposal(&self, value: ProposalType) -> bool {
        value.is_default() || self.all(&self.proposals, &value)
    }

    /// How many members do not support a proposal type.
    pub(crate) fn lacking_proposal(&self, value: ProposalType) -> u32 {
        let supporting = if value.is_default() { self.members } else { self.supporting(value) };
        self.members - supporting
    }

    fn supporting(&self, value: ProposalType) -> u32 {
        self.proposals.get(&value).copied().unwrap_or(0)
    }

    pub(crate) fn all_satisfy(&self, required: &RequiredCapabilities) -> bool {
        required.extension_types.iter().all(|&value| self.all_support_extension(value))
            && required.proposal_types.iter().all(|&value| self.all_support_proposal(value))
            && required.credential_types.iter().all(|&value| self.all_support_credential(value))
    }
}
