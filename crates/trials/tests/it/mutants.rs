//! The mutants still fit the source.

use std::path::Path;
use trials::mutants::all;

#[test]
fn every_mutant_changes_what_the_source_says_today() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mutants = all(&root).unwrap();
    assert!(mutants.len() >= 9);
    for mutant in mutants {
        let source = std::fs::read_to_string(root.join(&mutant.file)).unwrap();
        assert_ne!(mutant.apply(&source).unwrap(), source, "{}", mutant.name);
    }
}
