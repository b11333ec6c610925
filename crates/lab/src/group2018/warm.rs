//! A group of 2018 in which everybody has updated, from the left to the right: written down.

use std::sync::Arc;

use crypto::{Random, Secret, Suite};
use rayon::prelude::{IntoParallelIterator, ParallelIterator};

use super::member::{GroupMember, OwnKeys};
use super::messages::KeyPackage;
use super::newcomer::founded;
use super::profile::EpochKeys;
use super::view::View;
use super::{KeyTree, Profile, Setup};
use crate::{Failure, Member, Seeded, WarmGroup};

/// The group with all its secrets.
pub(crate) struct WarmTree<T> {
    view: View<T>,
    keys: EpochKeys,
    people: Vec<Arc<OwnKeys>>,
}

impl<T: KeyTree> WarmTree<T> {
    pub(crate) fn generate(
        suite: &Suite,
        profile: Profile,
        size: u32,
        random: &mut dyn Random,
    ) -> Result<Self, Failure> {
        let mut seeds = Vec::new();
        for slot in 0..size {
            let mut seed = [0; 8];
            random.fill(&mut seed)?;
            seeds.push((slot, u64::from_be_bytes(seed)));
        }
        let person = |(slot, seed)| {
            let mut random = Seeded::new(seed);
            let (keys, package) = OwnKeys::generate(suite, profile, slot, &mut random)?;
            Ok((Arc::new(keys), Arc::new(package)))
        };
        let people: Result<Vec<_>, Failure> = seeds.into_par_iter().map(person).collect();
        let (people, roster): (Vec<_>, Vec<Arc<KeyPackage>>) = people?.into_iter().unzip();
        let mut group_id = [0; 16];
        random.fill(&mut group_id)?;
        let setup = Setup { suite: suite.clone(), profile, group_id: (&group_id).into() };
        let mut view: View<T> = founded(setup, roster)?;
        let length = view.tree.secret_length();
        let secrets = (0..size).map(|_| Secret::random(length, random));
        view.tree.fill(secrets.collect::<Result<_, _>>()?)?;
        // The creation, then an update of each.
        view.epoch = u64::from(size);
        let init_secret = Secret::random(suite.hash_length(), random)?;
        let keys = view.keys(&init_secret)?;
        Ok(Self { view, keys, people })
    }
}

impl<T: KeyTree> WarmGroup for WarmTree<T> {
    fn size(&self) -> u32 {
        self.view.tree.nodes().shape().leaves()
    }

    fn member(&self, slot: u32) -> Result<Box<dyn Member>, Failure> {
        let index = usize::try_from(slot).ok();
        let keys = index.and_then(|index| self.people.get(index));
        let keys = Arc::clone(keys.ok_or(Failure::Misuse("no such slot"))?);
        let View { setup, epoch, transcript, roster, book, tree } = &self.view;
        let own = self.view.leaf(slot)?;
        let view = View {
            setup: setup.clone(),
            epoch: *epoch,
            transcript: *transcript,
            roster: Arc::clone(roster),
            book: book.clone(),
            tree: T::new(setup, tree.nodes().view(own))?,
        };
        Ok(Box::new(GroupMember {
            view,
            own,
            keys,
            keeps_init_key: false,
            epoch_secret: self.keys.epoch_secret.duplicate(),
            init_secret: self.keys.init_secret.duplicate(),
            prepared: Vec::new(),
            is_removed: false,
        }))
    }
}
