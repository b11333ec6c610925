//! `message-protection.json`: two members, of whom the second sends.

use codec::{Decode, Encode};
use crypto::{CipherSuite, Secret, SignatureKeyPair, SignaturePublicKey, Signer};
use protection::{
    Error, MessageSecrets, Misuse, PaddingPolicy, RatchetLimits, SecretTree, UnprotectedContent,
    VerifiedContent, Violation, public_message, sign,
};
use testkit::SeededRandom;
use tree::TreeSize;
use wire::{
    Content, Extensions, FramedContent, GroupContext, MlsMessage, MlsMessageBody, PrivateMessage,
    Proposal, ProtocolVersion, PublicMessage, Sender, WireFormat,
};

use crate::vectors::{Entry, load};

#[test]
fn message_protection_vectors() {
    for entry in load("message-protection.json") {
        let context = context(&entry);
        let proposal = Content::Proposal(Proposal::from_bytes(&entry.bytes("proposal")).unwrap());
        let commit = Content::Commit(Decode::from_bytes(&entry.bytes("commit")).unwrap());
        let application = Content::Application(entry.bytes("application").into());
        for (field, content) in [("proposal", &proposal), ("commit", &commit)] {
            let MlsMessageBody::PublicMessage(message) = message(&entry, &format!("{field}_pub"))
            else {
                panic!("{} {field}_pub is no PublicMessage", entry.name);
            };
            check_public(&entry, &context, *message, content);
            check_public(&entry, &context, protect_public(&entry, &context, content), content);
        }
        for (field, content) in
            [("proposal", &proposal), ("commit", &commit), ("application", &application)]
        {
            let MlsMessageBody::PrivateMessage(message) = message(&entry, &format!("{field}_priv"))
            else {
                panic!("{} {field}_priv is no PrivateMessage", entry.name);
            };
            check_private(&entry, &context, &message, content);
            check_private(&entry, &context, &protect_private(&entry, &context, content), content);
        }
        let refused = sign(
            &entry.suite,
            &signer(&entry),
            WireFormat::PUBLIC_MESSAGE,
            framed(&context, &application),
            &context,
        );
        let expected = Misuse::WouldViolate(Violation::ApplicationInPublicMessage);
        assert_eq!(refused, Err(Error::Misuse(expected)), "{}", entry.name);
    }
}

fn context(entry: &Entry) -> GroupContext {
    GroupContext {
        version: ProtocolVersion::MLS10,
        cipher_suite: entry.suite.id(),
        group_id: entry.bytes("group_id").into(),
        epoch: entry.field("epoch").as_u64().unwrap(),
        tree_hash: entry.digest("tree_hash"),
        confirmed_transcript_hash: entry.digest("confirmed_transcript_hash"),
        extensions: Extensions(Vec::new()),
    }
}

fn message(entry: &Entry, field: &str) -> MlsMessageBody {
    MlsMessage::from_bytes(&entry.bytes(field)).unwrap().0
}

fn signer(entry: &Entry) -> SignatureKeyPair {
    let mut private_key = entry.bytes("signature_priv");
    // The file's key for P-521 has lost a leading zero byte; scalars have the length of the field.
    if entry.suite.id() == CipherSuite::MLS_256_DHKEMP521_AES256GCM_SHA512_P521 {
        private_key.splice(0..0, vec![0; 66 - private_key.len()]);
    }
    let private_key = Secret::from_vec(private_key);
    let signer = SignatureKeyPair::from_private_key(&entry.suite, private_key).unwrap();
    assert_eq!(signer.public_key(), &public_key(entry), "{}", entry.name);
    signer
}

fn public_key(entry: &Entry) -> SignaturePublicKey {
    entry.bytes("signature_pub").into()
}

fn secrets(entry: &Entry) -> MessageSecrets {
    let size = TreeSize::from_leaves(2).unwrap();
    let secret = entry.secret("encryption_secret");
    let tree = SecretTree::new(size, secret, RatchetLimits::default());
    MessageSecrets::new(entry.secret("sender_data_secret"), tree)
}

fn framed(context: &GroupContext, content: &Content) -> FramedContent {
    FramedContent {
        group_id: context.group_id.clone(),
        epoch: context.epoch,
        sender: Sender::Member(1),
        authenticated_data: b"additional".into(),
        content: content.clone(),
    }
}

fn signed(
    entry: &Entry,
    context: &GroupContext,
    wire_format: WireFormat,
    content: &Content,
) -> wire::AuthenticatedContent {
    let framed = framed(context, content);
    let mut signed = sign(&entry.suite, &signer(entry), wire_format, framed, context).unwrap();
    if matches!(content, Content::Commit(_)) {
        signed.auth.confirmation_tag = Some(b"tag".into());
    }
    signed
}

fn protect_public(entry: &Entry, context: &GroupContext, content: &Content) -> PublicMessage {
    let signed = signed(entry, context, WireFormat::PUBLIC_MESSAGE, content);
    let key = entry.secret("membership_key");
    public_message::protect(&entry.suite, signed, &key, context).unwrap()
}

fn protect_private(entry: &Entry, context: &GroupContext, content: &Content) -> PrivateMessage {
    let signed = signed(entry, context, WireFormat::PRIVATE_MESSAGE, content);
    let random = &mut SeededRandom::new(1);
    secrets(entry).protect(&entry.suite, signed, PaddingPolicy::default(), random).unwrap()
}

fn check_public(entry: &Entry, context: &GroupContext, message: PublicMessage, expected: &Content) {
    // What travels is bytes.
    let message = PublicMessage::from_bytes(&message.to_bytes()).unwrap();
    let key = entry.secret("membership_key");
    let content: UnprotectedContent =
        public_message::unprotect(&entry.suite, message, &key, context)
            .unwrap_or_else(|error| panic!("{}: {error}", entry.name));
    let content =
        VerifiedContent::verify(&entry.suite, content, &public_key(entry), context).unwrap();
    assert_eq!(&content.content().content, expected, "{}", entry.name);
    assert_eq!(content.sender(), Sender::Member(1), "{}", entry.name);
}

fn check_private(
    entry: &Entry,
    context: &GroupContext,
    message: &PrivateMessage,
    expected: &Content,
) {
    let message = PrivateMessage::from_bytes(&message.to_bytes()).unwrap();
    let mut secrets = secrets(entry);
    let opened = secrets
        .unprotect(&entry.suite, &message)
        .unwrap_or_else(|error| panic!("{}: {error}", entry.name));
    assert_eq!(opened.sender().as_u32(), 1, "{}", entry.name);
    let (content, update) = opened.verify(&entry.suite, &public_key(entry), context).unwrap();
    secrets.apply(update).unwrap();
    assert_eq!(&content.content().content, expected, "{}", entry.name);
    let replayed = secrets.unprotect(&entry.suite, &message).map(|_| ());
    assert_eq!(replayed, Err(Violation::ReusedGeneration.into()), "{}", entry.name);
}
