//! Groups that claim to succeed another (RFC 9420, sections 11.2 and 11.3): a link proves that
//! whoever made it was a member, not that the rest is true.

use mls::{
    BrokenRule, CipherSuite, Client, CommitOptions, Extension, ExtensionType, Extensions,
    GroupParams, MlsMessage, Propose, Secret, SignatureKeyPair, Violation,
};
use std::sync::Arc;
use testkit::forge::WelcomeForge;
use testkit::{NOW, Person, SeededRandom, Traits, group_of};
use wire::{PreSharedKeyId, PskKind, ResumptionPskUsage};

use crate::features_world::commit_to_all;
use crate::rules_refusal::{broken, error, rows};

const NAMES: [&str; 3] = ["alice", "bob", "carol"];

/// What an old group's member needs to link a new one to it.
struct Link {
    group_id: Vec<u8>,
    epoch: u64,
    psk: Secret,
}

impl Link {
    fn to(person: &mut Person) -> Self {
        let group = person.group();
        let psk = group.resumption_psk(group.epoch()).unwrap().duplicate();
        Self { group_id: group.group_id().to_vec(), epoch: group.epoch(), psk }
    }
}

/// What a deviating founder does.
struct Founding {
    usage: ResumptionPskUsage,
    params: GroupParams,
    /// Commits before the newcomers are added.
    early_commits: usize,
    /// The epoch that the link names.
    link_epoch: Option<u64>,
}

impl Founding {
    fn new(usage: ResumptionPskUsage) -> Self {
        let params = GroupParams::new(CipherSuite(1));
        Self { usage, params, early_commits: 0, link_epoch: None }
    }

    /// Alice founds a group with these and tells the last of them, in the Welcome, that it succeeds
    /// the old one.
    fn welcome(self, link: &Link, alice: &mut Person, others: &mut [&mut Person]) -> MlsMessage {
        let suite = self.params.cipher_suite;
        let Person { client, store, random, .. } = &mut *alice;
        let made = client.create_group(store, self.params, NOW, random);
        alice.group = Some(alice.save(made));
        for _ in 0..self.early_commits {
            alice.commit_and_advance(CommitOptions::new());
        }
        let mut options = CommitOptions::new();
        for other in others.iter_mut() {
            other.suite = suite;
            options = options.add_member(other.key_package());
        }
        let sent = alice.commit_and_advance(options);
        let last = others.last().unwrap();
        let mut forge = WelcomeForge::open(last, &sent.welcomes[0], &[]);
        let kind = PskKind::Resumption {
            usage: self.usage,
            psk_group_id: link.group_id.as_slice().into(),
            psk_epoch: self.link_epoch.unwrap_or(link.epoch),
        };
        let id = PreSharedKeyId { kind, psk_nonce: vec![8; forge.suite.hash_length()].into() };
        forge.psks = vec![(id, link.psk.duplicate())];
        forge.confirm();
        let key = alice.group().member(0).unwrap().leaf.signature_key.clone();
        let mut signers = alice.client.config().signers.iter();
        let signer = signers.find(|signer| *signer.public_key() == key).unwrap();
        forge.sign(&**signer);
        forge.seal(&mut SeededRandom::new(1))
    }
}

fn verdict(person: &mut Person, welcome: &MlsMessage) -> BrokenRule {
    let before = rows(person);
    let error = error(person.client.join(&person.store, welcome, None, NOW));
    assert!(rows(person) == before);
    broken(error)
}

/// A second signature key, for another suite.
fn learn(person: &mut Person, suite: u16) {
    let mut config = person.client.config().clone();
    let suite = config.crypto.suite(CipherSuite(suite)).unwrap();
    let signer = SignatureKeyPair::generate(&suite, &mut person.random).unwrap();
    config.signers.push(Arc::new(signer));
    person.client = Client::new(config);
}

fn reinit_to(group_id: &[u8]) -> Propose {
    Propose::ReInit {
        group_id: group_id.to_vec(),
        cipher_suite: CipherSuite(1),
        extensions: Extensions::default(),
    }
}

fn named(group_id: &[u8]) -> GroupParams {
    GroupParams { group_id: Some(group_id.to_vec()), ..GroupParams::new(CipherSuite(1)) }
}

#[test]
fn a_branch_in_another_suite_is_refused() {
    let mut people = group_of(&NAMES, || Traits::new(1));
    people.iter_mut().for_each(|person| learn(person, 2));
    let [alice, _, carol] = people.as_mut_slice() else { panic!("three") };
    let link = Link::to(alice);
    let mut founding = Founding::new(ResumptionPskUsage::Branch);
    founding.params.cipher_suite = CipherSuite(2);
    let welcome = founding.welcome(&link, alice, &mut [carol]);
    assert_eq!(verdict(carol, &welcome), BrokenRule::Group(Violation::BranchParameters));
}

#[test]
fn a_branch_with_a_stranger_is_refused() {
    let mut people = group_of(&NAMES, || Traits::new(1));
    let mut mallory = Person::new("mallory", Traits::new(1));
    let [alice, _, carol] = people.as_mut_slice() else { panic!("three") };
    let link = Link::to(alice);
    let founding = Founding::new(ResumptionPskUsage::Branch);
    let welcome = founding.welcome(&link, alice, &mut [&mut mallory, carol]);
    assert_eq!(verdict(carol, &welcome), BrokenRule::Group(Violation::BranchMembers));
}

