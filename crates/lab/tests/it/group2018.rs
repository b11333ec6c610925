//! The groups of 2018 beyond what all group key agreements share.

use lab::{Failure, Newcomer, Protocol, Seeded, Tools, art, treekem2018};

/// Two people, always the same, and the Welcome of the first to the second.
fn welcome(protocol: &dyn Protocol, tools: &Tools) -> (Box<dyn Newcomer>, Vec<u8>) {
    let person = |slot: u32| {
        let mut random = Seeded::new(u64::from(slot));
        protocol.newcomer(tools, slot, &mut random).unwrap()
    };
    let packages: Vec<_> = [1, 2].map(|slot| person(slot).key_package()).into();
    let (_, welcome) = person(0).create(&packages, &mut Seeded::new(9)).unwrap();
    (person(1), welcome)
}

#[test]
fn no_byte_of_a_welcome_can_be_changed_and_none_can_be_missing() {
    let protocols: [&dyn Protocol; 4] =
        [&art::prototype::Prototype, &art::DRAFT01, &art::MODERN, &treekem2018::DRAFT01];
    for protocol in protocols {
        let tools = Tools::new().unwrap();
        let (person, sent) = welcome(protocol, &tools);
        person.join(&sent).unwrap();
        for position in 0..sent.len() {
            let mut changed = sent.clone();
            changed[position] ^= 0x10;
            let again = || welcome(protocol, &tools).0;
            let name = protocol.name();
            assert!(again().join(&changed).is_err(), "{name} byte {position}");
            let cut = again().join(&sent[..position]);
            assert!(cut.is_err(), "{name} until {position}");
        }
    }
}

#[test]
fn a_welcome_is_for_those_whom_it_names() {
    for protocol in [&art::DRAFT01 as &dyn Protocol, &art::MODERN, &treekem2018::DRAFT01] {
        let tools = Tools::new().unwrap();
        let (_, sent) = welcome(protocol, &tools);
        let stranger = protocol.newcomer(&tools, 1, &mut Seeded::new(77)).unwrap();
        assert!(matches!(stranger.join(&sent), Err(Failure::Message(_))));
    }
}

#[test]
fn a_key_package_that_its_owner_did_not_sign_is_refused() {
    for protocol in [&art::DRAFT01 as &dyn Protocol, &art::MODERN, &treekem2018::DRAFT01] {
        let tools = Tools::new().unwrap();
        let mut random = Seeded::new(1);
        let warm = protocol.warm(&tools, 3, &mut random).unwrap();
        let mut member = warm.member(0).unwrap();
        let package = protocol.newcomer(&tools, 3, &mut random).unwrap().key_package();
        for position in 0..package.len() {
            let mut changed = package.clone();
            changed[position] ^= 1;
            assert!(member.add(&changed, &mut random).is_err(), "{position}");
        }
        member.add(&package, &mut random).unwrap();
    }
}

/// Nobody lives in the slot of the removed, so it stays as the remover set it, and the book says
/// so until the remover is gone as well.
#[test]
fn an_emptied_slot_is_set_anew_when_its_setter_is_removed() {
    let tools = Tools::new().unwrap();
    let mut random = Seeded::new(1);
    let warm = art::MODERN.warm(&tools, 8, &mut random).unwrap();
    let mut members: Vec<_> = (0..8).map(|slot| warm.member(slot).unwrap()).collect();
    let mut lengths = Vec::new();
    for (remover, removed) in [(1, 6), (2, 1), (3, 2)] {
        let sent = members[remover].remove(removed, &mut random).unwrap();
        lengths.push(sent.path_bytes);
        for member in &mut members {
            let outcome = member.process(&sent.message);
            assert!(matches!(outcome, Ok(()) | Err(Failure::Removed)));
        }
    }
    // The keys of one path; of the paths of leaves 1 and 6; of 2, 1 and 6.
    let vector = |keys: usize| 33 * keys + 2;
    assert_eq!(lengths, [vector(4), vector(7), vector(9)]);
}
