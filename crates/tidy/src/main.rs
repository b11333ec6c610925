//! Prints the measures of the style, then every finding; fails if there is one. With the argument
//! `violations` it writes `docs/violations.md` instead.

use std::path::Path;
use std::process::ExitCode;

fn main() -> Result<ExitCode, tidy::Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    match std::env::args().nth(1).as_deref() {
        None => print_report(&root),
        Some("violations") => {
            std::fs::write(root.join(tidy::registry::PATH), tidy::violations_page(&root)?)?;
            Ok(ExitCode::SUCCESS)
        }
        Some(other) => Err(format!("`{other}` is no command; there is only `violations`").into()),
    }
}

fn print_report(root: &Path) -> Result<ExitCode, tidy::Failure> {
    let report = tidy::check(root)?;
    println!("{}", report.numbers);
    for finding in &report.findings {
        println!("{finding}");
    }
    Ok(if report.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
