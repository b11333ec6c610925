//! Scenarios, the working group's and some about what the library lacks. Where the working group's
//! files are missing the tests say so and pass, except in CI.

use std::path::{Path, PathBuf};

use interop::runner::{Assignments, Outcome, Report, RunOptions, Runner};
use interop::{Conclave, Server, ServerOptions};
use peer_mls_rs::{LACKS, Peer};
use tonic::Code;

const SCENARIOS: [&str; 7] = [
    "application",
    "branch",
    "commit",
    "external_join",
    "external_proposals",
    "reinit",
    "welcome_join",
];

/// mls-rs, and Conclave if it is wanted, with a runner.
struct Company {
    runner: Runner,
    _servers: Vec<Server>,
}

impl Company {
    fn start(with_conclave: bool) -> Self {
        let address = ([127, 0, 0, 1], 0).into();
        let mut servers = vec![Server::of(Peer::new(), address).unwrap()];
        if with_conclave {
            let conclave = Conclave::new(ServerOptions::default());
            servers.push(Server::of(conclave, address).unwrap());
        }
        let named = ["mls-rs", "conclave"].into_iter().zip(&servers);
        let named = named.map(|(name, it)| (name.to_owned(), it.local_addr().to_string()));
        let runner = Runner::connect(&named.collect::<Vec<_>>()).unwrap();
        Self { runner, _servers: servers }
    }

    /// Plays a file and returns the runs that met a lack; any other failure is an error.
    fn play(&self, config: &Path, options: &RunOptions) -> (Report, Vec<Outcome>) {
        let report = self.runner.run(config, options, |_| {}).unwrap();
        let (lacking, failed): (Vec<_>, Vec<_>) =
            report.failures.iter().cloned().partition(is_lacking);
        let failed: Vec<String> = failed.iter().map(ToString::to_string).collect();
        assert!(failed.is_empty(), "{}\n{report}", failed.join("\n"));
        (report, lacking)
    }
}

/// Whether mls-rs says that it cannot do what [`LACKS`] names.
fn is_lacking(outcome: &Outcome) -> bool {
    let refusal = outcome.failure.as_ref().and_then(|failure| failure.refusal.as_ref());
    refusal.is_some_and(|refusal| {
        let rpc = refusal.rpc.replace('_', "");
        refusal.peer == "mls-rs"
            && refusal.code == Code::Unimplemented
            && LACKS.iter().any(|lack| lack.rpc.eq_ignore_ascii_case(&rpc))
    })
}

fn official(name: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared/interop/configs");
    let folder = std::env::var("MLS_INTEROP_CONFIGS").unwrap_or_else(|_| beside.to_owned());
    let path = Path::new(&folder).join(name).with_extension("json");
    if path.is_file() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "no scenarios in {folder}: set MLS_INTEROP_CONFIGS");
    eprintln!("SKIPPED: no scenarios in {folder}; set MLS_INTEROP_CONFIGS");
    None
}

/// Only branches with other extensions are lacking; everything else passes.
fn play_official(company: &Company, options: &RunOptions) {
    for path in SCENARIOS.into_iter().filter_map(official) {
        let (report, lacking) = company.play(&path, options);
        assert!(report.passed > 0, "{}", path.display());
        assert!(lacking.iter().all(|it| it.script == "branch/with_extensions"), "{report}");
    }
}

#[test]
fn scenarios_pass_alone_in_every_suite() {
    let options = RunOptions { assignments: Assignments::Random(1), ..RunOptions::default() };
    play_official(&Company::start(false), &options);
}

#[test]
fn scenarios_pass_with_conclave_in_every_suite() {
    let options = RunOptions { assignments: Assignments::Random(1), ..RunOptions::default() };
    play_official(&Company::start(true), &options);
}

#[test]
fn scenarios_pass_with_conclave_in_many_assignments() {
    let assignments = Assignments::Random(6);
    let options = RunOptions { suites: vec![1], assignments, ..RunOptions::default() };
    play_official(&Company::start(true), &options);
}

/// Plays a script of its own with mls-rs alone.
fn play_script(script: &str) -> (Report, Vec<Outcome>) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("own.json");
    std::fs::write(&config, format!(r#"{{"scripts": {{"script": {script}}}}}"#)).unwrap();
    let options = RunOptions { suites: vec![1], ..RunOptions::default() };
    Company::start(false).play(&config, &options)
}

const REMOVAL_IN_THE_MIDDLE: &str = r#"
    {"action": "createGroup", "actor": "ann", "members": ["ben", "cleo"]},
    {"action": "protect", "actor": "ben", "plaintext": "before I go"},
    {"action": "fullCommit", "actor": "ann", "members": ["cleo"],
     "byValue": [{"proposalType": "remove", "removed": "ben"}]}"#;

/// A group without blank leaves is reinitialized; with some, both founder and joiner refuse.
#[test]
fn a_group_with_blank_leaves_is_not_reinitialized() {
    let reinit = r#", {"action": "reinit", "proposer": "ann", "committer": "ann",
        "welcomer": "cleo", "members": ["MEMBERS"]}"#;
    let full = r#"{"action": "createGroup", "actor": "ann", "members": ["ben", "cleo"]}"#;
    let (report, _) = play_script(&format!("[{full}{}]", reinit.replace("MEMBERS", "ben")));
    assert_eq!((report.passed, report.failures.len()), (2, 0), "{report}");
    let blank = format!("[{REMOVAL_IN_THE_MIDDLE}{}]", reinit.replace("MEMBERS", "cleo"));
    let (report, lacking) = play_script(&blank);
    assert_eq!((report.passed, lacking.len()), (0, 2), "{report}");
}

/// A late message is read as long as its sender is still there.
#[test]
fn a_late_message_of_a_removed_member_is_not_read() {
    let unprotect = r#", {"action": "unprotect", "actor": "cleo", "ciphertext": 1}"#;
    let (report, lacking) = play_script(&format!("[{REMOVAL_IN_THE_MIDDLE}{unprotect}]"));
    assert_eq!((report.passed, lacking.len()), (0, 2), "{report}");
    let stays = REMOVAL_IN_THE_MIDDLE.replace(r#""actor": "ben""#, r#""actor": "ann""#);
    let (report, _) = play_script(&format!("[{stays}{unprotect}]"));
    assert_eq!(report.passed, 2, "{report}");
}
