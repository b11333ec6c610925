//! `conclave vectors`: check the working group's test vectors, or make fresh ones.

use crate::failure::Failure;
use crate::output::Output;
use crypto::Crypto;
use crypto_aws_lc::SystemRandom;
use serde_json::json;
use std::path::PathBuf;
use vectors::{Scale, generate_dir, verify_dir};

#[derive(clap::Subcommand)]
pub(crate) enum Vectors {
    /// Write a file of every kind, for every suite, from fresh randomness
    Generate {
        /// The folder; created if needed
        directory: PathBuf,
        /// Few and small entries, about a megabyte in all
        #[arg(long)]
        small: bool,
    },
    /// Check every entry of the 16 files in a folder
    Verify {
        /// The folder
        directory: PathBuf,
    },
}

impl Vectors {
    pub(crate) fn run(self, output: &mut Output) -> Result<(), Failure> {
        let crypto = Crypto::new(crypto_aws_lc::provider());
        match self {
            Self::Generate { directory, small } => {
                let scale = if small { Scale::Small } else { Scale::Full };
                let mut printed = Ok(());
                let made = generate_dir(&directory, &crypto, scale, &mut SystemRandom, |kind| {
                    let file = kind.file_name();
                    let value = json!({"type": "file", "file": file});
                    if printed.is_ok() {
                        printed = output.print(file, &value);
                    }
                });
                made.map_err(|failure| Failure::check(failure.to_string()))?;
                printed
            }
            Self::Verify { directory } => verify(&directory, &crypto, output),
        }
    }
}

fn verify(
    directory: &std::path::Path,
    crypto: &Crypto,
    output: &mut Output,
) -> Result<(), Failure> {
    let (mut passed, mut failed, mut printed) = (0, 0, Ok(()));
    let all = verify_dir(directory, crypto, &mut SystemRandom, |report| {
        passed += report.passed;
        failed += report.failed.len();
        let value = json!({
            "type": "file",
            "file": report.kind.file_name(),
            "passed": report.passed,
            "failed": report.failed.len(),
        });
        if printed.is_ok() {
            printed = output.print(&report.to_string(), &value);
        }
    });
    let all = all.map_err(|failure| Failure::check(failure.to_string()))?;
    printed?;
    let value = json!({"type": "total", "passed": passed, "failed": failed});
    output.print(&format!("{passed} passed, {failed} failed"), &value)?;
    match all {
        true => Ok(()),
        false => Err(Failure::check("the test vectors do not all hold".to_owned())),
    }
}
