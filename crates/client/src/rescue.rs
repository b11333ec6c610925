//! What a group's members agree on for the day when something goes wrong: who may repair the log,
//! and a secret by which a member who lost its way is recognised.
//!
//! It is an extension of the GroupContext, so that every joiner gets it with the Welcome, sealed by
//! MLS. The secret stays the same for as long as the group lives: whoever asks may have missed any
//! number of epochs. It hides from the service which group is asked about; it proves nothing
//! (`docs/decisions/rejoin.md`).

use codec::{Decode, Encode};
use delivery_api::{DeviceId, PublicKey};
use wire::{Extension, ExtensionType, Extensions};

/// The version of [`RescueExtension`].
const RESCUE_EXTENSION_VERSION: u8 = 1;

/// Length of a rescue secret.
pub(crate) const RESCUE_SECRET_LENGTH: usize = 32;

/// The type of [`RescueExtension`] (from the private-use range of RFC 9420, section 17.3).
pub(crate) const RESCUE_EXTENSION: ExtensionType = ExtensionType(0xf0c2);

/// One of a log's anchors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Anchor {
    /// The public half of its anchor key for this log.
    pub(crate) key: PublicKey,
    /// Whose it is.
    pub(crate) device: DeviceId,
}
codec::fields!(Anchor { key, device });

/// The extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RescueExtension {
    version: u8,
    pub(crate) secret: [u8; RESCUE_SECRET_LENGTH],
    pub(crate) anchors: Vec<Anchor>,
}
codec::fields!(RescueExtension { version, secret, anchors });

impl RescueExtension {
    pub(crate) fn new(secret: [u8; RESCUE_SECRET_LENGTH], anchors: Vec<Anchor>) -> Self {
        Self { version: RESCUE_EXTENSION_VERSION, secret, anchors }
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

#[cfg(test)]
mod tests {
    use super::{Anchor, RescueExtension};
    use delivery_api::PublicKey;
    use wire::Extensions;

    #[test]
    fn the_extension_survives_and_other_versions_are_not_read() {
        let key = PublicKey::new([1; 32]);
        let mut rescue = RescueExtension::new([7; 32], vec![Anchor { key, device: key.device() }]);
        let mut extensions = Extensions::default();
        assert_eq!(RescueExtension::read(&extensions), None);
        extensions.set(rescue.to_extension());
        assert_eq!(RescueExtension::read(&extensions), Some(rescue.clone()));
        rescue.version = 2;
        extensions.set(rescue.to_extension());
        assert_eq!(RescueExtension::read(&extensions), None);
    }
}
