//! Commits and proposals that break one rule each, and some that break none. Whoever overlooks the
//! rule arrives in the epoch of the forger.

use crypto::{CipherSuite, Secret};
use testkit::forge::PathChange;
use tree::LeafIndex;
use wire::{
    CredentialType, Extension, ExtensionType, Extensions, LeafNodeSource, PreSharedKeyId, Proposal,
    ProposalOrRef, ProposalType, ProtocolVersion, PskKind, ReInit, RequiredCapabilities,
    ResumptionPskUsage,
};

use super::forgery::{Evidence, Forgery, Studio};

/// The friend.
pub(super) const FRIEND: u32 = 1;
/// A leaf of the tree that is blank.
pub(super) const BLANK: u32 = 7;

pub(super) fn leaf(studio: &Studio<'_, '_>, index: u32) -> LeafIndex {
    studio.insider.tree.size().leaf(index).expect("the leaf is in the tree")
}

pub(super) fn value(proposal: Proposal) -> ProposalOrRef {
    ProposalOrRef::Proposal(proposal.into())
}

fn reinit(version: u16) -> Proposal {
    Proposal::ReInit(ReInit {
        group_id: b"next".as_slice().into(),
        version: ProtocolVersion(version),
        cipher_suite: CipherSuite(1),
        extensions: Extensions::default(),
    })
}

fn required(required: &RequiredCapabilities) -> Extension {
    Extension::new(ExtensionType::REQUIRED_CAPABILITIES, required)
}

fn unknown_extension() -> Extension {
    Extension { extension_type: ExtensionType(0xf0c0), extension_data: Default::default() }
}

/// A commit of keys that everyone has, each with its nonce.
fn psks(studio: &mut Studio<'_, '_>, kinds: &[PskKind], nonces: &[Vec<u8>]) -> Evidence {
    let psk = studio.insider.suite.clone();
    let hash = psk.hash_length();
    studio.stage.store_psk(b"key", &[7; 32]).expect("keys are stored");
    let secret = |kind: &PskKind| match kind {
        PskKind::External { .. } => Secret::from_slice(&[7; 32]),
        PskKind::Resumption { .. } => studio.insider.secrets.resumption_psk().duplicate(),
    };
    let listed: Vec<(PreSharedKeyId, Secret)> = kinds
        .iter()
        .zip(nonces)
        .map(|(kind, nonce)| {
            let mut nonce = nonce.clone();
            nonce.truncate(hash);
            (PreSharedKeyId { kind: kind.clone(), psk_nonce: nonce.into() }, secret(kind))
        })
        .collect();
    let mut changes = studio.changes();
    for (id, _) in &listed {
        changes = changes.say(Proposal::PreSharedKey(id.clone()));
    }
    let mut draft = studio.insider.draft_of(changes, Some(PathChange::default()));
    draft.set_psks(&studio.insider.suite, &listed);
    studio.show(draft, Vec::new())
}

fn external_psk() -> PskKind {
    PskKind::External { psk_id: b"key".as_slice().into() }
}

fn resumption(studio: &Studio<'_, '_>, usage: ResumptionPskUsage) -> PskKind {
    PskKind::Resumption {
        usage,
        psk_group_id: studio.insider.context.group_id.clone(),
        psk_epoch: studio.insider.context.epoch,
    }
}

fn nonce(studio: &Studio<'_, '_>, fill: u8) -> Vec<u8> {
    vec![fill; studio.insider.suite.hash_length()]
}

