//! What an examination of an account finds, in words.

use std::path::Path;

/// How one thing was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// It works, and something should be looked at.
    Warning,
    /// It does not work, or is not safe.
    Bad,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at; of these there is a fixed list: `folder`, `database`, `rows`, `group`,
    /// `intents`, `credential`, `service`, `clock`, `key-packages`, `log`.
    pub check: &'static str,
    /// Which one of several, for example a group's name.
    pub subject: Option<String>,
    /// How it was found to be.
    pub verdict: Verdict,
    /// What was found.
    pub text: String,
    /// What to do about it.
    pub advice: Option<&'static str>,
}

impl Finding {
    pub(crate) fn new(check: &'static str, verdict: Verdict, text: impl Into<String>) -> Self {
        Self { check, subject: None, verdict, text: text.into(), advice: None }
    }

    pub(crate) fn good(check: &'static str, text: impl Into<String>) -> Self {
        Self::new(check, Verdict::Good, text)
    }

    pub(crate) fn warning(check: &'static str, text: impl Into<String>) -> Self {
        Self::new(check, Verdict::Warning, text)
    }

    pub(crate) fn bad(check: &'static str, text: impl Into<String>) -> Self {
        Self::new(check, Verdict::Bad, text)
    }

    pub(crate) fn about(mut self, subject: &str) -> Self {
        self.subject = Some(subject.to_owned());
        self
    }

    pub(crate) fn advise(mut self, advice: &'static str) -> Self {
        self.advice = Some(advice);
        self
    }
}

/// Looks at who may enter an account's folder. The account need not be open.
#[must_use]
pub fn examine_folder(home: &Path) -> Finding {
    match open_to_others(home) {
        Ok(None) => Finding::good("folder", "only its owner may enter"),
        Ok(Some(path)) => Finding::bad("folder", format!("others may use {path}"))
            .advise("take the permissions of group and others away (chmod -R go-rwx)"),
        Err(error) => Finding::bad("folder", format!("it cannot be looked at: {error}")),
    }
}

/// The folder, if somebody else may enter it.
#[cfg(unix)]
fn open_to_others(home: &Path) -> std::io::Result<Option<String>> {
    use std::os::unix::fs::PermissionsExt;
    let is_open = |path: &Path| -> std::io::Result<bool> {
        Ok(std::fs::metadata(path)?.permissions().mode() & 0o077 != 0)
    };
    // Whoever cannot enter the folder cannot reach what is in it.
    Ok(is_open(home)?.then(|| home.display().to_string()))
}

/// Elsewhere permissions are not of this kind, and are not looked at.
#[cfg(not(unix))]
fn open_to_others(home: &Path) -> std::io::Result<Option<String>> {
    std::fs::metadata(home).map(|_| None)
}
