//! The identity policy (RFC 9420, section 5.3.1): it sees every new leaf, knows where it comes from
//! and what it replaces, and its refusal is the end of it.

use std::sync::Mutex;

use testkit::NOW;
use tree::rules::verify_ratchet_tree;
use tree::{
    Candidate, Checks, Committer, Error, IdentityPolicy, LeafOrigin, ListedProposal, Refusal,
    Violation, apply,
};
use wire::{Credential, Extension, ExtensionType, ExternalSender, LeafNode, Proposal, ProposalRef};

use crate::forge::{CHECKS, Group, LIFETIMES, broken};
use crate::rules_external::{init, own};

/// What a policy saw of a leaf: how it comes, its place, and whose it and its predecessor are.
type Seen = (LeafOrigin, u32, Vec<u8>, Option<Vec<u8>>);

/// Refuses whoever is called mallory, and writes everything down. The name up to a slash is the
/// client.
#[derive(Default)]
struct Spy(Mutex<Vec<Seen>>);

fn name(credential: &Credential) -> Vec<u8> {
    match credential {
        Credential::Basic(name) => name.to_vec(),
        _ => Vec::new(),
    }
}

fn judge(credential: &Credential) -> Result<(), Refusal> {
    match &name(credential)[..] {
        b"mallory" => Err(Refusal("mallory".into())),
        _ => Ok(()),
    }
}

impl IdentityPolicy for Spy {
    fn validate_leaf(&self, candidate: &Candidate<'_>) -> Result<(), Refusal> {
        assert_eq!((candidate.group_id, candidate.now), (&b"group"[..], NOW));
        let predecessor = candidate.predecessor.map(|leaf| name(&leaf.credential));
        let own = name(&candidate.leaf.credential);
        let seen = (candidate.origin, candidate.index.as_u32(), own, predecessor);
        self.0.lock().unwrap().push(seen);
        judge(&candidate.leaf.credential)
    }

    fn validate_external_sender(&self, sender: &ExternalSender, _: u64) -> Result<(), Refusal> {
        judge(&sender.credential)
    }

    fn client_id(&self, leaf: &LeafNode) -> Option<Vec<u8>> {
        let name = name(&leaf.credential);
        Some(name.split(|&byte| byte == b'/').next()?.to_vec())
    }
}

impl Spy {
    fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn checks(&self) -> Checks<'_> {
        Checks { identity: self, ..CHECKS }
    }
}

fn call(name: &'static str) -> impl Fn(&mut LeafNode) {
    move |leaf| leaf.credential = Credential::basic(name.as_bytes())
}

fn add(group: &mut Group, name: &'static str) -> ListedProposal {
    group.add_with(|key_package| call(name)(&mut key_package.leaf_node))
}

fn seen(origin: LeafOrigin, index: u32, own: &str, old: Option<&str>) -> Seen {
    (origin, index, own.into(), old.map(Into::into))
}

/// A member's commit with a path whose leaf bears this name.
fn commit(
    group: &mut Group,
    spy: &Spy,
    proposals: &[ListedProposal],
    name: &'static str,
) -> Result<(), Error> {
    let (checks, committer) = (spy.checks(), Committer::Member(group.leaf(0)));
    let mut applied = apply(group.base(), committer, proposals, &checks)?;
    let person = group.member(0);
    let path = group.path(&mut applied, (committer, &person), call(name));
    spy.take();
    let mut applied = apply(group.base(), committer, proposals, &checks)?;
    applied.merge_received_path(group.base(), committer, &path, &checks).map(|_| ())
}

/// Covers darkmatter #143 and mdk #634: also the leaf of a path, with its predecessor.
#[test]
fn the_policy_sees_every_new_leaf_of_a_commit_with_what_it_replaces() {
    let mut group = Group::of(3);
    let spy = Spy::default();
    let list = [group.update_with(1, call("bob")), add(&mut group, "dave"), group.remove(2)];
    commit(&mut group, &spy, &list, "alice").unwrap();
    let expected = [
        seen(LeafOrigin::Update, 1, "bob", Some("person 1")),
        seen(LeafOrigin::Add, 2, "dave", None),
        seen(LeafOrigin::CommitPath, 0, "alice", Some("person 0")),
    ];
    assert_eq!(spy.take(), expected);
}

#[test]
fn a_refusal_of_any_new_leaf_refuses_the_commit() {
    let mut group = Group::of(3);
    let spy = Spy::default();
    let update = group.update_with(1, call("mallory"));
    let lists = [vec![update], vec![add(&mut group, "mallory")]];
    for list in lists {
        assert!(matches!(commit(&mut group, &spy, &list, "alice"), Err(Error::Refused(_))));
    }
    assert!(matches!(commit(&mut group, &spy, &[], "mallory"), Err(Error::Refused(_))));
    assert!(commit(&mut group, &spy, &[], "alice").is_ok());
}

