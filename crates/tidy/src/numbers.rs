//! The measures of the style, for `cargo run -p conclave-tidy`.

use std::fmt;

use crate::violations::Violation;
use crate::{SourceFile, Workspace, is_protocol_crate, manifests, syntax, text, tokens};

/// The measures of the protocol crates and of all Rust in the workspace.
pub struct Numbers {
    protocol: Measures,
    all: Measures,
}

#[derive(Default)]
struct Measures {
    files: usize,
    files_with_header: usize,
    lines: usize,
    code_lines: usize,
    test_lines: usize,
    largest_file: Largest,
    longest_function: Largest,
    most_parameters: Largest,
    cfgs: usize,
    features: usize,
    type_parameters: usize,
    violations: usize,
    violations_without_negative_test: usize,
    violations_without_edge_test: usize,
}

/// A maximum and where it is.
#[derive(Default)]
struct Largest {
    size: usize,
    place: String,
}

impl Largest {
    fn offer(&mut self, size: usize, place: impl FnOnce() -> String) {
        if size > self.size {
            *self = Self { size, place: place() };
        }
    }
}

impl fmt::Display for Largest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.size {
            0 => formatter.write_str("0"),
            size => write!(formatter, "{size} ({})", self.place),
        }
    }
}

impl Numbers {
    /// Measures the workspace.
    pub(crate) fn of(workspace: &Workspace, violations: &[Violation]) -> Self {
        let mut numbers = Self { protocol: Measures::default(), all: Measures::default() };
        for file in &workspace.sources {
            numbers.all.add(file);
            if file.is_protocol() {
                numbers.protocol.add(file);
            }
        }
        for (path, text) in &workspace.texts {
            let name = path.strip_prefix("crates/").and_then(|rest| rest.split('/').next());
            let manifest = path.ends_with("/Cargo.toml").then(|| text.parse::<toml::Table>());
            let (Some(name), Some(Ok(manifest))) = (name, manifest) else { continue };
            let features = manifests::features(&manifest);
            numbers.all.features += features;
            if is_protocol_crate(name) {
                numbers.protocol.features += features;
            }
        }
        for measures in [&mut numbers.protocol, &mut numbers.all] {
            let without = |tests: fn(&Violation) -> &[String]| {
                violations.iter().filter(|violation| tests(violation).is_empty()).count()
            };
            measures.violations = violations.len();
            measures.violations_without_negative_test = without(|it| &it.negative);
            measures.violations_without_edge_test = without(|it| &it.edge);
        }
        numbers
    }

    /// The rows of the table: name, protocol crates, everything.
    fn rows(&self) -> Vec<[String; 3]> {
        let row = |name: &str, value: &dyn Fn(&Measures) -> String| {
            [name.to_string(), value(&self.protocol), value(&self.all)]
        };
        vec![
            row("files", &|it| it.files.to_string()),
            row("files with a header", &|it| it.files_with_header.to_string()),
            row("lines without tests", &|it| it.lines.to_string()),
            row("of these, code", &|it| it.code_lines.to_string()),
            row("lines of tests", &|it| it.test_lines.to_string()),
            row("largest file without tests", &|it| it.largest_file.to_string()),
            row("longest function", &|it| it.longest_function.to_string()),
            row("most parameters", &|it| it.most_parameters.to_string()),
            row("Cargo features", &|it| it.features.to_string()),
            row("`cfg` outside tests (protocol)", &|it| it.cfgs.to_string()),
            row("type parameters on Group etc.", &|it| it.type_parameters.to_string()),
            row("violations", &|it| it.violations.to_string()),
            row("violations without a negative test", &|it| {
                it.violations_without_negative_test.to_string()
            }),
            row("violations without an edge test", &|it| {
                it.violations_without_edge_test.to_string()
            }),
        ]
    }
}

impl Measures {
    fn add(&mut self, file: &SourceFile) {
        let production: Vec<&str> = file.production_lines().map(|(_, content)| content).collect();
        self.files += 1;
        self.files_with_header += usize::from(text::has_header(file));
        self.lines += production.len();
        self.code_lines += production.iter().filter(|content| is_code(content)).count();
        self.test_lines += file.text.lines().count() - production.len();
        self.largest_file.offer(production.len(), || file.path.clone());
        for function in syntax::functions(file) {
            let place = || format!("{}:{} {}", file.path, function.line, function.name);
            self.longest_function.offer(function.lines, place);
            self.most_parameters.offer(function.parameters, place);
        }
        self.cfgs += tokens::cfg_lines(file).len();
        self.type_parameters += syntax::type_parameters(file).len();
    }
}

/// Whether a line holds more than blanks or a comment.
fn is_code(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with("//")
}

impl fmt::Display for Numbers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "| measure | protocol crates | everything |")?;
        writeln!(formatter, "|---|---|---|")?;
        for [name, protocol, all] in self.rows() {
            writeln!(formatter, "| {name} | {protocol} | {all} |")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_measures_are_those_of_the_files() {
        let codec = "//! A.\n\nfn f(a: u8, b: u8) {\n    // Why.\n    g();\n}\n\
                     #[cfg(test)]\nmod tests {\n}\n";
        let cli = "//! A.\nfn main() {\n    // Why.\n    // Not.\n    g();\n}\n";
        let files = [
            ("crates/cli/src/main.rs", cli),
            ("crates/codec/Cargo.toml", "[features]\na = []\n"),
            ("crates/codec/src/lib.rs", codec),
        ];
        let files = files.map(|(path, text)| (path.to_string(), text.to_string()));
        let numbers = Numbers::of(&Workspace::of(files.to_vec()), &[]);
        let rows = numbers.rows();
        let value = |name: &str| {
            let row = rows.iter().find(|row| row[0] == name).unwrap();
            [row[1].as_str(), row[2].as_str()]
        };
        assert_eq!(value("files"), ["1", "2"]);
        assert_eq!(value("files with a header"), ["1", "2"]);
        assert_eq!(value("lines without tests"), ["6", "12"]);
        assert_eq!(value("of these, code"), ["3", "6"]);
        assert_eq!(value("lines of tests"), ["3", "3"]);
        assert_eq!(value("largest file without tests")[0], "6 (crates/codec/src/lib.rs)");
        assert_eq!(value("longest function")[0], "4 (crates/codec/src/lib.rs:3 f)");
        assert_eq!(value("longest function")[1], "5 (crates/cli/src/main.rs:2 main)");
        assert_eq!(value("most parameters")[1], "2 (crates/codec/src/lib.rs:3 f)");
        assert_eq!(value("Cargo features"), ["1", "1"]);
    }
}
