//! A directory that holds one file per kind.

use std::path::Path;

use crypto::{Crypto, Random};

use crate::failure::At;
use crate::{Failure, Kind, Report, Scale};

/// Checks every entry of every kind's file in `directory` and hands each file's report to
/// `on_file`. Returns whether all hold; fails if a file is missing or is not of its kind.
pub fn verify_dir(
    directory: &Path,
    crypto: &Crypto,
    random: &mut dyn Random,
    mut on_file: impl FnMut(&Report),
) -> Result<bool, Failure> {
    let mut all = true;
    for kind in Kind::ALL {
        let text = std::fs::read_to_string(directory.join(kind.file_name()));
        let report = kind.verify(&text.at(kind.file_name())?, crypto, random)?;
        all &= report.is_ok();
        on_file(&report);
    }
    Ok(all)
}

/// Writes a file of every kind with fresh values for every suite, and names each to `on_file`.
pub fn generate_dir(
    directory: &Path,
    crypto: &Crypto,
    scale: Scale,
    random: &mut dyn Random,
    mut on_file: impl FnMut(Kind),
) -> Result<(), Failure> {
    std::fs::create_dir_all(directory).at(directory.display())?;
    for &kind in Kind::ALL {
        let text = kind.generate(crypto, scale, random).at(kind.file_name())?;
        std::fs::write(directory.join(kind.file_name()), text).at(kind.file_name())?;
        on_file(kind);
    }
    Ok(())
}
