//! The secret tree (RFC 9420, section 9): from `encryption_secret` to the ratchets of every sender.
//!
//! Nothing is derived before it is needed, and section 9.2's deletion schedule holds by
//! construction:
//!
//! * The tree holds secrets of nodes whose ancestors are all erased: at first the root, later the
//!   copaths of the leaves in use. No node's secret is kept beside one that it was derived from.
//! * The first use of a leaf derives both its ratchets, keeps the copath, and erases what lies
//!   between.
//! * A ratchet keeps its next secret and the keys of skipped generations.
//!
//! Receiving takes two steps. [`SecretTree::lookup`] changes nothing: it returns the key together
//! with a [`RatchetUpdate`] that [`SecretTree::apply`] takes once the message has proven genuine.
//! Sending takes one, [`SecretTree::next_key`].
//!
//! The state is a set of rows. [`SecretTree::drain_changes`] returns those that changed: O(1) of
//! them for a message, O(log N) for a sender's first, and one more for every 16 generations that
//! were skipped. None is longer than 1 KiB.

mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crypto::{CryptoError, Secret, Suite};
use tree::{LeafIndex, NodeIndex, TreeSize};

pub use rows::SecretTreeRow;

use crate::ratchet::{Ratchet, Step, batch_of};
use crate::{
    AeadCost, AeadUsage, Error, Limit, MessageKey, Misuse, RatchetId, RatchetKind, RatchetLimits,
};

/// The secret tree of one epoch.
pub struct SecretTree {
    size: TreeSize,
    limits: RatchetLimits,
    nodes: BTreeMap<NodeIndex, Secret>,
    ratchets: BTreeMap<RatchetId, Ratchet>,
    /// The ratchets that keep keys of skipped generations, by how many; and the sum.
    holders: BTreeSet<(usize, RatchetId)>,
    skipped_total: usize,
    usage: AeadUsage,
    /// The rows that changed since the last drain.
    changes: BTreeSet<SecretTreeRow>,
    /// Replaced with every change, so that an update fits the state it was computed from only.
    version: Arc<()>,
}

/// A key, and how to erase it.
pub struct KeyLookup {
    /// The key of the generation that was asked for.
    pub key: MessageKey,
    /// Erases that key and everything it can be derived from, once the message is known to be
    /// genuine.
    pub update: RatchetUpdate,
}

/// What changes in a secret tree when a looked-up key is consumed. Dropped, it changes nothing.
#[must_use]
pub struct RatchetUpdate {
    version: Arc<()>,
    ratchet: RatchetId,
    opened: Option<OpenedLeaf>,
    step: Step,
}

impl RatchetUpdate {
    /// The ratchet whose key was looked up.
    #[must_use]
    pub fn ratchet(&self) -> RatchetId {
        self.ratchet
    }
}

/// The first use of a leaf: a node gives way to the copath below it and the leaf's two ratchets.
struct OpenedLeaf {
    consumed: NodeIndex,
    copath: Vec<(NodeIndex, Secret)>,
    application: Ratchet,
    handshake: Ratchet,
}

impl SecretTree {
    /// The tree of a new epoch.
    #[must_use]
    pub fn new(size: TreeSize, encryption_secret: Secret, limits: RatchetLimits) -> Self {
        let mut tree = Self::empty(size, limits);
        tree.nodes.insert(size.root(), encryption_secret);
        tree.changes.insert(SecretTreeRow::Node(size.root()));
        tree
    }

    /// Replaces the limits. Keys that are kept already stay until the next message.
    pub fn set_limits(&mut self, limits: RatchetLimits) {
        self.limits = limits;
    }

    fn empty(size: TreeSize, limits: RatchetLimits) -> Self {
        Self {
            size,
            limits,
            nodes: BTreeMap::new(),
            ratchets: BTreeMap::new(),
            holders: BTreeSet::new(),
            skipped_total: 0,
            usage: AeadUsage::default(),
            changes: BTreeSet::new(),
            version: Arc::new(()),
        }
    }

    /// The size of the tree.
    #[must_use]
    pub fn size(&self) -> TreeSize {
        self.size
    }

    /// What this member has encrypted in the epoch.
    #[must_use]
    pub fn usage(&self) -> AeadUsage {
        self.usage
    }

    /// The next generation of a ratchet: zero before its first use.
    #[must_use]
    pub fn next_generation(&self, ratchet: RatchetId) -> u32 {
        self.ratchets.get(&ratchet).map_or(0, Ratchet::generation)
    }

    /// How many keys of skipped generations are kept in all ratchets.
    #[must_use]
    pub fn skipped_count(&self) -> usize {
        self.skipped_total
    }

    /// For sending: the key of the next generation, which is erased here and counted at once.
    pub fn next_key(
        &mut self,
        suite: &Suite,
        leaf: LeafIndex,
        kind: RatchetKind,
        cost: AeadCost,
    ) -> Result<MessageKey, Error> {
        let usage = self.usage.after(kind, cost, suite.params())?;
        let generation = self.next_generation(RatchetId { leaf, kind });
        if generation == u32::MAX {
            return Err(Limit::GenerationsExhausted.into());
        }
        let KeyLookup { key, update } = self.lookup(suite, leaf, kind, generation)?;
        self.apply(update)?;
        self.usage = usage;
        self.changes.insert(SecretTreeRow::Usage);
        Ok(key)
    }

