//! Groups that succeed another: reinitialization (RFC 9420, section 11.2) and branches (section
//! 11.3).

use mls::{
    CipherSuite, Client, CommitOptions, Extension, ExtensionType, Extensions, GroupParams,
    GroupStatus, Misuse, NewSuccessor, PreSharedKeyId, Propose, PskKind, ResumptionPskUsage,
    SignatureKeyPair,
};
use std::sync::Arc;
use testkit::{NOW, Person, Traits, group_of};

use crate::features_world::{FORMS, agree, commit_to_all, propose_to_all};
use crate::rules_refusal::misuse;

const NAMES: [&str; 3] = ["alice", "bob", "carol"];

fn reinit(suite: u16) -> Propose {
    let extension_type = ExtensionType(0xf0c0);
    let extension = Extension { extension_type, extension_data: b"new rules".as_slice().into() };
    Propose::ReInit {
        group_id: b"the successor".to_vec(),
        cipher_suite: CipherSuite(suite),
        extensions: Extensions(vec![extension]),
    }
}

fn traits() -> Traits {
    let mut traits = Traits::new(1);
    traits.settings.extensions = vec![ExtensionType(0xf0c0)];
    traits
}

/// Gives a person a signer for another suite too, and uses that suite from now on.
fn learn(person: &mut Person, suite: u16) {
    person.suite = CipherSuite(suite);
    let mut config = person.client.config().clone();
    let suite = config.crypto.suite(person.suite).unwrap();
    let signer = SignatureKeyPair::generate(&suite, &mut person.random).unwrap();
    config.signers.push(Arc::new(signer));
    person.client = Client::new(config);
}

/// The one makes the successor of its closed group, the others join it.
fn succeed(people: &mut [Person], founder: usize) {
    let mut key_packages = Vec::new();
    for (index, person) in people.iter_mut().enumerate() {
        if index != founder {
            key_packages.push(person.key_package());
        }
    }
    let Person { client, group, store, random, .. } = &mut people[founder];
    let old = group.as_ref().unwrap();
    let made = client.reinitialize(store, old, key_packages, NOW, random);
    let NewSuccessor { group, welcome } = people[founder].save(made);
    people[founder].group = Some(group);
    let (welcome, recipients) = welcome.unwrap();
    assert_eq!(recipients.len(), people.len() - 1);
    for (index, person) in people.iter_mut().enumerate() {
        if index != founder {
            person.join(&welcome);
            let invitation = person.group().invitation().unwrap();
            assert_eq!(link_usages(&invitation.psks), [ResumptionPskUsage::ReInit]);
            assert_eq!(invitation.signer.as_u32(), 0);
        }
    }
}

/// What a group that is joined has to do with others.
fn link_usages(psks: &[PreSharedKeyId]) -> Vec<ResumptionPskUsage> {
    let usages = psks.iter().filter_map(|id| match id.kind {
        PskKind::Resumption { usage, .. } => Some(usage),
        PskKind::External { .. } => None,
    });
    usages.collect()
}

#[test]
fn a_group_is_reinitialized_with_another_suite_by_any_member() {
    for (handshakes, suite, founder) in [(FORMS[0], 1, 0), (FORMS[1], 2, 1), (FORMS[0], 7, 2)] {
        let traits = || traits().handshakes(handshakes);
        let mut people = group_of(&NAMES, traits);
        propose_to_all(&mut people, 1, reinit(suite));
        let sent = commit_to_all(&mut people, 0, CommitOptions::new());
        assert_eq!(*sent.change.reinit.unwrap().group_id, *b"the successor");
        if suite != 1 {
            people.iter_mut().for_each(|person| learn(person, suite));
        }
        // Step 3 survives a restart of everyone.
        people.iter_mut().for_each(Person::restart);
        succeed(&mut people, founder);
        for person in &mut people {
            assert_eq!(person.group().group_id(), b"the successor");
            assert_eq!(person.group().epoch(), 1);
            assert_eq!(person.group().suite().id(), CipherSuite(suite));
            assert!(person.group().extensions().find(ExtensionType(0xf0c0)).is_some());
            assert_eq!(person.client.group_ids(&person.store).unwrap().len(), 2);
        }
        agree(&mut people);
        commit_to_all(&mut people, 2, CommitOptions::new());
        agree(&mut people);
    }
}

#[test]
fn a_reinitialized_group_is_frozen() {
    let mut people = group_of(&NAMES, traits);
    let late = people[2].say("sent before");
    commit_to_all(&mut people, 0, CommitOptions::new().propose(reinit(1)));
    for person in &mut people {
        person.restart();
        assert!(matches!(person.group().status(), GroupStatus::Reinitialized(_)));
        let Person { group, random, .. } = person;
        let group = group.as_mut().unwrap();
        assert_eq!(misuse(group.protect(b"no", b"", random)), Misuse::Reinitialized);
        let options = CommitOptions::new();
        assert_eq!(misuse(group.commit(options, NOW, random)), Misuse::Reinitialized);
        let proposal = Propose::ExternalPsk(b"psk".to_vec());
        let proposed = group.propose(proposal, b"", NOW, random);
        assert_eq!(misuse(proposed), Misuse::Reinitialized);
        let info = group.group_info(Default::default(), random);
        assert_eq!(misuse(info), Misuse::Reinitialized);
    }
    // What was sent before it closed can still be read.
    assert_eq!(people[0].hear(&late), "sent before");
}

