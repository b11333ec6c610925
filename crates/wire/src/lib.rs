//! The structures that travel (RFC 9420): one file per structure, syntax only, no checks of
//! meaning.
//!
//! A value of a type here is well-formed and nothing more. The layers above wrap what they have
//! verified; they never copy it into a second structure. Indices are plain numbers here: a
//! `tree::LeafIndex` exists only once it was checked against a tree.

mod authenticated_content;
mod capabilities;
mod code_points;
mod commit;
mod credential;
mod extension;
mod framed_content;
mod group_context;
mod group_info;
mod key_package;
mod leaf_node;
mod message;
mod private_message;
mod proposal;
mod psk;
mod public_message;
mod ratchet_tree;
mod update_path;
mod violations;
mod welcome;

pub use authenticated_content::{AuthenticatedContent, FramedContentAuthData, ProposalRef};
pub use capabilities::{Capabilities, RequiredCapabilities};
pub use code_points::{
    CredentialType, ExtensionType, GREASE_VALUES, ProposalType, ProtocolVersion, WireFormat,
};
pub use commit::{COMMIT_PROPOSALS_MAX, Commit, ProposalOrRef};
pub use credential::{CERTIFICATES_MAX, Credential};
pub use extension::{
    EXTENSIONS_MAX, EXTERNAL_SENDERS_MAX, Extension, Extensions, ExternalPub, ExternalSender,
};
pub use framed_content::{Content, ContentType, FramedContent, Sender};
pub use group_context::{GROUP_ID_BYTES_MAX, GroupContext};
pub use group_info::GroupInfo;
pub use key_package::{KeyPackage, KeyPackageRef};
pub use leaf_node::{LeafNode, LeafNodeSource, Lifetime};
pub use message::{MESSAGE_BYTES_MAX, MlsMessage, MlsMessageBody};
pub use private_message::{PrivateContentAad, PrivateMessage, SenderData, SenderDataAad};
pub use proposal::{Proposal, ReInit};
pub use psk::{PreSharedKeyId, PskKind, PskLabel, ResumptionPskUsage};
pub use public_message::PublicMessage;
pub use ratchet_tree::{Node, ParentNode, RATCHET_TREE_LEAVES_MAX, RatchetTreeNodes};
pub use update_path::{PATH_NODES_MAX, UpdatePath, UpdatePathNode};
pub use welcome::{
    EncryptedGroupSecrets, GROUP_SECRETS_PSKS_MAX, GroupSecrets, WELCOME_SECRETS_MAX, Welcome,
};

#[cfg(test)]
mod tests;
