//! The key schedule: tags, welcomes, exporters, external initialization, storage.

use codec::{Decode, Encode};
use crypto::{Crypto, Secret, Suite};
use crypto_aws_lc::SystemRandom;
use treekem::{
    CommitSecret, EpochSecrets, Error, InitSecret, JoinerSecret, MemberSecret, PskSecret,
    Violation, WelcomeSecret,
};

fn suite() -> Suite {
    Crypto::new(crypto_aws_lc::provider()).suite(crypto::CipherSuite(1)).unwrap()
}

fn new_epoch(suite: &Suite) -> EpochSecrets {
    EpochSecrets::for_new_group(suite, &mut SystemRandom).unwrap()
}

#[test]
fn two_new_groups_share_no_secret() {
    let suite = suite();
    let (one, other) = (new_epoch(&suite), new_epoch(&suite));
    assert_ne!(one.init_secret(), other.init_secret());
    assert_ne!(one.epoch_authenticator(), other.epoch_authenticator());
}

/// Edge of `Violation::WrongConfirmationTag`.
#[test]
fn only_the_right_confirmation_tag_is_accepted() {
    let suite = suite();
    let secrets = new_epoch(&suite);
    let tag = secrets.confirmation_tag(&suite, b"hash").unwrap().into_opaque();
    let verify = |hash: &[u8], tag: &[u8]| secrets.verify_confirmation_tag(&suite, hash, tag);
    assert_eq!(verify(b"hash", &tag).unwrap().as_opaque(), &tag);

    let wrong = Some(Error::Violation(Violation::WrongConfirmationTag));
    assert_eq!(verify(b"other hash", &tag).err(), wrong);
    assert_eq!(verify(b"hash", &tag[1..]).err(), wrong);
    assert_eq!(verify(b"hash", &[]).err(), wrong);
    let mut flipped = tag.as_slice().to_vec();
    flipped[0] ^= 1;
    assert_eq!(verify(b"hash", &flipped).err(), wrong);
}

#[test]
fn the_encryption_secret_is_taken_once_and_then_not_stored() {
    let suite = suite();
    let mut secrets = new_epoch(&suite);
    let taken = secrets.take_encryption_secret().unwrap();
    assert_eq!(secrets.take_encryption_secret(), None);
    let stored = Secret::encoding(&secrets);
    assert!(!stored.expose().windows(taken.len()).any(|window| window == taken.expose()));
    let mut loaded = EpochSecrets::from_bytes(stored.expose()).unwrap();
    assert_eq!(loaded.take_encryption_secret(), None);
    assert_eq!(Secret::encoding(&loaded), stored);
}

#[test]
fn a_stored_joiner_secret_loads_unchanged() {
    let joiner = JoinerSecret::from(Secret::from_slice(&[7; 32]));
    assert_eq!(JoinerSecret::from_bytes(&joiner.to_bytes()).unwrap(), joiner);
}

fn member_secret(suite: &Suite, psk_secret: &PskSecret) -> MemberSecret {
    let joiner = JoinerSecret::from(Secret::from_slice(&[7; 32]));
    joiner.member_secret(suite, psk_secret).unwrap()
}

/// Edge of `Violation::GroupInfoUndecryptable`.
#[test]
fn a_group_info_opens_only_with_the_same_secrets_and_unchanged() {
    let suite = suite();
    let welcome_secret = |psk_secret: &PskSecret| -> WelcomeSecret {
        member_secret(&suite, psk_secret).welcome_secret(&suite).unwrap()
    };
    let none = PskSecret::none(&suite);
    let sealed = welcome_secret(&none).seal(&suite, b"group info").unwrap();
    let opened = welcome_secret(&none).open(&suite, &sealed).unwrap();
    assert_eq!(opened.expose(), b"group info");

    let refused = Some(Error::Violation(Violation::GroupInfoUndecryptable));
    let other = PskSecret::from(Secret::from_slice(&[1; 32]));
    assert_eq!(welcome_secret(&other).open(&suite, &sealed).err(), refused);
    assert_eq!(welcome_secret(&none).open(&suite, &sealed[1..]).err(), refused);
    assert_eq!(welcome_secret(&none).open(&suite, &[]).err(), refused);
}

