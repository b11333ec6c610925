//! Rules over tokens, so that macro bodies count and strings and comments do not.

use crate::source::Token;
use crate::{Finding, Rule, SourceFile};

/// `cfg` attributes and macros that all protocol crates together may have outside tests.
const CFG_MAX: usize = 5;

/// Checks every rule over tokens but the count of `cfg`.
pub(crate) fn check(file: &SourceFile, findings: &mut Vec<Finding>) {
    for (index, token) in file.tokens.iter().enumerate() {
        let mut found = |rule, message: &str| {
            findings.push(Finding::new(&file.path, token.line, rule, message));
        };
        let around = Around { tokens: &file.tokens, index };
        let production = !file.is_test(token.line);
        match token.text.as_str() {
            "unwrap" if production && around.is_called_or_named() => {
                found(Rule::Unwrap, "`unwrap` outside tests");
            }
            "expect" if production && around.is_unexplained_expect() => {
                found(Rule::Expect, "`expect` without words that say why it cannot fail");
            }
            "async" if production && file.is_protocol() => {
                found(Rule::Async, "`async` in a protocol crate");
            }
            "todo" | "unimplemented" if around.at(1) == "!" => {
                found(Rule::Todo, "unfinished code");
            }
            "cfg" | "cfg_attr" if production && around.is_cfg_of_test() => {
                found(Rule::TestHook, "`cfg(test)` on something else than a test module");
            }
            "mod" if around.is_test_module_elsewhere() => {
                found(Rule::TestHook, "a test module in a file of its own is named `tests`");
            }
            "use" if production && around.is_public() && around.is_wildcard() => {
                found(Rule::Wildcard, "wildcard re-export");
            }
            _ => {}
        }
    }
}

/// The lines with a `cfg` outside tests in a protocol crate.
pub(crate) fn cfg_lines(file: &SourceFile) -> Vec<usize> {
    if !file.is_protocol() {
        return Vec::new();
    }
    let is_cfg = |index: usize| {
        let around = Around { tokens: &file.tokens, index };
        matches!(around.at(0), "cfg" | "cfg_attr") && matches!(around.at(1), "(" | "!")
    };
    let lines = file.tokens.iter().enumerate().filter(|(index, _)| is_cfg(*index));
    lines.map(|(_, token)| token.line).filter(|line| !file.is_test(*line)).collect()
}

/// Refuses every `cfg` when there are more than [`CFG_MAX`].
pub(crate) fn check_cfg_count(files: &[SourceFile], findings: &mut Vec<Finding>) {
    let all: Vec<(&str, usize)> = files
        .iter()
        .flat_map(|file| cfg_lines(file).into_iter().map(|line| (file.path.as_str(), line)))
        .collect();
    if all.len() > CFG_MAX {
        let message = format!("one of {} in protocol crates; at most {CFG_MAX}", all.len());
        findings
            .extend(all.iter().map(|(path, line)| Finding::new(path, *line, Rule::Cfg, &*message)));
    }
}

/// A token and its neighbours.
struct Around<'a> {
    tokens: &'a [Token],
    index: usize,
}

impl Around<'_> {
    /// The text of the token `offset` places on; empty beyond either end.
    fn at(&self, offset: isize) -> &str {
        let index = self.index.checked_add_signed(offset);
        index.and_then(|index| self.tokens.get(index)).map_or("", |token| &token.text)
    }

    /// `.name(`
    fn is_method_call(&self) -> bool {
        self.at(-1) == "." && self.at(1) == "("
    }

    /// `.name(` or `Type::name`
    fn is_called_or_named(&self) -> bool {
        self.is_method_call() || (self.at(-1) == ":" && self.at(-2) == ":")
    }

    /// `.expect(...)` as `Option` and `Result` have it, with one argument, but not several words.
    fn is_unexplained_expect(&self) -> bool {
        if !self.is_method_call() {
            return false;
        }
        let argument = self.at(2);
        let is_string = argument.starts_with('"') || argument.starts_with("r\"");
        let explains = is_string && argument.split_whitespace().count() > 1;
        !explains && arguments(self.group(1)) == 1
    }

    /// A `cfg` with `test` in it, anywhere but in `#[cfg(test)]` before a module.
    fn is_cfg_of_test(&self) -> bool {
        let open = if self.at(1) == "!" { 2 } else { 1 };
        if self.at(open) != "(" {
            return false;
        }
        let argument = self.group(open);
        let exact = self.at(0) == "cfg" && self.at(-1) == "[" && self.at(-2) == "#";
        argument.iter().any(|token| token.text == "test")
            && !(exact && argument.len() == 1 && self.is_before_module())
    }

    /// Whether the attribute that starts with this token, after other attributes, stands before
    /// `mod`.
    fn is_before_module(&self) -> bool {
        // `cfg ( test ) ]`, then the next attribute or the item.
        let mut offset = 5;
        while self.at(offset) == "#" {
            let inside = isize::try_from(self.group(offset + 1).len()).unwrap_or(isize::MAX / 2);
            offset += inside + 3;
        }
        self.at(offset) == "mod"
    }

    /// `#[cfg(test)] mod name;` with a name other than `tests`.
    fn is_test_module_elsewhere(&self) -> bool {
        let before: Vec<&str> = (-7..0).map(|offset| self.at(offset)).collect();
        before == ["#", "[", "cfg", "(", "test", ")", "]"]
            && self.at(2) == ";"
            && self.at(1) != "tests"
    }

    /// `pub use` or `pub(...) use`
    fn is_public(&self) -> bool {
        self.at(-1) == "pub" || (self.at(-1) == ")" && self.at(-4) == "pub")
    }

    /// A `use` with a star before its semicolon.
    fn is_wildcard(&self) -> bool {
        let rest = &self.tokens[self.index..];
        rest.iter().take_while(|token| token.text != ";").any(|token| token.text == "*")
    }

    /// What is inside the delimiter that is `offset` places on.
    fn group(&self, offset: isize) -> &[Token] {
        let start = self.index.saturating_add_signed(offset) + 1;
        let rest = self.tokens.get(start..).unwrap_or_default();
        let mut depth = 1_usize;
        let end = rest.iter().position(|token| {
            match token.text.as_str() {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        &rest[..end.unwrap_or(rest.len())]
    }
}

/// How many arguments stand between the parentheses of a call.
fn arguments(inside: &[Token]) -> usize {
    let mut depth = 0_usize;
    let mut commas = 0;
    for (index, token) in inside.iter().enumerate() {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            "," if depth == 0 && index + 1 < inside.len() => commas += 1,
            _ => {}
        }
    }
    if inside.is_empty() { 0 } else { commas + 1 }
}

#[cfg(test)]
mod tests;
