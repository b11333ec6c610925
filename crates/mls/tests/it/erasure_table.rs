//! The table of key lifetimes names tests that exist and every kind of row.

use std::collections::BTreeSet;
use std::fs::read_to_string;
use std::path::Path;

use mls::RowKind;

/// The pieces of a document that are set as code.
fn code(document: &str) -> BTreeSet<&str> {
    document.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_table_of_key_lifetimes_is_about_rows_and_tests_that_exist() {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = crate_folder.join("../../docs/key-lifetimes.md");
    let document = read_to_string(document).unwrap();
    let code = code(&document);
    for kind in RowKind::ALL {
        assert!(code.contains(format!("{kind:?}").as_str()), "{kind:?} is not in the table");
    }
    let of_here =
        |module: &str| ["crash_", "erasure_", "rows_"].iter().any(|it| module.starts_with(it));
    let tests = code.iter().filter_map(|piece| piece.split_once("::"));
    let tests = tests.filter(|(module, _)| of_here(module));
    let mut count = 0;
    for (module, test) in tests {
        let source = crate_folder.join(format!("tests/it/{module}.rs"));
        let source = read_to_string(source).unwrap();
        assert!(source.contains(&format!("#[test]\nfn {test}()")), "{module}::{test}");
        count += 1;
    }
    assert!(count > 10, "{count} tests are named");
}
