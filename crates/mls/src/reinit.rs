//! Reinitialization (RFC 9420, section 11.2): closing a group in favour of a new one with the same
//! members and other parameters.
//!
//! 1. A member proposes [`crate::Propose::ReInit`].
//! 2. A member commits it; the group is frozen from then on.
//! 3. Any member makes the new group with [`Client::reinitialize`]; the others join by its Welcome,
//!    which is checked against the proposal here.
//!
//! The new group may keep the old one's id; then its rows replace the old one's.

use crypto::Random;
use wire::{KeyPackage, ProtocolVersion, ResumptionPskUsage};

use crate::epoch::Epoch;
use crate::successor::all_members_of;
use crate::{
    Client, Effect, Error, Group, GroupParams, GroupStatus, Misuse, NewSuccessor, Storage,
    Violation,
};

impl Client {
    /// Creates the group that a committed ReInit announced (section 11.2, step 3). Any member of
    /// the old group may do it; the key packages are those of all the others, for the new cipher
    /// suite.
    pub fn reinitialize(
        &self,
        storage: &dyn Storage,
        old: &Group,
        key_packages: Vec<KeyPackage>,
        now: u64,
        random: &mut dyn Random,
    ) -> Result<Effect<NewSuccessor>, Error> {
        let GroupStatus::Reinitialized(reinit) = old.status() else {
            return Err(Misuse::NotReinitialized.into());
        };
        // Members may agree on a later version, but this library does not know it.
        if reinit.version != ProtocolVersion::MLS10 {
            return Err(Violation::UnsupportedVersion.into());
        }
        let params = GroupParams {
            cipher_suite: reinit.cipher_suite,
            group_id: Some(reinit.group_id.to_vec()),
            extensions: reinit.extensions.clone(),
        };
        let link = (old, ResumptionPskUsage::ReInit);
        let made = self.found_successor(storage, link, (params, key_packages), (now, random))?;
        let identity = &*self.config.identity;
        if !all_members_of(identity, &old.epoch.tree, &made.0.group.epoch.tree) {
            return Err(Misuse::MembersMissing.into());
        }
        Ok(Effect::new(made.0, made.1))
    }
}

/// What whoever joins the new group checks of it; `psk_epoch` is the one that the Welcome's link
/// names.
pub(crate) fn check_reinit(
    client: &Client,
    old: &Group,
    new: &Epoch,
    psk_epoch: u64,
) -> Result<(), Violation> {
    // "verify that the last Commit to the referenced group contains a ReInit proposal and that the
    // group_id, version, cipher_suite, and group_context.extensions fields of the GroupInfo match"
    // (section 12.4.3.1).
    let GroupStatus::Reinitialized(reinit) = old.status() else {
        return Err(Violation::ReInitParameters);
    };
    if psk_epoch != old.epoch()
        || new.context.group_id != reinit.group_id
        || new.context.version != reinit.version
        || new.context.cipher_suite != reinit.cipher_suite
        || new.context.extensions != reinit.extensions
    {
        return Err(Violation::ReInitParameters);
    }
    // "verify that all the members of the old group are also members of the new group, according to
    // the application".
    match all_members_of(&*client.config.identity, &old.epoch.tree, &new.tree) {
        true => Ok(()),
        false => Err(Violation::ReInitMembers),
    }
}
