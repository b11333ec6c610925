//! GroupInfo (RFC 9420, section 12.4.3): describing an epoch to joiners, and verifying such a
//! description.

use crypto::{Random, Signer, Suite};
use tree::rules::{VerifiedTree, verify_ratchet_tree};
use wire::{
    Extension, ExtensionType, Extensions, ExternalPub, GroupInfo, MlsMessage, MlsMessageBody,
    ProtocolVersion, RatchetTreeNodes,
};

use crate::epoch::Epoch;
use crate::{Client, Error, Group, Misuse, Violation, grease};

/// What a GroupInfo contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupInfoOptions {
    /// The whole ratchet tree, in an extension. Without it the joiner gets the tree some other way.
    pub ratchet_tree: bool,
    /// The key for external commits. Whoever sees it can join, as far as members' policies let
    /// them.
    pub external_pub: bool,
}

impl Default for GroupInfoOptions {
    fn default() -> Self {
        Self { ratchet_tree: true, external_pub: false }
    }
}

/// A GroupInfo as a message of its own.
pub(crate) fn message(group_info: GroupInfo) -> MlsMessage {
    MlsMessage(MlsMessageBody::GroupInfo(Box::new(group_info)))
}

impl Epoch {
    /// The GroupInfo of this epoch, signed by this member.
    pub(crate) fn group_info(
        &self,
        client: &Client,
        suite: &Suite,
        signer: &dyn Signer,
        options: GroupInfoOptions,
        random: &mut dyn Random,
    ) -> Result<GroupInfo, Error> {
        let mut extensions = Extensions::default();
        if options.ratchet_tree {
            extensions.set(Extension::new(ExtensionType::RATCHET_TREE, &self.tree));
        }
        if options.external_pub {
            let external_pub = self.secrets.external_key_pair(suite)?.public_key;
            let external_pub = ExternalPub { external_pub };
            extensions.set(Extension::new(ExtensionType::EXTERNAL_PUB, &external_pub));
        }
        if client.settings().grease {
            grease::extensions(&mut extensions, random)?;
        }
        let mut group_info = GroupInfo {
            group_context: self.context.clone(),
            extensions,
            confirmation_tag: self.confirmation_tag.clone(),
            signer: self.own_leaf().as_u32(),
            signature: Default::default(),
        };
        let signed = group_info.to_be_signed();
        let label = GroupInfo::SIGNATURE_LABEL;
        group_info.signature = suite.sign_with_label(signer, label, &signed)?.into();
        Ok(group_info)
    }
}

impl Group {
    /// A GroupInfo of the current epoch, signed by this member.
    pub fn group_info(
        &self,
        options: GroupInfoOptions,
        random: &mut dyn Random,
    ) -> Result<MlsMessage, Error> {
        self.check_active()?;
        let signer = self.signer()?;
        let info = self.epoch.group_info(&self.client, &self.suite, &*signer, options, random)?;
        Ok(message(info))
    }
}

/// Verifies a GroupInfo and the tree that it describes, as a joiner must (section 12.4.3.1). The
/// confirmation tag is left to whoever has the key for it.
pub(crate) fn verify_group_info(
    client: &Client,
    suite: &Suite,
    group_info: &GroupInfo,
    tree: Option<RatchetTreeNodes>,
    now: u64,
) -> Result<VerifiedTree, Error> {
    let context = &group_info.group_context;
    if context.version != ProtocolVersion::MLS10 {
        return Err(Violation::UnsupportedVersion.into());
    }
    if context.cipher_suite != suite.id() {
        return Err(Violation::CipherSuiteMismatch.into());
    }
    if group_info.extensions.duplicate().is_some() || context.extensions.duplicate().is_some() {
        return Err(tree::Violation::DuplicateExtension.into());
    }
    // "A client joining a group MUST verify that it supports every extension in the GroupContext
    // for the group" (section 13.4).
    if !client.supports_extensions(&context.extensions) {
        return Err(Violation::GroupExtensionNotSupported.into());
    }
    let nodes = match group_info.extensions.ratchet_tree()? {
        Some(nodes) => nodes,
        None => tree.ok_or(Misuse::RatchetTreeMissing)?,
    };
    let rules = (client.settings().lifetimes, now);
    let tree = verify_ratchet_tree(suite, context, nodes, rules, &*client.config.identity)?;
    // "The public key is taken from the LeafNode of the ratchet tree with leaf index signer. If the
    // node is blank or if signature verification fails, return an error."
    let signer = tree.tree().member(group_info.signer).ok_or(Violation::GroupInfoSigner)?;
    group_info
        .verify_signature(suite, &signer.1.signature_key)
        .map_err(|_| Violation::GroupInfoSignature)?;
    Ok(tree)
}
