//! Who knows which private key, and the comparison with the tree.

use std::fmt;

use tree::NodeIndex;

use super::{Client, ClientSet, Done, KeyNumber, PaperGroup};

/// Who knows which private key, of all that a history has made, and who the epoch's secrets.
///
/// Nothing is ever forgotten: who is removed keeps all keys and reads all messages. So what is
/// found here is the most that anybody can know.
#[derive(Clone)]
pub struct Knowledge {
    /// By the number of the key.
    holders: Vec<ClientSet>,
    epoch: ClientSet,
}

/// A way in which knowledge and tree disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Somebody knows the key of a node without being below it: a double join.
    Outsider(NodeIndex, Client),
    /// A member below a node does not know its key, and the node does not list it as unmerged: the
    /// next path would not reach it.
    Uninformed(NodeIndex, Client),
    /// Somebody who is not a member knows the epoch's secrets.
    EpochIsKnown(Client),
    /// A member does not know the epoch's secrets.
    EpochIsUnknown(Client),
}

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outsider(node, Client(client)) => {
                let node = node.as_u32();
                write!(formatter, "client {client} knows the key of node {node} from outside")
            }
            Self::Uninformed(node, Client(client)) => {
                let node = node.as_u32();
                write!(formatter, "client {client} does not know the key of node {node} above it")
            }
            Self::EpochIsKnown(Client(client)) => {
                write!(formatter, "client {client} is no member and knows the epoch's secrets")
            }
            Self::EpochIsUnknown(Client(client)) => {
                write!(formatter, "member {client} does not know the epoch's secrets")
            }
        }
    }
}

impl std::error::Error for Broken {}

impl Knowledge {
    /// What is known of a group when it is created: its creator's leaf key is number 0.
    pub(super) fn of_creator(creator: Client) -> Self {
        let own = ClientSet::of(creator);
        Self { holders: vec![own.clone()], epoch: own }
    }

    fn set(&mut self, KeyNumber(number): KeyNumber, holders: ClientSet) {
        if self.holders.len() <= number {
            self.holders.resize_with(number + 1, ClientSet::default);
        }
        self.holders[number] = holders;
    }

    /// Who knows the private key of this number.
    #[must_use]
    pub fn holders(&self, KeyNumber(number): KeyNumber) -> &ClientSet {
        // Every key of a tree comes from a commit that was followed.
        const NOBODY: &ClientSet = &ClientSet::NOBODY;
        self.holders.get(number).unwrap_or(NOBODY)
    }

    /// Whether somebody knows the secrets of the epoch.
    #[must_use]
    pub fn knows_epoch(&self, client: Client) -> bool {
        self.epoch.contains(client)
    }

    /// Everybody learns from a commit what they can.
    pub fn follow(&mut self, done: &Done) {
        for (key, client) in &done.leaf_keys {
            self.set(*key, ClientSet::of(*client));
        }
        if let Some(path) = &done.path {
            // A path secret leads to those above it, so who learns one learns the rest.
            let mut informed = ClientSet::of(done.sender);
            for step in path {
                for key in &step.recipients {
                    informed.extend(self.holders(*key));
                }
                step.joiners.iter().for_each(|client| informed.insert(*client));
                self.set(step.key, informed.clone());
            }
            if done.is_external {
                // The `init_secret` of ExternalInit: the sender's choice, for those who know the
                // external key of the epoch before.
                self.epoch.insert(done.sender);
            }
            // The next epoch takes the secrets of the one before and the commit secret.
            self.epoch.retain(&informed);
        }
        done.added.iter().for_each(|client| self.epoch.insert(*client));
    }

    /// Everything that `from` knows, `to` knows as well: its state was stolen.
    pub fn leak(&mut self, from: Client, to: Client) {
        for holders in self.holders.iter_mut().chain([&mut self.epoch]) {
            if holders.contains(from) {
                holders.insert(to);
            }
        }
    }

    /// The nodes whose keys are known to somebody who is not below them, with those who know:
    /// empty in every tree of RFC 9420.
    #[must_use]
    pub fn outsiders(&self, group: &PaperGroup) -> Vec<(NodeIndex, Client)> {
        let nodes = parents_with_keys(group).chain(group.members().map(|leaf| leaf.node()));
        let outsiders = nodes.flat_map(|node| {
            let holders = group.key(node).map(|key| self.holders(key)).into_iter();
            let below = below(group, node);
            let outside = holders.flat_map(move |holders| {
                holders.without(&below).map(|client| (node, client)).collect::<Vec<_>>()
            });
            outside.collect::<Vec<_>>()
        });
        outsiders.collect()
    }

    /// Compares what is known with what the tree says should be, and counts the nodes compared.
    pub fn verify(&self, group: &PaperGroup) -> Result<u64, Broken> {
        let mut compared = 0;
        let leaves = group.members().map(|leaf| leaf.node());
        for node in leaves.chain(parents_with_keys(group)) {
            let Some(key) = group.key(node) else { continue };
            let (holders, mut below) = (self.holders(key), below(group, node));
            if let Some(client) = holders.without(&below).next() {
                return Err(Broken::Outsider(node, client));
            }
            let unmerged = group.tree().parent(node).map(|parent| parent.unmerged_leaves);
            let unmerged = unmerged.into_iter().flatten();
            let unmerged = unmerged.filter_map(|leaf| group.at(group.tree().size().leaf(leaf)?));
            unmerged.for_each(|client| below.remove(client));
            if let Some(client) = below.without(holders).next() {
                return Err(Broken::Uninformed(node, client));
            }
            compared += 1;
        }
        let members = below(group, group.tree().size().root());
        if let Some(client) = self.epoch.without(&members).next() {
            return Err(Broken::EpochIsKnown(client));
        }
        match members.without(&self.epoch).next() {
            Some(client) => Err(Broken::EpochIsUnknown(client)),
            None => Ok(compared),
        }
    }
}

