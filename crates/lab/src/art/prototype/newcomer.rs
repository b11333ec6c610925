//! Somebody who sets a prototype's group up or joins one.

use std::sync::Arc;

use codec::{Decode, Encode, Opaque};
use crypto::{HpkeKeyPair, HpkePublicKey, Random, Secret, SignatureKeyPair};
use crypto::{SignaturePublicKey, Signer, Suite};

use super::keys::{Mine, Theirs, identity_agreement_key, identity_private_key, initiate, respond};
use super::member::{PrototypeMember, State};
use super::thrift::{Setup, pair, read_pair};
use crate::art::{ArtTree, Derivation};
use crate::group2018::{KeyTree, Nodes, broken};
use crate::{Failure, Member, Newcomer};

/// What is published of a person: the identity, and a prekey that it signed.
struct KeyPackage {
    identity_key: SignaturePublicKey,
    prekey: HpkePublicKey,
    signature: Opaque,
}

codec::fields!(KeyPackage { identity_key, prekey, signature });

const PREKEY_LABEL: &str = "lab prekey";
const SETUP_LABEL: &str = "lab setup";

pub(super) struct PrototypeNewcomer {
    suite: Suite,
    signer: SignatureKeyPair,
    identity: HpkeKeyPair,
    prekey: HpkeKeyPair,
    package: Vec<u8>,
}

impl PrototypeNewcomer {
    pub(super) fn generate(suite: &Suite, random: &mut dyn Random) -> Result<Self, Failure> {
        let signer = SignatureKeyPair::generate(suite, random)?;
        let identity = identity_private_key(suite, &signer)?;
        let prekey = suite.generate_key_pair(random)?;
        let (identity_key, signed) = (signer.public_key().clone(), prekey.public_key.as_slice());
        let signature = suite.sign_with_label(&signer, PREKEY_LABEL, signed)?.into();
        let package = KeyPackage { identity_key, prekey: prekey.public_key.clone(), signature };
        let (suite, package) = (suite.clone(), package.to_bytes());
        Ok(Self { suite, signer, identity, prekey, package })
    }

    fn member(
        self,
        (tree, leaf): (ArtTree, u32),
        identity_keys: Vec<Vec<u8>>,
    ) -> Result<PrototypeMember, Failure> {
        let own = tree.nodes().shape().leaf(leaf).ok_or_else(|| broken("no such leaf"))?;
        let identity_keys = Arc::new(identity_keys);
        let state = State { suite: self.suite, identity_keys, tree, epoch: 0 };
        let stage_key = state.stage_key(&Secret::zeros(0))?;
        let identity_private_key = self.identity.private_key;
        Ok(PrototypeMember { state, own, identity_private_key, stage_key, prepared: Vec::new() })
    }
}

impl Newcomer for PrototypeNewcomer {
    fn key_package(&self) -> Vec<u8> {
        self.package.clone()
    }

    fn create(
        self: Box<Self>,
        others: &[Vec<u8>],
        random: &mut dyn Random,
    ) -> Result<(Box<dyn Member>, Vec<u8>), Failure> {
        let suite = self.suite.clone();
        let mut identity_keys = vec![self.signer.public_key().as_slice().to_vec()];
        let mut prekeys = Vec::new();
        let length = suite.hash_length();
        let mut leaf_secrets = vec![Secret::random(length, random)?];
        let setup_secret = Secret::random(length, random)?;
        let setup_key = suite.provider().dh_public_key(suite.params().kem, &setup_secret)?;
        let setup_pair = HpkeKeyPair::new(setup_secret, setup_key.clone());
        let mine = Mine { identity: &self.identity, other: &setup_pair };
        for other in others {
            let KeyPackage { identity_key, prekey, signature } = KeyPackage::from_bytes(other)?;
            suite
                .verify_with_label(&identity_key, PREKEY_LABEL, prekey.as_slice(), &signature)
                .map_err(|_| broken("a prekey is not signed"))?;
            let identity = identity_agreement_key(identity_key.as_slice())?;
            let theirs = Theirs { identity: &identity, other: &prekey };
            leaf_secrets.push(initiate(&suite, &mine, &theirs)?);
            identity_keys.push(identity_key.as_slice().to_vec());
            prekeys.push(prekey);
        }
        let tree = ArtTree::create(&suite, Derivation::Prototype, leaf_secrets)?;
        let keys = tree.nodes().public_keys().map(|(_, key)| key.clone()).collect();
        let setup = Setup { identity_keys, prekeys, setup_key, tree: keys };
        let message = match others.is_empty() {
            true => Vec::new(),
            false => {
                let signed = setup.to_bytes()?;
                let signature = suite.sign_with_label(&self.signer, SETUP_LABEL, &signed)?;
                pair(&signed, &signature)
            }
        };
        let member = self.member((tree, 0), setup.identity_keys)?;
        Ok((Box::new(member), message))
    }

    fn join(self: Box<Self>, welcome: &[u8]) -> Result<Box<dyn Member>, Failure> {
        let suite = self.suite.clone();
        let (signed, signature) = read_pair(welcome)?;
        let setup = Setup::from_bytes(signed)?;
        let creator = setup.identity_keys.first().ok_or_else(|| broken("a setup of nobody"))?;
        // Only that the creator named in the message signed it: who that is, is not known.
        suite
            .verify_with_label(&creator.clone().into(), SETUP_LABEL, signed, signature)
            .map_err(|_| broken("the creator did not sign the setup message"))?;
        let own_key = self.signer.public_key().as_slice();
        let leaf = setup.identity_keys.iter().position(|key| key == own_key);
        let leaf = leaf.ok_or_else(|| broken("the setup message is for others"))?;
        let prekey = leaf.checked_sub(1).and_then(|index| setup.prekeys.get(index));
        if prekey != Some(&self.prekey.public_key) {
            return Err(broken("the setup message has another prekey"));
        }
        let creator = identity_agreement_key(creator)?;
        let mine = Mine { identity: &self.identity, other: &self.prekey };
        let theirs = Theirs { identity: &creator, other: &setup.setup_key };
        let secret = respond(&suite, &mine, &theirs)?;
        let nodes = Nodes::with_public_keys(setup.tree)?;
        let mut tree = ArtTree::with_nodes(&suite, Derivation::Prototype, nodes);
        let slot = u32::try_from(leaf).map_err(|_| broken("no such leaf"))?;
        let own = tree.nodes().shape().leaf(slot).ok_or_else(|| broken("no such leaf"))?;
        let key = tree.node_key(own.node(), secret)?;
        tree.nodes_mut().learn(own.node(), Arc::new(key))?;
        tree.climb(own)?;
        Ok(Box::new(self.member((tree, slot), setup.identity_keys)?))
    }
}
