//! Sharing and fetching files, chunk by chunk: no more than one is in memory.

use super::{Account, now};
use crate::engine::Done;
use crate::file::{chunk_length, chunks};
use crate::{Error, GroupId, Misuse, ServiceFault};
use crypto::Secret;
use delivery_api::request;
use std::io::{Read, Write};
use std::path::Path;

/// A file to be shared.
#[derive(Clone, Copy, Debug)]
pub struct Attachment<'a> {
    /// Where it is.
    pub path: &'a Path,
    /// What it is called there where it arrives.
    pub name: &'a str,
    /// Its media type, for example `image/png`.
    pub media_type: &'a str,
}

impl Account {
    /// Shares a file with a group: stores it sealed at the service, and sends a message that tells
    /// how to fetch and open it. `progress` is told how many bytes of how many have gone.
    ///
    /// # Errors
    /// The file cannot be read, is larger than [`crate::FILE_BYTES_MAX`], or changed while it was
    /// read; its name or type is none; or as [`Account::send`]. Unlike a text, a file that could
    /// not be stored is not kept to be sent later.
    pub fn send_file(
        &mut self,
        group: &GroupId,
        attachment: Attachment<'_>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Done, Error> {
        let mut source = std::fs::File::open(attachment.path).map_err(Error::File)?;
        let metadata = source.metadata().map_err(Error::File)?;
        if !metadata.is_file() {
            return Err(Error::File(std::io::Error::other("it is no regular file")));
        }
        let size = metadata.len();
        let names = (attachment.name, attachment.media_type);
        let mut file = self.engine.new_file(names, size)?;
        // Blobs are taken from registered devices only.
        self.drive()?;
        let provider = self.engine.provider();
        let mut gone = 0;
        progress(gone, size);
        for index in 0..chunks(size) {
            let mut chunk = Secret::zeros(chunk_length(size, index));
            source.read_exact(chunk.expose_mut()).map_err(Error::File)?;
            let (id, blob) = file.seal_next(&*provider, chunk.expose())?;
            let request = self.engine.put_blob(id, blob, now())?;
            let response = self.transport.send(&crate::engine::http(&request))?;
            request.answer(response.status, &response.body)?;
            gone += chunk.len() as u64;
            progress(gone, size);
        }
        if source.read(&mut [0]).map_err(Error::File)? != 0 {
            return Err(Error::File(std::io::Error::other("it grew while it was read")));
        }
        let intent = self.engine.send_file(group, file)?;
        self.await_outcome(intent)
    }

    /// Fetches the file that the event with a number is about, and writes it. `progress` is told
    /// how many bytes of how many have come.
    ///
    /// # Errors
    /// The event is not about a file, the service does not have it any more or cannot be reached,
    /// or it cannot be written; then some of it may have been. What is not exactly the file that
    /// was shared is not written.
    pub fn save_file(
        &mut self,
        number: u64,
        target: &mut dyn Write,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), Error> {
        let file = self.engine.file(number)?;
        let provider = self.engine.provider();
        let mut come = 0;
        progress(come, file.size);
        for (index, id) in (0..).zip(&file.blobs) {
            let request = request::get_blob(*id);
            let response = self.transport.send(&crate::engine::http(&request))?;
            let blob = request.answer(response.status, &response.body)?;
            let damaged = ServiceFault::Inconsistent("a blob is not the one that was asked for");
            let chunk = file.open(&*provider, index, &blob.0)?.ok_or(damaged)?;
            target.write_all(chunk.expose()).map_err(Error::File)?;
            come += chunk.len() as u64;
            progress(come, file.size);
        }
        target.flush().map_err(Error::File)
    }

    /// The event in a group's history that tells of a file: by its number, or the latest with a
    /// name.
    ///
    /// # Errors
    /// There is none.
    pub fn find_file(&mut self, group: &GroupId, which: &str) -> Result<crate::Event, Error> {
        let history = self.history(group)?;
        let is_it = |event: &&crate::Event| match &event.kind {
            crate::EventKind::File { name, .. } => {
                name == which || event.number.to_string() == which
            }
            _ => false,
        };
        let found = history.iter().rev().find(is_it).cloned();
        Ok(found.ok_or(Misuse::NoSuchFile)?)
    }
}
