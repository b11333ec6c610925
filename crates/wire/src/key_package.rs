//! `KeyPackage` (RFC 9420, section 10).

use codec::{Encode, Opaque, Writer};
use crypto::{CipherSuite, CryptoError, Digest, HpkePublicKey, Suite};

use crate::{Extensions, LeafNode, ProtocolVersion};

/// A pre-published invitation to be added to a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyPackage {
    /// The protocol version of groups it can be used for.
    pub version: ProtocolVersion,
    /// The cipher suite of groups it can be used for.
    pub cipher_suite: CipherSuite,
    /// The HPKE key that the Welcome is encrypted to.
    pub init_key: HpkePublicKey,
    /// The leaf that the member will have.
    pub leaf_node: LeafNode,
    /// Extensions of the key package.
    pub extensions: Extensions,
    /// `SignWithLabel(., "KeyPackageTBS", KeyPackageTBS)`.
    pub signature: Opaque,
}

codec::fields!(KeyPackage { version, cipher_suite, init_key, leaf_node, extensions, signature });

/// `KeyPackageRef` (section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPackageRef(pub Digest);

codec::fields!(KeyPackageRef { 0 });

impl KeyPackage {
    /// The label of the key package's signature.
    pub const SIGNATURE_LABEL: &str = "KeyPackageTBS";

    /// `KeyPackageTBS`: what the signature covers.
    #[must_use]
    pub fn to_be_signed(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.version.encode(&mut writer);
        self.cipher_suite.encode(&mut writer);
        self.init_key.encode(&mut writer);
        self.leaf_node.encode(&mut writer);
        self.extensions.encode(&mut writer);
        writer.into_bytes()
    }

    /// `MakeKeyPackageRef` (section 5.2).
    pub fn reference(&self, suite: &Suite) -> Result<KeyPackageRef, CryptoError> {
        Ok(KeyPackageRef(suite.ref_hash_of("MLS 1.0 KeyPackage Reference", self)?))
    }
}
