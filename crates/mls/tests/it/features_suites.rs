//! Suites and backends: an own suite, two backends in one group, exporters, the limit of an AEAD.

use crypto::{AeadId, HashAlgorithm, KemId, SignatureScheme, SuiteParams};
use mls::{
    CipherSuite, CommitOptions, Crypto, Error, HandshakeFormat, Limit, PathChoice, Propose,
    ProtectionLimit,
};
use testkit::{NOW, Person, Traits, group_of};

use crate::features_world::{
    FORMS, add_to_all, agree, commit_to_all, external_commit, form, group_info, leaf_of,
    propose_to_all,
};
use crate::rules_refusal::error;

/// P-384 with ChaCha20-Poly1305, in the range for private use: no part is new, the whole is.
const OWN_SUITE: SuiteParams = SuiteParams {
    id: CipherSuite(0xf123),
    kem: KemId::DHKEM_P384_HKDF_SHA384,
    hash: HashAlgorithm::Sha384,
    aead: AeadId::CHACHA20_POLY1305,
    aead_key_length: 32,
    aead_nonce_length: 12,
    signature: SignatureScheme::ED25519,
    aead_messages_log2_max: 31,
};

/// Everything that can happen to a group, once.
fn whole_life(mut people: Vec<Person>, mut newcomer: Person) {
    agree(&mut people);
    propose_to_all(&mut people, 1, Propose::Update(Default::default()));
    commit_to_all(&mut people, 0, CommitOptions::new());
    agree(&mut people);
    let info = group_info(&mut people[1]);
    let commit = external_commit(&mut newcomer, &info, Default::default());
    people.iter_mut().for_each(|person| drop(person.follow(&commit)));
    people.push(newcomer);
    agree(&mut people);
    let last = leaf_of(&people[1]);
    let sent = people[2].commit_and_advance(CommitOptions::new().remove_member(last));
    people[0].follow(&sent.commit);
    assert!(people[1].follow(&sent.commit).self_removed);
    people.remove(1);
    agree(&mut people);
}

#[test]
fn a_suite_of_the_applications_own_runs_a_whole_group() {
    for handshakes in FORMS {
        let traits = || {
            let mut traits = Traits::new(1).handshakes(handshakes);
            assert!(traits.crypto.register(OWN_SUITE));
            traits.suite = OWN_SUITE.id;
            traits
        };
        let people = group_of(&["alice", "bob"], traits);
        whole_life(people, Person::new("carol", traits()));
    }
}

#[test]
fn members_with_different_backends_share_a_group() {
    for suite in 1..=7 {
        let native = || Traits::new(suite);
        let pure =
            || Traits { crypto: Crypto::new(crypto_rustcrypto::provider()), ..Traits::new(suite) };
        let mut people = group_of(&["alice"], native);
        add_to_all(&mut people, 0, vec![Person::new("bob", pure())]);
        whole_life(people, Person::new("carol", pure()));
    }
}

#[test]
fn exporters_and_authenticators_are_equal_within_an_epoch_only() {
    let mut people = group_of(&["alice", "bob"], form(FORMS[0]));
    let mut seen = Vec::new();
    for _ in 0..3 {
        let [alice, bob] = people.as_mut_slice() else { panic!("two") };
        for (label, context, length) in [
            ("one", b"".as_slice(), 32),
            ("two", b"", 32),
            ("one", b"context", 32),
            ("one", b"", 100),
        ] {
            let mine = alice.group().export(label, context, length).unwrap();
            let yours = bob.group().export(label, context, length).unwrap();
            assert!(mine == yours);
            assert_eq!(mine.len(), length);
            seen.push(mine.expose().to_vec());
        }
        assert!(alice.group().epoch_authenticator() == bob.group().epoch_authenticator());
        seen.push(alice.group().epoch_authenticator().expose().to_vec());
        assert!(alice.group().export("one", b"", 255 * 32 + 1).is_err());
        commit_to_all(&mut people, 1, CommitOptions::new());
    }
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count, "no two are equal");
}

/// What a pending commit would export is what the epoch exports that it leads to.
#[test]
fn a_pending_commit_exports_the_secrets_of_its_epoch() {
    let mut people = group_of(&["alice", "bob"], form(FORMS[0]));
    let made = people[0].commit(CommitOptions::new());
    let suite = people[0].group().suite().clone();
    let before = made.pending.export(&suite, "label", b"context", 32).unwrap();
    people[0].advance(made.pending);
    people[1].follow(&made.commit);
    assert!(people[1].group().export("label", b"context", 32).unwrap() == before);
}

/// Section 15.2: a member that has encrypted as much as its AEAD allows says nothing more until the
/// epoch ends, which it can bring about itself.
#[test]
fn whoever_reached_the_limit_of_the_aead_commits_and_goes_on() {
    for handshakes in FORMS {
        let traits = || {
            let mut traits = Traits::new(1).handshakes(handshakes);
            let params = *traits.crypto.suite(CipherSuite(1)).unwrap().params();
            assert!(traits.crypto.register(SuiteParams { aead_messages_log2_max: 4, ..params }));
            traits
        };
        let mut people = group_of(&["alice", "bob"], traits);
        for number in 0..15 {
            let text = people[0].say(&number.to_string());
            assert_eq!(people[1].hear(&text), number.to_string());
        }
        for _ in 0..2 {
            let Person { group, random, .. } = &mut people[0];
            let said = group.as_mut().unwrap().protect(b"one more", b"", random);
            assert!(matches!(
                error(said),
                Error::Limit(Limit::Protection(ProtectionLimit::AeadUsage))
            ));
            // A restart forgets nothing.
            people[0].restart();
        }
        let made = people[0].commit(CommitOptions::new());
        if handshakes == HandshakeFormat::Private {
            let Person { group, random, .. } = &mut people[0];
            let another = group.as_mut().unwrap().commit(CommitOptions::new(), NOW, random);
            assert!(matches!(
                error(another),
                Error::Limit(Limit::Protection(ProtectionLimit::AeadUsage))
            ));
        }
        people[0].advance(made.pending);
        people[1].follow(&made.commit);
        agree(&mut people);
    }
}

/// The smallest commit there is serves, too: one Add, no path.
#[test]
fn an_epoch_without_new_keys_of_its_committer_still_has_new_secrets() {
    let mut people = group_of(&["alice", "bob"], form(FORMS[0]));
    let before = people[0].group().export("label", b"", 32).unwrap();
    let mut carol = Person::new("carol", Traits::new(1));
    let options = CommitOptions { path: PathChoice::IfRequired, ..CommitOptions::new() };
    let sent = commit_to_all(&mut people, 0, options.add_member(carol.key_package()));
    carol.join(&sent.welcomes[0]);
    assert!(carol.group().export("label", b"", 32).unwrap() != before);
    people.push(carol);
    agree(&mut people);
}
