//! `MLSMessage` (RFC 9420, section 6): the outermost structure, media type `message/mls`.

use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Reader, Writer};

use crate::{
    GroupInfo, KeyPackage, PrivateMessage, ProtocolVersion, PublicMessage, Welcome, WireFormat,
};

/// The longest message that is looked at, in bytes: a GroupInfo with a tree of several hundred
/// thousand members fits.
pub const MESSAGE_BYTES_MAX: usize = 1 << 28;

/// A message of protocol version 1.0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MlsMessage(pub MlsMessageBody);

/// The five kinds of message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MlsMessageBody {
    /// `mls_public_message`.
    PublicMessage(Box<PublicMessage>),
    /// `mls_private_message`.
    PrivateMessage(PrivateMessage),
    /// `mls_welcome`.
    Welcome(Welcome),
    /// `mls_group_info`.
    GroupInfo(Box<GroupInfo>),
    /// `mls_key_package`.
    KeyPackage(Box<KeyPackage>),
}

impl MlsMessage {
    /// The wire format.
    #[must_use]
    pub fn wire_format(&self) -> WireFormat {
        match &self.0 {
            MlsMessageBody::PublicMessage(_) => WireFormat::PUBLIC_MESSAGE,
            MlsMessageBody::PrivateMessage(_) => WireFormat::PRIVATE_MESSAGE,
            MlsMessageBody::Welcome(_) => WireFormat::WELCOME,
            MlsMessageBody::GroupInfo(_) => WireFormat::GROUP_INFO,
            MlsMessageBody::KeyPackage(_) => WireFormat::KEY_PACKAGE,
        }
    }
}

impl Encode for MlsMessage {
    fn encode(&self, writer: &mut Writer) {
        ProtocolVersion::MLS10.encode(writer);
        self.wire_format().encode(writer);
        match &self.0 {
            MlsMessageBody::PublicMessage(message) => message.encode(writer),
            MlsMessageBody::PrivateMessage(message) => message.encode(writer),
            MlsMessageBody::Welcome(welcome) => welcome.encode(writer),
            MlsMessageBody::GroupInfo(group_info) => group_info.encode(writer),
            MlsMessageBody::KeyPackage(key_package) => key_package.encode(writer),
        }
    }
}

impl Decode for MlsMessage {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = reader.clone();
        if at.rest().len() > MESSAGE_BYTES_MAX {
            return Err(at.error(DecodeErrorKind::LimitExceeded("message bytes")));
        }
        if ProtocolVersion::decode(reader)? != ProtocolVersion::MLS10 {
            return Err(at.error(DecodeErrorKind::InvalidValue("protocol version")));
        }
        let at = reader.clone();
        Ok(Self(match WireFormat::decode(reader)? {
            WireFormat::PUBLIC_MESSAGE => MlsMessageBody::PublicMessage(Box::decode(reader)?),
            WireFormat::PRIVATE_MESSAGE => {
                MlsMessageBody::PrivateMessage(PrivateMessage::decode(reader)?)
            }
            WireFormat::WELCOME => MlsMessageBody::Welcome(Welcome::decode(reader)?),
            WireFormat::GROUP_INFO => MlsMessageBody::GroupInfo(Box::decode(reader)?),
            WireFormat::KEY_PACKAGE => MlsMessageBody::KeyPackage(Box::decode(reader)?),
            _ => return Err(at.error(DecodeErrorKind::InvalidValue("wire format"))),
        }))
    }
}
