//! What signatures cover, and what decoding refuses.

use codec::{Decode, DecodeErrorKind, Encode, Opaque};
use crypto::{CipherSuite, Digest, HpkePublicKey};

use crate::{
    AuthenticatedContent, Capabilities, Content, ContentType, Credential, CredentialType,
    Extension, ExtensionType, Extensions, FramedContent, FramedContentAuthData, GroupContext,
    GroupInfo, KeyPackage, LeafNode, LeafNodeSource, Lifetime, MESSAGE_BYTES_MAX, MlsMessage, Node,
    Proposal, ProposalOrRef, ProposalType, ProtocolVersion, PskKind, PublicMessage,
    RATCHET_TREE_LEAVES_MAX, RatchetTreeNodes, ResumptionPskUsage, Sender, WireFormat,
};

fn kind<T: Decode>(bytes: &[u8]) -> Option<DecodeErrorKind> {
    T::from_bytes(bytes).err().map(|error| error.kind)
}

fn context() -> GroupContext {
    GroupContext {
        version: ProtocolVersion::MLS10,
        cipher_suite: CipherSuite(1),
        group_id: b"g".into(),
        epoch: 7,
        tree_hash: Digest::new(&[1, 2]).unwrap(),
        confirmed_transcript_hash: Digest::EMPTY,
        extensions: Extensions::default(),
    }
}

const CONTEXT: &[u8] = &[0, 1, 0, 1, 1, b'g', 0, 0, 0, 0, 0, 0, 0, 7, 2, 1, 2, 0, 0];

fn content(sender: Sender) -> FramedContent {
    FramedContent {
        group_id: b"g".into(),
        epoch: 7,
        sender,
        authenticated_data: b"ad".into(),
        content: Content::Proposal(Proposal::Remove(3)),
    }
}

fn leaf_node(leaf_node_source: LeafNodeSource) -> LeafNode {
    LeafNode {
        encryption_key: HpkePublicKey::from(vec![1]),
        signature_key: vec![2].into(),
        credential: Credential::basic(b"me"),
        capabilities: Capabilities::default(),
        leaf_node_source,
        extensions: Extensions::default(),
        signature: vec![9; 3].into(),
    }
}

#[test]
fn a_context_is_its_fields_in_order() {
    assert_eq!(context().to_bytes(), CONTEXT);
}

/// Section 6.1: the context is signed for `member` and `new_member_commit` only.
#[test]
fn framed_content_tbs_has_the_context_exactly_for_those_inside_the_epoch() {
    let middle = [1, b'g', 0, 0, 0, 0, 0, 0, 0, 7];
    let end = [2, b'a', b'd', 2, 0, 3, 0, 0, 0, 3];
    for (sender, encoded, with_context) in [
        (Sender::Member(5), [1, 0, 0, 0, 5].as_slice(), true),
        (Sender::External(6), &[2, 0, 0, 0, 6], false),
        (Sender::NewMemberProposal, &[3], false),
        (Sender::NewMemberCommit, &[4], true),
    ] {
        let format = WireFormat::PRIVATE_MESSAGE;
        let signed = AuthenticatedContent::to_be_signed(format, &content(sender), &context());
        let context = if with_context { CONTEXT } else { &[] };
        let expected = [&[0, 1, 0, 2], &middle[..], encoded, &end, context].concat();
        assert_eq!(signed, expected, "{sender:?}");
    }
}

/// Sections 6.2 and 8.2: the MAC covers the signed bytes and the auth data, the transcript all but
/// the tag and the version.
#[test]
fn tbm_and_transcript_input_extend_what_is_signed() {
    let auth =
        FramedContentAuthData { signature: b"sig".into(), confirmation_tag: Some(b"tag".into()) };
    let wire_format = WireFormat::PUBLIC_MESSAGE;
    let content = content(Sender::Member(5));
    let whole = AuthenticatedContent { wire_format, content: content.clone(), auth };
    let signed = AuthenticatedContent::to_be_signed(wire_format, &content, &context());
    assert_eq!(whole.to_be_maced(&context()), [&signed[..], b"\x03sig\x03tag"].concat());
    let expected = [&[0, 1], &content.to_bytes()[..], b"\x03sig"].concat();
    assert_eq!(whole.confirmed_transcript_hash_input(), expected);
}

/// Section 7.2: group and place are signed unless the leaf is from a key package.
#[test]
fn leaf_node_tbs_has_the_placement_unless_from_a_key_package() {
    let lifetime = Lifetime { not_before: 1, not_after: 2 };
    for (source, placement) in [
        (LeafNodeSource::KeyPackage(lifetime), [].as_slice()),
        (LeafNodeSource::Update, &[1, b'g', 0, 0, 0, 4]),
        (LeafNodeSource::Commit { parent_hash: Digest::EMPTY }, &[1, b'g', 0, 0, 0, 4]),
    ] {
        let leaf = leaf_node(source);
        let encoding = leaf.to_bytes();
        let unsigned = encoding.strip_suffix(&[3, 9, 9, 9]).unwrap();
        assert_eq!(leaf.to_be_signed((b"g", 4)), [unsigned, placement].concat());
    }
}

