//! Codes that people carry from one device to another: what a new device shows to be linked, and
//! what an account is recovered from.
//!
//! A code is bytes with four octets of their SHA-256 behind them, in RFC 4648's base 32 without
//! padding, in groups of four. Case, blanks and hyphens do not count, so it can be typed; a typing
//! error is found before anything is asked.

use crate::{Error, Misuse};
use codec::{Decode, Encode, Opaque};
use crypto::{HashAlgorithm, Provider, Secret};
use delivery_api::{BlobId, Name};

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Check octets.
const CHECK_LENGTH: usize = 4;

/// The version of [`RecoveryCode`].
const RECOVERY_VERSION: u8 = 1;

/// Bytes of the secret in a [`LinkCode`].
pub(crate) const LINK_SECRET_LENGTH: usize = 16;

/// What a new device shows: where its card is, by its hash, and a secret by which it will know
/// whoever was shown the code.
#[derive(Debug)]
pub(crate) struct LinkCode {
    pub(crate) card: BlobId,
    pub(crate) secret: Secret,
}

impl LinkCode {
    pub(crate) fn to_text(&self, provider: &dyn Provider) -> Result<String, Error> {
        let bytes = [self.card.as_bytes().as_slice(), self.secret.expose()].concat();
        to_text(provider, &Secret::from_vec(bytes))
    }

    pub(crate) fn read(provider: &dyn Provider, text: &str) -> Result<Self, Error> {
        let bytes = read(provider, text)?;
        let Some((card, secret)) = bytes.expose().split_first_chunk::<32>() else {
            return Err(Misuse::InvalidCode.into());
        };
        if secret.len() != LINK_SECRET_LENGTH {
            return Err(Misuse::InvalidCode.into());
        }
        Ok(Self { card: BlobId::new(*card), secret: Secret::from_slice(secret) })
    }
}

/// What an account is recovered from.
#[derive(Debug)]
pub(crate) struct RecoveryCode {
    pub(crate) name: Name,
    pub(crate) server: String,
    /// The seed of the root key.
    pub(crate) root_key: Secret,
    /// The seed of the key that owns the name at the service.
    pub(crate) owner_key: Secret,
}

/// Its encoding.
struct Encoded {
    version: u8,
    name: Opaque,
    server: Opaque,
    root_key: Secret,
    owner_key: Secret,
}
codec::fields!(Encoded { version, name, server, root_key, owner_key });

impl RecoveryCode {
    pub(crate) fn to_text(&self, provider: &dyn Provider) -> Result<String, Error> {
        let encoded = Encoded {
            version: RECOVERY_VERSION,
            name: self.name.as_str().as_bytes().into(),
            server: self.server.as_bytes().into(),
            root_key: self.root_key.duplicate(),
            owner_key: self.owner_key.duplicate(),
        };
        to_text(provider, &Secret::from_vec(encoded.to_bytes()))
    }

    pub(crate) fn read(provider: &dyn Provider, text: &str) -> Result<Self, Error> {
        let invalid = || Error::from(Misuse::InvalidCode);
        let bytes = read(provider, text)?;
        let encoded = Encoded::from_bytes(bytes.expose()).map_err(|_| invalid())?;
        let utf8 = |bytes: Opaque| String::from_utf8(bytes.into_vec()).map_err(|_| invalid());
        let name = Name::new(&utf8(encoded.name)?).ok_or_else(invalid)?;
        if encoded.version != RECOVERY_VERSION {
            return Err(invalid());
        }
        let (root_key, owner_key) = (encoded.root_key, encoded.owner_key);
        Ok(Self { name, server: utf8(encoded.server)?, root_key, owner_key })
    }
}

fn check(provider: &dyn Provider, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let hash = provider.hash(HashAlgorithm::Sha256, bytes)?;
    Ok(hash.as_slice()[..CHECK_LENGTH].to_vec())
}

