//! Each rule: the edge that is accepted, and one step past it.

use crate::people::{DAY, NOW, Person, alice, key, leaf, list, meet, name, policy, replace};
use authentication::{DeviceList, Succession, Violation};
use codec::{Decode, Encode};
use delivery_api::DeviceId;
use tree::Refusal;
use wire::{Credential, LeafNode};

fn refusal(leaf: &LeafNode) -> Option<Violation> {
    policy(&[]).verify(leaf).err()
}

/// Whether a client that has seen `seen` lets the leaf in at a time.
fn standing(seen: &[LeafNode], leaf: &LeafNode, now: u64) -> Result<(), Violation> {
    let policy = policy(seen);
    policy.check_standing(&policy.verify(leaf).unwrap(), now)
}

/// The list that Alice's root signs.
fn listing(number: u64, seeds: &[u8]) -> Option<DeviceList> {
    Some(list("alice", 1, number, seeds))
}

#[test]
fn what_is_no_device_credential_is_refused() {
    let expected = Some(Violation::NotADeviceCredential);
    let Credential::Basic(bytes) = alice().credential() else { panic!("basic") };
    let mut other_version = bytes.to_vec();
    other_version[0] = 2;
    let longer = [&bytes[..], &[0]].concat();
    for bytes in [b"alice".to_vec(), Vec::new(), other_version, longer] {
        assert_eq!(refusal(&leaf(Credential::basic(&bytes), 3)), expected);
    }
    assert_eq!(refusal(&leaf(Credential::X509(vec![bytes]), 3)), expected);
}

/// Edge of `Violation::NotADeviceCredential`.
#[test]
fn a_device_credential_is_accepted_and_survives_its_encoding() {
    let leaf = alice().leaf();
    assert_eq!(refusal(&leaf), None);
    let again = Credential::from_bytes(&leaf.credential.to_bytes()).unwrap();
    assert_eq!(again, leaf.credential);
}

#[test]
fn a_statement_about_another_key_is_refused() {
    let stolen = leaf(alice().credential(), 4);
    assert_eq!(refusal(&stolen), Some(Violation::WrongSignatureKey));
}

/// Edge of `Violation::WrongSignatureKey`.
#[test]
fn a_device_may_sign_leaves_with_its_own_key() {
    assert_eq!(refusal(&Person { signature: 2, ..alice() }.leaf()), None);
}

#[test]
fn only_the_root_of_the_account_signs_its_statements() {
    let forged = leaf(alice().signed_by(9, 2), 3);
    assert_eq!(refusal(&forged), Some(Violation::BadAccountSignature));
    // Every bit of the credential is signed, or its change is found otherwise.
    let Credential::Basic(bytes) = alice().credential() else { panic!("basic") };
    for place in 0..bytes.len() {
        let mut changed = bytes.to_vec();
        changed[place] ^= 1;
        assert!(refusal(&leaf(Credential::basic(&changed), 3)).is_some(), "octet {place}");
    }
}

/// Edge of `Violation::BadAccountSignature`.
#[test]
fn one_key_may_be_root_device_and_signature_key() {
    let person = Person { root: 2, signature: 2, ..alice() };
    assert_eq!(refusal(&person.leaf()), None);
}

#[test]
fn nobody_vouches_for_the_device_of_somebody_else() {
    let forged = leaf(alice().signed_by(1, 9), 3);
    assert_eq!(refusal(&forged), Some(Violation::BadDeviceSignature));
}

/// Edge of `Violation::BadDeviceSignature`.
#[test]
fn an_account_has_as_many_devices_as_it_vouches_for() {
    let policy = policy(&[alice().leaf()]);
    assert!(policy.verify(&Person { device: 9, ..alice() }.leaf()).is_ok());
}

#[test]
fn a_lifetime_is_neither_empty_nor_too_long() {
    for lifetime in [(NOW, NOW), (NOW, NOW - 1), (NOW, NOW + 90 * DAY + 1), (0, u64::MAX)] {
        let refused = refusal(&Person { lifetime, ..alice() }.leaf());
        assert_eq!(refused, Some(Violation::BadLifetime), "{lifetime:?}");
    }
}

