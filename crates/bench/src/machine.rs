//! Facts about the machine, and the versions of what is measured.

use std::fs;
use std::process::Command;

/// The lock file of the benchmark, from which the versions come.
const LOCK: &str = include_str!("../Cargo.lock");

const PACKAGES: [&str; 7] = [
    "aws-lc-rs",
    "ed25519-dalek",
    "x25519-dalek",
    "mls-rs",
    "mls-rs-crypto-awslc",
    "openmls",
    "openmls_rust_crypto",
];

fn file(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn version(package: &str) -> Option<&'static str> {
    let (_, entry) = LOCK.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    entry.split_once('"').map(|(version, _)| version)
}

/// How busy the machine is: the load averages.
#[must_use]
pub fn load() -> String {
    file("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// How many processors there are.
#[must_use]
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// All facts, name and value.
#[must_use]
pub fn facts() -> Vec<(String, String)> {
    let cpuinfo = file("/proc/cpuinfo");
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(": ")).map_or("unknown", |(_, value)| value)
    };
    let memory = file("/proc/meminfo");
    let memory = memory.lines().next().unwrap_or_default().trim_start_matches("MemTotal:").trim();
    let rustc = Command::new("rustc").arg("--version").output().ok();
    let rustc = rustc.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_string());
    let mut facts = vec![
        ("processor".to_string(), field("model name").to_string()),
        ("processors".to_string(), processors().to_string()),
        ("memory".to_string(), memory.to_string()),
        ("kernel".to_string(), file("/proc/sys/kernel/osrelease").trim().to_string()),
        ("compiler".to_string(), rustc.unwrap_or_default()),
        ("load at the start".to_string(), load()),
    ];
    let versions = PACKAGES.iter().filter_map(|&name| Some((name, version(name)?)));
    facts.extend(versions.map(|(name, version)| (name.to_string(), version.to_string())));
    facts
}
