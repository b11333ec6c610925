//! A malicious adder describes a tree that never was to the one it adds: each kind of false tree
//! is refused on joining, by a rule with a name.
//!
//! The adder signs the GroupInfo, knows the epoch's secrets, and makes tree hash and confirmation
//! tag fit what it says. So nothing but the rules about trees stands between it and the joiner.

use std::sync::Arc;

use mls::{BrokenRule, CommitOptions, Error, Extension, ExtensionType, HandshakeFormat};
use testkit::forge::WelcomeForge;
use testkit::{NOW, Person, SeededRandom, Traits, group_of};
use tree::{RatchetTree, Violation};
use wire::{LeafNode, Node, ParentNode, RatchetTreeNodes};

fn traits() -> Traits {
    Traits::new(1).handshakes(HandshakeFormat::Public)
}

/// Seven members who have all committed; the first adds two more, one of them without a path
/// before, so that the tree has unmerged leaves, and the last is told lies.
struct Scene {
    adder: Person,
    joiner: Person,
    forge: WelcomeForge,
    nodes: Vec<Option<Node>>,
}

impl Scene {
    fn new() -> Self {
        let mut people = group_of(&["0", "1", "2", "3", "4", "5", "6"], traits);
        let follow = |people: &mut [Person], sender: usize, options: CommitOptions| {
            let sent = people[sender].commit_and_advance(options);
            let others = people.iter_mut().enumerate().filter(|(place, _)| *place != sender);
            others.for_each(|(_, person)| drop(person.follow(&sent.commit)));
            sent
        };
        (0..7).for_each(|sender| drop(follow(&mut people, sender, CommitOptions::new())));
        // Leaf 3 goes and comes again, so that it is unmerged at nodes 3 and 7; leaf 2 has filled
        // them meanwhile.
        let place = people[3].group().own_leaf();
        follow(&mut people, 0, CommitOptions::new().remove_member(place));
        people.remove(3);
        follow(&mut people, 2, CommitOptions::new());
        follow(&mut people, 1, CommitOptions::new());
        let add = |person: &mut Person| {
            let mut options = CommitOptions::new().add_member(person.key_package());
            options.path = mls::PathChoice::IfRequired;
            options
        };
        let mut again = Person::new("3 again", traits());
        let sent = follow(&mut people, 0, add(&mut again));
        again.join(&sent.welcomes[0]);
        people.push(again);
        let mut joiner = Person::new("joiner", traits());
        let sent = follow(&mut people, 0, add(&mut joiner));
        let forge = WelcomeForge::open(&joiner, &sent.welcomes[0], &[]);
        let nodes = people[0].group().ratchet_tree().0;
        Self { adder: people.remove(0), joiner, forge, nodes }
    }

    fn leaf(&mut self, node: usize) -> &mut LeafNode {
        let Some(Node::Leaf(leaf)) = &mut self.nodes[node] else { panic!("not a leaf") };
        Arc::make_mut(leaf)
    }

    fn parent(&mut self, node: usize) -> &mut ParentNode {
        let Some(Node::Parent(parent)) = &mut self.nodes[node] else { panic!("not a parent") };
        Arc::make_mut(parent)
    }

    /// Whether the joiner comes in with what the adder says.
    fn join(mut self, keep_tree_hash: bool) -> Result<(), BrokenRule> {
        let nodes = RatchetTreeNodes(self.nodes);
        let info = &mut self.forge.group_info;
        // A tree that is none has no hash; the joiner does not come to look at it.
        if let Ok(mut tree) = RatchetTree::from_nodes(nodes.clone())
            && !keep_tree_hash
        {
            let hash = tree.tree_hash(&self.forge.suite).unwrap();
            info.group_context.tree_hash = hash;
        }
        info.extensions.set(Extension::new(ExtensionType::RATCHET_TREE, &nodes));
        self.forge.confirm();
        self.forge.sign(&*self.adder.signer());
        let forged = self.forge.seal(&mut SeededRandom::new(1));
        let joined = self.joiner.client.join(&self.joiner.store, &forged, None, NOW);
        match joined.map(|_| ()) {
            Ok(()) => Ok(()),
            Err(Error::Violation(rule)) => Err(rule),
            Err(other) => panic!("refused for another reason: {other}"),
        }
    }
}

