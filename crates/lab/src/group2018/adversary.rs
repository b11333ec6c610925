//! An attacker on a group of 2018: follows what is public, computes every node for which it has a
//! key, whoever's it was and however it came by it, and runs the key schedule from there.

use std::collections::BTreeMap;
use std::sync::Arc;

use codec::{Decode, Opaque};
use crypto::{HpkeKeyPair, Secret, Suite};
use tree::{NodeIndex, TreeSize};

use super::member::{EPOCH_SECRET, INIT_KEY, INIT_SECRET, NODE_SECRET};
use super::messages::{Content, Handshake, Snapshot};
use super::profile::{EpochKeys, auth_decap};
use super::view::View;
use super::{Candidates, KeyTree, Profile};
use crate::{Adversary, Failure, Loot};

pub(crate) struct GroupAdversary<T> {
    view: View<T>,
    /// Node secrets of any moment, by the public keys that they give.
    candidates: Candidates,
    /// Init private keys by slot.
    init_keys: BTreeMap<u32, Secret>,
    init_secret: Option<Secret>,
    epoch_secret: Option<Secret>,
}

impl<T: KeyTree> GroupAdversary<T> {
    pub(crate) fn new(
        suite: &Suite,
        profile: Profile,
        mut loot: Vec<Loot>,
    ) -> Result<Self, Failure> {
        loot.sort_by_key(|loot| loot.epoch);
        let latest = loot.last().ok_or(Failure::Misuse("an attacker without loot"))?;
        let snapshot = Snapshot::from_bytes(&latest.public)?;
        let mut view: View<T> = View::from_snapshot(suite, profile, snapshot)?;
        let held = |what| latest.secrets.iter().find(|held| held.what == what);
        let secret = |what| held(what).map(|held| held.secret.duplicate());
        let (init_secret, epoch_secret) = (secret(INIT_SECRET), secret(EPOCH_SECRET));
        let (mut candidates, mut init_keys) = (Candidates::new(), BTreeMap::new());
        for loot in loot {
            for held in loot.secrets {
                match (held.what, held.node) {
                    (NODE_SECRET, Some(node)) => {
                        // A node that the group got later is not in the tree yet.
                        let node = any_node(node)?;
                        let key = view.tree.node_key(node, held.secret)?;
                        candidates.insert(key.key_pair.public_key.clone(), Arc::new(key));
                    }
                    (INIT_KEY, _) => drop(init_keys.insert(loot.slot, held.secret)),
                    _ => {}
                }
            }
        }
        let nodes = view.tree.nodes();
        let current = nodes.public_keys().map(|(node, key)| (node, candidates.get(key)));
        let known: Vec<_> = current.filter_map(|(node, key)| Some((node, key?.clone()))).collect();
        known.into_iter().try_for_each(|(node, key)| view.tree.nodes_mut().learn(node, key))?;
        view.tree.conclude()?;
        Ok(Self { view, candidates, init_keys, init_secret, epoch_secret })
    }

    /// Opens what a message tells to owners of init keys that the attacker has.
    fn open_deliveries(&mut self, content: &Content) -> Result<(), Failure> {
        let suite = &self.view.setup.suite;
        let sender = self.view.package(content.sender).cloned();
        for delivery in &content.deliveries {
            let private_key = self.init_keys.get(&delivery.leaf);
            let package = self.view.package(delivery.leaf);
            if let (Some(private_key), Some(package), Some(sender)) =
                (private_key, package, &sender)
                && delivery.encapsulated != Opaque::default()
            {
                let pair = HpkeKeyPair::new(private_key.duplicate(), package.init_key.clone());
                let encapsulated = &delivery.encapsulated;
                let secret = auth_decap(suite, encapsulated, &pair, &sender.static_key)?;
                let leaf = self.view.leaf(delivery.leaf)?;
                let key = self.view.tree.node_key(leaf.node(), secret)?;
                self.candidates.insert(key.key_pair.public_key.clone(), Arc::new(key));
            }
        }
        Ok(())
    }

    fn follow(&mut self, message: &Handshake) -> Result<(), Failure> {
        self.open_deliveries(&message.content)?;
        let mut view = self.view.clone();
        let leaves = view.enter(&message.content)?;
        view.tree.overhear(&leaves, &message.content.path, &self.candidates)?;
        view.advance(message)?;
        let is_open = view.tree.nodes().root_secret().is_some();
        let init_secret = self.init_secret.as_ref().filter(|_| is_open);
        let keys = init_secret.map(|init| view.keys(init)).transpose()?;
        self.enter(view, keys);
        Ok(())
    }

    fn follow_merged(&mut self, messages: &[Vec<u8>]) -> Result<(), Failure> {
        let mut steps = Vec::new();
        for bytes in messages {
            let message = Handshake::from_bytes(bytes)?;
            let mut view = self.view.clone();
            let leaves = view.enter(&message.content)?;
            view.tree.overhear(&leaves, &message.content.path, &self.candidates)?;
            steps.push((message, view.tree));
        }
        let init_secret = self.init_secret.as_ref().map(Secret::duplicate);
        let (view, keys) = super::merge::merge(self.view.clone(), init_secret, &steps)?;
        self.enter(view, keys);
        Ok(())
    }

    fn enter(&mut self, view: View<T>, keys: Option<EpochKeys>) {
        self.view = view;
        let (epoch_secret, init_secret) =
            keys.map(|keys| (keys.epoch_secret, keys.init_secret)).unzip();
        self.epoch_secret = epoch_secret;
        self.init_secret = init_secret;
    }
}

impl<T: KeyTree> Adversary for GroupAdversary<T> {
    fn read(&mut self, message: &[u8]) {
        let followed = Handshake::from_bytes(message).map_err(Failure::from);
        // What it cannot follow, such as the message of another group, leaves it behind.
        if followed.and_then(|message| self.follow(&message)).is_err() {
            self.epoch_secret = None;
            self.init_secret = None;
        }
    }

    fn read_merged(&mut self, messages: &[Vec<u8>]) {
        match messages {
            [message] => self.read(message),
            _ => {
                if self.follow_merged(messages).is_err() {
                    self.epoch_secret = None;
                    self.init_secret = None;
                }
            }
        }
    }

    fn epoch_secret(&self) -> Option<Secret> {
        self.epoch_secret.as_ref().map(Secret::duplicate)
    }
}

/// The node of this number in the smallest tree that has it.
fn any_node(index: u32) -> Result<NodeIndex, Failure> {
    let size = usize::try_from(index).ok().and_then(|index| TreeSize::with_room_for(index + 1));
    size.and_then(|size| size.node(index)).ok_or(Failure::Misuse("no such node"))
}
