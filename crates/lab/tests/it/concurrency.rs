//! Several members update in one epoch.

use lab::concurrency::{Variant, compare};

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
