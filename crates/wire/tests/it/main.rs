//! Every structure survives a round trip; damaged bytes are refused, or are the one encoding of
//! whatever they decode to.

#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

use codec::{Decode, DecodeErrorKind, Encode};
use crypto::Crypto;
use testkit::SeededRandom;
use vectors::messages::{Entry, Structure};
use vectors::{Kind, Scale, Vector};
use wire::{AuthenticatedContent, MlsMessage, MlsMessageBody};

fn crypto() -> Crypto {
    Crypto::new(crypto_aws_lc::provider())
}

/// Entries with every variant of every structure, the same in each run.
fn samples() -> Vec<Entry> {
    let mut random = SeededRandom::new(9420);
    let crypto = crypto();
    let mut samples = Entry::generate(&crypto, Scale::Small, &mut random).unwrap();
    samples.extend(Entry::generate(&crypto, Scale::Small, &mut random).unwrap());
    samples
}

/// The official entries, or none if the file is absent.
fn official() -> Vec<Entry> {
    let text = testkit::official_vectors(Kind::Messages.file_name());
    text.map(|text| serde_json::from_str(&text).unwrap()).unwrap_or_default()
}

fn official_vectors_hold(kind: Kind) {
    if let Some(text) = testkit::official_vectors(kind.file_name()) {
        let report = kind.verify(&text, &crypto(), &mut SeededRandom::new(1)).unwrap();
        assert!(report.is_ok(), "{report}");
    }
}

#[test]
fn official_deserialization() {
    official_vectors_hold(Kind::Deserialization);
}

#[test]
fn official_messages() {
    official_vectors_hold(Kind::Messages);
}

#[test]
fn every_structure_survives_a_round_trip() {
    for entry in samples() {
        for (name, structure, bytes) in entry.structures() {
            assert_eq!(structure.recode(bytes).as_deref(), Ok(bytes), "{name}");
        }
    }
}

#[test]
fn every_truncation_is_refused() {
    for entry in official().iter().step_by(3).chain(&samples()) {
        for (name, structure, bytes) in entry.structures() {
            for cut in testkit::truncations(bytes) {
                let kind = structure.recode(cut).map_err(|error| error.kind);
                let length = cut.len();
                assert_eq!(kind, Err(DecodeErrorKind::UnexpectedEnd), "{name}, {length} bytes");
            }
        }
    }
}

#[test]
fn a_trailing_byte_is_refused_where_it_starts() {
    for entry in official().iter().chain(&samples()) {
        for (name, structure, bytes) in entry.structures() {
            let error = structure.recode(&[bytes, &[0]].concat()).unwrap_err();
            assert_eq!(error.kind, DecodeErrorKind::TrailingBytes, "{name}");
            assert_eq!(error.offset, bytes.len(), "{name}");
        }
    }
}

/// Two encodings of one value would let a message be changed under its hash.
#[test]
fn changed_bytes_are_refused_or_are_the_one_encoding_of_another_value() {
    let (mut accepted, mut refused) = (0, 0);
    for entry in samples().iter().step_by(7) {
        for (name, structure, bytes) in entry.structures() {
            for changed in testkit::byte_changes(bytes) {
                match structure.recode(&changed) {
                    Err(_) => refused += 1,
                    Ok(recoded) => {
                        assert!(recoded == changed, "{name}: {}", testkit::to_hex(&changed));
                        accepted += 1;
                    }
                }
            }
        }
    }
    // Both outcomes occur, or the test would show nothing.
    assert!(accepted > 1000 && refused > 1000, "{accepted} accepted, {refused} refused");
}

/// Lengths that claim more than there is must not be believed anywhere.
#[test]
fn random_bytes_never_panic() {
    let mut random = SeededRandom::new(5);
    let structures: Vec<(_, Structure)> =
        samples()[0].structures().map(|(name, structure, _)| (name, structure)).collect();
    for _ in 0..3000 {
        let length = random.below(60);
        let mut bytes = vec![0; length];
        crypto::Random::fill(&mut random, &mut bytes).unwrap();
        for &(name, structure) in &structures {
            if let Ok(recoded) = structure.recode(&bytes) {
                assert_eq!(recoded, bytes, "{name}");
            }
        }
    }
}

/// A public message and its `AuthenticatedContent` agree in everything but the membership tag.
#[test]
fn authenticated_content_survives_a_round_trip() {
    let mut seen = 0;
    for entry in samples() {
        for bytes in [&entry.public_message_proposal, &entry.public_message_commit] {
            let message = MlsMessage::from_bytes(bytes.as_slice()).unwrap();
            let MlsMessageBody::PublicMessage(public) = message.0 else { continue };
            let content = public.into_authenticated_content();
            let encoding = content.to_bytes();
            assert_eq!(AuthenticatedContent::from_bytes(&encoding), Ok(content));
            for cut in testkit::truncations(&encoding) {
                assert!(AuthenticatedContent::from_bytes(cut).is_err());
            }
            seen += 1;
        }
    }
    assert!(seen > 20);
}
