//! `Extension` (RFC 9420, section 13.4) and the contents of the RFC's own extensions.
//!
//! Unknown extensions are kept verbatim and in order, since they are signed and hashed.

use codec::{Decode, DecodeError, Encode, Opaque, Reader, Writer};
use crypto::{HpkePublicKey, SignaturePublicKey};

use crate::{Credential, ExtensionType, RatchetTreeNodes, RequiredCapabilities};

/// One extension: a type and its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Extension {
    /// The type.
    pub extension_type: ExtensionType,
    /// The encoding of the extension's contents.
    pub extension_data: Opaque,
}

codec::fields!(Extension { extension_type, extension_data });

impl Extension {
    /// An extension with structured contents.
    #[must_use]
    pub fn new(extension_type: ExtensionType, contents: &impl Encode) -> Self {
        Self { extension_type, extension_data: contents.to_bytes().into() }
    }
}

/// The most extensions that a list can have: types have 16 bits, and none may occur twice.
pub const EXTENSIONS_MAX: usize = 1 << 16;

/// The most services outside the group that it can let propose; they are read whenever one does.
pub const EXTERNAL_SENDERS_MAX: usize = 4096;

/// `Extension extensions<V>`: a list in the order of the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Extensions(pub Vec<Extension>);

impl Encode for Extensions {
    fn encode(&self, writer: &mut Writer) {
        self.0.encode(writer);
    }
}

impl Decode for Extensions {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(reader.elements(EXTENSIONS_MAX, "extensions")?))
    }
}

impl Extensions {
    /// The data of the first extension of this type.
    #[must_use]
    pub fn find(&self, extension_type: ExtensionType) -> Option<&[u8]> {
        let extension = self.0.iter().find(|other| other.extension_type == extension_type)?;
        Some(&extension.extension_data)
    }

    /// The types in the order of the list.
    pub fn types(&self) -> impl Iterator<Item = ExtensionType> + '_ {
        self.0.iter().map(|extension| extension.extension_type)
    }

    /// A type that occurs more than once (forbidden by section 13.4).
    #[must_use]
    pub fn duplicate(&self) -> Option<ExtensionType> {
        let mut types: Vec<_> = self.types().collect();
        types.sort_unstable();
        types.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
    }

    /// Puts `extension` in the place of the one with its type, or at the end.
    pub fn set(&mut self, extension: Extension) {
        let same = |other: &&mut Extension| other.extension_type == extension.extension_type;
        match self.0.iter_mut().find(same) {
            Some(other) => *other = extension,
            None => self.0.push(extension),
        }
    }

    fn parse<T: Decode>(&self, extension_type: ExtensionType) -> Result<Option<T>, DecodeError> {
        self.find(extension_type).map(T::from_bytes).transpose()
    }

    /// `required_capabilities` (section 11.1).
    pub fn required_capabilities(&self) -> Result<Option<RequiredCapabilities>, DecodeError> {
        self.parse(ExtensionType::REQUIRED_CAPABILITIES)
    }

    /// `external_senders` (section 12.1.8.1).
    pub fn external_senders(&self) -> Result<Option<Vec<ExternalSender>>, DecodeError> {
        let Some(data) = self.find(ExtensionType::EXTERNAL_SENDERS) else { return Ok(None) };
        let mut reader = Reader::new(data);
        let senders = reader.elements(EXTERNAL_SENDERS_MAX, "external senders")?;
        reader.finish()?;
        Ok(Some(senders))
    }

    /// `external_pub` (section 12.4.3.2).
    pub fn external_pub(&self) -> Result<Option<ExternalPub>, DecodeError> {
        self.parse(ExtensionType::EXTERNAL_PUB)
    }

    /// `ratchet_tree` (section 12.4.3.3).
    pub fn ratchet_tree(&self) -> Result<Option<RatchetTreeNodes>, DecodeError> {
        self.parse(ExtensionType::RATCHET_TREE)
    }

    /// `application_id` (section 5.3.3).
    pub fn application_id(&self) -> Option<&[u8]> {
        let mut reader = Reader::new(self.find(ExtensionType::APPLICATION_ID)?);
        let id = reader.opaque().ok()?;
        reader.is_empty().then_some(id)
    }
}

/// `ExternalSender` (section 12.1.8.1): someone outside the group who may propose.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExternalSender {
    /// The key that its proposals are signed with.
    pub signature_key: SignaturePublicKey,
    /// Who it is.
    pub credential: Credential,
}

codec::fields!(ExternalSender { signature_key, credential });

/// `ExternalPub` (section 12.4.3.2): the public key for external commits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExternalPub {
    /// Derived from the epoch's `external_secret`.
    pub external_pub: HpkePublicKey,
}

codec::fields!(ExternalPub { external_pub });
