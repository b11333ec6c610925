//! Forged PrivateMessages: each is refused, and none moves a ratchet or burns a key.

use codec::{Decode, Encode};
use crypto::Signer;
use protection::{Error, Limit, MessageSecrets, PRIVATE_MESSAGE_BYTES_MAX, Violation};
use wire::{ContentType, PrivateMessage, SenderData};

use crate::epoch::{Epoch, application, application_ratchet};

/// Whoever receives a forged message is as ready for the genuine one afterwards as before.
fn refused(epoch: &Epoch, secrets: &mut MessageSecrets, message: &PrivateMessage) -> Error {
    secrets.secret_tree_mut().drain_changes();
    let ratchet = application_ratchet(epoch, 0);
    let before = secrets.secret_tree().next_generation(ratchet);
    let error = epoch.hear(secrets, message).expect_err("forged");
    assert!(secrets.secret_tree_mut().drain_changes().is_empty());
    assert_eq!(secrets.secret_tree().next_generation(ratchet), before);
    error
}

#[test]
fn a_member_cannot_speak_for_another_nor_burn_its_keys() {
    let epoch = Epoch::new(7);
    let (mut alice, mut bob) = (epoch.secrets(), epoch.secrets());
    let genuine = epoch.say(&mut alice, "hello");
    // Signed with the forger's own key, at generations used, next and ahead.
    for generation in [0, 1, 500] {
        let forged = epoch.forge(0, generation, &epoch.plaintext(1, "forged"));
        assert!(bob.unprotect(&epoch.suite, &forged).is_ok(), "it decrypts");
        let error = refused(&epoch, &mut bob, &forged);
        assert_eq!(error, Violation::InvalidSignature.into());
    }
    let heard = epoch.hear(&mut bob, &genuine).unwrap();
    assert_eq!(heard.content().content, application("hello"));

    // The same for the key of a skipped generation.
    let late = epoch.say(&mut alice, "late");
    let latest = epoch.say(&mut alice, "latest");
    epoch.hear(&mut bob, &latest).unwrap();
    let forged = epoch.forge(0, 1, &epoch.plaintext(1, "forged"));
    assert_eq!(refused(&epoch, &mut bob, &forged), Violation::InvalidSignature.into());
    let heard = epoch.hear(&mut bob, &late).unwrap();
    assert_eq!(heard.content().content, application("late"));
}

/// Edge of `Violation::InvalidSignature`.
#[test]
fn forging_with_the_right_key_is_the_genuine_message() {
    let epoch = Epoch::new(7);
    let message = epoch.forge(0, 3, &epoch.plaintext(0, "hello"));
    let heard = epoch.hear(&mut epoch.secrets(), &message).unwrap();
    assert_eq!(heard.content().content, application("hello"));
}

/// Edge of `Violation::ContentNotAuthentic`, `Violation::SenderDataNotAuthentic`.
#[test]
fn every_changed_byte_is_refused() {
    let epoch = Epoch::new(7);
    let (mut alice, mut bob) = (epoch.secrets(), epoch.secrets());
    let genuine = epoch.say(&mut alice, "hello");
    let mut opened = 0;
    for changed in testkit::mutations(&genuine.to_bytes()) {
        let Ok(changed) = PrivateMessage::from_bytes(&changed) else { continue };
        opened += 1;
        let error = refused(&epoch, &mut bob, &changed);
        let expected = if changed.ciphertext[..] == genuine.ciphertext[..]
            && changed.authenticated_data != genuine.authenticated_data
            || changed.ciphertext.get(..32) == genuine.ciphertext.get(..32)
                && changed.ciphertext != genuine.ciphertext
        {
            Violation::ContentNotAuthentic
        } else {
            Violation::SenderDataNotAuthentic
        };
        assert_eq!(error, expected.into());
    }
    assert!(opened > 1000, "{opened} changes left a well-formed message");
    assert!(epoch.hear(&mut bob, &genuine).is_ok());
}

/// Edge of `Violation::ReusedGeneration`.
#[test]
fn a_message_is_heard_once() {
    let epoch = Epoch::new(7);
    let (mut alice, mut bob) = (epoch.secrets(), epoch.secrets());
    let messages: Vec<_> = ["one", "two", "three"].map(|text| epoch.say(&mut alice, text)).into();
    for index in [2, 0, 1] {
        epoch.hear(&mut bob, &messages[index]).unwrap();
        let error = refused(&epoch, &mut bob, &messages[index]);
        assert_eq!(error, Violation::ReusedGeneration.into());
    }
    // Nobody decrypts its own messages: the keys went with the sending.
    let error = refused(&epoch, &mut alice, &messages[0]);
    assert_eq!(error, Violation::ReusedGeneration.into());
}

/// Edge of `Violation::NonzeroPadding`.
#[test]
fn padding_that_is_not_zero_is_refused() {
    let epoch = Epoch::new(7);
    let bob = &mut epoch.secrets();
    let plaintext = epoch.plaintext(0, "hello");
    let padded = [&plaintext[..], &[0; 300]].concat();
    assert!(epoch.hear(&mut epoch.secrets(), &epoch.forge(0, 0, &padded)).is_ok());
    for place in [plaintext.len(), padded.len() - 1] {
        let mut padded = padded.clone();
        padded[place] = 0x80;
        let error = refused(&epoch, bob, &epoch.forge(0, 0, &padded));
        assert_eq!(error, Violation::NonzeroPadding.into());
    }
}

