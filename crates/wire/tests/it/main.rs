//! Every structure survives a round trip; damaged bytes are refused, or are the one encoding of
//! whatever they decode to.

#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

mod exhaustive;
mod limits;

use codec::{Decode, DecodeErrorKind, Encode, Opaque};
use crypto::Crypto;
use testkit::SeededRandom;
use vectors::messages::{Entry, Structure};
use vectors::{Kind, Scale, Vector};
use wire::{
    AuthenticatedContent, ContentType, Credential, CredentialType, Extension, ExtensionType,
    Extensions, ExternalPub, ExternalSender, MlsMessage, MlsMessageBody, PreSharedKeyId,
    PrivateContentAad, PskKind, PskLabel, RequiredCapabilities, ResumptionPskUsage, SenderData,
    SenderDataAad,
};

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

/// Structures that no message contains as they are, with their encodings spelled out.
#[test]
fn small_structures_are_their_fields_in_order() {
    fn check<T: Decode + Encode + std::fmt::Debug + PartialEq>(value: &T, encoding: &[u8]) {
        assert_eq!(value.to_bytes(), encoding);
        assert_eq!(T::from_bytes(encoding).as_ref(), Ok(value));
        for cut in testkit::truncations(encoding) {
            let kind = T::from_bytes(cut).map_err(|error| error.kind);
            assert_eq!(kind, Err(DecodeErrorKind::UnexpectedEnd));
        }
        let kind = T::from_bytes(&[encoding, &[0]].concat()).map_err(|error| error.kind);
        assert_eq!(kind, Err(DecodeErrorKind::TrailingBytes));
        for changed in testkit::byte_changes(encoding) {
            let recoded = T::from_bytes(&changed).map(|other| other.to_bytes());
            assert!(recoded.is_err() || recoded == Ok(changed));
        }
    }
    let sender_data = SenderData { leaf_index: 1, generation: 2, reuse_guard: [3, 4, 5, 6] };
    check(&sender_data, &[0, 0, 0, 1, 0, 0, 0, 2, 3, 4, 5, 6]);
    let (group_id, epoch) = (Opaque::from(b"g"), 7);
    let head = [1, b'g', 0, 0, 0, 0, 0, 0, 0, 7];
    let content_type = ContentType::Commit;
    let aad = SenderDataAad { group_id: group_id.clone(), epoch, content_type };
    check(&aad, &[&head[..], &[3]].concat());
    let authenticated_data = b"ad".into();
    let aad = PrivateContentAad { group_id, epoch, content_type, authenticated_data };
    check(&aad, &[&head[..], &[3, 2, b'a', b'd']].concat());
    let kind = PskKind::External { psk_id: b"id".into() };
    let id = PreSharedKeyId { kind, psk_nonce: b"n".into() };
    check(&PskLabel { id, index: 1, count: 2 }, b"\x01\x02id\x01n\0\x01\0\x02");
    let kind = PskKind::Resumption {
        usage: ResumptionPskUsage::Branch,
        psk_group_id: b"g".into(),
        psk_epoch: 7,
    };
    let id = PreSharedKeyId { kind, psk_nonce: Opaque::default() };
    check(&id, &[&[2, 3][..], &head, &[0]].concat());
    let required = RequiredCapabilities {
        extension_types: vec![ExtensionType(0x0a0a)],
        proposal_types: Vec::new(),
        credential_types: vec![CredentialType::BASIC, CredentialType::X509],
    };
    check(&required, &[2, 0x0a, 0x0a, 0, 4, 0, 1, 0, 2]);
    let credential = Credential::X509(vec![b"end".into(), b"root".into()]);
    check(&credential, b"\0\x02\x09\x03end\x04root");
    check(
        &ExternalSender { signature_key: vec![9].into(), credential },
        b"\x01\x09\0\x02\x09\x03end\x04root",
    );
    check(&ExternalPub { external_pub: vec![9].into() }, &[1, 9]);
}

/// The contents of an extension must fill it exactly.
#[test]
fn extension_contents_are_read_strictly() {
    let with = |extension_type, data: &[u8]| {
        Extensions(vec![Extension { extension_type, extension_data: data.into() }])
    };
    assert_eq!(with(ExtensionType::APPLICATION_ID, b"\x02id").application_id(), Some(&b"id"[..]));
    assert_eq!(with(ExtensionType::APPLICATION_ID, b"\x02id!").application_id(), None);
    assert_eq!(with(ExtensionType::APPLICATION_ID, b"\x03id").application_id(), None);
    let pub_of = |data: &[u8]| with(ExtensionType::EXTERNAL_PUB, data).external_pub();
    assert_eq!(pub_of(b"\x01k"), Ok(Some(ExternalPub { external_pub: vec![b'k'].into() })));
    assert_eq!(pub_of(b"\x01k!").map_err(|error| error.kind), Err(DecodeErrorKind::TrailingBytes));
    assert_eq!(Extensions::default().external_pub(), Ok(None));
    let tree = with(ExtensionType::RATCHET_TREE, &[1, 2]).ratchet_tree();
    assert_eq!(tree.map_err(|error| error.kind), Err(DecodeErrorKind::InvalidPresence));
    let required = with(ExtensionType::REQUIRED_CAPABILITIES, &[0, 0]).required_capabilities();
    assert_eq!(required.map_err(|error| error.kind), Err(DecodeErrorKind::UnexpectedEnd));
    let senders = with(ExtensionType::EXTERNAL_SENDERS, &[1, 1]).external_senders();
    assert_eq!(senders.map_err(|error| error.kind), Err(DecodeErrorKind::UnexpectedEnd));
}

#[test]
fn a_list_of_extensions_finds_replaces_and_sees_duplicates() {
    let extension = |number, data: &[u8]| Extension {
        extension_type: ExtensionType(number),
        extension_data: data.into(),
    };
    let mut list = Extensions::default();
    list.set(extension(7, b"a"));
    list.set(extension(9, b"b"));
    list.set(extension(7, b"c"));
    assert_eq!(list.0, [extension(7, b"c"), extension(9, b"b")]);
    assert_eq!((list.find(ExtensionType(7)), list.duplicate()), (Some(&b"c"[..]), None));
    list.0.push(extension(7, b"d"));
    assert_eq!((list.find(ExtensionType(8)), list.duplicate()), (None, Some(ExtensionType(7))));
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
