//! Random histories of a group: everything that members can do, in an order that a seed determines.
//!
//! Messages travel in mailboxes, out of order and across epochs; proposals and commits reach all
//! members at once, as a delivery service would order them. Every operation can be done twice, by
//! the group in memory and by one that is loaded from the store for it, and must come out the same.

use std::collections::BTreeSet;
use std::sync::Arc;

use codec::Encode;
use mls::{
    CommitId, CommitOptions, Crypto, Effect, Error, ExternalJoinOptions, Group, GroupInfoOptions,
    LeafIndex, MemoryStorage, MlsMessage, NewCommit, PathChoice, Proposal, Propose, Received,
    RowKey, RowKind, Secret, Settings, StagedEpoch, Storage,
};
use protection::SecretTreeRow;
use testkit::{NOW, Person, SeededRandom, TestPsks, Traits};
use tree::TreeSize;

use crate::erasure_trace::TracingProvider;

/// The one key that everybody shares from elsewhere.
pub(crate) const EXTERNAL_PSK: &[u8] = b"a key that everybody shares from elsewhere";

/// A person in a history, and what the person's provider saw.
pub(crate) struct Player {
    pub(crate) person: Person,
    pub(crate) provider: Arc<TracingProvider>,
    /// Keys of messages that are used up.
    pub(crate) consumed: BTreeSet<Vec<u8>>,
    /// Keys of commits of this epoch that were read without moving on, and the commits.
    pub(crate) read_keys: BTreeSet<Vec<u8>>,
    read_commits: Vec<MlsMessage>,
    mailbox: Vec<MlsMessage>,
}

/// The group's members and others.
pub(crate) struct History {
    pub(crate) players: Vec<Player>,
    random: SeededRandom,
    /// Whether each operation is done by a loaded group too.
    twins: bool,
    pub(crate) texts: Vec<String>,
    /// How often each kind of step was taken.
    pub(crate) taken: [usize; 10],
    /// How often a message was read whose generation had been skipped.
    pub(crate) gaps_filled: usize,
}

/// What an operation works on: the group, the store behind it, randomness, and whether the group is
/// the one in memory.
pub(crate) type Scene<'a> = (&'a mut Group, &'a MemoryStorage, &'a mut SeededRandom, bool);

pub(crate) fn rows(store: &MemoryStorage) -> Vec<(RowKey, Vec<u8>)> {
    store.rows().map(|(key, value)| (key.clone(), value.expose().to_vec())).collect()
}

/// What can be seen of a group: public state, secrets, pending proposals, the rest.
type View = (Vec<u8>, Vec<Vec<u8>>, Vec<Vec<u8>>, String);

fn view(group: &Group) -> View {
    let secrets = (0..=group.epoch()).filter_map(|epoch| group.resumption_psk(epoch));
    let secrets = secrets.chain([group.epoch_authenticator()]).map(Secret::expose);
    let pending = group
        .pending_proposals()
        .map(|(reference, _, proposal)| [reference.0.as_slice(), &proposal.to_bytes()].concat());
    let senders: Vec<_> = group.pending_proposals().map(|(_, sender, _)| sender).collect();
    (
        [group.ratchet_tree().to_bytes(), group.context().to_bytes()].concat(),
        secrets.map(<[u8]>::to_vec).collect(),
        pending.collect(),
        format!("{senders:?} {:?} {:?}", group.status(), group.own_leaf()),
    )
}

impl Player {
    fn new(name: &str, mut settings: Settings) -> Self {
        let provider = TracingProvider::new();
        let psks = TestPsks([(b"psk".to_vec(), EXTERNAL_PSK.to_vec())].into());
        let mut traits = Traits { crypto: Crypto::new(provider.clone()), psks, ..Traits::new(1) };
        std::mem::swap(&mut traits.settings, &mut settings);
        let person = Person::new(name, traits);
        Self {
            person,
            provider,
            consumed: BTreeSet::new(),
            read_keys: BTreeSet::new(),
            read_commits: Vec::new(),
            mailbox: Vec::new(),
        }
    }

    fn is_member(&self) -> bool {
        self.person.group.is_some()
    }

    /// The keys of AEAD operations since a mark.
    fn keys_since(&self, (seals, opens): (usize, usize)) -> Vec<Vec<u8>> {
        let trace = self.provider.trace();
        let uses = trace.seals[seals..].iter().chain(&trace.opens[opens..]);
        uses.map(|used| used.key.clone()).collect()
    }

    fn end_epoch(&mut self) {
        self.consumed.append(&mut self.read_keys);
        self.read_commits.clear();
    }

    fn mark(&self) -> (usize, usize) {
        let trace = self.provider.trace();
        (trace.seals.len(), trace.opens.len())
    }
}

