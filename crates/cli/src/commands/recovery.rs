//! `conclave account recovery` and `account recover`: the recovery code, which holds the root key.

use crate::Common;
use crate::failure::Failure;
use crate::output::Output;
use client::{Account, Home};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(clap::Subcommand)]
pub(crate) enum Recovery {
    /// Write the recovery code to a new file: whoever has it has the account
    Export {
        /// The file
        file: PathBuf,
    },
    /// Remove the root key from this device, if the file has the recovery code for it
    Forget {
        /// The file
        file: PathBuf,
    },
    /// Bring the root key back to this device
    Import {
        /// The file with the recovery code
        file: PathBuf,
    },
}

impl Recovery {
    pub(super) fn run(self, common: &Common, output: &mut Output) -> Result<(), Failure> {
        let mut account = common.account()?;
        let (text, what) = match self {
            Self::Export { file } => {
                write_private(&file, &account.recovery_code()?)?;
                ("the recovery code is written: keep it where nobody else comes", "exported")
            }
            Self::Forget { file } => {
                account.forget_root(&code(&file)?)?;
                ("the root key is not on this device any more", "forgotten")
            }
            Self::Import { file } => {
                account.import_root(&code(&file)?)?;
                ("the root key is on this device", "imported")
            }
        };
        output.print(text, &json!({"type": "recovery", "what": what}))
    }
}

/// Makes a new device for an account of which only the recovery code is left.
pub(super) fn recover(home: &Home, file: &Path, keep: &[String]) -> Result<Account, Failure> {
    let keep: Vec<&str> = keep.iter().map(String::as_str).collect();
    Ok(Account::recover(home, &code(file)?, &keep)?)
}

fn code(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| Failure::file(file, &error))
}

/// Writes a file that only its owner may read, and that is not there yet.
fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| {
        writeln!(file, "{text}")?;
        file.sync_all()
    });
    written.map_err(|error| Failure::file(path, &error))
}
