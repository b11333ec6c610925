//! Bugs that other implementations had in joining: versions, extensions, trees, keys of old epochs.

use std::sync::Arc;

use codec::{Decode, Encode};
use mls::{
    BrokenRule, CommitOptions, Error, Extension, ExtensionType, ExternalJoinOptions, GroupInfo,
    GroupInfoOptions, HandshakeFormat, MlsMessage, Propose, Received, Violation,
};
use testkit::forge::{Insider, WelcomeForge};
use testkit::{NOW, Person, SeededRandom, Traits, group_of};
use wire::{Proposal, ProposalOrRef, ProtocolVersion, RatchetTreeNodes};

use crate::hostile_view::{assert_group_works, broken_rule, rows};

fn traits() -> Traits {
    Traits::new(1).handshakes(HandshakeFormat::Public)
}

fn three() -> Vec<Person> {
    group_of(&["alice", "bob", "carol"], traits)
}

/// Why a newcomer does not join by an external commit.
fn join_refused(group_info: &MlsMessage) -> BrokenRule {
    let mut dave = Person::new("dave", traits());
    let Person { client, store, random, .. } = &mut dave;
    let options = ExternalJoinOptions::default();
    let joined = client.join_external(store, group_info, options, NOW, random);
    match joined.map(|_| ()).unwrap_err() {
        Error::Violation(rule) => rule,
        other => panic!("refused for another reason: {other}"),
    }
}

/// Why an invited newcomer does not join by a changed Welcome that Alice signs and confirms again.
fn welcome_refused(change: impl FnOnce(&mut GroupInfo)) -> BrokenRule {
    let mut people = three();
    let mut dave = Person::new("dave", traits());
    let key_package = dave.key_package();
    let sent = people[0].commit_and_advance(CommitOptions::new().add_member(key_package));
    let mut forge = WelcomeForge::open(&dave, &sent.welcomes[0], &[]);
    change(&mut forge.group_info);
    forge.confirm();
    forge.sign(&*people[0].signer());
    let forged = forge.seal(&mut SeededRandom::new(1));
    let before = rows(&dave);
    let rule = match dave.client.join(&dave.store, &forged, None, NOW).map(|_| ()).unwrap_err() {
        Error::Violation(rule) => rule,
        other => panic!("refused for another reason: {other}"),
    };
    assert!(rows(&dave) == before);
    dave.join(&sent.welcomes[0]);
    rule
}

/// Covers mls-rs #323: a slip in precedence let messages of another version pass.
#[test]
fn another_protocol_version_is_refused_wherever_it_stands() {
    let mut people = three();
    let said = people[0].say("hello").to_bytes();
    let key_package = Person::new("dave", traits()).key_package();
    for version in [0, 2, 3, 0x0100, 0x0a0a, u16::MAX] {
        let other = ProtocolVersion(version);
        let mut message = said.clone();
        message[..2].copy_from_slice(&version.to_be_bytes());
        assert!(MlsMessage::from_bytes(&message).is_err());

        let unsupported = BrokenRule::Group(Violation::UnsupportedVersion);
        let insider = Insider::of(&people[0]);
        let info = insider.group_info(|info| info.group_context.version = other);
        assert_eq!(join_refused(&info), unsupported);
        assert_eq!(welcome_refused(|info| info.group_context.version = other), unsupported);

        let mut key_package = key_package.clone();
        key_package.version = other;
        let add = CommitOptions::new().add_member(key_package);
        let Person { group, random, .. } = &mut people[0];
        let refused = group.as_mut().unwrap().commit(add, NOW, random).map(|_| ());
        let Err(Error::Violation(rule)) = refused else { panic!("accepted version {version}") };
        let expected = tree::Violation::KeyPackageVersionOrCipherSuite;
        assert_eq!(rule, BrokenRule::Tree(expected, None));
    }
    assert_group_works(&mut people);
}

