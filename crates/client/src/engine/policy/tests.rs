//! The verdict on commits that a member forges with the MLS library alone, past everything that an
//! engine would refuse to make.

use super::*;
use crate::engine::issue::{Recipients, bundle};
use crate::engine::keys::{SUITE, access_public_key, next_access_seed};
use crate::engine::{Next, Setup, http};
use crate::transport::HttpRequest;
use crate::{Event, EventKind};
use delivery_api::request;
use delivery_api::{IdempotencyKey, LogId};
use delivery_service::Service;
use delivery_service::core::{Config, RawRequest, ServiceCore};
use delivery_service::key::ServiceKey;
use delivery_service::store::MemoryStore;
use mls::{CipherSuite, CommitOptions, Crypto, KeyPackage, KeyPackageOptions, LeafIndex, Propose};
use std::sync::Arc;
use testkit::{NOW, SeededRandom};

const DAY: u64 = 86_400;

/// More steps than anything here takes: an engine that goes round in circles fails.
const STEPS_MAX: u32 = 1_000;

/// A service, and the folders of its accounts.
struct World {
    service: Service,
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let core = ServiceCore::new(ServiceKey::from_seed(&[7; 32]).unwrap(), Config::default());
        let service = Service::new(Arc::new(core), Arc::new(MemoryStore::new()));
        Self { service, folder: tempfile::tempdir().unwrap() }
    }

    fn engine(&self, name: &str, seed: u64) -> Engine {
        let crypto = Crypto::new(crypto_aws_lc::provider());
        let setup = Setup { crypto, random: Box::new(SeededRandom::new(seed)) };
        let home = crate::Home::unprotected(self.folder.path().join(name));
        let name = Name::new(name).unwrap();
        let mut engine = Engine::create(&home, &name, "by hand", setup).unwrap();
        self.drive(&mut engine);
        engine
    }

    fn ask(&self, request: &HttpRequest) -> crate::transport::HttpResponse {
        let raw = RawRequest {
            method: request.method.as_str(),
            path: &request.path,
            authorization: request.authorization.as_deref(),
            body: &request.body,
        };
        let response = self.service.respond(&raw, NOW);
        crate::transport::HttpResponse { status: response.status, body: response.body }
    }

    fn drive(&self, engine: &mut Engine) {
        for _ in 0..STEPS_MAX {
            match engine.next(NOW).unwrap() {
                Next::Idle => return,
                Next::Wait(_) => {}
                Next::Ask(request) => engine.answer(&self.ask(&request), NOW).unwrap(),
            }
        }
        panic!("a client that never stops asking");
    }

    /// Alice, Bob and Carol in a group of Alice's with this policy, and Dave outside.
    fn group(&self, policy: &GroupPolicy) -> ([Engine; 4], GroupId) {
        let mut seeds = 1..;
        let mut people = ["alice", "bob", "carol", "dave"]
            .map(|name| self.engine(name, seeds.next().unwrap_or_default()));
        let group = people[0].create_group_with("garden", policy, NOW).unwrap();
        let names = ["bob", "carol"].map(|name| Name::new(name).unwrap());
        people[0].add(&group, &names).unwrap();
        for engine in &mut people {
            engine.sync().unwrap();
            self.drive(engine);
        }
        (people, group)
    }
}

fn admins(names: &[&str]) -> GroupPolicy {
    let admins = names.iter().map(|name| Name::new(name).unwrap()).collect();
    GroupPolicy { admins, ..GroupPolicy::default() }
}

fn key_package(engine: &mut Engine, lifetime_seconds: u64) -> KeyPackage {
    let options = KeyPackageOptions { lifetime_seconds, ..KeyPackageOptions::default() };
    let made = engine.client.key_package(SUITE, options, NOW, &mut *engine.random);
    made.unwrap().into_parts().0
}

/// What everybody thinks of the commit that this member forges.
fn verdict(engine: &mut Engine, group: &GroupId, options: CommitOptions) -> Result<(), Violation> {
    let mut open = engine.take_open(group).unwrap();
    let made = open.group.commit(options, NOW, &mut *engine.random).unwrap().into_parts().0;
    judge(&open.group, made.pending.change())
}

