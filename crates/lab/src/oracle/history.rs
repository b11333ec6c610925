//! What happened to a group, as everybody can see it: the material of the predicates. Nothing here
//! comes from a key.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::graph::SecretId;

/// A leaf's key pair, counted: a new number for each time that its owner is to have a new one.
///
/// The number of a key package also stands for its init key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeafKey(pub u32);

/// Who commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committer {
    /// The member at a leaf.
    Member(u32),
    /// Somebody from outside, by an external commit.
    Newcomer,
    /// The member at a leaf, by an external commit that replaces it.
    Resync(u32),
}

/// A pre-shared key that a commit mixes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Psk {
    /// One that the members got elsewhere.
    External,
    /// The resumption PSK of the epoch that ends.
    Resumption,
}

/// One commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Who commits.
    pub committer: Committer,
    /// Whether there is a path; without, nothing may demand one.
    pub has_path: bool,
    /// How many are added.
    pub adds: usize,
    /// The leaves that are removed.
    pub removes: Vec<u32>,
    /// The leaves whose members propose an Update.
    pub updates: Vec<u32>,
    /// What is mixed in.
    pub psk: Option<Psk>,
}

impl Step {
    /// A commit with a path and nothing else.
    #[must_use]
    pub fn path(committer: Committer) -> Self {
        let (removes, updates) = (Vec::new(), Vec::new());
        Self { committer, has_path: true, adds: 0, removes, updates, psk: None }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.committer {
            Committer::Member(leaf) => write!(formatter, "leaf {leaf} commits")?,
            Committer::Newcomer => formatter.write_str("somebody joins from outside")?,
            Committer::Resync(leaf) => write!(formatter, "leaf {leaf} joins anew from outside")?,
        }
        if self.adds > 0 {
            write!(formatter, ", adds {}", self.adds)?;
        }
        for leaf in &self.removes {
            write!(formatter, ", removes leaf {leaf}")?;
        }
        for leaf in &self.updates {
            write!(formatter, ", updates leaf {leaf}")?;
        }
        if let Some(psk) = self.psk {
            write!(formatter, ", {psk:?} PSK")?;
        }
        formatter.write_str(if self.has_path { "" } else { ", no path" })
    }
}

/// A node of a ratchet tree that is not blank.
#[derive(Clone)]
pub struct NodeFacts {
    /// Its index.
    pub index: u32,
    /// Its private key.
    pub private_key: SecretId,
    /// The people below it who are not unmerged: those who should hold the key.
    pub holders: BTreeSet<usize>,
}

/// An epoch.
#[derive(Clone)]
pub struct EpochFacts {
    /// The commit that led here; `None` for the first.
    pub step: Option<Step>,
    /// The people by leaf.
    pub members: BTreeMap<u32, usize>,
    /// The keys by leaf.
    pub leaf_keys: BTreeMap<u32, LeafKey>,
    /// The key packages of those who joined by Welcome.
    pub joined: Vec<LeafKey>,
    /// Every secret of the epoch.
    pub secrets: Vec<SecretId>,
    /// The tree.
    pub nodes: Vec<NodeFacts>,
}

/// When a member's rows leak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// At the start of an epoch.
    Start,
    /// While a key package waits to be used.
    KeyPackage,
    /// While an own Update proposal waits.
    Update,
    /// While an own commit, or external commit, waits to be accepted.
    Pending,
    /// Not the rows leak, but the external PSK.
    Psk,
}

/// What leaks, as the predicates see it.
#[derive(Clone)]
pub struct Leak {
    /// Whose rows.
    pub person: usize,
    /// In which epoch.
    pub epoch: usize,
    /// When.
    pub moment: Moment,
    /// The secrets that are in the rows. The predicates do not look at them.
    pub held: Vec<SecretId>,
    /// The epochs whose state should be in the rows.
    pub epochs: Vec<usize>,
    /// The leaf keys that should be in them.
    pub leaf_keys: Vec<LeafKey>,
    /// The key packages whose init keys should be in them.
    pub init_keys: Vec<LeafKey>,
}

impl fmt::Display for Leak {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { person, epoch, moment, .. } = self;
        if *moment == Moment::Psk {
            return formatter.write_str("the external PSK");
        }
        write!(formatter, "person {person} in epoch {epoch} ({moment:?})")
    }
}