/// Covers mls-rs #313: a type that occurs twice in a list of extensions.
#[test]
fn duplicate_extensions_are_refused_wherever_they_stand() {
    let duplicate = BrokenRule::Tree(tree::Violation::DuplicateExtension, None);
    let mut people = three();
    let twice = |extensions: &mut mls::Extensions| {
        let extension =
            Extension { extension_type: ExtensionType(0xf0f0), extension_data: b"data".into() };
        extensions.0.extend([extension.clone(), extension]);
    };
    let insider = Insider::of(&people[0]);
    // A GroupInfo, each of its own extensions, and the GroupContext in it.
    assert_eq!(join_refused(&insider.group_info(|info| twice(&mut info.extensions))), duplicate);
    for place in 0..2 {
        let info = insider.group_info(|info| {
            let again = info.extensions.0[place].clone();
            info.extensions.0.push(again);
        });
        assert_eq!(join_refused(&info), duplicate);
    }
    assert_eq!(welcome_refused(|info| twice(&mut info.extensions)), duplicate);
    assert_eq!(welcome_refused(|info| twice(&mut info.group_context.extensions)), duplicate);
    // A proposal to change those of the group, by reference and by value.
    let mut extensions = mls::Extensions::default();
    twice(&mut extensions);
    let proposal = Proposal::GroupContextExtensions(extensions);
    let framed = insider.content(wire::Content::Proposal(proposal.clone()));
    assert_eq!(broken_rule(&mut people[1], &insider.say_publicly(framed)), duplicate);
    let mut insider = insider;
    let mut draft = insider.draft(&[], true);
    draft.commit().proposals.push(ProposalOrRef::Proposal(Arc::new(proposal)));
    let forged = draft.finish(&insider);
    assert_eq!(broken_rule(&mut people[1], &insider.public(forged.content)), duplicate);
    // The leaf of a path.
    let mut draft = insider.draft(&[], true);
    draft.change_leaf(&insider, |leaf| {
        twice(&mut leaf.extensions);
        leaf.capabilities.extensions.push(ExtensionType(0xf0f0));
    });
    let forged = draft.finish(&insider);
    let rule = broken_rule(&mut people[1], &insider.public(forged.content));
    assert!(matches!(rule, BrokenRule::Tree(tree::Violation::DuplicateExtension, _)));
    assert_group_works(&mut people);
}

/// Covers mlspp #339: a tree without nodes.
#[test]
fn a_group_info_with_an_empty_or_blank_tree_is_refused() {
    let mut people = three();
    let insider = Insider::of(&people[0]);
    let with_tree = |nodes: RatchetTreeNodes| {
        insider.group_info(|info| {
            info.extensions.set(Extension::new(ExtensionType::RATCHET_TREE, &nodes));
        })
    };
    let empty = tree::Violation::EmptyRatchetTree;
    let rule = join_refused(&with_tree(RatchetTreeNodes(Vec::new())));
    assert_eq!(rule, BrokenRule::Tree(empty, None));
    for count in [1, 2, 3, 1000] {
        let rule = join_refused(&with_tree(RatchetTreeNodes(vec![None; count])));
        let trailing = tree::Violation::TrailingBlankNodes;
        assert_eq!(rule, BrokenRule::Tree(trailing, None));
    }
    assert_group_works(&mut people);
}

/// Covers mls-rs #286 for GroupInfos: a signer that no tree has.
#[test]
fn a_group_info_signed_by_a_leaf_that_does_not_exist_or_is_blank_is_refused() {
    let mut people = three();
    let insider = Insider::of(&people[0]);
    for signer in [3, 4, 7, 8, (1 << 31) - 1, 1 << 31, u32::MAX] {
        let expected = BrokenRule::Group(Violation::GroupInfoSigner);
        assert_eq!(join_refused(&insider.group_info(|info| info.signer = signer)), expected);
        // In the Welcome's tree leaf 3 is the joiner's own.
        let expected = match signer {
            3 => BrokenRule::Group(Violation::GroupInfoSignature),
            _ => expected,
        };
        assert_eq!(welcome_refused(|info| info.signer = signer), expected);
    }
    assert_group_works(&mut people);
}

