//! No `Debug` output shows a secret or what was encrypted: of every public type that has one and
//! can hold either.

use std::fmt::Debug;

use mls::{
    CommitOptions, Crypto, ExternalJoinOptions, GroupInfoOptions, GroupParams, KeyPackageOptions,
    LeafChanges, NewCommit, Propose, Received, SignatureKeyPair,
};
use testkit::{NOW, Person, Traits};

use crate::erasure_trace::{Trace, TracingProvider};

/// Picks [`ByDebug`] for what has a `Debug`, else [`ByNothing`], which is one reference further
/// away.
struct Shown<'a, T>(&'a T);

trait ByDebug {
    fn shown(&self) -> Option<String>;
}

impl<T: Debug> ByDebug for Shown<'_, T> {
    fn shown(&self) -> Option<String> {
        Some(format!("{:?} {:#?}", self.0, self.0))
    }
}

trait ByNothing {
    fn shown(&self) -> Option<String>;
}

impl<T> ByNothing for &Shown<'_, T> {
    fn shown(&self) -> Option<String> {
        None
    }
}

/// What is shown of each value; `None` for types without `Debug`.
macro_rules! shown {
    ($($value:expr),* $(,)?) => {
        [$((stringify!($value), (&Shown(&$value)).shown())),*]
    };
}

const TEXT: &str = "for nobody else's eyes";

/// How bytes look when they are shown: hexadecimal digits, or a list of numbers in one line or
/// many.
fn looks(secret: &[u8]) -> [String; 3] {
    let numbers = |separator: &str| {
        let numbers: Vec<_> = secret[..6].iter().map(u8::to_string).collect();
        numbers.join(separator)
    };
    [testkit::to_hex(&secret[..6]), numbers(", "), numbers(",\n")]
}

/// The secrets of a trace; what HMAC computes as a tag is none.
fn secrets(trace: &Trace) -> Vec<Vec<u8>> {
    let mac_keys = ["confirm", "membership"].map(|label| trace.labelled(label));
    let is_tag = |from| mac_keys.iter().any(|keys| keys.contains(from));
    let secrets = trace.derived.iter().filter(|derived| !is_tag(&derived.from));
    let secrets = secrets.map(|derived| derived.secret.clone());
    secrets.filter(|secret| secret.iter().any(|&byte| byte != 0)).collect()
}

fn assert_shows_nothing(shown: &[(&str, Option<String>)], secrets: &[Vec<u8>]) {
    let looks: Vec<String> = secrets.iter().flat_map(|secret| looks(secret)).collect();
    let text = looks_of_text();
    for (name, shown) in shown {
        let Some(shown) = shown else { continue };
        let compact: String = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        for look in looks.iter().chain(&text) {
            assert!(!shown.contains(look) && !compact.contains(look), "{name} shows a secret");
        }
    }
}

fn looks_of_text() -> Vec<String> {
    looks(TEXT.as_bytes()).into_iter().chain([TEXT.to_owned()]).collect()
}

#[test]
fn the_search_finds_what_is_shown() {
    let bytes = [200, 1, 2, 3, 4, 5, 6];
    let opaque: codec::Opaque = bytes.to_vec().into();
    for shown in [format!("{bytes:?}"), format!("{opaque:?}"), format!("{bytes:#?}")] {
        let compact: String = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(looks(&bytes).iter().any(|look| compact.contains(look)), "{shown}");
    }
    let [(_, text), (_, nothing)] = shown![TEXT, NewCommitLike];
    assert!(text.is_some_and(|text| text.contains(TEXT)) && nothing.is_none());
}

/// A type without `Debug`.
struct NewCommitLike;

type Looks = Vec<(&'static str, Option<String>)>;

/// A commit, a Welcome, a message, a proposal: sent and received.
fn within_the_group(alice: &mut Person, bob: &mut Person, looks: &mut Looks) {
    alice.create();
    let key_package = bob.key_package();
    let options = CommitOptions::new().add_member(key_package.clone());
    let NewCommit { pending, commit, welcomes, .. } = alice.commit(options);
    let id = pending.id();
    looks.extend(shown![pending, id, commit, welcomes, key_package]);
    let change = alice.advance(pending);
    bob.join(&welcomes[0].0);
    let message = alice.say(TEXT);
    let Received::Application(heard) = bob.process(&message) else { panic!("not heard") };
    assert_eq!(heard.data, TEXT.as_bytes());
    let errors = [&message, &welcomes[0].0].map(|message| bob.group().process(message, NOW).err());
    assert!(errors.iter().all(Option::is_some));
    let update = Propose::Update(LeafChanges::default());
    let Person { group, random, .. } = bob;
    let effect = group.as_mut().unwrap().propose(update.clone(), b"", NOW, random).unwrap();
    looks.extend(shown![effect, update]);
    let proposal = effect.save(&mut bob.store).unwrap();
    let Received::Proposal(received) = alice.process(&proposal) else { panic!("no proposal") };
    looks.extend(shown![change, message, heard, errors, proposal, received]);
}

/// What a group and its client show of themselves, and what a joiner from outside makes.
fn around_the_group(alice: &mut Person, carol: &mut Person, looks: &mut Looks) {
    let options = GroupInfoOptions { ratchet_tree: true, external_pub: true };
    let Person { client, store, group, random, .. } = alice;
    let group = group.as_ref().unwrap();
    let info = group.group_info(options, random).unwrap();
    let join_options = ExternalJoinOptions::default();
    looks.extend(shown![join_options, options, KeyPackageOptions::default()]);
    let join = carol.client.join_external(&carol.store, &info, join_options, NOW, random);
    let (join, delta) = join.unwrap().into_parts();
    looks.extend(shown![info, join, delta, delta.changes()]);
    let exported = group.export("label", b"context", 32).unwrap();
    let suite = group.suite().clone();
    let signer = SignatureKeyPair::generate(&suite, random).unwrap();
    let key_pair = suite.generate_key_pair(random).unwrap();
    looks.extend(shown![exported, suite, signer, key_pair]);
    let rows: Vec<_> = store.rows().collect();
    let member = group.member(0).unwrap();
    looks.extend(shown![rows, *store, *client, client.settings(), CommitOptions::new()]);
    looks.extend(shown![*group, group.status(), member, group.context(), group.ratchet_tree()]);
    looks.extend(shown![GroupParams::new(suite.id()), LeafChanges::default()]);
}

#[test]
fn debug_output_shows_neither_secrets_nor_what_was_encrypted() {
    let provider = TracingProvider::new();
    let traits = || Traits { crypto: Crypto::new(provider.clone()), ..Traits::new(1) };
    let [mut alice, mut bob, mut carol] =
        ["alice", "bob", "carol"].map(|name| Person::new(name, traits()));
    let mut looks = Looks::new();
    within_the_group(&mut alice, &mut bob, &mut looks);
    around_the_group(&mut alice, &mut carol, &mut looks);
    let secrets = secrets(&provider.trace());
    assert!(secrets.len() > 100);
    assert_shows_nothing(&looks, &secrets);
    // Messages and key packages do have a `Debug`; without any, this test would show nothing.
    let count = looks.iter().filter(|(_, shown)| shown.is_some()).count();
    assert!(count > 15, "{count}");
}
