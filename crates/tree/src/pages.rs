//! All nodes of a tree, on pages: packed and shared with other trees, but for those being changed.

use std::collections::{BTreeMap, BTreeSet};

use crypto::Digest;

use crate::page::{BANDS, OpenPage, PackedPage, PageId, Place, Slot};
use crate::persistent::PersistentVec;
use crate::{NodeIndex, TreeSize};

/// The nodes of a tree. Cloning shares what is packed.
#[derive(Clone)]
pub(crate) struct Pages {
    /// By band. `None` for a page of blank leaves.
    packed: Vec<PersistentVec<Option<PackedPage>>>,
    /// Pages that differ from what is packed.
    open: BTreeMap<PageId, OpenPage>,
}

/// Reading.
impl Pages {
    fn packed(&self, id: PageId) -> Option<&PackedPage> {
        self.packed.get(id.band())?.get(id.number())?.as_ref()
    }

    fn slot(&self, at: Place) -> Option<&Slot> {
        self.open.get(&at.page)?.slots.get(at.slot)
    }

    /// The bytes of a node, unless it is blank.
    pub(crate) fn node(&self, node: NodeIndex) -> Option<&[u8]> {
        let at = Place::of(node);
        match self.open.get(&at.page) {
            Some(page) => page.node(at.slot),
            None => self.packed(at.page)?.node(at),
        }
    }

    /// Members below or at a node.
    pub(crate) fn members(&self, node: NodeIndex) -> u32 {
        let at = Place::of(node);
        match self.slot(at) {
            Some(slot) => slot.members,
            None => self.packed(at.page).map_or(0, |page| page.members(at)),
        }
    }

    /// The tree hash of the subtree below a parent, if it is kept.
    pub(crate) fn hash(&self, node: NodeIndex) -> Option<Digest> {
        let at = Place::of(node);
        match self.slot(at) {
            Some(slot) => slot.hash,
            None => self.packed(at.page)?.hash(at),
        }
    }

    /// The bytes of a packed page.
    pub(crate) fn bytes(&self, id: PageId) -> Option<&[u8]> {
        self.packed(id).map(PackedPage::as_slice)
    }

    /// The pages that are packed and not blank.
    pub(crate) fn ids(&self) -> impl Iterator<Item = PageId> + '_ {
        let ids = self.packed.iter().zip(0..).flat_map(|(pages, band)| {
            let used = pages.iter().enumerate().filter(|(_, page)| page.is_some());
            used.filter_map(move |(number, _)| PageId::new(band, number))
        });
        ids.filter(|id| !self.open.contains_key(id))
    }

    /// The open pages of a band.
    pub(crate) fn open_in(&self, band: u8) -> impl Iterator<Item = PageId> + '_ {
        self.open.keys().copied().filter(move |id| id.band() == usize::from(band))
    }

    /// An open page.
    pub(crate) fn open_page(&self, id: PageId) -> Option<&OpenPage> {
        self.open.get(&id)
    }

    /// The pages that may differ from those of `base`, and those that only one of the two has.
    /// Costs O(what differs).
    pub(crate) fn changed_since(&self, base: &Self) -> BTreeSet<PageId> {
        let mut changed: BTreeSet<PageId> =
            self.open.keys().chain(base.open.keys()).copied().collect();
        for ((new, old), band) in self.packed.iter().zip(&base.packed).zip(0..) {
            let shared = new.changed_since(old).into_iter();
            let (less, more) = (new.len().min(old.len()), new.len().max(old.len()));
            let numbers = shared.chain(less..more).filter(|&number| {
                // Not even the counter of a page's holders is touched: most pages are the same, and
                // none of them is in a cache.
                match (new.get(number), old.get(number)) {
                    (Some(Some(new)), Some(Some(old))) => !new.is_same(old),
                    (None | Some(None), None | Some(None)) => false,
                    _ => true,
                }
            });
            changed.extend(numbers.filter_map(|number| PageId::new(band, number)));
        }
        changed
    }
}

/// Changing.
impl Pages {
    /// The nodes of a tree of this size, all blank.
    pub(crate) fn blank(size: TreeSize) -> Self {
        let packed = (0..BANDS).map(|_| PersistentVec::new()).collect();
        let mut pages = Self { packed, open: BTreeMap::new() };
        pages.resize(size);
        pages
    }

    /// Adds blank pages, or cuts pages off.
    pub(crate) fn resize(&mut self, size: TreeSize) {
        for (pages, band) in self.packed.iter_mut().zip(0..) {
            let (before, count) = (pages.len(), PageId::count(band, size));
            pages.truncate(count);
            for number in before..count {
                pages.push(None);
                // Hashes of large blank subtrees must be kept, or they were computed each time.
                let id = PageId::new(band, number).filter(|id| !id.is_leaf_page());
                self.open.extend(id.map(|id| (id, OpenPage::blank(id))));
            }
        }
        self.open.retain(|id, _| {
            self.packed.get(id.band()).is_some_and(|pages| id.number() < pages.len())
        });
    }

    /// A page, open for changes.
    pub(crate) fn open(&mut self, id: PageId) -> &mut OpenPage {
        let packed = self.packed.get(id.band()).and_then(|pages| pages.get(id.number()));
        self.open.entry(id).or_insert_with(|| match packed {
            Some(Some(page)) => page.open(id),
            _ => OpenPage::blank(id),
        })
    }

    /// A node of the tree, open for changes.
    pub(crate) fn slot_mut(&mut self, node: NodeIndex) -> &mut Slot {
        let at = Place::of(node);
        &mut self.open(at.page).slots[at.slot]
    }

    /// Packs what is open. All hashes must be known.
    pub(crate) fn pack(&mut self, size: TreeSize, hash_length: usize) {
        for (id, page) in std::mem::take(&mut self.open) {
            let packed = page.pack(size, hash_length);
            self.put(id, packed);
        }
    }

    /// Puts a page in its place; one that is the same as before stays. `false` if there is no such
    /// place.
    pub(crate) fn put(&mut self, id: PageId, page: Option<PackedPage>) -> bool {
        if page.is_some() && self.bytes(id) == page.as_ref().map(PackedPage::as_slice) {
            return true;
        }
        let place = self.packed.get_mut(id.band()).and_then(|pages| pages.get_mut(id.number()));
        place.map(|place| *place = page).is_some()
    }

    /// Leaves only what is packed.
    pub(crate) fn forget_open(&mut self) {
        self.open.clear();
    }
}
