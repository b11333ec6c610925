//! A copy of the database while the service goes on.

use super::{DATABASE_NAME, io};
use crate::store::Stored;
use rusqlite::{Connection, OpenFlags};
use std::fs::File;
use std::path::Path;

/// Copies the database in a store's directory to a new file: one committed state, with everything
/// that was acknowledged before this was called. The service may be running. The service's key is
/// not in it.
///
/// Whoever goes on with a copy takes back what was acknowledged since; clients notice and say so.
///
/// # Errors
/// There is no database, the file exists already, or the copy cannot be made durable; what there is
/// of it then is deleted.
pub fn backup(directory: &Path, to: &Path) -> Stored<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(directory.join(DATABASE_NAME), flags)?;
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(to).map_err(io)?;
    let copied = copy(&connection, &file, to);
    if copied.is_err() {
        // The error that is reported is the reason for this.
        let _ = std::fs::remove_file(to);
    }
    copied
}

fn copy(connection: &Connection, file: &File, to: &Path) -> Stored<()> {
    // One reading transaction; writers go on. Free pages, with what they still hold, stay behind.
    connection.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
    file.sync_all().map_err(io)?;
    #[cfg(unix)]
    if let Some(parent) = to.parent() {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        File::open(parent).and_then(|directory| directory.sync_all()).map_err(io)?;
    }
    Ok(())
}
