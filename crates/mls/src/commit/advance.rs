//! Moving on to the next epoch: one swap, and the erasure of what the old one knew (RFC 9420,
//! section 9.2).

use std::collections::BTreeSet;

use protection::{PastEpoch, PastEpochs, RatchetKind};
use tree::RatchetTree;

use super::staged::{BaseEpoch, EpochChange, StagedEpoch};
use crate::epoch::Epoch;
use crate::rows::{
    delete_membership, epoch_prefix, past_leaf_key, put_past_epochs, put_status,
    resumption_psk_key, value,
};
use crate::{Delta, Effect, Error, Group, GroupStatus, Misuse, RowKey, RowKind};

impl Group {
    /// Moves to the next epoch: with the own [`crate::PendingCommit`] once the delivery service has
    /// accepted it, or with the [`crate::StagedCommit`] of someone else.
    ///
    /// The old epoch's secrets are erased but for what the settings keep for late messages; so are
    /// all pending proposals and all other candidates. If the commit removes this client, all rows
    /// of the group go, but for candidates of [`crate::Client::join_external`]: the commit may be
    /// the one that replaces this client by its new self.
    pub fn advance(&mut self, next: impl Into<StagedEpoch>) -> Result<Effect<EpochChange>, Error> {
        let StagedEpoch { base, epoch, delta: mut rows, change, signer } = next.into();
        self.check_saved()?;
        if base != BaseEpoch::of(&self.epoch) {
            return Err(Misuse::StaleEpoch.into());
        }
        let group_id = self.epoch.context.group_id.clone();
        let Some(epoch) = epoch else {
            delete_membership(&group_id, &mut rows);
            self.status = GroupStatus::Removed;
            self.proposals = Default::default();
            self.past = PastEpochs::new(0);
            self.past_leaves.clear();
            self.sent = Default::default();
            self.resumption_psks.clear();
            self.signers.clear();
            self.epoch.erase();
            return Ok(self.effect(change, rows));
        };
        self.erase_opened_commits()?;
        let mut delta = Delta::default();
        self.proposals.clear(&group_id, &mut delta);
        delta.delete_prefix(RowKey::new(&group_id, RowKind::PendingCommit, []));
        self.keep_resumption_psk(&mut delta);
        self.keep_changed_leaves(&epoch.tree, &mut delta);
        let old = std::mem::replace(&mut self.epoch, *epoch);
        self.keep_past_epoch(old, &mut delta);
        if let Some(reinit) = &change.reinit {
            self.status = GroupStatus::Reinitialized(reinit.clone());
            put_status(&group_id, &self.status, &mut delta);
        }
        self.signers.extend(signer);
        if let Some(key) = self.epoch.tree.signature_key(self.epoch.own_leaf()) {
            self.signers.retain(|signer| *signer.public_key() == key);
        }
        rows.append(delta);
        Ok(self.effect(change, rows))
    }

    /// Erases the keys of the commits that were read in this epoch, unless its keys go anyway.
    ///
    /// "As soon as a group member consumes a value, they MUST immediately delete (all
    /// representations of) that value" (section 9.2); a commit is consumed when the group advances.
    fn erase_opened_commits(&mut self) -> Result<(), Error> {
        let opened = std::mem::take(&mut self.opened_commits);
        if self.client.settings().past_epochs_max == 0 {
            return Ok(());
        }
        for (sender, generation) in opened {
            let secret_tree = self.epoch.messages.secret_tree();
            let found = secret_tree.lookup(&self.suite, sender, RatchetKind::Handshake, generation);
            match found {
                Ok(found) => self.epoch.messages.apply(found.update)?,
                Err(protection::Error::Crypto(error)) => return Err(error.into()),
                // The limit on skipped keys has erased it before.
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn keep_resumption_psk(&mut self, delta: &mut Delta) {
        let (group_id, epoch) = (&self.epoch.context.group_id, self.epoch.context.epoch);
        let psk = self.epoch.secrets.resumption_psk();
        if self.client.settings().resumption_psks_max > 0 {
            delta.put(resumption_psk_key(group_id, epoch), value(psk));
            self.resumption_psks.insert(epoch, psk.duplicate());
        }
        while self.resumption_psks.len() > self.client.settings().resumption_psks_max {
            let Some((oldest, _)) = self.resumption_psks.pop_first() else { break };
            delta.delete(resumption_psk_key(group_id, oldest));
        }
    }

    /// Remembers leaves that change, so that a late message is attributed to whoever had the leaf
    /// when it was sent, and to nobody if it was blank.
    fn keep_changed_leaves(&mut self, next: &RatchetTree, delta: &mut Delta) {
        if self.client.settings().past_epochs_max == 0 {
            return;
        }
        let old = &self.epoch.tree;
        let epoch = self.epoch.context.epoch;
        for leaf in next.changed_leaves_since(old) {
            let before = old.leaf(leaf);
            let key = past_leaf_key(&self.epoch.context.group_id, epoch, leaf);
            delta.put(key, value(&before));
            self.past_leaves.insert((epoch, leaf), before);
        }
    }

    /// Keeps the message keys of the epoch that ended as long as the settings say, and forgets what
    /// only served epochs that are kept no longer.
    fn keep_past_epoch(&mut self, old: Epoch, delta: &mut Delta) {
        let (group_id, epoch) = (old.context.group_id.clone(), old.context.epoch);
        if self.client.settings().past_epochs_max == 0 {
            delta.delete_prefix(epoch_prefix(&group_id, RowKind::SecretTree, epoch));
        } else {
            self.past.push(PastEpoch::new(old.context, old.messages));
        }
        // Also with a setting of 0: it may have been another when the group was stored.
        put_past_epochs(&group_id, &mut self.past, delta);
        // Own messages of the epoch that just ended may still come back.
        let oldest = self.past.epochs().next().unwrap_or(epoch);
        let is_over = |epoch: &u64| *epoch < oldest;
        let leaves: BTreeSet<u64> =
            self.past_leaves.keys().map(|key| key.0).take_while(is_over).collect();
        self.past_leaves.retain(|(epoch, _), _| !is_over(epoch));
        for epoch in leaves {
            delta.delete_prefix(epoch_prefix(&group_id, RowKind::PastLeaf, epoch));
        }
        self.sent.forget_before(oldest, &group_id, delta);
    }
}
