//! Groups that are described falsely, to whoever would join them: by a Welcome, or by an external
//! commit with a GroupInfo. Tree hash, confirmation tag and signature fit what is said.

use codec::Encode as _;
use crypto::{Digest, Secret};
use testkit::forge::{Insider, PathChange, WelcomeForge};
use tree::{RatchetTree, TreeSize};
use wire::{
    Credential, CredentialType, Extension, ExtensionType, ExternalPub, GroupInfo, LeafNode, Node,
    ProtocolVersion, RatchetTreeNodes,
};

use super::stage::{Jury, Stage, Verdict};
use crate::stacks::Stack;

/// What is said of a group.
pub(crate) struct Description<'a> {
    pub(crate) info: &'a mut GroupInfo,
    pub(crate) nodes: Vec<Option<Node>>,
    pub(crate) path_secret: &'a mut Option<Secret>,
    /// Whether the confirmation tag is what follows from the rest.
    pub(crate) is_confirmed: bool,
    /// Who signs, and with which signature in the end.
    pub(crate) signature: Option<Vec<u8>>,
    forger: &'a Insider,
    last: &'a Insider,
}

/// A false description.
pub(crate) struct Lie {
    pub(crate) name: &'static str,
    /// The `Violation` that it is; none for what is in order.
    pub(crate) rule: Option<&'static str>,
    /// Whether it can be told in a Welcome, and in a GroupInfo.
    pub(crate) by: (bool, bool),
    tell: fn(&mut Description<'_>),
}

const BOTH: (bool, bool) = (true, true);
const WELCOME: (bool, bool) = (true, false);
const GROUP_INFO: (bool, bool) = (false, true);

impl Description<'_> {
    fn leaf(&mut self, index: usize) -> &mut LeafNode {
        match &mut self.nodes[2 * index] {
            Some(Node::Leaf(leaf)) => std::sync::Arc::make_mut(leaf),
            _ => panic!("a member has this leaf"),
        }
    }

    /// Signs the leaf of the last committer again. No parent hash covers it.
    fn change_last(&mut self, change: impl FnOnce(&mut LeafNode)) {
        let (last, place) = (self.last, self.last.leaf);
        let leaf = self.leaf(place.as_u32() as usize);
        change(leaf);
        last.sign_leaf(leaf, place.as_u32());
    }

    fn parent(&mut self, index: usize) -> &mut wire::ParentNode {
        match &mut self.nodes[index] {
            Some(Node::Parent(parent)) => std::sync::Arc::make_mut(parent),
            _ => panic!("there is a parent"),
        }
    }
}

fn unknown() -> Extension {
    Extension { extension_type: ExtensionType(0xf0c0), extension_data: Default::default() }
}

/// The root of a tree of up to eight leaves.
const ROOT: usize = 7;

