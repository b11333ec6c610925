//! Capabilities, extensions, credentials and GREASE (RFC 9420, sections 5.3, 7.2, 11.1 and 13).

use mls::{
    BrokenRule, CipherSuite, Client, CommitOptions, Credential, CredentialType, Error, Extension,
    ExtensionType, Extensions, GroupParams, KeyPackage, KeyPackageOptions, LeafChanges, LeafNode,
    Misuse, MlsMessageBody, PathChoice, ProposalType, Propose, RequiredCapabilities,
};
use std::collections::BTreeSet;
use testkit::{NOW, Person, Traits, group_of};
use wire::GREASE_VALUES;

use crate::features_world::{FORMS, add_to_all, agree, commit_to_all, form, group_info};
use crate::rules_refusal::{broken, error, misuse};

const OWN: ExtensionType = ExtensionType(0xf0c0);

fn extension(data: &[u8]) -> Extension {
    Extension { extension_type: OWN, extension_data: data.into() }
}

fn supporting() -> Traits {
    let mut traits = Traits::new(1);
    traits.settings.extensions = vec![OWN];
    traits.settings.proposals = vec![ProposalType(0xf042)];
    traits.settings.credentials.push(CredentialType(0xf001));
    traits
}

fn is_grease(value: u16) -> bool {
    GREASE_VALUES.contains(&value)
}

fn key_package(person: &mut Person, options: KeyPackageOptions) -> KeyPackage {
    let made = person.client.key_package(person.suite, options, NOW, &mut person.random);
    person.save(made)
}

/// The seven fields of section 13.5, in its order, and whether each has a GREASE value.
fn grease_in(leaf: &LeafNode, key_package: &Extensions, group_info: &Extensions) -> [bool; 7] {
    let capabilities = &leaf.capabilities;
    let in_extensions = |extensions: &Extensions| extensions.types().any(|it| is_grease(it.0));
    [
        capabilities.cipher_suites.iter().any(|it| is_grease(it.0)),
        capabilities.extensions.iter().any(|it| is_grease(it.0)),
        capabilities.proposals.iter().any(|it| is_grease(it.0)),
        capabilities.credentials.iter().any(|it| is_grease(it.0)),
        in_extensions(&leaf.extensions),
        in_extensions(key_package),
        in_extensions(group_info),
    ]
}

fn info_extensions(person: &mut Person) -> Extensions {
    let MlsMessageBody::GroupInfo(info) = group_info(person).0 else { panic!("a GroupInfo") };
    info.extensions.clone()
}

#[test]
fn grease_is_sent_by_default_in_all_seven_fields_and_never_elsewhere() {
    for grease in [true, false] {
        let mut traits = Traits::new(1);
        if !grease {
            traits.settings.grease = false;
        }
        let mut alice = Person::new("alice", traits);
        alice.create();
        for _ in 0..20 {
            let made = key_package(&mut alice, KeyPackageOptions::default());
            let info = info_extensions(&mut alice);
            assert_eq!(grease_in(&made.leaf_node, &made.extensions, &info), [grease; 7]);
            let listed = &made.leaf_node.capabilities.extensions;
            let unlisted = made.extensions.types().find(|it| !listed.contains(it));
            assert_eq!(unlisted, None, "what a key package carries is in its capabilities");
            let unique: BTreeSet<_> = made.leaf_node.capabilities.credentials.iter().collect();
            assert_eq!(unique.len(), made.leaf_node.capabilities.credentials.len());
            assert_eq!(made.extensions.duplicate(), None);
            assert_eq!(made.leaf_node.extensions.duplicate(), None);
        }
        let leaf = (*alice.group().member(0).unwrap().leaf).clone();
        assert!(!is_grease(leaf.credential.credential_type().0));
        assert!(!alice.group().extensions().types().any(|it| is_grease(it.0)));
        // A leaf that is renewed keeps what it had.
        alice.commit_and_advance(CommitOptions::new());
        let renewed = (*alice.group().member(0).unwrap().leaf).clone();
        assert_eq!(renewed.capabilities, leaf.capabilities);
        assert_eq!(renewed.extensions, leaf.extensions);
    }
}

#[test]
fn grease_is_spread_over_its_values() {
    let mut alice = Person::new("alice", Traits::new(1));
    let suites: BTreeSet<_> = (0..150)
        .flat_map(|_| {
            let made = key_package(&mut alice, KeyPackageOptions::default());
            made.leaf_node.capabilities.cipher_suites
        })
        .filter(|suite| is_grease(suite.0))
        .collect();
    assert_eq!(suites.len(), GREASE_VALUES.len());
}

