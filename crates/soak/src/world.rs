//! The group with its live members, and the choice of what happens next.

use std::path::Path;
use std::sync::Arc;

use mls::{
    Decode, EpochChange, ExternalJoinOptions, Group, GroupContext, HandshakeFormat, LeafIndex,
    MlsMessage, RatchetTreeNodes, SignatureKeyPair, Suite,
};
use testkit::{NOW, SeededRandom, warm_group};

use crate::member::{self, Member};
use crate::store::Store;
use crate::{Failure, Tally};

/// How many members are alive; the others are in the tree only.
pub(crate) const LIVE: u32 = 3;

/// A group under random operations. Everything follows from the seed.
///
/// Call [`Soak::step`] as often as there shall be operations, and [`Soak::check`] now and then.
pub struct Soak {
    pub(crate) members: Vec<Member>,
    pub(crate) random: SeededRandom,
    pub(crate) now: u64,
    pub(crate) suite: Suite,
    /// How many members the group starts with, and stays near.
    pub(crate) usual_count: u32,
    /// How many members there must be.
    pub(crate) count: u32,
    /// Whoever proposes from outside.
    pub(crate) external_sender: Arc<SignatureKeyPair>,
    /// How many guests there have been.
    pub(crate) guests: u64,
    pub(crate) tally: Tally,
}

/// What can happen.
#[derive(Clone, Copy, Debug)]
enum Operation {
    Commit,
    JoinExternally,
    Propose,
    ProposeFromOutside,
    Read,
    Rejoin,
    Restart,
    Say,
}

/// How likely each is, in hundredths.
const LIKELIHOODS: [(Operation, usize); 8] = [
    (Operation::Commit, 14),
    (Operation::JoinExternally, 1),
    (Operation::Propose, 14),
    (Operation::ProposeFromOutside, 3),
    (Operation::Read, 40),
    (Operation::Rejoin, 3),
    (Operation::Restart, 3),
    (Operation::Say, 22),
];

impl Soak {
    /// A warm group of so many members, of whom three are alive: they come in by external commits.
    /// One of them keeps its rows in a file in `folder`.
    ///
    /// # Errors
    /// With fewer than ten members, or if anything goes wrong on the way.
    pub fn new(members: u32, seed: u64, folder: &Path) -> Result<Self, Failure> {
        if members < 10 {
            return Err("a soak has at least ten members".into());
        }
        let (mut random, suite) = (SeededRandom::new(seed), member::suite()?);
        let warm = warm_group(&suite, members - (LIVE - 1), &mut random)?;
        let external_sender = Arc::new(SignatureKeyPair::generate(&suite, &mut random)?);
        let file = Store::in_file(folder.join("rows"))?;
        let stores = [file, Store::in_memory(), Store::in_memory()];
        let mut live = Vec::new();
        for (number, store) in stores.into_iter().enumerate() {
            let client = member::client(&format!("live {number}"), &mut random)?;
            live.push(Member::new(client, store));
        }
        let mut soak = Self {
            members: live,
            random,
            now: NOW,
            suite,
            usual_count: members,
            count: members - LIVE,
            external_sender,
            guests: 0,
            tally: Tally::default(),
        };
        soak.found(&warm.group_info, &warm.ratchet_tree)?;
        soak.join_externally(Some(1))?;
        soak.join_externally(Some(2))?;
        Ok(soak)
    }

    /// The first live member comes in: nobody has to follow.
    fn found(&mut self, group_info: &[u8], ratchet_tree: &[u8]) -> Result<(), Failure> {
        let group_info = MlsMessage::from_bytes(group_info)?;
        let ratchet_tree = Some(RatchetTreeNodes::from_bytes(ratchet_tree)?);
        let options = ExternalJoinOptions { ratchet_tree, ..Default::default() };
        let Self { members, random, now, .. } = self;
        let first = &mut members[0];
        let joined = first.client.join_external(&first.store, &group_info, options, *now, random);
        let joined = first.save(joined)?;
        let group = first.client.complete_join(&first.store, &joined.pending);
        let group = first.save(group)?;
        first.enter(group)?;
        self.count += 1;
        self.agree()
    }

    /// Does something.
    ///
    /// # Errors
    /// If live members disagree about anything, or refuse what they must accept.
    pub fn step(&mut self) -> Result<(), Failure> {
        self.now += 1;
        while !self.perform()? {}
        Ok(())
    }

