//! Accounts with a device, and their leaves.

use authentication::{
    AccountKey, AccountPolicy, DeviceCredential, DeviceStatement, KnownAccounts, RevocationList,
    Succession,
};
use crypto::{CipherSuite, Crypto, Provider, Secret, SignatureKeyPair, Signer, Suite};
use delivery_api::{DeviceId, Name};
use std::sync::Arc;
use tree::{Candidate, IdentityPolicy, LeafOrigin, Refusal, TreeSize};
use wire::{Capabilities, Credential, Extensions, LeafNode, LeafNodeSource};

pub(crate) const NOW: u64 = 1_700_000_000;
pub(crate) const DAY: u64 = 86_400;

pub(crate) fn suite() -> Suite {
    Crypto::new(crypto_aws_lc::provider()).suite(CipherSuite(1)).unwrap()
}

pub(crate) fn provider() -> Arc<dyn Provider> {
    crypto_aws_lc::provider()
}

/// The key whose seed is this octet, again and again.
pub(crate) fn key(seed: u8) -> SignatureKeyPair {
    SignatureKeyPair::from_private_key(&suite(), Secret::from_slice(&[seed; 32])).unwrap()
}

pub(crate) fn account_key(seed: u8) -> AccountKey {
    AccountKey::of(&key(seed)).unwrap()
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn device(seed: u8) -> DeviceId {
    DeviceId::new(key(seed).public_key().as_slice().try_into().unwrap())
}

/// An account's device, by the seeds of its keys.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) name: &'static str,
    pub(crate) root: u8,
    pub(crate) device: u8,
    pub(crate) signature: u8,
    pub(crate) lifetime: (u64, u64),
    pub(crate) successions: Vec<Succession>,
    pub(crate) revocations: Option<RevocationList>,
}

pub(crate) fn alice() -> Person {
    Person {
        name: "alice",
        root: 1,
        device: 2,
        signature: 3,
        lifetime: (NOW, NOW + 90 * DAY),
        successions: Vec::new(),
        revocations: None,
    }
}

impl Person {
    pub(crate) fn statement(&self) -> DeviceStatement {
        DeviceStatement {
            name: name(self.name),
            account: account_key(self.root),
            device: device(self.device),
            signature_key: key(self.signature).public_key().clone(),
            not_before: self.lifetime.0,
            not_after: self.lifetime.1,
        }
    }

    pub(crate) fn credential(&self) -> Credential {
        self.signed_by(self.root, self.device)
    }

    /// The credential as these keys sign it.
    pub(crate) fn signed_by(&self, root: u8, device: u8) -> Credential {
        let (root, device) = (key(root), key(device));
        let revocations = self.revocations.clone();
        let signers: (&dyn Signer, &dyn Signer) = (&root, &device);
        DeviceCredential::new(self.statement(), signers, &self.successions, revocations)
            .unwrap()
            .to_credential()
    }

    pub(crate) fn leaf(&self) -> LeafNode {
        leaf(self.credential(), self.signature)
    }
}

/// The tree has verified everything else of a leaf when a policy sees it.
pub(crate) fn leaf(credential: Credential, signature: u8) -> LeafNode {
    LeafNode {
        encryption_key: Vec::new().into(),
        signature_key: key(signature).public_key().clone(),
        credential,
        capabilities: Capabilities::default(),
        leaf_node_source: LeafNodeSource::Update,
        extensions: Extensions::default(),
        signature: Vec::new().into(),
    }
}

/// The policy of somebody who has seen these leaves, in this order.
pub(crate) fn policy(seen: &[LeafNode]) -> AccountPolicy {
    let policy = AccountPolicy::new(provider(), Arc::new(KnownAccounts::default()));
    seen.iter().for_each(|leaf| meet(&policy, leaf));
    policy
}

pub(crate) fn meet(policy: &AccountPolicy, leaf: &LeafNode) {
    let vouched = policy.verify(leaf).unwrap();
    if let Some(account) = policy.known().learned(&vouched) {
        policy.known().put(account);
    }
}

/// What becomes of a leaf that replaces another.
pub(crate) fn replace(
    policy: &AccountPolicy,
    before: &LeafNode,
    after: &LeafNode,
) -> Result<(), Refusal> {
    policy.validate_leaf(&Candidate {
        group_id: b"group",
        leaf: after,
        index: TreeSize::ONE.leaf(0).unwrap(),
        origin: LeafOrigin::CommitPath,
        predecessor: Some(before),
        now: NOW,
    })
}
