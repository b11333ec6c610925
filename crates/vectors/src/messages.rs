//! `messages`: structures that survive decoding and encoding, whatever they mean (RFC 9420, section
//! 6).
//!
//! Some fields are a whole `MLSMessage`, some a bare structure; proposals come without their type.

mod sample;

use codec::{Decode, DecodeError, Encode, Opaque};
use crypto::{Crypto, Random};
use serde::{Deserialize, Serialize};
use wire::{
    Commit, ContentType, Extensions, GroupSecrets, KeyPackage, LeafNode, MlsMessage,
    MlsMessageBody, PreSharedKeyId, RatchetTreeNodes, ReInit, WireFormat,
};

use crate::failure::{At, expect_bytes};
use crate::kind::for_each_suite;
use crate::{Failure, Hex, Scale, Vector};

macro_rules! entry {
    ($($(#[$doc:meta])* $field:ident: $structure:expr,)*) => {
        /// One structure of every kind.
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Entry {
            $($(#[$doc])* pub $field: Hex,)*
        }

        impl Entry {
            /// Every field: its name, what it holds, its bytes.
            pub fn structures(&self) -> impl Iterator<Item = (&'static str, Structure, &[u8])> {
                [$((stringify!($field), $structure, self.$field.as_slice()),)*].into_iter()
            }
        }
    };
}

entry! {
    /// `MLSMessage` with a Welcome.
    mls_welcome: Structure::Message(WireFormat::WELCOME, None),
    /// `MLSMessage` with a GroupInfo.
    mls_group_info: Structure::Message(WireFormat::GROUP_INFO, None),
    /// `MLSMessage` with a KeyPackage.
    mls_key_package: Structure::Message(WireFormat::KEY_PACKAGE, None),
    /// `optional<Node> ratchet_tree<V>`.
    ratchet_tree: Structure::RatchetTree,
    /// `GroupSecrets`.
    group_secrets: Structure::GroupSecrets,
    /// `Add`.
    add_proposal: Structure::Add,
    /// `Update`.
    update_proposal: Structure::Update,
    /// `Remove`.
    remove_proposal: Structure::Remove,
    /// `PreSharedKey`.
    pre_shared_key_proposal: Structure::PreSharedKey,
    /// `ReInit`.
    re_init_proposal: Structure::ReInit,
    /// `ExternalInit`.
    external_init_proposal: Structure::ExternalInit,
    /// `GroupContextExtensions`.
    group_context_extensions_proposal: Structure::GroupContextExtensions,
    /// `Commit`.
    commit: Structure::Commit,
    /// `MLSMessage` with a PublicMessage of application data.
    public_message_application: Structure::PUBLIC_APPLICATION,
    /// `MLSMessage` with a PublicMessage of a proposal.
    public_message_proposal: Structure::PUBLIC_PROPOSAL,
    /// `MLSMessage` with a PublicMessage of a commit.
    public_message_commit: Structure::PUBLIC_COMMIT,
    /// `MLSMessage` with a PrivateMessage.
    private_message: Structure::Message(WireFormat::PRIVATE_MESSAGE, None),
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Structure {
    /// The body of an Add proposal.
    Add,
    /// A Commit.
    Commit,
    /// The body of an ExternalInit proposal.
    ExternalInit,
    /// The body of a GroupContextExtensions proposal.
    GroupContextExtensions,
    /// The secrets inside a Welcome.
    GroupSecrets,
    /// A whole message of a wire format and, if public, of a content type.
    Message(WireFormat, Option<ContentType>),
    /// The body of a PreSharedKey proposal.
    PreSharedKey,
    /// The nodes of a tree.
    RatchetTree,
    /// The body of a ReInit proposal.
    ReInit,
    /// The body of a Remove proposal.
    Remove,
    /// The body of an Update proposal.
    Update,
}

impl Structure {
    const PUBLIC_APPLICATION: Self =
        Self::Message(WireFormat::PUBLIC_MESSAGE, Some(ContentType::Application));
    const PUBLIC_PROPOSAL: Self =
        Self::Message(WireFormat::PUBLIC_MESSAGE, Some(ContentType::Proposal));
    const PUBLIC_COMMIT: Self =
        Self::Message(WireFormat::PUBLIC_MESSAGE, Some(ContentType::Commit));

    /// Decodes `bytes` and encodes what they gave.
    pub fn recode(self, bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
        fn recode<T: Decode + Encode>(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
            T::from_bytes(bytes).map(|value| value.to_bytes())
        }
        match self {
            Self::Add => recode::<KeyPackage>(bytes),
            Self::Commit => recode::<Commit>(bytes),
            Self::ExternalInit => recode::<Opaque>(bytes),
            Self::GroupContextExtensions => recode::<Extensions>(bytes),
            Self::GroupSecrets => recode::<GroupSecrets>(bytes),
            Self::Message(..) => recode::<MlsMessage>(bytes),
            Self::PreSharedKey => recode::<PreSharedKeyId>(bytes),
            Self::RatchetTree => recode::<RatchetTreeNodes>(bytes),
            Self::ReInit => recode::<ReInit>(bytes),
            Self::Remove => recode::<u32>(bytes),
            Self::Update => recode::<LeafNode>(bytes),
        }
    }

    fn verify(self, bytes: &[u8]) -> Result<(), Failure> {
        expect_bytes("encoded again", self.recode(bytes)?, &bytes.into())?;
        let Self::Message(wire_format, content_type) = self else {
            return Ok(());
        };
        let message = MlsMessage::from_bytes(bytes)?;
        if message.wire_format() != wire_format {
            return Err(Failure::new(format!("wire format is {:?}", message.wire_format())));
        }
        let MlsMessageBody::PublicMessage(public) = message.0 else {
            return Ok(());
        };
        let found = public.content.content.content_type();
        if content_type != Some(found) {
            return Err(Failure::new(format!("content type is {found:?}")));
        }
        // "The optional MAC values may be invalid but should be populated."
        if found == ContentType::Commit && public.auth.confirmation_tag.is_none() {
            return Err(Failure::new("a commit without confirmation tag"));
        }
        Ok(())
    }
}

impl Vector for Entry {
    fn verify(&self, _: &Crypto, _: &mut dyn Random) -> Result<(), Failure> {
        self.structures().try_for_each(|(name, structure, bytes)| structure.verify(bytes).at(name))
    }

    fn generate(
        crypto: &Crypto,
        scale: Scale,
        random: &mut dyn Random,
    ) -> Result<Vec<Self>, Failure> {
        let count = match scale {
            Scale::Small => 1,
            Scale::Full => 40,
        };
        for_each_suite(crypto, |suite| {
            (0..count).map(|_| sample::Sample { suite, random: &mut *random }.entry()).collect()
        })
    }
}
