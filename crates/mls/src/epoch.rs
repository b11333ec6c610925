//! One epoch of a group as a member holds it, and the only place where the next one is derived
//! (RFC 9420, section 8).
//!
//! Committer, receiver and joiner meet in [`Epoch::start`]: the key schedule from the member secret
//! on, and the confirmation tag, computed or compared.

use std::sync::Arc;

use codec::{Encode, Opaque};
use crypto::{Digest, Secret, Suite};
use protection::{
    ConfirmedTranscriptHash, InterimTranscriptHash, MessageSecrets, RatchetLimits, SecretTree,
};
use tree::{LeafIndex, NextTree, RatchetTree};
use treekem::{
    CommitSecret, EpochSecrets, InitSecret, JoinerSecret, MemberSecret, PrivatePath, PskSecret,
    WelcomeSecret,
};
use wire::{AuthenticatedContent, Extensions, GroupContext, LeafNode};

use crate::{Error, Violation};

/// The state of one epoch.
pub(crate) struct Epoch {
    pub(crate) context: GroupContext,
    pub(crate) tree: RatchetTree,
    pub(crate) private: PrivatePath,
    pub(crate) secrets: EpochSecrets,
    pub(crate) messages: MessageSecrets,
    pub(crate) interim: InterimTranscriptHash,
    pub(crate) confirmation_tag: Opaque,
}

/// The confirmation tag of a new epoch.
#[derive(Clone, Copy)]
pub(crate) enum Confirmation<'a> {
    /// This client makes the epoch and computes the tag.
    Compute,
    /// Someone else made the epoch: the tag that was received.
    Verify(&'a [u8]),
}

/// The public and private state that a new epoch starts with.
pub(crate) struct EpochState {
    pub(crate) context: GroupContext,
    pub(crate) tree: RatchetTree,
    pub(crate) private: PrivatePath,
}

/// What a commit leads from and to, all rules about proposals and path being checked.
pub(crate) struct Transition<'a> {
    pub(crate) suite: &'a Suite,
    pub(crate) limits: RatchetLimits,
    /// The transcript of the epoch that ends.
    pub(crate) interim: InterimTranscriptHash,
    pub(crate) init_secret: &'a InitSecret,
    pub(crate) commit_secret: &'a CommitSecret,
    pub(crate) psk_secret: &'a PskSecret,
    /// The signed commit.
    pub(crate) commit: &'a AuthenticatedContent,
    /// Context (provisional: with the old transcript hash), tree and private keys of the next
    /// epoch.
    pub(crate) state: EpochState,
}

/// The next epoch, and what its new members need.
pub(crate) struct NextEpoch {
    pub(crate) epoch: Epoch,
    pub(crate) joiner_secret: JoinerSecret,
    pub(crate) welcome_secret: WelcomeSecret,
}

/// The provisional GroupContext of the next epoch: everything new but the transcript hash (section
/// 12.4.1).
pub(crate) fn provisional_context(
    old: &GroupContext,
    extensions: &Extensions,
    next: &NextTree,
) -> Result<GroupContext, Violation> {
    Ok(GroupContext {
        epoch: old.epoch.checked_add(1).ok_or(Violation::LastEpoch)?,
        tree_hash: next.tree_hash,
        extensions: extensions.clone(),
        ..old.clone()
    })
}

impl Epoch {
    /// Derives the next epoch. Nothing of the old one changes.
    pub(crate) fn next(
        transition: Transition<'_>,
        confirmation: Confirmation<'_>,
    ) -> Result<NextEpoch, Error> {
        let Transition { suite, limits, mut state, .. } = transition;
        // "Update the confirmed and interim transcript hashes using the new Commit, and generate
        // the new GroupContext" (section 12.4.2).
        let confirmed = transition.interim.confirmed(suite, transition.commit)?;
        state.context.confirmed_transcript_hash = confirmed.0;
        let context = state.context.to_bytes();
        let joiner_secret = JoinerSecret::derive(
            suite,
            transition.init_secret,
            transition.commit_secret,
            &context,
        )?;
        let member_secret = joiner_secret.member_secret(suite, transition.psk_secret)?;
        let welcome_secret = member_secret.welcome_secret(suite)?;
        let epoch = Self::start(suite, limits, member_secret, state, confirmation)?;
        Ok(NextEpoch { epoch, joiner_secret, welcome_secret })
    }

    /// The end of the key schedule, which joiners share: from the member secret to a confirmed
    /// epoch.
    pub(crate) fn start(
        suite: &Suite,
        limits: RatchetLimits,
        member_secret: MemberSecret,
        state: EpochState,
        confirmation: Confirmation<'_>,
    ) -> Result<Self, Error> {
        let secrets = member_secret.into_epoch_secrets(suite, &state.context.to_bytes())?;
        Self::with_secrets(suite, limits, secrets, state, confirmation)
    }

    /// An epoch whose secrets are known: also that of a new group (section 11).
    pub(crate) fn with_secrets(
        suite: &Suite,
        limits: RatchetLimits,
        mut secrets: EpochSecrets,
        state: EpochState,
        confirmation: Confirmation<'_>,
    ) -> Result<Self, Error> {
        let EpochState { context, tree, private } = state;
        let transcript = context.confirmed_transcript_hash;
        let tag = match confirmation {
            Confirmation::Compute => secrets.confirmation_tag(suite, transcript.as_slice())?,
            // "... and verify that it is the same as the confirmation_tag field" (section 12.4.2).
            Confirmation::Verify(received) => {
                secrets.verify_confirmation_tag(suite, transcript.as_slice(), received)?
            }
        };
        let confirmation_tag = tag.into_opaque();
        let interim = ConfirmedTranscriptHash(transcript).interim(suite, &confirmation_tag)?;
        let encryption_secret = secrets
            .take_encryption_secret()
            .ok_or_else(|| Error::corrupt("encryption secret was taken before"))?;
        let secret_tree = SecretTree::new(tree.size(), encryption_secret, limits);
        let messages = MessageSecrets::new(secrets.sender_data_secret().duplicate(), secret_tree);
        Ok(Self { context, tree, private, secrets, messages, interim, confirmation_tag })
    }

    /// Erases every secret: this client is removed. Context and tree stay.
    pub(crate) fn erase(&mut self) {
        self.secrets.erase();
        self.private.erase();
        let limits = RatchetLimits::default();
        let secret_tree = SecretTree::new(self.tree.size(), Secret::zeros(0), limits);
        self.messages = MessageSecrets::new(Secret::zeros(0), secret_tree);
    }

    /// The place of this client.
    pub(crate) fn own_leaf(&self) -> LeafIndex {
        self.private.leaf()
    }

    /// The leaf of this client.
    pub(crate) fn own_leaf_node(&self) -> Result<Arc<LeafNode>, Error> {
        let leaf = self.tree.leaf(self.own_leaf());
        leaf.ok_or_else(|| Error::corrupt("own leaf is blank"))
    }

    /// Identifies the epoch among all that could have its number.
    pub(crate) fn identity(&self) -> (u64, Digest, Opaque) {
        let GroupContext { epoch, confirmed_transcript_hash, .. } = self.context;
        (epoch, confirmed_transcript_hash, self.confirmation_tag.clone())
    }
}
