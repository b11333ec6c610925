//! Cipher suites as data (RFC 9420, sections 5.1 and 17.1) and the registry that binds them to a
//! provider.

use std::collections::BTreeMap;
use std::sync::Arc;

use codec::{Decode, DecodeError, Encode, Reader, Writer};

use crate::Provider;

macro_rules! code_points {
    ($(#[$doc:meta])* $name:ident {
        $($(#[$value_doc:meta])* $value:ident = $number:expr),* $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u16);
        impl $name {
            $($(#[$value_doc])* pub const $value: Self = Self($number);)*
        }
    };
}

code_points! {
    /// An MLS cipher suite identifier (section 17.1).
    CipherSuite {
        /// Suite 1, mandatory to implement.
        MLS_128_DHKEMX25519_AES128GCM_SHA256_ED25519 = 1,
        /// Suite 2.
        MLS_128_DHKEMP256_AES128GCM_SHA256_P256 = 2,
        /// Suite 3.
        MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_ED25519 = 3,
        /// Suite 4.
        MLS_256_DHKEMX448_AES256GCM_SHA512_ED448 = 4,
        /// Suite 5.
        MLS_256_DHKEMP521_AES256GCM_SHA512_P521 = 5,
        /// Suite 6.
        MLS_256_DHKEMX448_CHACHA20POLY1305_SHA512_ED448 = 6,
        /// Suite 7.
        MLS_256_DHKEMP384_AES256GCM_SHA384_P384 = 7,
    }
}

impl Encode for CipherSuite {
    fn encode(&self, writer: &mut Writer) {
        self.0.encode(writer);
    }
}

impl Decode for CipherSuite {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(u16::decode(reader)?))
    }
}

code_points! {
    /// A key encapsulation mechanism, numbered as in the HPKE registry (RFC 9180, section 7.1).
    KemId {
        /// DHKEM(P-256, HKDF-SHA256).
        DHKEM_P256_HKDF_SHA256 = 0x0010,
        /// DHKEM(P-384, HKDF-SHA384).
        DHKEM_P384_HKDF_SHA384 = 0x0011,
        /// DHKEM(P-521, HKDF-SHA512).
        DHKEM_P521_HKDF_SHA512 = 0x0012,
        /// DHKEM(X25519, HKDF-SHA256).
        DHKEM_X25519_HKDF_SHA256 = 0x0020,
        /// DHKEM(X448, HKDF-SHA512).
        DHKEM_X448_HKDF_SHA512 = 0x0021,
    }
}

code_points! {
    /// A key derivation function, numbered as in the HPKE registry (RFC 9180, section 7.2).
    KdfId {
        /// HKDF-SHA256.
        HKDF_SHA256 = 1,
        /// HKDF-SHA384.
        HKDF_SHA384 = 2,
        /// HKDF-SHA512.
        HKDF_SHA512 = 3,
    }
}

code_points! {
    /// An AEAD, numbered as in the HPKE registry (RFC 9180, section 7.3).
    AeadId {
        /// AES-128-GCM.
        AES_128_GCM = 1,
        /// AES-256-GCM.
        AES_256_GCM = 2,
        /// ChaCha20-Poly1305.
        CHACHA20_POLY1305 = 3,
    }
}

code_points! {
    /// A signature scheme, numbered as in the TLS registry (RFC 8446, section 4.2.3).
    SignatureScheme {
        /// ECDSA with P-256 and SHA-256.
        ECDSA_SECP256R1_SHA256 = 0x0403,
        /// ECDSA with P-384 and SHA-384.
        ECDSA_SECP384R1_SHA384 = 0x0503,
        /// ECDSA with P-521 and SHA-512.
        ECDSA_SECP521R1_SHA512 = 0x0603,
        /// Ed25519.
        ED25519 = 0x0807,
        /// Ed448.
        ED448 = 0x0808,
    }
}

/// A hash function. HMAC and HKDF use the same one throughout a suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HashAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl HashAlgorithm {
    /// Output length in bytes.
    #[must_use]
    pub const fn output_length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

impl KdfId {
    /// The hash under this HKDF; `None` for a KDF that is not an HKDF of a known hash.
    #[must_use]
    pub const fn hash(self) -> Option<HashAlgorithm> {
        match self {
            Self::HKDF_SHA256 => Some(HashAlgorithm::Sha256),
            Self::HKDF_SHA384 => Some(HashAlgorithm::Sha384),
            Self::HKDF_SHA512 => Some(HashAlgorithm::Sha512),
            _ => None,
        }
    }
}

/// What a cipher suite is made of. Every suite's functions follow from this record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuiteParams {
    /// The identifier on the wire.
    pub id: CipherSuite,
    /// KEM of the suite's HPKE.
    pub kem: KemId,
    /// Hash of the suite: Hash, HMAC and KDF (HKDF of this hash).
    pub hash: HashAlgorithm,
    /// AEAD of messages and of HPKE.
    pub aead: AeadId,
    /// AEAD key length `AEAD.Nk` in bytes.
    pub aead_key_length: usize,
    /// AEAD nonce length `AEAD.Nn` in bytes.
    pub aead_nonce_length: usize,
    /// Signature scheme of leaves and messages.
    pub signature: SignatureScheme,
    /// How many messages one AEAD key may protect in an epoch (RFC 9420, section 15.2), as a power
    /// of two per sender.
    pub aead_messages_log2_max: u32,
}

impl SuiteParams {
    /// The HPKE KDF identifier of the suite's hash.
    #[must_use]
    pub const fn kdf(&self) -> KdfId {
        match self.hash {
            HashAlgorithm::Sha256 => KdfId::HKDF_SHA256,
            HashAlgorithm::Sha384 => KdfId::HKDF_SHA384,
            HashAlgorithm::Sha512 => KdfId::HKDF_SHA512,
        }
    }
}

const fn suite(
    id: CipherSuite,
    kem: KemId,
    hash: HashAlgorithm,
    aead: AeadId,
    signature: SignatureScheme,
) -> SuiteParams {
    let aead_key_length = if aead.0 == AeadId::AES_128_GCM.0 { 16 } else { 32 };
    // draft-irtf-cfrg-aead-limits: with AES-GCM, 2^24.5 full-size messages keep the attacker's
    // confidentiality advantage below 2^-60; ChaCha20-Poly1305 has no practical such limit.
    let aead_messages_log2_max = if aead.0 == AeadId::CHACHA20_POLY1305.0 { 31 } else { 24 };
    let aead_nonce_length = 12;
    SuiteParams {
        id,
        kem,
        hash,
        aead,
        aead_key_length,
        aead_nonce_length,
        signature,
        aead_messages_log2_max,
    }
}

/// The seven suites of RFC 9420, section 17.1, in order.
const RFC_9420_SUITES: [SuiteParams; 7] = {
    use HashAlgorithm::{Sha256, Sha384, Sha512};
    [
        suite(
            CipherSuite(1),
            KemId::DHKEM_X25519_HKDF_SHA256,
            Sha256,
            AeadId::AES_128_GCM,
            SignatureScheme::ED25519,
        ),
        suite(
            CipherSuite(2),
            KemId::DHKEM_P256_HKDF_SHA256,
            Sha256,
            AeadId::AES_128_GCM,
            SignatureScheme::ECDSA_SECP256R1_SHA256,
        ),
        suite(
            CipherSuite(3),
            KemId::DHKEM_X25519_HKDF_SHA256,
            Sha256,
            AeadId::CHACHA20_POLY1305,
            SignatureScheme::ED25519,
        ),
        suite(
            CipherSuite(4),
            KemId::DHKEM_X448_HKDF_SHA512,
            Sha512,
            AeadId::AES_256_GCM,
            SignatureScheme::ED448,
        ),
        suite(
            CipherSuite(5),
            KemId::DHKEM_P521_HKDF_SHA512,
            Sha512,
            AeadId::AES_256_GCM,
            SignatureScheme::ECDSA_SECP521R1_SHA512,
        ),
        suite(
            CipherSuite(6),
            KemId::DHKEM_X448_HKDF_SHA512,
            Sha512,
            AeadId::CHACHA20_POLY1305,
            SignatureScheme::ED448,
        ),
        suite(
            CipherSuite(7),
            KemId::DHKEM_P384_HKDF_SHA384,
            Sha384,
            AeadId::AES_256_GCM,
            SignatureScheme::ECDSA_SECP384R1_SHA384,
        ),
    ]
};

/// The suites that a program knows, bound to the provider that computes them. Cheap to clone.
#[derive(Clone)]
pub struct Crypto {
    provider: Arc<dyn Provider>,
    suites: BTreeMap<CipherSuite, SuiteParams>,
}

impl Crypto {
    /// The suites of RFC 9420 that `provider` supports.
    #[must_use]
    pub fn new(provider: Arc<dyn Provider>) -> Self {
        let mut crypto = Self { provider, suites: BTreeMap::new() };
        for params in RFC_9420_SUITES {
            crypto.register(params);
        }
        crypto
    }

    /// Adds a suite, or replaces the one with the same identifier. Returns whether the provider
    /// supports its algorithms; if not, nothing changes.
    pub fn register(&mut self, params: SuiteParams) -> bool {
        let supported = self.provider.supports(&params);
        if supported {
            self.suites.insert(params.id, params);
        }
        supported
    }

    /// The suite with this identifier, if it is known and supported.
    #[must_use]
    pub fn suite(&self, id: CipherSuite) -> Option<Suite> {
        let params = *self.suites.get(&id)?;
        Some(Suite { params, provider: Arc::clone(&self.provider) })
    }

    /// The identifiers of all supported suites, in ascending order.
    pub fn suites(&self) -> impl Iterator<Item = CipherSuite> + '_ {
        self.suites.keys().copied()
    }
}

/// One cipher suite bound to a provider: every function of RFC 9420, section 5. Cheap to clone.
///
/// The methods are in `labels` (sections 5.1, 5.2 and 8) and `hpke` (RFC 9180).
#[derive(Clone)]
pub struct Suite {
    pub(crate) params: SuiteParams,
    pub(crate) provider: Arc<dyn Provider>,
}

impl Suite {
    /// The identifier on the wire.
    #[must_use]
    pub fn id(&self) -> CipherSuite {
        self.params.id
    }

    /// What the suite is made of.
    #[must_use]
    pub fn params(&self) -> &SuiteParams {
        &self.params
    }

    /// The provider, for primitives that the RFC does not label.
    #[must_use]
    pub fn provider(&self) -> &Arc<dyn Provider> {
        &self.provider
    }

    /// `KDF.Nh`: length of secrets and hashes in bytes.
    #[must_use]
    pub fn hash_length(&self) -> usize {
        self.params.hash.output_length()
    }
}
