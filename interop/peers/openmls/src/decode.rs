//! Reading what requests carry, and writing what answers do.

use interop::proto;
use openmls::group::GroupContext;
use openmls::messages::group_info::VerifiableGroupInfo;
use openmls::prelude::tls_codec::{Deserialize as _, Serialize, VLBytes};
use openmls::prelude::{
    Extension, ExtensionType, Extensions, KeyPackage, MlsMessageBodyIn, MlsMessageIn,
    MlsMessageOut, ProtocolMessage, ProtocolVersion, RatchetTreeIn, UnknownExtension, Welcome,
};
use openmls_rust_crypto::RustCrypto;
use tonic::Status;

use crate::slots::refused;

/// An encoded MLSMessage.
pub(crate) fn message(bytes: &[u8]) -> Result<MlsMessageBodyIn, Status> {
    Ok(MlsMessageIn::tls_deserialize_exact(bytes).map_err(refused)?.extract())
}

/// A message of a group, public or private.
pub(crate) fn protocol_message(bytes: &[u8]) -> Result<ProtocolMessage, Status> {
    let message = MlsMessageIn::tls_deserialize_exact(bytes).map_err(refused)?;
    message.try_into_protocol_message().map_err(refused)
}

/// The type of a proposal that an external sender sent as PublicMessage, which the library does not
/// tell.
pub(crate) fn external_proposal_type(bytes: &[u8]) -> Option<u16> {
    const EXTERNAL: u8 = 2;
    const PROPOSAL: u8 = 2;
    let mut rest = bytes;
    let _version_and_wire_format = u32::tls_deserialize(&mut rest).ok()?;
    let _group_id = VLBytes::tls_deserialize(&mut rest).ok()?;
    let _epoch = u64::tls_deserialize(&mut rest).ok()?;
    (u8::tls_deserialize(&mut rest).ok()? == EXTERNAL).then_some(())?;
    let _sender_index = u32::tls_deserialize(&mut rest).ok()?;
    let _authenticated_data = VLBytes::tls_deserialize(&mut rest).ok()?;
    (u8::tls_deserialize(&mut rest).ok()? == PROPOSAL).then_some(())?;
    u16::tls_deserialize(&mut rest).ok()
}

/// A key package in its MLSMessage, verified.
pub(crate) fn key_package(bytes: &[u8], crypto: &RustCrypto) -> Result<KeyPackage, Status> {
    match message(bytes)? {
        MlsMessageBodyIn::KeyPackage(it) => {
            it.validate(crypto, ProtocolVersion::Mls10).map_err(refused)
        }
        _ => Err(Status::invalid_argument("the message is not a key package")),
    }
}

/// A GroupInfo in its MLSMessage.
pub(crate) fn group_info(bytes: &[u8]) -> Result<VerifiableGroupInfo, Status> {
    match message(bytes)? {
        MlsMessageBodyIn::GroupInfo(group_info) => Ok(group_info),
        _ => Err(Status::invalid_argument("the message is not a GroupInfo")),
    }
}

/// A Welcome in its MLSMessage.
pub(crate) fn welcome(bytes: &[u8]) -> Result<Welcome, Status> {
    match message(bytes)? {
        MlsMessageBodyIn::Welcome(welcome) => Ok(welcome),
        _ => Err(Status::invalid_argument("the message is not a Welcome")),
    }
}

/// A ratchet tree without a frame; empty if it travels in the GroupInfo.
pub(crate) fn ratchet_tree(bytes: &[u8]) -> Result<Option<RatchetTreeIn>, Status> {
    if bytes.is_empty() {
        return Ok(None);
    }
    RatchetTreeIn::tls_deserialize_exact(bytes).map(Some).map_err(refused)
}

/// Extensions of a GroupContext.
pub(crate) fn extensions(
    extensions: Vec<proto::Extension>,
) -> Result<Extensions<GroupContext>, Status> {
    let extensions = extensions.into_iter().map(extension);
    Extensions::from_vec(extensions.collect::<Result<_, _>>()?).map_err(refused)
}

fn extension(extension: proto::Extension) -> Result<Extension, Status> {
    let number = u16::try_from(extension.extension_type)
        .map_err(|_| Status::invalid_argument("an extension type has two bytes"))?;
    // The library decodes whole extensions, and only by their encoding.
    let mut bytes = number.to_be_bytes().to_vec();
    let data = extension.extension_data;
    if let ExtensionType::Unknown(number) | ExtensionType::Grease(number) = number.into() {
        return Ok(Extension::Unknown(number, UnknownExtension(data)));
    }
    VLBytes::new(data).tls_serialize(&mut bytes).map_err(refused)?;
    Extension::tls_deserialize_exact(&bytes).map_err(refused)
}

/// The encoding of a message.
pub(crate) fn encoded(message: &MlsMessageOut) -> Result<Vec<u8>, Status> {
    message.to_bytes().map_err(refused)
}

/// The encoding of a structure without a frame.
pub(crate) fn raw(structure: &impl Serialize) -> Result<Vec<u8>, Status> {
    structure.tls_serialize_detached().map_err(refused)
}
