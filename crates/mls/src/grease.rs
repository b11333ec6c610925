//! GREASE (RFC 9420, section 13.5): random unknown values, so that peers who choke on them are
//! noticed early. Sent by default; on receipt they are unknown values like any other.

use crypto::{CipherSuite, CryptoError, Random};
use wire::{
    Capabilities, CredentialType, Extension, ExtensionType, Extensions, GREASE_VALUES, ProposalType,
};

/// One random GREASE value.
fn value(random: &mut dyn Random) -> Result<u16, CryptoError> {
    let mut byte = [0];
    random.fill(&mut byte)?;
    Ok(GREASE_VALUES[usize::from(byte[0]) % GREASE_VALUES.len()])
}

/// Inserts `value` at a random place.
fn insert<T: PartialEq>(
    list: &mut Vec<T>,
    value: T,
    random: &mut dyn Random,
) -> Result<(), CryptoError> {
    let mut byte = [0];
    random.fill(&mut byte)?;
    if !list.contains(&value) {
        let at = usize::from(byte[0]) % (list.len() + 1);
        list.insert(at, value);
    }
    Ok(())
}

/// Adds a random value to each list of capabilities, and to a leaf's extensions together with the
/// capabilities that must name it.
pub(crate) fn leaf(
    capabilities: &mut Capabilities,
    extensions: &mut Extensions,
    random: &mut dyn Random,
) -> Result<(), CryptoError> {
    insert(&mut capabilities.cipher_suites, CipherSuite(value(random)?), random)?;
    insert(&mut capabilities.extensions, ExtensionType(value(random)?), random)?;
    insert(&mut capabilities.proposals, ProposalType(value(random)?), random)?;
    insert(&mut capabilities.credentials, CredentialType(value(random)?), random)?;
    let extension_type = ExtensionType(value(random)?);
    insert(&mut capabilities.extensions, extension_type, random)?;
    add_extension(extensions, extension_type, random)
}

/// Adds a random extension to those of a key package or GroupInfo.
pub(crate) fn extensions(
    extensions: &mut Extensions,
    random: &mut dyn Random,
) -> Result<(), CryptoError> {
    let extension_type = ExtensionType(value(random)?);
    add_extension(extensions, extension_type, random)
}

fn add_extension(
    extensions: &mut Extensions,
    extension_type: ExtensionType,
    random: &mut dyn Random,
) -> Result<(), CryptoError> {
    let mut data = [0; 17];
    random.fill(&mut data)?;
    let length = usize::from(data[0]) % data.len();
    let extension_data = data[1..][..length].into();
    extensions.set(Extension { extension_type, extension_data });
    Ok(())
}
