//! Instructions instead of time: a guard against regressions that does not depend on how busy the
//! machine is.
//!
//! Valgrind's callgrind counts the instructions below one function of a process that prepares a
//! group and repeats an operation. The expected numbers are committed (`instructions.json`); more
//! than the tolerance above them is a failure.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use clap::ValueEnum;

use crate::Failure;
use crate::material::Material;
use crate::primitives::Backend;
use crate::run::cache;
use crate::scenario::{Guarded, NewParticipant, repeat};
use crate::stack::conclave::Conclave;

/// Where the expected numbers are: beside the manifest.
pub const EXPECTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.json");

/// How much more than expected is a failure, in hundredths. Keys differ from run to run, but that
/// shows in the fourth digit only.
const TOLERANCE_PERCENT: u64 = 3;

/// How often an operation is repeated.
const REPETITIONS: u64 = 10;

/// The function below which instructions are counted, as valgrind names it.
const COUNTED: &str = "--toggle-collect=bench::scenario::guarded::counted*";

/// Prepares a group of this size and repeats an operation.
pub fn work(operation: Guarded, times: u64) -> Result<(), Failure> {
    let material = Material::new(&cache(), 1)?;
    let new: NewParticipant<'_> =
        &|name| Ok(Box::new(Conclave::new(Backend::AwsLc, 1, name, None)?));
    repeat(operation, times, (new, &material))
}

/// The instructions of an operation.
fn count(operation: Guarded) -> Result<u64, Failure> {
    let name = operation.to_possible_value();
    let name = name.map(|value| value.get_name().to_string()).unwrap_or_default();
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", COUNTED])
        .arg(std::env::current_exe()?)
        .args(["repeat", &name, &REPETITIONS.to_string()])
        .env("RAYON_NUM_THREADS", "1")
        .output()
        .map_err(|error| format!("valgrind does not start: {error}"))?;
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(words.into());
    }
    let collected = words.lines().find_map(|line| line.split_once("Collected : "));
    let (_, number) = collected.ok_or("valgrind did not say what it collected")?;
    let number: u64 = number.trim().parse()?;
    Ok(number / REPETITIONS)
}

/// Counts every guarded operation; compares with what is committed, or replaces that.
pub fn guard(update: bool) -> Result<(), Failure> {
    let path = Path::new(EXPECTED);
    let expected: BTreeMap<String, u64> =
        if update { BTreeMap::new() } else { serde_json::from_slice(&fs::read(path)?)? };
    let (mut counted, mut worse) = (BTreeMap::new(), Vec::new());
    for &operation in Guarded::value_variants() {
        // What valgrind would take long for is in the cache after this.
        work(operation, 0)?;
        let taken = count(operation)?;
        let name = operation.to_string();
        match expected.get(&name) {
            Some(&before) => {
                println!("{name}: {taken} instructions, expected {before}");
                if taken * 100 > before * (100 + TOLERANCE_PERCENT) {
                    worse.push(name.clone());
                }
            }
            None => println!("{name}: {taken} instructions"),
        }
        counted.insert(name, taken);
    }
    if update {
        fs::write(path, serde_json::to_vec_pretty(&counted)?)?;
    }
    if worse.is_empty() { Ok(()) } else { Err(format!("worse: {}", worse.join(", ")).into()) }
}
