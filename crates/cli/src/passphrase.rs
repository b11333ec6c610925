//! Where passphrases come from: a file, or whoever sits at the terminal. Never the command line,
//! which every process on the machine can read.

use crate::failure::Failure;
use client::{Home, Protection, StoreKey};
use crypto::Secret;
use std::io::IsTerminal;
use std::path::Path;

/// The passphrase in a file: its first line.
pub(crate) fn from_file(path: &Path) -> Result<StoreKey, Failure> {
    let unreadable = |error| Failure::state(format!("{}: {error}", path.display()));
    let bytes = Secret::from_vec(std::fs::read(path).map_err(unreadable)?);
    let end = bytes.expose().iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    let line = &bytes.expose()[..end.unwrap_or(bytes.len())];
    if line.is_empty() {
        return Err(Failure::usage(format!("{}: there is no passphrase in it", path.display())));
    }
    Ok(StoreKey::Passphrase(Secret::from_slice(line)))
}

/// The passphrase of an account that has one.
pub(crate) fn ask(home: &Home) -> Result<StoreKey, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::state(
            "this account's folder is protected by a passphrase: give --passphrase-file FILE"
                .to_owned(),
        ));
    }
    prompt(&format!("Passphrase of {}: ", home.folder().display()))
}

/// A new passphrase, asked for twice.
pub(crate) fn ask_new() -> Result<StoreKey, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage("there is nobody to ask for a passphrase".to_owned()));
    }
    let (first, second) = (prompt("New passphrase: ")?, prompt("Again: ")?);
    match (&first, &second) {
        (StoreKey::Passphrase(one), StoreKey::Passphrase(two)) if one != two => {
            Err(Failure::usage("that is another one than before; nothing is changed".to_owned()))
        }
        (StoreKey::Passphrase(one), _) if one.is_empty() => {
            Err(Failure::usage("that is no passphrase".to_owned()))
        }
        _ => Ok(first),
    }
}

fn prompt(text: &str) -> Result<StoreKey, Failure> {
    let typed = rpassword::prompt_password(text).map(String::into_bytes)?;
    Ok(StoreKey::Passphrase(Secret::from_vec(typed)))
}

/// Tells somebody who has just made an account what they did without.
pub(crate) fn warn_unprotected(home: &Home, as_json: bool) {
    let is_open = home.key().protection() == Protection::Unprotected;
    if is_open && !as_json && std::io::stderr().is_terminal() {
        eprintln!(
            "Nothing protects this folder but its permissions. `conclave account protect` gives it \
             a passphrase."
        );
    }
}