/// Lists of proposals.
pub(crate) const LISTS: &[Forgery] = &[
    Forgery { name: "an empty commit with a path", rule: None, make: |s| s.commit(s.changes()) },
    Forgery {
        name: "a remove",
        rule: None,
        make: |s| {
            let changes = s.changes().remove_member(s.friend.leaf);
            s.commit(changes)
        },
    },
    Forgery {
        name: "an add without a path",
        rule: None,
        make: |s| {
            let newcomer = s.newcomer(|_| {});
            let changes = s.changes().add_member(newcomer);
            s.commit_without_path(changes)
        },
    },
    Forgery { name: "an update by reference", rule: None, make: |s| s.update_of_friend(|_| {}) },
    Forgery {
        name: "a pre-shared key",
        rule: None,
        make: |s| {
            let nonces = [nonce(s, 1)];
            psks(s, &[external_psk()], &nonces)
        },
    },
    Forgery {
        name: "a resumption key",
        rule: None,
        make: |s| {
            let (kind, nonces) = (resumption(s, ResumptionPskUsage::Application), [nonce(s, 1)]);
            psks(s, &[kind], &nonces)
        },
    },
    Forgery {
        name: "the committer removes itself",
        rule: Some("CommitterRemovesItself"),
        make: |s| {
            let changes = s.changes().remove_member(s.insider.leaf);
            s.commit(changes)
        },
    },
    Forgery {
        name: "the committer updates itself",
        rule: Some("CommitterUpdatesItself"),
        make: |s| {
            let mut own = s.own_leaf();
            own.encryption_key = s.fresh_key();
            own.leaf_node_source = LeafNodeSource::Update;
            s.insider.sign_leaf(&mut own, 0);
            let mut changes = s.changes();
            changes.update(s.insider.leaf, own.clone());
            let changes = changes.say(Proposal::Update(Box::new(own)));
            s.commit(changes)
        },
    },
    Forgery {
        name: "a remove of a blank leaf",
        rule: Some("RemoveOfBlank"),
        make: |s| {
            let changes = s.changes().say(Proposal::Remove(BLANK));
            s.commit(changes)
        },
    },
    Forgery {
        name: "a remove beyond the tree",
        rule: Some("RemoveOfBlank"),
        make: |s| {
            let changes = s.changes().say(Proposal::Remove(u32::MAX));
            s.commit(changes)
        },
    },
    Forgery {
        name: "two removes of a leaf",
        rule: Some("MultipleProposalsForLeaf"),
        make: |s| {
            let changes = s.changes().remove_member(leaf(s, FRIEND)).say(Proposal::Remove(FRIEND));
            s.commit(changes)
        },
    },
    Forgery {
        name: "a ReInit with a remove",
        rule: Some("ReInitNotAlone"),
        make: |s| {
            let changes = s.changes().remove_member(leaf(s, FRIEND)).say(reinit(1));
            s.commit(changes)
        },
    },
    Forgery {
        name: "a ReInit to version 0",
        rule: Some("ReInitVersion"),
        make: |s| {
            let changes = s.changes().say(reinit(0));
            s.commit_without_path(changes)
        },
    },
    Forgery {
        name: "extensions twice",
        rule: Some("MultipleGroupContextExtensions"),
        make: |s| {
            let changes = s.changes().extend(Extensions::default()).extend(Extensions::default());
            s.commit(changes)
        },
    },
    Forgery {
        name: "an extension twice",
        rule: Some("DuplicateExtension"),
        make: |s| {
            let twice = vec![required(&RequiredCapabilities::default()); 2];
            let changes = s.changes().extend(Extensions(twice));
            s.commit(changes)
        },
    },
    Forgery {
        name: "an ExternalInit of a member",
        rule: Some("ExternalInitByMember"),
        make: |s| {
            let changes = s.changes().say(Proposal::ExternalInit(vec![7; 32].into()));
            s.commit(changes)
        },
    },
    Forgery {
        name: "a key twice",
        rule: Some("DuplicatePsk"),
        make: |s| {
            let nonces = [nonce(s, 1), nonce(s, 1)];
            psks(s, &[external_psk(), external_psk()], &nonces)
        },
    },
    Forgery {
        name: "a key twice with two nonces",
        rule: None,
        make: |s| {
            let nonces = [nonce(s, 1), nonce(s, 2)];
            psks(s, &[external_psk(), external_psk()], &nonces)
        },
    },
    Forgery {
        name: "a nonce that is too short",
        rule: Some("PskNonceLength"),
        make: |s| {
            let nonces = [vec![1; 8]];
            psks(s, &[external_psk()], &nonces)
        },
    },
    Forgery {
        name: "a resumption key for a branch",
        rule: Some("PskUsage"),
        make: |s| {
            let (kind, nonces) = (resumption(s, ResumptionPskUsage::Branch), [nonce(s, 1)]);
            psks(s, &[kind], &nonces)
        },
    },
    Forgery {
        name: "a resumption key for a ReInit",
        rule: Some("PskUsage"),
        make: |s| {
            let (kind, nonces) = (resumption(s, ResumptionPskUsage::ReInit), [nonce(s, 1)]);
            psks(s, &[kind], &nonces)
        },
    },
    Forgery {
        name: "a proposal type nobody knows",
        rule: Some("UnsupportedProposalType"),
        make: |s| {
            let own = Proposal::Other(ProposalType(0xf0f0), b"x".as_slice().into());
            let changes = s.changes().say(own);
            s.commit(changes)
        },
    },
    Forgery {
        name: "an extension nobody knows",
        rule: Some("ExtensionNotSupportedByMembers"),
        make: |s| {
            let changes = s.changes().extend(Extensions(vec![unknown_extension()]));
            s.commit(changes)
        },
    },
    Forgery {
        name: "requirements nobody meets",
        rule: Some("RequiredCapabilities"),
        make: |s| {
            let demand = RequiredCapabilities {
                proposal_types: vec![ProposalType(0xf0f0)],
                ..RequiredCapabilities::default()
            };
            let changes = s.changes().extend(Extensions(vec![required(&demand)]));
            s.commit(changes)
        },
    },
    Forgery {
        name: "a reference to nothing",
        rule: Some("CommitOfUnknownProposal"),
        make: |s| {
            let mut changes = s.changes();
            let digest = crypto::Digest::new(&[7; 32]).expect("a hash has this length");
            changes.proposals.push(ProposalOrRef::Reference(wire::ProposalRef(digest)));
            s.commit(changes)
        },
    },
    Forgery {
        name: "an empty commit without a path",
        rule: Some("PathMissing"),
        make: |s| {
            let changes = s.changes();
            s.commit_without_path(changes)
        },
    },
    Forgery {
        name: "a remove without a path",
        rule: Some("PathMissing"),
        make: |s| {
            let changes = s.changes().remove_member(leaf(s, FRIEND));
            s.commit_without_path(changes)
        },
    },
    Forgery {
        name: "extensions without a path",
        rule: Some("PathMissing"),
        make: |s| {
            let changes = s.changes().extend(Extensions(vec![required(&Default::default())]));
            s.commit_without_path(changes)
        },
    },
];