#[test]
fn each_input_of_the_key_schedule_changes_the_epoch() {
    let suite = suite();
    let authenticator = |init: u8, commit: u8, psk: u8, context: &[u8]| {
        let value = |byte| Secret::from_slice(&[byte; 32]);
        let (init, commit) = (value(init).into(), value(commit).into());
        let joiner = JoinerSecret::derive(&suite, &init, &commit, context).unwrap();
        let member = joiner.member_secret(&suite, &value(psk).into()).unwrap();
        let secrets = member.into_epoch_secrets(&suite, context).unwrap();
        secrets.epoch_authenticator().duplicate()
    };
    let base = authenticator(0, 0, 0, b"context");
    assert_eq!(base, authenticator(0, 0, 0, b"context"));
    assert_ne!(base, authenticator(1, 0, 0, b"context"));
    assert_ne!(base, authenticator(0, 1, 0, b"context"));
    assert_ne!(base, authenticator(0, 0, 1, b"context"));
    assert_ne!(base, authenticator(0, 0, 0, b"other context"));
}

#[test]
fn a_commit_without_path_adds_zeros_of_the_hash_length() {
    let crypto = Crypto::new(crypto_aws_lc::provider());
    for suite in crypto.suites().filter_map(|id| crypto.suite(id)) {
        let commit_secret = CommitSecret::without_path(&suite);
        assert_eq!(commit_secret.as_secret().expose(), vec![0; suite.hash_length()]);
    }
}

#[test]
fn an_exported_secret_depends_on_label_context_and_length() {
    let suite = suite();
    let secrets = new_epoch(&suite);
    let export = |label, context, length| secrets.export(&suite, label, context, length).unwrap();
    let base = export("label", b"context", 32);
    assert_eq!(base, export("label", b"context", 32));
    assert_ne!(base, export("other", b"context", 32));
    assert_ne!(base, export("label", b"other", 32));
    assert_ne!(base.expose(), &export("label", b"context", 64).expose()[..32]);
    // HKDF gives at most 255 blocks.
    assert!(secrets.export(&suite, "label", b"", 255 * 32).is_ok());
    assert!(matches!(secrets.export(&suite, "label", b"", 255 * 32 + 1), Err(Error::Crypto(_))));
    assert!(matches!(secrets.export(&suite, "label", b"", 1 << 16), Err(Error::Crypto(_))));
}

/// Edge of `Violation::ExternalInitUndecapsulable`, `Violation::ExternalPubInvalid`.
#[test]
fn an_external_joiner_and_the_members_agree_on_the_init_secret() {
    let crypto = Crypto::new(crypto_aws_lc::provider());
    for suite in crypto.suites().filter_map(|id| crypto.suite(id)) {
        let members = new_epoch(&suite);
        let external_pub = members.external_key_pair(&suite).unwrap().public_key;
        let (kem_output, sent) =
            InitSecret::send_external(&suite, &external_pub, &mut SystemRandom).unwrap();
        assert_eq!(members.receive_external_init(&suite, &kem_output).unwrap(), sent);
        // Another epoch's key gives another secret.
        let others = new_epoch(&suite).receive_external_init(&suite, &kem_output).unwrap();
        assert_ne!(others, sent);
    }
}

#[test]
fn a_malformed_kem_output_or_external_pub_is_the_peers_fault() {
    let crypto = Crypto::new(crypto_aws_lc::provider());
    for suite in crypto.suites().filter_map(|id| crypto.suite(id)) {
        let secrets = new_epoch(&suite);
        let length = secrets.external_key_pair(&suite).unwrap().public_key.as_slice().len();
        for forged in [vec![], vec![0; length], vec![4; length - 1], vec![4; length + 1]] {
            let received = secrets.receive_external_init(&suite, &forged).err();
            assert_eq!(received, Some(Violation::ExternalInitUndecapsulable.into()));
            let sent = InitSecret::send_external(&suite, &forged.into(), &mut SystemRandom).err();
            assert_eq!(sent, Some(Violation::ExternalPubInvalid.into()));
        }
    }
}
