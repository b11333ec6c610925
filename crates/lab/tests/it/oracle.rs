//! The knowledge oracle on the real library.

use lab::Seeded;
use lab::oracle::audit::{Counts, Finding, Leaks};
use lab::oracle::explore::{Menu, explore, grow, walk};
use lab::oracle::real::{Real, strict};
use mls::HandshakeFormat;

fn real(people: usize, members: u32, handshakes: HandshakeFormat) -> Real {
    let mut world = Real::new(people, strict(handshakes), 1).expect("a group starts");
    grow(&mut world, members).unwrap_or_else(|finding| panic!("{finding}"));
    world
}

fn clean(outcome: Result<Counts, Finding>) -> Counts {
    let counts = outcome.unwrap_or_else(|finding| panic!("{finding}"));
    println!("{counts:?}");
    counts
}

#[test]
fn every_short_history_of_four_exposes_what_it_should_and_no_more() {
    let world = real(4, 4, HandshakeFormat::Public);
    let counts = clean(explore(&world, Menu::Core, 2, Leaks::Pairs));
    assert!(counts.pairs > 1000, "{counts:?}");
}

#[test]
fn every_kind_of_commit_exposes_what_it_should_and_no_more() {
    let world = real(4, 3, HandshakeFormat::Private);
    clean(explore(&world, Menu::Full, 1, Leaks::Pairs));
}

#[test]
fn random_lives_expose_what_they_should_and_no_more() {
    let mut world = real(9, 5, HandshakeFormat::Private);
    clean(walk(&mut world, 10, Leaks::Single, &mut Seeded::new(7)));
}
