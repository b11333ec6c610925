//! Messaging Layer Security (RFC 9420): groups as state machines, without input or output of their
//! own.
//!
//! * To start, make a [`Client`] from a [`ClientConfig`]: credential, signature keys, identity
//!   policy.
//! * To be added by others, publish [`Client::key_package`]; to join with their Welcome,
//!   [`Client::join`].
//! * To create a group, [`Client::create_group`]; to join one from outside,
//!   [`Client::join_external`].
//! * To change the group, [`Group::commit`]; when the delivery service has accepted the commit,
//!   [`Group::advance`].
//! * To send, [`Group::protect`]; to take what arrives, [`Group::process`].
//! * To come back after a restart, [`Client::load_group`].
//!
//! Whatever changes state returns an [`Effect`]: its output comes out only together with the rows
//! that make the change durable ([`Delta`]), for the [`Storage`] of the application's choice. Time
//! and randomness are arguments.

mod application;
mod branch;
mod client;
mod commit;
mod create;
mod delta;
mod epoch;
mod error;
mod external_join;
mod external_proposal;
mod grease;
mod group;
mod group_info;
mod key_package;
mod memory;
mod policy;
mod proposals;
mod propose;
mod received;
mod reinit;
mod rows;
mod sent;
mod successor;
mod welcome;
mod without_tree;

pub use client::{Client, ClientConfig, LeafChanges};
pub use codec::{Decode, DecodeError, Encode};
pub use commit::{
    CommitId, CommitOptions, EpochChange, NewCommit, PathChoice, PendingCommit, StagedCommit,
    StagedEpoch,
};
pub use create::GroupParams;
pub use crypto::{
    CipherSuite, Crypto, CryptoError, Digest, Random, Secret, SignatureKeyPair, SignaturePublicKey,
    Signer, Suite,
};
pub use delta::{Change, Delta, Effect, RowKey, RowKind, Storage, StorageError};
pub use error::{BrokenRule, Error, Limit, Misuse, Violation};
pub use external_join::{ExternalJoin, ExternalJoinOptions, PendingJoin};
pub use external_proposal::external_proposal;
pub use group::{Group, GroupStatus, Member};
pub use group_info::GroupInfoOptions;
pub use key_package::KeyPackageOptions;
pub use memory::MemoryStorage;
pub use policy::{ExternalCommitPolicy, HandshakeFormat, NoPsks, PskStore, Settings};
pub use propose::Propose;
pub use protection::{Limit as ProtectionLimit, PaddingPolicy, RatchetLimits};
pub use received::{ApplicationMessage, Received, ReceivedProposal};
pub use successor::NewSuccessor;
pub use tree::rules::LifetimeRules;
pub use tree::{Candidate, IdentityPolicy, LeafIndex, LeafOrigin, ProposalSender, Refusal};
pub use welcome::Invitation;
pub use wire::{
    Credential, CredentialType, Extension, ExtensionType, Extensions, ExternalSender, GroupContext,
    GroupInfo, KeyPackage, KeyPackageRef, LeafNode, MlsMessage, MlsMessageBody, PreSharedKeyId,
    Proposal, ProposalRef, ProposalType, PskKind, RatchetTreeNodes, ReInit, RequiredCapabilities,
    ResumptionPskUsage, WireFormat,
};
pub use without_tree::GroupWithoutTree;
