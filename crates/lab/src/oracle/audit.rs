//! The predicates: what should be known, compared with what is.
//!
//! * P1, one leak: which epochs fall, both ways.
//! * P2, two leaks: no epoch falls that the TreeKEM theorem of MLS* does not allow to (its items 1,
//!   2, 4, 5 and 7), and every one falls that whoever goes on with a stolen leaf can follow.
//! * P3: a commit with a path gives its sender's leaf another key.
//! * P4: a node's private key is known to the members below it that are not unmerged, and to nobody
//!   else, whatever they kept; and it is in those members' rows.
//! * P5: everybody can process every commit, and P6: all come to the same epoch. The worlds
//!   themselves say so.
//! * P7: whoever is not a member of an epoch does not learn its secrets, whatever they kept.

use std::collections::BTreeSet;
use std::fmt;

use super::graph::{Graph, Knowledge, SecretId};
use super::history::{EpochFacts, History, LeafKey, Leak, Moment, Psk};

/// What does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Property {
    /// P1 or P2: an epoch is known that should be secret.
    Secrecy,
    /// P1 or P2: an epoch is secret that should be known; then the search itself is broken.
    Search,
    /// P3.
    FreshLeaf,
    /// P4.
    TreeInvariant,
    /// P5.
    Robustness,
    /// P6.
    Agreement,
    /// P7.
    Outsiders,
}

/// A property that does not hold, and where.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which.
    pub property: Property,
    /// What was seen.
    pub what: String,
    /// The history.
    pub story: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}: {} after {}", self.property, self.what, self.story)
    }
}

impl std::error::Error for Finding {}

impl Finding {
    /// Something failed that has nothing to do with a history.
    #[must_use]
    pub fn failed(error: &dyn std::error::Error) -> Self {
        let (property, story) = (Property::Robustness, "nothing".to_owned());
        Self { property, what: error.to_string(), story }
    }
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Histories: every prefix counts as one.
    pub histories: u64,
    /// An epoch against one leak.
    pub singles: u64,
    /// An epoch against two leaks.
    pub pairs: u64,
    /// Of these, where the theorem allows an attack and there is none.
    pub theorem_is_loose: u64,
    /// A node against a person.
    pub nodes: u64,
    /// An epoch against somebody who is not its member.
    pub outsiders: u64,
}

impl Counts {
    /// The sum.
    pub fn add(&mut self, other: Self) {
        self.histories += other.histories;
        self.singles += other.singles;
        self.pairs += other.pairs;
        self.theorem_is_loose += other.theorem_is_loose;
        self.nodes += other.nodes;
        self.outsiders += other.outsiders;
    }
}

/// What is compared after each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaks {
    /// One leak at a time.
    Single,
    /// One, and any two.
    Pairs,
}

/// What is compared after each step, and which properties are asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// One leak or two.
    pub leaks: Leaks,
    /// Only this property, if it is not all.
    pub only: Option<Property>,
}

impl Scope {
    /// All properties.
    #[must_use]
    pub fn all(leaks: Leaks) -> Self {
        Self { leaks, only: None }
    }

    /// Whether a property is asked about.
    #[must_use]
    pub fn wants(&self, property: Property) -> bool {
        self.only.is_none_or(|only| only == property)
    }
}

/// Of which epochs the attacker knows anything after some of a history's leaks, by their places.
#[must_use]
pub fn known_epochs(graph: &Graph, history: &History, leaks: &[usize]) -> Vec<bool> {
    let held = leaks.iter().flat_map(|&place| history.leaks[place].held.iter().copied());
    let knowledge = graph.closure(held);
    let is_known = |epoch: &EpochFacts| extent(&knowledge, epoch, &[]) != Extent::Nothing;
    history.epochs.iter().map(is_known).collect()
}

/// For each of a history's leaks, and if asked for any two of them, of which epochs the attacker
/// knows anything.
#[must_use]
pub fn exposures(graph: &Graph, history: &History, leaks: Leaks) -> Vec<Vec<bool>> {
    let known = |knowledge: &Knowledge| {
        let is_known = |epoch: &EpochFacts| extent(knowledge, epoch, &[]) != Extent::Nothing;
        history.epochs.iter().map(is_known).collect::<Vec<_>>()
    };
    let single = history.leaks.iter().map(|leak| graph.closure(leak.held.iter().copied()));
    let single: Vec<_> = single.collect();
    let mut exposures: Vec<_> = single.iter().map(known).collect();
    if leaks == Leaks::Pairs {
        for (place, one) in single.iter().enumerate() {
            let others = single[place + 1..].iter();
            exposures.extend(others.map(|other| known(&graph.union(one, other))));
        }
    }
    exposures
}

