//! The one signature scheme and hash of the delivery protocol: Ed25519 and SHA-256.

use crypto::{
    CipherSuite, Crypto, CryptoError, Random, Secret, SignaturePublicKey, SignatureScheme, Signer,
    Suite,
};
use delivery_api::log::Receipt;
use delivery_api::{DeviceId, PublicKey};

/// The suite whose signatures and hash the protocol uses.
///
/// # Errors
/// The backend lacks it.
pub fn suite() -> Result<Suite, CryptoError> {
    let crypto = Crypto::new(crypto_aws_lc::provider());
    crypto.suite(CipherSuite(1)).ok_or(CryptoError::Unsupported)
}

/// SHA-256.
pub(crate) fn sha256(suite: &Suite, bytes: &[u8]) -> Result<[u8; 32], CryptoError> {
    let digest = suite.hash(bytes)?;
    digest.as_slice().try_into().map_err(|_| CryptoError::InvalidLength)
}

/// Whether a service's key signed a receipt.
pub(crate) fn is_signed(suite: &Suite, service: PublicKey, receipt: &Receipt) -> bool {
    let key = SignaturePublicKey::from(service.as_bytes().to_vec());
    let (message, signature) = (receipt.to_be_signed(), &receipt.signature);
    suite.provider().verify(SignatureScheme::ED25519, &key, &message, signature).is_ok()
}

/// An Ed25519 key: of a device, of a segment, of joiners.
pub struct Key {
    seed: [u8; 32],
    pair: crypto::SignatureKeyPair,
    public: PublicKey,
}

impl Key {
    /// A new key.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn fresh(suite: &Suite, random: &mut dyn Random) -> Result<Self, CryptoError> {
        let mut seed = [0; 32];
        random.fill(&mut seed)?;
        Self::of_seed(suite, seed)
    }

    /// The key with this seed.
    ///
    /// # Errors
    /// Cryptography failed.
    pub fn of_seed(suite: &Suite, seed: [u8; 32]) -> Result<Self, CryptoError> {
        let pair = crypto::SignatureKeyPair::from_private_key(suite, Secret::from_slice(&seed))?;
        let public = pair.public_key().as_slice().try_into();
        let public = PublicKey::new(public.map_err(|_| CryptoError::InvalidPublicKey)?);
        Ok(Self { seed, pair, public })
    }

    /// Its seed.
    #[must_use]
    pub fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// The device whose key it is.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        self.public.device()
    }

    /// Signs a message.
    ///
    /// # Errors
    /// Cryptography failed.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.pair.sign(message)
    }
}
