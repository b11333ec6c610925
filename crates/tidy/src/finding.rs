//! A broken rule and where it is broken.

use std::fmt;

macro_rules! rules {
    ($($(#[doc = $summary:literal])+ $rule:ident = $name:literal),* $(,)?) => {
        /// The rules, by the name that findings and exceptions use.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $($(#[doc = $summary])+ $rule),*
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &'static [Self] = &[$(Self::$rule),*];

            /// The name in findings and in the exception list.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$rule => $name),*
                }
            }

            /// What the rule demands.
            #[must_use]
            pub fn summary(self) -> String {
                match self {
                    $(Self::$rule => [$($summary),+].concat().trim().to_string()),*
                }
            }
        }
    };
}

rules! {
    /// Nothing asynchronous in protocol crates.
    Async = "async",
    /// At most 5 `cfg` outside tests in all protocol crates together.
    Cfg = "cfg",
    /// Lines of Rust have at most 100 columns.
    Columns = "columns",
    /// Dependencies come from the workspace table, where a comment above says what each is for.
    Dependency = "dependency",
    /// What a protocol crate links comes in one version only.
    Duplicate = "duplicate",
    /// The exception list is well formed, and every exception excuses something.
    Exception = "exception",
    /// `expect` outside tests says in words why it cannot fail.
    Expect = "expect",
    /// Protocol crates have no Cargo features.
    Features = "features",
    /// Files are named for what they are, never for being a bag of things.
    FileName = "file-name",
    /// At most 600 lines in a file, tests not counted.
    FileLength = "file-length",
    /// At most 70 lines in a function.
    FunctionLength = "function-length",
    /// No path or host of a build machine in any file.
    Foreign = "foreign",
    /// Every Rust file starts with a `//!` header.
    Header = "header",
    /// Crates use each other only in the direction of the architecture's picture.
    Layer = "layer",
    /// Licences of dependencies are on the list in `deny.toml`.
    Licence = "licence",
    /// Every crate inherits the workspace's lints.
    Lints = "lints",
    /// A comment that quotes a MUST gives its section.
    Must = "must",
    /// Tests that documents name as `crate: function` exist.
    NamedTest = "named-test",
    /// No word from an old draft in protocol crates.
    OldDraft = "old-draft",
    /// At most 5 parameters besides `self`.
    Parameters = "parameters",
    /// Dependencies come from the registry in `deny.toml`, and none is banned there.
    Source = "source",
    /// Rust files and manifests parse.
    Syntax = "syntax",
    /// `cfg(test)` stands only before a test module.
    TestHook = "test-hook",
    /// Nothing is left to do in the main branch.
    Todo = "todo",
    /// `Group`, `Client` and `Server` have no type parameters.
    TypeParameter = "type-parameter",
    /// No `unwrap` outside tests.
    Unwrap = "unwrap",
    /// Each `Violation` variant cites its section and has a negative and an edge test, and the page
    /// that lists them is up to date.
    Violation = "violation",
    /// No wildcard re-exports.
    Wildcard = "wildcard",
}

/// One broken rule at one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Path from the workspace root, with forward slashes.
    pub path: String,
    /// Line, counted from 1.
    pub line: usize,
    /// The rule that is broken.
    pub rule: Rule,
    /// What is wrong.
    pub message: String,
}

impl Finding {
    /// A finding at `path`, line `line`.
    pub fn new(path: &str, line: usize, rule: Rule, message: impl Into<String>) -> Self {
        Self { path: path.to_string(), line, rule, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{} {} {}", self.path, self.line, self.rule.name(), self.message)
    }
}