/// Updates of the friend.
pub(crate) const UPDATES: &[Forgery] = &[
    Forgery {
        name: "an update as from a key package",
        rule: Some("WrongLeafNodeSource"),
        make: |s| {
            s.update_of_friend(|leaf| {
                let lifetime = wire::Lifetime { not_before: 0, not_after: u64::MAX };
                leaf.leaf_node_source = LeafNodeSource::KeyPackage(lifetime);
            })
        },
    },
    Forgery {
        name: "an update with the old key",
        rule: Some("UnchangedEncryptionKey"),
        make: |s| {
            let old = s.friends_leaf().encryption_key;
            s.update_of_friend(|leaf| leaf.encryption_key = old)
        },
    },
    Forgery {
        name: "an update with another's key",
        rule: Some("DuplicateEncryptionKey"),
        make: |s| {
            let seat = s.insider.tree.leaf(leaf(s, 2)).expect("a seat").encryption_key.clone();
            s.update_of_friend(|leaf| leaf.encryption_key = seat)
        },
    },
    Forgery {
        name: "an update signed for another leaf",
        rule: Some("InvalidLeafSignature"),
        make: |s| s.update_signed_for(2, |_| {}),
    },
    Forgery {
        name: "an update without the suite",
        rule: Some("VersionOrCipherSuiteNotInCapabilities"),
        make: |s| s.update_of_friend(|leaf| leaf.capabilities.cipher_suites.clear()),
    },
    Forgery {
        name: "an update without its credential",
        rule: Some("CredentialTypeNotInCapabilities"),
        make: |s| {
            s.update_of_friend(|leaf| leaf.capabilities.credentials = vec![CredentialType(0xf0f0)])
        },
    },
    Forgery {
        name: "an update with an unlisted extension",
        rule: Some("ExtensionNotInCapabilities"),
        make: |s| s.update_of_friend(|leaf| leaf.extensions.0.push(unknown_extension())),
    },
];

