//! Key types (RFC 9420, section 5.1.1) and the signer, which may live in a hardware module.

use std::sync::Arc;

use codec::{Decode, DecodeError, Encode, Opaque, Reader, Writer};

use crate::{CryptoError, DhKey, Provider, Random, Secret, SignatureScheme, SigningKey, Suite};

macro_rules! public_key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Opaque);

        impl $name {
            /// The serialized key.
            #[must_use]
            pub fn as_slice(&self) -> &[u8] {
                self.0.as_slice()
            }
        }

        impl From<Vec<u8>> for $name {
            fn from(bytes: Vec<u8>) -> Self {
                Self(bytes.into())
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl Encode for $name {
            fn encode(&self, writer: &mut Writer) {
                self.0.encode(writer);
            }
        }

        impl Decode for $name {
            fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(Self(Opaque::decode(reader)?))
            }
        }
    };
}

public_key! {
    /// `HPKEPublicKey`: opaque until a primitive uses it.
    HpkePublicKey
}

public_key! {
    /// `SignaturePublicKey`: opaque until a signature is verified with it.
    SignaturePublicKey
}

/// An HPKE private key with its public key, which decapsulation needs too.
pub struct HpkeKeyPair {
    /// The private key, serialized as in RFC 9180, section 7.1.2.
    pub private_key: Secret,
    /// The public key.
    pub public_key: HpkePublicKey,
    /// The private key once more, ready for use, if the backend keeps one and has just made it.
    pub(crate) ready: Option<Arc<dyn DhKey>>,
}

impl Encode for HpkeKeyPair {
    fn encode(&self, writer: &mut Writer) {
        self.private_key.encode(writer);
        self.public_key.encode(writer);
    }
}

impl Decode for HpkeKeyPair {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self::new(Secret::decode(reader)?, HpkePublicKey::decode(reader)?))
    }
}

impl HpkeKeyPair {
    /// A private key and the public key that belongs to it.
    #[must_use]
    pub fn new(private_key: Secret, public_key: HpkePublicKey) -> Self {
        Self { private_key, public_key, ready: None }
    }

    /// A second holder of the same key pair; see [`Secret::duplicate`].
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self {
            private_key: self.private_key.duplicate(),
            public_key: self.public_key.clone(),
            ready: self.ready.clone(),
        }
    }
}

/// Something that signs with one key: software, a keyring, a hardware module.
pub trait Signer: Send + Sync {
    /// The scheme of the key.
    fn scheme(&self) -> SignatureScheme;

    /// The public key, to be placed in leaves.
    fn public_key(&self) -> &SignaturePublicKey;

    /// Signs `message` as it is; the labels of section 5.1.2 are already in it.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError>;
}

/// A signature key held in memory.
pub struct SignatureKeyPair {
    provider: Arc<dyn Provider>,
    scheme: SignatureScheme,
    private_key: Secret,
    /// The same key, ready to sign, if the backend keeps one.
    ready: Option<Box<dyn SigningKey>>,
    public_key: SignaturePublicKey,
}

impl SignatureKeyPair {
    /// A new key for the suite's signature scheme.
    pub fn generate(suite: &Suite, random: &mut dyn Random) -> Result<Self, CryptoError> {
        let private_key = suite.provider.signature_generate(suite.params.signature, random)?;
        Self::from_private_key(suite, private_key)
    }

    /// A stored key: a seed (EdDSA) or a big-endian scalar (ECDSA).
    pub fn from_private_key(suite: &Suite, private_key: Secret) -> Result<Self, CryptoError> {
        let scheme = suite.params.signature;
        let provider = Arc::clone(&suite.provider);
        let public_key = provider.signature_public_key(scheme, &private_key)?;
        let ready = provider.signing_key(scheme, &private_key)?;
        Ok(Self { provider, scheme, private_key, ready, public_key })
    }

    /// The private key, to be stored in a protected place.
    #[must_use]
    pub fn private_key(&self) -> &Secret {
        &self.private_key
    }
}

impl Signer for SignatureKeyPair {
    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }

    fn public_key(&self) -> &SignaturePublicKey {
        &self.public_key
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        match &self.ready {
            Some(key) => key.sign(message),
            None => self.provider.sign(self.scheme, &self.private_key, message),
        }
    }
}
