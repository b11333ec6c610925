//! A member of a group of RFC 9420.

use std::collections::BTreeMap;
use std::sync::Arc;

use codec::{Decode, Encode};
use crypto::{Random, Secret, SignatureKeyPair};
use mls::{
    CommitOptions, Group, GroupInfoOptions, GroupStatus, KeyPackage, MlsMessage, MlsMessageBody,
    NewCommit, PendingCommit, Received,
};
use wire::{Content, Node};

use super::NOW;
use super::rows::{EpochRow, Rows};
use crate::{Failure, Held, Loot, Member, Seeded, Sent, Tools};

pub(super) struct RfcMember {
    tools: Tools,
    group: Group,
    signer: Arc<SignatureKeyPair>,
    rows: Rows,
    /// What own messages of this epoch would lead to.
    prepared: BTreeMap<Vec<u8>, PendingCommit>,
}

impl RfcMember {
    pub(super) fn new(
        tools: Tools,
        group: Group,
        signer: Arc<SignatureKeyPair>,
        rows: Rows,
    ) -> Self {
        Self { tools, group, signer, rows, prepared: BTreeMap::new() }
    }

    fn commit(&mut self, options: CommitOptions, random: &mut dyn Random) -> Result<Sent, Failure> {
        if self.group.status() == &GroupStatus::Removed {
            return Err(Failure::Removed);
        }
        let made = self.group.commit(options, NOW, random)?.save(&mut self.rows)?;
        let NewCommit { pending, commit, welcomes, .. } = made;
        let message = commit.to_bytes();
        let path_bytes = path_bytes(&commit);
        let welcome = welcomes.into_iter().flat_map(|(welcome, _)| welcome.to_bytes()).collect();
        self.prepared.insert(message.clone(), pending);
        Ok(Sent { message, path_bytes, welcome })
    }
}

/// How long the encoding of the `nodes` of the commit's UpdatePath is.
fn path_bytes(commit: &MlsMessage) -> usize {
    let MlsMessageBody::PublicMessage(message) = &commit.0 else { return 0 };
    let Content::Commit(commit) = &message.content.content else { return 0 };
    let Some(path) = &commit.path else { return 0 };
    path.to_bytes().len() - path.leaf_node.to_bytes().len()
}

impl Member for RfcMember {
    fn slot(&self) -> u32 {
        self.group.own_leaf().as_u32()
    }

    fn members(&self) -> Vec<u32> {
        self.group.members().map(|member| member.index.as_u32()).collect()
    }

    fn epoch(&self) -> u64 {
        self.group.epoch()
    }

    fn add(&mut self, key_package: &[u8], random: &mut dyn Random) -> Result<Sent, Failure> {
        let key_package = KeyPackage::from_bytes(key_package)?;
        self.commit(CommitOptions::new().add_member(key_package), random)
    }

    fn remove(&mut self, slot: u32, random: &mut dyn Random) -> Result<Sent, Failure> {
        let member = self.group.member(slot).ok_or(Failure::Misuse("an empty slot"))?;
        self.commit(CommitOptions::new().remove_member(member.index), random)
    }

    fn update(&mut self, random: &mut dyn Random) -> Result<Sent, Failure> {
        self.commit(CommitOptions::new(), random)
    }

    fn process(&mut self, message: &[u8]) -> Result<(), Failure> {
        if self.group.status() == &GroupStatus::Removed {
            return Err(Failure::Removed);
        }
        let next = match self.prepared.remove(message) {
            Some(pending) => self.group.advance(pending)?,
            None => {
                let message = MlsMessage::from_bytes(message)?;
                let received = self.group.process(&message, NOW)?.save(&mut self.rows)?;
                let Received::Commit(staged) = received else {
                    return Err(Failure::Message("not a commit of this epoch".into()));
                };
                self.group.advance(*staged)?
            }
        };
        next.save(&mut self.rows)?;
        self.prepared.clear();
        match self.group.status() {
            GroupStatus::Active => Ok(()),
            _ => Err(Failure::Removed),
        }
    }

    fn epoch_secret(&self) -> Secret {
        // The epoch secret itself is erased by those derived from it; this one is as good. Whoever
        // is out of the group has none.
        self.group.export("lab", &[], 32).unwrap_or_else(|_| Secret::zeros(0))
    }

    fn public_nodes(&self) -> Vec<(u32, Vec<u8>)> {
        let nodes = self.group.ratchet_tree().0.into_iter().zip(0_u32..);
        let nodes = nodes.filter_map(|(node, index)| {
            let key = match node? {
                Node::Leaf(leaf) => leaf.encryption_key.clone(),
                Node::Parent(parent) => parent.encryption_key.clone(),
            };
            Some((index, key.as_slice().to_vec()))
        });
        nodes.collect()
    }

    fn compromise(&self) -> Loot {
        let mut secrets = vec![Held {
            what: "signature key",
            node: None,
            secret: self.signer.private_key().duplicate(),
        }];
        if let Ok(row) = EpochRow::read(&self.rows, self.group.group_id()) {
            let secret = Secret::encoding(&row.secrets);
            secrets.push(Held { what: "epoch secrets", node: None, secret });
            for (node, secret) in row.private_keys {
                secrets.push(Held { what: "node private key", node: Some(node), secret });
            }
        }
        // Any member can make one; its signature needs no randomness in suite 1.
        let options = GroupInfoOptions { ratchet_tree: true, external_pub: false };
        let public = self.group.group_info(options, &mut Seeded::new(0));
        let public = public.map(|info| info.to_bytes()).unwrap_or_default();
        debug_assert!(self.tools.suite().id() == self.group.suite().id());
        Loot { slot: self.slot(), epoch: self.epoch(), secrets, public }
    }
}