/// "representations of a client's own capabilities MUST NOT contain GREASE values" (section 13.5):
/// that others list a value does not make it supported.
#[test]
fn a_grease_value_is_as_unsupported_as_any_unknown_one() {
    let mut people = group_of(&["alice", "bob"], form(FORMS[0]));
    for value in GREASE_VALUES {
        let alice = &mut people[0];
        let extension =
            Extension { extension_type: ExtensionType(value), extension_data: Default::default() };
        let params = GroupParams {
            extensions: Extensions(vec![extension.clone()]),
            ..GroupParams::new(CipherSuite(1))
        };
        let Person { client, store, group, random, .. } = alice;
        let created = client.create_group(store, params, NOW, random);
        assert_eq!(misuse(created), Misuse::NotInOwnCapabilities);
        let change = Propose::GroupContextExtensions(Extensions(vec![extension]));
        let options = CommitOptions::new().propose(change);
        let made = group.as_mut().unwrap().commit(options, NOW, random);
        let expected = tree::Violation::ExtensionNotSupportedByMembers;
        assert_eq!(broken(error(made)), BrokenRule::Tree(expected, None), "{value:#06x}");
        let other = Propose::Other(ProposalType(value), Vec::new());
        let made = group.as_mut().unwrap().commit(CommitOptions::new().propose(other), NOW, random);
        let expected = tree::Violation::UnsupportedProposalType;
        assert_eq!(broken(error(made)), BrokenRule::Tree(expected, None), "{value:#06x}");
    }
}

#[test]
fn unknown_extensions_are_kept_to_the_byte_and_otherwise_ignored() {
    let mut people = group_of(&["alice", "bob"], form(FORMS[0]));
    let mut carol = Person::new("carol", supporting());
    let options = KeyPackageOptions {
        extensions: Extensions(vec![extension(b"of the key package")]),
        leaf_extensions: Extensions(vec![
            extension(b"of the leaf"),
            Extension::new(ExtensionType::APPLICATION_ID, &codec::Opaque::from(b"carol's phone")),
        ]),
        ..KeyPackageOptions::default()
    };
    let made = key_package(&mut carol, options);
    let leaf = made.leaf_node.clone();
    let sent = commit_to_all(&mut people, 0, CommitOptions::new().add_member(made));
    carol.join(&sent.welcomes[0]);
    people.push(carol);
    for person in &mut people {
        let member = person.group().member(2).unwrap();
        assert_eq!(*member.leaf, leaf);
        assert_eq!(member.leaf.extensions.find(OWN), Some(b"of the leaf".as_slice()));
        assert_eq!(member.leaf.extensions.application_id(), Some(b"carol's phone".as_slice()));
    }
    // They stay when the leaf is renewed, until they are replaced.
    commit_to_all(&mut people, 2, CommitOptions::new());
    assert_eq!(people[0].group().member(2).unwrap().leaf.extensions, leaf.extensions);
    let extensions = Some(Extensions(vec![extension(b"replaced")]));
    let leaf = LeafChanges { extensions: extensions.clone(), ..LeafChanges::default() };
    commit_to_all(&mut people, 2, CommitOptions { leaf, ..CommitOptions::new() });
    assert_eq!(Some(&people[0].group().member(2).unwrap().leaf.extensions), extensions.as_ref());
    agree(&mut people);
}

#[test]
fn nobody_carries_extensions_that_it_does_not_support() {
    let mut people = group_of(&["alice", "bob"], form(FORMS[0]));
    let alice = &mut people[0];
    for in_leaf in [false, true] {
        let mut options = KeyPackageOptions::default();
        let list = if in_leaf { &mut options.leaf_extensions } else { &mut options.extensions };
        list.set(extension(b"unsupported"));
        let made = alice.client.key_package(alice.suite, options, NOW, &mut alice.random);
        assert_eq!(misuse(made), Misuse::NotInOwnCapabilities);
    }
    let changes = || LeafChanges {
        extensions: Some(Extensions(vec![extension(b"unsupported")])),
        ..LeafChanges::default()
    };
    let Person { group, random, .. } = alice;
    let group = group.as_mut().unwrap();
    let proposed = group.propose(Propose::Update(changes()), b"", NOW, random);
    assert_eq!(misuse(proposed), Misuse::NotInOwnCapabilities);
    let options = CommitOptions { leaf: changes(), ..CommitOptions::new() };
    assert_eq!(misuse(group.commit(options, NOW, random)), Misuse::NotInOwnCapabilities);
}

