//! Key packages and warm groups, made once and kept in files: making them is no part of what is
//! measured.

use std::fs;
use std::path::{Path, PathBuf};

use testkit::WarmGroup;

use crate::Failure;
use crate::stack::conclave::now;
use crate::synthetic;

/// A folder of files for one cipher suite.
pub struct Material {
    folder: PathBuf,
    suite: u16,
}

/// Key packages are made anew after this time; they live for months.
const KEEP_SECONDS: u64 = 7 * 24 * 3600;

/// A file of byte strings, each after its length.
fn write(path: &Path, strings: &[Vec<u8>]) -> Result<(), Failure> {
    let mut bytes = Vec::new();
    for string in strings {
        bytes.extend_from_slice(&u32::try_from(string.len())?.to_be_bytes());
        bytes.extend_from_slice(string);
    }
    // Under its name only once it is whole.
    let unfinished = path.with_extension("part");
    fs::write(&unfinished, bytes)?;
    Ok(fs::rename(unfinished, path)?)
}

fn read(path: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let bytes = fs::read(path)?;
    let (mut rest, mut strings) = (bytes.as_slice(), Vec::new());
    while let Some((length, tail)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length))?;
        let (string, tail) = tail.split_at_checked(length).ok_or("a file is cut off")?;
        strings.push(string.to_vec());
        rest = tail;
    }
    Ok(strings)
}

impl Material {
    /// What is kept in a folder for a suite.
    pub fn new(folder: &Path, suite: u16) -> Result<Self, Failure> {
        fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.to_path_buf(), suite })
    }

    fn kept(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<Vec<Vec<u8>>, Failure>,
    ) -> Result<Vec<Vec<u8>>, Failure> {
        let week = now() / KEEP_SECONDS;
        let path = self.folder.join(format!("{name}-suite{}-week{week}.bin", self.suite));
        if !path.exists() {
            write(&path, &make()?)?;
        }
        read(&path)
    }

    /// Key packages of so many people.
    pub fn key_packages(&self, count: u32) -> Result<Vec<Vec<u8>>, Failure> {
        let make = || synthetic::key_packages(self.suite, count, now());
        self.kept(&format!("people-{count}"), make)
    }

    /// A warm group of so many members.
    pub fn warm_group(&self, members: u32) -> Result<WarmGroup, Failure> {
        let parts = self.kept(&format!("warm-{members}"), || {
            let WarmGroup { group_info, ratchet_tree, parents } =
                synthetic::warm_group(self.suite, members)?;
            Ok(vec![group_info, ratchet_tree, parents.to_be_bytes().to_vec()])
        })?;
        let [group_info, ratchet_tree, parents] =
            <[Vec<u8>; 3]>::try_from(parts).map_err(|_| "a file is not whole")?;
        let parents = u64::from_be_bytes(parents.as_slice().try_into()?);
        Ok(WarmGroup { group_info, ratchet_tree, parents })
    }
}
