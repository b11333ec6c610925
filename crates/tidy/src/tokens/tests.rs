//! Each token rule on small snippets: the edge that it accepts, and one step past it.

use super::*;

fn rules_at(path: &str, code: &str) -> Vec<Rule> {
    let file = SourceFile::parse(path, &format!("//! A snippet.\n{code}\n")).unwrap();
    let mut findings = Vec::new();
    check(&file, &mut findings);
    findings.into_iter().map(|finding| finding.rule).collect()
}

fn rules(code: &str) -> Vec<Rule> {
    rules_at("crates/codec/src/snippet.rs", code)
}

#[test]
fn unwrap_is_refused_outside_tests_even_in_macros_and_paths() {
    assert_eq!(rules("fn f() { a.unwrap(); }"), [Rule::Unwrap]);
    assert_eq!(rules("fn f() { assert!(a.b(c).unwrap()); }"), [Rule::Unwrap]);
    assert_eq!(rules("fn f() { a.map(Option::unwrap); }"), [Rule::Unwrap]);
    assert_eq!(rules("macro_rules! m { ($a:expr) => { $a.unwrap() }; }"), [Rule::Unwrap]);
    assert_eq!(rules("fn f() { a.unwrap_or(b); unwrap(c); g(\"x.unwrap()\"); }"), []);
    assert_eq!(rules("/// Like `a.unwrap()`.\nfn f() {}"), []);
    assert_eq!(rules("#[cfg(test)]\nmod tests { fn f() { a.unwrap(); } }"), []);
    assert_eq!(rules_at("crates/codec/tests/it/main.rs", "fn f() { a.unwrap(); }"), []);
}

#[test]
fn expect_says_why_in_words() {
    assert_eq!(rules("fn f() { a.expect(\"\"); }"), [Rule::Expect]);
    assert_eq!(rules("fn f() { a.expect(\"oops\"); }"), [Rule::Expect]);
    assert_eq!(rules("fn f() { a.expect(reason); }"), [Rule::Expect]);
    assert_eq!(rules("fn f() { a.expect(&format!(\"{}\", b),); }"), [Rule::Expect]);
    assert_eq!(rules("fn f() { parser.expect(token, b)?; parser.expect()? }"), []);
    assert_eq!(rules("fn f() { a.expect(\"the length was checked above\"); }"), []);
    assert_eq!(rules("#[expect(dead_code)]\nfn f() {}"), []);
    assert_eq!(rules("#[cfg(test)]\nmod tests { fn f() { a.expect(\"\"); } }"), []);
}

#[test]
fn async_is_refused_in_protocol_crates_only() {
    assert_eq!(rules("async fn f() {}"), [Rule::Async]);
    assert_eq!(rules("fn f() { g(async move { 1 }); }"), [Rule::Async]);
    assert_eq!(rules("fn f(asynchronous: bool) { g(\"async\"); }"), []);
    assert_eq!(rules_at("crates/client/src/snippet.rs", "async fn f() {}"), []);
    assert_eq!(rules_at("crates/crypto-x/src/snippet.rs", "async fn f() {}"), [Rule::Async]);
}

#[test]
fn unfinished_code_is_refused_even_in_tests() {
    let unfinished = ["to", "do"].concat();
    assert_eq!(rules(&format!("fn f() {{ {unfinished}!() }}")), [Rule::Todo]);
    assert_eq!(rules("fn f() { unimplemented!(\"x\") }"), [Rule::Todo]);
    assert_eq!(rules_at("a/tests/b.rs", "fn f() { unimplemented!() }"), [Rule::Todo]);
    assert_eq!(rules(&format!("fn f() {{ {unfinished}() }}")), []);
}

#[test]
fn cfg_test_stands_only_before_test_modules() {
    assert_eq!(rules("#[cfg(test)]\nmod tests {}"), []);
    assert_eq!(rules("#[cfg(test)]\n#[allow(dead_code)]\nmod edge_cases {}"), []);
    assert_eq!(rules("#[cfg(test)]\nmod tests;"), []);
    assert_eq!(rules("#[cfg(unix)]\nfn f() {}"), []);
    assert_eq!(rules("#[cfg(test)]\nmod forge;"), [Rule::TestHook]);
    assert_eq!(rules("#[cfg(test)]\nuse a::b;"), [Rule::TestHook]);
    assert_eq!(rules("struct S { #[cfg(test)] skip: bool }"), [Rule::TestHook]);
    assert_eq!(rules("fn f() { if cfg!(test) {} }"), [Rule::TestHook]);
    assert_eq!(rules("#[cfg(not(test))]\nfn f() {}"), [Rule::TestHook]);
    assert_eq!(rules("#[cfg(any(test, unix))]\nmod tests {}"), [Rule::TestHook]);
    assert_eq!(rules("#[cfg_attr(test, derive(Debug))]\nstruct S;"), [Rule::TestHook]);
}

#[test]
fn wildcard_re_exports_are_refused() {
    assert_eq!(rules("pub use a::*;"), [Rule::Wildcard]);
    assert_eq!(rules("pub(crate) use a::{b, c::*};"), [Rule::Wildcard]);
    assert_eq!(rules("pub use a::b;\nconst C: u8 = 2 * 3;"), []);
    assert_eq!(rules("#[cfg(test)]\nmod tests { use super::*; }"), []);
}

#[test]
fn five_cfgs_in_all_protocol_crates_are_accepted_and_six_are_not() {
    let file = |path: &str, count: usize| {
        let code = "#[cfg(unix)]\nfn f() {}\n".repeat(count);
        SourceFile::parse(path, &format!("{code}#[cfg(test)]\nmod tests {{}}")).unwrap()
    };
    let count = |files: &[SourceFile]| {
        let mut findings = Vec::new();
        check_cfg_count(files, &mut findings);
        findings.len()
    };
    let (mls, app) = ("crates/mls/src/a.rs", "crates/cli/src/a.rs");
    assert_eq!(count(&[file(mls, 3), file("crates/tree/src/a.rs", 2), file(app, 9)]), 0);
    assert_eq!(count(&[file(mls, 3), file("crates/tree/src/a.rs", 3), file(app, 9)]), 6);
    assert_eq!(cfg_lines(&file(mls, 2)), [1, 3]);
}
