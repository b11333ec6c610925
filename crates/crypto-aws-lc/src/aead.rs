//! AES-GCM and ChaCha20-Poly1305 (RFC 5116, RFC 8439), with the tag at the end.

use aws_lc_rs::aead::{
    AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};
use crypto::{AeadId, CryptoError, Secret};

/// The tag of all three algorithms.
const TAG_LENGTH: usize = 16;

fn algorithm(aead: AeadId) -> Option<&'static Algorithm> {
    match aead {
        AeadId::AES_128_GCM => Some(&AES_128_GCM),
        AeadId::AES_256_GCM => Some(&AES_256_GCM),
        AeadId::CHACHA20_POLY1305 => Some(&CHACHA20_POLY1305),
        _ => None,
    }
}

/// Key and nonce length in bytes; `None` for an unknown algorithm.
pub(crate) fn lengths(aead: AeadId) -> Option<(usize, usize)> {
    algorithm(aead).map(|algorithm| (algorithm.key_len(), algorithm.nonce_len()))
}

pub(crate) fn key(aead: AeadId, key: &Secret) -> Result<LessSafeKey, CryptoError> {
    let algorithm = algorithm(aead).ok_or(CryptoError::Unsupported)?;
    let key = UnboundKey::new(algorithm, key.expose()).map_err(|_| CryptoError::InvalidLength)?;
    Ok(LessSafeKey::new(key))
}

fn nonce(nonce: &[u8]) -> Result<Nonce, CryptoError> {
    Nonce::try_assume_unique_for_key(nonce).map_err(|_| CryptoError::InvalidLength)
}

pub(crate) fn seal(
    key: &LessSafeKey,
    nonce_bytes: &[u8],
    aad: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    let nonce = nonce(nonce_bytes)?;
    let mut output = vec![0; plaintext.len() + TAG_LENGTH];
    let (ciphertext, tag) = output.split_at_mut(plaintext.len());
    key.seal_out_of_place_scatter(nonce, Aad::from(aad), plaintext, ciphertext, &[], tag)
        .map_err(|_| CryptoError::InvalidLength)?;
    Ok(output)
}

pub(crate) fn open(
    key: &LessSafeKey,
    nonce_bytes: &[u8],
    aad: &[u8],
    ciphertext: &[u8],
) -> Result<Secret, CryptoError> {
    let nonce = nonce(nonce_bytes)?;
    let (ciphertext, tag) =
        ciphertext.split_last_chunk::<TAG_LENGTH>().ok_or(CryptoError::AeadOpen)?;
    let mut plaintext = Secret::zeros(ciphertext.len());
    key.open_separate_gather(nonce, Aad::from(aad), ciphertext, tag, plaintext.expose_mut())
        .map_err(|_| CryptoError::AeadOpen)?;
    Ok(plaintext)
}
