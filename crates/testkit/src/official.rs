//! The working group's test vectors, which are not part of this repository.
//!
//! `MLS_VECTORS` names their directory. Where they are absent a test says so and passes, except in
//! continuous integration (`CI` is set), where their absence is a failure.

use std::path::PathBuf;

/// Where the files are looked for without `MLS_VECTORS`: beside the workspace.
const DEFAULT_DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors");

/// The text of one official vector file; `None`, after a loud note, if the file is absent.
///
/// # Panics
/// If the file is absent and `CI` is set, or if it cannot be read.
#[must_use]
pub fn official_vectors(file_name: &str) -> Option<String> {
    let directory =
        std::env::var_os("MLS_VECTORS").map_or_else(|| DEFAULT_DIRECTORY.into(), PathBuf::from);
    let path = directory.join(file_name);
    if !path.exists() {
        assert!(
            std::env::var_os("CI").is_none(),
            "{} is absent: set MLS_VECTORS to the directory of the official test vectors",
            path.display()
        );
        eprintln!("SKIPPED: {} is absent; set MLS_VECTORS", path.display());
        return None;
    }
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) => panic!("{}: {error}", path.display()),
    }
}
