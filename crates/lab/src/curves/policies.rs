//! Who updates when: what policies cost and what they leave behind.

use tree::LeafIndex;
use wire::LeafNodeSource;

use super::rfc_9420::{costs, parents_that_could_be_filled};
use super::{Cost, Order};
use crate::invariant::{Act, By, Client, Done, Knowledge, PaperGroup, TreeOf2018};

/// What a policy cost until every member had its turn, and what it leaves.
#[derive(Clone, Debug)]
pub struct Policy {
    /// A short name: lower-case letters, digits and hyphens.
    pub name: &'static str,
    /// Who commits when.
    pub title: &'static str,
    /// Commits and proposals that were sent, beside those that only add.
    pub messages: usize,
    /// Bytes of their paths and of the leaves that they propose; framing is left out, and so are
    /// key packages and Welcomes.
    pub bytes: u64,
    /// The largest of the paths.
    pub largest: u64,
    /// What the next commit costs.
    pub after: Cost,
    /// Bytes of the next commit's path, on average.
    pub after_bytes: u64,
    /// Blank parents that have members on both sides.
    pub blanks: usize,
    /// Members who never had another leaf key than the one in their key package.
    pub stale: usize,
    /// Keys of nodes that are known to somebody not below them.
    pub double_joins: usize,
}

/// A group that is asked for its bill.
struct Ledger {
    group: PaperGroup,
    knowledge: Knowledge,
    messages: usize,
    bytes: u64,
    largest: u64,
}

impl Ledger {
    fn of((group, knowledge): (PaperGroup, Knowledge)) -> Self {
        Self { group, knowledge, messages: 0, bytes: 0, largest: 0 }
    }

    fn commit(&mut self, act: &Act) -> Result<Done, tree::Error> {
        let done = self.group.commit(act)?;
        self.knowledge.follow(&done);
        self.messages += 1 + act.updates.len();
        self.bytes += done.path_bytes + done.update_bytes;
        self.largest = self.largest.max(done.path_bytes);
        Ok(done)
    }

    fn update(&mut self, leaves: &[LeafIndex]) -> Result<(), tree::Error> {
        leaves.iter().try_for_each(|leaf| self.commit(&Act::empty(By::Member(*leaf))).map(|_| ()))
    }

    fn in_order(&self, order: Order) -> Vec<LeafIndex> {
        let members: Vec<LeafIndex> = self.group.members().collect();
        order.of(members.len()).into_iter().map(|number| members[number]).collect()
    }

    fn close(self, name: &'static str, title: &'static str) -> Result<Policy, tree::Error> {
        let leaves = self.group.tree().members();
        let is_stale = |source| matches!(source, LeafNodeSource::KeyPackage(_));
        let mut next = Vec::new();
        // The bytes of a path differ little among members of equal cost: every 16th is asked.
        for leaf in self.group.members().step_by(16) {
            next.push(self.group.clone().commit(&Act::empty(By::Member(leaf)))?.path_bytes);
        }
        let asked = u64::try_from(next.len()).unwrap_or(u64::MAX).max(1);
        Ok(Policy {
            name,
            title,
            messages: self.messages,
            bytes: self.bytes,
            largest: self.largest,
            after: Cost::of(&costs(&self.group)),
            after_bytes: next.iter().sum::<u64>() / asked,
            blanks: parents_that_could_be_filled(&self.group).0,
            stale: leaves.filter(|(_, leaf)| is_stale(leaf.leaf_node_source)).count(),
            double_joins: self.knowledge.outsiders(&self.group).len(),
        })
    }
}

/// How many Update proposals an always-online member commits at once.
const BATCH: usize = 32;

/// If only a few renew early: how many have then committed, the creator among them.
const FEW: [(usize, &str, &str); 3] = [
    (4, "few-4", "3 commit once, far apart"),
    (16, "few-16", "15 commit once, far apart"),
    (64, "few-64", "63 commit once, far apart"),
];

