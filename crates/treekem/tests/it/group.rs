//! A group without messages: a tree, its members' private keys, and commits that change both.

use std::collections::{BTreeMap, BTreeSet};

use crypto::{CipherSuite, Crypto, HpkeKeyPair, HpkePublicKey, Secret, Suite};
use testkit::SeededRandom;
use tree::{LeafIndex, RatchetTree};
use treekem::{CommitSecret, Error, NewPath, PathContext, PrivatePath, ReceivedPath};
use wire::{Capabilities, Credential, Extensions, LeafNode, LeafNodeSource, UpdatePathNode};

/// The mandatory suite.
pub(crate) fn suite() -> Suite {
    Crypto::new(crypto_aws_lc::provider()).suite(CipherSuite(1)).unwrap()
}

/// All members of a group at once.
pub(crate) struct Group {
    pub(crate) suite: Suite,
    pub(crate) tree: RatchetTree,
    pub(crate) members: BTreeMap<LeafIndex, PrivatePath>,
    /// What members held when they were removed.
    pub(crate) removed: Vec<PrivatePath>,
    /// Leaves in the tree whose owners wait for a Welcome.
    joining: BTreeMap<LeafIndex, HpkeKeyPair>,
    pub(crate) random: SeededRandom,
    names: u32,
}

/// A commit with a path, as it travels, and what its sender keeps.
pub(crate) struct Commit {
    pub(crate) tree: RatchetTree,
    pub(crate) added: BTreeSet<LeafIndex>,
    pub(crate) group_context: Vec<u8>,
    pub(crate) sender: LeafIndex,
    pub(crate) nodes: Vec<UpdatePathNode>,
    pub(crate) path: NewPath,
}

impl Commit {
    pub(crate) fn context(&self) -> PathContext<'_> {
        let Self { tree, added, group_context, .. } = self;
        PathContext { tree, added, group_context }
    }

    /// The commit as one member processes it.
    pub(crate) fn open(
        &self,
        suite: &Suite,
        private: &PrivatePath,
    ) -> Result<(PrivatePath, CommitSecret), Error> {
        ReceivedPath::new(self.context(), self.sender, &self.nodes)?.open(suite, private)
    }
}

impl Group {
    /// A group whose tree is blank above the leaves but for the creator's first commit.
    pub(crate) fn new(seed: u64, member_count: u32) -> Self {
        Self::with_suite(suite(), seed, member_count)
    }

    pub(crate) fn with_suite(suite: Suite, seed: u64, member_count: u32) -> Self {
        let mut random = SeededRandom::new(seed);
        let key_pair = suite.generate_key_pair(&mut random).unwrap();
        let tree = RatchetTree::new(leaf_node(0, &key_pair.public_key));
        let creator = tree.size().leaf(0).unwrap();
        let private = PrivatePath::new(&tree, creator, key_pair).unwrap();
        let mut group = Self {
            suite,
            tree,
            members: BTreeMap::from([(creator, private)]),
            removed: Vec::new(),
            joining: BTreeMap::new(),
            random,
            names: 1,
        };
        (1..member_count).for_each(|_| {
            group.add();
        });
        group.commit_and_deliver(creator);
        group
    }

    /// A group in which everyone has committed once.
    pub(crate) fn warm(seed: u64, member_count: u32) -> Self {
        let mut group = Self::new(seed, member_count);
        for leaf in group.leaves() {
            group.commit_and_deliver(leaf);
        }
        group
    }

    pub(crate) fn leaves(&self) -> Vec<LeafIndex> {
        self.members.keys().copied().collect()
    }

    pub(crate) fn leaf(&self, index: u32) -> LeafIndex {
        self.tree.size().leaf(index).unwrap()
    }

    pub(crate) fn private(&self, index: u32) -> &PrivatePath {
        &self.members[&self.leaf(index)]
    }

    fn new_leaf(&mut self) -> (LeafNode, HpkeKeyPair) {
        let key_pair = self.suite.generate_key_pair(&mut self.random).unwrap();
        self.names += 1;
        (leaf_node(self.names, &key_pair.public_key), key_pair)
    }

    /// Applies an Add proposal.
    pub(crate) fn add(&mut self) -> LeafIndex {
        let (leaf, key_pair) = self.new_leaf();
        let index = self.tree.add_leaf(leaf).unwrap();
        self.joining.insert(index, key_pair);
        index
    }

    /// The leaf key pair of somebody who waits for a Welcome.
    pub(crate) fn joining_key_pair(&self, leaf: LeafIndex) -> HpkeKeyPair {
        self.joining[&leaf].duplicate()
    }

    /// Applies a Remove proposal.
    pub(crate) fn remove(&mut self, leaf: LeafIndex) {
        self.tree.take_leaf(leaf).unwrap();
        self.tree.truncate();
        self.removed.push(self.members.remove(&leaf).unwrap());
    }

