//! CGKA-4, CGKA-11: messages of 2018 are exactly as long as their closed forms.

use lab::art::prototype::{Prototype, application_message};
use lab::measure::closed_forms_2018::{
    path_bytes, prototype_message_bytes, setup_bytes, update_bytes,
};
use lab::{Protocol, Seeded, Tools, art, treekem2018};

const PROTOCOLS: [&dyn Protocol; 4] =
    [&Prototype, &art::DRAFT01, &art::MODERN, &treekem2018::DRAFT01];

/// The sizes of the paper's measurements.
const PAPER: [u32; 16] = [2, 3, 4, 6, 10, 15, 22, 34, 51, 76, 115, 172, 259, 389, 583, 875];

/// Updates from some leaves of a warm group.
fn check_updates(protocol: &dyn Protocol, size: u32) {
    let tools = Tools::new().expect("suite 1 exists");
    let mut random = Seeded::new(u64::from(size));
    let warm = protocol.warm(&tools, size, &mut random).expect("a group");
    let name = protocol.name();
    for slot in [0, 1, size / 2, size * 3 / 4, size - 1] {
        let mut member = warm.member(slot).expect("a member");
        let sent = member.update(&mut random).expect("an update");
        assert_eq!(Some(sent.path_bytes), path_bytes(name, slot, size), "{name} {slot} of {size}");
        let length = sent.message.len();
        assert_eq!(Some(length), update_bytes(name, slot, size), "{name} {slot} of {size}");
        if name == Prototype.name() {
            member.process(&sent.message).expect("the own message");
            let said = (sent.message.as_slice(), &member.epoch_secret());
            let message = application_message(&tools, said, &[0; 32], &mut random);
            let expected = prototype_message_bytes(slot, size, 32);
            assert_eq!(Some(message.expect("a message").len()), expected, "{slot} of {size}");
        }
    }
}

fn check_setup(protocol: &dyn Protocol, size: u32) {
    let tools = Tools::new().expect("suite 1 exists");
    let mut random = Seeded::new(u64::from(size));
    let mut person = |slot| protocol.newcomer(&tools, slot, &mut random).expect("a person");
    let creator = person(0);
    let packages: Vec<_> = (1..size).map(|slot| person(slot).key_package()).collect();
    let setup = creator.create(&packages, &mut Seeded::new(1)).expect("a group").1;
    assert_eq!(Some(setup.len()), setup_bytes(protocol.name(), size), "{}", protocol.name());
}

#[test]
fn updates_and_setups_at_the_papers_sizes_are_as_long_as_their_closed_forms() {
    for protocol in PROTOCOLS {
        for size in PAPER {
            check_updates(protocol, size);
            check_setup(protocol, size);
        }
    }
}

#[test]
fn updates_and_setups_at_powers_of_two_are_as_long_as_their_closed_forms() {
    for protocol in PROTOCOLS {
        for size in (3..11).map(|height| 1 << height) {
            check_updates(protocol, size);
            check_setup(protocol, size);
        }
    }
}

#[test]
#[ignore = "takes minutes"]
fn updates_and_setups_of_large_groups_are_as_long_as_their_closed_forms() {
    for protocol in PROTOCOLS {
        for size in [2048, 4096, 10_000, 50_000] {
            check_updates(protocol, size);
            check_setup(protocol, size);
        }
    }
}
