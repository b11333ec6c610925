//! A group's rows: what it takes to store an epoch, to move from one to the next, and to load it
//! again.
//!
//! The value of every row starts with a format number; a format that was ever released stays
//! readable.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Opaque, Reader, Writer};
use crypto::{Digest, Secret, Suite};
use protection::{
    InterimTranscriptHash, MessageSecrets, PastEpoch, PastEpochHead, PastEpochRow, PastEpochs,
    SecretTree, SecretTreeRow,
};
use tree::{LeafIndex, PageId, RatchetTree, TreeSize};
use treekem::{EpochSecrets, PrivatePath, StoredPrivatePath};
use wire::{GroupContext, LeafNode, ReInit};

use crate::epoch::Epoch;
use crate::proposals::Proposals;
use crate::sent::Sent;
use crate::{
    Client, Delta, Error, Group, GroupStatus, RowKey, RowKind, Settings, Storage, StorageError,
};

/// The format of the rows that this version writes. Those of format 1, with a row for each node of
/// the tree, of format 2, with public keys among the private ones, and of format 3, without a
/// version or with larger pages, were never released and are refused.
const FORMAT: u8 = 4;

/// A row's value: the format, then the structure.
pub(crate) fn value(structure: &impl Encode) -> Secret {
    let mut writer = Writer::erasing();
    FORMAT.encode(&mut writer);
    structure.encode(&mut writer);
    Secret::from_vec(writer.into_bytes())
}

/// The value of a row that another layer has encoded.
fn layer_value(bytes: &[u8]) -> Secret {
    let mut value = Vec::with_capacity(1 + bytes.len());
    value.push(FORMAT);
    value.extend_from_slice(bytes);
    // Of exactly this capacity: nothing is left behind.
    Secret::from_vec(value)
}

/// Bytes that another layer decodes: the rest of the value.
struct LayerBytes(Secret);

impl Decode for LayerBytes {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let length = reader.rest().len();
        Ok(Self(Secret::from_slice(reader.take(length)?)))
    }
}

impl AsRef<[u8]> for LayerBytes {
    fn as_ref(&self) -> &[u8] {
        self.0.expose()
    }
}

/// What a row's value holds behind its format.
fn contents<'a>(value: &'a Secret, what: &'static str) -> Result<&'a [u8], Error> {
    let (format, contents) = value.expose().split_first().ok_or_else(|| Error::corrupt(what))?;
    if *format != FORMAT {
        return Err(Error::corrupt("row of a format that this version does not know"));
    }
    Ok(contents)
}

/// The structure in a row's value.
pub(crate) fn structure<T: Decode>(value: &Secret, what: &'static str) -> Result<T, Error> {
    let mut reader = Reader::new(contents(value, what)?);
    let structure = T::decode(&mut reader).map_err(|_| Error::corrupt(what))?;
    reader.finish().map_err(|_| Error::corrupt(what))?;
    Ok(structure)
}

/// An id of big-endian numbers and a tail.
fn id(epoch: u64, tail: &[u8]) -> Vec<u8> {
    [&epoch.to_be_bytes(), tail].concat()
}

/// The number and the tail of such an id.
pub(crate) fn parse_id(id: &[u8]) -> Result<(u64, &[u8]), Error> {
    let (number, tail) = id.split_at_checked(8).ok_or_else(|| Error::corrupt("row id"))?;
    let number = number.try_into().map_err(|_| Error::corrupt("row id"))?;
    Ok((u64::from_be_bytes(number), tail))
}

/// The row [`RowKind::Epoch`].
struct EpochRow {
    context: GroupContext,
    leaves: u32,
    secrets: EpochSecrets,
    private: StoredPrivatePath,
    interim: Digest,
    confirmation_tag: Opaque,
}

codec::fields!(EpochRow { context, leaves, secrets, private, interim, confirmation_tag });

/// The same row, borrowed for writing.
struct EpochRowRef<'a>(&'a Epoch);

impl Encode for EpochRowRef<'_> {
    fn encode(&self, writer: &mut Writer) {
        let epoch = self.0;
        epoch.context.encode(writer);
        epoch.tree.size().leaves().encode(writer);
        epoch.secrets.encode(writer);
        epoch.private.encode(writer);
        epoch.interim.0.encode(writer);
        epoch.confirmation_tag.encode(writer);
    }
}

impl Encode for GroupStatus {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Active => 1_u8.encode(writer),
            Self::Removed => 2_u8.encode(writer),
            Self::Reinitialized(reinit) => {
                3_u8.encode(writer);
                reinit.encode(writer);
            }
        }
    }
}