/// Edge of `Violation::BadLifetime`.
#[test]
fn a_lifetime_is_between_a_second_and_ninety_days() {
    for lifetime in [(NOW, NOW + 1), (NOW, NOW + 90 * DAY)] {
        assert_eq!(refusal(&Person { lifetime, ..alice() }.leaf()), None, "{lifetime:?}");
    }
}

#[test]
fn another_root_under_a_known_name_is_refused() {
    let policy = policy(&[alice().leaf()]);
    let impostor = Person { root: 9, ..alice() }.leaf();
    assert_eq!(policy.verify(&impostor).err(), Some(Violation::OtherAccount));
}

/// Edge of `Violation::OtherAccount`.
#[test]
fn the_first_root_under_a_name_is_believed_and_the_same_root_again() {
    let policy = policy(&[]);
    meet(&policy, &alice().leaf());
    meet(&policy, &alice().leaf());
    // The same root under another name is another account.
    meet(&policy, &Person { name: "bob", ..alice() }.leaf());
}

#[test]
fn a_member_does_not_become_somebody_else() {
    let policy = policy(&[]);
    let before = alice().leaf();
    let others = [
        Person { name: "bob", ..alice() },
        Person { device: 9, ..alice() },
        Person { root: 9, ..alice() },
    ];
    for other in others {
        let refused = replace(&policy, &before, &other.leaf());
        assert_eq!(refused, Err(Refusal::from(Violation::OtherClient)), "{}", other.name);
    }
    let foreign = leaf(Credential::basic(b"alice"), 3);
    let refused = replace(&policy, &foreign, &before);
    assert_eq!(refused, Err(Refusal::from(Violation::NotADeviceCredential)));
}

/// Edge of `Violation::OtherClient`.
#[test]
fn a_member_may_change_its_signature_key_and_renew_its_lifetime() {
    let renewed = Person { signature: 9, lifetime: (NOW + 60 * DAY, NOW + 150 * DAY), ..alice() };
    assert_eq!(replace(&policy(&[alice().leaf()]), &alice().leaf(), &renewed.leaf()), Ok(()));
}

#[test]
fn a_credential_of_the_future_lets_nobody_in() {
    let early = standing(&[], &alice().leaf(), NOW - DAY - 1);
    assert_eq!(early, Err(Violation::NotYetValid));
}

/// Edge of `Violation::NotYetValid`.
#[test]
fn clocks_may_be_a_day_apart() {
    assert_eq!(standing(&[], &alice().leaf(), NOW - DAY), Ok(()));
}

#[test]
fn an_expired_credential_lets_nobody_in() {
    let late = standing(&[], &alice().leaf(), NOW + 90 * DAY + 1);
    assert_eq!(late, Err(Violation::Expired));
}

/// Edge of `Violation::Expired`.
#[test]
fn the_last_second_of_a_lifetime_counts_and_a_renewal_goes_on() {
    let last = NOW + 90 * DAY;
    assert_eq!(standing(&[], &alice().leaf(), last), Ok(()));
    let statement = alice().statement();
    assert_eq!(
        [NOW + 60 * DAY - 1, NOW + 60 * DAY].map(|now| statement.is_due(now)),
        [false, true]
    );
    let renewed = Person { lifetime: (NOW + 60 * DAY, NOW + 150 * DAY), ..alice() };
    assert_eq!(standing(&[alice().leaf()], &renewed.leaf(), last + 1), Ok(()));
}

#[test]
fn members_must_go_once_they_are_not_listed_or_expired_for_long() {
    let long = NOW + 180 * DAY;
    let laptop = Person { device: 9, ..alice() }.leaf();
    let unheard = policy(&[]);
    assert_eq!(unheard.check_member(&laptop, long), Ok(()));
    assert_eq!(unheard.check_member(&laptop, long + 1), Err(Violation::Expired));
    let heard = policy(&[Person { list: listing(2, &[2]), ..alice() }.leaf()]);
    assert_eq!(heard.check_member(&laptop, NOW), Err(Violation::NotListed));
    assert_eq!(heard.check_member(&alice().leaf(), NOW), Ok(()));
    // A device that came in although not even its own credential lists it.
    let ghost = Person { device: 9, list: listing(3, &[2]), ..alice() }.leaf();
    assert_eq!(unheard.check_member(&ghost, NOW), Err(Violation::NotListed));
}

