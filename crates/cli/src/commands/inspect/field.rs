//! A structure as a tree of named fields.

use crate::output::hex;
use codec::Encode;
use serde_json::{Value, json};

/// A field: its name as in the RFC, its value, its size, where the RFC defines it, what is inside.
pub(super) struct Field {
    name: String,
    value: String,
    bytes: Option<usize>,
    section: Option<&'static str>,
    inside: Vec<Field>,
}

/// The longest bytes that are shown whole: keys, hashes and most signatures.
const WHOLE_BYTES_MAX: usize = 68;

/// How many bytes of longer ones are shown.
const START_BYTES: usize = 16;

/// Bytes in hexadecimal digits, long ones cut.
pub(super) fn digits(bytes: &[u8]) -> String {
    match bytes.len() {
        0..=WHOLE_BYTES_MAX => hex(bytes),
        _ => format!("{}...", hex(&bytes[..START_BYTES])),
    }
}

impl Field {
    /// A plain value.
    pub(super) fn new(name: impl Into<String>, value: impl ToString) -> Self {
        let (name, value) = (name.into(), value.to_string());
        Self { name, value, bytes: None, section: None, inside: Vec::new() }
    }

    /// Bytes that stand for themselves.
    pub(super) fn bytes(name: impl Into<String>, bytes: &[u8]) -> Self {
        let field = Self::new(name, digits(bytes));
        Self { bytes: Some(bytes.len()), ..field }
    }

    /// A structure of the RFC; its size is that of its encoding.
    pub(super) fn structure(
        name: impl Into<String>,
        structure: &impl Encode,
        section: &'static str,
        inside: Vec<Self>,
    ) -> Self {
        let bytes = Some(structure.to_bytes().len());
        Self { bytes, section: Some(section), inside, ..Self::new(name, "") }
    }

    /// A list.
    pub(super) fn list(name: impl Into<String>, inside: Vec<Self>) -> Self {
        let count = match inside.len() {
            0 => "none".to_owned(),
            count => format!("({count})"),
        };
        Self { inside, ..Self::new(name, count) }
    }

    /// The same with a value.
    pub(super) fn saying(self, value: impl ToString) -> Self {
        Self { value: value.to_string(), ..self }
    }

    /// The same with the section that defines it.
    pub(super) fn section(self, section: &'static str) -> Self {
        Self { section: Some(section), ..self }
    }

    /// The lines of the tree.
    pub(super) fn lines(&self, depth: usize, lines: &mut Vec<String>) {
        let mut line = format!("{}{}", "  ".repeat(depth), self.name);
        if !self.value.is_empty() {
            line.push_str(&format!(": {}", self.value));
        }
        let size = self.bytes.map(|count| match count {
            1 => "1 byte".to_owned(),
            count => format!("{count} bytes"),
        });
        let section = self.section.map(|section| format!("section {section}"));
        let notes: Vec<_> = [size, section].into_iter().flatten().collect();
        if !notes.is_empty() {
            line.push_str(&format!("  ({})", notes.join(", ")));
        }
        lines.push(line);
        self.inside.iter().for_each(|field| field.lines(depth + 1, lines));
    }

    /// The tree for programs.
    pub(super) fn value(&self) -> Value {
        let mut value = json!({"name": self.name});
        if !self.value.is_empty() {
            value["value"] = json!(self.value);
        }
        if let Some(bytes) = self.bytes {
            value["bytes"] = json!(bytes);
        }
        if let Some(section) = self.section {
            value["section"] = json!(section);
        }
        if !self.inside.is_empty() {
            value["fields"] = self.inside.iter().map(Self::value).collect();
        }
        value
    }
}
