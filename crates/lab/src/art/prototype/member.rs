//! A member of a prototype's group, and an attacker on one.

use std::sync::Arc;

use codec::{Decode, Encode};
use crypto::{HpkePublicKey, Random, Secret, Suite};
use tree::LeafIndex;

use super::keys::{next_stage_key, tag};
use super::thrift::{Update, pair, read_pair};
use crate::art::{ArtTree, Derivation};
use crate::group2018::{Candidates, KeyTree, Nodes, broken};
use crate::{Adversary, Failure, Held, Loot, Member, Sent};

const STAGE_KEY: &str = "stage key";
const NODE_SECRET: &str = "node secret";

/// A group as one party sees it.
#[derive(Clone)]
pub(super) struct State {
    pub(super) suite: Suite,
    pub(super) identity_keys: Arc<Vec<Vec<u8>>>,
    pub(super) tree: ArtTree,
    /// How many updates there were. The program itself does not count.
    pub(super) epoch: u64,
}

/// What is public of it, for [`Loot`].
struct Public {
    identity_keys: Vec<codec::Opaque>,
    epoch: u64,
    public_keys: Vec<HpkePublicKey>,
}

codec::fields!(Public {
    identity_keys <= 1 << 24,
    epoch,
    public_keys <= 1 << 25,
});

impl State {
    fn public(&self) -> Vec<u8> {
        let keys = self.tree.nodes().public_keys();
        Public {
            identity_keys: self.identity_keys.iter().map(|key| key.as_slice().into()).collect(),
            epoch: self.epoch,
            public_keys: keys.map(|(_, key)| key.clone()).collect(),
        }
        .to_bytes()
    }

    /// The stage key that this state's tree leads to.
    pub(super) fn stage_key(&self, last: &Secret) -> Result<Secret, Failure> {
        next_stage_key(&self.suite, last, self.tree.nodes(), &self.identity_keys)
    }

    fn leaf(&self, index: u32) -> Result<LeafIndex, Failure> {
        self.tree.nodes().shape().leaf(index).ok_or_else(|| broken("no such leaf"))
    }
}

/// A member.
pub(super) struct PrototypeMember {
    pub(super) state: State,
    pub(super) own: LeafIndex,
    pub(super) identity_private_key: Secret,
    pub(super) stage_key: Secret,
    pub(super) prepared: Vec<(Vec<u8>, State)>,
}

/// The new public keys of an update from the leaf up, as the tree takes them.
fn read_update(bytes: &[u8]) -> Result<(u32, Vec<HpkePublicKey>), Failure> {
    let Update { leaf, mut path } = Update::from_bytes(bytes)?;
    path.reverse();
    Ok((leaf, path))
}

impl PrototypeMember {
    fn follow(&self, message: &[u8]) -> Result<State, Failure> {
        let (update, received) = read_pair(message)?;
        if tag(&self.state.suite, &self.stage_key, update)? != Secret::from_slice(received) {
            return Err(broken("the tag is wrong"));
        }
        let (leaf, keys) = read_update(update)?;
        let mut state = self.state.clone();
        let leaf = state.leaf(leaf)?;
        if leaf == self.own {
            return Err(broken("somebody speaks for this member"));
        }
        state.tree.take((self.own, None), &[leaf], keys)?;
        state.epoch += 1;
        Ok(state)
    }
}

impl Member for PrototypeMember {
    fn slot(&self) -> u32 {
        self.own.as_u32()
    }

    fn members(&self) -> Vec<u32> {
        (0..self.state.tree.nodes().shape().leaves()).collect()
    }

    fn epoch(&self) -> u64 {
        self.state.epoch
    }

    fn add(&mut self, _: &[u8], _: &mut dyn Random) -> Result<Sent, Failure> {
        Err(Failure::Unsupported)
    }

    fn remove(&mut self, _: u32, _: &mut dyn Random) -> Result<Sent, Failure> {
        Err(Failure::Unsupported)
    }

    fn update(&mut self, random: &mut dyn Random) -> Result<Sent, Failure> {
        let mut state = self.state.clone();
        let secret = Secret::random(state.tree.secret_length(), random)?;
        let mut path = state.tree.set(vec![(self.own, secret)])?;
        path.reverse();
        state.epoch += 1;
        let update = Update { leaf: self.own.as_u32(), path }.to_bytes();
        let tag = tag(&state.suite, &self.stage_key, &update)?;
        let message = pair(&update, tag.expose());
        self.prepared.push((message.clone(), state));
        Ok(Sent { message, path_bytes: update.len(), welcome: Vec::new() })
    }

