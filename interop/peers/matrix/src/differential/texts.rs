//! Application messages of the forger that break one rule each.

use codec::{Encode, Writer};
use crypto::Random as _;
use wire::{Content, Sender, SenderData, WireFormat};

use super::forgery::{Evidence, Forgery, Studio};

const TEXT: &[u8] = b"hello";

/// The forger's next message with this after its content and signature.
fn padded(s: &mut Studio<'_, '_>, padding: &[u8]) -> Evidence {
    let content = s.insider.content(Content::Application(TEXT.into()));
    let signed = s.insider.sign(WireFormat::PRIVATE_MESSAGE, content);
    let mut plaintext = Writer::new();
    signed.content.content.encode_body(&mut plaintext);
    signed.auth.encode(&mut plaintext);
    let plaintext = [plaintext.as_slice(), padding].concat();
    let message = s.insider.encrypt(&signed.content, &plaintext);
    Evidence::Texts(vec![(message.to_bytes(), TEXT.to_vec())])
}

/// The forger's next message under other sender data.
fn sent_as(s: &mut Studio<'_, '_>, leaf_index: u32, generation: u32) -> Evidence {
    let content = s.insider.content(Content::Application(TEXT.into()));
    let message = s.insider.say_privately(content);
    let wire::MlsMessageBody::PrivateMessage(message) = message.0 else {
        return Evidence::Texts(Vec::new());
    };
    let mut reuse_guard = [0; 4];
    s.random.fill(&mut reuse_guard).expect("a seed does not fail");
    let sender = SenderData { leaf_index, generation, reuse_guard };
    let message = s.insider.seal_sender(sender, message);
    Evidence::Texts(vec![(message.to_bytes(), TEXT.to_vec())])
}

/// All of them.
pub(crate) const TEXTS: &[Forgery] = &[
    Forgery { name: "a text", rule: None, make: |s| s.text(|_| {}) },
    Forgery { name: "a text with padding", rule: None, make: |s| padded(s, &[0; 50]) },
    Forgery {
        name: "padding that is not zero",
        rule: Some("NonzeroPadding"),
        make: |s| padded(s, &[0, 0, 1, 0]),
    },
    Forgery {
        name: "a text twice",
        rule: Some("ReusedGeneration"),
        make: |s| match s.text(|_| {}) {
            Evidence::Texts(texts) => Evidence::Texts([texts.clone(), texts].concat()),
            other => other,
        },
    },
    Forgery {
        name: "a text with a wrong signature",
        rule: Some("InvalidSignature"),
        make: |s| s.text(|content| content.auth.signature = vec![3; 64].into()),
    },
    Forgery {
        name: "a text signed for the other form",
        rule: Some("InvalidSignature"),
        make: |s| {
            let content = s.insider.content(Content::Application(TEXT.into()));
            let signed = s.insider.sign(WireFormat::PUBLIC_MESSAGE, content);
            let message = s.insider.private(&signed).to_bytes();
            Evidence::Texts(vec![(message, TEXT.to_vec())])
        },
    },
    Forgery {
        name: "a text in the name of the friend",
        rule: Some("InvalidSignature"),
        make: |s| {
            let mut content = s.insider.content(Content::Application(TEXT.into()));
            content.sender = Sender::Member(1);
            let message = s.insider.say_privately(content).to_bytes();
            Evidence::Texts(vec![(message, TEXT.to_vec())])
        },
    },
    Forgery {
        name: "a text in the name of a blank leaf",
        rule: Some("SenderNotMember"),
        make: |s| {
            let mut content = s.insider.content(Content::Application(TEXT.into()));
            content.sender = Sender::Member(7);
            let message = s.insider.say_privately(content).to_bytes();
            Evidence::Texts(vec![(message, TEXT.to_vec())])
        },
    },
    Forgery {
        name: "a sender beyond the tree",
        rule: Some("UnknownSender"),
        make: |s| sent_as(s, u32::MAX, 0),
    },
    Forgery {
        name: "the last generation",
        rule: Some("LastGeneration"),
        make: |s| sent_as(s, 0, u32::MAX),
    },
    Forgery {
        name: "a generation that was not used",
        rule: Some("ContentNotAuthentic"),
        make: |s| sent_as(s, 0, 3),
    },
    Forgery {
        name: "an empty plaintext",
        rule: Some("malformed"),
        make: |s| {
            let content = s.insider.content(Content::Application(TEXT.into()));
            let message = s.insider.encrypt(&content, &[]);
            Evidence::Texts(vec![(message.to_bytes(), TEXT.to_vec())])
        },
    },
];