impl Decode for GroupStatus {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let unknown = reader.error(DecodeErrorKind::InvalidValue("group status"));
        match u8::decode(reader)? {
            1 => Ok(Self::Active),
            2 => Ok(Self::Removed),
            3 => Ok(Self::Reinitialized(ReInit::decode(reader)?)),
            _ => Err(unknown),
        }
    }
}

fn version_key(group_id: &[u8]) -> RowKey {
    RowKey::new(group_id, RowKind::Version, [])
}

/// The version of the rows of a group that was not stored before. Not 0: a handle of an earlier
/// membership in the group must not fit by chance, so it is as good as random.
pub(crate) fn first_version(epoch: &Epoch) -> u64 {
    let tag = epoch.confirmation_tag.iter().take(8);
    tag.fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// Lets a delta apply only to rows of a version, and gives them the next.
pub(crate) fn put_next_version(group_id: &[u8], version: u64, delta: &mut Delta) -> u64 {
    let next = version.wrapping_add(1);
    delta.replace_first(version_key(group_id), value(&version), value(&next));
    next
}

/// The row that says that a group exists.
pub(crate) fn put_status(group_id: &[u8], status: &GroupStatus, delta: &mut Delta) {
    delta.put(RowKey::new(group_id, RowKind::Group, []), value(status));
}

fn put_page(group_id: &[u8], tree: &RatchetTree, page: PageId, delta: &mut Delta) {
    let key = RowKey::new(group_id, RowKind::TreePage, page.to_bytes());
    match tree.page(page) {
        Some(bytes) => delta.put(key, layer_value(bytes)),
        None => delta.delete(key),
    }
}

/// The rows that turn one stored tree into another.
pub(crate) fn put_next_tree(
    group_id: &[u8],
    old: &RatchetTree,
    next: &RatchetTree,
    delta: &mut Delta,
) {
    for page in next.changed_pages_since(old) {
        put_page(group_id, next, page, delta);
    }
}

fn put_epoch(epoch: &Epoch, delta: &mut Delta) {
    let group_id = &epoch.context.group_id;
    delta.put(RowKey::new(group_id, RowKind::Epoch, []), value(&EpochRowRef(epoch)));
}

/// The rows of a group that was not stored before. O(N).
pub(crate) fn put_first_epoch(epoch: &mut Epoch, delta: &mut Delta) {
    let group_id = epoch.context.group_id.clone();
    put_status(&group_id, &GroupStatus::Active, delta);
    delta.put(version_key(&group_id), value(&first_version(epoch)));
    put_epoch(epoch, delta);
    for page in epoch.tree.pages() {
        put_page(&group_id, &epoch.tree, page, delta);
    }
    put_secret_tree(epoch, delta);
}

/// The rows that turn a stored epoch into the next one, but for those of the tree.
pub(crate) fn put_next_epoch(next: &mut Epoch, delta: &mut Delta) {
    put_epoch(next, delta);
    put_secret_tree(next, delta);
}

/// The rows of the current epoch's secret tree that changed.
pub(crate) fn put_secret_tree(epoch: &mut Epoch, delta: &mut Delta) {
    let (group_id, number) = (epoch.context.group_id.clone(), epoch.context.epoch);
    for (row, bytes) in epoch.messages.secret_tree_mut().drain_changes() {
        put_secret_tree_row(&group_id, number, row, bytes, delta);
    }
}

fn put_secret_tree_row(
    group_id: &[u8],
    epoch: u64,
    row: SecretTreeRow,
    bytes: Option<Secret>,
    delta: &mut Delta,
) {
    let key = RowKey::new(group_id, RowKind::SecretTree, id(epoch, &row.to_bytes()));
    match bytes {
        Some(bytes) => delta.put(key, layer_value(bytes.expose())),
        None => delta.delete(key),
    }
}

/// The rows of past epochs that changed. Those of an epoch that is forgotten go all at once.
pub(crate) fn put_past_epochs(group_id: &[u8], past: &mut PastEpochs, delta: &mut Delta) {
    let mut forgotten = BTreeSet::new();
    for (epoch, row, bytes) in past.drain_changes() {
        let head = RowKey::new(group_id, RowKind::PastEpoch, id(epoch, &[]));
        match (row, bytes) {
            (PastEpochRow::Head, Some(bytes)) => delta.put(head, layer_value(bytes.expose())),
            (PastEpochRow::Head, None) => {
                delta.delete(head);
                delta.delete_prefix(epoch_prefix(group_id, RowKind::SecretTree, epoch));
                forgotten.insert(epoch);
            }
            (PastEpochRow::Tree(_), None) if forgotten.contains(&epoch) => {}
            (PastEpochRow::Tree(row), bytes) => {
                put_secret_tree_row(group_id, epoch, row, bytes, delta);
            }
        }
    }
}

pub(crate) fn past_leaf_key(group_id: &[u8], epoch: u64, leaf: LeafIndex) -> RowKey {
    RowKey::new(group_id, RowKind::PastLeaf, id(epoch, &leaf.as_u32().to_be_bytes()))
}

pub(crate) fn sent_key(group_id: &[u8], epoch: u64, hash: &Digest) -> RowKey {
    RowKey::new(group_id, RowKind::Sent, id(epoch, hash.as_slice()))
}

pub(crate) fn resumption_psk_key(group_id: &[u8], epoch: u64) -> RowKey {
    RowKey::new(group_id, RowKind::ResumptionPsk, id(epoch, &[]))
}

/// All rows of a kind that belong to an epoch.
pub(crate) fn epoch_prefix(group_id: &[u8], kind: RowKind, epoch: u64) -> RowKey {
    RowKey::new(group_id, kind, id(epoch, &[]))
}

/// The rows of a group are gone.
pub(crate) fn delete_group(group_id: &[u8], delta: &mut Delta) {
    delete_membership(group_id, delta);
    delta.delete_prefix(RowKey::new(group_id, RowKind::PendingJoin, []));
}

/// All that a member knew is gone; candidates to join the group anew stay.
pub(crate) fn delete_membership(group_id: &[u8], delta: &mut Delta) {
    let other = |kind: &RowKind| matches!(kind, RowKind::KeyPackage | RowKind::PendingJoin);
    for kind in RowKind::ALL.into_iter().filter(|kind| !other(kind)) {
        delta.delete_prefix(RowKey::new(group_id, kind, []));
    }
}

/// A store as it will be once a delta is applied: how a candidate epoch is loaded.
pub(crate) struct Overlay<'a> {
    base: &'a dyn Storage,
    /// Written rows, and `None` for deleted ones.
    changed: BTreeMap<RowKey, Option<Secret>>,
    deleted_prefixes: Vec<RowKey>,
}