fn leaf(engine: &mut Engine, group: &GroupId, name: &str) -> (LeafIndex, Arc<LeafNode>) {
    let open = engine.take_open(group).unwrap();
    let is_it = |leaf: &LeafNode| identity_of(leaf).is_some_and(|it| it.name.as_str() == name);
    let member = open.group.members().find(|member| is_it(&member.leaf)).unwrap();
    (member.index, member.leaf)
}

fn change_to(engine: &mut Engine, group: &GroupId, intent: &Intent) -> CommitOptions {
    let open = engine.take_open(group).unwrap();
    let extensions = with_change(&open.group, intent).unwrap().unwrap();
    CommitOptions::new().propose(Propose::GroupContextExtensions(extensions))
}

/// Edge of `Violation::AddByOther`, `Violation::RemoveByOther` and `Violation::ExtensionsByOther`.
#[test]
fn only_admins_change_the_group() {
    let world = World::new();
    let ([mut alice, mut bob, _, mut dave], group) = world.group(&admins(&["alice"]));
    let add = |dave: &mut Engine| CommitOptions::new().add_member(key_package(dave, DAY));
    let carol = leaf(&mut alice, &group, "carol").0;
    let remove = || CommitOptions::new().remove_member(carol);
    assert_eq!(verdict(&mut bob, &group, add(&mut dave)), Err(Violation::AddByOther));
    assert_eq!(verdict(&mut bob, &group, remove()), Err(Violation::RemoveByOther));
    let renamed = Intent::Rename("shed".to_owned());
    let rename = change_to(&mut bob, &group, &renamed);
    assert_eq!(verdict(&mut bob, &group, rename), Err(Violation::ExtensionsByOther));
    assert_eq!(verdict(&mut alice, &group, add(&mut dave)), Ok(()));
    assert_eq!(verdict(&mut alice, &group, remove()), Ok(()));
    let rename = change_to(&mut alice, &group, &renamed);
    assert_eq!(verdict(&mut alice, &group, rename), Ok(()));
    // Everybody renews its keys.
    assert_eq!(verdict(&mut bob, &group, CommitOptions::new()), Ok(()));
    // And the engine does not even ask.
    let refused = bob.rename(&group, "shed").unwrap_err();
    assert!(matches!(refused, Error::Misuse(Misuse::NotAnAdmin)), "{refused}");
}

#[test]
fn a_group_whose_admins_are_gone_is_everybodys() {
    let world = World::new();
    let ([_, mut bob, _, mut dave], group) = world.group(&admins(&["zoe"]));
    let add = CommitOptions::new().add_member(key_package(&mut dave, DAY));
    assert_eq!(verdict(&mut bob, &group, add), Ok(()));
}

/// Edge of `Violation::ProposedApart`.
#[test]
fn only_leaving_is_proposed_apart() {
    let world = World::new();
    let ([mut alice, mut bob, mut carol, _], group) = world.group(&GroupPolicy::default());
    let (own, other) = (leaf(&mut alice, &group, "carol").0, leaf(&mut alice, &group, "alice").0);
    for (target, expected) in [(own, Ok(())), (other, Err(Violation::ProposedApart))] {
        let mut open = carol.take_open(&group).unwrap();
        let proposed = open.group.propose(Propose::Remove(target), b"", NOW, &mut *carol.random);
        let message = proposed.unwrap().into_parts().0;
        let mut open = bob.take_open(&group).unwrap();
        let received = open.group.process(&message, NOW).unwrap().into_parts().0;
        let mls::Received::Proposal(proposal) = received else { panic!("is a proposal") };
        assert_eq!(judge_proposal(&proposal), expected);
        let made = open.group.commit(CommitOptions::new(), NOW, &mut *bob.random).unwrap();
        let made = made.into_parts().0;
        assert_eq!(made.pending.change().removed.len(), 1);
        assert_eq!(judge(&open.group, made.pending.change()), expected);
    }
}