/// How the predicate takes a leaf key that leaks later than the commit it should open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LateKeys {
    /// As the theorem does: it counts.
    Count,
    /// It does not: it need not help.
    DoNotCount,
}

/// The epochs that these leaks expose.
fn exposed(history: &History, leaks: &[&Leak], late: LateKeys) -> Vec<bool> {
    let mut known: Vec<bool> = Vec::with_capacity(history.epochs.len());
    for (number, epoch) in history.epochs.iter().enumerate() {
        let before = known.last().copied().unwrap_or_default();
        let psk_known = match epoch.step.as_ref().and_then(|step| step.psk) {
            None => true,
            Some(Psk::External) => leaks.iter().any(|leak| leak.moment == Moment::Psk),
            Some(Psk::Resumption) => before,
        };
        let has_path = epoch.step.as_ref().is_some_and(|step| step.has_path);
        let leaks_leaf = |leak: &&Leak| {
            let counts = late == LateKeys::Count || leak.epoch < number;
            counts && holds_leaf_key(epoch, leak)
        };
        let state = leaks.iter().any(|leak| leak.epochs.contains(&number));
        let joiner =
            leaks.iter().any(|leak| epoch.joined.iter().any(|it| has(&leak.init_keys, it)));
        let path_known = number > 0 && (!has_path || leaks.iter().any(leaks_leaf));
        known.push(state || joiner && psk_known || before && psk_known && path_known);
    }
    known
}

fn has(keys: &[LeafKey], key: &LeafKey) -> bool {
    keys.contains(key)
}

fn holds_leaf_key(epoch: &EpochFacts, leak: &Leak) -> bool {
    let keys = leak.leaf_keys.iter().chain(&leak.init_keys);
    let keys: BTreeSet<_> = keys.collect();
    epoch.leaf_keys.values().any(|key| keys.contains(key))
}

/// The place of `encryption_secret` among an epoch's secrets.
pub const ENCRYPTION_SECRET: usize = 1;

/// How much of an epoch somebody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    Nothing,
    Part,
    All,
}

/// Whoever has sent an encrypted commit or proposal has the root of the secret tree no more, but
/// what is left of it. So it need not be in rows of later than the start of an epoch.
fn extent(knowledge: &Knowledge, epoch: &EpochFacts, leaks: &[&Leak]) -> Extent {
    let unknown = |secret: &&SecretId| !knowledge.has(**secret);
    let at_start = leaks.iter().all(|leak| leak.moment == Moment::Start);
    let root = epoch.secrets.get(ENCRYPTION_SECRET).filter(|_| !at_start);
    match epoch.secrets.iter().filter(unknown).count() {
        0 => Extent::All,
        1 if root.is_some_and(|root| unknown(&root)) => Extent::All,
        count if count == epoch.secrets.len() => Extent::Nothing,
        _ => Extent::Part,
    }
}

/// Everything that is looked at after a step.
pub struct Audit<'a> {
    /// What follows from what.
    pub graph: &'a Graph,
    /// What happened.
    pub history: &'a History,
    /// What each person ever held.
    pub seen: &'a [Knowledge],
}