impl<'a> Overlay<'a> {
    pub(crate) fn new(base: &'a dyn Storage, delta: &Delta) -> Self {
        let mut overlay = Self { base, changed: BTreeMap::new(), deleted_prefixes: Vec::new() };
        for change in delta.changes() {
            match change {
                // Written where the delta goes, and compared there.
                crate::Change::Put(key, value) | crate::Change::Replace(key, _, value) => {
                    overlay.changed.insert(key.clone(), Some(value.duplicate()));
                }
                crate::Change::Delete(key) => {
                    overlay.changed.insert(key.clone(), None);
                }
                crate::Change::DeletePrefix(prefix) => {
                    overlay.changed.retain(|key, _| !has_prefix(key, prefix));
                    overlay.deleted_prefixes.push(prefix.clone());
                }
            }
        }
        overlay
    }
}

fn has_prefix(key: &RowKey, prefix: &RowKey) -> bool {
    key.group_id == prefix.group_id && key.kind == prefix.kind && key.id.starts_with(&prefix.id)
}

impl Storage for Overlay<'_> {
    fn read(&self, key: &RowKey) -> Result<Option<Secret>, StorageError> {
        if let Some(value) = self.changed.get(key) {
            return Ok(value.as_ref().map(Secret::duplicate));
        }
        if self.deleted_prefixes.iter().any(|prefix| has_prefix(key, prefix)) {
            return Ok(None);
        }
        self.base.read(key)
    }

    fn scan(
        &self,
        group_id: &[u8],
        kind: RowKind,
        prefix: &[u8],
    ) -> Result<Vec<(Vec<u8>, Secret)>, StorageError> {
        let wanted = RowKey::new(group_id, kind, prefix);
        let mut rows: BTreeMap<Vec<u8>, Secret> = BTreeMap::new();
        for (id, value) in self.base.scan(group_id, kind, prefix)? {
            let key = RowKey::new(group_id, kind, id.clone());
            if !self.deleted_prefixes.iter().any(|prefix| has_prefix(&key, prefix)) {
                rows.insert(id, value);
            }
        }
        for (key, value) in self.changed.iter().filter(|(key, _)| has_prefix(key, &wanted)) {
            match value {
                Some(value) => rows.insert(key.id.clone(), value.duplicate()),
                None => rows.remove(&key.id),
            };
        }
        Ok(rows.into_iter().collect())
    }

    fn groups(&self) -> Result<Vec<Vec<u8>>, StorageError> {
        self.base.groups()
    }

    fn write(&mut self, _delta: &Delta) -> Result<(), StorageError> {
        Err(StorageError("a view of a store is not written to".into()))
    }
}

