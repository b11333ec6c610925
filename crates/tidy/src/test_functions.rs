//! The tests of the workspace: what each is called, which violations it names, whose edge it is.
//!
//! A *negative test* of `Violation::X` is a `#[test]` function, in the tests of the crate that
//! declares the variant, whose body names it. An *edge test* shows the closest input that is still
//! accepted; its doc comment says so in a line ``Edge of `Violation::X`.``, which may list several.

use syn::visit::{self, Visit};

use crate::{PROTOCOL_CRATES, SourceFile};

/// One `#[test]` function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestFunction {
    /// The crate's folder.
    pub crate_name: String,
    /// The file, from the workspace root.
    pub path: String,
    /// The line of its name.
    pub line: usize,
    /// Its name.
    pub name: String,
    /// The variants of the own crate's `Violation` that its body names.
    pub names: Vec<String>,
    /// The variants whose edge its doc comment says it is.
    pub edge_of: Vec<String>,
}

impl TestFunction {
    /// The file within the crate, and the name.
    #[must_use]
    pub fn place(&self) -> String {
        let path = self.path.strip_prefix("crates/").unwrap_or(&self.path);
        let path = path.split_once('/').map_or(path, |(_, rest)| rest);
        format!("{path}: {}", self.name)
    }
}

/// All tests, by file and in the order in which they are written.
#[must_use]
pub fn test_functions(files: &[SourceFile]) -> Vec<TestFunction> {
    files.iter().flat_map(of_file).collect()
}

fn of_file(file: &SourceFile) -> Vec<TestFunction> {
    let mut imports = Imports(Vec::new());
    imports.visit_file(&file.syntax);
    let mut found = Functions { file, imports: imports.0, tests: Vec::new() };
    found.visit_file(&file.syntax);
    found.tests
}

/// The doc comment as one line of text.
pub(crate) fn doc(attributes: &[syn::Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| {
        let syn::Meta::NameValue(pair) = &attribute.meta else { return None };
        let syn::Expr::Lit(value) = &pair.value else { return None };
        let syn::Lit::Str(text) = &value.lit else { return None };
        pair.path.is_ident("doc").then(|| text.value().trim().to_string())
    });
    lines.collect::<Vec<_>>().join(" ")
}

/// The variants that a doc comment lists after `Edge of`.
fn edges(doc: &str) -> Vec<String> {
    let mut edges = Vec::new();
    for list in doc.split("Edge of ").skip(1) {
        let mut rest = list;
        while let Some((name, after)) =
            rest.strip_prefix("`Violation::").and_then(|text| text.split_once('`'))
        {
            edges.push(name.to_string());
            let separators = [", and ", ", ", " and "];
            rest = separators.iter().find_map(|it| after.strip_prefix(it)).unwrap_or("");
        }
    }
    edges
}

/// The names under which a file imports something called `Violation`, with the crate it is from.
struct Imports(Vec<(String, String)>);

impl Imports {
    fn look(&mut self, tree: &syn::UseTree, root: Option<&str>) {
        let mut found = |name: &syn::Ident, alias: &syn::Ident| {
            if name == "Violation" {
                self.0.push((alias.to_string(), root.unwrap_or_default().to_string()));
            }
        };
        match tree {
            syn::UseTree::Path(path) => {
                let first = path.ident.to_string();
                self.look(&path.tree, Some(root.unwrap_or(&first)));
            }
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.look(tree, root));
            }
            syn::UseTree::Name(name) => found(&name.ident, &name.ident),
            syn::UseTree::Rename(rename) => found(&rename.ident, &rename.rename),
            syn::UseTree::Glob(_) => {}
        }
    }
}

impl<'ast> Visit<'ast> for Imports {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.look(&item.tree, None);
    }
}

struct Functions<'a> {
    file: &'a SourceFile,
    imports: Vec<(String, String)>,
    tests: Vec<TestFunction>,
}

impl Functions<'_> {
    /// The variants of this crate's `Violation` that tokens in these lines name.
    fn names(&self, lines: std::ops::RangeInclusive<usize>) -> Vec<String> {
        let own = self.file.crate_name().unwrap_or_default();
        let is_foreign = |name: &str| PROTOCOL_CRATES.contains(&name) && name != own;
        let tokens = self.file.tokens.iter().filter(|token| lines.contains(&token.line));
        let tokens: Vec<&str> = tokens.map(|token| token.text.as_str()).collect();
        let mut names = Vec::new();
        for (index, window) in tokens.windows(4).enumerate() {
            let [owner, ":", ":", variant] = window else { continue };
            let before = index.checked_sub(3).map(|start| &tokens[start..index]);
            let imported = self.imports.iter().find(|(alias, _)| alias == owner);
            let is_own = match (before, imported) {
                (Some([root, ":", ":"]), _) => *owner == "Violation" && !is_foreign(root),
                (_, Some((_, root))) => !is_foreign(root),
                _ => *owner == "Violation",
            };
            if is_own && !names.iter().any(|name| name == variant) {
                names.push((*variant).to_string());
            }
        }
        names
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        if function.attrs.iter().any(|attribute| attribute.path().is_ident("test")) {
            let brace = &function.block.brace_token.span;
            let test = TestFunction {
                crate_name: self.file.crate_name().unwrap_or_default().to_string(),
                path: self.file.path.clone(),
                line: function.sig.ident.span().start().line,
                name: function.sig.ident.to_string(),
                names: self.names(brace.open().start().line..=brace.close().end().line),
                edge_of: edges(&doc(&function.attrs)),
            };
            self.tests.push(test);
        }
        visit::visit_item_fn(self, function);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<TestFunction> {
        of_file(&SourceFile::parse("crates/mls/tests/it/a.rs", text).unwrap())
    }

    #[test]
    fn a_test_names_what_its_body_names_of_its_own_crate() {
        let text = "//! A.\nuse mls::{Group, Violation as V};\n\
                    fn helper() { Violation::Helper; }\n\
                    #[test]\nfn one() {\n    assert_eq!(V::A, mls::Violation::B);\n    \
                    tree::Violation::C;\n    Other::D;\n    Violation::A;\n}\n";
        let tests = of(text);
        assert_eq!(tests.len(), 1);
        assert_eq!(tests[0].names, ["A", "B"]);
        assert_eq!((tests[0].line, tests[0].place().as_str()), (5, "tests/it/a.rs: one"));
    }

    #[test]
    fn an_import_from_another_layer_is_not_the_own_violation() {
        let text = "use tree::{Violation};\n#[test]\nfn one() { Violation::A; }\n";
        assert_eq!(of(text)[0].names, [""; 0]);
        let text = "use crate::Violation;\n#[test]\nfn one() { Violation::A; }\n";
        assert_eq!(of(text)[0].names, ["A"]);
    }

    #[test]
    fn a_doc_comment_lists_the_edges() {
        let text = "mod inner {\n/// Text.\n/// Edge of `Violation::A`, `Violation::B` and\n\
                    /// `Violation::C`.\n/// Edge of `Violation::D`. And `Violation::E`.\n\
                    #[test]\nfn one() {}\n}\n/// Edge of nothing.\n#[test]\nfn two() {}\n";
        let tests = of(text);
        assert_eq!(tests[0].edge_of, ["A", "B", "C", "D"]);
        assert_eq!(tests[1].edge_of, [""; 0]);
    }
}
