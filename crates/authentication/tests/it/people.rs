//! Accounts with a device, and their leaves.

use authentication::{
    AccountKey, AccountPolicy, DeviceCard, DeviceCredential, DeviceList, DeviceStatement,
    KnownAccounts, Succession,
};
use crypto::{
    CipherSuite, Crypto, HpkePublicKey, Provider, Secret, SignatureKeyPair, Signer, Suite,
};
use delivery_api::{DeviceId, Name};
use std::collections::BTreeSet;
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
    /// The devices of the account; this one alone, numbered 1, if nothing is said.
    pub(crate) list: Option<DeviceList>,
}

pub(crate) fn alice() -> Person {
    Person {
        name: "alice",
        root: 1,
        device: 2,
        signature: 3,
        lifetime: (NOW, NOW + 90 * DAY),
        successions: Vec::new(),
        list: None,
    }
}

impl Person {
    pub(crate) fn statement(&self) -> DeviceStatement {
        DeviceStatement {
            name: name(self.name),
            account: account_key(self.root),
            device: device(self.device),
            signature_key: key(self.signature).public_key().clone(),
            inbox_key: inbox_key(self.device),
            not_before: self.lifetime.0,
            not_after: self.lifetime.1,
        }
    }

    pub(crate) fn credential(&self) -> Credential {
        self.signed_by(self.root, self.device)
    }

    /// The credential as these keys sign it.
    pub(crate) fn signed_by(&self, root: u8, device: u8) -> Credential {
        let statement = self.statement();
        let (signature_key, inbox_key) = (statement.signature_key.clone(), inbox_key(self.device));
        let card = DeviceCard::new(&name(self.name), &key(device), signature_key, inbox_key);
        let own = || list(self.name, self.root, 1, &[self.device]);
        let list = self.list.clone().unwrap_or_else(own);
        let account = (self.successions.as_slice(), list);
        DeviceCredential::new(statement, &key(root), &card.unwrap(), account)
            .unwrap()
            .to_credential()
    }

    pub(crate) fn leaf(&self) -> LeafNode {
        leaf(self.credential(), self.signature)
    }
}

/// A key to seal to; nothing is sealed here.
fn inbox_key(seed: u8) -> HpkePublicKey {
    vec![seed; 32].into()
}

/// A list of the devices with these seeds.
pub(crate) fn list(of: &str, root: u8, number: u64, seeds: &[u8]) -> DeviceList {
    let devices: BTreeSet<DeviceId> = seeds.iter().map(|seed| device(*seed)).collect();
    DeviceList::new(&name(of), &key(root), number, &devices).unwrap()
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
