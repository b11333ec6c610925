//! `GroupInfo` (RFC 9420, section 12.4.3).

use codec::{Encode, Opaque, Writer};
use crypto::{CryptoError, SignaturePublicKey, Suite, VerifiedSignature};

use crate::{Extensions, GroupContext};

/// The public state of an epoch, signed by a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupInfo {
    /// The epoch's context.
    pub group_context: GroupContext,
    /// Extensions such as `ratchet_tree` and `external_pub`.
    pub extensions: Extensions,
    /// The confirmation tag of the commit that made the epoch.
    pub confirmation_tag: Opaque,
    /// The leaf of the member who signs.
    pub signer: u32,
    /// `SignWithLabel(., "GroupInfoTBS", GroupInfoTBS)`.
    pub signature: Opaque,
}

codec::fields!(GroupInfo { group_context, extensions, confirmation_tag, signer, signature });

impl GroupInfo {
    /// The label of the signature.
    pub const SIGNATURE_LABEL: &str = "GroupInfoTBS";

    /// `GroupInfoTBS`: what the signature covers.
    #[must_use]
    pub fn to_be_signed(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.group_context.encode(&mut writer);
        self.extensions.encode(&mut writer);
        self.confirmation_tag.encode(&mut writer);
        self.signer.encode(&mut writer);
        writer.into_bytes()
    }

    /// Verifies the signature with the signer's key (section 12.4.3.1).
    pub fn verify_signature(
        &self,
        suite: &Suite,
        public_key: &SignaturePublicKey,
    ) -> Result<VerifiedSignature, CryptoError> {
        let signed = self.to_be_signed();
        suite.verify_with_label(public_key, Self::SIGNATURE_LABEL, &signed, &self.signature)
    }
}
