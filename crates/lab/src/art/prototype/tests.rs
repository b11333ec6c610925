//! Known answers of the published program, made by running it.

use crypto::{HpkeKeyPair, KemId, Secret};
use testkit::to_hex;

use super::Prototype;
use super::keys::{Mine, Theirs, initiate, next_stage_key, respond, tag};
use super::thrift::{Setup, Update, pair as thrift_pair, read_pair, tree_bytes};
use crate::art::{ArtTree, Derivation};
use crate::group2018::{KeyTree, Nodes};
use crate::measure::BYTE_SIZES;
use crate::measure::closed_forms_2018::setup_bytes;
use crate::{Protocol, Seeded, Tools};

fn pair(tools: &Tools, byte: u8) -> HpkeKeyPair {
    let private_key = Secret::from_slice(&[byte; 32]);
    let kem = KemId::DHKEM_X25519_HKDF_SHA256;
    let public_key = tools.suite().provider().dh_public_key(kem, &private_key).unwrap();
    HpkeKeyPair::new(private_key, public_key)
}

#[test]
fn both_sides_of_the_leaf_key_exchange_get_the_known_secret() {
    let known = "f690885ad0ca40a2450e01fd3b20845ffdacd4707632c1b18c68af207fe873da";
    let tools = Tools::new().unwrap();
    let [identity_0, identity_1, setup, prekey] =
        [0x40, 0x41, 0x50, 0x61].map(|byte| pair(&tools, byte));
    let mine = Mine { identity: &identity_0, other: &setup };
    let theirs = Theirs { identity: &identity_1.public_key, other: &prekey.public_key };
    let secret = initiate(tools.suite(), &mine, &theirs).unwrap();
    assert_eq!(to_hex(secret.expose()), known);
    let mine = Mine { identity: &identity_1, other: &prekey };
    let theirs = Theirs { identity: &identity_0.public_key, other: &setup.public_key };
    let secret = respond(tools.suite(), &mine, &theirs).unwrap();
    assert_eq!(to_hex(secret.expose()), known);
}

struct Known {
    leaves: u8,
    tree_bytes: usize,
    stage_key_0: &'static str,
    update_root: &'static str,
    update_bytes: usize,
    tag: &'static str,
    stage_key_1: &'static str,
}

const KNOWN: [Known; 2] = [
    Known {
        leaves: 4,
        tree_bytes: 251,
        stage_key_0: "0b7a79882b7239a5b896313a32834dca",
        update_root: "5ca586bee487a51ca3751a75d5016d4a1c99461d941c6e8d0da8e22458609633",
        update_bytes: 140,
        tag: "4ced8f7f5cd365a4bb1a13941258d3627f7f2f71dc0e85eab2e013e6520e573e",
        stage_key_1: "d710fe363045e7c04ff92e18a68970df",
    },
    Known {
        leaves: 5,
        tree_bytes: 323,
        stage_key_0: "44f62563cff028ce167c0b5f2db3363c",
        update_root: "5a02e88ba0ddf39cafa7bc34dfc8e418c3c176f671a38ca564f542dc594f2350",
        update_bytes: 185,
        tag: "e7b9864d379f83c1197bbfdb09e27ef184fa1aee58e2f1f0bcdcb593be450025",
        stage_key_1: "59633687ff207fd2b63fcd29632bdb84",
    },
];

