//! The key-package directory: handed out once, atomically; last resort flagged and kept (G6).

use super::Answer;
use super::call::{Claim, Owner, Sender};
use super::inbox::verify_registered;
use super::log::sha256;
use crate::store::{KeyPackageRow, Outcome, Rows};
use codec::Opaque;
use delivery_api::key_package::{ClaimedKeyPackage, Stock, UploadKeyPackages};
use delivery_api::{DeviceId, Problem, limits};

/// Puts key packages into stock. Bytes that were uploaded before are left as they are.
pub(super) fn upload(
    rows: &mut dyn Rows,
    owner: &Owner,
    upload: &UploadKeyPackages,
    now: u64,
) -> Outcome {
    let device = owner.device();
    rows.device_for_update(device)?.ok_or(Problem::UnknownDevice)?;
    let single: Vec<_> = upload.key_packages.iter().map(|bytes| (sha256(bytes), bytes)).collect();
    let last_resort = upload.last_resort.as_ref().map(|bytes| (sha256(bytes), bytes));
    if upload.replace {
        for hash in rows.key_package_hashes(device, upload.suite, false)? {
            if !single.iter().any(|(kept, _)| *kept == hash) {
                rows.withdraw_key_package(device, &hash)?;
            }
        }
    }
    for (hash, bytes) in single {
        put_new(rows, device, upload_row(upload, hash, bytes, now, false))?;
    }
    if upload.replace || last_resort.is_some() {
        replace_last_resort(rows, device, upload, last_resort, now)?;
    }
    let stock = Stock { suites: rows.stock(device, now)? };
    let too_many = |count: usize| u32::try_from(count).is_ok_and(|n| n > limits::SUITES_MAX);
    if too_many(stock.suites.len()) || stock.suites.iter().any(|s| s.count > limits::STOCK_MAX) {
        return Err(Problem::StockFull);
    }
    Ok(Answer::new(&stock))
}

fn replace_last_resort(
    rows: &mut dyn Rows,
    device: DeviceId,
    upload: &UploadKeyPackages,
    last_resort: Option<([u8; 32], &Opaque)>,
    now: u64,
) -> Result<(), Problem> {
    let new = last_resort.map(|(hash, bytes)| upload_row(upload, hash, bytes, now, true));
    let present = rows.key_package_hashes(device, upload.suite, true)?;
    // A retry of an upload that another one has overtaken must not bring the old one back.
    if let Some(row) = &new
        && !present.contains(&row.hash)
        && rows.knows_key_package(device, &row.hash)?
    {
        return Ok(());
    }
    for hash in present {
        if new.as_ref().is_none_or(|row| row.hash != hash) {
            rows.withdraw_key_package(device, &hash)?;
        }
    }
    new.map_or(Ok(()), |row| put_new(rows, device, row))
}

fn upload_row(
    upload: &UploadKeyPackages,
    hash: [u8; 32],
    bytes: &Opaque,
    now: u64,
    last_resort: bool,
) -> KeyPackageRow {
    let latest = now.saturating_add(limits::KEY_PACKAGE_LIFETIME_SECONDS_MAX);
    KeyPackageRow {
        hash,
        suite: upload.suite,
        last_resort,
        not_after: upload.not_after_seconds.min(latest),
        bytes: bytes.clone(),
    }
}

fn put_new(rows: &mut dyn Rows, device: DeviceId, row: KeyPackageRow) -> Result<(), Problem> {
    if rows.knows_key_package(device, &row.hash)? {
        return Ok(());
    }
    Ok(rows.put_key_package(device, &row)?)
}

/// Hands out one key package to a registered device, which is not recorded.
///
/// If too many were claimed lately, the single-use ones are spared.
pub(super) fn claim(
    rows: &mut dyn Rows,
    claimer: &Sender,
    claim: &Claim,
    too_many: Option<&Problem>,
    now: u64,
) -> Outcome {
    let Claim { owner, suite } = *claim;
    verify_registered(rows, claimer.device())?;
    rows.device_for_update(owner)?.ok_or(Problem::UnknownDevice)?;
    let single = match too_many {
        None => rows.take_key_package(owner, suite, now)?,
        Some(_) => None,
    };
    let last_resort = single.is_none();
    let key_package = match single {
        Some(key_package) => key_package,
        None => rows
            .last_resort(owner, suite, now)?
            .ok_or_else(|| too_many.cloned().unwrap_or(Problem::NoKeyPackage))?,
    };
    Ok(Answer::new(&ClaimedKeyPackage { key_package, last_resort }))
}

/// What is left, for the owner.
pub(super) fn stock(rows: &mut dyn Rows, owner: &Owner, now: u64) -> Outcome {
    let device = owner.device();
    rows.device_for_update(device)?.ok_or(Problem::UnknownDevice)?;
    Ok(Answer::new(&Stock { suites: rows.stock(device, now)? }))
}
