//! A twin of the rules, without cryptography: secrets are places in the graph. It goes as far as
//! the real library is too slow for, says exactly what two leaks tell, and can be weakened, to show
//! that the predicates notice.
//!
//! The tree has a fixed width; a right half without members is as good as cut off, since all its
//! nodes are blank.

use std::collections::{BTreeMap, BTreeSet};

use super::audit::{Audit, Counts, Finding, Leaks, Property, Scope, exposures, known_epochs};
use super::explore::World;
use super::graph::{Graph, Knowledge, SecretId};
use super::history::{Committer, EpochFacts, History, LeafKey, Leak, Moment, NodeFacts, Psk, Step};
use super::log::EPOCH_LABELS;
use super::real::leaves_below;

/// A rule that is not kept: the historic flaws of MLS and its drafts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weakness {
    /// H1, the double join: a Remove leaves the nodes above as they are.
    NoBlanking,
    /// H2: the next epoch does not depend on the init secret.
    NoInitSecret,
    /// H3: the sender of a path keeps its leaf's key.
    StaleLeaf,
    /// H4: new members are not noted as unmerged.
    NoUnmerged,
    /// H5: the first path secret is the old leaf's key.
    ReusedSecret,
    /// H12: nobody compares the keys derived from a path secret with those in the path.
    NoKeyCheck,
}

impl Weakness {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::NoBlanking,
        Self::NoInitSecret,
        Self::StaleLeaf,
        Self::NoUnmerged,
        Self::ReusedSecret,
        Self::NoKeyCheck,
    ];
}

#[derive(Clone)]
struct Parent {
    key: SecretId,
    unmerged: BTreeSet<u32>,
}

/// What everybody sees.
#[derive(Clone)]
struct Tree {
    width: u32,
    leaves: BTreeMap<u32, (usize, SecretId)>,
    parents: BTreeMap<u32, Parent>,
}

fn level(node: u32) -> u32 {
    node.trailing_ones()
}

fn children(node: u32) -> (u32, u32) {
    let half = 1 << (level(node) - 1);
    (node - half, node + half)
}

impl Tree {
    fn root(&self) -> u32 {
        self.width - 1
    }

    /// The nodes above a leaf with the child of each that is not above it, from below.
    fn path(&self, leaf: u32) -> Vec<(u32, u32)> {
        let mut at = self.root();
        let mut path = Vec::new();
        while at != 2 * leaf {
            let (left, right) = children(at);
            let (next, other) = if 2 * leaf < at { (left, right) } else { (right, left) };
            path.push((at, other));
            at = next;
        }
        path.reverse();
        path
    }

    fn key(&self, node: u32) -> Option<SecretId> {
        match level(node) {
            0 => self.leaves.get(&(node / 2)).map(|(_, key)| *key),
            _ => self.parents.get(&node).map(|parent| parent.key),
        }
    }

    fn resolution(&self, node: u32) -> Vec<u32> {
        if level(node) == 0 {
            return self.leaves.get(&(node / 2)).map(|_| node).into_iter().collect();
        }
        if let Some(parent) = self.parents.get(&node) {
            return std::iter::once(node)
                .chain(parent.unmerged.iter().map(|leaf| 2 * leaf))
                .collect();
        }
        let (left, right) = children(node);
        [self.resolution(left), self.resolution(right)].concat()
    }

    fn blank_above(&mut self, leaf: u32) {
        for (node, _) in self.path(leaf) {
            self.parents.remove(&node);
        }
    }

    fn vacant(&self) -> u32 {
        (0..self.width).find(|leaf| !self.leaves.contains_key(leaf)).unwrap_or_default()
    }
}

/// A path that is made for a tree.
struct NewPath {
    leaf_key: SecretId,
    /// Node, copath child, path secret, node key.
    nodes: Vec<(u32, u32, SecretId, SecretId)>,
    commit_secret: SecretId,
}

/// Somebody who is being added.
struct Joiner {
    person: usize,
    init_key: SecretId,
    leaf_key: SecretId,
    number: LeafKey,
    leaf: u32,
}

/// The model.
#[derive(Clone)]
pub struct Model {
    weakness: Option<Weakness>,
    graph: Graph,
    tree: Tree,
    /// For each member the private keys by node.
    private: Vec<BTreeMap<u32, SecretId>>,
    seen: Vec<Knowledge>,
    history: History,
    psk: SecretId,
}

