//! The kill loop of `conclave-trials` with this program: services and clients killed at random
//! instants keep G1 to G9, and everybody has everything in the end.

use std::path::Path;
use trials::kill::{Options, run};

/// How many processes are killed.
const KILLS: u64 = 300;

#[test]
fn services_and_clients_that_are_killed_lose_nothing() {
    let program = Path::new(env!("CARGO_BIN_EXE_conclave")).to_owned();
    let seed = u64::from(std::process::id());
    let options = Options { program, kills: KILLS, seed, keep: None };
    let tally = run(&options, |tally| println!("{tally}")).unwrap();
    // Or else nothing was at stake.
    assert!(tally.services > KILLS / 10 && tally.clients > KILLS / 10, "{tally}");
    assert!(tally.exchanges > 10 * tally.services && tally.unanswered > 0, "{tally}");
    assert!(tally.messages > 0 && tally.epochs > 0, "{tally}");
}
