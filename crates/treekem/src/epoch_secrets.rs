//! What is derived from `epoch_secret` (RFC 9420, section 8): the secrets that a member holds
//! through an epoch.
//!
//! `epoch_secret` itself is never kept, and `encryption_secret` only until the secret tree takes it
//! (section 9.2).

use codec::Opaque;
use crypto::{HpkeKeyPair, Random, Secret, Suite};

use crate::{Error, InitSecret, Violation};

/// The secrets of one epoch.
///
/// * Made by [`crate::MemberSecret::into_epoch_secrets`], by [`Self::for_new_group`], or from
///   storage.
/// * Taken once: [`Self::take_encryption_secret`].
/// * The next epoch starts from [`Self::init_secret`], or [`Self::receive_external_init`] if the
///   commit is external.
pub struct EpochSecrets {
    sender_data_secret: Secret,
    encryption_secret: Option<Secret>,
    exporter_secret: Secret,
    external_secret: Secret,
    confirmation_key: Secret,
    membership_key: Secret,
    resumption_psk: Secret,
    epoch_authenticator: Secret,
    init_secret: InitSecret,
}

codec::fields!(EpochSecrets {
    sender_data_secret,
    encryption_secret,
    exporter_secret,
    external_secret,
    confirmation_key,
    membership_key,
    resumption_psk,
    epoch_authenticator,
    init_secret,
});

/// A confirmation tag (section 6.1) that is right: only the epoch's own [`EpochSecrets`] make one,
/// by computing it or by verifying it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfirmationTag(Opaque);

impl ConfirmationTag {
    /// The tag as it travels.
    #[must_use]
    pub fn as_opaque(&self) -> &Opaque {
        &self.0
    }

    /// The tag as it travels, without copying.
    #[must_use]
    pub fn into_opaque(self) -> Opaque {
        self.0
    }
}

impl EpochSecrets {
    /// The secrets of epoch 0 of a new group: `epoch_secret` is random (section 11).
    pub fn for_new_group(suite: &Suite, random: &mut dyn Random) -> Result<Self, Error> {
        Self::derive(suite, &Secret::random(suite.hash_length(), random)?)
    }

    pub(crate) fn derive(suite: &Suite, epoch_secret: &Secret) -> Result<Self, Error> {
        let derive = |label| suite.derive_secret(epoch_secret, label);
        Ok(Self {
            sender_data_secret: derive("sender data")?,
            encryption_secret: Some(derive("encryption")?),
            exporter_secret: derive("exporter")?,
            external_secret: derive("external")?,
            confirmation_key: derive("confirm")?,
            membership_key: derive("membership")?,
            resumption_psk: derive("resumption")?,
            epoch_authenticator: derive("authentication")?,
            init_secret: derive("init")?.into(),
        })
    }

    /// Erases all of them: the member was removed. Whoever goes on without looking gets empty
    /// secrets, which no primitive accepts as a key.
    pub fn erase(&mut self) {
        let empty = || Secret::zeros(0);
        *self = Self {
            sender_data_secret: empty(),
            encryption_secret: None,
            exporter_secret: empty(),
            external_secret: empty(),
            confirmation_key: empty(),
            membership_key: empty(),
            resumption_psk: empty(),
            epoch_authenticator: empty(),
            init_secret: empty().into(),
        };
    }

    /// `sender_data_secret`: for the sender data of private messages (section 6.3.2).
    #[must_use]
    pub fn sender_data_secret(&self) -> &Secret {
        &self.sender_data_secret
    }

    /// `encryption_secret`, the root of the secret tree; `None` if it was taken before.
    ///
    /// Section 9.2 demands its deletion once anything was derived from it, so it is handed over.
    pub fn take_encryption_secret(&mut self) -> Option<Secret> {
        self.encryption_secret.take()
    }

    /// `membership_key`: for the membership tag of public messages (section 6.2).
    #[must_use]
    pub fn membership_key(&self) -> &Secret {
        &self.membership_key
    }

    /// `resumption_psk`: proves membership in this epoch later (section 8.6).
    #[must_use]
    pub fn resumption_psk(&self) -> &Secret {
        &self.resumption_psk
    }

    /// `epoch_authenticator`: equal for members who share this epoch (section 8.7).
    #[must_use]
    pub fn epoch_authenticator(&self) -> &Secret {
        &self.epoch_authenticator
    }

    /// `init_secret`: where the next epoch starts.
    #[must_use]
    pub fn init_secret(&self) -> &InitSecret {
        &self.init_secret
    }

    pub(crate) fn exporter_secret(&self) -> &Secret {
        &self.exporter_secret
    }

    /// `external_priv` and `external_pub`, derived each time: most epochs never need them.
    pub fn external_key_pair(&self, suite: &Suite) -> Result<HpkeKeyPair, Error> {
        Ok(suite.derive_key_pair(&self.external_secret)?)
    }

    /// `confirmation_tag`: `MAC(confirmation_key, confirmed_transcript_hash)` (section 6.1).
    pub fn confirmation_tag(
        &self,
        suite: &Suite,
        confirmed_transcript_hash: &[u8],
    ) -> Result<ConfirmationTag, Error> {
        let tag = suite.mac(&self.confirmation_key, confirmed_transcript_hash)?;
        Ok(ConfirmationTag(tag.expose().into()))
    }

    /// Compares a received confirmation tag in constant time.
    pub fn verify_confirmation_tag(
        &self,
        suite: &Suite,
        confirmed_transcript_hash: &[u8],
        confirmation_tag: &[u8],
    ) -> Result<ConfirmationTag, Error> {
        let expected = suite.mac(&self.confirmation_key, confirmed_transcript_hash)?;
        // Section 12.4.2: "compute the confirmation tag for this message, as described below, and
        // verify that it is the same as the confirmation_tag field".
        if expected != Secret::from_slice(confirmation_tag) {
            return Err(Violation::WrongConfirmationTag.into());
        }
        Ok(ConfirmationTag(confirmation_tag.into()))
    }
}