/// The parents that are not blank.
fn parents_with_keys(group: &PaperGroup) -> impl Iterator<Item = NodeIndex> + '_ {
    let size = group.tree().size();
    let nodes = (0..size.nodes()).filter_map(move |index| size.node(index));
    nodes.filter(|node| !node.is_leaf())
}

/// The members at and below a node.
fn below(group: &PaperGroup, node: NodeIndex) -> ClientSet {
    let mut set = ClientSet::default();
    let leaves = node.leaf_range().filter_map(|leaf| group.tree().size().leaf(leaf));
    leaves.filter_map(|leaf| group.at(leaf)).for_each(|client| set.insert(client));
    set
}

#[cfg(test)]
mod tests {
    use tree::LeafIndex;

    use super::*;
    use crate::invariant::{Act, By};

    /// Eight members who have all committed, so that the tree is filled.
    fn filled() -> (PaperGroup, Knowledge, Vec<LeafIndex>) {
        let (mut group, mut knowledge) = PaperGroup::created(8).unwrap();
        let leaves: Vec<LeafIndex> = group.members().collect();
        for leaf in &leaves {
            knowledge.follow(&group.commit(&Act::empty(By::Member(*leaf))).unwrap());
        }
        assert_eq!(knowledge.verify(&group), Ok(15));
        (group, knowledge, leaves)
    }

    /// What [`Knowledge::verify`] says of a tree that was changed against the rules.
    fn found(group: &PaperGroup, knowledge: &Knowledge) -> Broken {
        knowledge.verify(group).unwrap_err()
    }

    #[test]
    fn a_remove_that_does_not_blank_is_found() {
        let (mut group, mut knowledge, leaves) = filled();
        // As in 2018: the remover takes the slot over, with a key of its choice.
        let removed = group.at(leaves[2]).unwrap();
        let successor = group.client();
        let done = group.replace_without_blanking(leaves[2], successor);
        knowledge.follow(&done);
        let outsider = found(&group, &knowledge);
        assert!(matches!(outsider, Broken::Outsider(_, client) if client == removed));
        assert_eq!(knowledge.outsiders(&group).len(), 3);
        // Nor does a path of somebody far away help: it is encrypted to what the removed one knows.
        let done = group.commit(&Act::empty(By::Member(leaves[7]))).unwrap();
        knowledge.follow(&done);
        assert!(knowledge.knows_epoch(removed));
    }

    #[test]
    fn a_joiner_that_nobody_notes_as_unmerged_is_found() {
        let (mut group, mut knowledge, leaves) = filled();
        let mut act = Act::empty(By::Member(leaves[0]));
        act.removes.push(leaves[5]);
        knowledge.follow(&group.commit(&act).unwrap());
        let done = group.commit(&Act::empty(By::Member(leaves[4]))).unwrap();
        knowledge.follow(&done);
        assert!(knowledge.verify(&group).is_ok());
        let joiner = group.client();
        knowledge.follow(&group.replace_without_blanking(leaves[5], joiner));
        let uninformed = found(&group, &knowledge);
        assert!(matches!(uninformed, Broken::Uninformed(_, client) if client == joiner));
    }

    #[test]
    fn a_path_for_somebody_else_is_a_double_join() {
        let (mut group, mut knowledge, leaves) = filled();
        let setter = group.at(leaves[0]).unwrap();
        let mut done = group.commit(&Act::empty(By::Member(leaves[6]))).unwrap();
        // The path of leaf 6, made by somebody else.
        done.sender = setter;
        knowledge.follow(&done);
        // The two nodes above leaf 6: the setter is below the root, but not below these.
        let outsiders = knowledge.outsiders(&group);
        assert_eq!(outsiders.iter().map(|(_, it)| *it).collect::<Vec<_>>(), [setter; 2]);
        assert!(knowledge.verify(&group).is_err());
    }

    #[test]
    fn a_path_that_a_removed_member_can_read_is_found() {
        let (mut group, mut knowledge, leaves) = filled();
        let removed = group.at(leaves[3]).unwrap();
        let root = group.tree().size().root();
        let old = group.key(root).unwrap();
        let mut act = Act::empty(By::Member(leaves[0]));
        act.removes.push(leaves[3]);
        let mut done = group.commit(&act).unwrap();
        let right = knowledge.clone();
        let mut honest = right.clone();
        honest.follow(&done);
        assert!(honest.verify(&group).is_ok() && !honest.knows_epoch(removed));
        done.path.as_mut().unwrap().last_mut().unwrap().recipients.push(old);
        knowledge.follow(&done);
        assert!(knowledge.knows_epoch(removed));
        assert_eq!(found(&group, &knowledge), Broken::Outsider(root, removed));
    }

    #[test]
    fn a_stolen_state_is_an_outsider_until_its_owner_commits() {
        let (mut group, mut knowledge, leaves) = filled();
        let (owner, thief) = (group.at(leaves[4]).unwrap(), group.client());
        knowledge.leak(owner, thief);
        assert!(matches!(found(&group, &knowledge), Broken::Outsider(_, it) if it == thief));
        knowledge.follow(&group.commit(&Act::empty(By::Member(leaves[1]))).unwrap());
        assert!(knowledge.knows_epoch(thief));
        knowledge.follow(&group.commit(&Act::empty(By::Member(leaves[4]))).unwrap());
        assert!(!knowledge.knows_epoch(thief));
        assert!(knowledge.verify(&group).is_ok());
    }
}
