//! Key packages that break one rule each: shown to whoever would propose the Add, and in a commit
//! of the forger that adds their owner all the same.

use wire::{
    CredentialType, Extension, ExtensionType, LeafNodeSource, Lifetime, Proposal, ProtocolVersion,
};

use super::forgery::{Evidence, Forgery, Studio};

/// A key package.
pub(crate) struct Newcomer {
    /// What is wrong with it.
    pub(crate) name: &'static str,
    /// The `Violation` that it is; none for what is in order.
    rule: Option<&'static str>,
    make: fn(&mut Studio<'_, '_>) -> wire::KeyPackage,
}

/// Rules that only whoever sends the Add checks (section 7.3 on lifetimes).
const SENDER_ONLY: [&str; 1] = ["LifetimeExpired"];

/// Rules about the group, which are checked when the Add is committed.
const COMMIT_ONLY: [&str; 2] = ["AddOfMember", "DuplicateEncryptionKey"];

impl Newcomer {
    /// The rule that whoever would propose the Add must see broken.
    pub(crate) fn rule_shown(&self) -> Option<&'static str> {
        self.rule.filter(|rule| !COMMIT_ONLY.contains(rule))
    }

    /// The rule that whoever receives the commit must see broken.
    pub(crate) fn rule_added(&self) -> Option<&'static str> {
        self.rule.filter(|rule| !SENDER_ONLY.contains(rule))
    }

    /// Shown to whoever would propose it.
    pub(crate) fn shown(&self, studio: &mut Studio<'_, '_>) -> Evidence {
        let message = wire::MlsMessageBody::KeyPackage(Box::new((self.make)(studio)));
        Evidence::KeyPackage(codec::Encode::to_bytes(&wire::MlsMessage(message)))
    }

    /// Added by the forger.
    pub(crate) fn added(&self, studio: &mut Studio<'_, '_>) -> Evidence {
        let made = (self.make)(studio);
        let changes = studio.changes().add_member(made);
        studio.commit(changes)
    }
}

fn lifetime(not_before: u64, not_after: u64) -> LeafNodeSource {
    LeafNodeSource::KeyPackage(Lifetime { not_before, not_after })
}

const DAY: u64 = 86_400;

fn unknown() -> Extension {
    Extension { extension_type: ExtensionType(0xf0c0), extension_data: Default::default() }
}

/// Values that nobody knows and everybody ignores (section 13.5).
fn greased(s: &mut Studio<'_, '_>) -> wire::KeyPackage {
    let grease = || Extension {
        extension_type: ExtensionType(0x0a0a),
        extension_data: b"grease".as_slice().into(),
    };
    s.newcomer(|it| {
        it.leaf_node.capabilities.extensions.push(ExtensionType(0x0a0a));
        it.leaf_node.extensions.0.push(grease());
        it.extensions.0.push(grease());
    })
}

