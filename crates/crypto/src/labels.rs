//! The labelled functions of a suite: signing (RFC 9420, section 5.1.2), public-key encryption
//! (5.1.3), references (5.2), and derivation (section 8).

use codec::{Encode, Writer};

use crate::{
    CryptoError, Digest, HpkeCiphertext, HpkeKeyPair, HpkePublicKey, Random, Secret,
    SignaturePublicKey, SignedMessage, Signer, Suite,
};

/// Proof that a signature was verified; only [`Suite::verify_with_label`] and
/// [`Suite::verify_batch_with_label`] make one.
#[derive(Clone, Copy, Debug)]
pub struct VerifiedSignature(());

/// What [`Suite::verify_with_label`] takes, for a batch.
pub struct SignedContent<'a> {
    /// The key of the signer.
    pub public_key: &'a SignaturePublicKey,
    /// The label under which the content is signed.
    pub label: &'a str,
    /// What is signed.
    pub content: Vec<u8>,
    /// The signature.
    pub signature: &'a [u8],
}

/// Random bytes behind a fresh HPKE key pair. RFC 9180, section 7.1.3: ikm "SHOULD have at least
/// Nsk bytes of entropy", and the longest Nsk is that of P-521.
const IKM_LENGTH: usize = 66;

/// Room for a label of this protocol, "MLS 1.0 " before it, and two lengths.
const LABEL_BYTES: usize = 48;

/// `SignContent`, `EncryptContext` and the tail of `KDFLabel` have one shape: a label, then data.
pub(crate) fn labelled(label: &str, content: &[u8]) -> Vec<u8> {
    let mut writer = Writer::with_capacity(content.len() + LABEL_BYTES);
    writer.vector(|writer| {
        writer.write(b"MLS 1.0 ");
        writer.write(label.as_bytes());
    });
    writer.opaque(content);
    writer.into_bytes()
}

impl Suite {
    /// `Hash(data)`.
    pub fn hash(&self, data: &[u8]) -> Result<Digest, CryptoError> {
        self.provider.hash(self.params.hash, data)
    }

    /// `MAC(key, data)`: HMAC with the suite's hash (section 5.1).
    pub fn mac(&self, key: &Secret, data: &[u8]) -> Result<Secret, CryptoError> {
        self.provider.hmac(self.params.hash, key.expose(), &[data])
    }

    /// `KDF.Extract(salt, ikm)`.
    pub fn extract(&self, salt: &Secret, ikm: &Secret) -> Result<Secret, CryptoError> {
        self.provider.hmac(self.params.hash, salt.expose(), &[ikm.expose()])
    }

    /// `ExpandWithLabel(secret, label, context, length)` (section 8).
    pub fn expand_with_label(
        &self,
        secret: &Secret,
        label: &str,
        context: &[u8],
        length: usize,
    ) -> Result<Secret, CryptoError> {
        let short = u16::try_from(length).map_err(|_| CryptoError::InvalidLength)?;
        let info: [&[u8]; 2] = [&short.to_be_bytes(), &labelled(label, context)];
        self.provider.hkdf_expand(self.params.hash, secret.expose(), &info, length)
    }

    /// `DeriveSecret(secret, label)` (section 8).
    pub fn derive_secret(&self, secret: &Secret, label: &str) -> Result<Secret, CryptoError> {
        self.expand_with_label(secret, label, &[], self.hash_length())
    }

    /// `DeriveTreeSecret(secret, label, generation, length)` (section 9).
    pub fn derive_tree_secret(
        &self,
        secret: &Secret,
        label: &str,
        generation: u32,
        length: usize,
    ) -> Result<Secret, CryptoError> {
        self.expand_with_label(secret, label, &generation.to_be_bytes(), length)
    }

    /// `RefHash(label, value)` (section 5.2); the label is complete, for example
    /// `MLS 1.0 KeyPackage Reference`.
    pub fn ref_hash(&self, label: &str, value: &[u8]) -> Result<Digest, CryptoError> {
        let mut writer = Writer::new();
        writer.opaque(label.as_bytes());
        writer.opaque(value);
        self.hash(writer.as_slice())
    }

    /// `SignWithLabel(key, label, content)` (section 5.1.2).
    pub fn sign_with_label(
        &self,
        signer: &dyn Signer,
        label: &str,
        content: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        if signer.scheme() != self.params.signature {
            return Err(CryptoError::Unsupported);
        }
        signer.sign(&labelled(label, content))
    }