#[test]
fn a_successor_that_does_not_start_with_epoch_1_is_refused() {
    for usage in [ResumptionPskUsage::Branch, ResumptionPskUsage::ReInit] {
        let mut people = group_of(&NAMES, || Traits::new(1));
        let [alice, _, carol] = people.as_mut_slice() else { panic!("three") };
        let link = Link::to(alice);
        let founding = Founding { early_commits: 1, ..Founding::new(usage) };
        let welcome = founding.welcome(&link, alice, &mut [carol]);
        assert_eq!(verdict(carol, &welcome), BrokenRule::Group(Violation::SuccessorEpoch));
    }
}

/// Edge of `Violation::BranchParameters`.
/// Edge of `Violation::BranchMembers`.
/// Edge of `Violation::SuccessorEpoch`.
#[test]
fn a_branch_of_members_only_is_joined() {
    let mut people = group_of(&NAMES, || Traits::new(1));
    let [alice, bob, carol] = people.as_mut_slice() else { panic!("three") };
    let link = Link::to(alice);
    let founding = Founding::new(ResumptionPskUsage::Branch);
    let welcome = founding.welcome(&link, alice, &mut [bob, carol]);
    carol.join(&welcome);
    assert_eq!(carol.group().epoch(), 1);
}

#[test]
fn a_reinitialized_group_that_is_not_what_was_agreed_is_refused() {
    let expected = BrokenRule::Group(Violation::ReInitParameters);
    let extension = Extension {
        extension_type: ExtensionType::REQUIRED_CAPABILITIES,
        extension_data: vec![0; 3].into(),
    };
    let wrong: [(bool, GroupParams, Option<u64>); 4] = [
        // The old group goes on as if nothing had happened.
        (false, named(b"next"), None),
        (true, named(b"another"), None),
        (true, GroupParams { extensions: Extensions(vec![extension]), ..named(b"next") }, None),
        // The epoch before the ReInit is not the last.
        (true, named(b"next"), Some(1)),
    ];
    for (closed, params, link_epoch) in wrong {
        let mut people = group_of(&NAMES, || Traits::new(1));
        let earlier = Link::to(&mut people[0]);
        if closed {
            commit_to_all(&mut people, 1, CommitOptions::new().propose(reinit_to(b"next")));
        }
        let [alice, bob, carol] = people.as_mut_slice() else { panic!("three") };
        let link = if link_epoch.is_some() { earlier } else { Link::to(alice) };
        let founding = Founding { params, link_epoch, ..Founding::new(ResumptionPskUsage::ReInit) };
        let welcome = founding.welcome(&link, alice, &mut [bob, carol]);
        assert_eq!(verdict(carol, &welcome), expected);
    }
    // Nor in another suite.
    let mut people = group_of(&NAMES, || Traits::new(1));
    people.iter_mut().for_each(|person| learn(person, 2));
    commit_to_all(&mut people, 1, CommitOptions::new().propose(reinit_to(b"next")));
    let [alice, bob, carol] = people.as_mut_slice() else { panic!("three") };
    let link = Link::to(alice);
    let params = GroupParams { cipher_suite: CipherSuite(2), ..named(b"next") };
    let founding = Founding { params, ..Founding::new(ResumptionPskUsage::ReInit) };
    let welcome = founding.welcome(&link, alice, &mut [bob, carol]);
    assert_eq!(verdict(carol, &welcome), expected);
}

#[test]
fn a_reinitialized_group_that_leaves_someone_out_is_refused() {
    let mut people = group_of(&NAMES, || Traits::new(1));
    commit_to_all(&mut people, 1, CommitOptions::new().propose(reinit_to(b"next")));
    let [alice, _, carol] = people.as_mut_slice() else { panic!("three") };
    let link = Link::to(alice);
    let founding = Founding { params: named(b"next"), ..Founding::new(ResumptionPskUsage::ReInit) };
    let welcome = founding.welcome(&link, alice, &mut [carol]);
    assert_eq!(verdict(carol, &welcome), BrokenRule::Group(Violation::ReInitMembers));
}

/// Edge of `Violation::ReInitParameters`.
/// Edge of `Violation::ReInitMembers`.
#[test]
fn a_reinitialized_group_as_it_was_agreed_may_have_more_members() {
    let mut people = group_of(&NAMES, || Traits::new(1));
    commit_to_all(&mut people, 1, CommitOptions::new().propose(reinit_to(b"next")));
    let mut dave = Person::new("dave", Traits::new(1));
    let [alice, bob, carol] = people.as_mut_slice() else { panic!("three") };
    let link = Link::to(alice);
    let founding = Founding { params: named(b"next"), ..Founding::new(ResumptionPskUsage::ReInit) };
    let welcome = founding.welcome(&link, alice, &mut [bob, &mut dave, carol]);
    carol.join(&welcome);
    assert_eq!(carol.group().group_id(), b"next");
}

/// A link with the wrong key leads to another epoch, so the Welcome does not even open.
#[test]
fn a_link_without_the_old_groups_key_is_refused() {
    let mut people = group_of(&NAMES, || Traits::new(1));
    let [alice, _, carol] = people.as_mut_slice() else { panic!("three") };
    let link = Link { psk: Secret::zeros(32), ..Link::to(alice) };
    let founding = Founding::new(ResumptionPskUsage::Branch);
    let welcome = founding.welcome(&link, alice, &mut [carol]);
    let expected = treekem::Violation::GroupInfoUndecryptable;
    assert_eq!(verdict(carol, &welcome), BrokenRule::KeyAgreement(expected));
}
