//! Scenarios, our own and the working group's, with the actors spread over two of our clients.

use std::path::{Path, PathBuf};

use interop::runner::{Assignments, Handshakes, Report, RunOptions, Runner};
use interop::{Server, ServerOptions};

/// Two clients, and a runner that is connected to both.
pub(crate) fn two_clients() -> ([Server; 2], Runner) {
    let start = || Server::start(([127, 0, 0, 1], 0).into(), ServerOptions::default()).unwrap();
    let servers = [start(), start()];
    let address = |server: &Server| server.local_addr().to_string();
    let clients =
        [("one".to_owned(), address(&servers[0])), ("two".to_owned(), address(&servers[1]))];
    let runner = Runner::connect(&clients).unwrap();
    (servers, runner)
}

fn play(config: &Path, options: &RunOptions) -> Report {
    let (servers, runner) = two_clients();
    let report = runner.run(config, options, |_| {}).unwrap();
    let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{}\n{report}", failures.join("\n"));
    assert!(report.passed > 0, "no script in {}", config.display());
    // Whatever a script made is freed, but for the main group of whoever branches off it: the
    // runner loses its number. So it does not in the end.
    let alive: Vec<usize> = servers.iter().map(Server::alive).collect();
    assert_eq!(alive, [0, 0], "{}", config.display());
    report
}

/// The working group's files; `None` where there are none, which is an error only in CI.
fn official(file: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/interop/configs");
    let folder = std::env::var("MLS_INTEROP_CONFIGS").unwrap_or_else(|_| beside.to_owned());
    let path = Path::new(&folder).join(file);
    if path.is_file() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "no scenarios in {folder}: set MLS_INTEROP_CONFIGS");
    eprintln!("SKIPPED: no scenarios in {folder}; set MLS_INTEROP_CONFIGS");
    None
}

/// All suites and both forms, each in one assignment that involves both clients.
fn play_official(file: &str) {
    if let Some(path) = official(file) {
        let report = play(&path, &RunOptions { assignments: Assignments::Random(1), ..all() });
        assert_eq!(report.passed % 14, 0, "seven suites, two forms");
    }
}

fn all() -> RunOptions {
    RunOptions::default()
}

#[test]
fn own_scenarios_pass_in_every_assignment() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios"));
    let report = play(folder, &RunOptions { suites: vec![1], ..all() });
    assert_eq!(report.passed, 2 * (8 + 4 + 8 + 32 + 8 + 16));
}

#[test]
fn own_scenarios_pass_in_every_suite() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios"));
    let report = play(folder, &RunOptions { assignments: Assignments::Random(1), ..all() });
    assert_eq!(report.passed, 14 * 6);
}

#[test]
fn application_scenarios_pass() {
    play_official("application.json");
}

#[test]
fn branch_scenarios_pass() {
    play_official("branch.json");
}

#[test]
fn commit_scenarios_pass() {
    play_official("commit.json");
}

#[test]
fn external_join_scenarios_pass() {
    play_official("external_join.json");
}

#[test]
fn external_proposals_scenarios_pass() {
    play_official("external_proposals.json");
}

#[test]
fn reinit_scenarios_pass() {
    play_official("reinit.json");
}

#[test]
fn welcome_join_scenarios_pass() {
    play_official("welcome_join.json");
}

/// 1,670 steps with 841 actors. The other suites: `conclave interop run`.
#[test]
fn deep_random_scenario_passes() {
    let Some(path) = official("deep_random.json") else { return };
    for (suite, handshakes) in [(1, Handshakes::Private), (2, Handshakes::Public)] {
        let options = RunOptions { suites: vec![suite], handshakes: vec![handshakes], ..all() };
        assert_eq!(play(&path, &options).passed, 1);
    }
}