#[test]
fn a_successor_needs_all_members_and_a_closed_group() {
    let mut people = group_of(&NAMES, traits);
    let bobs = people[1].key_package();
    let (alice, others) = people.split_first_mut().unwrap();
    {
        let Person { client, group, store, random, .. } = &mut *alice;
        let old = group.as_ref().unwrap();
        let made = client.reinitialize(store, old, vec![bobs.clone()], NOW, random);
        assert_eq!(misuse(made), Misuse::NotReinitialized);
    }
    let sent = alice.commit_and_advance(CommitOptions::new().propose(reinit(1)));
    others.iter_mut().for_each(|other| drop(other.follow(&sent.commit)));
    let Person { client, group, store, random, .. } = &mut *alice;
    let old = group.as_ref().unwrap();
    let made = client.reinitialize(store, old, vec![bobs], NOW, random);
    assert_eq!(misuse(made), Misuse::MembersMissing);
    // With everyone it works, once.
    succeed(&mut people, 0);
    people[1].restart();
    let group_id = people[1].group().group_id().to_vec();
    assert_eq!(group_id, b"the successor");
}

#[test]
fn a_successor_may_keep_the_id_of_its_group() {
    let mut people = group_of(&NAMES, traits);
    let group_id = people[0].group().group_id().to_vec();
    let reinit = Propose::ReInit {
        group_id: group_id.clone(),
        cipher_suite: CipherSuite(1),
        extensions: Extensions::default(),
    };
    commit_to_all(&mut people, 0, CommitOptions::new().propose(reinit));
    let closed = people[1].group.take().unwrap();
    succeed(&mut people, 2);
    for person in &mut people {
        assert_eq!(person.group().group_id(), group_id);
        assert_eq!(person.group().epoch(), 1);
        assert_eq!(person.client.group_ids(&person.store).unwrap().len(), 1);
    }
    agree(&mut people);
    // The closed group in memory does not found another over the new one.
    let key_packages = vec![people[0].key_package(), people[2].key_package()];
    let Person { client, store, random, .. } = &mut people[1];
    let made = client.reinitialize(store, &closed, key_packages, NOW, random);
    assert_eq!(misuse(made), Misuse::GroupExists);
}

/// Two members hurry to make the successor; whoever joined one of the two does not replace it.
#[test]
fn a_successor_is_not_founded_over_one_that_was_joined() {
    let mut people = group_of(&NAMES, traits);
    let old = people[1].group().group_id().to_vec();
    commit_to_all(&mut people, 0, CommitOptions::new().propose(reinit(1)));
    succeed(&mut people, 0);
    let key_packages = vec![people[0].key_package(), people[2].key_package()];
    let Person { client, store, random, .. } = &mut people[1];
    let old = client.load_group(store, &old).unwrap().unwrap();
    let made = client.reinitialize(store, &old, key_packages, NOW, random);
    assert_eq!(misuse(made), Misuse::GroupExists);
}

/// Branches off a group; the first of `members` founds.
fn branch(people: &mut [Person], members: &[usize], group_id: &[u8]) {
    let mut key_packages = Vec::new();
    for &member in &members[1..] {
        key_packages.push(people[member].key_package());
    }
    let params =
        GroupParams { group_id: Some(group_id.to_vec()), ..GroupParams::new(CipherSuite(1)) };
    let Person { client, group, store, random, .. } = &mut people[members[0]];
    let made = client.branch(store, group.as_ref().unwrap(), (params, key_packages), NOW, random);
    let made = people[members[0]].save(made);
    people[members[0]].group = Some(made.group);
    let (welcome, _) = made.welcome.unwrap();
    for &member in &members[1..] {
        people[member].join(&welcome);
        let invitation = people[member].group().invitation().unwrap();
        assert_eq!(link_usages(&invitation.psks), [ResumptionPskUsage::Branch]);
    }
}

#[test]
fn some_members_branch_off_and_the_main_group_goes_on() {
    for handshakes in FORMS {
        let mut people = group_of(&NAMES, || traits().handshakes(handshakes));
        let main = people[0].group().group_id().to_vec();
        branch(&mut people, &[2, 0], b"side");
        {
            let (left, right) = people.split_at_mut(2);
            testkit::assert_agreement(&mut [&mut left[0], &mut right[0]]);
        }
        for member in [0, 2] {
            let Person { client, store, group, .. } = &mut people[member];
            assert_eq!(group.as_ref().unwrap().group_id(), b"side");
            *group = client.load_group(store, &main).unwrap();
        }
        commit_to_all(&mut people, 1, CommitOptions::new());
        agree(&mut people);
    }
}

#[test]
fn a_branch_has_members_of_the_group_only_and_its_suite() {
    let mut people = group_of(&NAMES, traits);
    let mut stranger = Person::new("mallory", traits());
    let strangers = stranger.key_package();
    let bobs = people[1].key_package();
    let Person { client, group, store, random, .. } = &mut people[0];
    let old = group.as_ref().unwrap();
    let params = || GroupParams::new(CipherSuite(1));
    let mut branch = |params, key_packages| {
        client.branch(store, old, (params, key_packages), NOW, random).map(|_| ())
    };
    assert_eq!(misuse(branch(params(), vec![bobs.clone(), strangers])), Misuse::NoSuchMember);
    let other_suite = GroupParams::new(CipherSuite(2));
    assert_eq!(misuse(branch(other_suite, vec![])), Misuse::UnknownCipherSuite);
    let same_id = GroupParams { group_id: Some(old.group_id().to_vec()), ..params() };
    assert_eq!(misuse(branch(same_id, vec![bobs.clone()])), Misuse::GroupExists);
    assert!(branch(params(), vec![bobs]).is_ok());
}