#[test]
fn stage_keys_updates_and_tags_are_those_of_the_program() {
    let tools = Tools::new().unwrap();
    let suite = tools.suite();
    for known in KNOWN {
        let secrets = (1..=known.leaves).map(|byte| Secret::from_slice(&[byte; 32])).collect();
        let identities: Vec<Vec<u8>> = (0x40..0x40 + known.leaves)
            .map(|byte| pair(&tools, byte).public_key.as_slice().to_vec())
            .collect();
        let mut tree = ArtTree::create(suite, Derivation::Prototype, secrets).unwrap();
        assert_eq!(tree_bytes(tree.nodes()).unwrap().len(), known.tree_bytes);
        let stage_key =
            next_stage_key(suite, &Secret::zeros(0), tree.nodes(), &identities).unwrap();
        assert_eq!(to_hex(stage_key.expose()), known.stage_key_0);
        let leaf = tree.nodes().shape().leaf(1).unwrap();
        let mut path = tree.set(vec![(leaf, Secret::from_slice(&[0x77; 32]))]).unwrap();
        path.reverse();
        assert_eq!(to_hex(path[0].as_slice()), known.update_root);
        let update = Update { leaf: 1, path }.to_bytes();
        assert_eq!(update.len(), known.update_bytes);
        assert_eq!(to_hex(tag(suite, &stage_key, &update).unwrap().expose()), known.tag);
        let stage_key = next_stage_key(suite, &stage_key, tree.nodes(), &identities).unwrap();
        assert_eq!(to_hex(stage_key.expose()), known.stage_key_1);
    }
}

/// Whether they were ever used does not show in the length of keys.
#[test]
fn setup_messages_of_every_listed_size_are_as_long_as_the_closed_form_and_come_back() {
    for size in BYTE_SIZES {
        let members = usize::try_from(size).unwrap();
        let key = |number: usize| {
            let bytes = u64::try_from(number).unwrap().to_be_bytes();
            [bytes.as_slice(), &[7; 24]].concat()
        };
        let setup = Setup {
            identity_keys: (0..members).map(key).collect(),
            prekeys: (1..members).map(|number| key(number).into()).collect(),
            setup_key: key(0).into(),
            tree: (0..2 * members - 1).map(|number| key(number).into()).collect(),
        };
        let message = thrift_pair(&setup.to_bytes().unwrap(), &[0; 64]);
        assert_eq!(Some(message.len()), setup_bytes("art-prototype", size), "{size}");
        let (signed, signature) = read_pair(&message).unwrap();
        assert_eq!(signature, [0; 64]);
        assert_eq!(Setup::from_bytes(signed).unwrap(), setup);
    }
}

#[test]
fn thrift_has_one_form() {
    let update = Update { leaf: 300, path: vec![vec![1; 32].into(), vec![2; 32].into()] };
    let bytes = update.to_bytes();
    assert_eq!(Update::from_bytes(&bytes).unwrap(), update);
    for position in 0..bytes.len() {
        assert!(Update::from_bytes(&bytes[..position]).is_err(), "{position}");
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert!(Update::from_bytes(&longer).is_err());
    // The same number with an odd zigzag would be negative.
    let mut negative = bytes.clone();
    negative[1] |= 1;
    assert!(Update::from_bytes(&negative).is_err());
}

/// An update proves that its sender is in the group, and nothing else.
#[test]
fn every_member_can_speak_for_every_other() {
    let tools = Tools::new().unwrap();
    let warm = Prototype.warm(&tools, 8, &mut Seeded::new(1)).unwrap();
    let mut mallory = warm.member(5).unwrap();
    // Everything that is needed is in its state.
    let loot = mallory.compromise();
    let stage_key = loot.secrets.iter().find(|held| held.what == "stage key").unwrap();
    let keys = mallory.public_nodes().into_iter().map(|(_, key)| key.into()).collect();
    let nodes = Nodes::with_public_keys(keys).unwrap();
    let mut tree = ArtTree::with_nodes(tools.suite(), Derivation::Prototype, nodes);
    let alice = tree.nodes().shape().leaf(2).unwrap();
    let mut path = tree.set(vec![(alice, Secret::from_slice(&[9; 32]))]).unwrap();
    path.reverse();
    let update = Update { leaf: 2, path }.to_bytes();
    let tag = tag(tools.suite(), &stage_key.secret, &update).unwrap();
    let forged = thrift_pair(&update, tag.expose());
    mallory.process(&forged).unwrap();
    for slot in [0, 1, 3, 4, 6, 7] {
        let mut member = warm.member(slot).unwrap();
        member.process(&forged).unwrap();
        assert!(member.epoch_secret() == mallory.epoch_secret());
    }
    // Only who is spoken for can tell.
    assert!(warm.member(2).unwrap().process(&forged).is_err());
}