/// What must be known of an epoch to load its tree.
pub(crate) struct EpochHead<'a> {
    pub(crate) context: &'a GroupContext,
    pub(crate) size: TreeSize,
    pub(crate) own_leaf: LeafIndex,
}

/// The stored epoch of a group, whose tree comes from elsewhere.
pub(crate) fn load_epoch_with(
    storage: &dyn Storage,
    group_id: &[u8],
    client: &Client,
    tree: impl FnOnce(EpochHead<'_>) -> Result<RatchetTree, Error>,
) -> Result<Epoch, Error> {
    let row = storage.read(&RowKey::new(group_id, RowKind::Epoch, []))?;
    let row = row.ok_or_else(|| Error::corrupt("group without an epoch"))?;
    let EpochRow { context, leaves, secrets, private, interim, confirmation_tag } =
        structure(&row, "epoch")?;
    let size = TreeSize::from_leaves(leaves).ok_or_else(|| Error::corrupt("tree size"))?;
    let limits = client.settings().ratchet_limits;
    let rows = load_secret_tree_rows(storage, group_id, context.epoch, size)?;
    let secret_tree = SecretTree::from_rows(size, limits, rows)?;
    let messages = MessageSecrets::new(secrets.sender_data_secret().duplicate(), secret_tree);
    let interim = InterimTranscriptHash(interim);
    let tree = tree(EpochHead { context: &context, size, own_leaf: private.leaf() })?;
    let private = private.with_tree(&tree);
    Ok(Epoch { context, tree, private, secrets, messages, interim, confirmation_tag })
}

/// The stored tree of the epoch with this context.
pub(crate) fn load_tree(
    storage: &dyn Storage,
    context: &GroupContext,
    (size, suite): (TreeSize, &Suite),
) -> Result<RatchetTree, Error> {
    let corrupt = || Error::corrupt("tree page");
    let rows = storage.scan(&context.group_id, RowKind::TreePage, &[])?;
    let pages = rows.iter().map(|(id, bytes)| {
        Ok((PageId::from_bytes(id).ok_or_else(corrupt)?, contents(bytes, "tree page")?))
    });
    let pages: Vec<(PageId, &[u8])> = pages.collect::<Result<_, Error>>()?;
    let tree = RatchetTree::from_pages((size, suite), pages).ok_or_else(corrupt)?;
    match tree.kept_tree_hash(suite) == Some(context.tree_hash) {
        true => Ok(tree),
        false => Err(Error::corrupt("tree of another epoch")),
    }
}

/// The stored private keys of the epoch with this context and tree.
pub(crate) fn load_private(
    storage: &dyn Storage,
    context: &GroupContext,
    tree: &RatchetTree,
) -> Result<PrivatePath, Error> {
    let row = storage.read(&RowKey::new(&context.group_id, RowKind::Epoch, []))?;
    let row = row.ok_or_else(|| Error::corrupt("group without an epoch"))?;
    let stored: EpochRow = structure(&row, "epoch")?;
    match stored.context == *context {
        true => Ok(stored.private.with_tree(tree)),
        false => Err(Error::corrupt("private keys of another epoch")),
    }
}

fn load_secret_tree_rows(
    storage: &dyn Storage,
    group_id: &[u8],
    epoch: u64,
    size: TreeSize,
) -> Result<Vec<(SecretTreeRow, LayerBytes)>, Error> {
    let corrupt = |_| Error::corrupt("secret tree row");
    let rows = storage.scan(group_id, RowKind::SecretTree, &epoch.to_be_bytes())?;
    let rows = rows.into_iter().map(|(id, bytes)| {
        let (_, tail) = parse_id(&id)?;
        let row = SecretTreeRow::from_bytes(size, tail).map_err(corrupt)?;
        Ok((row, structure(&bytes, "secret tree row")?))
    });
    rows.collect()
}

/// The tree of which only the page with one leaf is there: enough to be that member for a while.
pub(crate) fn load_own_page(
    storage: &dyn Storage,
    context: &GroupContext,
    (size, suite): (TreeSize, &Suite),
    own_leaf: LeafIndex,
) -> Result<RatchetTree, Error> {
    let corrupt = || Error::corrupt("tree page");
    let page = PageId::of(own_leaf.node());
    let row = storage.read(&RowKey::new(&context.group_id, RowKind::TreePage, page.to_bytes()))?;
    let row = row.ok_or_else(corrupt)?;
    let bytes = contents(&row, "tree page")?;
    RatchetTree::of_one_page((size, suite), page, bytes).ok_or_else(corrupt)
}

impl Group {
    /// Loads a group from its rows; `None` if it is not stored.
    pub(crate) fn load(
        client: &Client,
        storage: &dyn Storage,
        group_id: &[u8],
    ) -> Result<Option<Self>, Error> {
        Self::load_with(client, storage, group_id, |epoch| {
            let suite = client.suite(epoch.context.cipher_suite)?;
            load_tree(storage, epoch.context, (epoch.size, &suite))
        })
    }

    /// Loads a group whose tree comes from elsewhere.
    pub(crate) fn load_with(
        client: &Client,
        storage: &dyn Storage,
        group_id: &[u8],
        tree: impl FnOnce(EpochHead<'_>) -> Result<RatchetTree, Error>,
    ) -> Result<Option<Self>, Error> {
        let Some(row) = storage.read(&RowKey::new(group_id, RowKind::Group, []))? else {
            return Ok(None);
        };
        let status: GroupStatus = structure(&row, "group status")?;
        let version = storage.read(&version_key(group_id))?;
        let version = version.ok_or_else(|| Error::corrupt("group without a version"))?;
        let version = structure(&version, "version")?;
        let epoch = load_epoch_with(storage, group_id, client, tree)?;
        let suite = client.suite(epoch.context.cipher_suite)?;
        let size = epoch.tree.size();
        Ok(Some(Self {
            client: client.clone(),
            suite,
            status,
            proposals: Proposals::load(storage, group_id, size)?,
            past: load_past_epochs(storage, group_id, client.settings())?,
            past_leaves: load_past_leaves(storage, group_id)?,
            sent: Sent::load(storage, group_id)?,
            resumption_psks: load_resumption_psks(storage, group_id)?,
            signers: Vec::new(),
            opened_commits: BTreeSet::new(),
            invitation: None,
            unsaved: Default::default(),
            version,
            epoch,
        }))
    }
}

fn load_past_epochs(
    storage: &dyn Storage,
    group_id: &[u8],
    settings: &Settings,
) -> Result<PastEpochs, Error> {
    let mut epochs = Vec::new();
    for (id, bytes) in storage.scan(group_id, RowKind::PastEpoch, &[])? {
        let (epoch, _) = parse_id(&id)?;
        let head: PastEpochHead = structure(&bytes, "past epoch")?;
        let rows = load_secret_tree_rows(storage, group_id, epoch, head.size)?;
        epochs.push(PastEpoch::from_rows(head, settings.ratchet_limits, rows)?);
    }
    Ok(PastEpochs::from_epochs(settings.past_epochs_max, epochs))
}

type PastLeaves = BTreeMap<(u64, LeafIndex), Option<Arc<LeafNode>>>;

fn load_past_leaves(storage: &dyn Storage, group_id: &[u8]) -> Result<PastLeaves, Error> {
    let corrupt = || Error::corrupt("past leaf");
    let everywhere = TreeSize::from_leaves(1 << 31).ok_or_else(corrupt)?;
    let mut leaves = PastLeaves::new();
    for (id, bytes) in storage.scan(group_id, RowKind::PastLeaf, &[])? {
        let (epoch, tail) = parse_id(&id)?;
        let index = u32::from_be_bytes(tail.try_into().map_err(|_| corrupt())?);
        let leaf = everywhere.leaf(index).ok_or_else(corrupt)?;
        leaves.insert((epoch, leaf), structure(&bytes, "past leaf")?);
    }
    Ok(leaves)
}

fn load_resumption_psks(
    storage: &dyn Storage,
    group_id: &[u8],
) -> Result<BTreeMap<u64, Secret>, Error> {
    let rows = storage.scan(group_id, RowKind::ResumptionPsk, &[])?;
    let rows =
        rows.into_iter().map(|(id, bytes)| Ok((parse_id(&id)?.0, structure(&bytes, "psk")?)));
    rows.collect()
}

/// The resumption PSK of a stored group's current epoch, if that is the one asked for.
pub(crate) fn stored_epoch_resumption_psk(
    storage: &dyn Storage,
    group_id: &[u8],
    epoch: u64,
) -> Result<Option<Secret>, Error> {
    let Some(row) = storage.read(&RowKey::new(group_id, RowKind::Epoch, []))? else {
        return Ok(None);
    };
    let EpochRow { context, secrets, .. } = structure(&row, "epoch")?;
    Ok((context.epoch == epoch).then(|| secrets.resumption_psk().duplicate()))
}
