//! The secret tree as rows of a store: small, one for each thing that changes by itself.
//!
//! A row's name is written as a kind and its indices, so that the rows of a tree can be kept under
//! a common prefix. What a row contains is secret, except for the usage.

use std::collections::BTreeSet;

use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Reader, Writer};
use crypto::Secret;
use tree::{NodeIndex, TreeSize};

use super::SecretTree;
use crate::ratchet::{Ratchet, batch_of};
use crate::{AeadUsage, Error, RatchetId, RatchetKind, RatchetLimits};

/// The name of a row of a secret tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretTreeRow {
    /// The secret of a node.
    Node(NodeIndex),
    /// The next generation of a ratchet and its secret.
    Ratchet(RatchetId),
    /// The keys of up to 16 skipped generations of a ratchet, by the number of the batch.
    Skipped(RatchetId, u32),
    /// What this member has encrypted.
    Usage,
}

impl Encode for SecretTreeRow {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Node(node) => {
                1_u8.encode(writer);
                node.as_u32().encode(writer);
            }
            Self::Ratchet(id) => {
                2_u8.encode(writer);
                encode_id(*id, writer);
            }
            Self::Skipped(id, batch) => {
                3_u8.encode(writer);
                encode_id(*id, writer);
                batch.encode(writer);
            }
            Self::Usage => 4_u8.encode(writer),
        }
    }
}

impl SecretTreeRow {
    /// The row with this name in a tree of this size.
    pub fn from_bytes(size: TreeSize, bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let invalid = reader.error(DecodeErrorKind::InvalidValue("name of a secret tree row"));
        let row = match u8::decode(&mut reader)? {
            1 => Self::Node(size.node(u32::decode(&mut reader)?).ok_or(invalid)?),
            2 => Self::Ratchet(decode_id(size, &mut reader)?.ok_or(invalid)?),
            3 => {
                let id = decode_id(size, &mut reader)?.ok_or(invalid)?;
                let batch = u32::decode(&mut reader)?;
                if batch > batch_of(u32::MAX) {
                    return Err(invalid);
                }
                Self::Skipped(id, batch)
            }
            4 => Self::Usage,
            _ => return Err(invalid),
        };
        reader.finish()?;
        Ok(row)
    }
}

fn encode_id(id: RatchetId, writer: &mut Writer) {
    id.leaf.as_u32().encode(writer);
    let kind: u8 = match id.kind {
        RatchetKind::Application => 1,
        RatchetKind::Handshake => 2,
    };
    kind.encode(writer);
}

fn decode_id(size: TreeSize, reader: &mut Reader<'_>) -> Result<Option<RatchetId>, DecodeError> {
    let leaf = size.leaf(u32::decode(reader)?);
    let kind = match u8::decode(reader)? {
        1 => Some(RatchetKind::Application),
        2 => Some(RatchetKind::Handshake),
        _ => None,
    };
    Ok(leaf.zip(kind).map(|(leaf, kind)| RatchetId { leaf, kind }))
}

impl SecretTree {
    /// The rows that changed since the last call: to be written (`Some`) or deleted (`None`), all
    /// of them in one transaction, before anything that was encrypted goes out.
    pub fn drain_changes(&mut self) -> Vec<(SecretTreeRow, Option<Secret>)> {
        let changes = std::mem::take(&mut self.changes);
        changes.into_iter().map(|row| (row, self.row(row))).collect()
    }

    /// The names of all rows that there may be in a store, to delete them with the epoch.
    pub(crate) fn rows(&self) -> BTreeSet<SecretTreeRow> {
        let nodes = self.nodes.keys().map(|&node| SecretTreeRow::Node(node));
        let ratchets = self.ratchets.iter().flat_map(|(&id, ratchet)| {
            let skipped = ratchet.batches().map(move |batch| SecretTreeRow::Skipped(id, batch));
            std::iter::once(SecretTreeRow::Ratchet(id)).chain(skipped)
        });
        let usage = std::iter::once(SecretTreeRow::Usage);
        nodes.chain(ratchets).chain(usage).chain(self.changes.iter().copied()).collect()
    }

    /// The contents of a row; `None` if there is nothing to store.
    fn row(&self, row: SecretTreeRow) -> Option<Secret> {
        match row {
            SecretTreeRow::Node(node) => self.nodes.get(&node).map(Secret::encoding),
            SecretTreeRow::Ratchet(id) => self.ratchets.get(&id).map(Secret::encoding),
            SecretTreeRow::Skipped(id, batch) => {
                let mut writer = Writer::erasing();
                let any = self.ratchets.get(&id)?.encode_skipped(batch, &mut writer);
                any.then(|| Secret::from_vec(writer.into_bytes()))
            }
            SecretTreeRow::Usage => Some(Secret::encoding(&self.usage)),
        }
    }

    /// The tree of a size whose rows are these, in any order.
    ///
    /// The limits are a policy and not part of the rows.
    pub fn from_rows<Bytes: AsRef<[u8]>>(
        size: TreeSize,
        limits: RatchetLimits,
        rows: impl IntoIterator<Item = (SecretTreeRow, Bytes)>,
    ) -> Result<Self, Error> {
        let mut tree = Self::empty(size, limits);
        let mut skipped = Vec::new();
        for (row, bytes) in rows {
            match row {
                SecretTreeRow::Node(node) => {
                    tree.nodes.insert(node, decode(bytes.as_ref())?);
                }
                SecretTreeRow::Ratchet(id) => {
                    tree.ratchets.insert(id, decode::<Ratchet>(bytes.as_ref())?);
                }
                SecretTreeRow::Skipped(id, batch) => skipped.push((id, batch, bytes)),
                SecretTreeRow::Usage => tree.usage = decode::<AeadUsage>(bytes.as_ref())?,
            }
        }
        for (id, batch, bytes) in skipped {
            let Some(ratchet) = tree.ratchets.get_mut(&id) else {
                return Err(Error::inconsistent_rows("skipped keys without a ratchet"));
            };
            let before = ratchet.skipped_count();
            ratchet.decode_skipped(batch, bytes.as_ref())?;
            let after = ratchet.skipped_count();
            tree.recount(id, before, after);
        }
        tree.check_rows()?;
        Ok(tree)
    }

    /// Refuses a tree in which a lost row would make a generation come again.
    fn check_rows(&self) -> Result<(), Error> {
        for id in self.ratchets.keys() {
            let kinds = [RatchetKind::Application, RatchetKind::Handshake];
            if !kinds.iter().all(|&kind| self.ratchets.contains_key(&RatchetId { kind, ..*id })) {
                return Err(Error::inconsistent_rows("ratchet without its counterpart"));
            }
            // A secret above a leaf in use would derive the leaf's first generations again.
            let mut path = std::iter::once(id.leaf.node()).chain(self.size.direct_path(id.leaf));
            if path.any(|node| self.nodes.contains_key(&node)) {
                return Err(Error::inconsistent_rows("secret above a leaf in use"));
            }
        }
        Ok(())
    }
}

fn decode<T: Decode>(bytes: &[u8]) -> Result<T, Error> {
    T::from_bytes(bytes).map_err(Error::Storage)
}
