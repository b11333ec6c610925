//! Numbers and sizes at their end: refused by name, without overflow and without much memory.

use std::sync::Arc;

use codec::{Decode, Encode};
use mls::{
    BrokenRule, CommitOptions, Error, ExternalJoinOptions, HandshakeFormat, Limit, MlsMessage,
    MlsMessageBody, Propose, ProtectionLimit, RatchetLimits, Received, Settings, Violation,
};
use testkit::forge::{Insider, WelcomeForge};
use testkit::{NOW, Person, SeededRandom, Traits, group_of};
use wire::{Content, Proposal, ProposalOrRef, RatchetTreeNodes};

use crate::hostile_view::{assert_group_works, broken_rule, refusal};

fn traits() -> Traits {
    Traits::new(1).handshakes(HandshakeFormat::Public)
}

fn three() -> Vec<Person> {
    group_of(&["alice", "bob", "carol"], traits)
}

/// Alice, and Dave, who joins by a Welcome that she forges: the group is in this epoch.
fn join_in_epoch(epoch: u64) -> (Person, Person) {
    let mut people = three();
    let mut dave = Person::new("dave", traits());
    let key_package = dave.key_package();
    let sent = people[0].commit_and_advance(CommitOptions::new().add_member(key_package));
    let mut forge = WelcomeForge::open(&dave, &sent.welcomes[0], &[]);
    forge.group_info.group_context.epoch = epoch;
    forge.confirm();
    forge.sign(&*people[0].signer());
    dave.join(&forge.seal(&mut SeededRandom::new(1)));
    (people.swap_remove(0), dave)
}

/// The number of an epoch comes from whoever sends the Welcome or GroupInfo.
///
/// Edge of `Violation::LastEpoch`.
#[test]
fn the_last_epoch_is_not_left_and_the_one_before_is() {
    let (_, mut dave) = join_in_epoch(u64::MAX - 1);
    dave.commit_and_advance(CommitOptions::new());
    assert_eq!(dave.group().epoch(), u64::MAX);
    dave.restart();
    let said = dave.say("still here");
    assert!(matches!(dave.process(&said), Received::OwnMessage { epoch: u64::MAX }));
    let last = BrokenRule::Group(Violation::LastEpoch);
    let Person { group, random, .. } = &mut dave;
    let refused = group.as_mut().unwrap().commit(CommitOptions::new(), NOW, random).map(|_| ());
    assert!(matches!(refused, Err(Error::Violation(rule)) if rule == last));
    // Nor by somebody else's commit, nor by joining from outside.
    let (alice, mut dave) = join_in_epoch(u64::MAX);
    let mut insider = Insider::of(&dave);
    insider.signer = alice.signer();
    insider.leaf = dave.group().member(0).unwrap().index;
    insider.context.epoch = u64::MAX - 1;
    let mut draft = insider.draft(&[], true);
    insider.context.epoch = u64::MAX;
    draft.content.epoch = u64::MAX;
    let forged = draft.finish(&insider);
    assert_eq!(broken_rule(&mut dave, &insider.public(forged.content)), last);
    let info = insider.group_info(|_| {});
    let mut erin = Person::new("erin", traits());
    let Person { client, store, random, .. } = &mut erin;
    let options = ExternalJoinOptions::default();
    let joined = client.join_external(store, &info, options, NOW, random).map(|_| ());
    assert!(matches!(joined, Err(Error::Violation(rule)) if rule == last));
}

/// A message of eight megabytes; what it asks for is refused before it is done.
#[test]
fn a_commit_with_a_million_proposals_is_refused_by_the_first_that_is_wrong() {
    let people = &mut three();
    let mut insider = Insider::of(&people[0]);
    let many = |proposal: Proposal, count| {
        std::iter::repeat_n(ProposalOrRef::Proposal(Arc::new(proposal)), count)
    };
    let psk = wire::PreSharedKeyId {
        kind: wire::PskKind::External { psk_id: b"".into() },
        psk_nonce: vec![0; 32].into(),
    };
    let cases = [
        (Proposal::Remove(2), 1_000_000, tree::Violation::MultipleProposalsForLeaf),
        (Proposal::PreSharedKey(psk), 100_000, tree::Violation::DuplicatePsk),
        (
            Proposal::GroupContextExtensions(Default::default()),
            100_000,
            tree::Violation::MultipleGroupContextExtensions,
        ),
        (
            Proposal::Other(mls::ProposalType(0xf0f0), b"".into()),
            100_000,
            tree::Violation::UnsupportedProposalType,
        ),
    ];
    for (proposal, count, expected) in cases {
        let mut draft = insider.draft(&[], true);
        draft.commit().proposals.extend(many(proposal, count));
        let forged = insider.public(insider.sign(draft.wire_format, draft.content));
        let MlsMessageBody::PublicMessage(mut message) = forged.0 else { panic!("is public") };
        message.auth.confirmation_tag = Some(vec![0; 32].into());
        let content = wire::AuthenticatedContent {
            wire_format: wire::WireFormat::PUBLIC_MESSAGE,
            content: message.content,
            auth: message.auth,
        };
        let forged = insider.public(content);
        let rule = broken_rule(&mut people[1], &forged);
        assert_eq!(rule, BrokenRule::Tree(expected, None));
    }
    // By reference: the first one is not known.
    let mut draft = insider.draft(&[], true);
    let reference = mls::ProposalRef(mls::Digest::new(&[7; 32]).unwrap());
    let references = std::iter::repeat_n(ProposalOrRef::Reference(reference), 1_000_000);
    draft.commit().proposals.extend(references);
    let mut content = insider.sign(draft.wire_format, draft.content);
    content.auth.confirmation_tag = Some(vec![0; 32].into());
    let rule = broken_rule(&mut people[1], &insider.public(content));
    assert_eq!(rule, BrokenRule::Group(Violation::CommitOfUnknownProposal));
    assert_group_works(people);
}