/// Sections 10 and 12.4.3: everything but the signature is signed.
#[test]
fn group_info_and_key_package_tbs_are_all_but_the_signature() {
    let signature = Opaque::from(b"sig");
    let group_info = GroupInfo {
        group_context: context(),
        extensions: Extensions(vec![Extension::new(ExtensionType::EXTERNAL_PUB, &signature)]),
        confirmation_tag: b"tag".into(),
        signer: 2,
        signature: signature.clone(),
    };
    assert_eq!([&group_info.to_be_signed()[..], b"\x03sig"].concat(), group_info.to_bytes());
    let key_package = KeyPackage {
        version: ProtocolVersion::MLS10,
        cipher_suite: CipherSuite(1),
        init_key: vec![5].into(),
        leaf_node: leaf_node(LeafNodeSource::Update),
        extensions: Extensions::default(),
        signature,
    };
    assert_eq!([&key_package.to_be_signed()[..], b"\x03sig"].concat(), key_package.to_bytes());
}

#[test]
fn a_value_outside_an_enumeration_is_refused() {
    let invalid = |name| Some(DecodeErrorKind::InvalidValue(name));
    for outside in [0, 4, 255] {
        assert_eq!(kind::<ContentType>(&[outside]), invalid("content_type"));
        assert_eq!(kind::<ResumptionPskUsage>(&[outside]), invalid("resumption psk usage"));
        assert_eq!(kind::<LeafNodeSource>(&[outside]), invalid("leaf_node_source"));
    }
    for outside in [0, 3, 255] {
        assert_eq!(kind::<ProposalOrRef>(&[outside]), invalid("proposal or ref type"));
        assert_eq!(kind::<PskKind>(&[outside]), invalid("psktype"));
        assert_eq!(kind::<Node>(&[outside]), invalid("node_type"));
    }
    for outside in [0, 5, 255] {
        assert_eq!(kind::<Sender>(&[outside]), invalid("sender_type"));
    }
    for outside in [0, 2, 255] {
        assert_eq!(kind::<MlsMessage>(&[0, outside, 0, 1]), invalid("protocol version"));
    }
    for outside in [0, 6, 255] {
        assert_eq!(kind::<MlsMessage>(&[0, 1, 0, outside]), invalid("wire format"));
    }
}

#[test]
fn unknown_extensions_credentials_and_proposals_are_kept_verbatim() {
    fn decoded<T: Decode + Encode>(bytes: &[u8]) -> T {
        let value = T::from_bytes(bytes).unwrap();
        assert_eq!(value.to_bytes(), bytes);
        value
    }
    let extensions: Extensions = decoded(&[9, 0x0a, 0x0a, 2, 7, 8, 0xff, 0xff, 1, 9]);
    assert_eq!(extensions.find(ExtensionType(0x0a0a)), Some([7, 8].as_slice()));
    let credential: Credential = decoded(&[0x1a, 0x1a, 2, 7, 8]);
    assert_eq!(credential, Credential::Other(CredentialType(0x1a1a), b"\x07\x08".into()));
    let proposal: Proposal = decoded(&[0x2a, 0x2a, 2, 7, 8]);
    assert_eq!(proposal, Proposal::Other(ProposalType(0x2a2a), b"\x07\x08".into()));
}

#[test]
fn limits_hold_at_the_edge_and_not_one_step_past_it() {
    let limit = |what| Some(DecodeErrorKind::LimitExceeded(what));
    let blanks = Opaque::from(vec![0; 2 * RATCHET_TREE_LEAVES_MAX]).to_bytes();
    assert_eq!(RatchetTreeNodes::from_bytes(&blanks).unwrap().0.len(), 2 << 20);
    let blanks = Opaque::from(vec![0; 2 * RATCHET_TREE_LEAVES_MAX + 1]).to_bytes();
    assert_eq!(kind::<RatchetTreeNodes>(&blanks), limit("ratchet tree leaves"));

    assert_eq!(kind::<Digest>(&Opaque::from(vec![1; 64]).to_bytes()), None);
    let long = Opaque::from(vec![1; 65]).to_bytes();
    assert_eq!(kind::<Digest>(&long), limit("hash value of 64 bytes"));

    let zeros = vec![0; MESSAGE_BYTES_MAX + 1];
    assert_eq!(kind::<MlsMessage>(&zeros), limit("message bytes"));
    let refused = DecodeErrorKind::InvalidValue("protocol version");
    assert_eq!(kind::<MlsMessage>(&zeros[1..]), Some(refused));
}

/// Section 6.2: only a member has a membership tag.
#[test]
fn a_public_message_has_a_membership_tag_exactly_for_a_member() {
    for sender in [Sender::Member(1), Sender::External(1), Sender::NewMemberProposal] {
        let member = matches!(sender, Sender::Member(_));
        let auth = FramedContentAuthData { signature: b"sig".into(), confirmation_tag: None };
        let membership_tag = member.then(|| b"tag".into());
        let message = PublicMessage { content: content(sender), auth, membership_tag };
        let mut bytes = message.to_bytes();
        assert_eq!(PublicMessage::from_bytes(&bytes).as_ref(), Ok(&message));
        if member {
            bytes.truncate(bytes.len() - 4);
            assert_eq!(kind::<PublicMessage>(&bytes), Some(DecodeErrorKind::UnexpectedEnd));
        } else {
            bytes.extend(b"\x03tag");
            assert_eq!(kind::<PublicMessage>(&bytes), Some(DecodeErrorKind::TrailingBytes));
        }
    }
}
