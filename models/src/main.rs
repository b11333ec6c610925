//! Checks the design in every scenario and says what it looked at.
//!
//! `cargo run --release [small|large]`; ends with an error if a promise can be broken.

use conclave_models::design::Design;
use conclave_models::scenario::Scenario;
use conclave_models::system::System;
use stateright::{Checker, HasDiscoveries, Model};
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let scenarios = match std::env::args().nth(1).as_deref() {
        None | Some("small") => Scenario::small(),
        Some("large") => Scenario::large(),
        Some(other) => {
            eprintln!("no bounds named `{other}`; there are `small` and `large`");
            return ExitCode::from(2);
        }
    };
    let broken = scenarios.into_iter().filter(|scenario| !check(scenario)).count();
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether every promise holds in the scenario.
fn check(scenario: &Scenario) -> bool {
    let start = Instant::now();
    let system = System { design: Design::default(), scenario: scenario.clone() };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let checker = system
        .checker()
        .threads(threads)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let discoveries = checker.discoveries();
    println!(
        "{}: {} states, depth {}, {:.1} s",
        scenario.name,
        checker.unique_state_count(),
        checker.max_depth(),
        start.elapsed().as_secs_f32(),
    );
    let mut holds = true;
    for property in checker.model().properties() {
        let found = discoveries.get(property.name);
        if property.expectation.discovery_is_failure() {
            println!("  {}: {}", property.name, if found.is_some() { "BROKEN" } else { "holds" });
            holds &= found.is_none();
        } else {
            println!("  {}: {}", property.name, if found.is_some() { "seen" } else { "NEVER" });
            holds &= found.is_some();
        }
        if let Some(path) = found.filter(|_| property.expectation.discovery_is_failure()) {
            for action in path.clone().into_actions() {
                println!("    {action:?}");
            }
        }
    }
    holds
}
