//! Numbers to compare.

use crate::people::{account_key, name, provider};
use authentication::{authenticator_digits, safety_number};

fn number(one: (&str, u8), other: (&str, u8)) -> String {
    let (one, other) = ((name(one.0), one.1), (name(other.0), other.1));
    let (first, second) = (account_key(one.1), account_key(other.1));
    safety_number(&*provider(), (&one.0, &first), (&other.0, &second)).unwrap()
}

#[test]
fn a_safety_number_is_the_same_from_both_sides_and_no_other() {
    let ours = number(("alice", 1), ("bob", 2));
    assert_eq!(ours, number(("bob", 2), ("alice", 1)));
    for other in [
        number(("alice", 3), ("bob", 2)),
        number(("alice", 1), ("bob", 3)),
        number(("alice", 2), ("bob", 1)),
        number(("alicia", 1), ("bob", 2)),
    ] {
        assert_ne!(ours, other);
    }
    let digits = ours.split(' ').map(str::len);
    assert_eq!(digits.collect::<Vec<_>>(), [5; 12]);
}

/// Version 1 never changes: people would compare numbers of two kinds.
#[test]
fn the_numbers_are_those_that_another_implementation_computes() {
    assert_eq!(
        number(("alice", 1), ("bob", 2)),
        "45408 33536 63659 76172 19602 79464 68879 38029 55216 44541 48006 74911"
    );
    assert_eq!(
        authenticator_digits(&*provider(), &[7; 32]).unwrap(),
        "41047 26908 38186 57168 04827 51189"
    );
}
