//! Rules over the syntax tree: functions and generic types.

use proc_macro2::Span;
use syn::visit::{self, Visit};

use crate::{Finding, Rule, SourceFile};

/// Lines from `fn` to the closing brace.
const FUNCTION_LINES_MAX: usize = 70;

/// Parameters besides `self`.
const PARAMETERS_MAX: usize = 5;

/// Central types, which an application names in its own signatures.
const PLAIN_TYPES: [&str; 3] = ["Client", "Group", "Server"];

/// One function, as measured.
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) lines: usize,
    pub(crate) parameters: usize,
}

/// Checks every rule over the syntax tree.
pub(crate) fn check(file: &SourceFile, findings: &mut Vec<Finding>) {
    for function in functions(file) {
        let Function { name, line, lines, parameters } = function;
        if lines > FUNCTION_LINES_MAX {
            let message = format!("`{name}` has {lines} lines; at most {FUNCTION_LINES_MAX}");
            findings.push(Finding::new(&file.path, line, Rule::FunctionLength, message));
        }
        if parameters > PARAMETERS_MAX {
            let message = format!("`{name}` has {parameters} parameters; at most {PARAMETERS_MAX}");
            findings.push(Finding::new(&file.path, line, Rule::Parameters, message));
        }
    }
    for (line, name) in type_parameters(file) {
        let message = format!("`{name}` has type parameters");
        findings.push(Finding::new(&file.path, line, Rule::TypeParameter, message));
    }
}

/// All functions of a file, tests included.
pub(crate) fn functions(file: &SourceFile) -> Vec<Function> {
    let mut found = Functions(Vec::new());
    found.visit_file(&file.syntax);
    found.0
}

/// The central types that have type or constant parameters, with their lines.
pub(crate) fn type_parameters(file: &SourceFile) -> Vec<(usize, String)> {
    let mut found = TypeParameters(Vec::new());
    found.visit_file(&file.syntax);
    found.0.retain(|(line, _)| !file.is_test(*line));
    found.0
}

struct Functions(Vec<Function>);

impl Functions {
    fn push(&mut self, signature: &syn::Signature, end: Span) {
        let line = signature.fn_token.span.start().line;
        let is_typed = |input: &&syn::FnArg| matches!(input, syn::FnArg::Typed(_));
        self.0.push(Function {
            name: signature.ident.to_string(),
            line,
            lines: end.end().line - line + 1,
            parameters: signature.inputs.iter().filter(is_typed).count(),
        });
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.push(&function.sig, function.block.brace_token.span.close());
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.push(&function.sig, function.block.brace_token.span.close());
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        let end = match (&function.default, &function.semi_token) {
            (Some(block), _) => block.brace_token.span.close(),
            (None, Some(semi)) => semi.spans[0],
            (None, None) => function.sig.paren_token.span.close(),
        };
        self.push(&function.sig, end);
        visit::visit_trait_item_fn(self, function);
    }
}

struct TypeParameters(Vec<(usize, String)>);

impl TypeParameters {
    fn look(&mut self, ident: &syn::Ident, generics: &syn::Generics) {
        let is_lifetime =
            |parameter: &syn::GenericParam| matches!(parameter, syn::GenericParam::Lifetime(_));
        let name = ident.to_string();
        if PLAIN_TYPES.contains(&name.as_str()) && !generics.params.iter().all(is_lifetime) {
            self.0.push((ident.span().start().line, name));
        }
    }
}

impl<'ast> Visit<'ast> for TypeParameters {
    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.look(&item.ident, &item.generics);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.look(&item.ident, &item.generics);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.look(&item.ident, &item.generics);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(code: &str) -> Vec<(usize, Rule)> {
        let file = SourceFile::parse("crates/mls/src/a.rs", code).unwrap();
        let mut findings = Vec::new();
        check(&file, &mut findings);
        findings.into_iter().map(|finding| (finding.line, finding.rule)).collect()
    }

    #[test]
    fn seventy_lines_are_accepted_and_one_more_is_not() {
        let function = |lines: usize| format!("fn f() {{\n{}}}\n", "    g();\n".repeat(lines - 2));
        let expected = [(2, Rule::FunctionLength)];
        assert_eq!(rules(&function(70)), []);
        assert_eq!(rules(&format!("/// Long.\n{}", function(71))), expected);
        assert_eq!(rules(&format!("impl A {{\n{}}}", function(71))), expected);
        assert_eq!(rules(&format!("trait A {{\n{}}}", function(71))), expected);
        assert_eq!(rules(&format!("mod m {{\n{}}}", function(71))), expected);
    }

    #[test]
    fn five_parameters_besides_self_are_accepted_and_six_are_not() {
        let five = "a: u8, b: u8, c: u8, d: u8, e: u8";
        assert_eq!(rules(&format!("fn f({five}) {{}}")), []);
        assert_eq!(rules(&format!("impl A {{ fn f(&self, {five}) {{}} }}")), []);
        assert_eq!(rules(&format!("fn f({five}, g: u8) {{}}")), [(1, Rule::Parameters)]);
        let method = format!("trait A {{\n    fn f(&self, {five}, g: u8);\n}}");
        assert_eq!(rules(&method), [(2, Rule::Parameters)]);
    }

    #[test]
    fn central_types_take_no_type_parameters() {
        assert_eq!(rules("struct Group<P> { p: P }"), [(1, Rule::TypeParameter)]);
        assert_eq!(rules("struct Client<const N: usize>;"), [(1, Rule::TypeParameter)]);
        assert_eq!(rules("type Server<P> = Inner<P>;"), [(1, Rule::TypeParameter)]);
        assert_eq!(rules("struct Group<'a> { a: &'a u8 }\nstruct GroupContext<T>(T);"), []);
        assert_eq!(rules("#[cfg(test)]\nmod tests { struct Group<P>(P); }"), []);
    }
}
