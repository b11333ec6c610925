//! How many operations the trees of 2018 take: the closed forms, for the sender and for every
//! recipient.

use lab::{Ops, Protocol, Seeded, Tools, art, treekem2018};

/// Operations of an update in a group in which all have updated: the sender at slot 0, and each of
/// the others.
fn update(protocol: &dyn Protocol, size: u32) -> (Ops, Vec<Ops>) {
    let tools = Tools::new().expect("suite 1 exists");
    let mut random = Seeded::new(1);
    let warm = protocol.warm(&tools, size, &mut random).expect("a group");
    let mut sender = warm.member(0).expect("a member");
    let (sent, sending) = tools.measure(|| sender.update(&mut random));
    let message = sent.expect("an update").message;
    let receive = |slot| {
        let mut member = warm.member(slot).expect("a member");
        let (processed, receiving) = tools.measure(|| member.process(&message));
        processed.expect("a message");
        receiving
    };
    (sending, (1..size).map(receive).collect())
}

#[test]
fn an_art_recipient_computes_two_nodes_on_average_and_all_at_most() {
    let forms: [&dyn Protocol; 3] = [&art::prototype::Prototype, &art::DRAFT01, &art::MODERN];
    for protocol in forms {
        for height in [1, 3, 7, 8] {
            let size = 1_u32 << height;
            let (sending, receiving) = update(protocol, size);
            let name = protocol.name();
            assert_eq!((sending.dh, sending.base), (height, height + 1), "{name} {size}");
            assert_eq!((sending.seal, sending.open), (0, 0), "{name} {size}");
            assert!(receiving.iter().all(|ops| ops.dh == ops.base && ops.open == 0));
            let total: u64 = receiving.iter().map(|ops| ops.dh).sum();
            assert_eq!(total, 2 * u64::from(size) - height - 2, "{name} {size}");
            assert_eq!(receiving.iter().map(|ops| ops.dh).max(), Some(height), "{name} {size}");
            let mean = total as f64 / f64::from(size - 1);
            assert!(size < 128 || (1.9..=2.0).contains(&mean), "{name} {size}: {mean}");
        }
    }
}

#[test]
fn a_treekem_recipient_opens_one_ciphertext() {
    for height in [1, 3, 7, 8] {
        let size = 1_u32 << height;
        let (sending, receiving) = update(&treekem2018::DRAFT01, size);
        let expected = (height, 2 * height + 1, height);
        assert_eq!((sending.dh, sending.base, sending.seal), expected, "{size}");
        assert!(receiving.iter().all(|ops| (ops.dh, ops.open) == (1, 1)), "{size}");
        let total: u64 = receiving.iter().map(|ops| ops.base).sum();
        assert_eq!(total, 2 * u64::from(size) - height - 2, "{size}");
    }
}

#[test]
fn setting_up_the_prototypes_group_takes_five_diffie_hellman_a_member() {
    for size in [2_u32, 4, 5, 33] {
        let tools = Tools::new().unwrap();
        let mut random = Seeded::new(1);
        let mut person = |slot| art::prototype::Prototype.newcomer(&tools, slot, &mut random);
        let creator = person(0).unwrap();
        let others: Vec<_> = (1..size).map(|slot| person(slot).unwrap()).collect();
        let packages: Vec<_> = others.iter().map(|other| other.key_package()).collect();
        let (created, creating) = tools.measure(|| creator.create(&packages, &mut Seeded::new(2)));
        let setup = created.unwrap().1;
        let n = u64::from(size);
        assert_eq!((creating.dh, creating.base), (5 * (n - 1), 2 * n), "{size}");
        let height = u64::from(size.next_power_of_two().ilog2());
        let joining = others.into_iter().map(|other| {
            let (joined, joining) = tools.measure(|| other.join(&setup));
            joined.unwrap();
            joining
        });
        for (slot, ops) in (1..).zip(joining) {
            // The last leaf may be higher up.
            let is_low = slot + 1 < size || size.is_power_of_two();
            assert!(!is_low || (ops.dh, ops.base) == (4 + height, height + 1), "{size} {slot}");
            assert_eq!(ops.dh, 3 + ops.base, "{size} {slot}");
        }
    }
}
