//! A prototype's group in which everybody has updated: written down.

use std::sync::Arc;

use crypto::{Random, Secret, SignatureKeyPair, Signer, Suite};

use super::keys::identity_private_key;
use super::member::{PrototypeMember, State};
use crate::art::{ArtTree, Derivation};
use crate::group2018::KeyTree;
use crate::{Failure, Member, WarmGroup};

pub(super) struct WarmPrototype {
    state: State,
    stage_key: Secret,
    identity_private_keys: Vec<Secret>,
}

impl WarmPrototype {
    pub(super) fn generate(
        suite: &Suite,
        size: u32,
        random: &mut dyn Random,
    ) -> Result<Self, Failure> {
        let (mut identity_keys, mut identity_private_keys) = (Vec::new(), Vec::new());
        let mut leaf_secrets = Vec::new();
        for _ in 0..size {
            let signer = SignatureKeyPair::generate(suite, random)?;
            identity_private_keys.push(identity_private_key(suite, &signer)?.private_key);
            identity_keys.push(signer.public_key().as_slice().to_vec());
            leaf_secrets.push(Secret::random(suite.hash_length(), random)?);
        }
        let tree = ArtTree::create(suite, Derivation::Prototype, leaf_secrets)?;
        let (suite, identity_keys) = (suite.clone(), Arc::new(identity_keys));
        let state = State { suite, identity_keys, tree, epoch: u64::from(size) };
        let stage_key = state.stage_key(&Secret::random(16, random)?)?;
        Ok(Self { state, stage_key, identity_private_keys })
    }
}

impl WarmGroup for WarmPrototype {
    fn size(&self) -> u32 {
        self.state.tree.nodes().shape().leaves()
    }

    fn member(&self, slot: u32) -> Result<Box<dyn Member>, Failure> {
        let leaf = self.state.tree.nodes().shape().leaf(slot);
        let own = leaf.ok_or(Failure::Misuse("no such slot"))?;
        let index = usize::try_from(slot).ok();
        let key = index.and_then(|index| self.identity_private_keys.get(index));
        let identity_private_key = key.ok_or(Failure::Misuse("no such slot"))?.duplicate();
        let State { suite, identity_keys, tree, epoch } = &self.state;
        let tree = ArtTree::with_nodes(suite, Derivation::Prototype, tree.nodes().view(own));
        let (suite, identity_keys) = (suite.clone(), Arc::clone(identity_keys));
        let state = State { suite, identity_keys, tree, epoch: *epoch };
        let (stage_key, prepared) = (self.stage_key.duplicate(), Vec::new());
        Ok(Box::new(PrototypeMember { state, own, identity_private_key, stage_key, prepared }))
    }
}
