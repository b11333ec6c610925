//! Hybrid public key encryption, base mode (RFC 9180), and DHKEM over a provider's Diffie-Hellman.
//!
//! A backend with a native KEM (post-quantum or hybrid) overrides the `kem_*` methods of
//! [`Provider`]; the rest of HPKE stays as it is here.

use codec::Opaque;

use crate::{
    CryptoError, HashAlgorithm, HpkeKeyPair, HpkePublicKey, KemId, Provider, Random, Secret, Suite,
    SuiteParams,
};

/// `HPKECiphertext` (RFC 9420, section 7.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HpkeCiphertext {
    /// The encapsulated shared secret.
    pub kem_output: Opaque,
    /// The AEAD ciphertext.
    pub ciphertext: Opaque,
}

codec::fields!(HpkeCiphertext { kem_output, ciphertext });

const MODE_BASE: u8 = 0;

impl Suite {
    /// `SealBase(pkR, info, "", plaintext)`, without the label that MLS gives every use.
    pub fn hpke_seal(
        &self,
        public_key: &HpkePublicKey,
        info: &[u8],
        plaintext: &Secret,
        random: &mut dyn Random,
    ) -> Result<HpkeCiphertext, CryptoError> {
        self.hpke_seal_in(&self.hpke_context(info)?, public_key, plaintext, random)
    }

    /// [`Self::hpke_seal`] with an `info` that was hashed before.
    pub(crate) fn hpke_seal_in(
        &self,
        context: &HpkeContext,
        public_key: &HpkePublicKey,
        plaintext: &Secret,
        random: &mut dyn Random,
    ) -> Result<HpkeCiphertext, CryptoError> {
        let (shared_secret, encapsulated) =
            self.provider.kem_encap(self.params.kem, public_key, random)?;
        let (key, nonce) = self.hpke_schedule(&shared_secret, context)?.key_and_nonce()?;
        let ciphertext = self.aead_seal(&key, nonce.expose(), &[], plaintext.expose())?;
        Ok(HpkeCiphertext { kem_output: encapsulated.into(), ciphertext: ciphertext.into() })
    }

    /// `OpenBase(enc, skR, info, "", ciphertext)` of what [`Self::hpke_seal`] returns.
    pub fn hpke_open(
        &self,
        key_pair: &HpkeKeyPair,
        info: &[u8],
        ciphertext: &HpkeCiphertext,
    ) -> Result<Secret, CryptoError> {
        let kem = self.params.kem;
        let shared_secret = self.provider.kem_decap(kem, key_pair, &ciphertext.kem_output)?;
        let context = self.hpke_context(info)?;
        let (key, nonce) = self.hpke_schedule(&shared_secret, &context)?.key_and_nonce()?;
        self.aead_open(&key, nonce.expose(), &[], &ciphertext.ciphertext)
    }

    /// `SendExportBase(pkR, "", exporter_context, L)`: `kem_output` and the exported secret
    /// (RFC 9420, section 8.3).
    pub fn hpke_export_send(
        &self,
        public_key: &HpkePublicKey,
        exporter_context: &[u8],
        length: usize,
        random: &mut dyn Random,
    ) -> Result<(Opaque, Secret), CryptoError> {
        let (shared_secret, encapsulated) =
            self.provider.kem_encap(self.params.kem, public_key, random)?;
        let context = self.hpke_context(&[])?;
        let schedule = self.hpke_schedule(&shared_secret, &context)?;
        let exported = schedule.export(exporter_context, length)?;
        Ok((encapsulated.into(), exported))
    }

    /// `ReceiveExportBase(enc, skR, "", exporter_context, L)` (RFC 9420, section 8.3).
    pub fn hpke_export_receive(
        &self,
        key_pair: &HpkeKeyPair,
        kem_output: &[u8],
        exporter_context: &[u8],
        length: usize,
    ) -> Result<Secret, CryptoError> {
        let shared_secret = self.provider.kem_decap(self.params.kem, key_pair, kem_output)?;
        let context = self.hpke_context(&[])?;
        self.hpke_schedule(&shared_secret, &context)?.export(exporter_context, length)
    }

