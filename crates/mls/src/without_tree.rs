//! A stored group that is opened without its tree: to speak at once, however large the group is.
//!
//! Sending needs the epoch's secrets and the own leaf, a few rows. Whatever asks for the others
//! needs the tree: [`GroupWithoutTree::load_tree`] turns this into a [`Group`].

use crypto::{Random, Secret};
use wire::{GroupContext, MlsMessage};

use crate::rows::{load_own_page, load_private, load_tree};
use crate::{Client, Effect, Error, Group, GroupStatus, Storage};

/// A group whose tree is still in the store.
pub struct GroupWithoutTree(Group);

impl Client {
    /// Opens a stored group without its tree; `None` if there is none with this id. It reads the
    /// keys of who spoke in the epochs that are kept, but of the tree no more than one page.
    ///
    /// Have a group once at a time, as after [`Client::load_group`].
    pub fn open_group(
        &self,
        storage: &dyn Storage,
        group_id: &[u8],
    ) -> Result<Option<GroupWithoutTree>, Error> {
        let opened = Group::load_with(self, storage, group_id, |epoch| {
            let suite = self.suite(epoch.context.cipher_suite)?;
            load_own_page(storage, epoch.context, (epoch.size, &suite), epoch.own_leaf)
        })?;
        Ok(opened.map(GroupWithoutTree))
    }
}

impl GroupWithoutTree {
    /// The group with its tree. O(N).
    ///
    /// An error if the store has moved on to another epoch since the group was opened.
    pub fn load_tree(self, storage: &dyn Storage) -> Result<Group, Error> {
        let Self(mut group) = self;
        let form = (group.epoch.tree.size(), &group.suite);
        group.epoch.tree = load_tree(storage, &group.epoch.context, form)?;
        // Of nodes on other pages the keys could not be kept before.
        group.epoch.private = load_private(storage, &group.epoch.context, &group.epoch.tree)?;
        Ok(group)
    }

    /// [`Group::protect`].
    pub fn protect(
        &mut self,
        data: &[u8],
        authenticated_data: &[u8],
        random: &mut dyn Random,
    ) -> Result<Effect<MlsMessage>, Error> {
        self.0.protect(data, authenticated_data, random)
    }

    /// [`Group::export`].
    pub fn export(&self, label: &str, context: &[u8], length: usize) -> Result<Secret, Error> {
        self.0.export(label, context, length)
    }

    /// [`Group::epoch_authenticator`].
    #[must_use]
    pub fn epoch_authenticator(&self) -> &Secret {
        self.0.epoch_authenticator()
    }

    /// [`Group::context`].
    #[must_use]
    pub fn context(&self) -> &GroupContext {
        self.0.context()
    }

    /// [`Group::status`].
    #[must_use]
    pub fn status(&self) -> &GroupStatus {
        self.0.status()
    }
}
