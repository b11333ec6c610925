//! The catalogue of `Violation` enums: every way a peer can break a layer's part of RFC 9420.
//!
//! [`catalogue`] collects each variant of each enum named `Violation` in a protocol crate, or in
//! one of [`crate::MORE_CRATES_WITH_RULES`], written as an enum or with the `violations!` macro:
//! its rule, its section, its negative tests and its edge tests. Only tests of the crate that
//! declares the variant count; [`crate::test_functions`] says which they are. [`crate::registry`]
//! makes a page of it.

use syn::visit::Visit;

use crate::test_functions::{TestFunction, doc};
use crate::text::cites_section;
use crate::{Finding, MORE_CRATES_WITH_RULES, Rule, SourceFile};

/// One variant of a `Violation` enum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The crate's folder.
    pub crate_name: String,
    /// The variant.
    pub variant: String,
    /// The variant's doc comment on one line: the rule in our words.
    pub rule: String,
    /// The section that `violations!` gives the variant; empty where the doc comment cites it.
    pub section: String,
    /// Where it is declared.
    pub path: String,
    /// The line of the declaration.
    pub line: usize,
    /// The tests that forge a breach and name the variant.
    pub negative: Vec<String>,
    /// The tests of what is just accepted.
    pub edge: Vec<String>,
}

/// Every violation, by crate and in the order of declaration.
#[must_use]
pub fn catalogue(files: &[SourceFile], tests: &[TestFunction]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let has_rules = |file: &&SourceFile| {
        file.is_protocol()
            || file.crate_name().is_some_and(|name| MORE_CRATES_WITH_RULES.contains(&name))
    };
    for file in files.iter().filter(has_rules) {
        let mut enums = Enums { file, found: Vec::new() };
        enums.visit_file(&file.syntax);
        violations.extend(enums.found.into_iter().filter(|found| !file.is_test(found.line)));
    }
    for violation in &mut violations {
        for test in tests.iter().filter(|test| test.crate_name == violation.crate_name) {
            if test.names.contains(&violation.variant) {
                violation.negative.push(test.place());
            }
            if test.edge_of.contains(&violation.variant) {
                violation.edge.push(test.place());
            }
        }
    }
    violations
}

/// Each variant cites its section and has tests of both kinds; no test is the edge of nothing.
pub(crate) fn check(violations: &[Violation], tests: &[TestFunction], findings: &mut Vec<Finding>) {
    for violation in violations {
        let Violation { crate_name, variant, path, line, .. } = violation;
        let mut found = |message: String| {
            findings.push(Finding::new(path, *line, Rule::Violation, message));
        };
        if !cites_section(&format!("{} section {}", violation.rule, violation.section)) {
            found(format!("the rule of `{variant}` cites no section"));
        }
        if violation.negative.is_empty() {
            found(format!("no negative test of `{crate_name}::Violation::{variant}`"));
        }
        if violation.edge.is_empty() {
            found(format!("no edge test of `{crate_name}::Violation::{variant}`"));
        }
    }
    for test in tests {
        let TestFunction { crate_name, name, edge_of, .. } = test;
        for variant in edge_of {
            let declared =
                violations.iter().any(|it| it.crate_name == *crate_name && it.variant == *variant);
            if !declared {
                let message = format!("`{name}` is the edge of `{variant}`, which does not exist");
                findings.push(Finding::new(&test.path, test.line, Rule::Violation, message));
            }
        }
    }
}

/// The string that stands for the variant's section in `violations!`.
fn section(variant: &syn::Variant) -> String {
    match &variant.discriminant {
        Some((_, syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }))) => text.value(),
        _ => String::new(),
    }
}

/// Collects the variants of enums named `Violation`; their tests are filled in later.
struct Enums<'a> {
    file: &'a SourceFile,
    found: Vec<Violation>,
}

