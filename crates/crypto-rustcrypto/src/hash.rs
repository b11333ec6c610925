//! SHA-2, HMAC (RFC 2104) and HKDF-Expand (RFC 5869, section 2.3).

use crypto::{CryptoError, Digest, HashAlgorithm, Secret};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

pub(crate) fn hash(hash: HashAlgorithm, data: &[u8]) -> Result<Digest, CryptoError> {
    match hash {
        HashAlgorithm::Sha256 => Digest::new(&Sha256::digest(data)),
        HashAlgorithm::Sha384 => Digest::new(&Sha384::digest(data)),
        HashAlgorithm::Sha512 => Digest::new(&Sha512::digest(data)),
    }
    .ok_or(CryptoError::InvalidLength)
}

pub(crate) fn hmac(hash: HashAlgorithm, key: &[u8], data: &[&[u8]]) -> Result<Secret, CryptoError> {
    macro_rules! hmac {
        ($hash:ty) => {{
            let mut mac =
                Hmac::<$hash>::new_from_slice(key).map_err(|_| CryptoError::InvalidLength)?;
            data.iter().for_each(|part| mac.update(part));
            let tag = Zeroizing::new(mac.finalize().into_bytes());
            Ok(Secret::from_slice(&tag))
        }};
    }
    match hash {
        HashAlgorithm::Sha256 => hmac!(Sha256),
        HashAlgorithm::Sha384 => hmac!(Sha384),
        HashAlgorithm::Sha512 => hmac!(Sha512),
    }
}

pub(crate) fn hkdf_expand(
    hash: HashAlgorithm,
    pseudorandom_key: &[u8],
    info: &[&[u8]],
    length: usize,
) -> Result<Secret, CryptoError> {
    macro_rules! expand {
        ($hash:ty, $output:expr) => {
            Hkdf::<$hash>::from_prk(pseudorandom_key)
                .map_err(|_| CryptoError::InvalidLength)?
                .expand_multi_info(info, $output)
                .map_err(|_| CryptoError::InvalidLength)
        };
    }
    // RFC 5869, section 2.3: "PRK: a pseudorandom key of at least HashLen octets". The upper limit
    // is AWS-LC's; no key of MLS is longer.
    if !(hash.output_length()..=Digest::BYTES_MAX).contains(&pseudorandom_key.len()) {
        return Err(CryptoError::InvalidLength);
    }
    // RFC 5869, section 2.3: "length of output keying material in octets (<= 255*HashLen)". Checked
    // before the memory is taken.
    if length > 255 * hash.output_length() {
        return Err(CryptoError::InvalidLength);
    }
    let mut output = Secret::zeros(length);
    match hash {
        HashAlgorithm::Sha256 => expand!(Sha256, output.expose_mut()),
        HashAlgorithm::Sha384 => expand!(Sha384, output.expose_mut()),
        HashAlgorithm::Sha512 => expand!(Sha512, output.expose_mut()),
    }?;
    Ok(output)
}
