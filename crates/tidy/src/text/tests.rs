//! Each text rule on small snippets: the edge that it accepts, and one step past it.

use super::*;

fn any(path: &str, text: &str) -> Vec<(usize, Rule)> {
    let mut findings = Vec::new();
    check_any(path, text, &mut findings);
    findings.into_iter().map(|finding| (finding.line, finding.rule)).collect()
}

fn rust(path: &str, text: &str) -> Vec<(usize, Rule)> {
    let file = SourceFile::parse(path, text).unwrap();
    let mut findings = Vec::new();
    check_rust(&file, &mut findings);
    findings.into_iter().map(|finding| (finding.line, finding.rule)).collect()
}

const PROTOCOL: &str = "crates/tree/src/a.rs";

#[test]
fn names_that_say_nothing_are_refused() {
    assert_eq!(any("crates/x/src/utils.rs", ""), [(1, Rule::FileName)]);
    assert_eq!(any("crates/x/src/helpers/mod.rs", ""), [(1, Rule::FileName)]);
    assert_eq!(any("crates/x/tests/common.rs", ""), [(1, Rule::FileName)]);
    assert_eq!(any("crates/x/src/common_ancestor.rs", ""), []);
}

#[test]
fn unfinished_work_is_refused_in_any_text() {
    for mark in UNFINISHED {
        assert_eq!(any("docs/a.md", &format!("a\nb {mark}: c\n")), [(2, Rule::Todo)]);
    }
    assert_eq!(any("docs/a.md", &format!("{}S and MASTO{}N\n", UNFINISHED[0], "DO")), []);
    assert_eq!(any("a.sh", &format!("mktemp a.{0}{0}\n", UNFINISHED[2])), []);
}

#[test]
fn paths_of_build_machines_and_hosts_of_registries_are_refused() {
    for place in MACHINE_PATHS {
        assert_eq!(any("a.md", &format!("see {place}x\n")), [(1, Rule::Foreign)]);
        assert_eq!(any("a.md", &format!("{place}x\n")), [(1, Rule::Foreign)]);
        assert_eq!(any("a.md", &format!("see team{place}x\n")), []);
    }
    for host in REGISTRY_HOSTS {
        assert_eq!(any("a.md", &format!("https://{host}/x\n")), [(1, Rule::Foreign)]);
    }
    assert_eq!(any("a.md", "https://crates.io/crates/syn and ../shared/vectors\n"), []);
}

#[test]
fn a_header_is_the_first_line_and_says_something() {
    assert_eq!(rust(PROTOCOL, "//! The tree.\n"), []);
    assert_eq!(rust(PROTOCOL, "\n//! The tree.\n"), [(1, Rule::Header)]);
    assert_eq!(rust(PROTOCOL, "//!\nfn f() {}\n"), [(1, Rule::Header)]);
    assert_eq!(rust(PROTOCOL, "// The tree.\n"), [(1, Rule::Header)]);
    assert_eq!(rust("crates/x/src/a/tests.rs", "use super::*;\n"), [(1, Rule::Header)]);
}

#[test]
fn six_hundred_lines_are_accepted_and_one_more_is_not() {
    let lines = |count: usize| format!("//! A.\n{}", "fn f() {}\n".repeat(count - 1));
    let tests = "#[cfg(test)]\nmod tests {\n    fn f() {}\n}\n";
    assert_eq!(rust(PROTOCOL, &(lines(600) + tests)), []);
    assert_eq!(rust(PROTOCOL, &(lines(601) + tests)), [(1, Rule::FileLength)]);
    assert_eq!(rust("crates/x/src/a/tests.rs", &lines(2000)), []);
}

#[test]
fn a_hundred_columns_are_accepted_and_one_more_is_not() {
    let line = |columns: usize| format!("//! {}\n", "ä".repeat(columns - 4));
    assert_eq!(rust(PROTOCOL, &line(100)), []);
    assert_eq!(rust(PROTOCOL, &line(101)), [(1, Rule::Columns)]);
}

#[test]
fn words_of_old_drafts_are_refused_in_protocol_crates() {
    for word in OLD_DRAFT_WORDS {
        assert_eq!(rust(PROTOCOL, &format!("//! A.\nstruct {word};\n")), [(2, Rule::OldDraft)]);
        assert_eq!(rust("crates/cli/src/a.rs", &format!("//! A.\nstruct {word};\n")), []);
    }
    assert_eq!(rust(PROTOCOL, "//! The direct path.\nstruct InitKey { init_key: u8 }\n"), []);
}

#[test]
fn a_must_in_a_comment_needs_its_section() {
    let file = |comment: &str| format!("//! A.\nfn f() {{\n{comment}\n}}\n");
    assert_eq!(rust(PROTOCOL, &file("// The leaf MUST be blank.")), [(3, Rule::Must)]);
    assert_eq!(rust(PROTOCOL, &file("// It holds.\n// It MUST hold.\n\n// §7")), [(4, Rule::Must)]);
    assert_eq!(rust(PROTOCOL, &file("// Section 7.3: \"the leaf\n// MUST be blank\".")), []);
    assert_eq!(rust(PROTOCOL, &file("let musts = \"MUST\"; // MUSTARD")), []);
    assert_eq!(rust("crates/cli/src/a.rs", &file("// It MUST hold.")), []);
}

#[test]
fn sections_are_recognised_in_every_way_of_citing_them() {
    for text in ["(section 7.3)", "RFC 9420, Sections 5.1 and", "§12.4.2", "(§7)", "Appendix D"] {
        assert!(cites_section(text), "{text}");
    }
    assert!(cites_section("/// In RFC 9420, section\n/// 7.3."));
    for text in ["", "this section", "§", "section of", "RFC 9420", "dissection 7"] {
        assert!(!cites_section(text), "{text}");
    }
}
