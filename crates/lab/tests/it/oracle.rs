//! The knowledge oracle on the real library.

use lab::Seeded;
use lab::oracle::audit::{Counts, Finding, Leaks, Property, Scope};
use lab::oracle::explore::{Menu, compare, explore, grow, walk};
use lab::oracle::exposure;
use lab::oracle::model::{Model, Weakness};
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
    let counts = clean(explore(&world, Menu::Core, 2, Scope::all(Leaks::Pairs)));
    assert!(counts.pairs > 1000, "{counts:?}");
}

#[test]
fn every_kind_of_commit_exposes_what_it_should_and_no_more() {
    let world = real(4, 3, HandshakeFormat::Private);
    clean(explore(&world, Menu::Full, 1, Scope::all(Leaks::Pairs)));
}

#[test]
fn random_lives_expose_what_they_should_and_no_more() {
    let mut world = real(9, 5, HandshakeFormat::Private);
    clean(walk(&mut world, 10, Scope::all(Leaks::Single), &mut Seeded::new(7)));
}

fn model(people: usize, members: u32, weakness: Option<Weakness>) -> Model {
    let mut world = Model::new(people, weakness);
    grow(&mut world, members).unwrap_or_else(|finding| panic!("{finding}"));
    world
}

#[test]
fn the_model_exposes_what_it_should_and_no_more() {
    clean(explore(&model(4, 4, None), Menu::Core, 2, Scope::all(Leaks::Pairs)));
    clean(explore(&model(8, 5, None), Menu::Core, 2, Scope::all(Leaks::Single)));
    clean(explore(&model(4, 3, None), Menu::Full, 2, Scope::all(Leaks::Pairs)));
}

/// Which properties a weakened model breaks.
fn broken(weakness: Weakness) -> Vec<Property> {
    let all = [
        Property::Secrecy,
        Property::FreshLeaf,
        Property::TreeInvariant,
        Property::Robustness,
        Property::Agreement,
        Property::Outsiders,
    ];
    // With four places, a new member is below a node whose key it lacks only if it was added
    // without a path.
    let (members, menu) =
        if weakness == Weakness::NoUnmerged { (3, Menu::Full) } else { (4, Menu::Core) };
    let world = model(4, members, Some(weakness));
    let breaks = |property: &Property| {
        let scope = Scope { leaks: Leaks::Pairs, only: Some(*property) };
        let finding = explore(&world, menu, 2, scope).err();
        if let Some(finding) = &finding {
            println!("{weakness:?}: {finding}");
        }
        finding.is_some()
    };
    all.into_iter().filter(breaks).collect()
}

#[test]
fn every_historic_flaw_is_found_in_a_weakened_model() {
    use Property::{Agreement, FreshLeaf, Outsiders, Robustness, Secrecy, TreeInvariant};
    let expected: [(Weakness, &[Property]); 6] = [
        (Weakness::NoBlanking, &[Secrecy, TreeInvariant, Outsiders]),
        (Weakness::NoInitSecret, &[Secrecy]),
        (Weakness::StaleLeaf, &[Secrecy, FreshLeaf]),
        (Weakness::NoUnmerged, &[TreeInvariant]),
        (Weakness::ReusedSecret, &[Secrecy, Outsiders]),
        (Weakness::NoKeyCheck, &[Agreement]),
    ];
    for (weakness, properties) in expected {
        assert_eq!(broken(weakness), properties, "{weakness:?}");
    }
    // With eight places, members are shut out by it.
    let world = model(8, 7, Some(Weakness::NoUnmerged));
    let scope = Scope { leaks: Leaks::Single, only: Some(Robustness) };
    let finding = explore(&world, Menu::Full, 2, scope).expect_err("somebody cannot follow");
    println!("{finding}");
}

#[test]
fn the_model_and_the_real_library_tell_an_attacker_the_same() {
    let same = |people, members, menu, depth| {
        let real = real(people, members, HandshakeFormat::Public);
        let compared = compare(&real, &model(people, members, None), menu, depth);
        let compared = compared.unwrap_or_else(|finding| panic!("{finding}"));
        println!("{compared} histories");
    };
    same(4, 4, Menu::Core, 2);
    same(4, 3, Menu::Full, 1);
    same(8, 6, Menu::Core, 1);
}

#[test]
fn the_tables_are_the_same_of_the_model_and_of_the_real_library() {
    let of_real = Real::new(exposure::PEOPLE, strict(HandshakeFormat::Public), 2);
    let of_real = exposure::start(of_real.expect("a group starts")).expect("it grows");
    let of_model = exposure::start(Model::new(exposure::PEOPLE, None)).expect("it grows");
    let tables = exposure::tables(&of_real).unwrap_or_else(|finding| panic!("{finding}"));
    assert_eq!(exposure::tables(&of_model).expect("the model goes on"), tables);
    tables.iter().for_each(|table| println!("{}", table.text()));
}

#[test]
fn the_default_settings_keep_what_they_say_and_no_more() {
    let table = exposure::kept_table().unwrap_or_else(|finding| panic!("{finding}"));
    println!("{}", table.text());
    let defaults = mls::Settings::default();
    let expected = [
        (0, 0),
        (defaults.past_epochs_max, defaults.resumption_psks_max),
        (0, defaults.resumption_psks_max),
    ];
    for (row, (messages, resumption)) in table.rows.iter().zip(expected) {
        assert_eq!(row[2..], [messages.into(), resumption.into(), 0_usize.into()]);
    }
}