    /// For receiving: the key of any generation that is not used yet and not too far ahead.
    pub fn lookup(
        &self,
        suite: &Suite,
        leaf: LeafIndex,
        kind: RatchetKind,
        generation: u32,
    ) -> Result<KeyLookup, Error> {
        if self.size.leaf(leaf.as_u32()).is_none() {
            return Err(Misuse::UnknownLeaf.into());
        }
        let id = RatchetId { leaf, kind };
        let (opened, (key, step)) = if let Some(ratchet) = self.ratchets.get(&id) {
            (None, ratchet.lookup(suite, &self.limits, generation)?)
        } else {
            let opened = self.open_leaf(suite, leaf)?;
            let ratchet = match kind {
                RatchetKind::Application => &opened.application,
                RatchetKind::Handshake => &opened.handshake,
            };
            let found = ratchet.lookup(suite, &self.limits, generation)?;
            (Some(opened), found)
        };
        let version = Arc::clone(&self.version);
        Ok(KeyLookup { key, update: RatchetUpdate { version, ratchet: id, opened, step } })
    }

    /// Erases a key that was looked up, and everything it can be derived from.
    ///
    /// Section 9.2: "As soon as a group member consumes a value, they MUST immediately delete (all
    /// representations of) that value."
    pub fn apply(&mut self, update: RatchetUpdate) -> Result<(), Error> {
        let RatchetUpdate { version, ratchet: id, opened, step } = update;
        if !Arc::ptr_eq(&version, &self.version) {
            return Err(Misuse::StaleUpdate.into());
        }
        self.version = Arc::new(());
        if let Some(opened) = opened {
            self.apply_opened(id.leaf, opened);
        }
        let Some(ratchet) = self.ratchets.get_mut(&id) else {
            return Err(Misuse::StaleUpdate.into());
        };
        let before = ratchet.skipped_count();
        if matches!(step, Step::Advance { .. }) {
            self.changes.insert(SecretTreeRow::Ratchet(id));
        }
        for generation in ratchet.apply(step, self.limits.skipped_keys_max) {
            self.changes.insert(SecretTreeRow::Skipped(id, batch_of(generation)));
        }
        let after = ratchet.skipped_count();
        self.recount(id, before, after);
        self.erase_excess();
        Ok(())
    }

    fn apply_opened(&mut self, leaf: LeafIndex, opened: OpenedLeaf) {
        let OpenedLeaf { consumed, copath, application, handshake } = opened;
        self.nodes.remove(&consumed);
        self.changes.insert(SecretTreeRow::Node(consumed));
        for (node, secret) in copath {
            self.nodes.insert(node, secret);
            self.changes.insert(SecretTreeRow::Node(node));
        }
        let ratchets =
            [(RatchetKind::Application, application), (RatchetKind::Handshake, handshake)];
        for (kind, ratchet) in ratchets {
            let id = RatchetId { leaf, kind };
            self.ratchets.insert(id, ratchet);
            self.changes.insert(SecretTreeRow::Ratchet(id));
        }
    }

    /// Derives the ratchets of a leaf that was not used yet, and its copath.
    fn open_leaf(&self, suite: &Suite, leaf: LeafIndex) -> Result<OpenedLeaf, Error> {
        let mut path = std::iter::once(leaf.node()).chain(self.size.direct_path(leaf));
        let (consumed, root) = path
            .find_map(|node| Some((node, self.nodes.get(&node)?)))
            .ok_or(Error::inconsistent_rows("secret tree without a secret above the leaf"))?;
        let length = suite.hash_length();
        let child = |secret: &Secret, side: &[u8]| -> Result<Secret, CryptoError> {
            suite.expand_with_label(secret, "tree", side, length)
        };
        let mut node = consumed;
        let mut derived: Option<Secret> = None;
        let mut copath = Vec::new();
        while let Some((left, right)) = node.children() {
            let secret = derived.as_ref().unwrap_or(root);
            let (left_secret, right_secret) = (child(secret, b"left")?, child(secret, b"right")?);
            let (next, next_secret, sibling) = if left.covers(leaf) {
                (left, left_secret, (right, right_secret))
            } else {
                (right, right_secret, (left, left_secret))
            };
            copath.push(sibling);
            node = next;
            derived = Some(next_secret);
        }
        let leaf_secret = derived.as_ref().unwrap_or(root);
        Ok(OpenedLeaf {
            consumed,
            copath,
            application: Ratchet::first(suite, leaf_secret, RatchetKind::Application)?,
            handshake: Ratchet::first(suite, leaf_secret, RatchetKind::Handshake)?,
        })
    }

    fn recount(&mut self, id: RatchetId, before: usize, after: usize) {
        self.holders.remove(&(before, id));
        if after > 0 {
            self.holders.insert((after, id));
        }
        self.skipped_total = self.skipped_total - before + after;
    }

    /// Erases the oldest skipped keys of whichever ratchet has most, until the epoch's limit holds.
    fn erase_excess(&mut self) {
        while self.skipped_total > self.limits.skipped_keys_total_max {
            let Some(&(count, id)) = self.holders.last() else { return };
            let erased = self.ratchets.get_mut(&id).and_then(Ratchet::erase_oldest);
            let Some(generation) = erased else { return };
            self.changes.insert(SecretTreeRow::Skipped(id, batch_of(generation)));
            self.recount(id, count, count - 1);
        }
    }
}

#[cfg(test)]
mod tests;
