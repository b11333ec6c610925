//! Every target over its committed corpus, and over changes of it.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fuzz_targets::{Outcome, TARGETS, target};
use testkit::SeededRandom;

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The committed inputs of a target, by name.
fn corpus(name: &str) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(fuzz_folder().join("corpus").join(name)).unwrap();
    let files = files.map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect()
}

/// An input with up to four octets changed, left out or put in, or the rest of another.
fn changed(input: &[u8], other: &[u8], random: &mut SeededRandom) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(4) {
        let place = random.below(bytes.len() + 1);
        let value = random.next_u64().to_be_bytes()[0];
        match random.below(5) {
            0 if place < bytes.len() => drop(bytes.remove(place)),
            1 => bytes.insert(place, value),
            2 if place < other.len() => {
                bytes.truncate(place);
                bytes.extend_from_slice(&other[place..]);
            }
            3 => bytes.extend_from_slice(&random.next_u64().to_be_bytes()[..random.below(8)]),
            _ => bytes.iter_mut().skip(place).take(1).for_each(|byte| *byte = value),
        }
    }
    bytes
}

/// Runs a target over its corpus and over so many changes of it. Both outcomes occur, or the target
/// would show nothing.
fn holds(name: &str, changes: usize) {
    let target = target(name).unwrap();
    let inputs: Vec<_> = corpus(name).into_values().collect();
    let mut count = BTreeMap::from([(true, 0_usize), (false, 0)]);
    let mut run = |bytes: &[u8]| {
        *count.entry((target.run)(bytes) == Outcome::Accepted).or_default() += 1;
    };
    inputs.iter().for_each(|input| run(input));
    let mut random = SeededRandom::new(1);
    for _ in 0..changes {
        let input = &inputs[random.below(inputs.len())];
        let other = &inputs[random.below(inputs.len())];
        run(&changed(input, other, &mut random));
    }
    assert!(count.values().all(|&count| count >= 5), "accepted or not: {count:?}");
}

#[test]
fn certificate_chains_hold() {
    holds("chain", 2000);
}

#[test]
fn delivery_bodies_hold() {
    holds("delivery", 20_000);
}

#[test]
fn messages_in_a_live_group_hold() {
    holds("group", 300);
}

#[test]
fn messages_of_a_deviating_member_hold() {
    holds("insider", 300);
}

#[test]
fn joining_holds() {
    holds("joining", 300);
}

#[test]
fn whole_messages_hold() {
    holds("message", 5000);
}

#[test]
fn stored_rows_hold() {
    holds("rows", 300);
}

#[test]
fn ratchet_trees_hold() {
    holds("tree", 1000);
}

#[test]
fn structures_hold() {
    holds("wire", 10_000);
}

#[test]
fn every_target_has_a_corpus_and_a_fuzzer_and_nothing_else_has() {
    let names: Vec<_> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    let listed = |folder: &str| {
        let files = std::fs::read_dir(fuzz_folder().join(folder)).unwrap();
        let files = files.map(|entry| entry.unwrap().path());
        let mut stems: Vec<_> =
            files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        stems.sort();
        stems
    };
    assert_eq!(listed("corpus"), names);
    assert_eq!(listed("fuzz_targets"), names);
    let manifest = std::fs::read_to_string(fuzz_folder().join("Cargo.toml")).unwrap();
    for name in names {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "no binary {name}");
    }
}
