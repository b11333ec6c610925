//! Transcript hashes: a wrong confirmation tag, and what each hash depends on.

use crypto::{CipherSuite, Crypto, Digest, Secret};
use protection::{ConfirmedTranscriptHash, Violation};

#[test]
fn only_the_right_confirmation_tag_leads_to_an_interim_hash() {
    let crypto = Crypto::new(crypto_aws_lc::provider());
    let suite = &crypto.suite(CipherSuite(1)).unwrap();
    let confirmed = ConfirmedTranscriptHash(Digest::new(&[1; 32]).unwrap());
    let other = ConfirmedTranscriptHash(Digest::new(&[2; 32]).unwrap());
    let key = Secret::from_slice(&[3; 32]);
    let computed = confirmed.confirmation_tag(suite, &key).unwrap();
    let right = computed.as_opaque().as_slice();
    let tag = confirmed.verify_confirmation_tag(suite, &key, right).unwrap();
    let interim = |hash: ConfirmedTranscriptHash, tag| hash.interim(suite, tag).unwrap();
    assert_eq!(interim(confirmed, &tag), interim(confirmed, &computed));
    assert_ne!(interim(confirmed, &tag), interim(other, &tag));

    let mut flipped = right.to_vec();
    flipped[0] ^= 1;
    let refused = Err(Violation::InvalidConfirmationTag.into());
    let verify = |hash: ConfirmedTranscriptHash, key: &Secret, tag: &[u8]| {
        hash.verify_confirmation_tag(suite, key, tag).map(|_| ())
    };
    for wrong in [&flipped, &right[1..], &[]] {
        assert_eq!(verify(confirmed, &key, wrong), refused);
    }
    assert_eq!(verify(other, &key, right), refused);
    assert_eq!(verify(confirmed, &Secret::from_slice(&[4; 32]), right), refused);
}