#[test]
fn a_list_that_the_account_did_not_sign_is_refused() {
    let forged = Person { list: Some(list("alice", 8, 1, &[2])), ..alice() };
    assert_eq!(refusal(&forged.leaf()), Some(Violation::BadDeviceList));
    let moved = Person { list: Some(list("bob", 1, 1, &[2])), ..alice() };
    assert_eq!(refusal(&moved.leaf()), Some(Violation::BadDeviceList));
}

/// Edge of `Violation::BadDeviceList`.
#[test]
fn a_list_names_up_to_thirty_two_devices() {
    let devices = |count: u8| (0..count).map(|n| DeviceId::new([n; 32])).collect();
    let list = |count| DeviceList::new(&name("alice"), &key(1), 1, &devices(count));
    let full = Person { list: Some(list(32).unwrap()), ..alice() };
    assert_eq!(refusal(&full.leaf()), None);
    assert!(list(33).is_err());
    // Nor is a longer one read, whoever signed it: its devices stand behind a length of two octets.
    let mut bytes = list(32).unwrap().to_bytes();
    bytes.splice(8..10, u16::try_from(0x4000 + 33 * 32).unwrap().to_be_bytes());
    bytes.splice(10..10, [0; 32]);
    assert!(DeviceList::from_bytes(&bytes).is_err());
}

#[test]
fn a_device_that_is_not_listed_is_not_let_in_by_whoever_has_heard() {
    let laptop = Person { device: 9, list: listing(1, &[2, 9]), ..alice() }.leaf();
    let phone = Person { list: listing(2, &[2]), ..alice() }.leaf();
    assert_eq!(standing(&[laptop.clone(), phone.clone()], &laptop, NOW), Err(Violation::NotListed));
    // An older list, or another one of the same number, does not take it back.
    for number in [1, 2] {
        let seen = [phone.clone(), Person { list: listing(number, &[2, 9]), ..alice() }.leaf()];
        assert_eq!(standing(&seen, &laptop, NOW), Err(Violation::NotListed), "number {number}");
    }
    // A device whose own credential says so is not let in by anybody.
    let honest = Person { list: listing(1, &[9]), ..alice() }.leaf();
    assert_eq!(standing(&[], &honest, NOW), Err(Violation::NotListed));
}

#[test]
fn a_list_by_a_former_root_lists_nobody() {
    let step = Succession::new(&name("alice"), &key(1), &key(10)).unwrap();
    let rotated = Person {
        root: 10,
        successions: vec![step],
        list: Some(list("alice", 10, 2, &[2])),
        ..alice()
    };
    let policy = policy(&[alice().leaf(), rotated.leaf()]);
    let thief = Person { device: 9, list: listing(3, &[9]), ..alice() }.leaf();
    assert_eq!(policy.check_member(&thief, NOW), Err(Violation::NotListed));
    meet(&policy, &thief);
    assert_eq!(policy.check_member(&rotated.leaf(), NOW), Ok(()));
}

/// Edge of `Violation::NotListed`.
#[test]
fn every_listed_device_of_an_account_stays() {
    let phone = Person { list: listing(2, &[2, 9]), ..alice() }.leaf();
    assert_eq!(standing(std::slice::from_ref(&phone), &phone, NOW), Ok(()));
    // Its credential has not changed over to the last list yet.
    let laptop = Person { device: 9, ..alice() }.leaf();
    assert_eq!(standing(std::slice::from_ref(&phone), &laptop, NOW), Ok(()));
    // Who has not heard lets it in; that is what eviction is for.
    assert_eq!(standing(&[], &laptop, NOW), Ok(()));
}
