//! Groups of the real library on real rows, with every derivation logged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use codec::Encode;
use crypto::{CipherSuite, Crypto, Secret, SignatureKeyPair, Signer};
use mls::{
    Candidate, Client, ClientConfig, CommitOptions, Credential, Effect, Error, ExternalJoinOptions,
    ExternalSender, Group, GroupInfoOptions, GroupParams, HandshakeFormat, IdentityPolicy,
    KeyPackage, KeyPackageOptions, LeafChanges, LeafIndex, MemoryStorage, MlsMessage, PathChoice,
    PendingJoin, Propose, PskStore, Received, Refusal, Settings,
};
use wire::Node;

use super::audit::{Audit, Counts, Finding, Leaks, Property, Scope, exposures, known_epochs};
use super::explore::World;
use super::graph::SecretId;
use super::history::{Committer, EpochFacts, History, LeafKey, Leak, Moment, NodeFacts, Psk, Step};
use super::log::{EPOCH_LABELS, Log, SharedLog, TracedRandom, Tracing};
use crate::Seeded;

/// The time of all experiments, in seconds since 1970.
const NOW: u64 = 1_800_000_000;
const SUITE: CipherSuite = CipherSuite::MLS_128_DHKEMX25519_AES128GCM_SHA256_ED25519;
const PSK_ID: &[u8] = b"psk";
const PSK: [u8; 32] = *b"a pre-shared key of 32 octets...";

struct Anybody;

impl IdentityPolicy for Anybody {
    fn validate_leaf(&self, _: &Candidate<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    fn validate_external_sender(&self, _: &ExternalSender, _: u64) -> Result<(), Refusal> {
        Ok(())
    }
}

struct OnePsk;

impl PskStore for OnePsk {
    fn external(&self, psk_id: &[u8]) -> Option<Secret> {
        (psk_id == PSK_ID).then(|| Secret::from_slice(&PSK))
    }
}

/// A client, its rows, and the group if it is in it.
struct Player {
    client: Client,
    store: MemoryStorage,
    group: Option<Group>,
    random: Seeded,
    signer: Arc<dyn Signer>,
}

/// A group that waits to be joined from outside.
struct Outside {
    person: usize,
    pending: PendingJoin,
}

/// A commit on its way.
struct Sent {
    commit: MlsMessage,
    welcomes: Vec<MlsMessage>,
    outside: Option<Outside>,
}

/// Real groups.
pub struct Real {
    log: SharedLog,
    players: Vec<Player>,
    history: History,
    settings: Settings,
}

/// Settings under which nothing is kept for late messages, so that every key that stays is one too
/// many.
#[must_use]
pub fn strict(handshakes: HandshakeFormat) -> Settings {
    let (past_epochs_max, resumption_psks_max) = (0, 0);
    Settings {
        handshakes,
        past_epochs_max,
        resumption_psks_max,
        grease: false,
        ..Settings::default()
    }
}

fn client(log: &SharedLog, person: usize, signer: &Arc<dyn Signer>, settings: &Settings) -> Client {
    let provider = Tracing::new(crypto_aws_lc::provider(), log.clone(), person);
    Client::new(ClientConfig {
        crypto: Crypto::new(Arc::new(provider)),
        credential: Credential::basic(person.to_string().as_bytes()),
        signers: vec![Arc::clone(signer)],
        identity: Arc::new(Anybody),
        psks: Arc::new(OnePsk),
        settings: settings.clone(),
    })
}

impl Player {
    fn save<T>(&mut self, effect: Result<Effect<T>, Error>) -> Result<T, Error> {
        effect?.save(&mut self.store)
    }