#[test]
fn required_capabilities_keep_out_who_lacks_them() {
    let required = RequiredCapabilities {
        extension_types: vec![OWN],
        proposal_types: vec![ProposalType(0xf042)],
        credential_types: vec![CredentialType::BASIC, CredentialType(0xf001)],
    };
    let extension = Extension::new(ExtensionType::REQUIRED_CAPABILITIES, &required);
    let demand = Propose::GroupContextExtensions(Extensions(vec![extension]));
    for handshakes in FORMS {
        let mut people = group_of(&["alice", "bob"], || supporting().handshakes(handshakes));
        // Together with the demand, whoever lacks it is not let in, by whichever order.
        let mut dave = Person::new("dave", Traits::new(1));
        let options = CommitOptions::new().add_member(dave.key_package()).propose(demand.clone());
        let expected = BrokenRule::Tree(tree::Violation::RequiredCapabilities, None);
        let Person { group, random, .. } = &mut people[0];
        let made = group.as_mut().unwrap().commit(options, NOW, random);
        assert_eq!(broken(error(made)), expected);
        commit_to_all(&mut people, 0, CommitOptions::new().propose(demand.clone()));
        let Person { group, random, .. } = &mut people[0];
        let options = CommitOptions::new().add_member(dave.key_package());
        let made = group.as_mut().unwrap().commit(options, NOW, random);
        assert_eq!(broken(error(made)), expected);
        add_to_all(&mut people, 1, vec![Person::new("carol", supporting())]);
        agree(&mut people);
    }
}

/// Someone who shows a credential of any type, who knows these types.
fn showing(name: &str, credential: Credential, types: &[CredentialType]) -> Person {
    let mut traits = Traits::new(1);
    traits.settings.credentials = types.to_vec();
    let mut person = Person::new(name, traits);
    let mut config = person.client.config().clone();
    config.credential = credential;
    person.client = Client::new(config);
    person
}

#[test]
fn credentials_of_every_type_are_carried_as_they_are() {
    let own_type = CredentialType(0xf001);
    let types = [CredentialType::BASIC, CredentialType::X509, own_type];
    let chain = Credential::X509(vec![b"end entity".into(), b"issuer".into()]);
    let opaque = Credential::Other(own_type, b"a credential of tomorrow".as_slice().into());
    let mut alice = showing("alice", Credential::basic(b"alice"), &types);
    alice.create();
    let mut people = vec![alice];
    let others = vec![
        showing("bob", chain.clone(), &types),
        showing("carol", opaque.clone(), &types),
        showing("dave", Credential::basic(b""), &types),
    ];
    add_to_all(&mut people, 0, others);
    people.iter_mut().for_each(Person::restart);
    for person in &mut people {
        let shown: Vec<_> = person.group().members().map(|it| it.leaf.credential.clone()).collect();
        let alices = Credential::basic(b"alice");
        assert_eq!(shown, [alices, chain.clone(), opaque.clone(), Credential::basic(b"")]);
    }
    agree(&mut people);
    // Whoever does not know a type in use cannot come in, from either side.
    let poor = &mut showing("erin", Credential::basic(b"erin"), &[CredentialType::BASIC]);
    let options = CommitOptions::new().add_member(poor.key_package());
    let Person { group, random, .. } = &mut people[0];
    let made = group.as_mut().unwrap().commit(options, NOW, random);
    let expected = tree::Violation::CredentialTypeNotSupportedByMembers;
    assert_eq!(broken(error(made)), BrokenRule::Tree(expected, None));
    let strange = Credential::Other(CredentialType(0xf002), b"?".as_slice().into());
    let strange = &mut showing("frank", strange, &types);
    let options = CommitOptions::new().add_member(strange.key_package());
    let Person { group, random, .. } = &mut people[0];
    let made = group.as_mut().unwrap().commit(options, NOW, random);
    assert_eq!(broken(error(made)), BrokenRule::Tree(expected, None));
}

/// A member that was told of new abilities shows them with its next leaf.
#[test]
fn what_a_client_learns_is_shown_with_its_next_leaf() {
    let mut people = group_of(&["alice", "bob"], form(FORMS[0]));
    for person in &mut people {
        let mut config = person.client.config().clone();
        config.settings.extensions = vec![OWN];
        person.client = Client::new(config);
        person.restart();
    }
    let change = || {
        let change = Propose::GroupContextExtensions(Extensions(vec![extension(b"new")]));
        CommitOptions { path: PathChoice::Always, ..CommitOptions::new().propose(change) }
    };
    let Person { group, random, .. } = &mut people[0];
    let made = group.as_mut().unwrap().commit(change(), NOW, random);
    assert!(matches!(made, Err(Error::Violation(_))), "Bob does not show it yet");
    commit_to_all(&mut people, 1, CommitOptions::new());
    commit_to_all(&mut people, 0, change());
    agree(&mut people);
}
