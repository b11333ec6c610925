//! Several members update in one epoch: the merge of 2018, proposals and one commit, and reject
//! and retry; what each costs, what it leaves, and whether it heals.
//!
//! The attacker has the state of two of the members at the start, and reads everything. Both
//! update. A variant *heals* if the attacker does not know the group's secret once all updates are
//! in. Everything is on paper ([`crate::invariant`]): what the attacker knows is the closure of
//! what it holds.
//!
//! * The merge of 2018 ([`crate::invariant::TreeOf2018`]): all paths are made in the same tree, the
//!   last writer of a node wins, the group's secret takes all roots.
//! * RFC 9420, proposals: all but one propose an Update, the last one commits them with its path.
//! * RFC 9420, reject and retry: all commit, one wins, the others try again in the next epoch.
//! * RFC 9420, in turn: the same without the commits in vain, since each waits for its time.

use tree::LeafIndex;

use crate::curves::{Cost, Order, costs, parents_that_could_be_filled};
use crate::invariant::{Act, By, Client, Knowledge, PaperGroup, PathOf2018, TreeOf2018};
use crate::measure::Progress;
use crate::{Cell, Failure, Table};

/// What a variant costs and leaves.
#[derive(Clone, Debug)]
pub struct Variant {
    /// A short name: lower-case letters, digits and hyphens.
    pub name: &'static str,
    /// Members in the group, in whose tree all nodes are filled.
    pub members: usize,
    /// How many of them update.
    pub updaters: usize,
    /// Messages that were sent.
    pub messages: usize,
    /// Bytes of their paths and leaves, without framing.
    pub bytes: u64,
    /// How often the members wait for each other: a message that is sent after another was read.
    pub rounds: usize,
    /// Blank parents afterwards that have members on both sides.
    pub blanks: usize,
    /// What the next commit costs.
    pub next: Cost,
    /// Whether the attacker is out when all updates are in.
    pub heals: bool,
    /// If not: whether it is out after all others have updated too, one after the other.
    pub heals_by_others: bool,
    /// If not: whether it is out after the two have updated again, one after the other.
    pub heals_by_again: bool,
}

/// All variants, for a group of `members` of which `updaters` update: two neighbours, which
/// are compromised, and others far apart. Neighbours are the worst case: a member between two
/// compromised ones could heal by an update of its own what the merge of 2018 leaves.
///
/// At least two members of at least four update.
pub fn compare(members: usize, updaters: usize) -> Result<Vec<Variant>, tree::Error> {
    let members = members.max(4);
    let mut order = vec![0, 1];
    order.extend(Order::Spread.of(members).into_iter().filter(|it| *it > 1));
    order.truncate(updaters.clamp(2, members));
    Ok(vec![
        merge_of_2018(members, &order),
        proposals(members, &order)?,
        one_by_one(members, &order, Retry::AtOnce)?,
        one_by_one(members, &order, Retry::InTurn)?,
    ])
}

/// All variants for each of these numbers of updaters, as a table.
pub fn table(members: usize, updaters: &[usize], progress: Progress<'_>) -> Result<Table, Failure> {
    let title = format!("Several update in one epoch, two of them compromised: {members} members");
    let columns = [
        "updaters",
        "variant",
        "messages",
        "bytes",
        "rounds",
        "blanks",
        "next mean",
        "next max",
        "heals",
        "others heal",
        "again heals",
    ];
    let mut table = Table::new("concurrency", &title, &columns);
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let all = count(updaters.len());
    for (done, updaters) in updaters.iter().enumerate() {
        let variants = compare(members, *updaters);
        for row in variants.map_err(|error| Failure::Message(error.to_string()))? {
            let yes = |it: bool| Cell::from(if it { "yes" } else { "no" });
            table.row([
                row.updaters.into(),
                row.name.into(),
                row.messages.into(),
                row.bytes.into(),
                row.rounds.into(),
                row.blanks.into(),
                row.next.mean.into(),
                row.next.max.into(),
                yes(row.heals),
                yes(row.heals_by_others),
                yes(row.heals_by_again),
            ]);
        }
        progress(count(done + 1), all);
    }
    Ok(table)
}

/// Everybody but the first two, for whoever looks whether others can heal what those two did not.
fn others(members: usize, order: &[usize]) -> impl Iterator<Item = usize> + '_ {
    (0..members).filter(|member| !order[..2].contains(member))
}

