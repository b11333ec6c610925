//! Files on their way out and in: their names and types, and where they are put.

use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Progress;
use client::{Account, Attachment, Done, Event, EventKind, GroupId};
use std::fs::File;
use std::path::{Path, PathBuf};

/// How many names are tried for a file of which there is one already.
const NAMES_MAX: u32 = 1000;

/// Media types by the ends of names; whoever needs another one says so.
const MEDIA_TYPES: [(&str, &str); 17] = [
    ("csv", "text/csv"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("html", "text/html"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("json", "application/json"),
    ("md", "text/markdown"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("txt", "text/plain"),
    ("webp", "image/webp"),
    ("zip", "application/zip"),
];

/// The media type that goes with a name.
fn media_type(path: &Path) -> &'static str {
    let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default();
    let known = MEDIA_TYPES.iter().find(|(known, _)| end.eq_ignore_ascii_case(known));
    known.map_or("application/octet-stream", |(_, media_type)| media_type)
}

/// Shares a file with a group.
pub(crate) fn share(
    account: &mut Account,
    group: &GroupId,
    (path, given): (&Path, Option<&str>),
    output: &Output,
) -> Result<Done, Failure> {
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
        Failure::refused(format!("{}: a file to share needs a name in UTF-8", path.display()))
    })?;
    let attachment =
        Attachment { path, name, media_type: given.unwrap_or_else(|| media_type(path)) };
    let progress = Progress::bytes(name, output.is_json());
    Ok(account.send_file(group, attachment, &mut |done, of| progress.set(done, of))?)
}

/// Fetches the file that an event tells of into a folder, under its own name or one like it if
/// there is such a file already. Returns where it is.
pub(crate) fn fetch_into(
    account: &mut Account,
    event: &Event,
    folder: &Path,
    output: &Output,
) -> Result<PathBuf, Failure> {
    let EventKind::File { name, .. } = &event.kind else {
        return Err(Failure::refused("this is not about a file".to_owned()));
    };
    std::fs::create_dir_all(folder)?;
    let (file, path) = create(folder, &safe_name(name))?;
    fetch(account, event, (file, &path), output)?;
    Ok(path)
}

/// Fetches the file that an event tells of to a path where nothing is yet.
pub(crate) fn fetch_to(
    account: &mut Account,
    event: &Event,
    path: &Path,
    output: &Output,
) -> Result<(), Failure> {
    let file = File::options().write(true).create_new(true).open(path);
    let file = file.map_err(|error| Failure::refused(format!("{}: {error}", path.display())))?;
    fetch(account, event, (file, path), output)
}

fn fetch(
    account: &mut Account,
    event: &Event,
    (mut file, path): (File, &Path),
    output: &Output,
) -> Result<(), Failure> {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let progress = Progress::bytes(&name, output.is_json());
    let saved = account.save_file(event.number, &mut file, &mut |done, of| progress.set(done, of));
    let saved = saved.and_then(|()| file.sync_all().map_err(client::Error::File));
    saved.map_err(|error| {
        // Half a file is of no use to anybody.
        let _ = std::fs::remove_file(path);
        error.into()
    })
}

/// A name that others chose, as the name of a file here: not hidden, and without what some file
/// systems or shells take for more than a letter.
fn safe_name(name: &str) -> String {
    let is_safe = |letter: char| !letter.is_control() && !r#"<>:"/\|?*"#.contains(letter);
    let replaced = |letter: char| if is_safe(letter) { letter } else { '_' };
    let name: String = name.chars().map(replaced).collect();
    match name.strip_prefix(['.', '-']) {
        Some(rest) => format!("_{rest}"),
        None => name,
    }
}

/// Makes a file that was not there: `seeds.txt`, `seeds-2.txt`, ...
fn create(folder: &Path, name: &str) -> Result<(File, PathBuf), Failure> {
    let (stem, end) = match name.rsplit_once('.') {
        Some((stem, end)) if !stem.is_empty() => (stem, format!(".{end}")),
        _ => (name, String::new()),
    };
    for number in 1..=NAMES_MAX {
        let name = match number {
            1 => name.to_owned(),
            _ => format!("{stem}-{number}{end}"),
        };
        let path = folder.join(name);
        match File::options().write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Failure::refused(format!("{}: {error}", path.display()))),
            Ok(file) => return Ok((file, path)),
        }
    }
    Err(Failure::refused(format!("{}: too many files called {name}", folder.display())))
}

#[cfg(test)]
mod tests {
    use super::{create, media_type, safe_name};
    use std::path::Path;

    #[test]
    fn names_of_others_stay_in_the_folder_and_in_sight() {
        for (name, safe) in [
            ("a b.txt", "a b.txt"),
            (".profile", "_profile"),
            ("-rf", "_rf"),
            ("c:\\x", "c__x"),
            ("../x", "_._x"),
            ("a\x1b[2J", "a_[2J"),
        ] {
            assert_eq!(safe_name(name), safe);
        }
    }

    #[test]
    fn a_file_that_is_there_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        for expected in ["a.txt", "a-2.txt", "a-3.txt"] {
            assert_eq!(create(folder.path(), "a.txt").unwrap().1, folder.path().join(expected));
        }
        for expected in ["plain", "plain-2"] {
            assert_eq!(create(folder.path(), "plain").unwrap().1, folder.path().join(expected));
        }
    }

    #[test]
    fn types_go_by_the_end_of_the_name() {
        assert_eq!(media_type(Path::new("a/b.PNG")), "image/png");
        assert_eq!(media_type(Path::new("a.tar.gz")), "application/gzip");
        assert_eq!(media_type(Path::new("png")), "application/octet-stream");
    }
}
