//! A vector whose copies share structure: the ground on which a staged epoch costs what it changes.
//!
//! Cloning is O(1); reading is O(log n); writing copies only the chunk and the few branches above
//! it that another copy still uses; [`PersistentVec::changed_since`] visits only what differs.

use std::sync::Arc;

/// Children of a branch, and elements of a chunk: 2^3. Whoever copies a chunk touches the counter
/// of each of its elements, which are far from each other.
const BITS: u32 = 3;
const WIDTH: usize = 1 << BITS;

#[derive(Clone)]
enum Node<T> {
    Branch(Vec<Arc<Node<T>>>),
    Chunk(Vec<T>),
}

pub(crate) struct PersistentVec<T> {
    root: Arc<Node<T>>,
    /// Levels of branches above the chunks.
    height: u32,
    length: usize,
}

impl<T> Clone for PersistentVec<T> {
    fn clone(&self) -> Self {
        Self { root: Arc::clone(&self.root), height: self.height, length: self.length }
    }
}

fn slot(index: usize, height: u32) -> usize {
    (index >> (BITS * height)) & (WIDTH - 1)
}

fn capacity(height: u32) -> usize {
    WIDTH << (BITS * height)
}

impl<T: Clone> PersistentVec<T> {
    pub(crate) fn new() -> Self {
        Self { root: Arc::new(Node::Chunk(Vec::new())), height: 0, length: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        if index >= self.length {
            return None;
        }
        let (mut node, mut height) = (&*self.root, self.height);
        loop {
            match node {
                Node::Chunk(elements) => return elements.get(slot(index, 0)),
                Node::Branch(children) => {
                    node = children.get(slot(index, height))?;
                    height -= 1;
                }
            }
        }
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        if index >= self.length {
            return None;
        }
        let (mut node, mut height) = (Arc::make_mut(&mut self.root), self.height);
        loop {
            match node {
                Node::Chunk(elements) => return elements.get_mut(slot(index, 0)),
                Node::Branch(children) => {
                    node = Arc::make_mut(children.get_mut(slot(index, height))?);
                    height -= 1;
                }
            }
        }
    }

    pub(crate) fn push(&mut self, element: T) {
        if self.length == capacity(self.height) {
            let below = Arc::clone(&self.root);
            self.root = Arc::new(Node::Branch(vec![below]));
            self.height += 1;
        }
        let (mut node, mut height) = (Arc::make_mut(&mut self.root), self.height);
        loop {
            match node {
                Node::Chunk(elements) => {
                    elements.push(element);
                    self.length += 1;
                    return;
                }
                Node::Branch(children) => {
                    let at = slot(self.length, height);
                    if at == children.len() {
                        let empty = if height == 1 {
                            Node::Chunk(Vec::new())
                        } else {
                            Node::Branch(Vec::new())
                        };
                        children.push(Arc::new(empty));
                    }
                    node = Arc::make_mut(&mut children[at]);
                    height -= 1;
                }
            }
        }
    }

    /// Keeps the first `length` elements; costs O(log n) beyond freeing the others.
    pub(crate) fn truncate(&mut self, length: usize) {
        if length >= self.length {
            return;
        }
        truncate_node(&mut self.root, self.height, length);
        self.length = length;
        while let Node::Branch(children) = &*self.root
            && length <= capacity(self.height - 1)
        {
            let Some(first) = children.first() else { return };
            self.root = Arc::clone(first);
            self.height -= 1;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let mut stack = vec![std::slice::from_ref(&self.root).iter()];
        let mut chunk = [].iter();
        std::iter::from_fn(move || {
            loop {
                if let Some(element) = chunk.next() {
                    return Some(element);
                }
                let top = stack.last_mut()?;
                match top.next() {
                    None => drop(stack.pop()),
                    Some(node) => match &**node {
                        Node::Chunk(elements) => chunk = elements.iter(),
                        Node::Branch(children) => stack.push(children.iter()),
                    },
                }
            }
        })
    }

    /// The indices below both lengths whose elements may differ from those of `base`: those in
    /// chunks that the two do not share. Costs O(what differs).
    pub(crate) fn changed_since(&self, base: &Self) -> Vec<usize> {
        let (mut new, mut new_height) = (&self.root, self.height);
        let (mut old, mut old_height) = (&base.root, base.height);
        // A taller tree holds the shorter one's range below its first child.
        while new_height > old_height
            && let Node::Branch(children) = &**new
        {
            (new, new_height) = (&children[0], new_height - 1);
        }
        while old_height > new_height
            && let Node::Branch(children) = &**old
        {
            (old, old_height) = (&children[0], old_height - 1);
        }
        let mut changed = Vec::new();
        collect_changed(new, old, new_height, 0, &mut changed);
        changed
    }
}

fn truncate_node<T: Clone>(node: &mut Arc<Node<T>>, height: u32, length: usize) {
    match Arc::make_mut(node) {
        Node::Chunk(elements) => elements.truncate(length),
        Node::Branch(children) => {
            let each = capacity(height - 1);
            children.truncate(length.div_ceil(each).max(1));
            let full = (children.len() - 1) * each;
            if let Some(last) = children.last_mut() {
                truncate_node(last, height - 1, length - full);
            }
        }
    }
}

fn collect_changed<T>(
    new: &Arc<Node<T>>,
    old: &Arc<Node<T>>,
    height: u32,
    start: usize,
    changed: &mut Vec<usize>,
) {
    if Arc::ptr_eq(new, old) {
        return;
    }
    match (&**new, &**old) {
        (Node::Chunk(new), Node::Chunk(old)) => {
            changed.extend(start..start + new.len().min(old.len()));
        }
        (Node::Branch(new), Node::Branch(old)) => {
            for (at, (new, old)) in new.iter().zip(old).enumerate() {
                let start = start + at * capacity(height - 1);
                collect_changed(new, old, height - 1, start, changed);
            }
        }
        // Equal heights have equal kinds.
        (Node::Branch(_), Node::Chunk(_)) | (Node::Chunk(_), Node::Branch(_)) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize) -> PersistentVec<usize> {
        let mut vector = PersistentVec::new();
        (0..count).for_each(|number| vector.push(number));
        vector
    }

    #[test]
    fn behaves_like_a_vector_at_every_size_around_the_borders() {
        for count in [0, 1, 31, 32, 33, 1023, 1024, 1025, 40_000] {
            let vector = numbers(count);
            assert_eq!(vector.len(), count);
            assert!(vector.iter().copied().eq(0..count));
            assert!((0..count).all(|index| vector.get(index) == Some(&index)));
            assert_eq!(vector.get(count), None);
            for keep in [0, 1, 31, 32, 33, 1000, 1024, 1025, 33_000] {
                let mut shorter = vector.clone();
                shorter.truncate(keep);
                let keep = keep.min(count);
                assert!(shorter.iter().copied().eq(0..keep));
                shorter.push(7);
                assert_eq!(shorter.get(keep), Some(&7));
                assert!(shorter.iter().copied().eq((0..keep).chain([7])));
            }
            assert!(vector.iter().copied().eq(0..count));
        }
    }

    #[test]
    fn a_copy_sees_no_later_change_and_differs_only_where_it_changed() {
        let base = numbers(40_000);
        let mut copy = base.clone();
        assert!(copy.changed_since(&base).is_empty());
        *copy.get_mut(12_345).unwrap() = 0;
        assert_eq!(base.get(12_345), Some(&12_345));
        let changed = copy.changed_since(&base);
        assert!(changed.contains(&12_345) && changed.len() <= WIDTH);
        let mut longer = copy.clone();
        (0..2_000_000).for_each(|number| longer.push(number));
        assert!(longer.changed_since(&base).contains(&12_345));
        assert!(longer.changed_since(&base).len() <= 2 * WIDTH);
        longer.truncate(30_000);
        assert!(longer.changed_since(&base).contains(&12_345));
    }
}
