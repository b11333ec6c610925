//! DJ-2, CGKA-10: what members that were removed still know, and what it costs that they do not.

use lab::attacker::{Deed, Outcome, eviction_of_the_creator, removed_member};
use lab::{Failure, PROTOCOLS, Protocol, Seeded, Tools, art, treekem2018};

fn outcome(protocol: &dyn Protocol, deed: Deed, size: u32) -> Outcome {
    let tools = Tools::new().expect("suite 1 exists");
    let mut random = Seeded::new(u64::from(size));
    let played = removed_member(protocol, &tools, (deed, size), &mut random);
    played.unwrap_or_else(|failure| panic!("{} {deed:?}: {failure}", protocol.name()))
}

const CAUGHT: Outcome = Outcome { when_removed: false, when_all_updated: false };
const UNTIL_UPDATES: Outcome = Outcome { when_removed: true, when_all_updated: false };
const FOR_EVER: Outcome = Outcome { when_removed: true, when_all_updated: true };

#[test]
fn on_the_trees_of_2018_a_removed_member_knows_the_next_epochs_secret() {
    let without_book: [&dyn Protocol; 3] =
        [&art::DRAFT01, &art::MODERN_WITHOUT_BOOK, &treekem2018::DRAFT01];
    for protocol in without_book {
        for size in [4, 5, 8, 13] {
            assert_eq!(outcome(protocol, Deed::Add, size), UNTIL_UPDATES, "{}", protocol.name());
            // The creator knows every leaf until its owner updates.
            let expected = UNTIL_UPDATES;
            assert_eq!(outcome(protocol, Deed::Create, size), expected, "{}", protocol.name());
            // A slot that was emptied has no owner who could ever update it.
            assert_eq!(outcome(protocol, Deed::Remove, size), FOR_EVER, "{}", protocol.name());
        }
    }
}

#[test]
fn with_the_book_of_owners_respected_it_knows_nothing() {
    for deed in Deed::ALL {
        for size in [4, 5, 8, 13] {
            assert_eq!(outcome(&art::MODERN, deed, size), CAUGHT, "{deed:?} {size}");
        }
    }
}

/// The remover follows other rules than the rest, who have the book.
#[test]
fn a_removal_that_ignores_the_book_is_refused() {
    let tools = Tools::new().unwrap();
    let mut random = Seeded::new(1);
    let creator = art::MODERN.newcomer(&tools, 0, &mut random).unwrap();
    let careless = art::MODERN_WITHOUT_BOOK.newcomer(&tools, 1, &mut random).unwrap();
    let careful = art::MODERN.newcomer(&tools, 2, &mut random).unwrap();
    let packages = [careless.key_package(), careful.key_package()];
    let (_, welcome) = creator.create(&packages, &mut random).unwrap();
    let mut careless = careless.join(&welcome).unwrap();
    let mut careful = careful.join(&welcome).unwrap();
    let sent = careless.remove(0, &mut random).unwrap();
    assert!(matches!(careful.process(&sent.message), Err(Failure::Message(_))));
    // The other way round it is as careless to do more than is asked for.
    let sent = careful.remove(0, &mut random).unwrap();
    assert!(matches!(careless.process(&sent.message), Err(Failure::Message(_))));
    careful.process(&sent.message).unwrap();
}

#[test]
fn on_no_tree_of_today_does_it_know_anything() {
    let today = ["mkem", "rfc9420"];
    let today: Vec<_> = PROTOCOLS
        .iter()
        .filter(|protocol| today.iter().any(|name| protocol.name().starts_with(name)))
        .collect();
    assert!(today.iter().any(|protocol| protocol.name() == "rfc9420"));
    for protocol in today {
        for deed in Deed::ALL {
            for size in [4, 5, 8, 13] {
                assert_eq!(outcome(*protocol, deed, size), CAUGHT, "{} {deed:?}", protocol.name());
            }
        }
    }
}

#[test]
fn removing_the_creator_of_an_art_at_once_is_as_dear_as_a_new_setup() {
    for size in [4_u32, 8, 33, 100] {
        let tools = Tools::new().unwrap();
        let mut random = Seeded::new(1);
        let it = eviction_of_the_creator(&art::MODERN, &tools, size, &mut random).unwrap();
        let n = u64::from(size);
        // Every other leaf is agreed on again, with two Diffie-Hellman and a fresh key each; the
        // remover draws its own. Every node is computed once.
        assert_eq!((it.creation.dh, it.creation.base), (2 * (n - 1) + n - 1, n - 1 + 2 * n - 1));
        assert_eq!((it.removal.dh, it.removal.base), (2 * (n - 2) + n - 1, n - 2 + 2 * n - 1));
        // 33 bytes a node, and 38 for a leaf that its owner is to be told of.
        let bytes = usize::try_from(33 * (2 * n - 1) + 38 * (n - 2)).unwrap();
        assert!((bytes..bytes + 150).contains(&it.removal_bytes), "{} {bytes}", it.removal_bytes);
        assert!(it.ordinary_removal.dh <= u64::from(size.next_power_of_two().ilog2()));
        assert!(size < 8 || it.ordinary_removal_bytes * 2 < it.removal_bytes);
    }
}
