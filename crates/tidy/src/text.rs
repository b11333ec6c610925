//! Rules over the text of files: lines, words and comments.

use crate::{Finding, Rule, SourceFile};

/// Columns of a line of Rust.
const COLUMNS_MAX: usize = 100;

/// Lines of a file without its tests.
const FILE_LINES_MAX: usize = 600;

/// File and folder names that say nothing.
const EMPTY_NAMES: [&str; 3] = ["common", "helpers", "utils"];

/// Words that drafts before RFC 9420 used for things it calls otherwise.
const OLD_DRAFT_WORDS: [&str; 9] = [
    "ClientInitKey",
    "DirectPath",
    "DirectPathNode",
    "HandshakeType",
    "MLSCiphertext",
    "MLSPlaintext",
    "MlsCiphertext",
    "MlsPlaintext",
    "UserInitKey",
];

/// Marks of unfinished work. Written in two parts, so that this file does not contain them.
const UNFINISHED: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Folders of a build machine, which mean nothing anywhere else.
const MACHINE_PATHS: [&str; 3] =
    [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/tmp/", "work")];

/// Hosts that package registries download from. The project names packages, not hosts: where they
/// come from is the configuration of whoever builds it.
const REGISTRY_HOSTS: [&str; 6] = [
    concat!("deb.debian", ".org"),
    concat!("files.pythonhosted", ".org"),
    concat!("index.crates", ".io"),
    concat!("proxy.golang", ".org"),
    concat!("registry.npmjs", ".org"),
    concat!("static.crates", ".io"),
];

/// The rules for any text file.
pub(crate) fn check_any(path: &str, text: &str, findings: &mut Vec<Finding>) {
    if path.split('/').any(|part| EMPTY_NAMES.contains(&part.trim_end_matches(".rs"))) {
        findings.push(Finding::new(path, 1, Rule::FileName, "a name that says nothing"));
    }
    for (line, content) in (1..).zip(text.lines()) {
        for word in UNFINISHED.iter().filter(|word| has_word(content, word)) {
            findings.push(Finding::new(path, line, Rule::Todo, format!("`{word}` in main")));
        }
        for place in MACHINE_PATHS.iter().filter(|place| has_path(content, place)) {
            let message = format!("`{place}` is a path of a build machine");
            findings.push(Finding::new(path, line, Rule::Foreign, message));
        }
        for host in REGISTRY_HOSTS.iter().filter(|host| content.contains(**host)) {
            let message = format!("`{host}` is a registry's host");
            findings.push(Finding::new(path, line, Rule::Foreign, message));
        }
    }
}

/// The rules for Rust files.
pub(crate) fn check_rust(file: &SourceFile, findings: &mut Vec<Finding>) {
    let mut found = |line, rule, message: String| {
        findings.push(Finding::new(&file.path, line, rule, message));
    };
    if !has_header(file) {
        found(1, Rule::Header, "does not start with a `//!` header".to_string());
    }
    let lines = file.production_lines().count();
    if lines > FILE_LINES_MAX {
        let message = format!("{lines} lines without tests; at most {FILE_LINES_MAX}");
        found(1, Rule::FileLength, message);
    }
    for (line, content) in (1..).zip(file.text.lines()) {
        let columns = content.chars().count();
        if columns > COLUMNS_MAX {
            found(line, Rule::Columns, format!("{columns} columns; at most {COLUMNS_MAX}"));
        }
    }
    if file.is_protocol() {
        for (line, content) in (1..).zip(file.text.lines()) {
            for word in OLD_DRAFT_WORDS.iter().filter(|word| has_word(content, word)) {
                found(line, Rule::OldDraft, format!("`{word}` is a word of an old draft"));
            }
        }
        for line in unanchored_musts(&file.text) {
            let message = "quotes a MUST without its section".to_string();
            found(line, Rule::Must, message);
        }
    }
}

/// Whether the file starts with a header that says something.
pub(crate) fn has_header(file: &SourceFile) -> bool {
    file.text.strip_prefix("//! ").is_some_and(|rest| !rest.lines().next().unwrap_or("").is_empty())
}

/// The lines of comments that say MUST where the comment cites no section.
fn unanchored_musts(text: &str) -> Vec<usize> {
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let mut unanchored = Vec::new();
    let mut start = 0;
    for comment in lines.split(|line| !line.starts_with("//")) {
        let must = comment.iter().position(|line| has_word(line, "MUST"));
        if let Some(index) = must.filter(|_| !cites_section(&comment.join(" "))) {
            unanchored.push(start + index + 1);
        }
        start += comment.len() + 1;
    }
    unanchored
}

/// Whether `text` names a section: `section 7.3`, `sections 5.1 and 5.2`, `§7.3`, or an appendix.
pub(crate) fn cites_section(text: &str) -> bool {
    let text = text.to_lowercase().replace("//!", " ").replace("///", " ").replace("//", " ");
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let starts_with_digit = |word: &str| word.starts_with(|first: char| first.is_ascii_digit());
        let is_sign = word.split('§').nth(1).is_some_and(starts_with_digit);
        let word = word.trim_matches(|letter: char| !letter.is_alphanumeric());
        let next = words.peek().copied().unwrap_or("");
        let is_number = matches!(word, "section" | "sections") && starts_with_digit(next);
        let is_appendix = word == "appendix" && !next.is_empty();
        if is_sign || is_number || is_appendix {
            return true;
        }
    }
    false
}

/// Whether `word` stands in `line` as a whole word.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + word.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// Whether the absolute path `path` stands in `line`, not as the end of a longer one.
fn has_path(line: &str, path: &str) -> bool {
    let continues = |letter: char| letter.is_alphanumeric() || "_-.}*".contains(letter);
    line.match_indices(path).any(|(start, _)| !line[..start].ends_with(continues))
}

#[cfg(test)]
mod tests;
