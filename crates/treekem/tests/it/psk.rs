//! Pre-shared keys: order, the limit of the list.

use crypto::{CipherSuite, Crypto, Secret, Suite};
use treekem::{Error, PSKS_MAX, PskSecret, Violation, psk_secret};
use wire::{PreSharedKeyId, PskKind};

fn external(psk_id: Vec<u8>, psk_nonce: Vec<u8>) -> PreSharedKeyId {
    PreSharedKeyId {
        kind: PskKind::External { psk_id: psk_id.into() },
        psk_nonce: psk_nonce.into(),
    }
}

fn suite() -> Suite {
    Crypto::new(crypto_aws_lc::provider()).suite(CipherSuite(1)).unwrap()
}

#[test]
fn no_keys_give_zeros_and_the_order_of_keys_counts() {
    let suite = suite();
    assert_eq!(psk_secret(&suite, &[]).unwrap(), PskSecret::none(&suite));
    let entry = |name: u8| (external(vec![name], vec![0; 32]), Secret::from_slice(&[name; 32]));
    let forwards = psk_secret(&suite, &[entry(1), entry(2)]).unwrap();
    let backwards = psk_secret(&suite, &[entry(2), entry(1)]).unwrap();
    assert_ne!(forwards, backwards);
    assert_ne!(forwards, psk_secret(&suite, &[entry(1)]).unwrap());
}

/// Edge of `Violation::TooManyPreSharedKeys`.
#[test]
fn as_many_keys_as_the_label_can_count_and_no_more() {
    let suite = suite();
    let mut psks: Vec<_> =
        (0..PSKS_MAX).map(|_| (external(vec![], vec![]), Secret::zeros(0))).collect();
    assert!(psk_secret(&suite, &psks).is_ok());
    psks.push((external(vec![], vec![]), Secret::zeros(0)));
    let refused = psk_secret(&suite, &psks).err();
    assert_eq!(refused, Some(Error::Violation(Violation::TooManyPreSharedKeys)));
}