/// All of them.
pub(crate) const NEWCOMERS: &[Newcomer] = &[
    Newcomer { name: "a newcomer", rule: None, make: |s| s.newcomer(|_| {}) },
    Newcomer { name: "a newcomer with GREASE", rule: None, make: greased },
    Newcomer {
        name: "init key and leaf key are one",
        rule: Some("InitKeyIsEncryptionKey"),
        make: |s| s.newcomer(|it| it.init_key = it.leaf_node.encryption_key.clone()),
    },
    Newcomer {
        name: "a wrong signature",
        rule: Some("InvalidKeyPackageSignature"),
        make: |s| {
            let mut made = s.newcomer(|_| {});
            made.signature = vec![1; 64].into();
            made
        },
    },
    Newcomer {
        name: "a leaf with a wrong signature",
        rule: Some("InvalidLeafSignature"),
        make: |s| s.newcomer_with(|_| {}, |it| it.leaf_node.signature = vec![1; 64].into()),
    },
    Newcomer {
        name: "another suite",
        rule: Some("KeyPackageVersionOrCipherSuite"),
        make: |s| {
            let other = if s.stage.jury.suite == 3 { 1 } else { 3 };
            s.newcomer(|it| it.cipher_suite = crypto::CipherSuite(other))
        },
    },
    Newcomer {
        name: "another version",
        rule: Some("KeyPackageVersionOrCipherSuite"),
        make: |s| s.newcomer(|it| it.version = ProtocolVersion(2)),
    },
    Newcomer {
        name: "a leaf as from an update",
        rule: Some("WrongLeafNodeSource"),
        make: |s| s.newcomer(|it| it.leaf_node.leaf_node_source = LeafNodeSource::Update),
    },
    Newcomer {
        name: "a lifetime that is over",
        rule: Some("LifetimeExpired"),
        make: |s| {
            let now = super::stage::now();
            s.newcomer(|it| it.leaf_node.leaf_node_source = lifetime(now - 60 * DAY, now - DAY))
        },
    },
    Newcomer {
        name: "a lifetime that has not begun",
        rule: Some("LifetimeExpired"),
        make: |s| {
            let now = super::stage::now();
            s.newcomer(|it| it.leaf_node.leaf_node_source = lifetime(now + DAY, now + 60 * DAY))
        },
    },
    Newcomer {
        name: "a lifetime that ends before it starts",
        rule: Some("LifetimeEndsBeforeStart"),
        make: |s| {
            let now = super::stage::now();
            s.newcomer(|it| it.leaf_node.leaf_node_source = lifetime(now + DAY, now - DAY))
        },
    },
    Newcomer {
        name: "a lifetime of a thousand years",
        rule: Some("LifetimeTooLong"),
        make: |s| {
            let now = super::stage::now();
            s.newcomer(|it| {
                it.leaf_node.leaf_node_source = lifetime(now - DAY, now + 365_000 * DAY)
            })
        },
    },
    Newcomer {
        name: "capabilities without the suite",
        rule: Some("VersionOrCipherSuiteNotInCapabilities"),
        make: |s| s.newcomer(|it| it.leaf_node.capabilities.cipher_suites.clear()),
    },
    Newcomer {
        name: "capabilities without the version",
        rule: Some("VersionOrCipherSuiteNotInCapabilities"),
        make: |s| s.newcomer(|it| it.leaf_node.capabilities.versions.clear()),
    },
    Newcomer {
        name: "capabilities without its credential",
        rule: Some("CredentialTypeNotInCapabilities"),
        make: |s| {
            s.newcomer(|it| it.leaf_node.capabilities.credentials = vec![CredentialType(0xf0f0)])
        },
    },
    Newcomer {
        name: "a leaf with an unlisted extension",
        rule: Some("ExtensionNotInCapabilities"),
        make: |s| s.newcomer(|it| it.leaf_node.extensions.0.push(unknown())),
    },
    Newcomer {
        name: "a leaf with an extension twice",
        rule: Some("DuplicateExtension"),
        make: |s| {
            s.newcomer(|it| {
                it.leaf_node.capabilities.extensions.push(ExtensionType(0xf0c0));
                it.leaf_node.extensions.0.extend([unknown(), unknown()]);
            })
        },
    },
    Newcomer {
        name: "a key package with an extension twice",
        rule: Some("DuplicateExtension"),
        make: |s| {
            s.newcomer(|it| {
                it.leaf_node.capabilities.extensions.push(ExtensionType(0xf0c0));
                it.extensions.0.extend([unknown(), unknown()]);
            })
        },
    },
    Newcomer {
        name: "a leaf key of zeros",
        rule: Some("InvalidEncryptionKey"),
        make: |s| s.newcomer(|it| it.leaf_node.encryption_key = vec![0; 32].into()),
    },
    Newcomer {
        name: "an init key of zeros",
        rule: Some("InvalidEncryptionKey"),
        make: |s| s.newcomer(|it| it.init_key = vec![0; 32].into()),
    },
    Newcomer {
        name: "the leaf key of a member",
        rule: Some("DuplicateEncryptionKey"),
        make: |s| {
            let key = s.friends_leaf().encryption_key;
            s.newcomer(|it| it.leaf_node.encryption_key = key)
        },
    },
    Newcomer {
        name: "a member again",
        rule: Some("AddOfMember"),
        make: |s| super::stage::key_package(&mut s.stage.friend),
    },
];

/// Adds that are wrong together.
pub(crate) const ADDS: &[Forgery] = &[
    Forgery {
        name: "the same key package twice",
        rule: Some("AddTwice"),
        make: |s| {
            let made = s.newcomer(|_| {});
            let changes = s.changes().add_member(made.clone()).add_member(made);
            s.commit(changes)
        },
    },
    Forgery {
        name: "a newcomer who is committed by reference of nobody",
        rule: Some("SenderNotMember"),
        make: |s| {
            let made = s.newcomer(|_| {});
            s.proposal_from(wire::Sender::Member(7), Proposal::Add(Box::new(made)))
        },
    },
];
