//! The working group's scenarios, by OpenMLS alone and with Conclave. A run that fails must fail
//! for something that OpenMLS is known to lack.

use std::path::{Path, PathBuf};

use interop::runner::{Assignments, Report, RunOptions, Runner};
use interop::{Conclave, Server, ServerOptions};
use peer_openmls::{LACKS, Peer, VERSION};

/// The suites that OpenMLS has.
const SUITES: [u32; 3] = [1, 2, 3];

/// OpenMLS alone, or with Conclave.
fn clients(conclave: Option<ServerOptions>) -> (Vec<Server>, Runner) {
    let anywhere = ([127, 0, 0, 1], 0).into();
    let mut servers = vec![Server::of(Peer::new(), anywhere).unwrap()];
    let mut names = vec!["openmls"];
    if let Some(options) = conclave {
        servers.push(Server::of(Conclave::new(options), anywhere).unwrap());
        names.push("conclave");
    }
    let address = |server: &Server| server.local_addr().to_string();
    let clients = names.iter().zip(&servers);
    let clients: Vec<_> =
        clients.map(|(name, server)| ((*name).to_owned(), address(server))).collect();
    let runner = Runner::connect(&clients).unwrap();
    (servers, runner)
}

/// The working group's files; `None` where there are none, which is an error only in CI.
fn official(file: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared/interop/configs");
    let folder = std::env::var("MLS_INTEROP_CONFIGS").unwrap_or_else(|_| beside.to_owned());
    let path = Path::new(&folder).join(file);
    if path.is_file() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "no scenarios in {folder}: set MLS_INTEROP_CONFIGS");
    eprintln!("SKIPPED: no scenarios in {folder}; set MLS_INTEROP_CONFIGS");
    None
}

/// Plays a file; every run must pass, or fail for something in the list of what is lacking.
fn play(file: &str, with_conclave: bool, options: &RunOptions) -> Option<Report> {
    let path = official(file)?;
    let (_servers, runner) = clients(with_conclave.then_some(ServerOptions { grease: false }));
    let report = runner.run(&path, options, |_| {}).unwrap();
    let unexplained = report.failures.iter().filter(|outcome| {
        let reason = outcome.failure.as_ref().map_or("", |failure| &failure.reason);
        !LACKS.iter().any(|lack| reason.contains(lack.why))
    });
    let unexplained: Vec<String> = unexplained.map(ToString::to_string).collect();
    assert!(unexplained.is_empty(), "{}\n{report}", unexplained.join("\n"));
    Some(report)
}

fn options() -> RunOptions {
    RunOptions {
        suites: SUITES.to_vec(),
        assignments: Assignments::Random(4),
        ..RunOptions::default()
    }
}

/// Alone, and with Conclave in a few assignments, in all suites and both forms.
fn passes(file: &str) {
    for with_conclave in [false, true] {
        let Some(report) = play(file, with_conclave, &options()) else { return };
        assert!(report.failures.is_empty() && report.passed > 0, "{report}");
    }
}

#[test]
fn application_scenarios_pass() {
    passes("application.json");
}

#[test]
fn commit_scenarios_pass() {
    passes("commit.json");
}

#[test]
fn external_join_scenarios_pass() {
    passes("external_join.json");
}

#[test]
fn welcome_join_scenarios_pass() {
    passes("welcome_join.json");
}

#[test]
fn other_scenarios_fail_only_for_what_is_lacking() {
    for file in ["external_proposals.json", "reinit.json", "branch.json"] {
        for with_conclave in [false, true] {
            let Some(report) = play(file, with_conclave, &options()) else { return };
            assert!(!report.failures.is_empty(), "nothing is lacking any more:\n{report}");
        }
    }
}

/// RFC 9420, section 13.5: a GREASE extension is one like any other that the leaf says it supports.
/// The library takes the type in the capabilities and that of the extension for different ones. If
/// this fails, it has been corrected, and Conclave need not go without any more.
#[test]
fn leaves_with_grease_are_refused() {
    let Some(path) = official("application.json") else { return };
    let (_servers, runner) = clients(Some(ServerOptions { grease: true }));
    let one_of_each =
        RunOptions { suites: vec![1], assignments: Assignments::Random(1), ..options() };
    let report = runner.run(&path, &one_of_each, |_| {}).unwrap();
    assert_eq!(report.passed, 0, "{report}");
    for outcome in &report.failures {
        let refusal = outcome.failure.as_ref().and_then(|failure| failure.refusal.as_ref());
        assert_eq!(refusal.map(|refusal| &*refusal.peer), Some("openmls"), "{outcome}");
    }
}

#[test]
fn the_version_is_the_one_that_is_built() {
    let lock = include_str!("../../../Cargo.lock");
    let entry = format!("name = \"openmls\"\nversion = \"{VERSION}\"\n");
    assert!(lock.contains(&entry), "Cargo.lock has another version than {VERSION}");
}