impl<'ast> Visit<'ast> for Enums<'_> {
    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        if item.ident == "Violation" {
            self.found.extend(item.variants.iter().map(|variant| Violation {
                crate_name: self.file.crate_name().unwrap_or_default().to_string(),
                variant: variant.ident.to_string(),
                rule: doc(&variant.attrs),
                section: section(variant),
                path: self.file.path.clone(),
                line: variant.ident.span().start().line,
                negative: Vec::new(),
                edge: Vec::new(),
            }));
        }
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        let name = invocation.path.segments.last();
        if name.is_some_and(|segment| segment.ident == "violations") {
            // An enum that does not parse does not compile either.
            let item = invocation.parse_body::<syn::ItemEnum>();
            item.iter().for_each(|item| Enums::visit_item_enum(self, item));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_functions::test_functions;

    const ENUM: &str = "\
//! A.
pub enum Violation {
    /// A leaf is blank (RFC 9420,
    /// section 7.3).
    BlankLeaf,
    /// It is wrong.
    Wrong(u8),
}
";

    fn messages(declaration: (&str, &str), test: (&str, &str)) -> Vec<(usize, String)> {
        let files = [declaration, test].map(|(path, text)| SourceFile::parse(path, text).unwrap());
        let tests = test_functions(&files);
        let mut findings = Vec::new();
        check(&catalogue(&files, &tests), &tests, &mut findings);
        findings.into_iter().map(|finding| (finding.line, finding.message)).collect()
    }

    const TREE: (&str, &str) = ("crates/tree/src/violation.rs", ENUM);
    const TESTS: &str = "crates/tree/tests/it/main.rs";

    #[test]
    fn a_variant_cites_its_section_and_has_tests_of_both_kinds() {
        let section = (7, "the rule of `Wrong` cites no section".to_string());
        let negative =
            |line, name| (line, format!("no negative test of `tree::Violation::{name}`"));
        let edge = |line, name| (line, format!("no edge test of `tree::Violation::{name}`"));
        let both = "/// Edge of `Violation::BlankLeaf` and `Violation::Wrong`.\n#[test]\n\
                    fn f() { a(Violation::BlankLeaf, tree::Violation::Wrong(1)) }";
        assert_eq!(messages(TREE, (TESTS, both)), std::slice::from_ref(&section));
        let none = [
            negative(5, "BlankLeaf"),
            edge(5, "BlankLeaf"),
            section.clone(),
            negative(7, "Wrong"),
            edge(7, "Wrong"),
        ];
        assert_eq!(messages(TREE, (TESTS, "fn f() { a(Violation::BlankLeaf) }")), none);
        // Tests of other crates do not count, and other crates need none.
        assert_eq!(messages(TREE, ("crates/mls/tests/it/main.rs", both))[..5], none);
        let other = ("crates/cli/src/violation.rs", ENUM);
        assert_eq!(messages(other, (TESTS, "")), []);
    }

    #[test]
    fn the_edge_of_a_rule_that_does_not_exist_is_found() {
        let test = "/// Edge of `Violation::Gone`.\n#[test]\nfn f() {}\n";
        let found = messages(("crates/wire/src/a.rs", "//! A.\n"), (TESTS, test));
        assert_eq!(found, [(3, "`f` is the edge of `Gone`, which does not exist".to_string())]);
    }

    #[test]
    fn the_macro_gives_sections_and_an_empty_one_is_refused() {
        let code = "//! A.\nwire::violations! {\n    /// Ways.\n    pub enum Violation {\n        \
                    /// A leaf is blank.\n        BlankLeaf = \"7.3\",\n        \
                    /// It is wrong.\n        Wrong = \"\",\n    }\n}\n";
        let test = "/// Edge of `Violation::BlankLeaf`, `Violation::Wrong`.\n#[test]\n\
                    fn f() { a(Violation::BlankLeaf, Violation::Wrong) }";
        let file = SourceFile::parse("crates/tree/src/error.rs", code).unwrap();
        let catalogue = catalogue(&[file], &[]);
        assert_eq!((catalogue[0].section.as_str(), catalogue[0].line), ("7.3", 6));
        let found = messages(("crates/tree/src/error.rs", code), (TESTS, test));
        assert_eq!(found, [(8, "the rule of `Wrong` cites no section".to_string())]);
    }

    #[test]
    fn production_code_that_names_a_variant_is_not_a_test() {
        let code = "//! A.\nfn f() { Violation::BlankLeaf; }\n#[cfg(test)]\nmod tests {\n    \
                    #[test]\n    fn g() { Violation::Wrong; }\n}\n";
        let files = [TREE, ("crates/tree/src/leaf.rs", code)]
            .map(|(path, text)| SourceFile::parse(path, text).unwrap());
        let catalogue = catalogue(&files, &test_functions(&files));
        assert_eq!(catalogue[0].rule, "A leaf is blank (RFC 9420, section 7.3).");
        assert_eq!(catalogue[0].negative, [""; 0]);
        assert_eq!(catalogue[1].negative, ["src/leaf.rs: g"]);
    }
}
