//! Damaged chains: every truncation and every change of a byte is refused, and nothing panics.

use mls::{Credential, Decode, Encode};
use testkit::{NOW, byte_changes, mutations, truncations};
use x509::{Error, Revocation, Trust, VerifiedCredential, Violation};

use crate::pki::{Authority, ClientKey, World, policy, policy_trusting};

/// What is left of a chain after each damage to one of its certificates is refused as the peer's
/// fault.
fn refuses_every_damage(suite: u16, damage: fn(&[u8]) -> Vec<Vec<u8>>) {
    let root = Authority::root("Root", suite);
    let authority = root.authority("Authority");
    let key = ClientKey::new(suite, 1);
    let chain = [authority.certify(&key, "im:alice@example.com"), authority.der.clone()];
    let policy = policy(&root);
    let verify = |chain: &[Vec<u8>]| {
        policy.verify(&x509::credential(chain.iter().cloned()), key.public(), NOW)
    };
    assert!(verify(&chain).is_ok());
    for place in 0..chain.len() {
        for damaged in damage(&chain[place]) {
            let mut chain = chain.clone();
            chain[place].clone_from(&damaged);
            let refused = verify(&chain);
            assert!(matches!(refused, Err(Error::Violation { .. })), "{place} {damaged:02x?}");
        }
    }
}

#[test]
fn every_truncation_and_byte_change_of_a_chain_is_refused() {
    refuses_every_damage(1, |der| mutations(der).collect());
}

#[test]
fn every_damaged_ecdsa_chain_is_refused() {
    refuses_every_damage(2, |der| {
        // One change per byte: ECDSA in both certificates takes longer.
        let changed = (0..der.len()).map(|place| {
            let mut changed = der.to_vec();
            changed[place] ^= 1;
            changed
        });
        truncations(der).map(<[u8]>::to_vec).chain(changed).collect()
    });
}

#[test]
fn a_damaged_credential_does_not_decode_or_is_refused() {
    let root = Authority::root("Root", 1);
    let key = ClientKey::new(1, 1);
    let credential = x509::credential([root.certify(&key, "im:alice@example.com")]);
    let policy = policy(&root);
    assert!(policy.verify(&credential, key.public(), NOW).is_ok());
    for damaged in mutations(&credential.to_bytes()) {
        let Ok(credential) = Credential::from_bytes(&damaged) else { continue };
        assert!(policy.verify(&credential, key.public(), NOW).is_err(), "{damaged:02x?}");
    }
}

/// The parts of an anchor that do not count may change freely; nothing else certifies, or revokes.
#[test]
fn damaged_trust_accepts_nobody_else_and_revokes_nobody() {
    let world = World::new();
    let credential = x509::credential(world.chain());
    let is_harmless = |verdict: Result<VerifiedCredential, Error>| match verdict {
        Ok(verified) => verified.identity == b"im:alice@example.com",
        Err(Error::Violation { violation, .. }) => violation != Violation::Revoked,
        Err(_) => false,
    };
    for damaged in mutations(&world.root.der).step_by(3) {
        if let Ok(trust) = Trust::new([damaged]) {
            let policy = policy_trusting(trust);
            assert!(is_harmless(policy.verify(&credential, world.key.public(), NOW)));
        }
    }
    let list = crate::revocation::list(&world.root, &[1, 2], 1);
    for damaged in byte_changes(&list).step_by(3) {
        if let Ok(mut revocation) = Revocation::new([damaged.as_slice()]) {
            revocation.accept_unlisted = true;
            world.policy.set_revocation(Some(revocation));
            assert!(is_harmless(world.verify(world.chain())));
        }
    }
}
