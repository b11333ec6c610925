//! What the members support, counted: answers "do all members support X?" without visiting them
//! (RFC 9420, sections 7.3, 12.1.7 and 12.2).

use std::collections::{BTreeMap, BTreeSet};

use wire::{Capabilities, CredentialType, ExtensionType, ProposalType, RequiredCapabilities};

/// Counts over all leaves of a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Census {
    members: u32,
    credentials_in_use: BTreeMap<CredentialType, u32>,
    credentials: BTreeMap<CredentialType, u32>,
    extensions: BTreeMap<ExtensionType, u32>,
    proposals: BTreeMap<ProposalType, u32>,
}

fn count<T: Ord + Copy>(counts: &mut BTreeMap<T, u32>, values: &[T], change: Change) {
    for value in values.iter().copied().collect::<BTreeSet<T>>() {
        let count = counts.entry(value).or_insert(0);
        match change {
            Change::Add(members) => *count += members,
            Change::Remove if *count > 1 => *count -= 1,
            Change::Remove => drop(counts.remove(&value)),
        }
    }
}

#[derive(Clone, Copy)]
enum Change {
    Add(u32),
    Remove,
}

impl Census {
    /// Counts members that present the same credential type and the same capabilities.
    pub(crate) fn add(&mut self, members: u32, own: CredentialType, capabilities: &Capabilities) {
        self.members += members;
        self.count(Change::Add(members), own, capabilities);
    }

    pub(crate) fn remove(&mut self, own: CredentialType, capabilities: &Capabilities) {
        self.members -= 1;
        self.count(Change::Remove, own, capabilities);
    }

    fn count(&mut self, change: Change, own: CredentialType, capabilities: &Capabilities) {
        count(&mut self.credentials_in_use, &[own], change);
        count(&mut self.credentials, &capabilities.credentials, change);
        count(&mut self.extensions, &capabilities.extensions, change);
        count(&mut self.proposals, &capabilities.proposals, change);
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

    pub(crate) fn all_satisfy(&self, required: &RequiredCapabilities) -> bool {
        required.extension_types.iter().all(|&value| self.all_support_extension(value))
            && required.proposal_types.iter().all(|&value| self.all_support_proposal(value))
            && required.credential_types.iter().all(|&value| self.all_support_credential(value))
    }
}

#[cfg(test)]
mod tests {
    use testkit::SeededRandom;
    use wire::{Credential, Extensions, LeafNode, LeafNodeSource};

    use super::*;

    fn small(random: &mut SeededRandom) -> u16 {
        u16::try_from(random.below(3)).unwrap()
    }

    /// A leaf with random capabilities out of a few, some of them listed twice.
    fn leaf(random: &mut SeededRandom) -> LeafNode {
        let mut some = || (0..random.below(4)).map(|_| 0xf000 + small(random)).collect();
        let (extensions, proposals, credentials): (Vec<u16>, Vec<u16>, Vec<u16>) =
            (some(), some(), some());
        let own = CredentialType(0xf000 + small(random));
        LeafNode {
            encryption_key: Vec::new().into(),
            signature_key: Vec::new().into(),
            credential: Credential::Other(own, b"".into()),
            capabilities: Capabilities {
                extensions: extensions.into_iter().map(ExtensionType).collect(),
                proposals: proposals.into_iter().map(ProposalType).collect(),
                credentials: credentials.into_iter().map(CredentialType).collect(),
                ..Capabilities::default()
            },
            leaf_node_source: LeafNodeSource::Update,
            extensions: Extensions::default(),
            signature: Default::default(),
        }
    }

    fn compare(census: &Census, leaves: &[LeafNode]) {
        let all = |holds: &dyn Fn(&LeafNode) -> bool| leaves.iter().all(holds);
        assert_eq!(census.members() as usize, leaves.len());
        for value in [1, 0xf000, 0xf001, 0xf002, 0xf003] {
            let (extension, proposal) = (ExtensionType(value), ProposalType(value));
            let credential = CredentialType(value);
            let supported = all(&|leaf| leaf.capabilities.supports_extension(extension));
            assert_eq!(census.all_support_extension(extension), supported);
            let supported = all(&|leaf| leaf.capabilities.supports_proposal(proposal));
            assert_eq!(census.all_support_proposal(proposal), supported);
            let supported = all(&|leaf| leaf.capabilities.supports_credential(credential));
            assert_eq!(census.all_support_credential(credential), supported);
            let required = RequiredCapabilities {
                extension_types: vec![extension],
                proposal_types: vec![proposal],
                credential_types: vec![credential],
            };
            let satisfied = all(&|leaf| leaf.capabilities.satisfies(&required));
            assert_eq!(census.all_satisfy(&required), satisfied);
        }
        let in_use: BTreeSet<_> =
            leaves.iter().map(|leaf| leaf.credential.credential_type()).collect();
        assert!(census.credentials_in_use().eq(in_use));
    }

    #[test]
    fn the_counts_are_those_of_the_leaves_through_a_random_history() {
        let mut random = SeededRandom::new(9);
        let (mut census, mut leaves) = (Census::default(), Vec::new());
        let remove = |census: &mut Census, gone: &LeafNode| {
            census.remove(gone.credential.credential_type(), &gone.capabilities);
        };
        for _ in 0..2000 {
            if leaves.is_empty() || random.below(12) >= leaves.len() {
                let (new, same) = (leaf(&mut random), 1 + random.below(3));
                let members = u32::try_from(same).unwrap();
                census.add(members, new.credential.credential_type(), &new.capabilities);
                leaves.extend(vec![new; same]);
            } else {
                let gone = leaves.swap_remove(random.below(leaves.len()));
                remove(&mut census, &gone);
            }
            compare(&census, &leaves);
        }
        leaves.drain(..).for_each(|leaf| remove(&mut census, &leaf));
        assert_eq!(census, Census::default(), "nothing is left of those who left");
    }
}
