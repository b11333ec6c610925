//! One Rust file, parsed, with the lines that are tests.
//!
//! Tests are: files in a `tests`, `benches` or `examples` folder, files named `tests.rs`, and
//! modules under `#[cfg(test)]`. Anything else is production code.

use std::ops::RangeInclusive;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::Visit;

use crate::{Finding, Rule};

/// A Rust file of the workspace.
pub struct SourceFile {
    /// Path from the workspace root, with forward slashes.
    pub path: String,
    /// The text.
    pub text: String,
    /// The syntax tree.
    pub(crate) syntax: syn::File,
    /// All tokens in order; delimiters are tokens of their own.
    pub(crate) tokens: Vec<Token>,
    is_test_file: bool,
    test_modules: Vec<RangeInclusive<usize>>,
}

/// One token and its line.
pub(crate) struct Token {
    pub(crate) line: usize,
    pub(crate) text: String,
}

impl SourceFile {
    /// Parses `text`; a file that does not parse is a finding.
    pub fn parse(path: &str, text: &str) -> Result<Self, Finding> {
        let refuse = |line, error: &dyn std::fmt::Display| {
            Finding::new(path, line, Rule::Syntax, error.to_string())
        };
        let syntax = syn::parse_file(text)
            .map_err(|error| refuse(error.span().start().line, &error as &dyn std::fmt::Display))?;
        let stream: TokenStream = text.parse().map_err(|error| refuse(1, &error))?;
        let mut tokens = Vec::new();
        flatten(stream, &mut tokens);
        let mut finder = TestModules(Vec::new());
        finder.visit_file(&syntax);
        Ok(Self {
            path: path.to_string(),
            text: text.to_string(),
            syntax,
            tokens,
            is_test_file: is_test_path(path),
            test_modules: finder.0,
        })
    }

    /// The folder of the file's crate under `crates/`, if it is in one.
    pub(crate) fn crate_name(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }

    /// Whether the file belongs to a protocol crate.
    pub(crate) fn is_protocol(&self) -> bool {
        self.crate_name().is_some_and(crate::is_protocol_crate)
    }

    /// Whether line `line` is test code.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.is_test_file || self.test_modules.iter().any(|lines| lines.contains(&line))
    }

    /// The lines of production code with their numbers.
    pub(crate) fn production_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines()).filter(|(number, _)| !self.is_test(*number))
    }
}

/// Whether everything in the file at `path` is test code.
fn is_test_path(path: &str) -> bool {
    let mut parts = path.split('/').rev();
    parts.next() == Some("tests.rs")
        || parts.any(|folder| matches!(folder, "tests" | "benches" | "examples"))
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    for tree in stream {
        let line = tree.span().start().line;
        let mut push = |line, text: String| tokens.push(Token { line, text });
        match tree {
            TokenTree::Ident(ident) => push(line, ident.to_string()),
            TokenTree::Literal(literal) => push(line, literal.to_string()),
            TokenTree::Punct(punct) => push(line, punct.as_char().to_string()),
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                push(line, open.to_string());
                flatten(group.stream(), tokens);
                let line = group.span_close().start().line;
                tokens.push(Token { line, text: close.to_string() });
            }
        }
    }
}

/// Collects the line ranges of inline modules under `#[cfg(test)]`, attributes included.
struct TestModules(Vec<RangeInclusive<usize>>);

impl<'ast> Visit<'ast> for TestModules {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        let Some(attribute) = module.attrs.iter().find(|attribute| is_cfg_test(attribute)) else {
            syn::visit::visit_item_mod(self, module);
            return;
        };
        let first = attribute.pound_token.spans[0].start().line;
        let last = match (&module.content, &module.semi) {
            (Some((brace, _)), _) => brace.span.close().end().line,
            (None, Some(semi)) => semi.spans[0].end().line,
            (None, None) => first,
        };
        self.0.push(first..=last);
    }
}

/// Whether the attribute is exactly `#[cfg(test)]`.
fn is_cfg_test(attribute: &syn::Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute.parse_args::<syn::Ident>().is_ok_and(|ident| ident == "test")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_modules_and_test_files_are_test_code_and_nothing_else_is() {
        let text = "//! A.\nfn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nmod c {\n}\n";
        let file = SourceFile::parse("crates/codec/src/a.rs", text).unwrap();
        let production: Vec<usize> = file.production_lines().map(|(number, _)| number).collect();
        assert_eq!(production, [1, 2, 7, 8]);
        for path in ["crates/x/src/a/tests.rs", "crates/x/tests/it/main.rs", "x/benches/b.rs"] {
            assert!(is_test_path(path), "{path}");
        }
        for path in ["crates/x/src/a.rs", "crates/x/src/tests_of_time.rs", "tests.rs/a.rs"] {
            assert!(!is_test_path(path), "{path}");
        }
    }

    #[test]
    fn a_file_that_does_not_parse_is_a_finding_with_its_line() {
        let finding = SourceFile::parse("a.rs", "//! A.\nfn (\n").err().unwrap();
        assert_eq!((finding.line, finding.rule), (2, Rule::Syntax));
    }
}