/// All of them. The forger is leaf 0, its friend leaf 1.
pub(crate) const LIES: &[Lie] = &[
    Lie { name: "the truth", rule: None, by: BOTH, tell: |_| {} },
    Lie {
        name: "another version",
        rule: Some("UnsupportedVersion"),
        by: BOTH,
        tell: |it| {
            it.info.group_context.version = ProtocolVersion(2);
        },
    },
    Lie {
        name: "another suite",
        rule: Some("CipherSuiteMismatch"),
        by: WELCOME,
        tell: |it| {
            let other = if it.info.group_context.cipher_suite.0 == 3 { 1 } else { 3 };
            it.info.group_context.cipher_suite = crypto::CipherSuite(other);
        },
    },
    Lie {
        name: "a signer with a blank leaf",
        rule: Some("GroupInfoSigner"),
        by: GROUP_INFO,
        tell: |it| {
            it.info.signer = 7;
        },
    },
    Lie {
        name: "a signer beyond the tree",
        rule: Some("GroupInfoSigner"),
        by: BOTH,
        tell: |it| {
            it.info.signer = u32::MAX;
        },
    },
    Lie {
        name: "another signer",
        rule: Some("GroupInfoSignature"),
        by: BOTH,
        tell: |it| {
            it.info.signer = 1;
        },
    },
    Lie {
        name: "an empty signature",
        rule: Some("GroupInfoSignature"),
        by: BOTH,
        tell: |it| {
            it.signature = Some(Vec::new());
        },
    },
    Lie {
        name: "an extension nobody knows",
        rule: Some("GroupExtensionNotSupported"),
        by: BOTH,
        tell: |it| {
            it.info.group_context.extensions.set(unknown());
        },
    },
    Lie {
        name: "another tree hash",
        rule: Some("WrongTreeHash"),
        by: BOTH,
        tell: |it| {
            it.info.group_context.tree_hash =
                Digest::new(&[7; 32]).expect("a hash has this length");
            it.nodes.clear();
        },
    },
    Lie {
        name: "a wrong tag",
        rule: Some("WrongConfirmationTag"),
        by: WELCOME,
        tell: |it| {
            it.info.confirmation_tag = vec![0; 32].into();
            it.is_confirmed = false;
        },
    },
    Lie {
        name: "another path secret",
        rule: Some("PathSecretKeyMismatch"),
        by: WELCOME,
        tell: |it| {
            *it.path_secret = Some(Secret::zeros(32));
        },
    },
    Lie {
        name: "no path secret",
        rule: Some("PathSecretMissing"),
        by: WELCOME,
        tell: |it| {
            *it.path_secret = None;
        },
    },
    Lie {
        name: "a path secret that is too short",
        rule: Some("WrongPathSecretLength"),
        by: WELCOME,
        tell: |it| {
            *it.path_secret = Some(Secret::zeros(31));
        },
    },
    Lie {
        name: "no external_pub",
        rule: Some("ExternalPubMissing"),
        by: GROUP_INFO,
        tell: |it| {
            it.info.extensions.0.retain(|one| one.extension_type != ExtensionType::EXTERNAL_PUB);
        },
    },
    Lie {
        name: "an external_pub of zeros",
        rule: Some("ExternalPubInvalid"),
        by: GROUP_INFO,
        tell: |it| {
            let external_pub = ExternalPub { external_pub: vec![0; 32].into() };
            it.info.extensions.set(Extension::new(ExtensionType::EXTERNAL_PUB, &external_pub));
        },
    },
    Lie {
        name: "an extension of the GroupInfo twice",
        rule: Some("DuplicateExtension"),
        by: BOTH,
        tell: |it| {
            it.info.extensions.0.extend([unknown(), unknown()]);
        },
    },
    Lie {
        name: "a tree that ends with blanks",
        rule: Some("TrailingBlankNodes"),
        by: BOTH,
        tell: |it| {
            it.nodes.push(None);
        },
    },
    Lie {
        name: "a parent in the place of a leaf",
        rule: Some("NodeTypeMismatch"),
        by: BOTH,
        tell: |it| {
            it.nodes[2] = it.nodes[ROOT].clone();
        },
    },
    Lie {
        name: "unmerged leaves out of order",
        rule: Some("UnsortedUnmergedLeaves"),
        by: BOTH,
        tell: |it| {
            it.parent(ROOT).unmerged_leaves = vec![4, 3];
        },
    },
    Lie {
        name: "an unmerged leaf that is blank",
        rule: Some("UnmergedLeafNotDescendant"),
        by: BOTH,
        tell: |it| {
            it.parent(ROOT).unmerged_leaves.push(u32::MAX);
        },
    },
    Lie {
        name: "an unmerged leaf not listed below",
        rule: Some("UnmergedLeafNotListedBetween"),
        by: BOTH,
        tell: |it| {
            it.parent(ROOT).unmerged_leaves = vec![2];
        },
    },
    Lie {
        name: "a parent that nobody set",
        rule: Some("InvalidParentHash"),
        by: BOTH,
        tell: |it| {
            it.parent(ROOT).parent_hash = Digest::new(&[7; 32]).expect("a hash has this length");
        },
    },
    Lie {
        name: "a parent with another key",
        rule: Some("InvalidParentHash"),
        by: GROUP_INFO,
        tell: |it| {
            it.parent(ROOT).encryption_key = it
                .info
                .extensions
                .external_pub()
                .ok()
                .flatten()
                .map_or_else(|| vec![9; 32].into(), |it| it.external_pub);
        },
    },
    Lie {
        name: "a leaf with a wrong signature",
        rule: Some("InvalidLeafSignature"),
        by: BOTH,
        tell: |it| {
            let place = it.last.leaf.as_u32() as usize;
            it.leaf(place).signature = vec![1; 64].into();
        },
    },
    Lie {
        name: "the encryption key of another",
        rule: Some("DuplicateEncryptionKey"),
        by: BOTH,
        tell: |it| {
            let key = it.leaf(2).encryption_key.clone();
            it.change_last(|leaf| leaf.encryption_key = key);
        },
    },
    Lie {
        name: "the signature key of another",
        rule: Some("DuplicateSignatureKey"),
        by: BOTH,
        tell: |it| {
            let (forger, key) = (it.forger, it.forger.signer.public_key().clone());
            let leaf = it.leaf(1);
            leaf.signature_key = key;
            forger.sign_leaf(leaf, 1);
        },
    },
    Lie {
        name: "a leaf without the suite",
        rule: Some("VersionOrCipherSuiteNotInCapabilities"),
        by: BOTH,
        tell: |it| {
            it.change_last(|leaf| leaf.capabilities.cipher_suites.clear());
        },
    },
    Lie {
        name: "a leaf with an unlisted extension",
        rule: Some("ExtensionNotInCapabilities"),
        by: BOTH,
        tell: |it| {
            it.change_last(|leaf| leaf.extensions.0.push(unknown()));
        },
    },
    Lie {
        name: "a leaf without its credential",
        rule: Some("CredentialTypeNotInCapabilities"),
        by: BOTH,
        tell: |it| {
            it.change_last(|leaf| leaf.capabilities.credentials = vec![CredentialType(0xf0f0)]);
        },
    },
    Lie {
        name: "a credential that others do not know",
        rule: Some("CredentialTypeNotSupportedByMembers"),
        by: BOTH,
        tell: |it| {
            it.change_last(|leaf| {
                leaf.credential =
                    Credential::Other(CredentialType(0xf0f0), b"somebody".as_slice().into());
                leaf.capabilities.credentials.push(CredentialType(0xf0f0));
            });
        },
    },
];

