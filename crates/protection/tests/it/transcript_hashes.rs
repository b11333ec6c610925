//! Transcript hashes: what each depends on.

use codec::Opaque;
use crypto::{CipherSuite, Crypto, Digest};
use protection::{ConfirmedTranscriptHash, InterimTranscriptHash};

#[test]
fn the_interim_hash_depends_on_the_confirmed_one_and_on_every_byte_of_the_tag() {
    let crypto = Crypto::new(crypto_aws_lc::provider());
    let suite = &crypto.suite(CipherSuite(1)).unwrap();
    let confirmed = ConfirmedTranscriptHash(Digest::new(&[1; 32]).unwrap());
    let other = ConfirmedTranscriptHash(Digest::new(&[2; 32]).unwrap());
    let interim = |hash: &ConfirmedTranscriptHash, tag: &[u8]| {
        hash.interim(suite, &Opaque::from(tag)).unwrap()
    };
    let tag = [3; 32];
    let hash = interim(&confirmed, &tag);
    assert_eq!(hash, interim(&confirmed, &tag));
    assert_ne!(hash, interim(&other, &tag));
    for place in 0..tag.len() {
        let mut flipped = tag;
        flipped[place] ^= 1;
        assert_ne!(hash, interim(&confirmed, &flipped));
    }
    assert_ne!(hash, interim(&confirmed, &tag[1..]));
    assert_ne!(hash, interim(&confirmed, &[]));
}

#[test]
fn a_new_group_has_no_transcript() {
    assert_eq!(InterimTranscriptHash::INITIAL.0.as_slice(), b"");
    assert_eq!(ConfirmedTranscriptHash::INITIAL.0.as_slice(), b"");
}