    /// Applies an Update proposal.
    pub(crate) fn update(&mut self, leaf: LeafIndex) {
        let (leaf_node, key_pair) = self.new_leaf();
        self.tree.set_leaf(leaf, leaf_node);
        self.tree.blank_direct_path(leaf);
        let private = self.members.get_mut(&leaf).unwrap();
        private.insert(&self.tree, leaf.node(), key_pair).unwrap();
    }

    /// A commit with a path over the proposals applied so far; nobody has processed it.
    pub(crate) fn commit(&mut self, sender: LeafIndex) -> Commit {
        let added: BTreeSet<_> = self.joining.keys().copied().collect();
        let path = NewPath::generate(&self.suite, &self.tree, sender, &mut self.random).unwrap();
        let mut tree = self.tree.clone();
        let keys = path.public_keys().into_iter();
        let parent_hash = tree.merge_path_keys(&self.suite, sender, keys).unwrap();
        self.names += 1;
        let mut leaf = leaf_node(self.names, path.leaf_public_key());
        leaf.leaf_node_source = LeafNodeSource::Commit { parent_hash };
        tree.set_leaf(sender, leaf);
        let group_context = tree.tree_hash(&self.suite).unwrap().as_slice().to_vec();
        let context = PathContext { tree: &tree, added: &added, group_context: &group_context };
        let nodes = path.seal(&self.suite, &context, &mut self.random).unwrap();
        Commit { tree, added, group_context, sender, nodes, path }
    }

    /// Everyone processes the commit, and those who were added join. All agree on the secret.
    pub(crate) fn deliver(&mut self, commit: Commit) {
        let mut members = BTreeMap::new();
        for (&leaf, private) in self.members.iter().filter(|&(&leaf, _)| leaf != commit.sender) {
            let (next, commit_secret) = commit.open(&self.suite, private).unwrap();
            assert_eq!(&commit_secret, commit.path.commit_secret());
            members.insert(leaf, next);
        }
        let Commit { tree, path, sender, .. } = commit;
        for (leaf, key_pair) in std::mem::take(&mut self.joining) {
            let path_secret = path.path_secret_for(leaf).unwrap().as_secret().duplicate();
            let path_secret = Some((sender, path_secret));
            let joined = PrivatePath::join(&self.suite, &tree, leaf, key_pair, path_secret);
            members.insert(leaf, joined.unwrap());
        }
        members.insert(sender, path.into_private_path().0);
        self.members = members;
        self.tree = tree;
        self.assert_tree_invariant();
    }

    pub(crate) fn commit_and_deliver(&mut self, sender: LeafIndex) {
        let commit = self.commit(sender);
        self.deliver(commit);
    }

    /// A commit without a path over the proposals applied so far.
    pub(crate) fn commit_without_path(&mut self) {
        for private in self.members.values_mut() {
            private.retain_matching(&self.tree);
        }
        for (leaf, key_pair) in std::mem::take(&mut self.joining) {
            let joined = PrivatePath::join(&self.suite, &self.tree, leaf, key_pair, None);
            self.members.insert(leaf, joined.unwrap());
        }
        self.assert_tree_invariant();
    }

    /// Section 4.2: a member holds exactly the keys of the nodes at and above its leaf that are
    /// neither blank nor list it as unmerged.
    fn assert_tree_invariant(&self) {
        for (leaf, private) in &self.members {
            let above = self.tree.size().direct_path(*leaf).filter(|&node| {
                let parent = self.tree.parent(node);
                parent.is_some_and(|parent| !parent.unmerged_leaves.contains(&leaf.as_u32()))
            });
            let mut expected: Vec<_> = above.chain([leaf.node()]).collect();
            expected.sort();
            assert_eq!(private.nodes().collect::<Vec<_>>(), expected, "{leaf:?}");
            for node in expected {
                let public_key = &private.key_pair(node).unwrap().public_key;
                assert_eq!(Some(public_key), self.tree.public_key(node).as_ref());
            }
        }
    }
}

/// Whether any key pair that `private` holds opens any ciphertext of the commit.
pub(crate) fn opens_anything(suite: &Suite, private: &PrivatePath, commit: &Commit) -> bool {
    let context = &commit.group_context;
    private.nodes().filter_map(|node| private.key_pair(node)).any(|key_pair| {
        let ciphertexts = commit.nodes.iter().flat_map(|node| &node.encrypted_path_secret);
        let mut opened = ciphertexts
            .map(|sealed| suite.decrypt_with_label(key_pair, "UpdatePathNode", context, sealed));
        opened.any(|opened| opened.is_ok())
    })
}

/// A leaf that nobody checks the signature of.
fn leaf_node(name: u32, encryption_key: &HpkePublicKey) -> LeafNode {
    let name = name.to_be_bytes();
    LeafNode {
        encryption_key: encryption_key.clone(),
        signature_key: name.to_vec().into(),
        credential: Credential::basic(&name),
        capabilities: Capabilities::default(),
        leaf_node_source: LeafNodeSource::Update,
        extensions: Extensions::default(),
        signature: Secret::zeros(0).expose().into(),
    }
}