impl Audit<'_> {
    fn finding(&self, property: Property, what: String) -> Finding {
        Finding { property, what, story: self.history.story() }
    }

    /// What the last step could have changed.
    ///
    /// # Errors
    /// A property does not hold.
    pub fn run(&self, scope: Scope) -> Result<Counts, Finding> {
        let mut counts = Counts { histories: 1, ..Counts::default() };
        if scope.wants(Property::FreshLeaf) {
            self.leaf_keys_are_fresh()?;
        }
        if scope.wants(Property::TreeInvariant) || scope.wants(Property::Outsiders) {
            let kept = self.seen.iter().map(|seen| self.graph.closure(seen.iter()));
            let kept: Vec<_> = kept.collect();
            if scope.wants(Property::TreeInvariant) {
                self.tree_invariant(&kept, &mut counts)?;
            }
            if scope.wants(Property::Outsiders) {
                self.outsiders_learn_nothing(&kept, &mut counts)?;
            }
        }
        if scope.wants(Property::Secrecy) || scope.wants(Property::Search) {
            self.leaks_expose_what_they_should(scope, &mut counts)?;
        }
        Ok(counts)
    }

    /// P1 and P2.
    fn leaks_expose_what_they_should(
        &self,
        scope: Scope,
        counts: &mut Counts,
    ) -> Result<(), Finding> {
        let wanted = |outcome: Result<(), Finding>| match outcome {
            Err(finding) if scope.wants(finding.property) => Err(finding),
            _ => Ok(()),
        };
        let known = self
            .history
            .leaks
            .iter()
            .map(|leak| (leak, self.graph.closure(leak.held.iter().copied())));
        let known: Vec<_> = known.collect();
        for (leak, knowledge) in &known {
            wanted(self.compare(&[leak], knowledge, counts))?;
        }
        if scope.leaks == Leaks::Pairs {
            for (place, (one, of_one)) in known.iter().enumerate() {
                for (other, of_other) in &known[place + 1..] {
                    let both = self.graph.union(of_one, of_other);
                    wanted(self.compare(&[one, other], &both, counts))?;
                }
            }
        }
        Ok(())
    }

    /// Old epochs against old leaks were compared before.
    fn compare(
        &self,
        leaks: &[&Leak],
        knowledge: &Knowledge,
        counts: &mut Counts,
    ) -> Result<(), Finding> {
        let newest = self.history.newest();
        let is_new = leaks.iter().any(|leak| leak.epoch + 1 >= newest);
        let at_most = exposed(self.history, leaks, LateKeys::Count);
        let at_least = exposed(self.history, leaks, LateKeys::DoNotCount);
        for (number, epoch) in self.history.epochs.iter().enumerate() {
            if number != newest && !is_new {
                continue;
            }
            *(if leaks.len() == 1 { &mut counts.singles } else { &mut counts.pairs }) += 1;
            let extent = extent(knowledge, epoch, leaks);
            let say = |how: &str| {
                let leaks: Vec<_> = leaks.iter().map(ToString::to_string).collect();
                format!("epoch {number} is {how} if these leak: {}", leaks.join(", "))
            };
            if !at_most[number] && extent != Extent::Nothing {
                return Err(self.finding(Property::Secrecy, say("known")));
            }
            let must = at_least[number] || leaks.len() == 1 && at_most[number];
            if must && extent != Extent::All {
                return Err(self.finding(Property::Search, say("secret")));
            }
            counts.theorem_is_loose += u64::from(at_most[number] && extent == Extent::Nothing);
        }
        Ok(())
    }

    /// P3.
    fn leaf_keys_are_fresh(&self) -> Result<(), Finding> {
        let [.., before, now] = self.history.epochs.as_slice() else { return Ok(()) };
        for (leaf, key) in &now.leaf_keys {
            let secret = |epoch: &EpochFacts| {
                let node = epoch.nodes.iter().find(|node| node.index == 2 * leaf);
                node.map(|node| node.private_key)
            };
            let is_same = before.leaf_keys.get(leaf) == Some(key);
            if is_same != (secret(before) == secret(now)) {
                let what = format!("leaf {leaf} has not the key that it should have");
                return Err(self.finding(Property::FreshLeaf, what));
            }
        }
        Ok(())
    }

    /// P4.
    fn tree_invariant(&self, kept: &[Knowledge], counts: &mut Counts) -> Result<(), Finding> {
        let newest = self.history.newest();
        let Some(epoch) = self.history.epochs.last() else { return Ok(()) };
        for (person, knowledge) in kept.iter().enumerate() {
            let leaks = self.history.leaks.iter();
            let rows = leaks.filter(|leak| leak.person == person && leak.epoch == newest);
            let rows = rows.filter(|leak| leak.moment == Moment::Start).collect::<Vec<_>>();
            for node in &epoch.nodes {
                counts.nodes += 1;
                let index = node.index;
                let is_holder = node.holders.contains(&person);
                if knowledge.has(node.private_key) != is_holder {
                    let what = if is_holder { "does not know" } else { "knows" };
                    let what = format!("person {person} {what} node {index}");
                    return Err(self.finding(Property::TreeInvariant, what));
                }
                if rows.iter().any(|rows| rows.held.contains(&node.private_key) != is_holder) {
                    let what = format!("the rows of person {person} are wrong about node {index}");
                    return Err(self.finding(Property::TreeInvariant, what));
                }
            }
        }
        Ok(())
    }

    /// P7.
    fn outsiders_learn_nothing(
        &self,
        kept: &[Knowledge],
        counts: &mut Counts,
    ) -> Result<(), Finding> {
        for (person, knowledge) in kept.iter().enumerate() {
            for (number, epoch) in self.history.epochs.iter().enumerate() {
                if epoch.members.values().any(|&member| member == person) {
                    continue;
                }
                counts.outsiders += 1;
                if extent(knowledge, epoch, &[]) != Extent::Nothing {
                    let what = format!("person {person} knows epoch {number} from outside");
                    return Err(self.finding(Property::Outsiders, what));
                }
            }
        }
        Ok(())
    }
}