    /// `VerifyWithLabel(key, label, content, signature)` (section 5.1.2).
    pub fn verify_with_label(
        &self,
        public_key: &SignaturePublicKey,
        label: &str,
        content: &[u8],
        signature: &[u8],
    ) -> Result<VerifiedSignature, CryptoError> {
        let message = labelled(label, content);
        self.provider.verify(self.params.signature, public_key, &message, signature)?;
        Ok(VerifiedSignature(()))
    }

    /// [`Self::verify_with_label`] for each of a batch: proofs in order, up to the first signature
    /// that is not valid. A batch of Ed25519 costs less than half of what its signatures cost one
    /// by one; some hundreds are enough for that.
    #[must_use]
    pub fn verify_batch_with_label(&self, batch: &[SignedContent<'_>]) -> Vec<VerifiedSignature> {
        let messages: Vec<Vec<u8>> =
            batch.iter().map(|signed| labelled(signed.label, &signed.content)).collect();
        let signed = batch.iter().zip(&messages).map(|(signed, message)| {
            let SignedContent { public_key, signature, .. } = *signed;
            SignedMessage { public_key, message, signature }
        });
        let signed: Vec<SignedMessage<'_>> = signed.collect();
        let scheme = self.params.signature;
        let valid = match self.provider.verify_batch(scheme, &signed) {
            Ok(()) => signed.len(),
            Err(_) => {
                let is_valid = |it: &&SignedMessage<'_>| {
                    self.provider.verify(scheme, it.public_key, it.message, it.signature).is_ok()
                };
                signed.iter().take_while(is_valid).count()
            }
        };
        vec![VerifiedSignature(()); valid]
    }

    /// `EncryptWithLabel(key, label, context, plaintext)` (section 5.1.3).
    pub fn encrypt_with_label(
        &self,
        public_key: &HpkePublicKey,
        (label, context): (&str, &[u8]),
        plaintext: &Secret,
        random: &mut dyn Random,
    ) -> Result<HpkeCiphertext, CryptoError> {
        self.hpke_seal(public_key, &labelled(label, context), plaintext, random)
    }

    /// `DecryptWithLabel(key, label, context, kem_output, ciphertext)` (section 5.1.3).
    pub fn decrypt_with_label(
        &self,
        key_pair: &HpkeKeyPair,
        label: &str,
        context: &[u8],
        ciphertext: &HpkeCiphertext,
    ) -> Result<Secret, CryptoError> {
        self.hpke_open(key_pair, &labelled(label, context), ciphertext)
    }

    /// `DeriveKeyPair(secret)`: the HPKE key pair of a node (section 7.4).
    pub fn derive_key_pair(&self, secret: &Secret) -> Result<HpkeKeyPair, CryptoError> {
        self.provider.kem_derive_key_pair(self.params.kem, secret)
    }

    /// A fresh HPKE key pair.
    pub fn generate_key_pair(&self, random: &mut dyn Random) -> Result<HpkeKeyPair, CryptoError> {
        self.derive_key_pair(&Secret::random(IKM_LENGTH, random)?)
    }

    /// Refuses an HPKE public key that nobody could encrypt to.
    pub fn check_hpke_public_key(&self, public_key: &HpkePublicKey) -> Result<(), CryptoError> {
        self.provider.check_hpke_public_key(self.params.kem, public_key)
    }

    /// AEAD encryption with the suite's AEAD.
    pub fn aead_seal(
        &self,
        key: &Secret,
        nonce: &[u8],
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        self.provider.aead_seal(self.params.aead, key, nonce, aad, plaintext)
    }

    /// AEAD decryption with the suite's AEAD.
    pub fn aead_open(
        &self,
        key: &Secret,
        nonce: &[u8],
        aad: &[u8],
        ciphertext: &[u8],
    ) -> Result<Secret, CryptoError> {
        self.provider.aead_open(self.params.aead, key, nonce, aad, ciphertext)
    }
}

/// The input of a reference hash or signature: the encoding of any structure.
impl Suite {
    /// [`Self::ref_hash`] of the encoding of `value`.
    pub fn ref_hash_of(&self, label: &str, value: &impl Encode) -> Result<Digest, CryptoError> {
        self.ref_hash(label, &value.to_bytes())
    }
}
