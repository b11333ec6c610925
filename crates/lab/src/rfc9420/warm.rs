//! A group of RFC 9420 in which everybody has committed.
//!
//! The tree is written down ([`super::warm_tree`]), then a real client enters by an external
//! commit, which fills leaf 0 and its path: whatever a joiner verifies was verified. Other members
//! are what they would be after that commit: the same rows, with their own private keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use crypto::{Random, Secret, SignatureKeyPair};
use mls::{Client, ExternalJoinOptions, GroupParams, MemoryStorage};
use tree::TreeSize;

use super::member::RfcMember;
use super::rows::{EpochRow, Rows};
use super::warm_tree::WarmTree;
use super::{NOW, client};
use crate::{Failure, Member, Tools, WarmGroup};

pub(super) struct RfcWarmGroup {
    tools: Tools,
    size: u32,
    shape: TreeSize,
    group_id: Vec<u8>,
    /// The rows of member 0.
    rows: Arc<MemoryStorage>,
    /// The private keys of all nodes, but for the path of leaf 0 as it was before it was filled.
    private_keys: BTreeMap<u32, Secret>,
    signers: BTreeMap<u32, Arc<SignatureKeyPair>>,
}

impl RfcWarmGroup {
    pub(super) fn new(tools: &Tools, size: u32, random: &mut dyn Random) -> Result<Self, Failure> {
        let signer = Arc::new(SignatureKeyPair::generate(tools.suite(), random)?);
        let client = client(tools, 0, Arc::clone(&signer));
        let mut rows = MemoryStorage::new();
        let (group_id, private_keys, mut signers) = if size == 1 {
            let params = GroupParams::new(tools.suite().id());
            let group = client.create_group(&rows, params, NOW, random)?.save(&mut rows)?;
            (group.group_id().to_vec(), BTreeMap::new(), BTreeMap::new())
        } else {
            let mut tree = WarmTree::new(tools, size, random)?;
            let (info, nodes) = tree.group_info()?;
            let WarmTree { private_keys, signers, .. } = tree;
            let options =
                ExternalJoinOptions { ratchet_tree: Some(nodes), ..ExternalJoinOptions::default() };
            let join = client.join_external(&rows, &info, options, NOW, random)?.save(&mut rows)?;
            let group = client.complete_join(&rows, &join.pending)?.save(&mut rows)?;
            (group.group_id().to_vec(), private_keys, signers)
        };
        signers.insert(0, signer);
        let nodes = usize::try_from(size).ok().and_then(|size| (2 * size).checked_sub(1));
        let shape = nodes.and_then(TreeSize::with_room_for).ok_or(Failure::Misuse("too large"))?;
        let (tools, rows) = (tools.clone(), Arc::new(rows));
        Ok(Self { tools, size, shape, group_id, rows, private_keys, signers })
    }

    fn client(&self, slot: u32) -> Result<(Client, Arc<SignatureKeyPair>), Failure> {
        let signer = self.signers.get(&slot).ok_or(Failure::Misuse("an empty slot"))?;
        Ok((client(&self.tools, slot, Arc::clone(signer)), Arc::clone(signer)))
    }
}

impl WarmGroup for RfcWarmGroup {
    fn size(&self) -> u32 {
        self.size
    }

    fn member(&self, slot: u32) -> Result<Box<dyn Member>, Failure> {
        let (client, signer) = self.client(slot)?;
        let leaf = self.shape.leaf(slot).ok_or(Failure::Misuse("an empty slot"))?;
        let row = EpochRow::read(&*self.rows, &self.group_id)?;
        // What leaf 0's commit set, its members know from that commit; the rest from others.
        let above = std::iter::once(leaf.node()).chain(self.shape.direct_path(leaf));
        let keys = above.filter_map(|node| {
            let node = node.as_u32();
            let key = row.private_keys.get(&node).or_else(|| self.private_keys.get(&node))?;
            Some((node, key))
        });
        let value = row.of_member(slot, &keys.collect());
        let rows = Rows::over(Arc::clone(&self.rows), Rows::epoch_key(&self.group_id), value);
        let group = client.load_group(&rows, &self.group_id)?;
        let group = group.ok_or(Failure::Misuse("the group is not stored"))?;
        Ok(Box::new(RfcMember::new(self.tools.clone(), group, signer, rows)))
    }
}
