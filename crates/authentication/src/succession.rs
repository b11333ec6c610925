//! A root key that follows another.

use crate::account_key::is_signed;
use crate::statement::{encode_name, to_be_signed};
use crate::{AccountKey, Violation};
use codec::{Encode, Opaque};
use crypto::{CryptoError, Provider, Signer};
use delivery_api::Name;

/// "For this name, the key `to` follows the key `from`", signed by both: the old key gives the name
/// away, and nobody is made the successor of a key by its holder alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Succession {
    from: AccountKey,
    to: AccountKey,
    signature_from: Opaque,
    signature_to: Opaque,
}

codec::fields!(Succession { from, to, signature_from, signature_to });

fn tbs(name: &Name, from: &AccountKey, to: &AccountKey) -> Vec<u8> {
    to_be_signed("succession", |writer| {
        encode_name(name, writer);
        from.encode(writer);
        to.encode(writer);
    })
}

impl Succession {
    /// Makes `to` the root key of `name` after `from`.
    ///
    /// # Errors
    /// A signer fails, or is no Ed25519 key.
    pub fn new(name: &Name, from: &dyn Signer, to: &dyn Signer) -> Result<Self, CryptoError> {
        let (old, new) = (AccountKey::of(from)?, AccountKey::of(to)?);
        let message = tbs(name, &old, &new);
        Ok(Self {
            from: old,
            to: new,
            signature_from: from.sign(&message)?.into(),
            signature_to: to.sign(&message)?.into(),
        })
    }

    /// The key that is replaced.
    #[must_use]
    pub const fn from(&self) -> AccountKey {
        self.from
    }

    fn is_valid(&self, provider: &dyn Provider, name: &Name) -> bool {
        let message = tbs(name, &self.from, &self.to);
        is_signed(provider, &self.from.0, &message, &self.signature_from)
            && is_signed(provider, &self.to.0, &message, &self.signature_to)
    }
}

/// Verifies that successions lead, one after the other, to the root key `account`.
pub(crate) fn verify_successions(
    provider: &dyn Provider,
    successions: &[Succession],
    (name, account): (&Name, AccountKey),
) -> Result<(), Violation> {
    let follows = successions.windows(2).all(|pair| pair[0].to == pair[1].from);
    let arrives = successions.last().is_none_or(|last| last.to == account);
    let is_valid = |succession: &Succession| succession.is_valid(provider, name);
    if follows && arrives && successions.iter().all(is_valid) {
        Ok(())
    } else {
        Err(Violation::BadSuccession)
    }
}
