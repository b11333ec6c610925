//! What a group's members agree on for the day when something goes wrong: a secret by which a
//! member who lost its way is recognised; and how one of them makes another its successor in
//! repairing the log.
//!
//! The secret is an extension of the GroupContext, so that every joiner gets it with the Welcome,
//! sealed by MLS. It stays the same for as long as the group lives: whoever asks may have missed
//! any number of epochs. It hides from the service which group is asked about; it proves nothing
//! (`docs/decisions/rejoin.md`).

use crate::Error;
use codec::{Decode, Encode, Opaque};
use crypto::{Signer, Suite};
use delivery_api::{DeviceId, PublicKey};
use wire::{Extension, ExtensionType, Extensions, LeafNode};

/// The version of [`RescueExtension`].
const RESCUE_EXTENSION_VERSION: u8 = 1;

/// Length of a rescue secret.
pub(crate) const RESCUE_SECRET_LENGTH: usize = 32;

/// The label of the signature of an [`AnchorOffer`].
const OFFER_LABEL: &str = "conclave anchor";

/// The type of [`RescueExtension`] (from the private-use range of RFC 9420, section 17.3).
pub(crate) const RESCUE_EXTENSION: ExtensionType = ExtensionType(0xf0c2);

/// The extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RescueExtension {
    version: u8,
    pub(crate) secret: [u8; RESCUE_SECRET_LENGTH],
}
codec::fields!(RescueExtension { version, secret });

impl RescueExtension {
    pub(crate) fn new(secret: [u8; RESCUE_SECRET_LENGTH]) -> Self {
        Self { version: RESCUE_EXTENSION_VERSION, secret }
    }

    /// The same among a group's extensions.
    pub(crate) fn to_extension(&self) -> Extension {
        let extension_data = self.to_bytes().into();
        Extension { extension_type: RESCUE_EXTENSION, extension_data }
    }

    /// What the group has agreed on, if it has, in a form that this version knows.
    pub(crate) fn read(extensions: &Extensions) -> Option<Self> {
        let extension = Self::from_bytes(extensions.find(RESCUE_EXTENSION)?).ok()?;
        (extension.version == RESCUE_EXTENSION_VERSION).then_some(extension)
    }
}

/// Who repairs a log gives another member a key of its own to do so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AnchorOffer {
    pub(crate) group: Opaque,
    /// Who offers it.
    pub(crate) giver: DeviceId,
    /// The number of the last repair.
    pub(crate) number: u64,
    /// The public halves of the keys of all anchors.
    pub(crate) keys: Vec<PublicKey>,
    /// The seed of the key that is given.
    pub(crate) seed: Opaque,
    /// By the signature key of the giver's leaf, over the rest.
    pub(crate) signature: Opaque,
}
codec::fields!(AnchorOffer { group, giver, number, keys, seed, signature });

impl AnchorOffer {
    fn to_be_signed(&self) -> Vec<u8> {
        Self { signature: Opaque::default(), ..self.clone() }.to_bytes()
    }

    /// Signs it.
    pub(crate) fn sign(mut self, suite: &Suite, signer: &dyn Signer) -> Result<Self, Error> {
        self.signature = suite.sign_with_label(signer, OFFER_LABEL, &self.to_be_signed())?.into();
        Ok(self)
    }

    /// Whether the holder of a leaf signed it.
    pub(crate) fn is_by(&self, suite: &Suite, leaf: &LeafNode) -> bool {
        let (key, content) = (&leaf.signature_key, self.to_be_signed());
        suite.verify_with_label(key, OFFER_LABEL, &content, &self.signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::RescueExtension;
    use wire::Extensions;

    #[test]
    fn the_extension_survives_and_other_versions_are_not_read() {
        let mut rescue = RescueExtension::new([7; 32]);
        let mut extensions = Extensions::default();
        assert_eq!(RescueExtension::read(&extensions), None);
        extensions.set(rescue.to_extension());
        assert_eq!(RescueExtension::read(&extensions), Some(rescue.clone()));
        rescue.version = 2;
        extensions.set(rescue.to_extension());
        assert_eq!(RescueExtension::read(&extensions), None);
    }
}