/// The policies for a group of so many members that was just created, and for one that grows.
pub fn healing(members: usize) -> Result<Vec<Policy>, tree::Error> {
    let created = || PaperGroup::created(members).map(Ledger::of);
    let mut rows = vec![created()?.close("silence", "nobody updates")?];
    let orders = [
        ("in-order", "each commits once, in the order of the leaves", Order::LeftToRight),
        ("random", "each commits once, at random", Order::Random(1)),
        ("spread", "each commits once, neighbours far apart", Order::Spread),
    ];
    for (name, title, order) in orders {
        let mut ledger = created()?;
        let leaves = ledger.in_order(order);
        ledger.update(&leaves)?;
        rows.push(ledger.close(name, title)?);
    }
    let mut ledger = created()?;
    let spread = ledger.in_order(Order::Spread);
    ledger.update(&spread)?;
    let mut ledger = Ledger::of((ledger.group, ledger.knowledge));
    ledger.update(&spread)?;
    rows.push(ledger.close("filled", "each commits once more, in the tree that is filled now")?);
    for (count, name, title) in FEW {
        let mut ledger = created()?;
        // The creator, who comes first, has just committed.
        ledger.update(&spread[1..count.clamp(1, members)])?;
        rows.push(ledger.close(name, title)?);
    }
    rows.push(batches(created()?)?.close("batches", "Update proposals, 32 to a commit by one")?);
    rows.push(growing(members)?.close("on-join", "added one by one, each commits on joining")?);
    let mut ledger = Ledger::of(PaperGroup::new());
    for _ in 1..members {
        ledger.commit(&Act::empty(By::Joiner { former: None }))?;
    }
    rows.push(ledger.close("external", "each joins by an external commit")?);
    Ok(rows)
}

/// All propose an Update; the first member, always online, commits them in batches.
fn batches(mut ledger: Ledger) -> Result<Ledger, tree::Error> {
    let members = ledger.in_order(Order::LeftToRight);
    let Some((first, others)) = members.split_first() else { return Ok(ledger) };
    for updates in others.chunks(BATCH) {
        let updates = updates.to_vec();
        ledger.commit(&Act { updates, ..Act::empty(By::Member(*first)) })?;
    }
    Ok(ledger)
}

/// The first member adds the others one by one without a path; each commits at once.
fn growing(members: usize) -> Result<Ledger, tree::Error> {
    let mut ledger = Ledger::of(PaperGroup::new());
    for _ in 1..members {
        let first = ledger.in_order(Order::LeftToRight)[0];
        let add = ledger.group.commit(&Act::add(first, 1, false))?;
        ledger.knowledge.follow(&add);
        let joined = ledger.group.members().last().expect("a group has members");
        ledger.update(&[joined])?;
    }
    Ok(ledger)
}

/// A warm-up as it was proposed at IETF 103: the creator sets the top levels, which breaks the
/// invariant, and a book says which nodes it knows.
#[derive(Clone, Copy, Debug)]
pub struct Book {
    /// How many levels.
    pub levels: u32,
    /// What setting them costs, in bytes.
    pub bytes: u64,
    /// What the next update costs then.
    pub warm: Cost,
    /// Double joins that the creator has then.
    pub double_joins: usize,
    /// After how many updates at random there are none left, on average.
    pub updates_until_clean: f64,
    /// What the next update costs if the creator is evicted at once, and all it knows blanked.
    pub after_eviction: Cost,
    /// After how many updates of members far apart the top levels are filled again.
    pub updates_until_filled: usize,
    /// To how many keys these updates are encrypted, all together.
    pub ciphertexts_until_filled: u64,
}

/// How many lives the mean is taken of.
const BOOK_RUNS: u32 = 16;

/// Looks at the warm-up of so many levels.
#[must_use]
pub fn warm_up_with_book(members: usize, levels: u32) -> Book {
    let mut tree = TreeOf2018::blank(members);
    let bytes = tree.set_top(levels, Client(0));
    let (warm, double_joins) = (Cost::of(&tree.costs()), tree.known_beside(0));
    let mut evicted = tree.clone();
    let runs = (0..BOOK_RUNS).map(|seed| {
        let mut tree = tree.clone();
        let mut online = Order::Random(u64::from(seed)).of(members).into_iter();
        let mut updates = 0_u32;
        while tree.known_beside(0) > 0
            && let Some(leaf) = online.next()
        {
            let path = tree.update(leaf);
            tree.merge(&[path]);
            updates += 1;
        }
        f64::from(updates)
    });
    let updates_until_clean = runs.sum::<f64>() / f64::from(BOOK_RUNS);
    evicted.evict(0);
    let after_eviction = Cost::of(&evicted.costs());
    let (mut updates_until_filled, mut ciphertexts_until_filled) = (0, 0);
    for leaf in Order::Spread.of(members).into_iter().skip(1) {
        if evicted.blanks_of_top(levels) == 0 {
            break;
        }
        let path = evicted.update(leaf);
        ciphertexts_until_filled += path.ciphertexts;
        evicted.merge(&[path]);
        updates_until_filled += 1;
    }
    Book {
        levels,
        bytes,
        warm,
        double_joins,
        updates_until_clean,
        after_eviction,
        updates_until_filled,
        ciphertexts_until_filled,
    }
}

/// The first days of a group that was created at once: some members renew their keys early, then
/// three others commit in turn, as administrators do.
#[derive(Clone, Copy, Debug)]
pub struct FirstDays {
    /// How many renew early, far apart.
    pub early: usize,
    /// How many commits the three make.
    pub commits: usize,
    /// Bytes of the early paths.
    pub early_bytes: u64,
    /// Bytes of the paths of the three.
    pub commit_bytes: u64,
}

