//! A group of real clients around a passive one: the origin of generated scenarios.
//!
//! Every member follows every commit, and all must agree before an epoch enters the scenario.

use std::sync::Arc;

use crypto::{Crypto, HpkeKeyPair, Random, SignatureKeyPair, Suite};
use mls::{
    Client, CommitOptions, Effect, EpochChange, ExternalJoin, ExternalJoinOptions, Group,
    GroupInfoOptions, GroupParams, GroupStatus, HandshakeFormat, KeyPackageOptions, LeafChanges,
    MemoryStorage, PathChoice, Propose, Received, Settings,
};
use tree::LeafIndex;
use wire::{
    Extension, ExtensionType, Extensions, MlsMessage, MlsMessageBody, RequiredCapabilities,
};

use super::{Epoch, ExternalPsk, NOW, Psks, Scenario, client, settings};
use crate::failure::{At, expect_equal};
use crate::kind::{random_bytes, random_u32};
use crate::sample_tree::SampleMember;
use crate::{Failure, Hex, Scale};

/// An active member.
struct Actor {
    storage: MemoryStorage,
    group: Group,
}

/// The group, and what the passive client hears of it.
struct World<'a> {
    crypto: &'a Crypto,
    suite: &'a Suite,
    handshakes: HandshakeFormat,
    random: &'a mut dyn Random,
    psks: Psks,
    actors: Vec<Actor>,
}

/// How the passive client is invited.
#[derive(Clone, Copy, Default)]
struct Invitation {
    with_psk: bool,
    tree_apart: bool,
    without_path: bool,
}

/// What one epoch brings.
enum Event {
    /// The commit of a member.
    Commit(Step),
    /// An external commit.
    ExternalJoin { with_psk: bool },
}

/// What a member's commit brings.
#[derive(Default)]
struct Step {
    /// Sent ahead, by members other than the committer.
    by_reference: Vec<(usize, Propose)>,
    by_value: Vec<Propose>,
    without_path: bool,
    /// How many clients are added.
    added: usize,
}

/// A client that is invited and not there yet.
struct Joiner {
    client: Client,
    storage: MemoryStorage,
}

const PSK_ID: &[u8] = b"a pre-shared key";

impl<'a> World<'a> {
    /// A group of active members, the first of whom has created it.
    fn new(
        (crypto, suite): (&'a Crypto, &'a Suite),
        members: usize,
        handshakes: HandshakeFormat,
        random: &'a mut dyn Random,
    ) -> Result<Self, Failure> {
        let mut psks = Psks::default();
        psks.0.insert(PSK_ID.to_vec(), random_bytes(suite.hash_length(), random)?);
        let mut world = Self { crypto, suite, handshakes, random, psks, actors: Vec::new() };
        let Joiner { client, mut storage } = world.joiner()?;
        let params = GroupParams::new(suite.id());
        let group = client.create_group(&storage, params, NOW, world.random)?.save(&mut storage)?;
        world.actors.push(Actor { storage, group });
        world.step(0, Step { added: members - 1, ..Step::default() })?;
        Ok(world)
    }

    fn joiner(&mut self) -> Result<Joiner, Failure> {
        let signer = Arc::new(SignatureKeyPair::generate(self.suite, self.random)?);
        let settings = Settings { handshakes: self.handshakes, ..settings() };
        let client = client(self.crypto, signer, self.psks.clone(), settings);
        Ok(Joiner { client, storage: MemoryStorage::new() })
    }

    /// Everyone but the actor in this place processes a message.
    fn deliver(
        &mut self,
        sender: Option<usize>,
        message: &MlsMessage,
        mut each: impl FnMut(&mut Actor, Received) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for (place, actor) in self.actors.iter_mut().enumerate() {
            if Some(place) != sender {
                let received = actor.group.process(message, NOW)?.save(&mut actor.storage)?;
                each(actor, received)?;
            }
        }
        Ok(())
    }

    fn propose(&mut self, sender: usize, propose: Propose) -> Result<Hex, Failure> {
        let actor = self.actors.get_mut(sender).at("proposer")?;
        let proposed = actor.group.propose(propose, &[], NOW, self.random)?;
        let message = proposed.save(&mut actor.storage)?;
        self.deliver(Some(sender), &message, |_, received| match received {
            Received::Proposal(_) => Ok(()),
            _ => Err(Failure::new("a member does not take a proposal for one")),
        })?;
        Ok(Hex::encoding(&message))
    }