fn to_text(provider: &dyn Provider, content: &Secret) -> Result<String, Error> {
    let mut bytes = content.expose().to_vec();
    bytes.extend(check(provider, content.expose())?);
    let bytes = Secret::from_vec(bytes);
    let (mut text, mut buffer, mut bits) = (String::new(), 0_u32, 0);
    let mut put = |value: u32, index: &mut usize| {
        if *index > 0 && index.is_multiple_of(4) {
            text.push('-');
        }
        // Five bits are within the alphabet.
        text.push(char::from(ALPHABET[usize::try_from(value & 31).unwrap_or(0)]));
        *index += 1;
    };
    let mut index = 0;
    for byte in bytes.expose() {
        buffer = (buffer << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            put(buffer >> bits, &mut index);
        }
    }
    if bits > 0 {
        put(buffer << (5 - bits), &mut index);
    }
    Ok(text)
}

fn read(provider: &dyn Provider, text: &str) -> Result<Secret, Error> {
    let invalid = || Error::from(Misuse::InvalidCode);
    let (mut bytes, mut buffer, mut bits) = (Vec::new(), 0_u32, 0);
    let letters = text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'-');
    for letter in letters {
        let letter = letter.to_ascii_uppercase();
        let value = (0_u32..).zip(ALPHABET).find(|(_, other)| **other == letter);
        buffer = (buffer << 5) | value.ok_or_else(invalid)?.0;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((buffer >> bits) & 255).map_err(|_| invalid())?);
        }
    }
    let bytes = Secret::from_vec(bytes);
    // What is left of the last letter stands for nothing.
    if bits >= 5 || buffer & ((1 << bits) - 1) != 0 {
        return Err(invalid());
    }
    let split = bytes.len().checked_sub(CHECK_LENGTH).ok_or_else(invalid)?;
    let (content, found) = bytes.expose().split_at(split);
    match check(provider, content)? == found {
        true => Ok(Secret::from_slice(content)),
        false => Err(invalid()),
    }
}

#[cfg(test)]
mod tests {
    use super::{LinkCode, RecoveryCode};
    use crypto::Secret;
    use delivery_api::{BlobId, Name};

    #[test]
    fn a_code_survives_typing_and_a_slip_is_found() {
        let provider = &*crypto_aws_lc::provider();
        let secret = Secret::from_slice(&[9; 16]);
        let code = LinkCode { card: BlobId::new([7; 32]), secret };
        let text = code.to_text(provider).unwrap();
        let typed = text.to_lowercase().replace('-', " ");
        let read = LinkCode::read(provider, &typed).unwrap();
        assert_eq!((read.card, read.secret.expose()), (code.card, code.secret.expose()));
        for place in 0..text.len() {
            let mut slip = text.clone().into_bytes();
            slip[place] = if slip[place] == b'A' { b'B' } else { b'A' };
            let slip = String::from_utf8(slip).unwrap();
            assert!(LinkCode::read(provider, &slip).is_err(), "{slip}");
        }
        for bad in ["", "AAAA", "1111", &text[5..]] {
            assert!(LinkCode::read(provider, bad).is_err(), "{bad}");
            assert!(RecoveryCode::read(provider, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_recovery_code_survives() {
        let provider = &*crypto_aws_lc::provider();
        let code = RecoveryCode {
            name: Name::new("alice").unwrap(),
            server: "http://127.0.0.1:7420".to_owned(),
            root_key: Secret::from_slice(&[1; 32]),
            owner_key: Secret::from_slice(&[2; 32]),
        };
        let text = code.to_text(provider).unwrap();
        let read = RecoveryCode::read(provider, &text).unwrap();
        assert_eq!((&read.name, &read.server), (&code.name, &code.server));
        assert_eq!(read.root_key.expose(), code.root_key.expose());
        assert_eq!(read.owner_key.expose(), code.owner_key.expose());
        assert!(LinkCode::read(provider, &text).is_err());
    }
}