impl History {
    /// A group of `size` members, and as many others.
    pub(crate) fn new(size: usize, seed: u64, twins: bool, settings: &Settings) -> Self {
        let player = |number| Player::new(&format!("person {number}"), settings.clone());
        let mut history = Self {
            players: (0..2 * size).map(player).collect(),
            random: SeededRandom::new(seed),
            twins,
            texts: Vec::new(),
            taken: [0; 10],
            gaps_filled: 0,
        };
        history.players[0].person.create();
        history.commit_with(0, &[], |_| (0..size - 1).map(|_| Intent::Add).collect());
        history
    }

    pub(crate) fn members(&self) -> Vec<usize> {
        (0..self.players.len()).filter(|&who| self.players[who].is_member()).collect()
    }

    fn any_member(&mut self) -> usize {
        let members = self.members();
        members[self.random.below(members.len())]
    }

    fn others(&self) -> Vec<usize> {
        (0..self.players.len()).filter(|&who| !self.players[who].is_member()).collect()
    }

    /// Does something to a member's group, and to its twin first.
    fn act<T>(
        &mut self,
        who: usize,
        mut operation: impl FnMut(Scene<'_>) -> Result<Effect<T>, Error>,
        describe: impl Fn(&T) -> Vec<u8>,
    ) -> T {
        let Player { person, read_commits, .. } = &mut self.players[who];
        let Person { client, store, group, random, .. } = person;
        let group = group.as_mut().unwrap();
        let twin = self.twins.then(|| {
            let mut store = store.duplicate();
            let group_id = group.group_id();
            let mut twin = client.load_group(&store, group_id).unwrap().unwrap();
            assert!(view(&twin) == view(group));
            // Which commits were read is not stored: it matters for what the advance erases.
            read_commits.iter().for_each(|commit| drop(twin.process(commit, NOW).unwrap()));
            let effect = operation((&mut twin, &store, &mut random.clone(), false)).unwrap();
            let output = describe(&effect.save(&mut store).unwrap());
            (twin, rows(&store), output)
        });
        let effect = operation((group, store, random, true)).unwrap();
        let output = effect.save(store).unwrap();
        if let Some((twin, twins_rows, twins_output)) = twin {
            assert!(twins_output == describe(&output), "the twin says something else");
            assert!(twins_rows == rows(store), "the twin stores something else");
            assert!(view(&twin) == view(group), "the twin knows something else");
        }
        output
    }

    /// Takes a message that is no commit.
    fn read(&mut self, who: usize, message: &MlsMessage) {
        let mark = self.players[who].mark();
        let skipped = skipped_bytes(&self.players[who].person.store);
        self.act(who, |(group, ..)| group.process(message, NOW), describe_received);
        let keys = self.players[who].keys_since(mark);
        self.players[who].consumed.extend(keys);
        let is_filled = skipped_bytes(&self.players[who].person.store) < skipped;
        self.gaps_filled += usize::from(is_filled);
    }

    /// Looks at a commit without moving on.
    fn look_at(&mut self, who: usize, commit: &MlsMessage) {
        let mark = self.players[who].mark();
        self.act(who, |(group, ..)| group.process(commit, NOW), describe_received);
        let keys = self.players[who].keys_since(mark);
        self.players[who].read_keys.extend(keys);
        self.players[who].read_commits.push(commit.clone());
    }

    /// Moves on to the next epoch by someone else's commit. Returns whether the member is removed.
    fn follow(&mut self, who: usize, commit: &MlsMessage) -> bool {
        let mark = self.players[who].mark();
        let change = self.act(
            who,
            |(group, ..)| match group.process(commit, NOW)?.into_parts().0 {
                Received::Commit(staged) => group.advance(*staged),
                _ => panic!("not a commit"),
            },
            |change| format!("{change:?}").into_bytes(),
        );
        let player = &mut self.players[who];
        let keys = player.keys_since(mark);
        player.consumed.extend(keys);
        player.end_epoch();
        if change.self_removed {
            player.person.group = None;
            player.mailbox.clear();
            player.consumed.clear();
        }
        change.self_removed
    }

    /// Moves on by an own commit: the one in memory, or for the twin the one in the store.
    fn accept(&mut self, who: usize, made: NewCommit) {
        let id = made.pending.id();
        let mut pending = Some(made.pending);
        self.act(
            who,
            |(group, store, _, in_memory)| {
                let next: StagedEpoch = match in_memory {
                    true => pending.take().unwrap().into(),
                    false => stored_candidate(group, store, id)?,
                };
                group.advance(next)
            },
            |change| format!("{change:?}").into_bytes(),
        );
        self.players[who].end_epoch();
    }
}

/// How much is stored of keys of skipped generations.
fn skipped_bytes(store: &MemoryStorage) -> usize {
    let is_skipped = |key: &RowKey| {
        let name = key.id.get(8..).unwrap_or_default();
        // The size of a tree does not matter for what kind of row it is.
        let size = TreeSize::from_leaves(1 << 20).unwrap();
        let row = || SecretTreeRow::from_bytes(size, name);
        key.kind == RowKind::SecretTree && matches!(row(), Ok(SecretTreeRow::Skipped(..)))
    };
    store.rows().filter(|(key, _)| is_skipped(key)).map(|(_, value)| value.len()).sum()
}

fn stored_candidate(
    group: &Group,
    store: &dyn Storage,
    id: CommitId,
) -> Result<StagedEpoch, Error> {
    let mut pending = group.pending_commits(store)?.into_iter();
    Ok(pending.find(|pending| pending.id() == id).unwrap().into())
}

fn describe_received(received: &Received) -> Vec<u8> {
    match received {
        Received::Application(message) => {
            let sender = (message.epoch, message.sender, message.leaf.to_bytes());
            format!("{sender:?} {:?}", message.data).into_bytes()
        }
        Received::Proposal(proposal) => format!("{proposal:?}").into_bytes(),
        Received::Commit(staged) => format!("{:?}", staged.change()).into_bytes(),
        Received::OwnCommit(id) => format!("{id:?}").into_bytes(),
        Received::OwnMessage { epoch } => format!("own {epoch}").into_bytes(),
        Received::OtherEpoch { epoch } => format!("other {epoch}").into_bytes(),
    }
}

/// What a commit or proposal shall do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Intent {
    Add,
    Remove,
    ExternalPsk,
    ResumptionPsk,
}

