//! Several members update in one epoch.

use lab::concurrency::{Variant, compare};
use lab::{Adversary, Circle, PROTOCOLS, Protocol, Seeded, Tools};

fn of<'a>(variants: &'a [Variant], name: &str) -> &'a Variant {
    variants.iter().find(|variant| variant.name == name).unwrap()
}

/// Two members are compromised and both update at once: the merge of 2018 does not throw the thief
/// out, since each path is encrypted to what the other was about to replace.
#[test]
fn the_merge_of_2018_does_not_heal_two_and_a_commit_does() {
    for updaters in [2, 3, 8, 32] {
        let variants = compare(64, updaters).unwrap();
        let merge = of(&variants, "merge-2018");
        assert!(!merge.heals && !merge.heals_by_others && merge.heals_by_again, "{merge:?}");
        for name in ["proposals", "retry", "in-turn"] {
            assert!(of(&variants, name).heals, "{name} with {updaters}");
        }
    }
}

#[test]
fn each_variant_pays_in_another_coin() {
    let (members, updaters) = (64, 8);
    let variants = compare(members, updaters).unwrap();
    let merge = of(&variants, "merge-2018");
    assert_eq!((merge.messages, merge.rounds, merge.blanks), (8, 1, 0));
    // The closed form of draft-01 for a tree of height 6.
    assert_eq!(merge.bytes, 8 * 740);
    assert_eq!(merge.next.mean, 6.0);
    let proposals = of(&variants, "proposals");
    assert_eq!((proposals.messages, proposals.rounds), (8, 2));
    // Each proposal blanks a path, and only that of the committer is filled again.
    assert!(proposals.blanks > 0 && proposals.next.mean > 6.0);
    let retry = of(&variants, "retry");
    assert_eq!((retry.messages, retry.rounds, retry.blanks), (36, 8, 0));
    let in_turn = of(&variants, "in-turn");
    assert_eq!((in_turn.messages, in_turn.rounds, in_turn.blanks), (8, 8, 0));
    // A leaf of 189 bytes, and six nodes of one ciphertext each.
    assert_eq!(in_turn.bytes, 8 * (189 + 704));
    assert_eq!(retry.bytes, 36 * (189 + 704));
}

/// A thief with the states of members 0 and 1, in a group in which all have updated.
fn robbed(protocol: &'static dyn Protocol) -> (Circle, Box<dyn Adversary>, Seeded) {
    let (tools, mut random) = (Tools::new().unwrap(), Seeded::new(8));
    let mut circle = Circle::new(protocol, &tools, 8, &mut random).unwrap();
    (0..8).for_each(|slot| drop(circle.update(slot, &mut random).unwrap()));
    let loot = [0, 1].map(|slot| circle.member(slot).unwrap().compromise());
    let thief = protocol.adversary(&tools, loot.into()).unwrap();
    (circle, thief, random)
}

fn knows(thief: &dyn Adversary, circle: &Circle) -> bool {
    let secret = circle.agreement().unwrap();
    thief.epoch_secret().is_some_and(|guess| guess == secret)
}

/// What is found on paper, with real keys and for every group key agreement of the laboratory.
#[test]
fn real_updates_that_are_merged_do_not_throw_a_thief_of_two_states_out() {
    let mut merged = Vec::new();
    for &protocol in PROTOCOLS {
        let name = protocol.name();
        let (mut circle, mut thief, mut random) = robbed(protocol);
        assert!(knows(&*thief, &circle), "{name}: the stolen epoch");
        if protocol.is_mergeable() {
            merged.push(name);
            let updates =
                [0, 1].map(|slot| circle.member(slot).unwrap().update(&mut random).unwrap());
            let updates = updates.map(|sent| sent.message);
            circle.deliver_merged(&updates).unwrap();
            thief.read_merged(&updates);
            assert!(knows(&*thief, &circle), "{name}: after both have updated at once");
        }
        for slot in [0, 1] {
            let sent = circle.update(slot, &mut random).unwrap();
            thief.read(&sent.message);
        }
        assert!(!knows(&*thief, &circle), "{name}: after one has updated and then the other");
    }
    assert!(merged.iter().any(|name| name.starts_with("treekem")), "{merged:?}");
}
