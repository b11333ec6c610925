//! What the members of a group agree on, its policy and its name; and leaving it.

use super::{Account, now};
use crate::policy::GroupPolicy;
use crate::{Done, Error, GroupId};

impl Account {
    /// Creates a group with a policy of its own.
    ///
    /// ```no_run
    /// use client::{Account, GroupPolicy, Home};
    ///
    /// # fn main() -> Result<(), client::Error> {
    /// let mut alice = Account::open(&Home::unprotected("alice-home"))?;
    /// let policy = GroupPolicy { admins: vec![alice.name().clone()], ..GroupPolicy::default() };
    /// alice.create_group_with("garden", &policy)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Account::create_group`]; or the policy is outside its bounds.
    pub fn create_group_with(
        &mut self,
        name: &str,
        policy: &GroupPolicy,
    ) -> Result<GroupId, Error> {
        let group = self.engine.create_group_with(name, policy, now())?;
        self.drive()?;
        Ok(group)
    }

    /// What a group's members agree on.
    ///
    /// # Errors
    /// This account is no member of such a group.
    pub fn policy(&mut self, group: &GroupId) -> Result<GroupPolicy, Error> {
        self.engine.policy(group)
    }

    /// Gives a group another policy.
    ///
    /// # Errors
    /// It is outside its bounds, this account is not one of the admins, or the group cannot be
    /// used.
    pub fn set_policy(&mut self, group: &GroupId, policy: &GroupPolicy) -> Result<Done, Error> {
        let intent = self.engine.set_policy(group, policy)?;
        self.await_outcome(intent)
    }

    /// Leaves a group. When this returns, the wish is in the group's log; the next commit of
    /// another member ends the membership, and an event says so. From now on nothing can be asked
    /// of the group, and its keys are erased when it is over.
    ///
    /// # Errors
    /// The group cannot be used; or the service cannot be reached, and learns of it later.
    pub fn leave(&mut self, group: &GroupId) -> Result<Done, Error> {
        let intent = self.engine.leave(group)?;
        self.await_outcome(intent)
    }

    /// When this account has to be woken next, in seconds since 1970, to renew keys, remove idle
    /// members or let somebody go: then call [`Account::receive`]. [`Account::follow`] does so by
    /// itself.
    ///
    /// # Errors
    /// The store failed.
    pub fn next_action(&mut self) -> Result<u64, Error> {
        self.engine.next_action(now())
    }

    /// Gives a group another name.
    ///
    /// # Errors
    /// It is none for a group, this account is not one of the admins, or the group cannot be used.
    pub fn rename(&mut self, group: &GroupId, name: &str) -> Result<Done, Error> {
        let intent = self.engine.rename(group, name)?;
        self.await_outcome(intent)
    }
}
