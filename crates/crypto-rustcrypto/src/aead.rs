//! AES-GCM and ChaCha20-Poly1305 (RFC 5116, RFC 8439), with the tag at the end.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use chacha20poly1305::ChaCha20Poly1305;
use crypto::{AeadId, CryptoError, Secret};

/// The tag of all three algorithms.
const TAG_LENGTH: usize = 16;

/// Key and nonce length in bytes; `None` for an unknown algorithm.
pub(crate) fn lengths(aead: AeadId) -> Option<(usize, usize)> {
    match aead {
        AeadId::AES_128_GCM => Some((16, 12)),
        AeadId::AES_256_GCM | AeadId::CHACHA20_POLY1305 => Some((32, 12)),
        _ => None,
    }
}

pub(crate) fn seal(
    aead: AeadId,
    key: &Secret,
    nonce: &[u8],
    (aad, plaintext): (&[u8], &[u8]),
) -> Result<Vec<u8>, CryptoError> {
    let mut output = Vec::with_capacity(plaintext.len() + TAG_LENGTH);
    output.extend_from_slice(plaintext);
    match aead {
        AeadId::AES_128_GCM => seal_in_place::<Aes128Gcm>(key, nonce, aad, &mut output),
        AeadId::AES_256_GCM => seal_in_place::<Aes256Gcm>(key, nonce, aad, &mut output),
        AeadId::CHACHA20_POLY1305 => {
            seal_in_place::<ChaCha20Poly1305>(key, nonce, aad, &mut output)
        }
        _ => Err(CryptoError::Unsupported),
    }?;
    Ok(output)
}

fn seal_in_place<A: AeadInOut + KeyInit>(
    key: &Secret,
    nonce: &[u8],
    aad: &[u8],
    buffer: &mut Vec<u8>,
) -> Result<(), CryptoError> {
    let cipher = A::new_from_slice(key.expose()).map_err(|_| CryptoError::InvalidLength)?;
    let nonce = nonce.try_into().map_err(|_| CryptoError::InvalidLength)?;
    let tag = cipher
        .encrypt_inout_detached(nonce, aad, buffer.as_mut_slice().into())
        .map_err(|_| CryptoError::InvalidLength)?;
    buffer.extend_from_slice(&tag);
    Ok(())
}

pub(crate) fn open(
    aead: AeadId,
    key: &Secret,
    nonce: &[u8],
    (aad, ciphertext): (&[u8], &[u8]),
) -> Result<Secret, CryptoError> {
    match aead {
        AeadId::AES_128_GCM => open_copy::<Aes128Gcm>(key, nonce, aad, ciphertext),
        AeadId::AES_256_GCM => open_copy::<Aes256Gcm>(key, nonce, aad, ciphertext),
        AeadId::CHACHA20_POLY1305 => open_copy::<ChaCha20Poly1305>(key, nonce, aad, ciphertext),
        _ => Err(CryptoError::Unsupported),
    }
}

fn open_copy<A: AeadInOut + KeyInit>(
    key: &Secret,
    nonce: &[u8],
    aad: &[u8],
    ciphertext: &[u8],
) -> Result<Secret, CryptoError> {
    let cipher = A::new_from_slice(key.expose()).map_err(|_| CryptoError::InvalidLength)?;
    let nonce = nonce.try_into().map_err(|_| CryptoError::InvalidLength)?;
    let (ciphertext, tag) =
        ciphertext.split_last_chunk::<TAG_LENGTH>().ok_or(CryptoError::AeadOpen)?;
    let tag = tag.as_slice().try_into().map_err(|_| CryptoError::AeadOpen)?;
    let mut plaintext = Secret::from_slice(ciphertext);
    cipher
        .decrypt_inout_detached(nonce, aad, plaintext.expose_mut().into(), tag)
        .map_err(|_| CryptoError::AeadOpen)?;
    Ok(plaintext)
}
