//! Rules that are easily held a little too loosely: what does not count as proof, what a proposal
//! by itself must not do.

use std::sync::Arc;

use mls::{
    BrokenRule, Candidate, CipherSuite, Client, ClientConfig, CommitOptions, Error,
    ExternalCommitPolicy, GroupParams, IdentityPolicy, LeafOrigin, Limit, Misuse, Propose,
    ProtectionLimit, PskStore, Refusal, Secret, Violation,
};
use testkit::forge::Insider;
use testkit::{NOW, Person, Traits, group_of};
use wire::{
    Content, Credential, GROUP_ID_BYTES_MAX, Proposal, ProtocolVersion, PskKind, ReInit,
    ResumptionPskUsage,
};

use crate::features_world::agree;
use crate::hostile_view::{broken_rule, refusal};

/// Resumption PSKs of all groups are known and all alike.
struct Known;

impl PskStore for Known {
    fn external(&self, _: &[u8]) -> Option<Secret> {
        None
    }

    fn resumption(&self, _: &[u8], _: u64) -> Option<Secret> {
        Some(Secret::from_slice(&[7; 32]))
    }
}

/// Whoever has stolen a member's signature key may well be in another group with the others.
#[test]
fn a_resync_with_a_resumption_psk_of_another_group_is_refused() {
    let mut people = group_of(&["alice", "bob", "carol"], || {
        let mut traits = Traits::new(1);
        traits.settings.external_commits = ExternalCommitPolicy::ResyncWithPsk;
        traits
    });
    let config = people[1].client.config().clone();
    people[1].client = Client::new(ClientConfig { psks: Arc::new(Known), ..config });
    people[1].restart();
    let mut thief = Insider::of(&people[2]);
    let id = |psk_group_id: &[u8]| wire::PreSharedKeyId {
        kind: PskKind::Resumption {
            usage: ResumptionPskUsage::Application,
            psk_group_id: psk_group_id.into(),
            psk_epoch: 1,
        },
        psk_nonce: vec![0; 32].into(),
    };
    let (own, other) = (id(people[0].group().group_id()), id(b"another group"));
    let resumption = people[0].group().resumption_psk(1).unwrap().duplicate();
    let suite = people[0].group().suite().clone();
    for (psk, secret, accepted) in
        [(other, Secret::from_slice(&[7; 32]), false), (own, resumption, true)]
    {
        let list = [Proposal::Remove(2), Proposal::PreSharedKey(psk.clone())];
        let list = list.map(|proposal| thief.listed(proposal));
        let mut draft = thief.draft_external(&list);
        draft.set_psks(&suite, &[(psk, secret)]);
        let forged = draft.finish(&thief);
        let message = thief.public(forged.content);
        if accepted {
            people[1].process(&message);
        } else {
            let expected = BrokenRule::Group(Violation::ResyncWithoutPsk);
            assert_eq!(broken_rule(&mut people[1], &message), expected);
        }
    }
}

fn nobody_called_mallory() -> Arc<dyn IdentityPolicy> {
    Arc::new(|candidate: &Candidate<'_>| match (&candidate.leaf.credential, candidate.origin) {
        (Credential::Basic(name), LeafOrigin::Add) if **name == *b"mallory" => {
            assert_eq!(candidate.index.as_u32(), 2, "the next free place");
            Err(Refusal("mallory".into()))
        }
        _ => Ok(()),
    })
}

/// "External proposals that are not authorized are considered invalid" (section 12.1.8): who could
/// make one pending could keep members from sending.
#[test]
fn an_add_that_the_policy_refuses_is_refused_when_it_arrives() {
    let traits = || Traits { identity: nobody_called_mallory(), ..Traits::new(1) };
    let mut people = group_of(&["alice", "bob"], traits);
    let mut mallory = Person::new("mallory", Traits::new(1));
    let key_package = mallory.key_package();
    let context = people[0].group().context().clone();
    let asks = mallory.client.propose_self(&context, key_package.clone(), b"").unwrap();
    assert!(matches!(refusal(&mut people[0], &asks), Error::Refused(_)));
    assert!(people[0].group().pending_proposals().next().is_none());
    let Person { group, random, .. } = &mut people[0];
    let add = Propose::Add(Box::new(key_package));
    let refused = group.as_mut().unwrap().propose(add, b"", NOW, random).map(|_| ());
    assert!(matches!(refused, Err(Error::Refused(_))));
    agree(&mut people);
}

#[test]
fn an_external_init_of_a_member_is_refused_when_it_arrives() {
    let mut people = group_of(&["alice", "bob"], || Traits::new(1));
    let mut insider = Insider::of(&people[0]);
    let framed = insider.content(Content::Proposal(Proposal::ExternalInit(vec![4; 32].into())));
    let expected = BrokenRule::Tree(tree::Violation::ExternalInitByMember, None);
    let message = insider.say_privately(framed.clone());
    assert_eq!(broken_rule(&mut people[1], &message), expected);
    assert_eq!(broken_rule(&mut people[1], &insider.say_publicly(framed)), expected);
    assert!(people[1].group().pending_proposals().next().is_none());
}

/// Members may agree on a version that this library does not know, but it cannot make the group.
#[test]
fn a_group_of_a_later_version_is_not_made_as_one_of_this() {
    let mut people = group_of(&["alice"], || Traits::new(1));
    let reinit = |version| {
        Propose::Raw(Box::new(Proposal::ReInit(ReInit {
            group_id: vec![1, 2, 3].into(),
            version: ProtocolVersion(version),
            cipher_suite: CipherSuite(1),
            extensions: Default::default(),
        })))
    };
    people[0].commit_and_advance(CommitOptions::new().propose(reinit(2)));
    let Person { client, store, group, random, .. } = &mut people[0];
    let made = client.reinitialize(store, group.as_ref().unwrap(), Vec::new(), NOW, random);
    let expected = BrokenRule::Group(Violation::UnsupportedVersion);
    assert!(matches!(made.map(|_| ()), Err(Error::Violation(rule)) if rule == expected));
}

/// Longer than any vector can be: an error, not a panic.
#[test]
fn more_than_any_message_can_hold_is_refused_before_it_is_encoded() {
    let mut people = group_of(&["alice", "bob"], || Traits::new(1));
    let huge = vec![0; 1 << 30];
    let Person { group, random, .. } = &mut people[0];
    let group = group.as_mut().unwrap();
    let said = group.protect(b"", &huge, random).map(|_| ());
    assert!(matches!(said, Err(Error::Limit(Limit::Protection(ProtectionLimit::MessageBytes)))));
    let proposed = group.propose(Propose::Update(Default::default()), &huge, NOW, random);
    assert!(matches!(
        proposed.map(|_| ()),
        Err(Error::Limit(Limit::Protection(ProtectionLimit::MessageBytes)))
    ));
    drop(huge);
    agree(&mut people);
}

#[test]
fn a_group_is_not_made_with_an_id_that_nobody_reads() {
    let mut alice = Person::new("alice", Traits::new(1));
    for (length, fits) in [(GROUP_ID_BYTES_MAX, true), (GROUP_ID_BYTES_MAX + 1, false)] {
        let params =
            GroupParams { group_id: Some(vec![7; length]), ..GroupParams::new(CipherSuite(1)) };
        let Person { client, store, random, .. } = &mut alice;
        match client.create_group(store, params, NOW, random).map(|_| ()) {
            Ok(()) => assert!(fits),
            Err(Error::Misuse(misuse)) => {
                assert_eq!((fits, misuse), (false, Misuse::GroupIdTooLong))
            }
            Err(other) => panic!("{other}"),
        }
    }
}
