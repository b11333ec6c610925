//! `Credential` (RFC 9420, section 5.3): a claim of identity, opaque to MLS.

use codec::{Decode, DecodeError, Encode, Opaque, Reader, Writer};

use crate::CredentialType;

/// The most certificates that are accepted in a chain, whatever a policy makes of it: an empty one
/// takes a byte on the wire.
pub const CERTIFICATES_MAX: usize = 256;

/// A credential. Every registered type is one vector, so an unknown type is kept as its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Credential {
    /// `basic`: a bare identity, meaningful to the application.
    Basic(Opaque),
    /// `x509`: a chain of DER certificates, the end-entity first.
    X509(Vec<Opaque>),
    /// A type that this library does not know: the contents of its one vector.
    Other(CredentialType, Opaque),
}

impl Credential {
    /// A basic credential.
    #[must_use]
    pub fn basic(identity: &[u8]) -> Self {
        Self::Basic(identity.into())
    }

    /// The type on the wire.
    #[must_use]
    pub fn credential_type(&self) -> CredentialType {
        match self {
            Self::Basic(_) => CredentialType::BASIC,
            Self::X509(_) => CredentialType::X509,
            Self::Other(credential_type, _) => *credential_type,
        }
    }
}

impl Encode for Credential {
    fn encode(&self, writer: &mut Writer) {
        self.credential_type().encode(writer);
        match self {
            Self::Basic(identity) | Self::Other(_, identity) => identity.encode(writer),
            Self::X509(certificates) => certificates.encode(writer),
        }
    }
}

impl Decode for Credential {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match CredentialType::decode(reader)? {
            CredentialType::BASIC => Self::Basic(Opaque::decode(reader)?),
            CredentialType::X509 => Self::X509(reader.elements(CERTIFICATES_MAX, "certificates")?),
            other => Self::Other(other, Opaque::decode(reader)?),
        })
    }
}
