//! Private messages between members: sending, order, loss, restarts, limits.

use std::collections::{BTreeMap, BTreeSet};

use codec::Opaque;
use crypto::{CryptoError, Random};
use protection::{
    Error, Limit, MessageSecrets, Misuse, PRIVATE_MESSAGE_BYTES_MAX, PaddingPolicy, RatchetLimits,
    SecretTree, SecretTreeRow, Violation,
};
use testkit::SeededRandom;
use wire::{Content, Sender, WireFormat};

use crate::epoch::{Epoch, add, application, application_ratchet, commit, lose_a_message, remove};

const PRIVATE: WireFormat = WireFormat::PRIVATE_MESSAGE;

#[test]
fn messages_are_heard_in_any_order_and_despite_loss() {
    let epoch = Epoch::new(7);
    let (mut alice, mut bob) = (epoch.secrets(), epoch.secrets());
    let texts: Vec<String> = (0..40).map(|number| format!("message {number}")).collect();
    let mut messages: Vec<_> = texts
        .iter()
        .map(|text| {
            lose_a_message(&epoch, &mut alice);
            (text, epoch.say(&mut alice, text))
        })
        .collect();
    let mut random = SeededRandom::new(2);
    while !messages.is_empty() {
        let next = usize::try_from(random.next_u64() % 1024).unwrap() % messages.len();
        let (text, message) = messages.swap_remove(next);
        let heard = epoch.hear(&mut bob, &message).unwrap();
        assert_eq!(heard.content().content, application(text));
        assert_eq!(heard.content().authenticated_data, b"authenticated".into());
    }
    assert_eq!(bob.secret_tree().skipped_count(), 40, "the lost ones");
}

#[test]
fn proposals_and_commits_use_the_handshake_ratchet() {
    let epoch = Epoch::new(7);
    let (mut alice, mut bob) = (epoch.secrets(), epoch.secrets());
    let random = &mut SeededRandom::new(3);
    for (generation, content) in [add(), commit(), remove()].into_iter().enumerate() {
        let signed = epoch.signed(0, PRIVATE, epoch.framed(Sender::Member(0), content));
        let policy = PaddingPolicy::None;
        let message = alice.protect(&epoch.suite, signed.clone(), policy, random).unwrap();
        let opened = bob.unprotect(&epoch.suite, &message).unwrap();
        assert_eq!(usize::try_from(opened.generation()), Ok(generation));
        assert_eq!(opened.content().sender(), Sender::Member(0));
        drop(opened);
        assert_eq!(epoch.hear(&mut bob, &message).unwrap().authenticated(), &signed);
    }
    assert_eq!(bob.secret_tree().next_generation(application_ratchet(&epoch, 0)), 0);
}

#[test]
fn short_messages_all_look_alike() {
    let epoch = Epoch::new(7);
    let mut alice = epoch.secrets();
    let mut length = |text: &str| epoch.say(&mut alice, text).ciphertext.len();
    assert_eq!(length("no"), length("yes, and here is why, at some length"));
    assert_eq!(length(""), 256 + 16);
    assert!(length(&"a".repeat(500)) > 500);
}

/// The store of a client, and a client that forgets everything else.
struct Stored<'a> {
    epoch: &'a Epoch,
    rows: BTreeMap<SecretTreeRow, Vec<u8>>,
}

impl Stored<'_> {
    fn save(&mut self, secrets: &mut MessageSecrets) {
        for (row, bytes) in secrets.secret_tree_mut().drain_changes() {
            match bytes {
                Some(bytes) => self.rows.insert(row, bytes.expose().to_vec()),
                None => self.rows.remove(&row),
            };
        }
    }

    fn load(&self) -> MessageSecrets {
        let rows = self.rows.iter().map(|(row, bytes)| (*row, bytes));
        let limits = RatchetLimits::default();
        let tree = SecretTree::from_rows(self.epoch.size(), limits, rows).unwrap();
        MessageSecrets::new(self.epoch.sender_data_secret(), tree)
    }
}