/// Looks at the first days with no, 3, 15 and 63 early renewals, for each number of commits.
pub fn first_days(members: usize, commits: &[usize]) -> Result<Vec<FirstDays>, tree::Error> {
    let (group, _) = PaperGroup::created(members)?;
    let leaves: Vec<LeafIndex> = group.members().collect();
    let spread = Order::Spread.of(members);
    let three: Vec<usize> = Order::Random(7).of(members).into_iter().take(3).collect();
    let mut rows = Vec::new();
    for early in [0, 3, 15, 63].into_iter().filter(|early| early + 1 < members) {
        let mut warmed = group.clone();
        let commit = |group: &mut PaperGroup, member: usize| {
            group.commit(&Act::empty(By::Member(leaves[member]))).map(|done| done.path_bytes)
        };
        let mut early_bytes = 0;
        for member in &spread[1..=early] {
            early_bytes += commit(&mut warmed, *member)?;
        }
        for &commits in commits {
            let (mut group, mut commit_bytes) = (warmed.clone(), 0);
            for member in three.iter().cycle().take(commits) {
                commit_bytes += commit(&mut group, *member)?;
            }
            rows.push(FirstDays { early, commits, early_bytes, commit_bytes });
        }
    }
    Ok(rows)
}

/// What helps after the worst case.
#[derive(Clone, Debug)]
pub struct Helped {
    /// What was done.
    pub title: String,
    /// How many members there are then.
    pub members: usize,
    /// To how many keys the creator's next commit is encrypted.
    pub creator: u64,
    /// Bytes of its path.
    pub creator_bytes: u64,
    /// What the next commit costs, over all members.
    pub cost: Cost,
}

/// Looks at a group after something was done.
fn look(title: String, group: &PaperGroup) -> Result<Helped, tree::Error> {
    let creator = group.members().next().expect("a group has members");
    let next = group.clone().commit(&Act::empty(By::Member(creator)))?;
    Ok(Helped {
        title,
        members: group.members().count(),
        creator: u64::try_from(next.ciphertexts()).unwrap_or(u64::MAX),
        creator_bytes: next.path_bytes,
        cost: Cost::of(&costs(group)),
    })
}

/// The worst case, a storm of Adds by the creator and silence from all others, and what helps.
pub fn worst_case(members: usize) -> Result<Vec<Helped>, tree::Error> {
    let (group, _) = PaperGroup::created(members)?;
    let mut rows = vec![look("nothing".into(), &group)?];
    let leaves: Vec<LeafIndex> = group.members().collect();
    let idle = leaves.iter().enumerate().filter(|(place, _)| place % 10 != 0);
    let removes = idle.map(|(_, leaf)| *leaf).collect();
    let mut smaller = group.clone();
    smaller.commit(&Act { removes, ..Act::empty(By::Member(leaves[0])) })?;
    rows.push(look("nine in ten are idle and removed".into(), &smaller)?);
    // The creator, who comes first, has committed.
    rows.extend(some_commit(group, &leaves, 1)?);
    Ok(rows)
}

/// A filled group that a fifth more members join at once, added without a path, and what helps.
pub fn late_joiners(members: usize) -> Result<Vec<Helped>, tree::Error> {
    let (mut group, _) = PaperGroup::created(members)?;
    let old: Vec<LeafIndex> = group.members().collect();
    for place in Order::Spread.of(members) {
        group.commit(&Act::empty(By::Member(old[place])))?;
    }
    let mut rows = vec![look("before".into(), &group)?];
    group.commit(&Act::add(old[0], members / 5, false))?;
    rows.push(look(format!("{} have joined", members / 5), &group)?);
    let joined: Vec<LeafIndex> = group.members().filter(|leaf| !old.contains(leaf)).collect();
    rows.extend(some_commit(group, &joined, 0)?);
    Ok(rows)
}

/// One after the other of these members commits, neighbours far apart, without the first `skip`.
/// Looks whenever the number of those who have committed, the skipped ones included, has doubled.
fn some_commit(
    mut group: PaperGroup,
    leaves: &[LeafIndex],
    skip: usize,
) -> Result<Vec<Helped>, tree::Error> {
    let order = Order::Spread.of(leaves.len());
    let (mut rows, mut done, mut next) = (Vec::new(), skip, 2);
    while done < leaves.len() {
        for place in &order[done..next.min(leaves.len())] {
            group.commit(&Act::empty(By::Member(leaves[*place])))?;
        }
        done = next.min(leaves.len());
        rows.push(look(format!("{} of them commit once", done - skip), &group)?);
        next *= 2;
    }
    Ok(rows)
}
