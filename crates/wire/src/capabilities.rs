//! `Capabilities` (RFC 9420, section 7.2) and `RequiredCapabilities` (section 11.1).

use crypto::CipherSuite;

use crate::{CredentialType, ExtensionType, ProposalType, ProtocolVersion};

/// What a client can do. The RFC's own extensions and proposals are not listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Capabilities {
    /// Protocol versions.
    pub versions: Vec<ProtocolVersion>,
    /// Cipher suites.
    pub cipher_suites: Vec<CipherSuite>,
    /// Extension types beyond the RFC's own.
    pub extensions: Vec<ExtensionType>,
    /// Proposal types beyond the RFC's own.
    pub proposals: Vec<ProposalType>,
    /// Credential types.
    pub credentials: Vec<CredentialType>,
}

codec::fields!(Capabilities { versions, cipher_suites, extensions, proposals, credentials });

impl Capabilities {
    /// Whether an extension type is supported: listed, or one of the RFC's own.
    #[must_use]
    pub fn supports_extension(&self, extension_type: ExtensionType) -> bool {
        extension_type.is_default() || self.extensions.contains(&extension_type)
    }

    /// Whether a proposal type is supported: listed, or one of the RFC's own.
    #[must_use]
    pub fn supports_proposal(&self, proposal_type: ProposalType) -> bool {
        proposal_type.is_default() || self.proposals.contains(&proposal_type)
    }

    /// Whether a credential type is supported.
    #[must_use]
    pub fn supports_credential(&self, credential_type: CredentialType) -> bool {
        self.credentials.contains(&credential_type)
    }

    /// Whether everything in `required` is supported (section 11.1).
    #[must_use]
    pub fn satisfies(&self, required: &RequiredCapabilities) -> bool {
        required.extension_types.iter().all(|&value| self.supports_extension(value))
            && required.proposal_types.iter().all(|&value| self.supports_proposal(value))
            && required.credential_types.iter().all(|&value| self.supports_credential(value))
    }
}

/// The `required_capabilities` extension: what every member must support.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RequiredCapabilities {
    /// Extension types.
    pub extension_types: Vec<ExtensionType>,
    /// Proposal types.
    pub proposal_types: Vec<ProposalType>,
    /// Credential types.
    pub credential_types: Vec<CredentialType>,
}

codec::fields!(RequiredCapabilities { extension_types, proposal_types, credential_types });