impl Model {
    /// A group of its creator, and people who wait to join: `people` in all.
    #[must_use]
    pub fn new(people: usize, weakness: Option<Weakness>) -> Self {
        let mut graph = Graph::default();
        let width = u32::try_from(people.next_power_of_two()).unwrap_or(u32::MAX);
        let (key, epoch_secret, psk) = (graph.fresh(), graph.fresh(), graph.fresh());
        let leaves = BTreeMap::from([(0, (0, key))]);
        let tree = Tree { width, leaves, parents: BTreeMap::new() };
        let mut private = vec![BTreeMap::new(); people];
        private[0].insert(0, key);
        let seen = vec![Knowledge::default(); people];
        let history = History::default();
        let mut model = Self { weakness, graph, tree, private, seen, history, psk };
        for seen in &mut model.seen {
            seen.insert(psk);
        }
        model.see(0, &[key, epoch_secret]);
        let secrets = model.epoch_secrets(epoch_secret);
        let number = model.history.new_leaf_key();
        model.advance(None, secrets, BTreeMap::from([(0, number)]), Vec::new());
        model.history.look_at_psk(psk);
        model
    }

    fn is(&self, weakness: Weakness) -> bool {
        self.weakness == Some(weakness)
    }

    fn see(&mut self, person: usize, secrets: &[SecretId]) {
        for &secret in secrets {
            self.seen[person].insert(secret);
        }
    }

    fn derive(&mut self, from: &[SecretId]) -> SecretId {
        let secret = self.graph.fresh();
        self.graph.add_rule(from, secret);
        secret
    }

    fn epoch_secrets(&mut self, epoch_secret: SecretId) -> Vec<SecretId> {
        EPOCH_LABELS.iter().map(|_| self.derive(&[epoch_secret])).collect()
    }

    /// A secret of the current epoch, by label.
    fn current(&self, label: &str) -> SecretId {
        let place = EPOCH_LABELS.iter().position(|it| *it == label).unwrap_or_default();
        self.history.epochs[self.history.newest()].secrets[place]
    }

    fn held(&self, person: usize) -> Vec<SecretId> {
        let epoch = self.history.epochs.last();
        let epoch = epoch.filter(|epoch| epoch.members.values().any(|&it| it == person));
        let secrets = epoch.map(|epoch| epoch.secrets.clone()).unwrap_or_default();
        self.private[person].values().copied().chain(secrets).collect()
    }

    /// A leak of what a person holds and of `more`.
    fn look(&mut self, person: usize, moment: Moment, more: &[SecretId]) -> &mut Leak {
        let held = [&self.held(person), more].concat();
        self.history.look(person, moment, held)
    }

    fn advance(
        &mut self,
        step: Option<Step>,
        secrets: Vec<SecretId>,
        leaf_keys: BTreeMap<u32, LeafKey>,
        joined: Vec<LeafKey>,
    ) {
        let members = self.tree.leaves.iter().map(|(leaf, (person, _))| (*leaf, *person));
        let members: BTreeMap<u32, usize> = members.collect();
        let node = |index: u32, private_key, unmerged: &BTreeSet<u32>| {
            let below = members.range(leaves_below(index));
            let holders = below.filter(|(leaf, _)| !unmerged.contains(leaf));
            NodeFacts { index, private_key, holders: holders.map(|(_, person)| *person).collect() }
        };
        let leaves = self.tree.leaves.iter();
        let leaves = leaves.map(|(leaf, (_, key))| node(2 * leaf, *key, &BTreeSet::new()));
        let parents = self.tree.parents.iter();
        let parents = parents.map(|(index, parent)| node(*index, parent.key, &parent.unmerged));
        let nodes = leaves.chain(parents).collect();
        self.history.epochs.push(EpochFacts { step, members, leaf_keys, joined, secrets, nodes });
        for person in 0..self.seen.len() {
            self.look(person, Moment::Start, &[]);
        }
    }

    fn remove(&mut self, leaf: u32) {
        self.tree.leaves.remove(&leaf);
        if self.is(Weakness::NoBlanking) {
            for (node, _) in self.tree.path(leaf) {
                if let Some(parent) = self.tree.parents.get_mut(&node) {
                    parent.unmerged.remove(&leaf);
                }
            }
        } else {
            self.tree.blank_above(leaf);
        }
    }