/// Edge of `Violation::ProposalOfOtherType` and `Violation::ExternalPsk`.
#[test]
fn proposals_are_of_types_that_the_groups_use() {
    let world = World::new();
    let ([mut alice, ..], group) = world.group(&GroupPolicy::default());
    let reinit = Propose::ReInit {
        group_id: b"next".to_vec(),
        cipher_suite: CipherSuite(1),
        extensions: Extensions::default(),
    };
    let reinit = CommitOptions::new().propose(reinit);
    assert_eq!(verdict(&mut alice, &group, reinit), Err(Violation::ProposalOfOtherType));
    let own_key = Propose::ResumptionPsk { group_id: group.as_slice().to_vec(), epoch: 1 };
    let own_key = CommitOptions::new().propose(own_key);
    assert_eq!(verdict(&mut alice, &group, own_key), Ok(()));
    let open = alice.take_open(&group).unwrap();
    let kind = PskKind::External { psk_id: b"secret".as_slice().into() };
    let psk = wire::PreSharedKeyId { kind, psk_nonce: Default::default() };
    let committer = Some(open.group.own_leaf());
    let change = EpochChange { committer, psks: vec![psk], ..EpochChange::default() };
    assert_eq!(judge(&open.group, &change), Err(Violation::ExternalPsk));
}

/// Edge of `Violation::KeyPackageLifetime`.
#[test]
fn key_packages_live_as_long_as_the_policy_says() {
    let world = World::new();
    let policy =
        GroupPolicy { key_package_lifetime_max_seconds: 90 * DAY, ..GroupPolicy::default() };
    let ([mut alice, _, _, mut dave], group) = world.group(&policy);
    // A key package begins an hour before it is made.
    for (lifetime, expected) in
        [(90 * DAY - 3600, Ok(())), (90 * DAY - 3600 + 1, Err(Violation::KeyPackageLifetime))]
    {
        let add = CommitOptions::new().add_member(key_package(&mut dave, lifetime));
        assert_eq!(verdict(&mut alice, &group, add), expected);
    }
}

/// Edge of `Violation::TooManyMembers`.
#[test]
fn as_many_members_as_the_policy_says() {
    for (members_max, expected) in [(4, Ok(())), (3, Err(Violation::TooManyMembers))] {
        let world = World::new();
        let policy = GroupPolicy { members_max, ..GroupPolicy::default() };
        let ([mut alice, _, _, mut dave], group) = world.group(&policy);
        let add = CommitOptions::new().add_member(key_package(&mut dave, DAY));
        assert_eq!(verdict(&mut alice, &group, add), expected);
        // Somebody may come for somebody who goes.
        let carol = leaf(&mut alice, &group, "carol").0;
        let add = CommitOptions::new().add_member(key_package(&mut dave, DAY));
        assert_eq!(verdict(&mut alice, &group, add.remove_member(carol)), Ok(()));
    }
}

/// Edge of `Violation::TooManyDevices`.
#[test]
fn as_many_devices_of_an_account_as_the_policy_says() {
    for (devices_max, expected) in [(2, Ok(())), (1, Err(Violation::TooManyDevices))] {
        let world = World::new();
        let policy = GroupPolicy { devices_max, ..GroupPolicy::default() };
        let ([mut alice, ..], group) = world.group(&policy);
        // As if another device of Carol's came.
        let added = vec![leaf(&mut alice, &group, "carol")];
        let open = alice.take_open(&group).unwrap();
        let committer = Some(open.group.own_leaf());
        let change = EpochChange { committer, added, ..EpochChange::default() };
        assert_eq!(judge(&open.group, &change), expected);
    }
}

/// Edge of `Violation::ExternalJoin`.
#[test]
fn external_commits_bring_in_whom_the_policy_lets_in() {
    use ExternalJoins::{Everybody, FormerSelves, Nobody};
    let refused = Err(Violation::ExternalJoin);
    for (external_joins, former_self, stranger) in
        [(Nobody, refused, refused), (FormerSelves, Ok(()), refused), (Everybody, Ok(()), Ok(()))]
    {
        let world = World::new();
        let policy = GroupPolicy { external_joins, ..GroupPolicy::default() };
        let ([mut alice, mut bob, _, mut dave], group) = world.group(&policy);
        let carol = leaf(&mut alice, &group, "carol");
        let dave = Arc::new(key_package(&mut dave, DAY).leaf_node);
        let open = alice.take_open(&group).unwrap();
        let init = (ProposalSender::Joiner, ProposalType::EXTERNAL_INIT);
        let resync = EpochChange {
            committer: Some(carol.0),
            external: true,
            proposed: vec![init, (ProposalSender::Joiner, ProposalType::REMOVE)],
            added: vec![carol.clone()],
            removed: vec![carol.clone()],
            ..EpochChange::default()
        };
        assert_eq!(judge(&open.group, &resync), former_self);
        // Nobody removes somebody else by coming in.
        let bob = leaf(&mut bob, &group, "bob");
        let evicting = EpochChange {
            proposed: [&resync.proposed[..], &resync.proposed[1..]].concat(),
            removed: vec![carol.clone(), bob],
            ..resync.clone()
        };
        assert_eq!(judge(&open.group, &evicting), former_self.and(Err(Violation::RemoveByOther)));
        let join = EpochChange {
            proposed: vec![init],
            added: vec![(carol.0, dave)],
            removed: Vec::new(),
            ..resync
        };
        assert_eq!(judge(&open.group, &join), stranger);
    }
}

