//! Keys of earlier epochs (RFC 9420, section 15.3), for application messages that arrive after the
//! commit they were sent before.
//!
//! Only application data can be opened here: proposals and commits count in their own epoch only.
//! How many epochs are kept is a policy; those beyond it are erased, and their rows deleted. The
//! signature key of a late message's sender is the one in its leaf *in that epoch*, which the
//! caller keeps.

use std::collections::BTreeMap;

use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Reader, Writer};
use crypto::{Secret, Suite};
use tree::TreeSize;
use wire::{ContentType, GroupContext, PrivateMessage};

use crate::{
    Error, Limit, MessageSecrets, OpenedMessage, RatchetLimits, RatchetUpdate, SecretTree,
    SecretTreeRow, Violation,
};

/// How many past epochs are kept unless the application says otherwise.
///
/// Whatever a past epoch's keys still open is exposed if the client is compromised, so few are
/// better; but a message can cross a commit or two on its way. Three covers a burst of commits.
/// Where the delivery service refuses messages of an epoch that has ended, zero loses nothing.
pub const PAST_EPOCHS_MAX: usize = 3;

/// One epoch that has ended.
pub struct PastEpoch {
    context: GroupContext,
    secrets: MessageSecrets,
}

/// Past epochs of one group, as many as the policy keeps.
pub struct PastEpochs {
    epochs_max: usize,
    epochs: BTreeMap<u64, PastEpoch>,
    changes: Vec<(u64, PastEpochRow, Option<Secret>)>,
}

/// The name of a row of a past epoch.
///
/// The rows of its secret tree are those that the epoch had while it was the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PastEpochRow {
    /// A [`PastEpochHead`].
    Head,
    /// A row of the secret tree.
    Tree(SecretTreeRow),
}

/// What does not change in a past epoch. The row to read first: the others' names need the tree's
/// size.
pub struct PastEpochHead {
    /// The epoch's group context.
    pub context: GroupContext,
    /// The size of its tree.
    pub size: TreeSize,
    /// Its `sender_data_secret`.
    pub sender_data_secret: Secret,
}

impl Encode for PastEpochHead {
    fn encode(&self, writer: &mut Writer) {
        encode_head(&self.context, self.size, &self.sender_data_secret, writer);
    }
}

impl Decode for PastEpochHead {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let context = GroupContext::decode(reader)?;
        let invalid = reader.error(DecodeErrorKind::InvalidValue("tree size"));
        let size = TreeSize::from_leaves(u32::decode(reader)?).ok_or(invalid)?;
        Ok(Self { context, size, sender_data_secret: Secret::decode(reader)? })
    }
}

fn encode_head(
    context: &GroupContext,
    size: TreeSize,
    sender_data_secret: &Secret,
    writer: &mut Writer,
) {
    context.encode(writer);
    size.leaves().encode(writer);
    sender_data_secret.encode(writer);
}

impl PastEpoch {
    /// An epoch that has just ended.
    #[must_use]
    pub fn new(context: GroupContext, secrets: MessageSecrets) -> Self {
        Self { context, secrets }
    }

    /// A stored epoch: its head, and the rows of its secret tree.
    pub fn from_rows<Bytes: AsRef<[u8]>>(
        head: PastEpochHead,
        limits: RatchetLimits,
        rows: impl IntoIterator<Item = (SecretTreeRow, Bytes)>,
    ) -> Result<Self, Error> {
        let PastEpochHead { context, size, sender_data_secret } = head;
        let secret_tree = SecretTree::from_rows(size, limits, rows)?;
        Ok(Self::new(context, MessageSecrets::new(sender_data_secret, secret_tree)))
    }

    /// The epoch's group context, which signatures of its messages cover.
    #[must_use]
    pub fn context(&self) -> &GroupContext {
        &self.context
    }

    fn head(&self) -> Secret {
        let mut writer = Writer::erasing();
        let secrets = &self.secrets;
        let size = secrets.secret_tree().size();
        encode_head(&self.context, size, secrets.sender_data_secret(), &mut writer);
        Secret::from_vec(writer.into_bytes())
    }
}

impl PastEpochs {
    /// No epochs yet; at most `epochs_max` will be kept.
    #[must_use]
    pub fn new(epochs_max: usize) -> Self {
        Self { epochs_max, epochs: BTreeMap::new(), changes: Vec::new() }
    }

    /// Stored epochs. If the policy now keeps fewer, the oldest are erased.
    #[must_use]
    pub fn from_epochs(epochs_max: usize, epochs: impl IntoIterator<Item = PastEpoch>) -> Self {
        let epochs = epochs.into_iter().map(|past| (past.context.epoch, past)).collect();
        let mut past = Self { epochs_max, epochs, changes: Vec::new() };
        past.erase_excess();
        past
    }

    /// Adds an epoch that has just ended and erases what is too much. This is how every epoch ends,
    /// also where none is kept: the rows of its tree are then deleted at once.
    pub fn push(&mut self, past: PastEpoch) {
        let epoch = past.context.epoch;
        self.changes.push((epoch, PastEpochRow::Head, Some(past.head())));
        self.epochs.insert(epoch, past);
        self.erase_excess();
    }

    /// The epochs that are kept, oldest first.
    pub fn epochs(&self) -> impl Iterator<Item = u64> + '_ {
        self.epochs.keys().copied()
    }

    /// A kept epoch.
    #[must_use]
    pub fn get(&self, epoch: u64) -> Option<&PastEpoch> {
        self.epochs.get(&epoch)
    }

    /// Decrypts a late application message. Changes nothing; the signature is to be verified with
    /// the sender's key and the context of the message's epoch.
    pub fn unprotect(
        &self,
        suite: &Suite,
        message: &PrivateMessage,
    ) -> Result<OpenedMessage, Error> {
        let past = self.get(message.epoch).ok_or(Limit::EpochNotKept)?;
        // Section 12.4.2: "Verify that the epoch field of the enclosing FramedContent is equal to
        // the epoch field of the current GroupContext object."
        if message.content_type != ContentType::Application {
            return Err(Violation::HandshakeInPastEpoch.into());
        }
        past.secrets.unprotect(suite, message)
    }

    /// Erases the key of a late message that was verified.
    pub fn apply(&mut self, epoch: u64, update: RatchetUpdate) -> Result<(), Error> {
        let past = self.epochs.get_mut(&epoch).ok_or(Limit::EpochNotKept)?;
        past.secrets.apply(update)
    }

    /// The rows to write (`Some`) or delete (`None`) since the last call, with their epochs and in
    /// this order.
    pub fn drain_changes(&mut self) -> Vec<(u64, PastEpochRow, Option<Secret>)> {
        let mut changes = std::mem::take(&mut self.changes);
        for (&epoch, past) in &mut self.epochs {
            let rows = past.secrets.secret_tree_mut().drain_changes();
            let named =
                rows.into_iter().map(|(row, bytes)| (epoch, PastEpochRow::Tree(row), bytes));
            changes.extend(named);
        }
        changes
    }

    fn erase_excess(&mut self) {
        while self.epochs.len() > self.epochs_max {
            let Some((epoch, past)) = self.epochs.pop_first() else { return };
            // What would be deleted again is not written in the first place.
            self.changes.retain(|(changed, ..)| *changed != epoch);
            let rows = past.secrets.secret_tree().rows();
            let tree = rows.into_iter().map(|row| (epoch, PastEpochRow::Tree(row), None));
            self.changes.push((epoch, PastEpochRow::Head, None));
            self.changes.extend(tree);
        }
    }
}