    /// Update proposals: their new keys, and those by number.
    fn updates(&mut self, step: &Step) -> Vec<(u32, LeafKey)> {
        let mut updated = Vec::new();
        let mut keys = Vec::new();
        for &leaf in &step.updates {
            let Some(&(person, _)) = self.tree.leaves.get(&leaf) else { continue };
            let key = self.graph.fresh();
            self.see(person, &[key]);
            let number = self.history.new_leaf_key();
            self.look(person, Moment::Update, &[key]).leaf_keys.push(number);
            updated.push((leaf, number));
            keys.push((leaf, person, key));
        }
        for (leaf, person, key) in keys {
            self.tree.leaves.insert(leaf, (person, key));
            self.tree.blank_above(leaf);
            self.private[person].insert(2 * leaf, key);
        }
        updated
    }

    /// Those who are to be added, with key packages.
    fn key_packages(&mut self, count: usize) -> Vec<Joiner> {
        let joiners = self.history.outsiders(self.seen.len()).into_iter().take(count);
        let joiners = joiners.collect::<Vec<_>>().into_iter().map(|person| {
            let (init_key, leaf_key) = (self.graph.fresh(), self.graph.fresh());
            self.see(person, &[init_key, leaf_key]);
            let number = self.history.new_leaf_key();
            let leak = self.look(person, Moment::KeyPackage, &[init_key, leaf_key]);
            leak.leaf_keys.push(number);
            leak.init_keys.push(number);
            Joiner { person, init_key, leaf_key, number, leaf: 0 }
        });
        joiners.collect()
    }

    fn add(&mut self, joiner: &mut Joiner) {
        joiner.leaf = self.tree.vacant();
        self.tree.leaves.insert(joiner.leaf, (joiner.person, joiner.leaf_key));
        if !self.is(Weakness::NoUnmerged) {
            for (node, _) in self.tree.path(joiner.leaf) {
                if let Some(parent) = self.tree.parents.get_mut(&node) {
                    parent.unmerged.insert(joiner.leaf);
                }
            }
        }
    }

    fn new_path(&mut self, leaf: u32, old_key: Option<SecretId>) -> NewPath {
        let fresh = self.graph.fresh();
        let leaf_key = old_key.filter(|_| self.is(Weakness::StaleLeaf)).unwrap_or(fresh);
        let fresh = self.graph.fresh();
        let mut path_secret = old_key.filter(|_| self.is(Weakness::ReusedSecret)).unwrap_or(fresh);
        let mut nodes = Vec::new();
        for (node, copath) in self.tree.path(leaf) {
            if !self.tree.resolution(copath).is_empty() {
                let key = self.derive(&[path_secret]);
                nodes.push((node, copath, path_secret, key));
                path_secret = self.derive(&[path_secret]);
            }
        }
        NewPath { leaf_key, nodes, commit_secret: path_secret }
    }