/// Edge of `Violation::LogReplaced` and `Violation::NoPolicy`.
#[test]
fn the_log_stays_and_a_policy_too() {
    let world = World::new();
    let ([mut alice, ..], group) = world.group(&GroupPolicy::default());
    let open = alice.take_open(&group).unwrap();
    let extensions = open.group.extensions().clone();
    let with = |extension: wire::Extension| {
        let mut extensions = extensions.clone();
        extensions.set(extension);
        CommitOptions::new().propose(Propose::GroupContextExtensions(extensions))
    };
    let other = LogExtension::new(LogId::new([9; 32]), "garden").to_extension();
    assert_eq!(verdict(&mut alice, &group, with(other)), Err(Violation::LogReplaced));
    let log = LogExtension::read(&extensions).unwrap().0;
    let renamed = LogExtension::new(log, "shed").to_extension();
    assert_eq!(verdict(&mut alice, &group, with(renamed)), Ok(()));
    let policy = admins(&["bob"]).to_extension();
    assert_eq!(verdict(&mut alice, &group, with(policy)), Ok(()));
    let invalid = GroupPolicy { past_epochs: 1, ..GroupPolicy::default() }.to_extension();
    assert_eq!(verdict(&mut alice, &group, with(invalid)), Err(Violation::NoPolicy));
    let mut only_log = extensions.clone();
    only_log.0.retain(|it| it.extension_type != crate::policy::POLICY_EXTENSION);
    let none = CommitOptions::new().propose(Propose::GroupContextExtensions(only_log));
    assert_eq!(verdict(&mut alice, &group, none), Err(Violation::NoPolicy));
}

#[test]
fn a_commit_against_the_policy_that_is_in_the_log_is_skipped_by_everybody() {
    let world = World::new();
    let ([mut alice, mut bob, mut carol, _], group) = world.group(&admins(&["alice"]));
    let alices = leaf(&mut bob, &group, "alice").0;
    let mut open = bob.take_open(&group).unwrap();
    let options = CommitOptions::new().remove_member(alices);
    let made = open.group.commit(options, NOW, &mut *bob.random).unwrap().into_parts().0;
    let record = bob.store.transaction().unwrap().group_record(&group).unwrap().unwrap();
    let suite = &bob.keys.suite;
    let next = next_access_seed(&made.pending, suite, record.log).unwrap();
    let next = access_public_key(suite, &next).unwrap();
    let key = IdempotencyKey::new(&[1; 32]).unwrap();
    let bundle = bundle((record.head, next), key, &made, &Recipients::new());
    let request = request::commit(record.log, &bundle, None);
    let request = bob.keys.sign_as_member(request, &record.access_key, NOW).unwrap();
    assert_eq!(world.ask(&http(&request)).status, 200);
    for engine in [&mut alice, &mut carol] {
        engine.set_read(u64::MAX >> 1).unwrap();
        engine.sync().unwrap();
        world.drive(engine);
        let events = engine.unread().unwrap();
        let rule = Violation::RemoveByOther.to_string();
        let skipped =
            |event: &Event| event.kind == EventKind::EntrySkipped { reason: rule.clone() };
        assert!(events.iter().any(skipped), "{events:?}");
        assert_eq!(engine.groups().unwrap()[0].members.len(), 3);
    }
    // Alice, who can, has opened the log again that Bob's key has closed; all are together.
    let mut views = Vec::new();
    for engine in [&mut alice, &mut carol] {
        engine.sync().unwrap();
        world.drive(engine);
        let view = engine.groups().unwrap().remove(0);
        views.push((view.epoch, view.members.len(), view.epoch_authenticator));
    }
    assert_eq!((views[0].1, &views[0]), (3, &views[1]));
}