    /// One epoch: proposals, then the commit of the actor in a place.
    fn step(&mut self, committer: usize, step: Step) -> Result<Epoch, Failure> {
        let mut options = CommitOptions::new();
        let mut joiners = Vec::new();
        for _ in 0..step.added {
            let mut joiner = self.joiner()?;
            let key_package = KeyPackageOptions::default();
            let made = joiner.client.key_package(self.suite.id(), key_package, NOW, self.random)?;
            options = options.add_member(made.save(&mut joiner.storage)?);
            joiners.push(joiner);
        }
        let mut proposals = Vec::new();
        for (sender, propose) in step.by_reference {
            proposals.push(self.propose(sender, propose)?);
        }
        options.proposals.extend(step.by_value);
        options.path = path(step.without_path);
        let (commit, welcome) = self.commit(committer, options)?;
        for Joiner { client, mut storage } in joiners {
            let welcome = welcome.as_ref().at("welcome")?;
            let group = client.join(&storage, welcome, None, NOW)?.save(&mut storage)?;
            self.actors.push(Actor { storage, group });
        }
        let epoch_authenticator = self.epoch_authenticator()?;
        Ok(Epoch { proposals, commit: Hex::encoding(&commit), epoch_authenticator })
    }

    /// Commits, and everyone moves on.
    fn commit(
        &mut self,
        committer: usize,
        options: CommitOptions,
    ) -> Result<(MlsMessage, Option<MlsMessage>), Failure> {
        let actor = self.actors.get_mut(committer).at("committer")?;
        let new = actor.group.commit(options, NOW, self.random)?.save(&mut actor.storage)?;
        let _: EpochChange = actor.group.advance(new.pending)?.save(&mut actor.storage)?;
        self.follow(Some(committer), &new.commit)?;
        let mut welcomes = new.welcomes.into_iter();
        Ok((new.commit, welcomes.next().map(|(welcome, _)| welcome)))
    }

    /// Everyone but the committer follows a commit. Who is removed is gone.
    fn follow(&mut self, committer: Option<usize>, commit: &MlsMessage) -> Result<(), Failure> {
        self.deliver(committer, commit, |actor, received| {
            let Received::Commit(staged) = received else {
                return Err(Failure::new("a member does not take a commit for one"));
            };
            let advanced: Effect<EpochChange> = actor.group.advance(*staged)?;
            advanced.save(&mut actor.storage)?;
            Ok(())
        })?;
        self.actors.retain(|actor| *actor.group.status() == GroupStatus::Active);
        Ok(())
    }

    /// A client joins by an external commit.
    fn external_join(&mut self, with_psk: bool) -> Result<Epoch, Failure> {
        let first = self.actors.first().at("a member")?;
        let info = GroupInfoOptions { external_pub: true, ..GroupInfoOptions::default() };
        let group_info = first.group.group_info(info, self.random)?;
        let Joiner { client, mut storage } = self.joiner()?;
        let mut options = ExternalJoinOptions::default();
        options.external_psks.extend(with_psk.then(|| PSK_ID.to_vec()));
        let join = client.join_external(&storage, &group_info, options, NOW, self.random)?;
        let ExternalJoin { commit, pending } = join.save(&mut storage)?;
        self.follow(None, &commit)?;
        let group = client.complete_join(&storage, &pending)?.save(&mut storage)?;
        self.actors.push(Actor { storage, group });
        let epoch_authenticator = self.epoch_authenticator()?;
        Ok(Epoch { proposals: Vec::new(), commit: Hex::encoding(&commit), epoch_authenticator })
    }

    fn event(&mut self, committer: usize, event: Event) -> Result<Epoch, Failure> {
        match event {
            Event::Commit(step) => self.step(committer, step),
            Event::ExternalJoin { with_psk } => self.external_join(with_psk),
        }
    }

    /// What all members must agree on.
    fn epoch_authenticator(&self) -> Result<Hex, Failure> {
        let authenticator = |actor: &Actor| Hex::from(actor.group.epoch_authenticator());
        let mut all = self.actors.iter().map(authenticator);
        let first = all.next().at("a member")?;
        all.try_for_each(|other| expect_equal("epoch_authenticator", &other, &first))?;
        Ok(first)
    }

