//! The files of the workspace: what git tracks or would track, read into memory.

use std::path::Path;
use std::process::Command;

use crate::{Failure, Finding, SourceFile};

/// Every text file of the workspace, and every Rust file parsed.
pub struct Workspace {
    /// Path from the root and contents of each text file, sorted by path.
    pub texts: Vec<(String, String)>,
    /// The Rust files among them.
    pub sources: Vec<SourceFile>,
    /// Findings about Rust files that do not parse.
    pub unreadable: Vec<Finding>,
}

impl Workspace {
    /// Reads the work tree at `root`: files that git tracks, and new ones that it does not ignore.
    pub fn read(root: &Path) -> Result<Self, Failure> {
        let mut git = Command::new("git");
        git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let output = git.current_dir(root).output()?;
        if !output.status.success() {
            return Err(format!("git: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        let names = String::from_utf8(output.stdout)?;
        let mut texts = Vec::new();
        for name in names.split_terminator('\0') {
            // A file may be deleted in the work tree but not yet in the index, and a binary has no
            // style.
            if let Ok(text) = std::fs::read_to_string(root.join(name)) {
                texts.push((name.to_string(), text));
            }
        }
        texts.sort();
        texts.dedup();
        Ok(Self::of(texts))
    }

    /// The workspace that consists of these files.
    #[must_use]
    pub fn of(texts: Vec<(String, String)>) -> Self {
        let mut sources = Vec::new();
        let mut unreadable = Vec::new();
        for (path, text) in texts.iter().filter(|(path, _)| path.ends_with(".rs")) {
            match SourceFile::parse(path, text) {
                Ok(file) => sources.push(file),
                Err(finding) => unreadable.push(finding),
            }
        }
        Self { texts, sources, unreadable }
    }

    /// The contents of the file at `path`.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        let found = self.texts.iter().find(|(name, _)| name == path);
        found.map(|(_, text)| text.as_str())
    }
}