    /// Encrypts the path and lets the members decrypt it.
    fn send_path(
        &mut self,
        (leaf, person): (u32, usize),
        path: &NewPath,
        added: &BTreeSet<u32>,
    ) -> Result<(), &'static str> {
        let members: Vec<(u32, usize)> =
            self.tree.leaves.iter().map(|(leaf, (person, _))| (*leaf, *person)).collect();
        let mut learnt: Vec<(usize, usize)> = Vec::new();
        for (place, (_, copath, path_secret, _)) in path.nodes.iter().enumerate() {
            let recipients = self.tree.resolution(*copath);
            let recipients = recipients.into_iter().filter(|node| !added.contains(node));
            let recipients: Vec<_> =
                recipients.filter_map(|node| Some((node, self.tree.key(node)?))).collect();
            for (_, key) in &recipients {
                self.graph.add_rule(&[*key], *path_secret);
            }
            let below = leaves_below(*copath);
            for (other, reader) in members.iter().filter(|(leaf, _)| below.contains(leaf)) {
                let private = &self.private[*reader];
                let can = recipients.iter().any(|(node, key)| private.get(node) == Some(key));
                if can {
                    learnt.push((*reader, place));
                } else if !added.contains(&(2 * other)) {
                    return Err("a member holds no key that the path is encrypted to");
                }
            }
        }
        self.tree.blank_above(leaf);
        self.tree.leaves.insert(leaf, (person, path.leaf_key));
        for (node, _, _, key) in &path.nodes {
            self.tree.parents.insert(*node, Parent { key: *key, unmerged: BTreeSet::new() });
        }
        self.private[person] = BTreeMap::from([(2 * leaf, path.leaf_key)]);
        self.see(person, &[path.leaf_key, path.commit_secret]);
        learnt.push((person, 0));
        for (reader, place) in learnt {
            self.learn(reader, path, place);
        }
        Ok(())
    }

    /// A member learns a path from one node on.
    fn learn(&mut self, person: usize, path: &NewPath, place: usize) {
        for (node, _, path_secret, key) in path.nodes.iter().skip(place) {
            self.see(person, &[*path_secret]);
            self.private[person].insert(*node, *key);
        }
    }

    /// Keys that the tree has no more are erased.
    fn retain_matching(&mut self) {
        let Self { tree, private, .. } = self;
        let members: BTreeSet<usize> = tree.leaves.values().map(|(person, _)| *person).collect();
        for (person, keys) in private.iter_mut().enumerate() {
            keys.retain(|node, key| members.contains(&person) && tree.key(*node) == Some(*key));
        }
    }

    /// `joiner_secret` and the secrets of the next epoch, from the old one's.
    fn key_schedule(
        &mut self,
        step: &Step,
        commit_secret: Option<SecretId>,
        committer: usize,
    ) -> (SecretId, Vec<SecretId>) {
        let init = match step.committer {
            Committer::Member(_) => self.current("init"),
            Committer::Newcomer | Committer::Resync(_) => {
                let external = self.current("external");
                let init = self.graph.fresh();
                self.graph.add_rule(&[external], init);
                self.see(committer, &[init]);
                init
            }
        };
        let init = (!self.is(Weakness::NoInitSecret)).then_some(init);
        let inputs: Vec<_> = init.into_iter().chain(commit_secret).collect();
        let joiner_secret = self.derive(&inputs);
        let psk = step.psk.map(|psk| match psk {
            Psk::External => self.psk,
            Psk::Resumption => self.current("resumption"),
        });
        let inputs: Vec<_> = std::iter::once(joiner_secret).chain(psk).collect();
        let epoch_secret = self.derive(&inputs);
        let members: Vec<_> = self.tree.leaves.values().map(|(person, _)| *person).collect();
        members.iter().for_each(|&person| self.see(person, &[epoch_secret]));
        (joiner_secret, self.epoch_secrets(epoch_secret))
    }

    /// The Welcome: what it says to each new member.
    fn welcome(&mut self, joiner: &Joiner, joiner_secret: SecretId, path: Option<&NewPath>) {
        self.private[joiner.person] = BTreeMap::from([(2 * joiner.leaf, joiner.leaf_key)]);
        self.see(joiner.person, &[joiner_secret]);
        self.graph.add_rule(&[joiner.init_key], joiner_secret);
        let Some(path) = path else { return };
        let above = |node: u32| leaves_below(node).contains(&joiner.leaf);
        let place = path.nodes.iter().position(|(node, ..)| above(*node));
        if let Some(place) = place {
            self.graph.add_rule(&[joiner.init_key], path.nodes[place].2);
            self.learn(joiner.person, path, place);
        }
    }

    fn try_step(&mut self, step: &Step) -> Result<(), &'static str> {
        let before = self.private.clone();
        let updated = self.updates(step);
        let mut joiners = self.key_packages(step.adds);
        let outsiders = self.history.outsiders(self.seen.len());
        let (committer, old_key) = match step.committer {
            Committer::Member(leaf) | Committer::Resync(leaf) => {
                self.tree.leaves.get(&leaf).copied().map(|(person, key)| (person, Some(key)))
            }
            Committer::Newcomer => outsiders.first().map(|&person| (person, None)),
        }
        .ok_or("nobody is there")?;
        step.removes.iter().for_each(|&leaf| self.remove(leaf));
        joiners.iter_mut().for_each(|joiner| self.add(joiner));
        let leaf = match step.committer {
            Committer::Member(leaf) => leaf,
            Committer::Resync(leaf) => {
                self.remove(leaf);
                self.private[committer].clear();
                self.tree.vacant()
            }
            Committer::Newcomer => self.tree.vacant(),
        };
        let added: BTreeSet<u32> = joiners.iter().map(|joiner| 2 * joiner.leaf).collect();
        let path = step.has_path.then(|| self.new_path(leaf, old_key));
        if let Some(path) = &path {
            self.send_path((leaf, committer), path, &added)?;
        }
        let commit_secret = path.as_ref().map(|path| path.commit_secret);
        let (joiner_secret, secrets) = self.key_schedule(step, commit_secret, committer);
        self.see(committer, &[joiner_secret]);
        for joiner in &joiners {
            self.welcome(joiner, joiner_secret, path.as_ref());
        }
        self.retain_matching();
        let joined: Vec<_> = joiners.iter().map(|joiner| (joiner.leaf, joiner.number)).collect();
        let (leaf_keys, own) = self.history.next_leaf_keys(step, leaf, &updated, &joined);
        self.look_pending(committer, (&before[committer], own), &secrets);
        let joined = joined.into_iter().map(|(_, key)| key).collect();
        self.advance(Some(step.clone()), secrets, leaf_keys, joined);
        Ok(())
    }

    /// What the committer's rows held before its commit was accepted.
    fn look_pending(
        &mut self,
        person: usize,
        (before, own): (&BTreeMap<u32, SecretId>, Option<LeafKey>),
        secrets: &[SecretId],
    ) {
        let next = self.history.newest() + 1;
        let more: Vec<_> = before.values().chain(secrets).copied().collect();
        let leak = self.look(person, Moment::Pending, &more);
        leak.epochs.push(next);
        leak.leaf_keys.extend(own);
    }

    /// A malicious member and a malicious service try to part the group: the path tells its first
    /// node's members one chain of secrets and all others another, and each is sent the
    /// confirmation tag that fits. The signed content, and so the GroupContext, is one.
    ///
    /// # Errors
    /// Two members accept the same context with different secrets (P6).
    pub fn fork_attempt(&self, leaf: u32) -> Result<(), Finding> {
        let mut model = self.clone();
        let honest = model.new_path(leaf, None);
        let other = model.new_path(leaf, None);
        let mut accepted = BTreeSet::new();
        for (place, (node, ..)) in honest.nodes.iter().enumerate() {
            let told = if place == 0 { &honest } else { &other };
            // What the path says is the honest chain's.
            let keys =
                |path: &NewPath| path.nodes[place..].iter().map(|it| it.3).collect::<Vec<_>>();
            if keys(told) == keys(&honest) || model.is(Weakness::NoKeyCheck) {
                accepted.insert((told.commit_secret, *node));
            }
        }
        let secrets: BTreeSet<_> = accepted.iter().map(|(secret, _)| secret).collect();
        if secrets.len() > 1 {
            let what = format!("leaf {leaf} parts the group: one context, two secrets");
            let story = self.history.story();
            return Err(Finding { property: Property::Agreement, what, story });
        }
        Ok(())
    }
}

impl World for Model {
    fn fork(&self) -> Self {
        self.clone()
    }

    fn step(&mut self, step: &Step) -> Result<(), Finding> {
        self.try_step(step).map_err(|what| {
            let story = format!("{}; then {step}", self.history.story());
            Finding { property: Property::Robustness, what: what.to_owned(), story }
        })
    }

    fn history(&self) -> &History {
        &self.history
    }

    fn history_mut(&mut self) -> &mut History {
        &mut self.history
    }

    fn people(&self) -> usize {
        self.seen.len()
    }

    fn audit(&self, scope: Scope) -> Result<Counts, Finding> {
        for &leaf in self.history.members().keys() {
            if scope.wants(Property::Agreement) {
                self.fork_attempt(leaf)?;
            }
        }
        Audit { graph: &self.graph, history: &self.history, seen: &self.seen }.run(scope)
    }

    fn known(&self, leaks: &[usize]) -> Vec<bool> {
        known_epochs(&self.graph, &self.history, leaks)
    }

    fn exposures(&self, leaks: Leaks) -> Vec<Vec<bool>> {
        exposures(&self.graph, &self.history, leaks)
    }
}