/// A Welcome for a new member.
pub(crate) struct Invitation {
    pub(crate) stack: Stack,
    pub(crate) transaction: u32,
    pub(crate) welcome: Vec<u8>,
    /// The authenticator of the epoch, if it is the forger's.
    pub(crate) authenticator: Option<Vec<u8>>,
}

/// What everyone says to a lie in a Welcome.
pub(crate) fn welcome(stage: &mut Stage<'_>, lie: &Lie) -> Result<Vec<(Stack, Verdict)>, String> {
    let mut verdicts = Vec::new();
    for invitation in invitations(stage, lie)? {
        let Invitation { stack, transaction, welcome, authenticator } = invitation;
        let expected = authenticator.as_deref();
        verdicts.push((stack, stage.jury.join((stack, transaction), welcome, expected)));
        stage.jury.free(stack, transaction);
    }
    Ok(verdicts)
}

/// A Welcome with this lie for each stack, all of one commit that nobody else hears of.
pub(crate) fn invitations(stage: &Stage<'_>, lie: &Lie) -> Result<Vec<Invitation>, String> {
    let jury: &Jury = stage.jury;
    let mut insider = Insider::of(&stage.forger);
    let mut changes = insider.changes();
    let mut joiners = Vec::new();
    for stack in jury.stacks() {
        let (transaction, made) = jury.key_package(stack)?;
        changes = changes.add_member(made.clone());
        joiners.push((stack, transaction, made));
    }
    let draft = insider.draft_of(changes, Some(PathChange::default()));
    let added: Vec<_> =
        draft.added.iter().map(|(_, it)| it.as_ref().map(Secret::duplicate)).collect();
    let forged = draft.finish(&insider);
    let suite = insider.suite.clone();
    let mut invitations = Vec::new();
    for ((stack, transaction, key_package), path_secret) in joiners.into_iter().zip(added) {
        let wire::MlsMessageBody::GroupInfo(info) = forged.next.group_info(|_| {}).0 else {
            return Err("not a GroupInfo".to_owned());
        };
        let new_member = key_package.reference(&suite).map_err(|it| it.to_string())?;
        let mut welcome = WelcomeForge {
            suite: suite.clone(),
            group_info: *info,
            joiner_secret: forged.joiner_secret.as_secret().duplicate(),
            path_secret,
            psks: Vec::new(),
            key_package,
            new_member,
        };
        let mut path_secret = welcome.path_secret.take();
        let told =
            describe(&mut welcome.group_info, (&forged.next, &forged.next), &mut path_secret, lie);
        welcome.path_secret = path_secret;
        if told.is_confirmed {
            welcome.confirm();
        }
        welcome.sign(&*insider.signer);
        if let Some(signature) = told.signature {
            welcome.group_info.signature = signature.into();
        }
        let bytes = welcome.seal(&mut insider.random).to_bytes();
        // A lie makes an epoch of its own.
        let authenticator = forged.next.secrets.epoch_authenticator().expose().to_vec();
        let authenticator = lie.rule.is_none().then_some(authenticator);
        invitations.push(Invitation { stack, transaction, welcome: bytes, authenticator });
    }
    Ok(invitations)
}