fn merge_of_2018(members: usize, order: &[usize]) -> Variant {
    let mut tree = TreeOf2018::warm(members);
    let attacker = Client(members);
    for leaf in &order[..2] {
        tree.leak(Client(*leaf), attacker);
    }
    let paths: Vec<PathOf2018> = order.iter().map(|leaf| tree.update(*leaf)).collect();
    // The group's secret is a hash of all roots: the attacker needs each of them.
    let heals = !paths.iter().all(|path| path.informed().contains(attacker));
    tree.merge(&paths);
    // From one update to the next the secret is a hash of the one before and the new root.
    let is_out_after = |leaves: Vec<usize>| {
        let mut tree = tree.clone();
        leaves.into_iter().any(|leaf| {
            let path = tree.update(leaf);
            tree.merge(std::slice::from_ref(&path));
            !path.informed().contains(attacker)
        })
    };
    Variant {
        name: "merge-2018",
        members,
        updaters: order.len(),
        messages: order.len(),
        bytes: paths.iter().map(PathOf2018::bytes).sum(),
        rounds: 1,
        blanks: tree.blanks(),
        next: Cost::of(&tree.costs()),
        heals,
        heals_by_others: heals || is_out_after(others(members, order).collect()),
        heals_by_again: heals || is_out_after(order[..2].to_vec()),
    }
}

/// A filled group of RFC 9420, and an attacker with the state of the first two of `order`.
struct Scene {
    group: PaperGroup,
    knowledge: Knowledge,
    leaves: Vec<LeafIndex>,
    attacker: Client,
    messages: usize,
    bytes: u64,
}

impl Scene {
    fn new(members: usize, order: &[usize]) -> Result<Self, tree::Error> {
        let (mut group, mut knowledge) = PaperGroup::created(members)?;
        let leaves: Vec<LeafIndex> = group.members().collect();
        for leaf in &leaves {
            knowledge.follow(&group.commit(&Act::empty(By::Member(*leaf)))?);
        }
        let attacker = group.client();
        for leaf in &order[..2] {
            let victim = group.at(leaves[*leaf]).ok_or(tree::Violation::SenderNotMember)?;
            knowledge.leak(victim, attacker);
        }
        Ok(Self { group, knowledge, leaves, attacker, messages: 0, bytes: 0 })
    }

    fn commit(&mut self, member: usize, updates: &[usize]) -> Result<(), tree::Error> {
        let updates = updates.iter().map(|member| self.leaves[*member]).collect();
        let act = Act { updates, ..Act::empty(By::Member(self.leaves[member])) };
        let done = self.group.commit(&act)?;
        self.knowledge.follow(&done);
        self.messages += 1 + act.updates.len();
        self.bytes += done.path_bytes + done.update_bytes;
        Ok(())
    }

    /// Whether the attacker is out after these have committed one after the other.
    fn is_out_after(&self, members: impl Iterator<Item = usize>) -> Result<bool, tree::Error> {
        let (mut group, mut knowledge) = (self.group.clone(), self.knowledge.clone());
        for member in members {
            knowledge.follow(&group.commit(&Act::empty(By::Member(self.leaves[member])))?);
        }
        Ok(!knowledge.knows_epoch(self.attacker))
    }

    fn close(
        self,
        name: &'static str,
        order: &[usize],
        rounds: usize,
    ) -> Result<Variant, tree::Error> {
        let members = self.leaves.len();
        let heals = !self.knowledge.knows_epoch(self.attacker);
        Ok(Variant {
            name,
            members,
            updaters: order.len(),
            messages: self.messages,
            bytes: self.bytes,
            rounds,
            blanks: parents_that_could_be_filled(&self.group).0,
            next: Cost::of(&costs(&self.group)),
            heals,
            heals_by_others: heals || self.is_out_after(others(members, order))?,
            heals_by_again: heals || self.is_out_after(order[..2].iter().copied())?,
        })
    }
}

fn proposals(members: usize, order: &[usize]) -> Result<Variant, tree::Error> {
    let mut scene = Scene::new(members, order)?;
    if let Some((committer, proposers)) = order.split_last() {
        scene.commit(*committer, proposers)?;
    }
    scene.close("proposals", order, 2)
}

/// When a member tries again whose commit did not win.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Retry {
    /// In the next epoch, as all others do.
    AtOnce,
    /// Nobody has to: each has a time of its own.
    InTurn,
}

fn one_by_one(members: usize, order: &[usize], retry: Retry) -> Result<Variant, tree::Error> {
    let mut scene = Scene::new(members, order)?;
    for (place, member) in order.iter().enumerate() {
        if retry == Retry::AtOnce {
            for loser in &order[place + 1..] {
                let act = Act::empty(By::Member(scene.leaves[*loser]));
                scene.bytes += scene.group.clone().commit(&act)?.path_bytes;
                scene.messages += 1;
            }
        }
        scene.commit(*member, &[])?;
    }
    let name = match retry {
        Retry::AtOnce => "retry",
        Retry::InTurn => "in-turn",
    };
    scene.close(name, order, order.len())
}
