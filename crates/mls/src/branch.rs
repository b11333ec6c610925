//! Subgroup branching (RFC 9420, section 11.3): a new group of some members of an existing one, who
//! know from the link that the others are members too.

use crypto::Random;
use wire::{KeyPackage, ResumptionPskUsage};

use crate::epoch::Epoch;
use crate::successor::all_members_of;
use crate::{Client, Effect, Error, Group, GroupParams, Misuse, NewSuccessor, Storage, Violation};

impl Client {
    /// Creates a group with some members of an existing one (section 11.3), linked to it so that
    /// its members know that the others are members of the old group.
    pub fn branch(
        &self,
        storage: &dyn Storage,
        old: &Group,
        (params, key_packages): (GroupParams, Vec<KeyPackage>),
        now: u64,
        random: &mut dyn Random,
    ) -> Result<Effect<NewSuccessor>, Error> {
        old.check_active()?;
        if params.cipher_suite != old.suite().id() {
            return Err(Misuse::UnknownCipherSuite.into());
        }
        let link = (old, ResumptionPskUsage::Branch);
        let made = self.found_successor(storage, link, (params, key_packages), (now, random))?;
        let identity = &*self.config.identity;
        if !all_members_of(identity, &made.0.group.epoch.tree, &old.epoch.tree) {
            return Err(Misuse::NoSuchMember.into());
        }
        Ok(Effect::new(made.0, made.1))
    }
}

/// What whoever joins a branch checks of it.
pub(crate) fn check_branch(client: &Client, old: &Group, new: &Epoch) -> Result<(), Violation> {
    let (context, old_context) = (&new.context, old.context());
    if (context.version, context.cipher_suite) != (old_context.version, old_context.cipher_suite) {
        return Err(Violation::BranchParameters);
    }
    // "Each LeafNode in a new subgroup MUST match some LeafNode in the original group" (section
    // 11.3).
    match all_members_of(&*client.config.identity, &new.tree, &old.epoch.tree) {
        true => Ok(()),
        false => Err(Violation::BranchMembers),
    }
}