impl History {
    fn proposals(&mut self, who: usize, intents: &[Intent]) -> Vec<Propose> {
        let mut others = self.others();
        let mut removable: Vec<LeafIndex> = {
            let group = self.players[who].person.group();
            let own = group.own_leaf();
            group.members().map(|member| member.index).filter(|&leaf| leaf != own).collect()
        };
        let mut proposals = Vec::new();
        for intent in intents {
            proposals.extend(match intent {
                Intent::Add => others
                    .pop()
                    .map(|other| Propose::Add(Box::new(self.players[other].person.key_package()))),
                Intent::Remove if removable.len() < 2 => None,
                Intent::Remove => {
                    let place = self.random.below(removable.len());
                    Some(Propose::Remove(removable.swap_remove(place)))
                }
                Intent::ExternalPsk => Some(Propose::ExternalPsk(b"psk".to_vec())),
                Intent::ResumptionPsk => {
                    let group = self.players[who].person.group();
                    let adds = |(.., it): (_, _, &Proposal)| matches!(it, Proposal::Add(_));
                    if group.pending_proposals().any(adds) {
                        // Whoever joins does not have it.
                        continue;
                    }
                    let (group_id, epoch) = (group.group_id().to_vec(), group.epoch());
                    Some(Propose::ResumptionPsk { group_id, epoch })
                }
            });
        }
        proposals
    }

    fn candidate(&mut self, who: usize, proposals: &[Propose], path: PathChoice) -> NewCommit {
        let mark = self.players[who].mark();
        let made = self.act(
            who,
            |(group, _, random, _)| {
                let proposals = proposals.to_vec();
                let options = CommitOptions { proposals, path, ..CommitOptions::new() };
                group.commit(options, NOW, random)
            },
            |made| [made.commit.to_bytes(), format!("{:?}", made.pending.change()).into()].concat(),
        );
        let keys = self.players[who].keys_since(mark);
        self.players[who].consumed.extend(keys);
        made
    }

    /// A member commits and wins against candidates of `losers`; everybody follows.
    fn commit_with(
        &mut self,
        who: usize,
        losers: &[usize],
        intents: impl FnOnce(&mut Self) -> Vec<Intent>,
    ) {
        let lost: Vec<_> = losers
            .iter()
            .map(|&loser| (loser, self.candidate(loser, &[], PathChoice::Always).commit))
            .collect();
        let intents = intents(self);
        let proposals = self.proposals(who, &intents);
        let path = [PathChoice::Always, PathChoice::IfRequired][self.random.below(2)];
        let made = self.candidate(who, &proposals, path);
        let (commit, welcomes) = (made.commit.clone(), made.welcomes.clone());
        let members = self.members();
        for member in members.into_iter().filter(|&member| member != who) {
            for (loser, commit) in lost.iter().filter(|(loser, _)| *loser != member) {
                if self.random.below(2) == 0 {
                    self.look_at(member, commit);
                }
                assert_ne!(*loser, member);
            }
            self.follow(member, &commit);
        }
        self.accept(who, made);
        for (welcome, _) in &welcomes {
            for other in self.others() {
                let Person { client, store, .. } = &self.players[other].person;
                if client.examine_welcome(store, welcome).unwrap().is_some() {
                    self.players[other].person.join(welcome);
                }
            }
        }
    }

