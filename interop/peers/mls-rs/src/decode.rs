//! Reading what requests carry.

use mls_rs::extension::ExtensionType;
use mls_rs::group::ExportedTree;
use mls_rs::{CipherSuite, Extension, ExtensionList, MlsMessage};

use crate::failure::Failure;
use interop::proto;

pub(crate) fn suite(number: u32) -> Result<CipherSuite, Failure> {
    let number = u16::try_from(number);
    number.map(CipherSuite::from).map_err(|_| Failure::invalid("a cipher suite has two bytes"))
}

pub(crate) fn message(bytes: &[u8]) -> Result<MlsMessage, Failure> {
    Ok(MlsMessage::from_bytes(bytes)?)
}

pub(crate) fn messages(all: &[Vec<u8>]) -> Result<Vec<MlsMessage>, Failure> {
    all.iter().map(|bytes| message(bytes)).collect()
}

/// A ratchet tree without a frame; empty if it travels in the GroupInfo.
pub(crate) fn tree(bytes: &[u8]) -> Result<Option<ExportedTree<'static>>, Failure> {
    if bytes.is_empty() {
        return Ok(None);
    }
    Ok(Some(ExportedTree::from_bytes(bytes)?))
}

pub(crate) fn extensions(extensions: Vec<proto::Extension>) -> Result<ExtensionList, Failure> {
    let extensions = extensions.into_iter().map(|extension| {
        let extension_type = u16::try_from(extension.extension_type)
            .map_err(|_| Failure::invalid("an extension type has two bytes"))?;
        Ok(Extension::new(ExtensionType::from(extension_type), extension.extension_data))
    });
    Ok(ExtensionList::from(extensions.collect::<Result<Vec<_>, Failure>>()?))
}