    fn hpke_labels(&self) -> Labels<'_, dyn Provider> {
        let suite_id = hpke_suite_id(&self.params);
        Labels { provider: &*self.provider, hash: self.params.hash, suite_id }
    }

    /// `key_schedule_context` of RFC 9180, section 5.1, in base mode. It does not depend on the
    /// recipient, and `info` may be long: a Welcome's is the whole encrypted GroupInfo.
    pub(crate) fn hpke_context(&self, info: &[u8]) -> Result<HpkeContext, CryptoError> {
        let labels = self.hpke_labels();
        let psk_id_hash = labels.extract(&[], "psk_id_hash", &[])?;
        let info_hash = labels.extract(&[], "info_hash", info)?;
        Ok(HpkeContext([&[MODE_BASE], psk_id_hash.expose(), info_hash.expose()].concat()))
    }

    /// The rest of `KeySchedule` of RFC 9180, section 5.1.
    fn hpke_schedule<'a>(
        &'a self,
        shared: &Secret,
        context: &'a HpkeContext,
    ) -> Result<Schedule<'a>, CryptoError> {
        let labels = self.hpke_labels();
        let secret = labels.extract(shared.expose(), "secret", &[])?;
        Ok(Schedule { labels, params: &self.params, context: &context.0, secret })
    }
}

/// The part of the key schedule that all recipients of one `info` share.
pub(crate) struct HpkeContext(Vec<u8>);

struct Schedule<'a> {
    labels: Labels<'a, dyn Provider>,
    params: &'a SuiteParams,
    context: &'a [u8],
    secret: Secret,
}

impl Schedule<'_> {
    /// Key and nonce of the first and only message; its sequence number is zero.
    fn key_and_nonce(&self) -> Result<(Secret, Secret), CryptoError> {
        let (key_length, nonce_length) =
            (self.params.aead_key_length, self.params.aead_nonce_length);
        let key = self.labels.expand(&self.secret, "key", &[self.context], key_length)?;
        let nonce =
            self.labels.expand(&self.secret, "base_nonce", &[self.context], nonce_length)?;
        Ok((key, nonce))
    }

    fn export(&self, exporter_context: &[u8], length: usize) -> Result<Secret, CryptoError> {
        let hash_length = self.params.hash.output_length();
        let exporter = self.labels.expand(&self.secret, "exp", &[self.context], hash_length)?;
        self.labels.expand(&exporter, "sec", &[exporter_context], length)
    }
}

fn hpke_suite_id(params: &SuiteParams) -> Vec<u8> {
    let [kem, kdf, aead] = [params.kem.0, params.kdf().0, params.aead.0].map(u16::to_be_bytes);
    [b"HPKE".as_slice(), &kem, &kdf, &aead].concat()
}

/// `LabeledExtract` and `LabeledExpand` of RFC 9180, section 4.
struct Labels<'a, P: Provider + ?Sized> {
    provider: &'a P,
    hash: HashAlgorithm,
    suite_id: Vec<u8>,
}

impl<P: Provider + ?Sized> Labels<'_, P> {
    fn extract(&self, salt: &[u8], label: &str, ikm: &[u8]) -> Result<Secret, CryptoError> {
        let labeled_ikm: [&[u8]; 4] = [b"HPKE-v1", &self.suite_id, label.as_bytes(), ikm];
        self.provider.hmac(self.hash, salt, &labeled_ikm)
    }

    fn expand(
        &self,
        pseudorandom_key: &Secret,
        label: &str,
        info: &[&[u8]],
        length: usize,
    ) -> Result<Secret, CryptoError> {
        let short = u16::try_from(length).map_err(|_| CryptoError::InvalidLength)?.to_be_bytes();
        let head: [&[u8]; 4] = [&short, b"HPKE-v1", &self.suite_id, label.as_bytes()];
        let labeled_info = [&head, info].concat();
        self.provider.hkdf_expand(self.hash, pseudorandom_key.expose(), &labeled_info, length)
    }
}

/// What DHKEM needs to know of its group (RFC 9180, sections 7.1 and 7.1.3).
struct DhKem {
    hash: HashAlgorithm,
    private_key_length: usize,
    /// For NIST curves, the mask of the first byte of a candidate scalar; `None` for X25519 and
    /// X448, where every string is a key.
    candidate_mask: Option<u8>,
}

fn dhkem(kem: KemId) -> Result<DhKem, CryptoError> {
    let (hash, private_key_length, candidate_mask) = match kem {
        KemId::DHKEM_P256_HKDF_SHA256 => (HashAlgorithm::Sha256, 32, Some(0xff)),
        KemId::DHKEM_P384_HKDF_SHA384 => (HashAlgorithm::Sha384, 48, Some(0xff)),
        KemId::DHKEM_P521_HKDF_SHA512 => (HashAlgorithm::Sha512, 66, Some(0x01)),
        KemId::DHKEM_X25519_HKDF_SHA256 => (HashAlgorithm::Sha256, 32, None),
        KemId::DHKEM_X448_HKDF_SHA512 => (HashAlgorithm::Sha512, 56, None),
        _ => return Err(CryptoError::Unsupported),
    };
    Ok(DhKem { hash, private_key_length, candidate_mask })
}