    /// Does something, or nothing if what was drawn is not possible just now. A commit always is.
    fn perform(&mut self) -> Result<bool, Failure> {
        let mut rest = self.random.below(100);
        let drawn = LIKELIHOODS.into_iter().find(|(_, likelihood)| {
            let found = rest < *likelihood;
            rest = rest.saturating_sub(*likelihood);
            found
        });
        match drawn.map_or(Operation::Commit, |(operation, _)| operation) {
            Operation::Commit => self.commit(),
            Operation::JoinExternally => {
                let resyncs = self.one_in(2);
                let who = self.any_inside()?;
                self.join_externally(resyncs.then_some(who))
            }
            Operation::Propose => self.propose(),
            Operation::ProposeFromOutside => self.propose_from_outside(),
            Operation::Read => self.read(),
            Operation::Rejoin => match self.any_outside() {
                Some(who) => self.join_externally(Some(who)),
                None => Ok(false),
            },
            Operation::Restart => {
                let who = self.any_inside()?;
                self.restart(who)
            }
            Operation::Say => self.say(),
        }
    }

    /// Starts a member again from its rows.
    pub(crate) fn restart(&mut self, who: usize) -> Result<bool, Failure> {
        let private = self.one_in(2);
        let handshakes = if private { HandshakeFormat::Private } else { HandshakeFormat::Public };
        self.members[who].restart(handshakes)?;
        self.tally.count("restarts");
        Ok(true)
    }

    /// After every epoch: all live members are in the same one.
    pub(crate) fn agree(&mut self) -> Result<(), Failure> {
        let count = self.count;
        let mut seen =
            self.members.iter().filter_map(|member| member.group.as_ref()).map(|group| {
                (group.epoch(), group.member_count(), group.epoch_authenticator().expose())
            });
        let first = seen.next().ok_or("nobody is alive")?;
        if first.1 != count {
            return Err(format!("{} members where {count} should be", first.1).into());
        }
        if !seen.all(|other| other == first) {
            return Err("members are not in the same epoch".into());
        }
        self.tally.count("epochs");
        Ok(())
    }

    /// Takes note of a change that members saw; all must have seen the same.
    pub(crate) fn note(&mut self, changes: &[EpochChange]) -> Result<(), Failure> {
        let seen = |change: &EpochChange| {
            let places = |list: &[(LeafIndex, Arc<_>)]| -> Vec<u32> {
                list.iter().map(|(leaf, _)| leaf.as_u32()).collect()
            };
            (places(&change.added), places(&change.removed), change.epoch, change.psks.clone())
        };
        let mut all = changes.iter().map(seen);
        let first = all.next().ok_or("nobody saw a change")?;
        if !all.all(|other| other == first) {
            return Err("members see different changes".into());
        }
        self.count = self.count + u32::try_from(first.0.len())? - u32::try_from(first.1.len())?;
        Ok(())
    }

    pub(crate) fn one_in(&mut self, many: usize) -> bool {
        self.random.below(many) == 0
    }

    fn any(&mut self, inside: bool) -> Option<usize> {
        let found = |who: &usize| self.members[*who].is_inside() == inside;
        let found: Vec<usize> = (0..self.members.len()).filter(found).collect();
        (!found.is_empty()).then(|| found[self.random.below(found.len())])
    }

    pub(crate) fn any_inside(&mut self) -> Result<usize, Failure> {
        self.any(true).ok_or_else(|| "nobody is alive".into())
    }

    pub(crate) fn any_outside(&mut self) -> Option<usize> {
        self.any(false)
    }

    /// Another live member than this, if there is one inside.
    pub(crate) fn another_inside(&mut self, than: usize) -> Option<usize> {
        let found = |who: &usize| *who != than && self.members[*who].is_inside();
        let found: Vec<usize> = (0..self.members.len()).filter(found).collect();
        (!found.is_empty()).then(|| found[self.random.below(found.len())])
    }

    /// The group as some member sees it.
    pub(crate) fn seen(&self) -> Result<&Group, Failure> {
        let mut groups = self.members.iter().filter_map(|member| member.group.as_ref());
        groups.next().ok_or_else(|| "nobody is alive".into())
    }

    /// What the members agree on just now.
    ///
    /// # Errors
    /// If nobody is alive, which does not happen.
    pub fn context(&self) -> Result<&GroupContext, Failure> {
        Ok(self.seen()?.context())
    }

    /// What happened so far.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }
}
