//! Scenarios, our own and the working group's, with the actors spread over two of our clients.

use std::path::{Path, PathBuf};

use interop::runner::{Assignments, Handshakes, RandomGroup, Report, RunOptions, Runner, Scenario};
use interop::{Conclave, Server, ServerOptions};

/// Two clients behind sockets, and a runner that is connected to both.
pub(crate) struct Pair {
    clients: [Conclave; 2],
    pub(crate) servers: [Server; 2],
    pub(crate) runner: Runner,
}

impl Pair {
    pub(crate) fn start() -> Self {
        let clients = [(); 2].map(|()| Conclave::new(ServerOptions::default()));
        let serve = |client| Server::of(client, ([127, 0, 0, 1], 0).into()).unwrap();
        let servers = clients.clone().map(serve);
        let address = |server: &Server| server.local_addr().to_string();
        let named =
            [("one".to_owned(), address(&servers[0])), ("two".to_owned(), address(&servers[1]))];
        let runner = Runner::connect(&named).unwrap();
        Self { clients, servers, runner }
    }

    fn alive(&self) -> [usize; 2] {
        self.clients.each_ref().map(Conclave::alive)
    }
}

fn play(config: &Path, options: &RunOptions) -> Report {
    let pair = Pair::start();
    let report = pair.runner.run(config, options, |_| {}).unwrap();
    let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{}\n{report}", failures.join("\n"));
    assert!(report.passed > 0, "no script in {}", config.display());
    // Whatever a script made is freed.
    assert_eq!(pair.alive(), [0, 0], "{}", config.display());
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

/// A run that fails is told with its step, frees everything all the same, and repeats alone.
#[test]
fn a_failing_run_is_told_and_repeats_from_its_seed() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("wrong.json");
    let script = r#"{"scripts": {"own_message": [
        {"action": "createGroup", "actor": "ann", "members": ["ben", "cleo"]},
        {"action": "protect", "actor": "ann", "plaintext": "to others"},
        {"action": "unprotect", "actor": "ann", "ciphertext": 1}
    ]}}"#;
    std::fs::write(&config, script).unwrap();
    let pair = Pair::start();
    let options =
        RunOptions { suites: vec![1], assignments: Assignments::Random(5), seed: 7, ..all() };
    let report = pair.runner.run(&config, &options, |_| {}).unwrap();
    assert_eq!((report.passed, report.failures.len()), (0, 10));
    let failed = &report.failures[3];
    assert_eq!(failed.failure.as_ref().unwrap().index, 2);
    assert!(failed.to_string().contains("refuses unprotect"), "{failed}");
    assert_eq!(pair.alive(), [0, 0]);
    let alone = RunOptions {
        handshakes: vec![failed.handshakes],
        only: Some(failed.number),
        script: Some(failed.script.clone()),
        ..options
    };
    let report = pair.runner.run(&config, &alone, |_| {}).unwrap();
    assert_eq!(report.failures.len(), 1);
    assert_eq!(report.failures[0].cast, failed.cast);
    assert_eq!(report.failures[0].to_string(), failed.to_string());
}

#[test]
fn a_file_that_is_no_scenario_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("wrong.json");
    let script = r#"{"scripts": {"s": [{"action": "createGroup"}, {"action": "dance"}]}}"#;
    std::fs::write(&config, script).unwrap();
    let error = Scenario::load(&config).unwrap_err().to_string();
    assert!(error.contains("wrong/s, step 1") && error.contains("dance"), "{error}");
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

/// 120 operations of every kind in each form, the members spread over both clients.
#[test]
fn random_groups_agree_after_every_operation() {
    let pair = Pair::start();
    let all = |_: usize, _: &str| true;
    for (seed, handshakes) in (1..).zip(Handshakes::ALL) {
        let group = RandomGroup { seed, operations: 120, clients: 2, members_max: 12, able: &all };
        let (script, cast) = group.script();
        let outcome = pair.runner.play(&script, cast, (1, handshakes), seed);
        assert!(outcome.failure.is_none(), "{outcome}");
    }
    assert_eq!(pair.alive(), [0, 0]);
}

/// The same seed makes the same script; what a client cannot do is left to the others.
#[test]
fn random_groups_come_again_and_ask_nobody_for_too_much() {
    let made = |able: &dyn Fn(usize, &str) -> bool| {
        let group = RandomGroup { seed: 9, operations: 200, clients: 2, members_max: 9, able };
        let (script, cast) = group.script();
        (script.to_json().to_string(), cast)
    };
    let all = |_: usize, _: &str| true;
    assert_eq!(made(&all), made(&all));
    let (script, cast) = made(&|client, what| client == 0 || what != "UpdateProposal");
    let script: serde_json::Value = serde_json::from_str(&script).unwrap();
    let steps = script.as_array().unwrap().iter();
    let updates = steps.filter(|step| step["action"] == "updateProposal");
    let updaters: Vec<usize> = updates.map(|step| cast[step["actor"].as_str().unwrap()]).collect();
    assert!(!updaters.is_empty() && updaters.iter().all(|&client| client == 0));
}