fn dhkem_labels<'a, P: Provider + ?Sized>(
    provider: &'a P,
    kem: KemId,
    group: &DhKem,
) -> Labels<'a, P> {
    let suite_id = [b"KEM".as_slice(), &kem.0.to_be_bytes()].concat();
    Labels { provider, hash: group.hash, suite_id }
}

/// `DeriveKeyPair` of DHKEM (RFC 9180, section 7.1.3).
pub(crate) fn dhkem_derive_key_pair<P: Provider + ?Sized>(
    provider: &P,
    kem: KemId,
    ikm: &Secret,
) -> Result<HpkeKeyPair, CryptoError> {
    let use_key = |private_key: &Secret| match provider.dh_key(kem, private_key)? {
        Some(ready) => Ok((ready.public_key()?, Some(ready))),
        None => Ok((provider.dh_public_key(kem, private_key)?, None)),
    };
    let (private_key, (public_key, ready)) = derive_private_key(provider, kem, ikm, use_key)?;
    Ok(HpkeKeyPair { private_key, public_key, ready })
}

/// The private key of `DeriveKeyPair`, together with what `first_use` makes of it. A NIST candidate
/// is in range if its first use does not call it invalid.
fn derive_private_key<P: Provider + ?Sized, T>(
    provider: &P,
    kem: KemId,
    ikm: &Secret,
    first_use: impl Fn(&Secret) -> Result<T, CryptoError>,
) -> Result<(Secret, T), CryptoError> {
    let group = dhkem(kem)?;
    let labels = dhkem_labels(provider, kem, &group);
    let length = group.private_key_length;
    let pseudorandom_key = labels.extract(&[], "dkp_prk", ikm.expose())?;
    let Some(mask) = group.candidate_mask else {
        let private_key = labels.expand(&pseudorandom_key, "sk", &[], length)?;
        let used = first_use(&private_key)?;
        return Ok((private_key, used));
    };
    for counter in 0..=u8::MAX {
        let mut private_key =
            labels.expand(&pseudorandom_key, "candidate", &[&[counter]], length)?;
        private_key.expose_mut()[0] &= mask;
        match first_use(&private_key) {
            Ok(used) => return Ok((private_key, used)),
            Err(CryptoError::InvalidPrivateKey) => {}
            Err(error) => return Err(error),
        }
    }
    Err(CryptoError::InvalidPrivateKey)
}

/// What [`dhkem_encap`] draws: a private key, or what one is derived from.
pub(crate) fn dhkem_random_length(kem: KemId) -> Result<usize, CryptoError> {
    Ok(dhkem(kem)?.private_key_length)
}

/// `Encap` of DHKEM (RFC 9180, section 4.1). `GenerateKeyPair` is random bytes where every string
/// is a private key, and `DeriveKeyPair` of random bytes elsewhere.
pub(crate) fn dhkem_encap<P: Provider + ?Sized>(
    provider: &P,
    kem: KemId,
    public_key: &HpkePublicKey,
    random: &mut dyn Random,
) -> Result<(Secret, Vec<u8>), CryptoError> {
    let group = dhkem(kem)?;
    let drawn = Secret::random(group.private_key_length, random)?;
    let share = |private_key: &Secret| provider.dh_ephemeral(kem, private_key, public_key);
    let (ephemeral, shared) = match group.candidate_mask {
        None => share(&drawn)?,
        Some(_) => derive_private_key(provider, kem, &drawn, share)?.1,
    };
    let kem_context = [ephemeral.as_slice(), public_key.as_slice()];
    let secret = extract_and_expand(provider, kem, &shared, &kem_context)?;
    Ok((secret, ephemeral.0.into_vec()))
}

/// `Decap` of DHKEM (RFC 9180, section 4.1).
pub(crate) fn dhkem_decap<P: Provider + ?Sized>(
    provider: &P,
    kem: KemId,
    key_pair: &HpkeKeyPair,
    encapsulated: &[u8],
) -> Result<Secret, CryptoError> {
    let ephemeral = encapsulated.to_vec().into();
    let shared = match &key_pair.ready {
        Some(ready) => ready.dh(&ephemeral)?,
        None => provider.dh(kem, &key_pair.private_key, &ephemeral)?,
    };
    extract_and_expand(provider, kem, &shared, &[encapsulated, key_pair.public_key.as_slice()])
}

/// `ExtractAndExpand` of RFC 9180, section 4.1.
fn extract_and_expand<P: Provider + ?Sized>(
    provider: &P,
    kem: KemId,
    shared: &Secret,
    kem_context: &[&[u8]],
) -> Result<Secret, CryptoError> {
    let group = dhkem(kem)?;
    let labels = dhkem_labels(provider, kem, &group);
    let extracted = labels.extract(&[], "eae_prk", shared.expose())?;
    labels.expand(&extracted, "shared_secret", kem_context, group.hash.output_length())
}