    /// Adds the passive client; it will be in the group, but never speak.
    fn invite(&mut self, invitation: Invitation) -> Result<Scenario, Failure> {
        let Invitation { with_psk, tree_apart, without_path } = invitation;
        let member = SampleMember::generate(self.suite, self.random)?;
        let (key_package, init) = member.key_package(self.suite, self.random)?;
        let HpkeKeyPair { private_key: init_priv, .. } = init;
        let mut options = CommitOptions::new().add_member(key_package.clone());
        if with_psk {
            options = options.propose(Propose::ExternalPsk(PSK_ID.to_vec()));
        }
        options.path = path(without_path);
        options.welcome_info =
            GroupInfoOptions { ratchet_tree: !tree_apart, ..GroupInfoOptions::default() };
        let (_, welcome) = self.commit(0, options)?;
        let tree = self.actors.first().at("a member")?.group.ratchet_tree();
        let psk = |(id, psk): (&Vec<u8>, &Vec<u8>)| ExternalPsk {
            psk_id: Hex(id.clone()),
            psk: Hex(psk.clone()),
        };
        let key_package = MlsMessage(MlsMessageBody::KeyPackage(Box::new(key_package)));
        Ok(Scenario {
            cipher_suite: self.suite.id().0,
            external_psks: self.psks.0.iter().map(psk).collect(),
            key_package: Hex::encoding(&key_package),
            signature_priv: member.signer.private_key().into(),
            encryption_priv: (&member.encryption.private_key).into(),
            init_priv: (&init_priv).into(),
            welcome: Hex::encoding(&welcome.at("welcome")?),
            ratchet_tree: tree_apart.then(|| Hex::encoding(&tree)),
            initial_epoch_authenticator: self.epoch_authenticator()?,
            epochs: Vec::new(),
        })
    }

    fn leaf_of(&self, place: usize) -> Result<LeafIndex, Failure> {
        Ok(self.actors.get(place).at("an actor")?.group.own_leaf())
    }

    /// A place among the active members.
    fn any_place(&mut self) -> Result<usize, Failure> {
        let number = usize::try_from(random_u32(self.random)?)?;
        Ok(number % self.actors.len())
    }

    /// The resumption PSK of the present epoch.
    fn resumption_psk(&self) -> Result<Propose, Failure> {
        let group = &self.actors.first().at("a member")?.group;
        Ok(Propose::ResumptionPsk { group_id: group.group_id().to_vec(), epoch: group.epoch() })
    }

    /// An epoch of any sort. The group stays between three and twelve active members.
    fn random_event(&mut self) -> Result<Epoch, Failure> {
        let committer = self.any_place()?;
        let other = (committer + 1) % self.actors.len();
        let sort = random_u32(self.random)? % 8;
        let room = self.actors.len() < 12;
        if sort == 7 && room {
            return self.external_join(committer.is_multiple_of(2));
        }
        let by_reference = random_u32(self.random)?.is_multiple_of(2);
        let proposal = match sort {
            0 if self.actors.len() > 3 => Some(Propose::Remove(self.leaf_of(other)?)),
            1 => Some(Propose::ExternalPsk(PSK_ID.to_vec())),
            2 => Some(Propose::GroupContextExtensions(some_extensions())),
            3 => Some(Propose::Update(LeafChanges::default())),
            4 => Some(self.resumption_psk()?),
            _ => None,
        };
        // No one removes itself; an Update is always by reference.
        let proposer = if sort == 0 { committer } else { other };
        let mut step = Step { without_path: sort == 1, ..Step::default() };
        match proposal {
            Some(update @ Propose::Update(_)) => step.by_reference.push((proposer, update)),
            Some(proposal) if by_reference => step.by_reference.push((proposer, proposal)),
            other => step.by_value.extend(other),
        }
        step.added = usize::from(sort == 5 && room);
        self.step(committer, step)
    }
}

fn path(without_path: bool) -> PathChoice {
    if without_path { PathChoice::IfRequired } else { PathChoice::Always }
}