/// Paths.
pub(crate) const PATHS: &[Forgery] = &[
    Forgery {
        name: "a path with the old leaf key",
        rule: Some("PathKeyInTree"),
        make: |s| {
            let old = s.own_leaf().encryption_key;
            s.commit_path(PathChange {
                leaf: &|leaf| leaf.encryption_key = old.clone(),
                ..Default::default()
            })
        },
    },
    Forgery {
        name: "a path with a key of the tree",
        rule: Some("PathKeyInTree"),
        make: |s| {
            let friends = s.friends_leaf().encryption_key;
            s.commit_path(PathChange {
                keys: &|keys| keys[0] = friends.clone(),
                ..Default::default()
            })
        },
    },
    Forgery {
        name: "a path with its leaf's key",
        rule: Some("PathKeyInTree"),
        make: |s| {
            let key = s.fresh_key();
            s.commit_path(PathChange {
                keys: &|keys| keys[0] = key.clone(),
                leaf: &|leaf| leaf.encryption_key = key.clone(),
            })
        },
    },
    Forgery {
        name: "a path with a key of zeros",
        rule: Some("InvalidEncryptionKey"),
        make: |s| {
            s.commit_path(PathChange {
                keys: &|keys| keys[0] = vec![0; 32].into(),
                ..Default::default()
            })
        },
    },
    Forgery {
        name: "a key above that does not follow",
        rule: Some("PathKeyMismatch"),
        make: |s| {
            let key = s.fresh_key();
            s.commit_path(PathChange {
                keys: &|keys| *keys.last_mut().expect("a path") = key.clone(),
                ..Default::default()
            })
        },
    },
    Forgery {
        name: "a leaf as from an update",
        rule: Some("WrongLeafNodeSource"),
        make: |s| {
            s.commit_path(PathChange {
                leaf: &|leaf| leaf.leaf_node_source = LeafNodeSource::Update,
                ..Default::default()
            })
        },
    },
    Forgery {
        name: "a leaf with a wrong parent hash",
        rule: Some("PathLeafParentHash"),
        make: |s| {
            let parent_hash = crypto::Digest::new(&[7; 32]).expect("a hash has this length");
            s.commit_path(PathChange {
                leaf: &|leaf| leaf.leaf_node_source = LeafNodeSource::Commit { parent_hash },
                ..Default::default()
            })
        },
    },
    Forgery {
        name: "a leaf without the suite",
        rule: Some("VersionOrCipherSuiteNotInCapabilities"),
        make: |s| {
            s.commit_path(PathChange {
                leaf: &|leaf| leaf.capabilities.cipher_suites.clear(),
                ..Default::default()
            })
        },
    },
    Forgery {
        name: "a leaf with an unlisted extension",
        rule: Some("ExtensionNotInCapabilities"),
        make: |s| {
            s.commit_path(PathChange {
                leaf: &|leaf| leaf.extensions.0.push(unknown_extension()),
                ..Default::default()
            })
        },
    },
    Forgery {
        name: "the signature key of another",
        rule: Some("DuplicateSignatureKey"),
        make: |s| {
            let own = std::mem::replace(&mut s.insider.signer, s.friend.signer.clone());
            let changes = s.changes();
            let draft = s.insider.draft_of(changes, Some(PathChange::default()));
            s.insider.signer = own;
            s.show(draft, Vec::new())
        },
    },
    Forgery {
        name: "a leaf signed by another",
        rule: Some("InvalidLeafSignature"),
        make: |s| {
            let own = std::mem::replace(&mut s.insider.signer, s.friend.signer.clone());
            let (changes, key) = (s.changes(), own.public_key().clone());
            let change =
                PathChange { leaf: &|leaf| leaf.signature_key = key.clone(), ..Default::default() };
            let draft = s.insider.draft_of(changes, Some(change));
            s.insider.signer = own;
            s.show(draft, Vec::new())
        },
    },
    Forgery {
        name: "a path that is too short",
        rule: Some("PathLengthMismatch"),
        make: |s| s.commit_changed(|draft, _| drop(draft.path().nodes.pop())),
    },
    Forgery {
        name: "a path that is too long",
        rule: Some("PathLengthMismatch"),
        make: |s| {
            let key = s.fresh_key();
            s.commit_changed(|draft, _| {
                let mut node = draft.path().nodes[0].clone();
                node.encryption_key = key;
                draft.path().nodes.push(node);
            })
        },
    },
    Forgery {
        name: "a ciphertext too many",
        rule: Some("CiphertextCountMismatch"),
        make: |s| {
            s.commit_changed(|draft, _| {
                for node in &mut draft.path().nodes {
                    node.encrypted_path_secret.push(node.encrypted_path_secret[0].clone());
                }
            })
        },
    },
    Forgery {
        name: "ciphertexts that do not open",
        rule: Some("PathSecretUndecryptable"),
        make: |s| {
            s.commit_changed(|draft, _| {
                for node in &mut draft.path().nodes {
                    for ciphertext in &mut node.encrypted_path_secret {
                        ciphertext.ciphertext = vec![1; 48].into();
                    }
                }
            })
        },
    },
    Forgery {
        name: "another commit secret",
        rule: Some("WrongConfirmationTag"),
        make: |s| {
            s.commit_changed(|draft, insider| {
                draft.commit_secret = treekem::CommitSecret::without_path(&insider.suite);
            })
        },
    },
];
