//! Messages come from files or standard input, and go to files or standard output.
//!
//! A file is written beside its place, synchronised and renamed: whoever looks sees the old file or
//! the new one.

use crate::base64;
use crate::failure::Failure;
use mls::{Decode, MlsMessage};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// The longest input that is read: a message of the largest kind in base64.
const INPUT_BYTES_MAX: u64 = 1 << 29;

/// All bytes of a file, or of standard input for `-`.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    // One byte more than allowed is enough to notice.
    let limit = INPUT_BYTES_MAX + 1;
    let read = match path.to_str() {
        Some("-") => std::io::stdin().lock().take(limit).read_to_end(&mut bytes),
        _ => File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)),
    };
    read.map_err(|error| Failure::refused(format!("cannot read {}: {error}", path.display())))?;
    if bytes.len() as u64 > INPUT_BYTES_MAX {
        return Err(Failure::refused(format!("{} is too long", path.display())));
    }
    Ok(bytes)
}

/// The bytes that the input stands for: base64 is decoded. No MLS structure looks like base64,
/// since each has bytes early on that are not text.
pub(crate) fn read_structure(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = read_bytes(path)?;
    Ok(base64::decode(&bytes).filter(|decoded| !decoded.is_empty()).unwrap_or(bytes))
}

/// The bytes of several files.
pub(crate) fn read_all(paths: &[std::path::PathBuf]) -> Result<Vec<Vec<u8>>, Failure> {
    paths.iter().map(|path| read_bytes(path)).collect()
}

/// A message.
pub(crate) fn read_message(path: &Path) -> Result<MlsMessage, Failure> {
    Ok(MlsMessage::from_bytes(&read_structure(path)?).map_err(mls::Error::from)?)
}

/// Writes a file so that it is there whole or not at all, and durable.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let write = || -> std::io::Result<()> {
        let beside = beside(path)?;
        let mut options = File::options();
        options.write(true).create(true).truncate(true);
        // It may be a message that was encrypted until now.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|error| Failure::check(format!("cannot write {}: {error}", path.display())))
}

/// A name in the same folder that no other process uses.
fn beside(path: &Path) -> std::io::Result<PathBuf> {
    let name = path.file_name().ok_or(std::io::ErrorKind::InvalidInput)?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.part", std::process::id()));
    Ok(path.with_file_name(hidden))
}
