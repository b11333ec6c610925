//! What is fuzzed, as ordinary functions: each takes bytes, asserts what must hold whatever they
//! are, and says whether the system accepted what they stand for.
//!
//! The same functions run under a fuzzer (the folder `fuzz`) and as ordinary tests over the
//! committed corpus (`tests/it`). Decoders take the bytes as they are, after an octet that chooses
//! the structure. Everything else takes them as instructions (`input.rs`): which honest bytes to
//! start from, where in them to change what, and how to sign, encrypt and wrap the result. So an
//! input means the same whatever keys the honest messages were made with, and a fuzzer gets past
//! the signatures.

mod chain;
mod decoders;
mod group;
mod input;
mod insider;
mod joining;
mod rows;
mod scene;
mod seeds;
mod tree_nodes;

/// What became of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was decoded, processed, joined or loaded.
    Accepted,
    /// It was refused as it should be.
    Refused,
}

/// Something that is fuzzed.
pub struct Target {
    /// Its name: of the fuzzer, and of the folder of its corpus.
    pub name: &'static str,
    /// What an input stands for, tried out.
    ///
    /// # Panics
    /// If something does not hold that must: this is how a fuzzer learns of it.
    pub run: fn(&[u8]) -> Outcome,
    /// The corpus to start from: made from our own messages, the same in each run.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Everything that is fuzzed.
pub const TARGETS: [Target; 9] = [
    Target { name: "chain", run: chain::run, seeds: seeds::chain },
    Target { name: "delivery", run: decoders::delivery, seeds: seeds::delivery },
    Target { name: "group", run: group::run, seeds: seeds::group },
    Target { name: "insider", run: insider::run, seeds: seeds::insider },
    Target { name: "joining", run: joining::run, seeds: seeds::joining },
    Target { name: "message", run: decoders::message, seeds: seeds::message },
    Target { name: "rows", run: rows::run, seeds: seeds::rows },
    Target { name: "tree", run: tree_nodes::run, seeds: seeds::tree },
    Target { name: "wire", run: decoders::wire, seeds: seeds::wire },
];

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