/// A Welcome can come from anyone. The entry that counts is the last of many.
#[test]
fn a_welcome_with_a_million_entries_is_searched_and_joined_by() {
    let mut people = three();
    let mut dave = Person::new("dave", traits());
    let sent = people[0].commit_and_advance(CommitOptions::new().add_member(dave.key_package()));
    let MlsMessageBody::Welcome(genuine) = &sent.welcomes[0].0 else { panic!("is a Welcome") };
    let mut many = genuine.clone();
    let mut junk = genuine.secrets[0].clone();
    junk.new_member = mls::KeyPackageRef(mls::Digest::new(&[1; 32]).unwrap());
    junk.encrypted_group_secrets.ciphertext = Default::default();
    many.secrets = std::iter::repeat_n(junk, 1_000_000).collect();
    let none = MlsMessage(MlsMessageBody::Welcome(many.clone()));
    assert!(dave.client.examine_welcome(&dave.store, &none).unwrap().is_none());
    many.secrets.extend_from_slice(&genuine.secrets);
    dave.join(&MlsMessage(MlsMessageBody::Welcome(many)));
    people[1..].iter_mut().for_each(|person| drop(person.follow(&sent.commit)));
    people.push(dave);
    assert_group_works(&mut people);
}

/// Lengths are believed only as far as there are bytes, and a blank node is one byte.
#[test]
fn a_tree_that_declares_too_many_nodes_is_refused() {
    let mut people = three();
    let insider = Insider::of(&people[0]);
    let join = |tree: Vec<u8>| {
        let info = insider.group_info(|info| {
            let extension_type = mls::ExtensionType::RATCHET_TREE;
            let extension_data = tree.into();
            info.extensions.set(mls::Extension { extension_type, extension_data });
        });
        let mut erin = Person::new("erin", traits());
        let Person { client, store, random, .. } = &mut erin;
        let options = ExternalJoinOptions::default();
        client.join_external(store, &info, options, NOW, random).map(|_| ()).unwrap_err()
    };
    let declared = [0xbf, 0xff, 0xff, 0xff, 0];
    assert!(matches!(join(declared.to_vec()), Error::Malformed(_)));
    let blanks = |count| codec::Opaque::from(vec![0; count]).to_bytes();
    let most = 2 * wire::RATCHET_TREE_LEAVES_MAX;
    let Error::Malformed(error) = join(blanks(most + 1)) else { panic!("is too much") };
    assert_eq!(error.kind, codec::DecodeErrorKind::LimitExceeded("ratchet tree leaves"));
    let trailing = BrokenRule::Tree(tree::Violation::TrailingBlankNodes, None);
    assert!(matches!(join(blanks(most)), Error::Violation(rule) if rule == trailing));
    assert!(RatchetTreeNodes::from_bytes(&blanks(most)).is_ok());
    assert_group_works(&mut people);
}

fn with_settings(change: impl Fn(&mut Settings)) -> Vec<Person> {
    group_of(&["alice", "bob", "carol"], || {
        let mut traits = traits();
        change(&mut traits.settings);
        traits
    })
}

#[test]
fn as_many_proposals_as_the_setting_says_are_remembered_and_no_more() {
    let people = &mut with_settings(|settings| settings.proposals_max = 3);
    let mut insider = Insider::of(&people[0]);
    let mut propose = |number: u8| {
        let psk = wire::PreSharedKeyId {
            kind: wire::PskKind::External { psk_id: vec![number].into() },
            psk_nonce: vec![0; 32].into(),
        };
        let content = Content::Proposal(Proposal::PreSharedKey(psk));
        let framed = insider.content(content);
        insider.say_privately(framed)
    };
    (0..3).for_each(|number| drop(people[1].process(&propose(number))));
    let one_more = propose(3);
    let too_many = |error| matches!(error, Error::Limit(Limit::Proposals));
    assert!(too_many(refusal(&mut people[1], &one_more)));
    let Person { group, random, .. } = &mut people[1];
    let group = group.as_mut().unwrap();
    let refused = group.propose(Propose::Update(Default::default()), b"", NOW, random);
    assert!(too_many(refused.map(|_| ()).unwrap_err()));
    // Nobody has these keys: Bob's commit leaves the proposals out, and there is room again.
    let sent = people[1].commit_and_advance(CommitOptions::new());
    for other in [0, 2] {
        people[other].follow(&sent.commit);
    }
    assert_group_works(people);
}