#[test]
fn content_that_is_not_well_formed_is_refused() {
    let epoch = Epoch::new(7);
    let bob = &mut epoch.secrets();
    let plaintext = epoch.plaintext(0, "hello");
    for short in testkit::truncations(&plaintext) {
        let error = refused(&epoch, bob, &epoch.forge(0, 0, short));
        assert!(matches!(error, Error::Malformed(_)), "{error}");
    }
    assert!(epoch.hear(bob, &epoch.forge(0, 0, &plaintext)).is_ok());
}

/// Edge of `Violation::UnknownSender`.
#[test]
fn sender_data_names_a_leaf_of_the_tree_and_a_generation_in_reach() {
    let epoch = Epoch::new(7);
    let bob = &mut epoch.secrets();
    let genuine = epoch.forge(0, 0, &epoch.plaintext(0, "hello"));
    let named = |leaf_index, generation| {
        let mut message = genuine.clone();
        let sender = SenderData { leaf_index, generation, reuse_guard: [9; 4] };
        epoch.reseal(&mut message, &sender.to_bytes());
        message
    };
    for leaf in [2, u32::MAX] {
        assert_eq!(refused(&epoch, bob, &named(leaf, 0)), Violation::UnknownSender.into());
    }
    let last = refused(&epoch, bob, &named(0, u32::MAX));
    assert_eq!(last, Violation::LastGeneration.into());
    for far in [1001, u32::MAX - 1] {
        assert_eq!(refused(&epoch, bob, &named(0, far)), Limit::ForwardDistance.into());
    }
    // Within reach, but another key than the content's.
    for (leaf, generation) in [(1, 0), (0, 1000)] {
        let error = refused(&epoch, bob, &named(leaf, generation));
        assert_eq!(error, Violation::ContentNotAuthentic.into());
    }
    let mut malformed = genuine.clone();
    epoch.reseal(&mut malformed, &[0; 11]);
    assert!(matches!(refused(&epoch, bob, &malformed), Error::Malformed(_)));
    assert!(epoch.hear(bob, &named(0, 0)).is_ok());
    // The last leaf of the tree.
    let last = epoch.forge(1, 0, &epoch.plaintext(1, "hello"));
    let opened = epoch.secrets().unprotect(&epoch.suite, &last).unwrap();
    assert_eq!(opened.sender(), epoch.leaf(1));
}

#[test]
fn a_message_of_the_other_content_type_is_refused() {
    let epoch = Epoch::new(7);
    let bob = &mut epoch.secrets();
    let mut message = epoch.forge(0, 0, &epoch.plaintext(0, "hello"));
    message.content_type = ContentType::Proposal;
    let error = refused(&epoch, bob, &message);
    assert_eq!(error, Violation::SenderDataNotAuthentic.into());
    let sender = SenderData { leaf_index: 0, generation: 0, reuse_guard: [9; 4] };
    epoch.reseal(&mut message, &sender.to_bytes());
    let error = refused(&epoch, bob, &message);
    assert_eq!(error, Violation::ContentNotAuthentic.into());
}

#[test]
fn ciphertexts_and_sender_data_of_odd_lengths_are_refused() {
    let epoch = Epoch::new(7);
    let bob = &mut epoch.secrets();
    let genuine = epoch.forge(0, 0, &epoch.plaintext(0, "hello"));
    // Shorter than the sample and than an AEAD tag, with sender data that fits.
    for length in [0, 1, 15, 16, 31, 32] {
        let mut short = genuine.clone();
        short.ciphertext = genuine.ciphertext[..length].into();
        let sender = SenderData { leaf_index: 0, generation: 0, reuse_guard: [9; 4] };
        epoch.reseal(&mut short, &sender.to_bytes());
        let error = refused(&epoch, bob, &short);
        assert_eq!(error, Violation::ContentNotAuthentic.into());
    }
    for length in [0, 1, 15, 27, 29, 64, 65, 100_000] {
        let mut odd = genuine.clone();
        odd.encrypted_sender_data = vec![0; length].into();
        let error = refused(&epoch, bob, &odd);
        assert_eq!(error, Violation::SenderDataNotAuthentic.into());
    }
    let mut long = genuine.clone();
    long.authenticated_data = vec![0; PRIVATE_MESSAGE_BYTES_MAX].into();
    assert_eq!(refused(&epoch, bob, &long), Limit::MessageBytes.into());
}

#[test]
fn the_context_that_the_signature_covers_is_checked() {
    let epoch = Epoch::new(7);
    let bob = epoch.secrets();
    let message = epoch.forge(0, 0, &epoch.plaintext(0, "hello"));
    let key = epoch.members[0].public_key();
    let verify = |context: &wire::GroupContext| {
        let opened = bob.unprotect(&epoch.suite, &message).unwrap();
        opened.verify(&epoch.suite, key, context).map(|_| ()).unwrap_err()
    };
    let mut context = epoch.context.clone();
    context.tree_hash = crypto::Digest::new(&[1; 32]).unwrap();
    assert_eq!(verify(&context), Violation::InvalidSignature.into());
    context.epoch = 8;
    assert_eq!(verify(&context), Violation::WrongEpoch.into());
    context.group_id = b"other".into();
    assert_eq!(verify(&context), Violation::WrongGroup.into());
}
