//! Commits by members: with proposals of their own and those that were received, with rivals, and
//! with restarts between their steps.

use mls::{
    CommitOptions, Decode, Encode, EpochChange, Error, GroupInfoOptions, HandshakeFormat,
    MlsMessage, NewCommit, PathChoice, PendingCommit, Propose, RatchetTreeNodes, Received,
};

use crate::Failure;
use crate::change;
use crate::world::Soak;

/// A commit has at most so many proposals of its committer.
const OWN_PROPOSALS_MAX: usize = 3;

impl Soak {
    /// Somebody commits, and everybody follows.
    pub(crate) fn commit(&mut self) -> Result<bool, Failure> {
        let who = self.any_inside()?;
        if self.one_in(8)
            && let Some(rival) = self.another_inside(who)
        {
            self.commit_in_vain(rival)?;
        }
        let options = self.draw_commit(who)?;
        let tree_inside = options.welcome_info.ratchet_tree;
        let made = self.make_commit(who, options)?;
        let NewCommit { pending, commit, welcomes, .. } = made;
        let pending = self.restart_before_acceptance(who, pending)?;
        let bytes = commit.to_bytes();
        let mut changes = self.follow(&bytes, Some(who))?;
        changes.push(self.accept(who, &bytes, pending)?);
        self.note(&changes)?;
        for (welcome, _) in &welcomes {
            self.welcome(who, &welcome.to_bytes(), tree_inside)?;
        }
        self.agree()?;
        Ok(true)
    }

    fn draw_commit(&mut self, who: usize) -> Result<CommitOptions, Failure> {
        let mut options = CommitOptions::new();
        for _ in 0..self.random.below(OWN_PROPOSALS_MAX + 1) {
            let drawn = self.draw_change(who)?;
            if !is_rival(&drawn, &options.proposals) {
                options.proposals.push(drawn);
            }
        }
        options.ignore_received = self.one_in(10);
        options.path = match self.one_in(2) {
            true => PathChoice::Always,
            false => PathChoice::IfRequired,
        };
        let ratchet_tree = self.one_in(2);
        options.welcome_info = GroupInfoOptions { ratchet_tree, external_pub: self.one_in(2) };
        options.welcome_per_member = self.one_in(4);
        Ok(options)
    }

    fn make_commit(&mut self, who: usize, options: CommitOptions) -> Result<NewCommit, Failure> {
        for proposal in &options.proposals {
            self.tally.count(format!("proposals by value: {}", change::name(proposal)));
        }
        let Self { members, random, now, .. } = self;
        let member = &mut members[who];
        let made = member.group.as_mut().ok_or("outside")?.commit(options, *now, random);
        member.save(made)
    }

    /// A commit that the delivery service does not accept.
    fn commit_in_vain(&mut self, who: usize) -> Result<(), Failure> {
        let made = self.make_commit(who, CommitOptions::new())?;
        if self.one_in(2) {
            let member = &mut self.members[who];
            let discarded = member.group()?.discard(made.pending);
            member.save(Ok(discarded))?;
        }
        self.tally.count("commits in vain");
        Ok(())
    }

    /// Now and then the committer dies before it learns that its commit is accepted.
    fn restart_before_acceptance(
        &mut self,
        who: usize,
        pending: PendingCommit,
    ) -> Result<PendingCommit, Failure> {
        if !self.one_in(16) {
            return Ok(pending);
        }
        let id = pending.id();
        self.restart(who)?;
        let member = &mut self.members[who];
        let group = member.group.as_ref().ok_or("outside")?;
        let mut found = group.pending_commits(&member.store)?.into_iter();
        let found = found.find(|pending| pending.id() == id);
        Ok(found.ok_or("a pending commit is not in the store")?)
    }

    /// Everybody inside but `except` processes a commit and moves on.
    pub(crate) fn follow(
        &mut self,
        commit: &[u8],
        except: Option<usize>,
    ) -> Result<Vec<EpochChange>, Failure> {
        let mut changes = Vec::new();
        for who in 0..self.members.len() {
            if Some(who) != except && self.members[who].is_inside() {
                if self.one_in(16) {
                    // Whoever looked at a commit and died looks at it again.
                    let looked = self.members[who].process(commit, self.now)?;
                    drop(looked);
                    self.restart(who)?;
                }
                changes.push(self.move_on(who, commit)?);
            }
        }
        Ok(changes)
    }

    fn move_on(&mut self, who: usize, commit: &[u8]) -> Result<EpochChange, Failure> {
        let now = self.now;
        let member = &mut self.members[who];
        let Received::Commit(staged) = member.process(commit, now)? else {
            return Err("a commit is taken for something else".into());
        };
        let moved = member.group()?.advance(*staged);
        let change = member.save(moved)?;
        if change.self_removed {
            member.leave()?;
            self.tally.count("removals of live members");
        }
        Ok(change)
    }

    /// The committer sees its commit in the log.
    fn accept(
        &mut self,
        who: usize,
        commit: &[u8],
        pending: PendingCommit,
    ) -> Result<EpochChange, Failure> {
        let now = self.now;
        let member = &mut self.members[who];
        match member.process(commit, now)? {
            Received::OwnCommit(id) if id == pending.id() => {}
            _ => return Err("a committer does not recognise its commit".into()),
        }
        let moved = member.group()?.advance(pending);
        let change = member.save(moved)?;
        self.tally.count(match member.client.settings().handshakes {
            HandshakeFormat::Private => "commits as PrivateMessage",
            HandshakeFormat::Public => "commits as PublicMessage",
        });
        Ok(change)
    }

    /// Live members who are outside join, if a Welcome is for them.
    fn welcome(&mut self, by: usize, welcome: &[u8], tree_inside: bool) -> Result<(), Failure> {
        let welcome = MlsMessage::from_bytes(welcome)?;
        for who in 0..self.members.len() {
            let member = &self.members[who];
            if member.is_inside()
                || member.client.examine_welcome(&member.store, &welcome)?.is_none()
            {
                continue;
            }
            let tree = match tree_inside {
                true => None,
                false => {
                    let nodes = self.members[by].group()?.ratchet_tree().to_bytes();
                    Some(RatchetTreeNodes::from_bytes(&nodes)?)
                }
            };
            let now = self.now;
            let member = &mut self.members[who];
            match member.client.join(&member.store, &welcome, tree, now) {
                Ok(joined) => {
                    let group = member.save(Ok(joined))?;
                    member.enter(group)?;
                    self.tally.count("joins by Welcome");
                }
                // It was not there in the epoch whose key is mixed in.
                Err(Error::MissingPsk(_)) => self.tally.count("Welcomes with an unknown PSK"),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// Whether two proposals cannot be in one commit.
fn is_rival(drawn: &Propose, others: &[Propose]) -> bool {
    others.iter().any(|other| match (drawn, other) {
        (Propose::Remove(one), Propose::Remove(two)) => one == two,
        (Propose::Add(one), Propose::Add(two)) => {
            one.leaf_node.signature_key == two.leaf_node.signature_key
        }
        (Propose::GroupContextExtensions(_), Propose::GroupContextExtensions(_)) => true,
        _ => false,
    })
}