    fn process(&mut self, message: &[u8]) -> Result<(), Failure> {
        let mine = self.prepared.iter().find(|(prepared, _)| prepared == message);
        let state = match mine {
            Some((_, state)) => state.clone(),
            None => self.follow(message)?,
        };
        self.stage_key = state.stage_key(&self.stage_key)?;
        self.state = state;
        self.prepared.clear();
        Ok(())
    }

    fn epoch_secret(&self) -> Secret {
        self.stage_key.duplicate()
    }

    fn public_nodes(&self) -> Vec<(u32, Vec<u8>)> {
        let keys = self.state.tree.nodes().public_keys();
        keys.map(|(node, key)| (node.as_u32(), key.as_slice().to_vec())).collect()
    }

    fn compromise(&self) -> Loot {
        let mut secrets = Vec::new();
        let mut hold = |what, node, secret: &Secret| {
            secrets.push(Held { what, node, secret: secret.duplicate() });
        };
        let prepared = self.prepared.iter().map(|(_, state)| state);
        for state in std::iter::once(&self.state).chain(prepared) {
            for (node, key) in state.tree.nodes().known() {
                hold(NODE_SECRET, Some(node.as_u32()), &key.secret);
            }
        }
        hold(STAGE_KEY, None, &self.stage_key);
        hold("identity private key", None, &self.identity_private_key);
        let (slot, epoch) = (self.own.as_u32(), self.state.epoch);
        Loot { slot, epoch, secrets, public: self.state.public() }
    }
}

/// An attacker: computes every node for which it has a key, and the stage keys from there.
pub(super) struct PrototypeAdversary {
    state: State,
    candidates: Candidates,
    stage_key: Option<Secret>,
}

impl PrototypeAdversary {
    pub(super) fn new(suite: &Suite, mut loot: Vec<Loot>) -> Result<Self, Failure> {
        loot.sort_by_key(|loot| loot.epoch);
        let latest = loot.last().ok_or(Failure::Misuse("an attacker without loot"))?;
        let public = Public::from_bytes(&latest.public)?;
        let held = latest.secrets.iter().find(|held| held.what == STAGE_KEY);
        let stage_key = held.map(|held| held.secret.duplicate());
        let nodes = Nodes::with_public_keys(public.public_keys)?;
        let mut tree = ArtTree::with_nodes(suite, Derivation::Prototype, nodes);
        let mut candidates = Candidates::new();
        let shape = tree.nodes().shape();
        for held in loot.into_iter().flat_map(|loot| loot.secrets) {
            if let Some(node) = held.node.and_then(|node| shape.node(node)) {
                let key = Arc::new(tree.node_key(node, held.secret)?);
                if *tree.nodes().public_key(node)? == key.key_pair.public_key {
                    tree.nodes_mut().learn(node, Arc::clone(&key))?;
                }
                candidates.insert(key.key_pair.public_key.clone(), key);
            }
        }
        tree.conclude()?;
        let identity_keys = public.identity_keys.into_iter().map(codec::Opaque::into_vec);
        let identity_keys = Arc::new(identity_keys.collect());
        let state = State { suite: suite.clone(), identity_keys, tree, epoch: public.epoch };
        Ok(Self { state, candidates, stage_key })
    }

    fn follow(&mut self, message: &[u8]) -> Result<Option<Secret>, Failure> {
        let (leaf, keys) = read_update(read_pair(message)?.0)?;
        let leaf = self.state.leaf(leaf)?;
        self.state.tree.overhear_keys(&[leaf], keys, &self.candidates)?;
        self.state.epoch += 1;
        let is_open = self.state.tree.nodes().root_secret().is_some();
        let last = self.stage_key.as_ref().filter(|_| is_open);
        last.map(|last| self.state.stage_key(last)).transpose()
    }
}

impl Adversary for PrototypeAdversary {
    fn read(&mut self, message: &[u8]) {
        self.stage_key = self.follow(message).unwrap_or_default();
    }

    fn epoch_secret(&self) -> Option<Secret> {
        self.stage_key.as_ref().map(Secret::duplicate)
    }
}