#[test]
fn a_restart_after_every_message_changes_nothing() {
    let epoch = Epoch::new(7);
    let mut stores = [(); 2].map(|()| Stored { epoch: &epoch, rows: BTreeMap::new() });
    for store in &mut stores {
        store.save(&mut epoch.secrets());
    }
    let [alice, bob] = &mut stores;
    let mut sent = Vec::new();
    for number in 0..20 {
        let mut secrets = alice.load();
        sent.push(epoch.say(&mut secrets, &format!("message {number}")));
        alice.save(&mut secrets);
    }
    let hear = |bob: &mut Stored<'_>, number: usize| {
        let mut secrets = bob.load();
        let heard = epoch.hear(&mut secrets, &sent[number]).map(|heard| heard.into_inner());
        bob.save(&mut secrets);
        heard.map(|heard| heard.content.content)
    };
    for number in (0..20).step_by(2).chain((1..20).step_by(2).rev()) {
        let text = format!("message {number}");
        assert_eq!(hear(bob, number), Ok(application(&text)));
        assert_eq!(hear(bob, number), Err(Violation::ReusedGeneration.into()));
    }
    let ciphertexts: BTreeSet<&[u8]> =
        sent.iter().map(|message| message.ciphertext.as_slice()).collect();
    assert_eq!(ciphertexts.len(), sent.len());
}

#[test]
fn usage_counts_both_encryptions_of_every_message() {
    let epoch = Epoch::new(7);
    let mut alice = epoch.secrets();
    epoch.say(&mut alice, "hello");
    let usage = alice.secret_tree().usage();
    // AAD: "group" and "authenticated" with lengths, epoch and type are 29 bytes, twice.
    assert_eq!((usage.messages, usage.blocks), (1, 256 / 16 + 2 + 1 + 2));
    let mut bob = epoch.secrets();
    let message = epoch.say(&mut alice, "hello");
    epoch.hear(&mut bob, &message).unwrap();
    assert_eq!(bob.secret_tree().usage().messages, 0, "receiving is free");
}

#[test]
fn what_is_too_long_is_not_sent_and_padding_does_not_make_it_so() {
    let epoch = Epoch::new(7);
    let mut alice = epoch.secrets();
    let random = &mut SeededRandom::new(4);
    let mut protect = |data: Opaque, policy| {
        let mut content = epoch.framed(Sender::Member(0), application(""));
        content.authenticated_data = data;
        let signed = epoch.signed(0, PRIVATE, content);
        alice.protect(&epoch.suite, signed, policy, random)
    };
    // Plaintext: an empty vector, a signature with its length, and the AEAD's tag; then the group.
    let rest = PRIVATE_MESSAGE_BYTES_MAX - (1 + 2 + 64 + 16 + 5);
    let longest = protect(vec![0; rest].into(), PaddingPolicy::Padme).unwrap();
    assert_eq!(longest.ciphertext.len(), 1 + 2 + 64 + 16);
    let longer = protect(vec![0; rest + 1].into(), PaddingPolicy::None).map(|_| ());
    assert_eq!(longer, Err(Limit::MessageBytes.into()));
    assert!(epoch.hear(&mut epoch.secrets(), &longest).is_ok());
}

struct NoRandomness;

impl Random for NoRandomness {
    fn fill(&mut self, _: &mut [u8]) -> Result<(), CryptoError> {
        Err(CryptoError::Random)
    }
}

#[test]
fn what_cannot_be_sent_uses_no_generation() {
    let epoch = Epoch::new(7);
    let mut alice = epoch.secrets();
    alice.secret_tree_mut().drain_changes();
    let mut refused = |signed, random: &mut dyn Random| {
        let policy = PaddingPolicy::default();
        let error = alice.protect(&epoch.suite, signed, policy, random).map(|_| ()).unwrap_err();
        assert!(alice.secret_tree_mut().drain_changes().is_empty());
        error
    };
    let random = &mut SeededRandom::new(5);
    let framed = |sender, content: Content| epoch.framed(sender, content);
    let member = Sender::Member(0);
    let signed = |format, sender, content| epoch.signed(0, format, framed(sender, content));
    let public = signed(WireFormat::PUBLIC_MESSAGE, member, add());
    assert_eq!(refused(public, random), Misuse::WireFormat.into());
    let outsider = signed(PRIVATE, Sender::External(0), add());
    let expected = Misuse::WouldViolate(Violation::OutsiderInPrivateMessage);
    assert_eq!(refused(outsider, random), expected.into());
    let stranger = signed(PRIVATE, Sender::Member(2), add());
    assert_eq!(refused(stranger, random), Misuse::UnknownLeaf.into());
    let mut untagged = signed(PRIVATE, member, commit());
    untagged.auth.confirmation_tag = None;
    assert_eq!(refused(untagged, random), Misuse::ConfirmationTag.into());
    let honest = signed(PRIVATE, member, application("hello"));
    let error = refused(honest, &mut NoRandomness);
    assert_eq!(error, Error::Crypto(CryptoError::Random));
}
