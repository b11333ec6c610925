//! Reading what requests carry: encoded messages, trees, extensions.

use mls::{
    Decode, Extension, ExtensionType, Extensions, GroupInfo, KeyPackage, MlsMessage,
    MlsMessageBody, RatchetTreeNodes,
};

use super::Failure;
use crate::proto;

/// An encoded MLSMessage.
pub(super) fn message(bytes: &[u8]) -> Result<MlsMessage, Failure> {
    Ok(MlsMessage::from_bytes(bytes)?)
}

/// A key package in its MLSMessage.
pub(super) fn key_package(bytes: &[u8]) -> Result<KeyPackage, Failure> {
    match message(bytes)?.0 {
        MlsMessageBody::KeyPackage(key_package) => Ok(*key_package),
        _ => Err(Failure::invalid("the message is not a key package")),
    }
}

/// A GroupInfo in its MLSMessage.
pub(super) fn group_info(bytes: &[u8]) -> Result<GroupInfo, Failure> {
    match message(bytes)?.0 {
        MlsMessageBody::GroupInfo(group_info) => Ok(*group_info),
        _ => Err(Failure::invalid("the message is not a GroupInfo")),
    }
}

/// A ratchet tree without a frame; empty if it travels in the GroupInfo.
pub(super) fn ratchet_tree(bytes: &[u8]) -> Result<Option<RatchetTreeNodes>, Failure> {
    if bytes.is_empty() {
        return Ok(None);
    }
    Ok(Some(RatchetTreeNodes::from_bytes(bytes)?))
}

/// Extensions of a GroupContext.
pub(super) fn extensions(extensions: Vec<proto::Extension>) -> Result<Extensions, Failure> {
    let extensions = extensions.into_iter().map(|extension| {
        let extension_type = u16::try_from(extension.extension_type)
            .map_err(|_| Failure::invalid("an extension type has two bytes"))?;
        let extension_type = ExtensionType(extension_type);
        Ok(Extension { extension_type, extension_data: extension.extension_data.into() })
    });
    Ok(Extensions(extensions.collect::<Result<_, Failure>>()?))
}
