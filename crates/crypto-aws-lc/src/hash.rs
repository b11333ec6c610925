//! SHA-2, HMAC (RFC 2104) and HKDF-Expand (RFC 5869, section 2.3).

use aws_lc_rs::{digest, hkdf, hmac};
use crypto::{CryptoError, Digest, HashAlgorithm, Secret};

pub(crate) fn hash(hash: HashAlgorithm, data: &[u8]) -> Result<Digest, CryptoError> {
    let algorithm = match hash {
        HashAlgorithm::Sha256 => &digest::SHA256,
        HashAlgorithm::Sha384 => &digest::SHA384,
        HashAlgorithm::Sha512 => &digest::SHA512,
    };
    Digest::new(digest::digest(algorithm, data).as_ref()).ok_or(CryptoError::InvalidLength)
}

pub(crate) fn hmac(hash: HashAlgorithm, key: &[u8], data: &[&[u8]]) -> Result<Secret, CryptoError> {
    let algorithm = match hash {
        HashAlgorithm::Sha256 => hmac::HMAC_SHA256,
        HashAlgorithm::Sha384 => hmac::HMAC_SHA384,
        HashAlgorithm::Sha512 => hmac::HMAC_SHA512,
    };
    let key = hmac::Key::new(algorithm, key);
    let mut tag = Secret::zeros(hash.output_length());
    // The streaming interface returns its tag in a type that is not erased; this one writes it
    // straight into the secret.
    let written = match data {
        [single] => hmac::sign_to_buffer(&key, single, tag.expose_mut()).is_ok(),
        several => {
            let message = Secret::from_vec(several.concat());
            hmac::sign_to_buffer(&key, message.expose(), tag.expose_mut()).is_ok()
        }
    };
    if written { Ok(tag) } else { Err(CryptoError::InvalidLength) }
}

pub(crate) fn hkdf_expand(
    hash: HashAlgorithm,
    pseudorandom_key: &[u8],
    info: &[&[u8]],
    length: usize,
) -> Result<Secret, CryptoError> {
    let algorithm = match hash {
        HashAlgorithm::Sha256 => hkdf::HKDF_SHA256,
        HashAlgorithm::Sha384 => hkdf::HKDF_SHA384,
        HashAlgorithm::Sha512 => hkdf::HKDF_SHA512,
    };
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
    let key = hkdf::Prk::new_less_safe(algorithm, pseudorandom_key);
    let mut output = Secret::zeros(length);
    key.expand(info, Length(length))
        .and_then(|expansion| expansion.fill(output.expose_mut()))
        .map_err(|_| CryptoError::InvalidLength)?;
    Ok(output)
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}
