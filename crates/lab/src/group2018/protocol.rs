//! A kind of tree and a profile, as something that a group can be created with.

use std::marker::PhantomData;

use crypto::Random;

use super::adversary::GroupAdversary;
use super::newcomer::GroupNewcomer;
use super::warm::WarmTree;
use super::{KeyTree, Profile};
use crate::{Adversary, Failure, Loot, Newcomer, Protocol, Tools, WarmGroup};

/// A group key agreement of 2018.
pub struct GroupProtocol<T> {
    name: &'static str,
    title: &'static str,
    profile: Profile,
    tree: PhantomData<fn() -> T>,
}

impl<T> GroupProtocol<T> {
    /// One of this name and description.
    #[must_use]
    pub const fn new(name: &'static str, title: &'static str, profile: Profile) -> Self {
        Self { name, title, profile, tree: PhantomData }
    }
}

impl<T: KeyTree> Protocol for GroupProtocol<T> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn title(&self) -> &'static str {
        self.title
    }

    fn is_mergeable(&self) -> bool {
        T::IS_MERGEABLE
    }

    fn newcomer(
        &self,
        tools: &Tools,
        identity: u32,
        random: &mut dyn Random,
    ) -> Result<Box<dyn Newcomer>, Failure> {
        let suite = tools.suite();
        Ok(Box::new(GroupNewcomer::<T>::generate(suite, self.profile, identity, random)?))
    }

    fn warm(
        &self,
        tools: &Tools,
        size: u32,
        random: &mut dyn Random,
    ) -> Result<Box<dyn WarmGroup>, Failure> {
        Ok(Box::new(WarmTree::<T>::generate(tools.suite(), self.profile, size, random)?))
    }

    fn adversary(&self, tools: &Tools, loot: Vec<Loot>) -> Result<Box<dyn Adversary>, Failure> {
        Ok(Box::new(GroupAdversary::<T>::new(tools.suite(), self.profile, loot)?))
    }
}