/// Covers mls-rs #108: the key for external commits was that of an older epoch.
#[test]
fn each_epoch_has_an_external_key_of_its_own_that_works() {
    let mut people = three();
    let options = GroupInfoOptions { ratchet_tree: true, external_pub: true };
    let mut keys = Vec::new();
    let mut stale: Option<MlsMessage> = None;
    for round in 0..4 {
        let with_path = round % 2 == 0;
        let options_of_commit = CommitOptions {
            group_info: Some(options),
            path: if with_path { mls::PathChoice::Always } else { mls::PathChoice::IfRequired },
            ..CommitOptions::new().propose(Propose::ResumptionPsk {
                group_id: people[0].group().group_id().to_vec(),
                epoch: people[0].group().epoch(),
            })
        };
        let sent = people[0].commit_and_advance(options_of_commit);
        people[1..].iter_mut().for_each(|person| drop(person.follow(&sent.commit)));
        let from_commit = sent.group_info.unwrap();
        let Person { group, random, .. } = &mut people[1];
        let from_member = group.as_ref().unwrap().group_info(options, random).unwrap();
        let key = external_pub(&from_commit);
        assert_eq!(key, external_pub(&from_member));
        assert!(!keys.contains(&key));
        keys.push(key);
        // Whoever joins with it is in the group; with the one before, the commit is of the past.
        let mut dave = Person::new("dave", traits());
        let mut join = |info: &MlsMessage| {
            let Person { client, store, random, .. } = &mut dave;
            let options = ExternalJoinOptions::default();
            client.join_external(store, info, options, NOW, random).unwrap().save(store).unwrap()
        };
        if let Some(stale) = stale.replace(from_commit.clone()) {
            let commit = join(&stale).commit;
            let received = people[1].process(&commit);
            assert!(matches!(received, Received::OtherEpoch { .. }));
        }
        let commit = join(&from_commit).commit;
        assert!(matches!(people[1].process(&commit), Received::Commit(_)));
    }
    assert_group_works(&mut people);
}

fn external_pub(info: &MlsMessage) -> Vec<u8> {
    let mls::MlsMessageBody::GroupInfo(info) = &info.0 else { panic!("not a GroupInfo") };
    info.extensions.external_pub().unwrap().unwrap().external_pub.as_slice().to_vec()
}

/// Covers mls-rs #315, #342 and #352, wireapp/openmls #71 and core-crypto 7.0.2: parent hashes and
/// trees that went wrong as members came and went. Whoever joins verifies the whole tree.
#[test]
fn whoever_joins_after_any_history_finds_the_tree_in_order() {
    for seed in 0..2 {
        let random = &mut SeededRandom::new(seed);
        let mut people = group_of(&["0", "1", "2", "3", "4"], traits);
        for number in 5..30_u32 {
            let committer = random.below(people.len());
            let mut options = CommitOptions::new();
            let mut leaving = Vec::new();
            for index in 0..people.len() {
                if index != committer && people.len() > 3 && random.below(6) == 0 {
                    options = options.remove_member(people[index].group().own_leaf());
                    leaving.push(index);
                }
            }
            let mut joining: Vec<Person> = Vec::new();
            for count in 0..random.below(4) {
                let mut new = Person::new(&format!("{seed} {number} {count}"), traits());
                options = options.add_member(new.key_package());
                joining.push(new);
            }
            let sent = people[committer].commit_and_advance(options);
            for (index, person) in people.iter_mut().enumerate().filter(|(it, _)| *it != committer)
            {
                let change = person.follow(&sent.commit);
                assert_eq!(change.self_removed, leaving.contains(&index));
            }
            for index in leaving.into_iter().rev() {
                people.remove(index);
            }
            joining.iter_mut().for_each(|new| new.join(&sent.welcomes[0]));
            people.extend(joining);
        }
        assert!(people.len() > 1);
        assert_group_works(&mut people);
    }
}
