//! Numbers for people to compare, in person or over a line on which they know each other's voice.
//!
//! Five digits are made of five bytes of SHA-512, modulo 100,000. Thirty digits are worth 99 bits,
//! so nobody finds a second account or epoch with the same ones.

use crate::AccountKey;
use crate::statement::encode_name;
use codec::Writer;
use crypto::{CryptoError, HashAlgorithm, Provider};
use delivery_api::Name;

/// The version of both numbers; it is hashed.
const VERSION: u8 = 1;

/// Groups of five digits that a hash becomes.
const GROUPS: usize = 6;

/// The safety number of two accounts: sixty digits, the same whoever is named first. Two people for
/// whom it is the same have each other's root keys.
///
/// # Errors
/// The provider fails.
pub fn safety_number(
    provider: &dyn Provider,
    one: (&Name, &AccountKey),
    other: (&Name, &AccountKey),
) -> Result<String, CryptoError> {
    let mut halves = [half(provider, one)?, half(provider, other)?];
    halves.sort();
    Ok(halves.join(" "))
}

fn half(provider: &dyn Provider, (name, key): (&Name, &AccountKey)) -> Result<String, CryptoError> {
    let mut writer = Writer::new();
    writer.opaque(b"Conclave safety number");
    writer.write(&[VERSION]);
    encode_name(name, &mut writer);
    writer.write(&key.0);
    digits(provider, writer.as_slice())
}

/// The epoch authenticator of a group (RFC 9420, section 8.7) as thirty digits. Two members for
/// whom it is the same are in the same epoch, of the same group, with the same members.
///
/// # Errors
/// The provider fails.
pub fn authenticator_digits(
    provider: &dyn Provider,
    epoch_authenticator: &[u8],
) -> Result<String, CryptoError> {
    let mut writer = Writer::new();
    writer.opaque(b"Conclave epoch authenticator");
    writer.write(&[VERSION]);
    writer.opaque(epoch_authenticator);
    digits(provider, writer.as_slice())
}

fn digits(provider: &dyn Provider, data: &[u8]) -> Result<String, CryptoError> {
    let hash = provider.hash(HashAlgorithm::Sha512, data)?;
    let groups = hash.as_slice().chunks_exact(5).take(GROUPS).map(|bytes| {
        let value = bytes.iter().fold(0_u64, |value, byte| (value << 8) | u64::from(*byte));
        format!("{:05}", value % 100_000)
    });
    Ok(groups.collect::<Vec<_>>().join(" "))
}
