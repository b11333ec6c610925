//! Devices and their inboxes: an item goes only when its owner acknowledges it (G5).

use super::call::{Owner, Submission, Topic};
use super::{Answer, ServiceCore, answer_given, remember_answer};
use crate::store::{Outcome, Range, Rows, Scope};
use codec::Opaque;
use delivery_api::inbox::{Acknowledge, InboxPage, Item, ItemKind, PutItem};
use delivery_api::request::Window;
use delivery_api::{DeviceId, Position, Problem, limits};

/// Registers a device that is admitted; doing it again changes nothing.
pub(super) fn register(rows: &mut dyn Rows, owner: &Owner, is_admitted: bool) -> Outcome {
    if rows.device_for_update(owner.device())?.is_none() {
        if !is_admitted {
            return Err(Problem::AdmissionRequired);
        }
        rows.put_device(owner.device(), 0)?;
    }
    Ok(Answer::done())
}

/// Fails unless the device is registered.
pub(super) fn verify_registered(rows: &mut dyn Rows, device: DeviceId) -> Result<(), Problem> {
    if rows.knows_device(device)? { Ok(()) } else { Err(Problem::NotAllowed) }
}

/// Puts an item into an inbox under its next number.
pub(super) fn deliver(
    core: &ServiceCore,
    rows: &mut dyn Rows,
    recipient: DeviceId,
    kind: ItemKind,
    bytes: &Opaque,
) -> Result<(), Problem> {
    let last_item = rows.device_for_update(recipient)?.ok_or(Problem::UnknownDevice)?;
    if rows.count_items(recipient)? >= limits::INBOX_ITEMS_MAX {
        return Err(Problem::InboxFull);
    }
    if bytes.len() > limits::SMALL_ITEM_BYTES_MAX {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let bytes_max = core.config.inbox_bytes_max;
        if rows.inbox_bytes(recipient)?.saturating_add(length) > bytes_max {
            return Err(Problem::InboxFull);
        }
    }
    let number = last_item + 1;
    rows.put_device(recipient, number)?;
    Ok(rows.put_item(recipient, &Item { number, kind, bytes: bytes.clone() })?)
}

/// Puts an item that some registered device sends directly.
pub(super) fn put(
    core: &ServiceCore,
    rows: &mut dyn Rows,
    recipient: DeviceId,
    submission: &Submission,
    item: &PutItem,
) -> Outcome {
    verify_registered(rows, submission.key.key().device())?;
    // Held before looking: of two retries at once, the second must see the first one's answer.
    rows.device_for_update(recipient)?.ok_or(Problem::UnknownDevice)?;
    let scope = Scope::Inbox(recipient);
    if let Some(answer) =
        answer_given(rows, scope, &item.idempotency_key, &submission.request_hash)?
    {
        return Ok(answer);
    }
    deliver(core, rows, recipient, ItemKind::Direct, &item.bytes)?;
    let answer = Answer::done().with_news(Topic(*recipient.as_bytes()));
    remember_answer(rows, scope, &item.idempotency_key, submission, &answer)?;
    Ok(answer)
}

/// Reads items; reading alone deletes nothing.
pub(super) fn read(rows: &mut dyn Rows, owner: &Owner, window: &Window) -> Outcome {
    let device = owner.device();
    let last_item = rows.device_for_update(device)?.ok_or(Problem::UnknownDevice)?;
    let up_to = Position(last_item);
    let range = Range { after: window.after.min(up_to), up_to, limit: window.limit };
    let items = rows.items(device, range)?;
    let more = match items.last() {
        Some(last) => {
            let rest = Range { after: Position(last.number), up_to, limit: 1 };
            !rows.items(device, rest)?.is_empty()
        }
        None => false,
    };
    let may_wait = items.is_empty();
    Ok(Answer { may_wait, ..Answer::new(&InboxPage { items, more }) })
}

/// Forgets items that the owner has made durable.
pub(super) fn acknowledge(
    rows: &mut dyn Rows,
    owner: &Owner,
    acknowledge: &Acknowledge,
) -> Outcome {
    let device = owner.device();
    let last_item = rows.device_for_update(device)?.ok_or(Problem::UnknownDevice)?;
    for number in acknowledge.numbers.iter().filter(|number| **number <= last_item) {
        rows.delete_item(device, *number)?;
    }
    Ok(Answer::done())
}