/// Covers the reports that OpenMLS, mlspp and ts-mls do not check the successor of a resync (F130).
#[test]
fn the_policy_sees_a_joiner_with_its_former_self() {
    let mut group = Group::of(3);
    let spy = Spy::default();
    for (removes, old) in [(true, Some("person 1")), (false, None)] {
        let mut list = vec![init()];
        list.extend(removes.then(|| own(Proposal::Remove(1))));
        let joiner = if removes { group.member(1) } else { group.person() };
        let checks = spy.checks();
        let mut applied = apply(group.base(), Committer::NewMember, &list, &checks).unwrap();
        let path = group.path(&mut applied, (Committer::NewMember, &joiner), call("joiner"));
        let merged =
            applied.merge_received_path(group.base(), Committer::NewMember, &path, &checks);
        let index = merged.unwrap().0.as_u32();
        assert_eq!(spy.take(), [seen(LeafOrigin::ExternalCommit, index, "joiner", old)]);
    }
}

#[test]
fn the_policy_sees_every_member_of_a_group_that_is_joined() {
    let mut group = Group::of(3);
    let removes = [group.remove(1)];
    group.commit(0, &removes);
    let spy = Spy::default();
    let join = |group: &Group| {
        let (nodes, rules) = (group.tree.to_nodes(), (LIFETIMES, NOW));
        verify_ratchet_tree(&group.suite, &group.context, nodes, rules, &spy).map(|_| ())
    };
    join(&group).unwrap();
    let expected =
        [seen(LeafOrigin::Tree, 0, "person 0", None), seen(LeafOrigin::Tree, 2, "person 2", None)];
    assert_eq!(spy.take(), expected);
    let mallory = [add(&mut group, "mallory")];
    group.commit(0, &mallory);
    assert!(matches!(join(&group), Err(Error::Refused(_))));
}

/// Covers F41: the application, and not only the signature key, says who is the same client.
#[test]
fn a_client_that_the_application_knows_by_another_key_is_no_newcomer() {
    let mut group = Group::of(2);
    let spy = Spy::default();
    let joins = [add(&mut group, "carol/phone")];
    group.commit(0, &joins);
    let again = [add(&mut group, "carol/laptop")];
    assert_eq!(broken(commit(&mut group, &spy, &again, "alice")), Violation::AddOfMember);
    let moved = [again[0].clone(), group.remove(2)];
    assert!(commit(&mut group, &spy, &moved, "alice").is_ok());
    let twice = [add(&mut group, "dave/phone"), add(&mut group, "dave/laptop")];
    assert_eq!(broken(commit(&mut group, &spy, &twice, "alice")), Violation::AddTwice);
    let both = [add(&mut group, "dave/phone"), add(&mut group, "erin/phone")];
    assert!(commit(&mut group, &spy, &both, "alice").is_ok());
}

#[test]
fn the_policy_sees_external_senders_that_a_commit_or_a_group_brings() {
    let mut group = Group::of(2);
    let spy = Spy::default();
    let senders = |names: &[&str]| {
        let sender = |name: &&str| ExternalSender {
            signature_key: name.as_bytes().to_vec().into(),
            credential: Credential::basic(name.as_bytes()),
        };
        let senders: Vec<_> = names.iter().map(sender).collect();
        Extension::new(ExtensionType::EXTERNAL_SENDERS, &senders)
    };
    let bad = [group.extensions(vec![senders(&["server", "mallory"])])];
    assert!(matches!(commit(&mut group, &spy, &bad, "alice"), Err(Error::Refused(_))));
    let good = [group.extensions(vec![senders(&["server"])])];
    assert!(commit(&mut group, &spy, &good, "alice").is_ok());
    // Whoever is there already is not judged again.
    group.context.extensions.0 = vec![senders(&["mallory"])];
    let kept = [group.extensions(vec![senders(&["server", "mallory"])])];
    assert!(commit(&mut group, &spy, &kept, "alice").is_ok());
    let (nodes, rules) = (group.tree.to_nodes(), (LIFETIMES, NOW));
    let joined = verify_ratchet_tree(&group.suite, &group.context, nodes, rules, &spy);
    assert!(matches!(joined, Err(Error::Refused(_))));
}

/// An Update that the policy refuses does not even become a pending proposal.
#[test]
fn the_policy_judges_an_update_when_it_arrives_and_when_it_is_committed() {
    let mut group = Group::of(2);
    let spy = Spy::default();
    let mut update = group.update_with(1, call("mallory"));
    let arrived = tree::proposal::verify(group.base(), &update, &spy.checks());
    assert!(matches!(arrived, Err(Error::Refused(_))));
    // The proof of an earlier look is about signatures and does not stand in for the policy.
    update.verified = Some(tree::proposal::verify(group.base(), &update, &CHECKS).unwrap());
    update.reference = Some(ProposalRef(crypto::Digest::EMPTY));
    assert!(matches!(commit(&mut group, &spy, &[update], "alice"), Err(Error::Refused(_))));
}
