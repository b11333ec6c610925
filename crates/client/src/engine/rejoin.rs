//! The way back into a group that this client has lost.

use super::Engine;
use super::keys::access_seed;
use crate::identity::identity_of;
use crate::rescue::RescueExtension;
use crate::store::{GroupRecord, GroupStatus, MeansRecord, StoreTransaction};
use crate::{Error, GroupId, Misuse, StoreError};
use crypto::Secret;

impl Engine {
    /// Whether a group was lost and may be found again; until then nothing is done for it. A group
    /// whose rows are not those of its place in the log is found to be lost here.
    pub(super) fn seeks_way_back(&mut self, record: &GroupRecord) -> Result<bool, Error> {
        match record.status {
            GroupStatus::Active => Ok(!self.is_whole(record)?),
            GroupStatus::Halted => Ok(self.store.transaction()?.rejoin(&record.id)?.is_some()),
            _ => Ok(false),
        }
    }

    /// Whether the rows of a group are those of its place in the log: they derive the access key
    /// that is stored with it. If not, following ends before anything is sent with them.
    pub(super) fn is_whole(&mut self, record: &GroupRecord) -> Result<bool, Error> {
        if self.open.contains_key(&record.id) {
            return Ok(true);
        }
        match self.take_open(&record.id) {
            Ok(open) if access_seed(&open.group, record.log)? == record.access_key => {
                self.open.insert(record.id.clone(), open);
                return Ok(true);
            }
            Ok(_)
            | Err(Error::Misuse(Misuse::NoSuchGroup(_)))
            | Err(Error::Store(StoreError::Corrupt("pending commit"))) => {}
            Err(error) => return Err(error),
        }
        self.halt(&record.id, "what is stored of it is not of its place in the log")?;
        Ok(false)
    }
}

/// How many other members' devices are remembered.
const DEVICES_KEPT: usize = 16;

/// Remembers whom to ask, should this client lose the group: the members in the leaves behind its
/// own, so that each member is asked by about as many.
pub(super) fn note_means(
    transaction: &StoreTransaction<'_>,
    group: &mls::Group,
) -> Result<(), Error> {
    let Some(rescue) = RescueExtension::read(group.extensions()) else { return Ok(()) };
    let own = group.own_leaf();
    let behind = group.members().filter(|member| member.index > own);
    let before = group.members().filter(|member| member.index < own);
    let others = behind.chain(before);
    let devices = others.filter_map(|member| identity_of(&member.leaf)).map(|it| it.device);
    let devices = devices.take(DEVICES_KEPT).collect();
    let secret = Secret::from_slice(&rescue.secret);
    let id = GroupId::new(group.group_id());
    Ok(transaction.put_means(&id, &MeansRecord { secret, devices })?)
}
