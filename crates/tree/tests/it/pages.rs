//! Stored pages that are damaged, lost or those of another tree: refused, or a tree that can be
//! used without a panic.

use std::collections::BTreeMap;

use testkit::{byte_changes, truncations};
use tree::{PageId, RatchetTree, TreeSize};

use crate::forge::{Group, suite};

/// The pages of a group of 18, whose tree has three, some of its nodes filled.
fn stored() -> (RatchetTree, BTreeMap<PageId, Vec<u8>>) {
    let mut group = Group::of(18);
    for committer in [0, 5, 17] {
        group.commit(committer, &[]);
    }
    let pages = group.tree.pages().map(|id| (id, group.tree.page(id).unwrap().to_vec()));
    (group.tree.clone(), pages.collect())
}

fn load(size: TreeSize, pages: &BTreeMap<PageId, Vec<u8>>) -> Option<RatchetTree> {
    let pages = pages.iter().map(|(id, bytes)| (*id, bytes.as_slice()));
    RatchetTree::from_pages((size, &suite()), pages)
}

/// Everything that a group does with its tree.
fn use_tree(mut tree: RatchetTree) {
    let suite = suite();
    let (first, last) = (tree.members().next().unwrap(), tree.members().last().unwrap());
    let _ = tree.to_nodes();
    let _ = tree.resolution(tree.size().root());
    let keys = (1..=tree.filtered_direct_path(first.0).len()).map(|key| vec![1; key].into());
    let keys: Vec<crypto::HpkePublicKey> = keys.collect();
    tree.merge_path_keys(&suite, first.0, keys.into_iter()).unwrap();
    let _ = tree.add_leaf((*first.1).clone());
    let _ = tree.take_leaf(last.0);
    tree.truncate();
    tree.tree_hash(&suite).unwrap();
}

#[test]
fn a_changed_byte_of_a_page_is_refused_or_gives_a_tree_that_can_be_used() {
    let (tree, pages) = stored();
    assert_eq!(pages.len(), 4);
    let size = tree.size();
    use_tree(load(size, &pages).unwrap());
    let mut accepted = 0;
    for (id, bytes) in &pages {
        for changed in byte_changes(bytes).step_by(7) {
            let damaged = [&pages, &BTreeMap::from([(*id, changed)])];
            let damaged = damaged.into_iter().flat_map(|it| it.clone()).collect();
            let Some(tree) = load(size, &damaged) else { continue };
            accepted += 1;
            use_tree(tree);
        }
    }
    assert!(accepted > 100, "a key or a hash can be any");
}

#[test]
fn a_page_that_is_cut_missing_misplaced_or_too_many_is_refused() {
    let (tree, pages) = stored();
    let size = tree.size();
    let ids: Vec<PageId> = pages.keys().copied().collect();
    for id in &ids {
        for cut in truncations(&pages[id]) {
            let mut damaged = pages.clone();
            damaged.insert(*id, cut.to_vec());
            assert!(load(size, &damaged).is_none());
        }
        let mut longer = pages.clone();
        longer.get_mut(id).unwrap().push(0);
        assert!(load(size, &longer).is_none());
        let mut fewer = pages.clone();
        fewer.remove(id);
        assert!(load(size, &fewer).is_none());
        let mut misplaced = pages.clone();
        misplaced.insert(ids[0], pages[id].clone());
        assert_eq!(load(size, &misplaced).is_some(), *id == ids[0]);
    }
    let beyond = PageId::from_bytes(&[0, 0, 0, 0, 9]).unwrap();
    let mut more = pages.clone();
    more.insert(beyond, pages[&ids[0]].clone());
    assert!(load(size, &more).is_none());
    for other in [size.halved().unwrap(), size.doubled().unwrap()] {
        assert!(load(other, &pages).is_none());
    }
    for huge in [1 << 21, 1 << 31] {
        assert!(load(TreeSize::from_leaves(huge).unwrap(), &pages).is_none());
    }
}

#[test]
fn one_page_shows_its_leaves_and_nothing_else() {
    let (tree, pages) = stored();
    for member in [0, 15, 16, 17] {
        let index = tree.size().leaf(member).unwrap();
        let id = PageId::of(index.node());
        let part = RatchetTree::of_one_page((tree.size(), &suite()), id, &pages[&id]).unwrap();
        assert_eq!(part.leaf(index), tree.leaf(index));
        let elsewhere = tree.size().leaf(if member < 16 { 16 } else { 0 }).unwrap();
        assert_eq!(part.leaf(elsewhere), None);
    }
}
