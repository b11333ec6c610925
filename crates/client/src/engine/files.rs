//! Files: the requests that carry their blobs, and the message that shares them.
//!
//! Blobs go first and the message last, so whoever reads of a file can fetch it. A sender that dies
//! in between leaves blobs behind that nobody can open; sharing the file again starts anew.

use super::Engine;
use crate::file::{FILE_BYTES_MAX, SharedFile, is_file_name, is_media_type};
use crate::message::Content;
use crate::store::Intent;
use crate::{Error, GroupId, Misuse};
use crypto::{Provider, Secret};
use delivery_api::service::Done;
use delivery_api::{BlobId, Request, request};
use std::sync::Arc;

impl Engine {
    /// A file to be shared, under a new key.
    pub(crate) fn new_file(
        &mut self,
        (name, media_type): (&str, &str),
        size: u64,
    ) -> Result<SharedFile, Error> {
        if size > FILE_BYTES_MAX {
            return Err(Misuse::FileTooLarge.into());
        }
        for (text, is_valid) in
            [(name, is_file_name(name)), (media_type, is_media_type(media_type))]
        {
            if !is_valid {
                return Err(Misuse::InvalidFileName(text.to_owned()).into());
            }
        }
        let key = Secret::random(SharedFile::key_length(), &mut *self.random)?;
        Ok(SharedFile::new(key, (name, media_type), size))
    }

    /// What seals and opens files.
    pub(crate) fn provider(&self) -> Arc<dyn Provider> {
        Arc::clone(self.keys.suite.provider())
    }

    /// The request that stores a blob.
    pub(crate) fn put_blob(
        &self,
        id: BlobId,
        bytes: Vec<u8>,
        now: u64,
    ) -> Result<Request<Done>, Error> {
        self.keys.sign_as_device(request::put_blob(id, bytes), now)
    }

    /// Wants a file shared whose blobs are at the service.
    pub(crate) fn send_file(&mut self, group: &GroupId, file: SharedFile) -> Result<u64, Error> {
        let id = self.message_id()?;
        self.intend(group, &Intent::Send { id, content: Content::File(file) })
    }

    /// The file that an event is about.
    pub(crate) fn file(&mut self, number: u64) -> Result<SharedFile, Error> {
        let file = self.store.transaction()?.file(number)?;
        Ok(file.ok_or(Misuse::NoSuchFile)?)
    }
}
