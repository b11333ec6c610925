//! The credential of a device: its account's statement, and what helps to believe it.
//!
//! It travels as the identity of a credential of type `basic` (RFC 9420, section 5.3), behind a
//! version octet. Another version, which may carry a proof from a transparency log, is another
//! value of it.

use crate::account_key::is_signed;
use crate::statement::DeviceStatement;
use crate::succession::verify_successions;
use crate::{DeviceCard, DeviceList, Succession, Violation};
use codec::{Decode, Encode, Opaque};
use crypto::{CryptoError, Provider, SignaturePublicKey, Signer};
use wire::Credential;

/// The version of [`DeviceCredential`].
const VERSION: u8 = 1;

/// How many changes of the root key a credential tells of. Who has not heard of an account for
/// longer has to compare safety numbers again.
pub const SUCCESSIONS_MAX: usize = 8;

/// A statement with its signatures, the root keys before, and the devices of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceCredential {
    version: u8,
    statement: DeviceStatement,
    account_signature: Opaque,
    device_signature: Opaque,
    successions: Vec<Succession>,
    list: DeviceList,
}

codec::fields!(DeviceCredential {
    version,
    statement,
    account_signature,
    device_signature,
    successions <= SUCCESSIONS_MAX,
    list,
});

impl DeviceCredential {
    /// Signs a statement about the device of a card with the account's root key. Of the
    /// successions, the last [`SUCCESSIONS_MAX`] are kept.
    ///
    /// # Errors
    /// The signer fails.
    pub fn new(
        statement: DeviceStatement,
        root: &dyn Signer,
        card: &DeviceCard,
        (successions, list): (&[Succession], DeviceList),
    ) -> Result<Self, CryptoError> {
        let skipped = successions.len().saturating_sub(SUCCESSIONS_MAX);
        Ok(Self {
            version: VERSION,
            account_signature: root.sign(&statement.account_tbs())?.into(),
            device_signature: card.signature().clone(),
            statement,
            successions: successions.iter().skip(skipped).cloned().collect(),
            list,
        })
    }

    /// Reads a credential without verifying its signatures.
    ///
    /// # Errors
    /// [`Violation::NotADeviceCredential`].
    pub fn read(credential: &Credential) -> Result<Self, Violation> {
        let Credential::Basic(bytes) = credential else {
            return Err(Violation::NotADeviceCredential);
        };
        match Self::from_bytes(bytes) {
            Ok(credential) if credential.version == VERSION => Ok(credential),
            _ => Err(Violation::NotADeviceCredential),
        }
    }

    /// As MLS carries it.
    #[must_use]
    pub fn to_credential(&self) -> Credential {
        Credential::Basic(self.to_bytes().into())
    }

    /// The statement.
    #[must_use]
    pub const fn statement(&self) -> &DeviceStatement {
        &self.statement
    }

    /// The root keys before, oldest first.
    #[must_use]
    pub fn successions(&self) -> &[Succession] {
        &self.successions
    }

    /// The devices of the account.
    #[must_use]
    pub const fn list(&self) -> &DeviceList {
        &self.list
    }

    /// The same credential with another list of the same root key. The list is signed by itself, so
    /// every device can hand on a newer one.
    #[must_use]
    pub fn with_list(&self, list: DeviceList) -> Self {
        Self { list, ..self.clone() }
    }

    /// The device's keys and its word.
    #[must_use]
    pub fn card(&self) -> DeviceCard {
        DeviceCard::of(&self.statement, self.device_signature.clone())
    }

    /// Verifies everything that is the same for everybody at any time.
    pub(crate) fn verify(
        &self,
        provider: &dyn Provider,
        signature_key: &SignaturePublicKey,
    ) -> Result<(), Violation> {
        let statement = &self.statement;
        if statement.signature_key != *signature_key {
            return Err(Violation::WrongSignatureKey);
        }
        let account = &statement.account.0;
        if !is_signed(provider, account, &statement.account_tbs(), &self.account_signature) {
            return Err(Violation::BadAccountSignature);
        }
        self.card().verify(provider, &statement.name)?;
        statement.check_lifetime()?;
        let whose = (&statement.name, statement.account);
        verify_successions(provider, &self.successions, whose)?;
        self.list.verify(provider, whose)
    }
}