/// Extensions that any client supports.
fn some_extensions() -> Extensions {
    let required = RequiredCapabilities::default();
    Extensions(vec![Extension::new(ExtensionType::REQUIRED_CAPABILITIES, &required)])
}

/// Joining with and without pre-shared key, tree and path.
pub(super) fn welcomes(
    crypto: &Crypto,
    suite: &Suite,
    scale: Scale,
    random: &mut dyn Random,
) -> Result<Vec<Scenario>, Failure> {
    let invitations: Vec<Invitation> = (0..8)
        .map(|bits| Invitation {
            with_psk: bits & 1 != 0,
            tree_apart: bits & 2 != 0,
            without_path: bits & 4 != 0,
        })
        .collect();
    let chosen = match scale {
        Scale::Small => &invitations[3..5],
        Scale::Full => &invitations[..],
    };
    let mut scenarios = Vec::new();
    for &invitation in chosen {
        let format = HandshakeFormat::Private;
        let mut world = World::new((crypto, suite), 2, format, random)?;
        scenarios.push(world.invite(invitation)?);
    }
    Ok(scenarios)
}

/// One event of each sort, for a group whose actors are at places 0 to 2.
fn events(world: &World<'_>) -> Result<Vec<Event>, Failure> {
    let removed = world.leaf_of(2)?;
    let psk = || Propose::ExternalPsk(PSK_ID.to_vec());
    let extensions = || Propose::GroupContextExtensions(some_extensions());
    let update = || Propose::Update(LeafChanges::default());
    let by_value = |propose| Step { by_value: vec![propose], ..Step::default() };
    let by_reference = |propose| Step { by_reference: vec![(1, propose)], ..Step::default() };
    let mixed = vec![(1, update()), (2, psk()), (1, extensions())];
    Ok(vec![
        Event::Commit(Step::default()),
        Event::Commit(Step { added: 1, ..Step::default() }),
        Event::Commit(Step { added: 1, without_path: true, ..Step::default() }),
        Event::Commit(by_value(Propose::Remove(removed))),
        Event::Commit(by_value(psk())),
        Event::Commit(Step { without_path: true, ..by_value(psk()) }),
        Event::Commit(by_value(world.resumption_psk()?)),
        Event::Commit(by_value(extensions())),
        Event::ExternalJoin { with_psk: false },
        Event::ExternalJoin { with_psk: true },
        Event::Commit(by_reference(update())),
        Event::Commit(by_reference(Propose::Remove(removed))),
        Event::Commit(by_reference(psk())),
        Event::Commit(by_reference(extensions())),
        Event::Commit(Step { by_reference: mixed, added: 1, ..Step::default() }),
    ])
}

/// A group of three and the passive client, then an event of one sort and an empty commit.
pub(super) fn commits(
    crypto: &Crypto,
    suite: &Suite,
    scale: Scale,
    random: &mut dyn Random,
) -> Result<Vec<Scenario>, Failure> {
    // The small scale shows an external commit and a mixed one.
    let (mut sort, step) = match scale {
        Scale::Small => (9, 5),
        Scale::Full => (0, 1),
    };
    let mut scenarios = Vec::new();
    loop {
        let format = if sort % 2 == 0 { HandshakeFormat::Public } else { HandshakeFormat::Private };
        let mut world = World::new((crypto, suite), 3, format, random)?;
        let mut scenario = world.invite(Invitation::default())?;
        let mut events = events(&world)?;
        if sort >= events.len() {
            return Ok(scenarios);
        }
        scenario.epochs.push(world.event(0, events.swap_remove(sort))?);
        scenario.epochs.push(world.step(0, Step::default())?);
        scenarios.push(scenario);
        sort += step;
    }
}

/// One long life.
pub(super) fn random_commits(
    crypto: &Crypto,
    suite: &Suite,
    scale: Scale,
    random: &mut dyn Random,
) -> Result<Vec<Scenario>, Failure> {
    let length = match scale {
        Scale::Small => 3,
        Scale::Full => 50,
    };
    let mut world = World::new((crypto, suite), 4, HandshakeFormat::Private, random)?;
    let mut scenario = world.invite(Invitation { with_psk: true, ..Invitation::default() })?;
    for _ in 0..length {
        scenario.epochs.push(world.random_event()?);
    }
    Ok(vec![scenario])
}
