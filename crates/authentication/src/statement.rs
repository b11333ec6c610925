//! What an account says of one of its devices.

use crate::{AccountKey, Violation};
use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Reader, Writer};
use crypto::{HpkePublicKey, SignaturePublicKey};
use delivery_api::{DeviceId, Name};

/// The longest lifetime of a statement: who stops renewing is not believed for longer.
pub const LIFETIME_SECONDS_MAX: u64 = 90 * 86_400;

/// How far the clocks of two honest devices may be apart.
const CLOCK_SKEW_SECONDS: u64 = 86_400;

/// "This device signs for this account with this key, from then until then."
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceStatement {
    /// The account's name.
    pub name: Name,
    /// The account's root key.
    pub account: AccountKey,
    /// The device.
    pub device: DeviceId,
    /// The key in the device's leaves.
    pub signature_key: SignaturePublicKey,
    /// The key that items for the device's inbox are sealed to.
    pub inbox_key: HpkePublicKey,
    /// The first second of its lifetime, since 1970.
    pub not_before: u64,
    /// The last second of its lifetime.
    pub not_after: u64,
}

impl Encode for DeviceStatement {
    fn encode(&self, writer: &mut Writer) {
        encode_name(&self.name, writer);
        self.account.encode(writer);
        self.device.encode(writer);
        self.signature_key.encode(writer);
        self.inbox_key.encode(writer);
        self.not_before.encode(writer);
        self.not_after.encode(writer);
    }
}

impl Decode for DeviceStatement {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            name: decode_name(reader)?,
            account: Decode::decode(reader)?,
            device: Decode::decode(reader)?,
            signature_key: Decode::decode(reader)?,
            inbox_key: Decode::decode(reader)?,
            not_before: Decode::decode(reader)?,
            not_after: Decode::decode(reader)?,
        })
    }
}

impl DeviceStatement {
    /// What the account signs.
    pub(crate) fn account_tbs(&self) -> Vec<u8> {
        to_be_signed("device statement", |writer| self.encode(writer))
    }

    pub(crate) fn check_lifetime(&self) -> Result<(), Violation> {
        match self.not_after.checked_sub(self.not_before) {
            Some(1..=LIFETIME_SECONDS_MAX) => Ok(()),
            _ => Err(Violation::BadLifetime),
        }
    }

    /// Whether it is valid at a time.
    pub(crate) fn check_time(&self, now: u64) -> Result<(), Violation> {
        if now.saturating_add(CLOCK_SKEW_SECONDS) < self.not_before {
            return Err(Violation::NotYetValid);
        }
        if now > self.not_after {
            return Err(Violation::Expired);
        }
        Ok(())
    }

    /// Whether two thirds of its lifetime are over: it should be renewed, and a third is left to do
    /// so.
    #[must_use]
    pub fn is_due(&self, now: u64) -> bool {
        let third = self.not_after.saturating_sub(self.not_before) / 3;
        now >= self.not_after.saturating_sub(third)
    }
}

/// A signature of one kind of statement is none of another, nor one of MLS or of the delivery
/// protocol: their labels start otherwise.
pub(crate) fn to_be_signed(label: &str, content: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.vector(|writer| {
        writer.write(b"Conclave authentication 1.0 ");
        writer.write(label.as_bytes());
    });
    content(&mut writer);
    writer.into_bytes()
}

pub(crate) fn encode_name(name: &Name, writer: &mut Writer) {
    writer.opaque(name.as_str().as_bytes());
}

pub(crate) fn decode_name(reader: &mut Reader<'_>) -> Result<Name, DecodeError> {
    let error = reader.error(DecodeErrorKind::InvalidValue("name"));
    let text = std::str::from_utf8(reader.opaque()?).ok();
    text.and_then(Name::new).ok_or(error)
}
