//! The public-key encryption of draft-01: ECIES over X25519, HKDF-SHA256 and AES-128-GCM.
//!
//! A fresh key pair's Diffie-Hellman output with the recipient's key is expanded to key and nonce;
//! there are no additional data.

use codec::{Decode, Encode, Opaque, Reader, Writer};
use crypto::{AeadId, CryptoError, HashAlgorithm, HpkeKeyPair, HpkePublicKey, KemId};
use crypto::{Random, Secret, Suite};

use crate::Failure;
use crate::group2018::{broken, short_vector, write_short_vector};

const KEM: KemId = KemId::DHKEM_X25519_HKDF_SHA256;
const AEAD: AeadId = AeadId::AES_128_GCM;
const KEY_BYTES: u8 = 16;
const NONCE_BYTES: u8 = 12;

/// `ECIESCiphertext`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ciphertext {
    /// The sender's fresh public key.
    pub ephemeral: HpkePublicKey,
    /// The AEAD ciphertext.
    pub ciphertext: Opaque,
}

codec::fields!(Ciphertext { ephemeral, ciphertext });

impl Ciphertext {
    /// `DHPublicKey ephemeral<1..2^16-1>; opaque ciphertext<0..255>`.
    pub(crate) fn write(&self, writer: &mut Writer) -> Result<(), Failure> {
        write_short_vector(writer, |writer| {
            writer.write(self.ephemeral.as_slice());
            Ok(())
        })?;
        let length = u8::try_from(self.ciphertext.len());
        writer.write(&[length.map_err(|_| Failure::Misuse("a ciphertext of over 255 bytes"))?]);
        writer.write(&self.ciphertext);
        Ok(())
    }

    /// What [`Self::write`] wrote.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Failure> {
        let ephemeral = short_vector(reader)?.to_vec().into();
        let [length] = reader.array()?;
        Ok(Self { ephemeral, ciphertext: reader.take(usize::from(length))?.into() })
    }
}

/// Encrypts to a public key.
pub(super) fn seal(
    suite: &Suite,
    recipient: &HpkePublicKey,
    plaintext: &[u8],
    random: &mut dyn Random,
) -> Result<Ciphertext, CryptoError> {
    let fresh = Secret::random(32, random)?;
    let (ephemeral, shared) = suite.provider().dh_ephemeral(KEM, &fresh, recipient)?;
    let (key, nonce) = key_and_nonce(suite, &shared)?;
    let ciphertext = suite.provider().aead_seal(AEAD, &key, nonce.expose(), &[], plaintext)?;
    Ok(Ciphertext { ephemeral, ciphertext: ciphertext.into() })
}

/// Opens what [`seal`] returns.
pub(super) fn open(
    suite: &Suite,
    recipient: &HpkeKeyPair,
    ciphertext: &Ciphertext,
) -> Result<Secret, Failure> {
    let provider = suite.provider();
    let shared = provider.dh(KEM, &recipient.private_key, &ciphertext.ephemeral)?;
    let (key, nonce) = key_and_nonce(suite, &shared)?;
    provider
        .aead_open(AEAD, &key, nonce.expose(), &[], &ciphertext.ciphertext)
        .map_err(|_| broken("a ciphertext does not open"))
}

/// [`seal`] of more than draft-01's field has room for.
pub(crate) fn seal_bytes(
    suite: &Suite,
    recipient: &HpkePublicKey,
    plaintext: &[u8],
    random: &mut dyn Random,
) -> Result<Opaque, CryptoError> {
    Ok(seal(suite, recipient, plaintext, random)?.to_bytes().into())
}

/// Opens what [`seal_bytes`] returns.
pub(crate) fn open_bytes(
    suite: &Suite,
    recipient: &HpkeKeyPair,
    sealed: &[u8],
) -> Result<Secret, Failure> {
    open(suite, recipient, &Ciphertext::from_bytes(sealed)?)
}

fn key_and_nonce(suite: &Suite, shared: &Secret) -> Result<(Secret, Secret), CryptoError> {
    let expand = |label: &[u8], length: u8| {
        let label = [b"mls10 ecies ", label].concat();
        let label_length = u8::try_from(label.len()).map_err(|_| CryptoError::InvalidLength)?;
        // struct { uint16 length; opaque label<12..255>; } ECIESLabel
        let info: [&[u8]; 3] = [&[0, length], &[label_length], &label];
        let (hash, input) = (HashAlgorithm::Sha256, shared.expose());
        suite.provider().hkdf_expand(hash, input, &info, usize::from(length))
    };
    Ok((expand(b"key", KEY_BYTES)?, expand(b"nonce", NONCE_BYTES)?))
}
