//! Answers that are larger than an inbox takes: the GroupInfo of a large group has a leaf for every
//! member. It goes to the service like a shared file, in blobs that are sealed under a key of their
//! own, and the answer says where it lies and how to open it.
//!
//! Nothing of it is durable: who dies on the way asks again, or is asked again.

use super::asked::Asked;
use super::{Engine, Task};
use crate::direct::{Carried, RejoinAnswer};
use crate::file::{CHUNK_BYTES, SharedFile};
use crate::{Error, GroupId};
use codec::Opaque;
use delivery_api::blob::Blob;
use delivery_api::inbox::PutItem;
use delivery_api::request::{self, Failure};
use delivery_api::{DeviceId, limits};

/// What an answer holds beside the GroupInfo, with room to spare.
const REST_BYTES: usize = 16 << 10;

/// A GroupInfo that is larger is not carried in an answer.
pub(super) const CARRIED_BYTES_MAX: usize = limits::ITEM_BYTES_MAX - REST_BYTES;

/// A GroupInfo that is larger is not fetched: some hundred thousand members.
const GROUP_INFO_BYTES_MAX: u64 = 256 << 20;

/// An answer whose GroupInfo is on its way.
pub(super) struct Fetching {
    group: GroupId,
    answer: RejoinAnswer,
    file: SharedFile,
    /// The chunks that are there.
    chunks: Vec<u8>,
    /// How many they are.
    count: usize,
}

impl Engine {
    /// A GroupInfo of more bytes than this is left at the service in blobs when a member is shown
    /// the way back into its group; by default, what an inbox does not take.
    pub fn set_carried_bytes_max(&mut self, bytes: usize) {
        self.carried_bytes_max = bytes.min(CARRIED_BYTES_MAX);
    }

    /// Takes a GroupInfo out of an answer that it makes too large. Returns the steps that store it,
    /// which come before the answer.
    pub(super) fn take_out(&mut self, answer: &mut RejoinAnswer) -> Result<Vec<Task>, Error> {
        let Some(way) = &mut answer.way else { return Ok(Vec::new()) };
        let Carried::Here(bytes) = &way.group_info else { return Ok(Vec::new()) };
        if bytes.len() <= self.carried_bytes_max {
            return Ok(Vec::new());
        }
        let bytes = bytes.clone();
        let names = ("group", "application/octet-stream");
        let mut file = self.new_file(names, bytes.len() as u64)?;
        let mut steps = Vec::new();
        for chunk in bytes.chunks(CHUNK_BYTES) {
            let (id, blob) = file.seal_next(&**self.keys.suite.provider(), chunk)?;
            steps.push(Task::PutBlob(id, blob));
        }
        way.group_info = Carried::InBlobs(file);
        Ok(steps)
    }

    /// Puts an item into somebody's inbox.
    pub(super) fn ask_put_item(
        &self,
        to: DeviceId,
        item: &PutItem,
        now: u64,
    ) -> Result<Asked, Error> {
        let put = self.keys.sign_as_device(request::put_item(to, item), now)?;
        Ok(Asked::PutItem(put))
    }

    /// Begins to fetch the GroupInfo of an answer.
    pub(super) fn fetch_way(&mut self, group: GroupId, answer: RejoinAnswer, file: SharedFile) {
        if file.size > GROUP_INFO_BYTES_MAX {
            return;
        }
        let fetching = Fetching { group, answer, file, chunks: Vec::new(), count: 0 };
        self.plan.push_back(Task::FetchWay(Box::new(fetching)));
    }

    pub(super) fn ask_way(fetching: Box<Fetching>) -> Option<Asked> {
        let id = *fetching.file.blobs.get(fetching.count)?;
        Some(Asked::FetchWay(request::get_blob(id), fetching))
    }

    /// Takes the next part of a GroupInfo; behind the last, goes the way. What is not there, or is
    /// another one, ends it: another member is asked later.
    pub(super) fn way_fetched(
        &mut self,
        answer: Result<Blob, Failure>,
        mut fetching: Box<Fetching>,
        now: u64,
    ) -> Result<(), Error> {
        let Blob(blob) = match answer {
            Err(Failure::Problem(_)) => return Ok(()),
            other => other?,
        };
        let provider = &**self.keys.suite.provider();
        let index = fetching.count as u64;
        let Some(chunk) = fetching.file.open(provider, index, &blob)? else { return Ok(()) };
        fetching.chunks.extend_from_slice(chunk.expose());
        fetching.count += 1;
        if fetching.count < fetching.file.blobs.len() {
            self.plan.push_front(Task::FetchWay(fetching));
            return Ok(());
        }
        let Fetching { group, mut answer, chunks, .. } = *fetching;
        if let Some(way) = &mut answer.way {
            way.group_info = Carried::Here(Opaque::from(chunks));
        }
        match self.lost_group(&group)? {
            Some(lost) => self.find_way(lost, &answer, now),
            None => Ok(()),
        }
    }
}