    fn say(&mut self, who: usize) {
        if self.players[who].person.group().pending_proposals().next().is_some() {
            return;
        }
        let text = format!("what was said at number {}", self.texts.len());
        let mark = self.players[who].mark();
        let message = self.act(
            who,
            |(group, _, random, _)| group.protect(text.as_bytes(), b"", random),
            Encode::to_bytes,
        );
        let keys = self.players[who].keys_since(mark);
        self.players[who].consumed.extend(keys);
        self.texts.push(text);
        for member in self.members() {
            self.players[member].mailbox.push(message.clone());
        }
    }

    fn open_mail(&mut self, who: usize) {
        if self.players[who].mailbox.is_empty() {
            return;
        }
        // One of the latest; what is left behind gets old.
        let length = self.players[who].mailbox.len();
        let place = length - 1 - self.random.below(length.min(6));
        let message = self.players[who].mailbox.swap_remove(place);
        self.read(who, &message);
    }

    fn propose(&mut self, who: usize) {
        let intent = [Intent::Add, Intent::Remove, Intent::ExternalPsk][self.random.below(3)];
        let update = self.random.below(2) == 0;
        let proposals = if update {
            vec![Propose::Update(Default::default())]
        } else {
            self.proposals(who, &[intent])
        };
        for proposal in proposals {
            let mark = self.players[who].mark();
            let message = self.act(
                who,
                |(group, _, random, _)| group.propose(proposal.clone(), b"", NOW, random),
                Encode::to_bytes,
            );
            let keys = self.players[who].keys_since(mark);
            self.players[who].consumed.extend(keys);
            for member in self.members() {
                self.read(member, &message);
            }
        }
    }

    fn join_from_outside(&mut self) {
        let others = self.others();
        let Some(&who) = others.get(self.random.below(others.len().max(1))) else { return };
        let host = self.any_member();
        let options = GroupInfoOptions { ratchet_tree: true, external_pub: true };
        let Person { group, random, .. } = &mut self.players[host].person;
        let info = group.as_ref().unwrap().group_info(options, random).unwrap();
        let Person { client, store, random, .. } = &mut self.players[who].person;
        let options = ExternalJoinOptions::default();
        let join = client.join_external(store, &info, options, NOW, random).unwrap();
        let join = join.save(store).unwrap();
        for member in self.members() {
            self.follow(member, &join.commit);
        }
        let Person { client, store, group, .. } = &mut self.players[who].person;
        let joined = client.complete_join(store, &join.pending).unwrap();
        *group = Some(joined.save(store).unwrap());
    }

    fn discard_a_candidate(&mut self, who: usize) {
        let made = self.candidate(who, &[], PathChoice::Always);
        let id = made.pending.id();
        let mut pending = Some(made.pending);
        self.act(
            who,
            |(group, store, _, in_memory)| {
                let pending = match in_memory {
                    true => pending.take().unwrap(),
                    false => {
                        let mut stored = group.pending_commits(store)?.into_iter();
                        stored.find(|stored| stored.id() == id).unwrap()
                    }
                };
                Ok(group.discard(pending))
            },
            |()| Vec::new(),
        );
    }

    /// One random step.
    pub(crate) fn step(&mut self) {
        let (who, kind) = (self.any_member(), self.random.below(28));
        // Mostly talk.
        let kind =
            [2, 2, 3, 4, 4, 5, 6, 7, 8, 9].get(kind).copied().unwrap_or(usize::from(kind % 3 > 0));
        self.taken[kind] += 1;
        match kind {
            0 => (0..3).for_each(|_| self.say(who)),
            1 => (0..2).for_each(|_| self.open_mail(who)),
            2 => self.propose(who),
            3 => self.commit_with(who, &[], |_| vec![Intent::Add]),
            4 => self.commit_with(who, &[], |_| vec![Intent::ExternalPsk, Intent::ResumptionPsk]),
            5 => self.commit_with(who, &[], |_| vec![Intent::Remove]),
            6 => self.join_from_outside(),
            7 => self.discard_a_candidate(who),
            8 => {
                let losers: Vec<_> =
                    self.members().into_iter().filter(|&loser| loser != who).take(2).collect();
                self.commit_with(who, &losers, |_| Vec::new());
            }
            _ => {
                self.players[who].person.restart();
                self.players[who].read_commits.clear();
                self.players[who].read_keys.clear();
            }
        }
    }
}
