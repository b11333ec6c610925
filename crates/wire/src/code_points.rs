//! Code points of the IANA registries (RFC 9420, section 17): any 16-bit value is well-formed.

use codec::{Decode, DecodeError, Encode, Reader, Writer};

/// The values reserved for GREASE in every registry of 16-bit code points (section 13.5).
pub const GREASE_VALUES: [u16; 15] = [
    0x0a0a, 0x1a1a, 0x2a2a, 0x3a3a, 0x4a4a, 0x5a5a, 0x6a6a, 0x7a7a, 0x8a8a, 0x9a9a, 0xaaaa, 0xbaba,
    0xcaca, 0xdada, 0xeaea,
];

macro_rules! code_points {
    (
        $(#[$doc:meta])*
        $name:ident { $($(#[$value_doc:meta])* $value:ident = $number:expr),* $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u16);

        impl $name {
            $($(#[$value_doc])* pub const $value: Self = Self($number);)*

            /// The registered name, if this is one of RFC 9420's values.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$value => Some(stringify!($value)),)*
                    _ => None,
                }
            }
        }

        impl Encode for $name {
            fn encode(&self, writer: &mut Writer) {
                self.0.encode(writer);
            }
        }

        impl Decode for $name {
            fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(Self(u16::decode(reader)?))
            }
        }
    };
}

code_points! {
    /// `ProtocolVersion` (section 6).
    ProtocolVersion {
        /// MLS 1.0, RFC 9420.
        MLS10 = 1,
    }
}

code_points! {
    /// `WireFormat` (section 17.2).
    WireFormat {
        /// `mls_public_message`.
        PUBLIC_MESSAGE = 1,
        /// `mls_private_message`.
        PRIVATE_MESSAGE = 2,
        /// `mls_welcome`.
        WELCOME = 3,
        /// `mls_group_info`.
        GROUP_INFO = 4,
        /// `mls_key_package`.
        KEY_PACKAGE = 5,
    }
}

code_points! {
    /// `ExtensionType` (section 17.3).
    ExtensionType {
        /// `application_id`, in leaves.
        APPLICATION_ID = 1,
        /// `ratchet_tree`, in a GroupInfo.
        RATCHET_TREE = 2,
        /// `required_capabilities`, in a GroupContext.
        REQUIRED_CAPABILITIES = 3,
        /// `external_pub`, in a GroupInfo.
        EXTERNAL_PUB = 4,
        /// `external_senders`, in a GroupContext.
        EXTERNAL_SENDERS = 5,
        /// `last_resort`, in a key package (draft-ietf-mls-extensions), which marks a key package
        /// that may be used more than once.
        LAST_RESORT = 0x000a,
    }
}

impl ExtensionType {
    /// Whether this is one of the RFC's own extensions, which are not listed in capabilities
    /// (section 7.2).
    #[must_use]
    pub fn is_default(self) -> bool {
        (1..=5).contains(&self.0)
    }
}

code_points! {
    /// `ProposalType` (section 17.4).
    ProposalType {
        /// `add`.
        ADD = 1,
        /// `update`.
        UPDATE = 2,
        /// `remove`.
        REMOVE = 3,
        /// `psk`.
        PSK = 4,
        /// `reinit`.
        REINIT = 5,
        /// `external_init`.
        EXTERNAL_INIT = 6,
        /// `group_context_extensions`.
        GROUP_CONTEXT_EXTENSIONS = 7,
    }
}

impl ProposalType {
    /// Whether this is one of the RFC's own proposals, which are not listed in capabilities
    /// (section 7.2).
    #[must_use]
    pub fn is_default(self) -> bool {
        (1..=7).contains(&self.0)
    }
}

code_points! {
    /// `CredentialType` (section 17.5).
    CredentialType {
        /// `basic`.
        BASIC = 1,
        /// `x509`.
        X509 = 2,
    }
}