#[test]
fn as_many_resumption_psks_as_the_setting_says_are_kept() {
    for kept in [0, 1, 2_u64] {
        let people = &mut with_settings(|settings| {
            settings.resumption_psks_max = usize::try_from(kept).unwrap();
        });
        (0..4).for_each(|_| assert_group_works(people));
        for _ in ["in memory", "in the store"] {
            let group = people[1].group();
            let epoch = group.epoch();
            for earlier in 0..=4 {
                let psk = group.resumption_psk(epoch - earlier);
                assert_eq!(psk.is_some(), earlier <= kept, "{earlier} epochs ago");
            }
            people[1].restart();
        }
    }
}

#[test]
fn as_many_past_epochs_as_the_setting_says_are_readable() {
    for kept in [0, 1, 3] {
        let people = &mut with_settings(|settings| settings.past_epochs_max = kept);
        let mut said = Vec::new();
        for _ in 0..4 {
            said.push(people[0].say("late"));
            let sent = people[0].commit_and_advance(CommitOptions::new());
            people[1..].iter_mut().for_each(|person| drop(person.follow(&sent.commit)));
        }
        people[1].restart();
        for (index, message) in said.iter().enumerate() {
            let received = people[1].process(message);
            let is_readable = matches!(received, Received::Application(_));
            assert_eq!(is_readable, 4 - index <= kept, "{} epochs ago", 4 - index);
        }
    }
}

#[test]
fn as_many_sent_messages_as_the_setting_says_are_recognised() {
    let people = &mut with_settings(|settings| settings.sent_messages_max = 3);
    let said: Vec<_> = (0..4).map(|number: u32| people[0].say(&number.to_string())).collect();
    people[0].restart();
    let echoes = said.iter().map(|message| people[0].group().process(message, NOW));
    assert_eq!(echoes.filter(Result::is_ok).count(), 3);
}

#[test]
fn a_ratchet_moves_as_far_forward_as_the_setting_says() {
    let people = &mut with_settings(|settings| {
        settings.ratchet_limits = RatchetLimits { forward_max: 5, ..RatchetLimits::default() };
    });
    let said: Vec<_> = (0..7).map(|number: u32| people[0].say(&number.to_string())).collect();
    let too_far = refusal(&mut people[1], &said[6]);
    assert!(matches!(too_far, Error::Limit(Limit::Protection(ProtectionLimit::ForwardDistance))));
    assert_eq!(people[1].hear(&said[5]), "5");
    assert_eq!(people[1].hear(&said[6]), "6");
    assert_eq!(people[1].hear(&said[0]), "0");
}

#[test]
fn settings_of_one_group_hold_at_once_and_in_the_next_epoch() {
    let people = &mut with_settings(|_| {});
    let ratchet_limits = RatchetLimits { forward_max: 2, ..RatchetLimits::default() };
    people[1].group().set_settings(Settings { ratchet_limits, ..Settings::default() });
    for _ in 0..2 {
        let said: Vec<_> = (0..4).map(|number: u32| people[0].say(&number.to_string())).collect();
        assert!(matches!(refusal(&mut people[1], &said[3]), Error::Limit(_)));
        assert_eq!(people[1].hear(&said[2]), "2");
        let sent = people[0].commit_and_advance(CommitOptions::new());
        people[1..].iter_mut().for_each(|person| drop(person.follow(&sent.commit)));
    }
}

/// More commits of one epoch than the keys of which are remembered.
#[test]
fn a_thousand_commits_of_one_epoch_are_looked_at_and_one_is_followed() {
    let people = &mut with_settings(|settings| {
        settings.ratchet_limits = RatchetLimits { forward_max: 2000, ..RatchetLimits::default() };
    });
    let mut insider = Insider::of(&people[0]);
    let mut draft = insider.draft(&[], true);
    draft.wire_format = wire::WireFormat::PRIVATE_MESSAGE;
    let forged = draft.finish(&insider);
    let mut last = None;
    for _ in 0..1030 {
        let commit = insider.private(&forged.content);
        let (received, delta) = people[1].group().process(&commit, NOW).unwrap().into_parts();
        assert!(delta.is_empty());
        last = Some(received);
    }
    let Some(Received::Commit(staged)) = last else { panic!("is a commit") };
    people[1].advance(*staged);
    let secrets = &forged.next.secrets;
    assert!(people[1].group().epoch_authenticator() == secrets.epoch_authenticator());
    people[1].restart();
    assert!(people[1].group().epoch_authenticator() == secrets.epoch_authenticator());
}
