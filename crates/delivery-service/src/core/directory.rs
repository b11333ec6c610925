//! The name directory, apart from the primitives: nothing else reads or writes names.

use super::Answer;
use super::call::Owner;
use super::inbox::verify_registered;
use crate::store::{NameRow, Outcome, Rows};
use delivery_api::directory::NameRecord;
use delivery_api::{Name, Problem};

/// Claims a name, or replaces its devices if the owner asks.
pub(super) fn put(rows: &mut dyn Rows, owner: &Owner, name: &Name, record: &NameRecord) -> Outcome {
    let device = owner.device();
    verify_registered(rows, device)?;
    if rows.name_for_update(name)?.is_some_and(|row| row.owner != device) {
        return Err(Problem::NameTaken);
    }
    rows.put_name(name, &NameRow { owner: device, devices: record.devices.clone() })?;
    Ok(Answer::done())
}

/// Looks a name up.
pub(super) fn get(rows: &mut dyn Rows, name: &Name) -> Outcome {
    let row = rows.name_for_update(name)?.ok_or(Problem::UnknownName)?;
    Ok(Answer::new(&NameRecord { devices: row.devices }))
}