    /// What is in the rows.
    fn held(&self, log: &Log) -> Vec<SecretId> {
        let rows = self.store.rows().flat_map(|(_, value)| log.search(value.expose()));
        rows.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

impl Real {
    /// A group of its creator, and people who wait to join: `people` in all.
    ///
    /// # Errors
    /// The library fails.
    pub fn new(people: usize, settings: Settings, seed: u64) -> Result<Self, Error> {
        let log = SharedLog::default();
        let plain = Crypto::new(crypto_aws_lc::provider());
        let suite = plain.suite(SUITE).ok_or(Error::Crypto(crypto::CryptoError::Unsupported))?;
        let mut random = Seeded::new(seed);
        let mut players = Vec::new();
        for person in 0..people {
            let signer: Arc<dyn Signer> =
                Arc::new(SignatureKeyPair::generate(&suite, &mut random)?);
            log.lock().note(person, &PSK);
            players.push(Player {
                client: client(&log, person, &signer, &settings),
                store: MemoryStorage::new(),
                group: None,
                random: Seeded::new(random.next_u64()),
                signer,
            });
        }
        let mut real = Self { log, players, history: History::default(), settings };
        let made = real.with(0, |player, random| {
            player.client.create_group(&player.store, GroupParams::new(SUITE), NOW, random)
        })?;
        real.players[0].group = Some(made);
        let key = real.history.new_leaf_key();
        let facts = real.facts(None, BTreeMap::from([(0, key)]), Vec::new());
        real.history
            .epochs
            .push(facts.map_err(|what| Error::from(mls::StorageError(what.to_string().into())))?);
        real.look_at_start();
        let psk = real.log.lock().secret(&PSK);
        psk.into_iter().for_each(|psk| real.history.look_at_psk(psk));
        Ok(real)
    }

    /// For each of the epochs' labels, of how many of the last ended epochs a person's rows tell
    /// the secret now.
    #[must_use]
    pub fn kept_labels(&self, person: usize, epochs: usize) -> Vec<usize> {
        let log = self.log.lock();
        let knowledge = log.graph.closure(self.players[person].held(&log));
        let ended = self.history.epochs.iter().rev().skip(1).take(epochs).collect::<Vec<_>>();
        let known =
            |place: usize| ended.iter().filter(|epoch| knowledge.has(epoch.secrets[place])).count();
        (0..EPOCH_LABELS.len()).map(known).collect()
    }

    /// Lets a person do something with traced randomness, and saves the effect.
    fn with<T>(
        &mut self,
        person: usize,
        act: impl FnOnce(&mut Player, &mut TracedRandom<'_>) -> Result<Effect<T>, Error>,
    ) -> Result<T, Error> {
        let player = &mut self.players[person];
        let mut inner = player.random.clone();
        let mut random = TracedRandom { inner: &mut inner, log: &self.log, person };
        let effect = act(player, &mut random);
        player.random = inner;
        player.save(effect)
    }

    fn group(&mut self, person: usize) -> Result<&mut Group, Error> {
        self.players[person].group.as_mut().ok_or(Error::Misuse(mls::Misuse::Removed))
    }

    fn publish(&self, message: &MlsMessage) {
        self.log.lock().publish(&message.to_bytes());
    }

    /// Looks at a person's rows.
    fn look(&mut self, person: usize, moment: Moment) -> &mut Leak {
        let held = self.players[person].held(&self.log.lock());
        self.history.look(person, moment, held)
    }

    fn look_at_start(&mut self) {
        for person in 0..self.players.len() {
            self.look(person, Moment::Start);
        }
    }

    fn finding(&self, property: Property, step: &Step, what: impl ToString) -> Finding {
        let story = format!("{}; then {step}", self.history.story());
        Finding { property, what: what.to_string(), story }
    }

    /// The proposals that are sent before the commit, and the new leaf keys.
    fn propose_updates(&mut self, step: &Step) -> Result<Vec<(u32, LeafKey)>, Error> {
        let members = self.history.members();
        let mut updated = Vec::new();
        for leaf in &step.updates {
            let person =
                members.get(leaf).copied().ok_or(Error::Misuse(mls::Misuse::NoSuchMember))?;
            let message = self.with(person, |player, random| {
                let group = player.group.as_mut().ok_or(Error::Misuse(mls::Misuse::Removed))?;
                group.propose(Propose::Update(LeafChanges::default()), &[], NOW, random)
            })?;
            self.publish(&message);
            for &other in members.values().filter(|&&other| other != person) {
                self.with(other, |player, _| {
                    let group = player.group.as_mut().ok_or(Error::Misuse(mls::Misuse::Removed))?;
                    group.process(&message, NOW)
                })?;
            }
            let key = self.history.new_leaf_key();
            self.look(person, Moment::Update).leaf_keys.push(key);
            updated.push((*leaf, key));
        }
        Ok(updated)
    }

    /// Those who are to be added: the first people outside.
    fn newcomers(&self, count: usize) -> Vec<usize> {
        let outside = self.history.outsiders(self.players.len());
        outside.into_iter().take(count).collect()
    }

    fn key_packages(&mut self, newcomers: &[usize]) -> Result<Vec<(KeyPackage, LeafKey)>, Error> {
        let mut packages = Vec::new();
        for &person in newcomers {
            let package = self.with(person, |player, random| {
                player.client.key_package(SUITE, KeyPackageOptions::default(), NOW, random)
            })?;
            self.log.lock().publish(&package.to_bytes());
            let key = self.history.new_leaf_key();
            let leak = self.look(person, Moment::KeyPackage);
            leak.leaf_keys.push(key);
            leak.init_keys.push(key);
            packages.push((package, key));
        }
        Ok(packages)
    }

    fn commit(
        &mut self,
        leaf: u32,
        step: &Step,
        adds: &[(KeyPackage, LeafKey)],
    ) -> Result<Sent, Error> {
        let person = self.history.members().get(&leaf).copied();
        let person = person.ok_or(Error::Misuse(mls::Misuse::NoSuchMember))?;
        let group = self.group(person)?;
        let mut options = CommitOptions::new();
        if !step.has_path {
            options.path = PathChoice::IfRequired;
        }
        for removed in &step.removes {
            let index = group.member(*removed).ok_or(Error::Misuse(mls::Misuse::NoSuchMember))?;
            options = options.remove_member(index.index);
        }
        for (package, _) in adds {
            options = options.add_member(package.clone());
        }
        if let Some(psk) = step.psk {
            let (group_id, epoch) = (group.group_id().to_vec(), group.epoch());
            options = options.propose(match psk {
                Psk::External => Propose::ExternalPsk(PSK_ID.to_vec()),
                Psk::Resumption => Propose::ResumptionPsk { group_id, epoch },
            });
        }
        let made = self.with(person, |player, random| {
            let group = player.group.as_mut().ok_or(Error::Misuse(mls::Misuse::Removed))?;
            group.commit(options, NOW, random)
        })?;
        let key = step.has_path.then(|| LeafKey(self.history.leaf_key_count + 1));
        self.look_pending(person, key);
        let advanced = self.group(person)?.advance(made.pending);
        self.players[person].save(advanced)?;
        let welcomes = made.welcomes.into_iter().map(|(welcome, _)| welcome).collect();
        Ok(Sent { commit: made.commit, welcomes, outside: None })
    }

    /// The rows of somebody whose commit is not accepted yet; `key` is its new leaf key.
    fn look_pending(&mut self, person: usize, key: Option<LeafKey>) {
        let next = self.history.newest() + 1;
        let leak = self.look(person, Moment::Pending);
        leak.epochs.push(next);
        leak.leaf_keys.extend(key);
    }

    fn join_from_outside(&mut self, step: &Step) -> Result<Sent, Error> {
        let members = self.history.members();
        let (person, resync) = match step.committer {
            Committer::Resync(leaf) => (members.get(&leaf).copied(), true),
            _ => (self.newcomers(1).first().copied(), false),
        };
        let person = person.ok_or(Error::Misuse(mls::Misuse::NoSuchMember))?;
        let host = members.values().find(|&&member| member != person).copied();
        let host = host.ok_or(Error::Misuse(mls::Misuse::NoSuchMember))?;
        let info = GroupInfoOptions { ratchet_tree: true, external_pub: true };
        let player = &mut self.players[host];
        let mut random = TracedRandom { inner: &mut player.random, log: &self.log, person: host };
        let group = player.group.as_ref().ok_or(Error::Misuse(mls::Misuse::Removed))?;
        let info = group.group_info(info, &mut random)?;
        self.publish(&info);
        let psks = step.psk.map(|_| PSK_ID.to_vec()).into_iter().collect();
        let options =
            ExternalJoinOptions { resync, external_psks: psks, ..ExternalJoinOptions::default() };
        let made = self.with(person, |player, random| {
            player.client.join_external(&player.store, &info, options, NOW, random)
        })?;
        let key = Some(LeafKey(self.history.leaf_key_count + 1));
        self.look_pending(person, key);
        let outside = Outside { person, pending: made.pending };
        Ok(Sent { commit: made.commit, welcomes: Vec::new(), outside: Some(outside) })
    }

    /// Everybody else moves on.
    fn deliver(
        &mut self,
        sent: Sent,
        newcomers: &[usize],
        committer: Option<usize>,
    ) -> Result<(), Error> {
        self.publish(&sent.commit);
        sent.welcomes.iter().for_each(|welcome| self.publish(welcome));
        let outside = sent.outside.as_ref().map(|outside| outside.person);
        for person in self.history.members().into_values() {
            if Some(person) == committer || Some(person) == outside {
                continue;
            }
            let received = self.with(person, |player, _| {
                let group = player.group.as_mut().ok_or(Error::Misuse(mls::Misuse::Removed))?;
                group.process(&sent.commit, NOW)
            })?;
            let Received::Commit(staged) = received else {
                return Err(Error::Misuse(mls::Misuse::WrongMessageKind));
            };
            let advanced = self.group(person)?.advance(*staged);
            self.players[person].save(advanced)?;
        }
        for &person in newcomers {
            let player = &mut self.players[person];
            let Some(welcome) = sent.welcomes.first() else { continue };
            let joined = player.client.join(&player.store, welcome, None, NOW);
            player.group = Some(player.save(joined)?);
        }
        if let Some(Outside { person, pending }) = sent.outside {
            let player = &mut self.players[person];
            let joined = player.client.complete_join(&player.store, &pending);
            player.group = Some(player.save(joined)?);
        }
        for player in &mut self.players {
            let is_member = player
                .group
                .as_ref()
                .is_some_and(|group| *group.status() == mls::GroupStatus::Active);
            if !is_member {
                player.group = None;
            }
        }
        Ok(())
    }

    /// The epoch as everybody sees it, if they all see the same.
    fn facts(
        &self,
        step: Option<Step>,
        leaf_keys: BTreeMap<u32, LeafKey>,
        joined: Vec<LeafKey>,
    ) -> Result<EpochFacts, &'static str> {
        let groups = || self.players.iter().filter_map(|player| player.group.as_ref());
        let first = groups().next().ok_or("nobody is left")?;
        let log = self.log.lock();
        let authenticator = first.epoch_authenticator();
        if groups().any(|group| group.context() != first.context()) {
            return Err("members see different contexts");
        }
        if groups().any(|group| group.epoch_authenticator() != authenticator) {
            return Err("members with the same context have different secrets");
        }
        let secrets = log.epoch_secrets(authenticator.expose()).ok_or("a secret from nowhere")?;
        let of_key = |group: &Group, leaf: LeafIndex| {
            let key = group.member(leaf.as_u32()).map(|member| member.leaf.signature_key.clone());
            self.players.iter().position(|it| Some(it.signer.public_key()) == key.as_ref())
        };
        let members = first
            .members()
            .map(|member| Some((member.index.as_u32(), of_key(first, member.index)?)));
        let members: BTreeMap<u32, usize> =
            members.collect::<Option<_>>().ok_or("a stranger is a member")?;
        let in_groups = (0..self.players.len()).filter(|&it| self.players[it].group.is_some());
        if !members.values().copied().collect::<BTreeSet<_>>().into_iter().eq(in_groups)
            || !members.keys().eq(leaf_keys.keys())
        {
            return Err("the members are not those who should be");
        }
        let mut nodes = Vec::new();
        for (index, node) in (0_u32..).zip(first.ratchet_tree().0) {
            let Some(node) = node else { continue };
            let (key, unmerged) = match &node {
                Node::Leaf(leaf) => (&leaf.encryption_key, &[][..]),
                Node::Parent(parent) => (&parent.encryption_key, parent.unmerged_leaves.as_slice()),
            };
            let private_key = log.private_key(key).ok_or("a key from nowhere")?;
            let below = members.range(leaves_below(index));
            let holders = below.filter(|(leaf, _)| !unmerged.contains(leaf));
            let holders = holders.map(|(_, person)| *person).collect();
            nodes.push(NodeFacts { index, private_key, holders });
        }
        Ok(EpochFacts { step, members, leaf_keys, joined, secrets, nodes })
    }

    fn try_step(&mut self, step: &Step) -> Result<(), Finding> {
        let robust = |real: &Self, error: Error| real.finding(Property::Robustness, step, error);
        let updated = self.propose_updates(step).map_err(|error| robust(self, error))?;
        let newcomers = self.newcomers(step.adds);
        let packages = self.key_packages(&newcomers).map_err(|error| robust(self, error))?;
        let (sent, committer) = match step.committer {
            Committer::Member(leaf) => {
                let committer = self.history.members().get(&leaf).copied();
                (self.commit(leaf, step, &packages), committer)
            }
            Committer::Newcomer | Committer::Resync(_) => (self.join_from_outside(step), None),
        };
        let sent = sent.map_err(|error| robust(self, error))?;
        let outsider = sent.outside.as_ref().map(|outside| outside.person);
        self.deliver(sent, &newcomers, committer).map_err(|error| robust(self, error))?;
        let place = |person: usize| {
            let group = self.players[person].group.as_ref();
            group.map(|group| group.own_leaf().as_u32()).unwrap_or_default()
        };
        let joined: Vec<_> = newcomers.iter().map(|&it| place(it)).collect();
        let joined = joined.into_iter().zip(packages.iter().map(|(_, key)| *key));
        let joined: Vec<(u32, LeafKey)> = joined.collect();
        let own = outsider.or(committer).map(place).unwrap_or_default();
        let (leaf_keys, _) = self.history.next_leaf_keys(step, own, &updated, &joined);
        let joined = joined.into_iter().map(|(_, key)| key).collect();
        let facts = self.facts(Some(step.clone()), leaf_keys, joined);
        let facts = facts.map_err(|what| self.finding(Property::Agreement, step, what))?;
        self.history.epochs.push(facts);
        self.look_at_start();
        Ok(())
    }
}

/// The leaves below a node.
pub(super) fn leaves_below(index: u32) -> std::ops::RangeInclusive<u32> {
    let half = (1 << index.trailing_ones()) - 1;
    (index - half) / 2..=(index + half) / 2
}

impl World for Real {
    fn fork(&self) -> Self {
        let log = SharedLog::of(self.log.lock().clone());
        let players = self.players.iter().enumerate().map(|(person, player)| {
            let client = client(&log, person, &player.signer, &self.settings);
            let store = player.store.duplicate();
            let id = player.group.as_ref().map(|group| group.group_id().to_vec());
            // Rows that the library wrote; if they cannot be read, the next step says so.
            let group = id.and_then(|id| client.load_group(&store, &id).ok().flatten());
            let (random, signer) = (player.random.clone(), Arc::clone(&player.signer));
            Player { client, store, group, random, signer }
        });
        let players = players.collect();
        Self { log, players, history: self.history.clone(), settings: self.settings.clone() }
    }

    fn step(&mut self, step: &Step) -> Result<(), Finding> {
        self.try_step(step)
    }

    fn history(&self) -> &History {
        &self.history
    }

    fn history_mut(&mut self) -> &mut History {
        &mut self.history
    }

    fn people(&self) -> usize {
        self.players.len()
    }

    fn audit(&self, scope: Scope) -> Result<Counts, Finding> {
        let log = self.log.lock();
        let seen: Vec<_> = (0..self.players.len()).map(|person| log.seen(person)).collect();
        Audit { graph: &log.graph, history: &self.history, seen: &seen }.run(scope)
    }

    fn known(&self, leaks: &[usize]) -> Vec<bool> {
        known_epochs(&self.log.lock().graph, &self.history, leaks)
    }

    fn exposures(&self, leaks: Leaks) -> Vec<Vec<bool>> {
        exposures(&self.log.lock().graph, &self.history, leaks)
    }
}
