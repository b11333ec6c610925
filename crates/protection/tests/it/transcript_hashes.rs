//! `transcript-hashes.json`, and a wrong confirmation tag.

use codec::Decode;
use protection::{InterimTranscriptHash, Violation};
use wire::AuthenticatedContent;

use crate::vectors::load;

#[test]
fn transcript_hash_vectors() {
    for entry in load("transcript-hashes.json") {
        let suite = &entry.suite;
        let commit =
            AuthenticatedContent::from_bytes(&entry.bytes("authenticated_content")).unwrap();
        let before = InterimTranscriptHash(entry.digest("interim_transcript_hash_before"));
        let confirmed = before.confirmed(suite, &commit).unwrap();
        let expected = entry.digest("confirmed_transcript_hash_after");
        assert_eq!(confirmed.0, expected, "{}", entry.name);

        let key = entry.secret("confirmation_key");
        let received = commit.auth.confirmation_tag.as_deref().unwrap();
        let tag = confirmed.verify_confirmation_tag(suite, &key, received).unwrap();
        assert_eq!(tag.as_opaque().as_slice(), received, "{}", entry.name);
        let computed = confirmed.confirmation_tag(suite, &key).unwrap();
        assert_eq!(computed.as_opaque(), tag.as_opaque(), "{}", entry.name);
        let after = confirmed.interim(suite, &tag).unwrap();
        assert_eq!(after.0, entry.digest("interim_transcript_hash_after"), "{}", entry.name);

        let mut wrong = received.to_vec();
        wrong[0] ^= 1;
        for wrong in [&wrong, &received[1..], &[]] {
            let refused = confirmed.verify_confirmation_tag(suite, &key, wrong).map(|_| ());
            assert_eq!(refused, Err(Violation::InvalidConfirmationTag.into()), "{}", entry.name);
        }
    }
}