/// What everyone says to a lie in a GroupInfo.
pub(crate) fn group_info(stage: &mut Stage<'_>, lie: &Lie) -> Vec<(Stack, Verdict)> {
    let (insider, friend) = (Insider::of(&stage.forger), Insider::of(&stage.friend));
    let mut signature = None;
    let mut message = insider.group_info(|info| {
        signature = describe(info, (&insider, &friend), &mut None, lie).signature;
    });
    if let (Some(signature), wire::MlsMessageBody::GroupInfo(info)) = (signature, &mut message.0) {
        info.signature = signature.into();
    }
    let bytes = message.to_bytes();
    let stacks = stage.jury.stacks();
    stacks.map(|stack| (stack, stage.jury.join_external(stack, bytes.clone()))).collect()
}

/// What is left to do after a lie was told.
struct Told {
    is_confirmed: bool,
    signature: Option<Vec<u8>>,
}

fn describe(
    info: &mut GroupInfo,
    (forger, last): (&Insider, &Insider),
    path_secret: &mut Option<Secret>,
    lie: &Lie,
) -> Told {
    let RatchetTreeNodes(nodes) = forger.tree.to_nodes();
    let before = nodes.clone();
    let mut description =
        Description { info, nodes, path_secret, is_confirmed: true, signature: None, forger, last };
    (lie.tell)(&mut description);
    let Description { info, nodes, is_confirmed, signature, .. } = description;
    if !nodes.is_empty() && nodes != before {
        if let Some(tree_hash) = hash_of(forger, &nodes) {
            info.group_context.tree_hash = tree_hash;
        }
        let tree = Extension::new(ExtensionType::RATCHET_TREE, &RatchetTreeNodes(nodes));
        info.extensions.set(tree);
    }
    Told { is_confirmed, signature }
}

/// The hash of a tree that may break rules, if it has one.
fn hash_of(forger: &Insider, nodes: &[Option<Node>]) -> Option<Digest> {
    let size = TreeSize::with_room_for(nodes.len())?;
    let placed = nodes
        .iter()
        .enumerate()
        .filter_map(|(place, node)| Some((u32::try_from(place).ok()?, node.clone()?)));
    let mut tree = RatchetTree::from_placed_nodes(size, placed).ok()?;
    tree.tree_hash(&forger.suite).ok()
}
