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
