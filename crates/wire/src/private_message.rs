//! `PrivateMessage` and the structures that its encryption uses (RFC 9420, section 6.3).

use codec::Opaque;

use crate::ContentType;

/// Encrypted content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateMessage {
    /// The group.
    pub group_id: Opaque,
    /// The epoch.
    pub epoch: u64,
    /// Which of the sender's two ratchets encrypts.
    pub content_type: ContentType,
    /// Data of the application that is authenticated but not encrypted.
    pub authenticated_data: Opaque,
    /// Who sent it, encrypted.
    pub encrypted_sender_data: Opaque,
    /// The content, signature and padding, encrypted.
    pub ciphertext: Opaque,
}

codec::fields!(PrivateMessage {
    group_id,
    epoch,
    content_type,
    authenticated_data,
    encrypted_sender_data,
    ciphertext,
});

/// `PrivateContentAAD` (section 6.3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateContentAad {
    /// The group.
    pub group_id: Opaque,
    /// The epoch.
    pub epoch: u64,
    /// The kind of content.
    pub content_type: ContentType,
    /// The message's authenticated data.
    pub authenticated_data: Opaque,
}

codec::fields!(PrivateContentAad { group_id, epoch, content_type, authenticated_data });

/// `SenderData` (section 6.3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderData {
    /// The sender's leaf.
    pub leaf_index: u32,
    /// The generation of the sender's ratchet.
    pub generation: u32,
    /// Random bytes that keep a nonce unique should a generation ever be used twice.
    pub reuse_guard: [u8; 4],
}

codec::fields!(SenderData { leaf_index, generation, reuse_guard });

/// `SenderDataAAD` (section 6.3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderDataAad {
    /// The group.
    pub group_id: Opaque,
    /// The epoch.
    pub epoch: u64,
    /// The kind of content.
    pub content_type: ContentType,
}

codec::fields!(SenderDataAad { group_id, epoch, content_type });
