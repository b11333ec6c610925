//! Decoders: what they accept is the one encoding of its value, and an error names a place within
//! the bytes.

use codec::{Decode, Encode};
use crypto::HpkeCiphertext;
use delivery_api::auth::Authorization;
use delivery_api::route::{Method, Route};
use delivery_api::{Problem, blob, directory, id, inbox, key_package, log, service};
use mls::Delta;
use wire::{
    AuthenticatedContent, Capabilities, Commit, Credential, EncryptedGroupSecrets, Extensions,
    ExternalPub, ExternalSender, FramedContent, GroupContext, GroupInfo, GroupSecrets, KeyPackage,
    LeafNode, MlsMessage, Node, ParentNode, PreSharedKeyId, PrivateContentAad, PrivateMessage,
    Proposal, ProposalOrRef, PskLabel, PublicMessage, RatchetTreeNodes, ReInit,
    RequiredCapabilities, Sender, SenderData, SenderDataAad, UpdatePath, UpdatePathNode, Welcome,
};

use crate::Outcome;

pub(crate) type Decoder = (&'static str, fn(&[u8]) -> Outcome);

/// Decodes and encodes again.
fn canonical<T: Decode + Encode>(bytes: &[u8]) -> Outcome {
    match T::from_bytes(bytes) {
        Err(error) => {
            assert!(error.offset <= bytes.len(), "{error}, of {} bytes", bytes.len());
            Outcome::Refused
        }
        Ok(value) => {
            assert!(value.to_bytes() == bytes, "two encodings of one value");
            Outcome::Accepted
        }
    }
}

/// A table of decoders by the names of their types.
macro_rules! canonical {
    ($($structure:ty),* $(,)?) => { &[$((stringify!($structure), canonical::<$structure>)),*] };
}

/// Every structure of RFC 9420 that arrives by itself or within another, and those in which rows
/// are written.
pub(crate) const WIRE: &[Decoder] = canonical![
    MlsMessage,
    Welcome,
    GroupInfo,
    KeyPackage,
    RatchetTreeNodes,
    GroupSecrets,
    Proposal,
    Commit,
    LeafNode,
    PreSharedKeyId,
    ReInit,
    Extensions,
    FramedContent,
    AuthenticatedContent,
    PublicMessage,
    PrivateMessage,
    UpdatePath,
    UpdatePathNode,
    Node,
    ParentNode,
    GroupContext,
    Capabilities,
    RequiredCapabilities,
    Credential,
    ExternalSender,
    ExternalPub,
    EncryptedGroupSecrets,
    HpkeCiphertext,
    ProposalOrRef,
    PskLabel,
    Sender,
    SenderData,
    SenderDataAad,
    PrivateContentAad,
    Delta,
];

/// Every body of the delivery protocol.
pub(crate) const BODIES: &[Decoder] = canonical![
    log::CreateLog,
    log::CommitBundle,
    log::Append,
    log::Receipt,
    log::Entry,
    log::LogPage,
    log::PublishedGroupInfo,
    log::ChainLink,
    inbox::PutItem,
    inbox::Item,
    inbox::InboxPage,
    inbox::Acknowledge,
    key_package::UploadKeyPackages,
    key_package::Stock,
    key_package::ClaimKeyPackage,
    key_package::ClaimedKeyPackage,
    blob::Blob,
    directory::NameRecord,
    service::ServiceInfo,
    service::Done,
    id::IdempotencyKey,
];

/// What else the delivery protocol reads.
pub(crate) const TEXTS: [Decoder; 4] =
    [("Problem", problem), ("Authorization", authorization), ("Route", route), ("Name", name)];

/// A whole message, as it arrives.
pub(crate) fn message(bytes: &[u8]) -> Outcome {
    canonical::<MlsMessage>(bytes)
}

/// An octet chooses the structure.
pub(crate) fn wire(bytes: &[u8]) -> Outcome {
    let Some((&which, bytes)) = bytes.split_first() else { return Outcome::Refused };
    let (_, decoder) = WIRE[usize::from(which) % WIRE.len()];
    decoder(bytes)
}

/// An octet chooses what of the delivery protocol the bytes are.
pub(crate) fn delivery(bytes: &[u8]) -> Outcome {
    let Some((&which, bytes)) = bytes.split_first() else { return Outcome::Refused };
    let which = usize::from(which) % (BODIES.len() + TEXTS.len());
    let (_, decoder) = BODIES.iter().chain(&TEXTS).nth(which).expect("less than there are");
    decoder(bytes)
}

/// Problems of a later service are understood as far as possible, so other bytes may say the same.
fn problem(bytes: &[u8]) -> Outcome {
    let Ok(problem) = Problem::from_bytes(bytes) else { return Outcome::Refused };
    assert_eq!(Problem::from_bytes(&problem.to_bytes()), Ok(problem.clone()));
    assert!((400..600).contains(&problem.entry().status));
    Outcome::Accepted
}

fn authorization(bytes: &[u8]) -> Outcome {
    let text = std::str::from_utf8(bytes).ok();
    let Some(read) = text.and_then(Authorization::parse) else { return Outcome::Refused };
    assert_eq!(Authorization::parse(&read.to_string()), Some(read));
    Outcome::Accepted
}

/// A line as `GET /v1/health`: whatever is read is written the same way.
fn route(bytes: &[u8]) -> Outcome {
    let line = std::str::from_utf8(bytes).ok().and_then(|text| text.split_once(' '));
    let Some((method, path)) = line else { return Outcome::Refused };
    let Some(route) = Route::parse(method, path) else { return Outcome::Refused };
    let written: (Method, String) = (route.method(), route.path());
    assert_eq!((written.0.as_str(), written.1.as_str()), (method, path));
    Outcome::Accepted
}

fn name(bytes: &[u8]) -> Outcome {
    let name = std::str::from_utf8(bytes).ok().and_then(id::Name::new);
    let Some(name) = name else { return Outcome::Refused };
    assert_eq!(name.as_str().as_bytes(), bytes);
    Outcome::Accepted
}
