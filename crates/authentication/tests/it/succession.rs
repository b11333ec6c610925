//! One root key after another.

use crate::people::{NOW, Person, account_key, alice, key, meet, name, policy, provider, replace};
use authentication::{
    AccountPolicy, DeviceCredential, KeySource, KnownAccount, KnownAccounts, Succession, Violation,
};
use codec::{Decode, Encode};
use std::sync::Arc;
use wire::{Credential, LeafNode};

fn step(from: u8, to: u8) -> Succession {
    Succession::new(&name("alice"), &key(from), &key(to)).unwrap()
}

/// Alice's leaf after her root changed along these seeds.
fn rotated(roots: &[u8]) -> LeafNode {
    let successions = roots.windows(2).map(|pair| step(pair[0], pair[1])).collect();
    Person { root: *roots.last().unwrap(), successions, ..alice() }.leaf()
}

#[test]
fn a_root_that_does_not_follow_is_refused() {
    let with = |successions| Person { root: 11, successions, ..alice() }.leaf();
    let of_bob = Succession::new(&name("bob"), &key(1), &key(11)).unwrap();
    let mut unsigned = step(1, 11).to_bytes();
    let last = unsigned.len() - 1;
    unsigned[last] ^= 1;
    let unsigned = Succession::from_bytes(&unsigned).unwrap();
    for wrong in [
        vec![step(1, 12)],
        vec![step(1, 10), step(12, 11)],
        vec![step(10, 11), step(1, 10)],
        vec![of_bob],
        vec![unsigned],
    ] {
        let refused = policy(&[]).verify(&with(wrong)).err();
        assert_eq!(refused, Some(Violation::BadSuccession));
    }
}

/// Edge of `Violation::BadSuccession`.
#[test]
fn a_root_that_follows_is_believed_over_several_steps() {
    let policy = policy(&[alice().leaf()]);
    assert_eq!(policy.known().get(&name("alice")).unwrap().key, account_key(1));
    meet(&policy, &rotated(&[1, 10, 11, 12]));
    assert_eq!(policy.known().get(&name("alice")).unwrap().key, account_key(12));
    // A member in a group changes over as well.
    assert_eq!(replace(&policy, &alice().leaf(), &rotated(&[1, 10, 11, 12])), Ok(()));
}

#[test]
fn a_former_root_lets_nobody_in() {
    let policy = policy(&[alice().leaf(), rotated(&[1, 10])]);
    let by_former = policy.verify(&alice().leaf()).unwrap();
    assert_eq!(policy.check_standing(&by_former, NOW), Err(Violation::FormerAccountKey));
    // Whoever has the former root cannot lead the name elsewhere.
    let thief = policy.verify(&rotated(&[1, 13]));
    assert_eq!(thief.err(), Some(Violation::OtherAccount));
}

/// Edge of `Violation::FormerAccountKey`.
#[test]
fn what_a_former_root_signed_stays_readable_and_its_successor_is_let_in() {
    let policy = policy(&[alice().leaf()]);
    let next = policy.verify(&rotated(&[1, 10])).unwrap();
    assert_eq!(policy.check_standing(&next, NOW), Ok(()));
    meet(&policy, &rotated(&[1, 10]));
    // In a log that is read late, or in a group where Alice has not changed over yet.
    assert_eq!(replace(&policy, &alice().leaf(), &alice().leaf()), Ok(()));
    let next = policy.verify(&rotated(&[1, 10])).unwrap();
    assert_eq!(policy.check_standing(&next, NOW), Ok(()));
}

#[test]
fn nine_changes_of_the_root_are_too_many_to_follow_at_once() {
    let roots: Vec<u8> = (1..=10).collect();
    let policy = policy(&[alice().leaf()]);
    assert!(policy.verify(&rotated(&roots[..9])).is_ok(), "eight");
    assert_eq!(policy.verify(&rotated(&roots)).err(), Some(Violation::OtherAccount));
}

#[test]
fn nine_successions_are_not_read() {
    let roots: Vec<u8> = (1..=9).collect();
    let eight = rotated(&roots).credential;
    let Credential::Basic(bytes) = &eight else { panic!("basic") };
    let added = step(9, 10).to_bytes();
    // Before them is their length in two octets, behind them the list of devices.
    let length = 8 * added.len();
    let end = bytes.len() - crate::people::list("alice", 9, 1, &[2]).to_bytes().len();
    let start = end - length;
    let header = u16::try_from(0x4000 + length).unwrap().to_be_bytes();
    assert_eq!(bytes[start - 2..start], header);
    let mut nine = bytes.to_vec();
    let header = u16::try_from(0x4000 + length + added.len()).unwrap().to_be_bytes();
    nine.splice(start - 2..start, header);
    nine.splice(end..end, added);
    assert!(DeviceCredential::read(&eight).is_ok());
    let refused = DeviceCredential::read(&Credential::basic(&nine)).err();
    assert_eq!(refused, Some(Violation::NotADeviceCredential));
}

#[test]
fn a_root_that_was_given_by_hand_is_what_counts() {
    let known = KnownAccount::new(name("alice"), account_key(1), KeySource::ByHand);
    let policy = AccountPolicy::new(provider(), Arc::new(KnownAccounts::new([known])));
    let impostor = Person { root: 9, ..alice() }.leaf();
    assert_eq!(policy.verify(&impostor).err(), Some(Violation::OtherAccount));
    meet(&policy, &alice().leaf());
    assert_eq!(policy.known().get(&name("alice")).unwrap().source, KeySource::ByHand);
}

#[test]
fn what_is_known_survives_its_encoding() {
    let list = Some(crate::people::list("alice", 10, 3, &[2, 9]));
    let rotated = Person { root: 10, successions: vec![step(1, 10)], list, ..alice() };
    let policy = policy(&[alice().leaf(), rotated.leaf()]);
    let known = policy.known().get(&name("alice")).unwrap();
    assert_eq!((known.list_number(), known.devices().len()), (3, 2));
    assert_eq!(KnownAccount::from_bytes(&known.to_bytes()), Ok(known));
}