type Lie = (&'static str, Violation, fn(&mut Scene));

/// Twelve kinds, each refused by a rule of its own.
const LIES: &[Lie] = &[
    ("a parent's key that the adder chose", Violation::InvalidParentHash, |scene| {
        scene.parent(11).encryption_key = vec![9; 32].into();
    }),
    (
        "a leaf with another key, which its owner never signed",
        Violation::InvalidLeafSignature,
        |it| {
            // Leaf 3 came by a key package and no path: no parent hash depends on it.
            it.leaf(6).encryption_key = vec![9; 32].into();
        },
    ),
    ("a parent with the key of a leaf", Violation::DuplicateEncryptionKey, |scene| {
        let key = scene.leaf(0).encryption_key.clone();
        scene.parent(11).encryption_key = key;
    }),
    ("a member in two places", Violation::DuplicateSignatureKey, |scene| {
        let key = scene.leaf(0).signature_key.clone();
        scene.leaf(8).signature_key = key;
    }),
    ("a blank leaf that is unmerged", Violation::UnmergedLeafNotDescendant, |scene| {
        scene.nodes[6] = None;
    }),
    ("unmerged leaves in the wrong order", Violation::UnsortedUnmergedLeaves, |scene| {
        scene.parent(7).unmerged_leaves.reverse();
    }),
    ("an unmerged leaf with a gap between", Violation::UnmergedLeafNotListedBetween, |scene| {
        scene.parent(3).unmerged_leaves.clear();
    }),
    ("a parent in the place of a leaf", Violation::NodeTypeMismatch, |scene| {
        scene.nodes[12] = scene.nodes[11].clone();
    }),
    ("blank nodes at the end", Violation::TrailingBlankNodes, |scene| {
        scene.nodes.push(None);
    }),
    ("half of the members left out", Violation::RightHalfBlank, |scene| {
        scene.nodes.truncate(8);
    }),
    ("a key that nobody can encrypt to", Violation::InvalidEncryptionKey, |scene| {
        scene.parent(11).encryption_key = vec![0; 32].into();
    }),
    ("no tree at all", Violation::EmptyRatchetTree, |scene| scene.nodes.clear()),
];

#[test]
fn each_kind_of_false_tree_is_refused_by_a_rule_of_its_own() {
    assert_eq!(Scene::new().join(false), Ok(()), "the true tree is accepted");
    let mut rules = Vec::new();
    for (what, violation, lie) in LIES {
        let mut scene = Scene::new();
        lie(&mut scene);
        let refused = scene.join(false);
        let Err(BrokenRule::Tree(rule, _)) = refused else { panic!("{what}: {refused:?}") };
        assert_eq!(rule, *violation, "{what}");
        assert!(!rules.contains(violation), "{what}: a rule of its own");
        rules.push(*violation);
    }
    assert_eq!(rules.len(), 12);
}

#[test]
fn a_true_tree_of_another_epoch_and_stale_leaves_are_refused() {
    // Another tree than the GroupContext says, each valid by itself.
    let mut scene = Scene::new();
    scene.leaf(6).credential = mls::Credential::basic(b"somebody else");
    let refused = scene.join(true);
    assert!(matches!(refused, Err(BrokenRule::Tree(Violation::WrongTreeHash, _))), "{refused:?}");
    // Nodes that a former epoch had, put back: the hashes chain leaf and parents together.
    let mut scene = Scene::new();
    let old = scene.adder.group().ratchet_tree();
    scene.nodes.swap(8, 10);
    assert_ne!(old.0, scene.nodes);
    let refused = scene.join(false);
    assert!(
        matches!(refused, Err(BrokenRule::Tree(Violation::InvalidParentHash, _))),
        "{refused:?}"
    );
    // A parent that nobody below has set.
    let mut scene = Scene::new();
    assert!(scene.nodes[5].is_none(), "blank since leaf 3 went");
    let mut parent = scene.parent(11).clone();
    parent.encryption_key = vec![9; 32].into();
    parent.unmerged_leaves = vec![3];
    scene.nodes[5] = Some(Node::Parent(Arc::new(parent)));
    let refused = scene.join(false);
    assert!(
        matches!(refused, Err(BrokenRule::Tree(Violation::InvalidParentHash, _))),
        "{refused:?}"
    );
}