/// A group's life so far.
#[derive(Clone, Default)]
pub struct History {
    /// Its epochs.
    pub epochs: Vec<EpochFacts>,
    /// Every moment at which somebody's rows were looked at.
    pub leaks: Vec<Leak>,
    /// How many leaf keys there were.
    pub leaf_key_count: u32,
}

impl History {
    /// A new leaf key.
    pub fn new_leaf_key(&mut self) -> LeafKey {
        self.leaf_key_count += 1;
        LeafKey(self.leaf_key_count)
    }

    /// The current epoch.
    #[must_use]
    pub fn newest(&self) -> usize {
        self.epochs.len().saturating_sub(1)
    }

    /// The people in the current epoch, by leaf.
    #[must_use]
    pub fn members(&self) -> BTreeMap<u32, usize> {
        self.epochs.last().map(|epoch| epoch.members.clone()).unwrap_or_default()
    }

    /// The people who are not in the group, in order.
    #[must_use]
    pub fn outsiders(&self, people: usize) -> Vec<usize> {
        let members: BTreeSet<usize> = self.members().into_values().collect();
        (0..people).filter(|person| !members.contains(person)).collect()
    }

    /// Notes what somebody's rows hold now. What more than the current state should be in them is
    /// for the caller to say.
    pub fn look(&mut self, person: usize, moment: Moment, held: Vec<SecretId>) -> &mut Leak {
        let epoch = self.newest();
        let (mut epochs, mut leaf_keys) = (Vec::new(), Vec::new());
        let facts = &self.epochs[epoch];
        for (leaf, _) in facts.members.iter().filter(|(_, member)| **member == person) {
            epochs.push(epoch);
            leaf_keys.extend(facts.leaf_keys.get(leaf));
        }
        let place = self.leaks.len();
        let init_keys = Vec::new();
        self.leaks.push(Leak { person, epoch, moment, held, epochs, leaf_keys, init_keys });
        &mut self.leaks[place]
    }

    /// Notes that the external PSK leaks, if it is asked for; it is the same at any time.
    pub fn look_at_psk(&mut self, psk: SecretId) {
        let (person, epoch, moment, held) = (0, 0, Moment::Psk, vec![psk]);
        let (epochs, leaf_keys, init_keys) = (Vec::new(), Vec::new(), Vec::new());
        self.leaks.push(Leak { person, epoch, moment, held, epochs, leaf_keys, init_keys });
    }

    /// The story as one line.
    #[must_use]
    pub fn story(&self) -> String {
        let steps = self.epochs.iter().enumerate().filter_map(|(number, epoch)| {
            epoch.step.as_ref().map(|step| format!("e{number}: {step}"))
        });
        steps.collect::<Vec<_>>().join("; ")
    }

    /// Forgets the leaks of rows of all epochs but the current one.
    pub fn forget_old_leaks(&mut self) {
        let newest = self.newest();
        self.leaks.retain(|leak| match leak.moment {
            Moment::Start => leak.epoch == newest,
            Moment::Psk => true,
            Moment::KeyPackage | Moment::Update | Moment::Pending => false,
        });
    }

    /// The logical leaf keys after a step: `added` are the leaves of the key packages in `joined`,
    /// `committer` is the committer's leaf in the new tree. Gives also the committer's new key.
    pub fn next_leaf_keys(
        &mut self,
        step: &Step,
        committer: u32,
        updated: &[(u32, LeafKey)],
        joined: &[(u32, LeafKey)],
    ) -> (BTreeMap<u32, LeafKey>, Option<LeafKey>) {
        let mut keys = self.epochs.last().map(|it| it.leaf_keys.clone()).unwrap_or_default();
        if let Committer::Resync(leaf) = step.committer {
            keys.remove(&leaf);
        }
        for leaf in &step.removes {
            keys.remove(leaf);
        }
        keys.extend(updated.iter().copied());
        keys.extend(joined.iter().copied());
        let own = step.has_path.then(|| self.new_leaf_key());
        keys.extend(own.map(|own| (committer, own)));
        (keys, own)
    }
}
