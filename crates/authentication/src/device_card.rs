//! What a device brings along to become one of an account's: its keys, and its word.

use crate::Violation;
use crate::account_key::is_signed;
use crate::statement::{DeviceStatement, encode_name, to_be_signed};
use codec::{Encode, Opaque};
use crypto::{CryptoError, HpkePublicKey, Provider, SignaturePublicKey, Signer};
use delivery_api::{DeviceId, Name};

/// The version of [`DeviceCard`].
const VERSION: u8 = 1;

/// A device's public keys and its signature that it wants to speak for a name with them: nobody
/// vouches for the device of somebody else. The account's root key renews its statement about the
/// device as often as it likes on the strength of one card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceCard {
    version: u8,
    device: DeviceId,
    signature_key: SignaturePublicKey,
    inbox_key: HpkePublicKey,
    signature: Opaque,
}

codec::fields!(DeviceCard { version, device, signature_key, inbox_key, signature });

/// What the device signs.
fn tbs(
    name: &Name,
    device: &DeviceId,
    signature_key: &SignaturePublicKey,
    inbox_key: &HpkePublicKey,
) -> Vec<u8> {
    to_be_signed("device consent", |writer| {
        encode_name(name, writer);
        device.encode(writer);
        signature_key.encode(writer);
        inbox_key.encode(writer);
    })
}

impl DeviceCard {
    /// A card of the device whose key signs, for one name.
    ///
    /// # Errors
    /// The signer fails or is no Ed25519 key.
    pub fn new(
        name: &Name,
        device: &dyn Signer,
        signature_key: SignaturePublicKey,
        inbox_key: HpkePublicKey,
    ) -> Result<Self, CryptoError> {
        let bytes = device.public_key().as_slice().try_into();
        let id = DeviceId::new(bytes.map_err(|_| CryptoError::InvalidPublicKey)?);
        let signature = device.sign(&tbs(name, &id, &signature_key, &inbox_key))?.into();
        Ok(Self { version: VERSION, device: id, signature_key, inbox_key, signature })
    }

    /// The card behind a statement, with the device's signature.
    pub(crate) fn of(statement: &DeviceStatement, signature: Opaque) -> Self {
        Self {
            version: VERSION,
            device: statement.device,
            signature_key: statement.signature_key.clone(),
            inbox_key: statement.inbox_key.clone(),
            signature,
        }
    }

    /// The device.
    #[must_use]
    pub const fn device(&self) -> DeviceId {
        self.device
    }

    /// The key that it signs leaves with.
    #[must_use]
    pub const fn signature_key(&self) -> &SignaturePublicKey {
        &self.signature_key
    }

    /// The key that items for its inbox are sealed to.
    #[must_use]
    pub const fn inbox_key(&self) -> &HpkePublicKey {
        &self.inbox_key
    }

    /// The device's signature.
    pub(crate) const fn signature(&self) -> &Opaque {
        &self.signature
    }

    /// Verifies that the device wants to speak for a name.
    ///
    /// # Errors
    /// [`Violation::BadDeviceSignature`], also for a version that is not known here.
    pub fn verify(&self, provider: &dyn Provider, name: &Name) -> Result<(), Violation> {
        let message = tbs(name, &self.device, &self.signature_key, &self.inbox_key);
        let is_signed = is_signed(provider, self.device.as_bytes(), &message, &self.signature);
        if self.version == VERSION && is_signed {
            Ok(())
        } else {
            Err(Violation::BadDeviceSignature)
        }
    }
}
