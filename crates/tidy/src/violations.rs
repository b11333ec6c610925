//! The catalogue of `Violation` enums: every way a peer can break a layer's part of RFC 9420.
//!
//! [`catalogue`] collects each variant of each enum named `Violation` in a protocol crate, written
//! as an enum or with the `violations!` macro: its rule, its section and the tests that name it.
//! The check here is coarse (a test that writes `::Variant` counts); [`Violation`] is what a
//! registry can be generated from.

use syn::visit::Visit;

use crate::text::{cites_section, has_word};
use crate::{Finding, Rule, SourceFile};

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
    /// The files with tests that name the variant.
    pub tests: Vec<String>,
}

/// Every violation of the protocol crates, by crate and in the order of declaration.
#[must_use]
pub fn catalogue(files: &[SourceFile]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in files.iter().filter(|file| file.is_protocol()) {
        let mut enums = Enums { file, found: Vec::new() };
        enums.visit_file(&file.syntax);
        violations.extend(enums.found.into_iter().filter(|found| !file.is_test(found.line)));
    }
    for violation in &mut violations {
        let tested_by = files.iter().filter(|file| is_named_by_test(file, &violation.variant));
        violation.tests = tested_by.map(|file| file.path.clone()).collect();
    }
    violations
}

/// Each variant cites its section and is named by a test.
pub(crate) fn check(violations: &[Violation], findings: &mut Vec<Finding>) {
    for violation in violations {
        let Violation { variant, path, line, .. } = violation;
        let mut found = |message: String| {
            findings.push(Finding::new(path, *line, Rule::Violation, message));
        };
        if !cites_section(&format!("{} section {}", violation.rule, violation.section)) {
            found(format!("the rule of `{variant}` cites no section"));
        }
        if violation.tests.is_empty() {
            found(format!("no test names `{variant}`"));
        }
    }
}

/// Whether test code of `file` has the path `::name`.
fn is_named_by_test(file: &SourceFile, name: &str) -> bool {
    let mut lines = (1..).zip(file.text.lines()).filter(|(line, _)| file.is_test(*line));
    lines.any(|(_, content)| {
        content.split("::").skip(1).any(|rest| rest.starts_with(name) && has_word(rest, name))
    })
}

/// The doc comment as one line of text.
fn doc(attributes: &[syn::Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| {
        let syn::Meta::NameValue(pair) = &attribute.meta else { return None };
        let syn::Expr::Lit(value) = &pair.value else { return None };
        let syn::Lit::Str(text) = &value.lit else { return None };
        pair.path.is_ident("doc").then(|| text.value().trim().to_string())
    });
    lines.collect::<Vec<_>>().join(" ")
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
                tests: Vec::new(),
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

    fn messages(path: &str, test: &str) -> Vec<(usize, String)> {
        let test = SourceFile::parse("crates/mls/tests/it/main.rs", test).unwrap();
        let files = [SourceFile::parse(path, ENUM).unwrap(), test];
        let mut findings = Vec::new();
        check(&catalogue(&files), &mut findings);
        findings.into_iter().map(|finding| (finding.line, finding.message)).collect()
    }

    #[test]
    fn a_variant_cites_its_section_and_is_named_by_a_test() {
        let section = (7, "the rule of `Wrong` cites no section".to_string());
        let both = "fn f() { a(Violation::BlankLeaf, tree::Violation::Wrong(1)) }";
        assert_eq!(messages("crates/tree/src/violation.rs", both), std::slice::from_ref(&section));
        let untested = (5, "no test names `BlankLeaf`".to_string());
        let one = "fn f() { a(Violation::BlankLeafNode, Violation::Wrong(1), BlankLeaf) }";
        assert_eq!(messages("crates/tree/src/violation.rs", one), [untested, section]);
        assert_eq!(messages("crates/client/src/violation.rs", ""), []);
    }

    #[test]
    fn the_macro_gives_sections_and_an_empty_one_is_refused() {
        let code = "//! A.\nwire::violations! {\n    /// Ways.\n    pub enum Violation {\n        \
                    /// A leaf is blank.\n        BlankLeaf = \"7.3\",\n        \
                    /// It is wrong.\n        Wrong = \"\",\n    }\n}\n";
        let test = "fn f() { a(Violation::BlankLeaf, Violation::Wrong) }";
        let files = [
            SourceFile::parse("crates/tree/src/error.rs", code).unwrap(),
            SourceFile::parse("crates/tree/src/error/tests.rs", test).unwrap(),
        ];
        let catalogue = catalogue(&files);
        assert_eq!((catalogue[0].section.as_str(), catalogue[0].line), ("7.3", 6));
        let mut findings = Vec::new();
        check(&catalogue, &mut findings);
        let messages: Vec<String> = findings.into_iter().map(|found| found.message).collect();
        assert_eq!(messages, ["the rule of `Wrong` cites no section"]);
    }

    #[test]
    fn production_code_that_names_a_variant_is_not_a_test() {
        let code = "//! A.\nfn f() { Violation::BlankLeaf; }\n#[cfg(test)]\nmod tests {\n    \
                    fn g() { Violation::Wrong; }\n}\n";
        let files = [
            SourceFile::parse("crates/tree/src/violation.rs", ENUM).unwrap(),
            SourceFile::parse("crates/tree/src/leaf.rs", code).unwrap(),
        ];
        let catalogue = catalogue(&files);
        assert_eq!(catalogue[0].rule, "A leaf is blank (RFC 9420, section 7.3).");
        assert_eq!(catalogue[0].tests, [""; 0]);
        assert_eq!(catalogue[1].tests, ["crates/tree/src/leaf.rs"]);
    }
}
