//! Prints the measures of the style, then every finding; fails if there is one.

use std::path::Path;
use std::process::ExitCode;

fn main() -> Result<ExitCode, tidy::Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let report = tidy::check(&root)?;
    println!("{}", report.numbers);
    for finding in &report.findings {
        println!("{finding}");
    }
    Ok(if report.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
