//! The key packages: each is handed out once, and none that was taken in is lost.

use super::exchange::{Answer, What};
use super::{Breach, Case, Guarantee};
use codec::Opaque;
use delivery_api::{DeviceId, Problem};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of a device's key packages of one suite.
#[derive(Default)]
struct Stock<'a> {
    /// Those for single use whose upload was acknowledged.
    uploaded: BTreeSet<&'a Opaque>,
    /// Everything ever offered, acknowledged or not.
    offered: BTreeSet<&'a Opaque>,
    /// By the number of the call that got it.
    claimed: BTreeMap<&'a Opaque, u64>,
    /// Claims without an answer: each may have taken one.
    unanswered: usize,
    /// When the last upload was asked for, and when there was nothing left.
    last_upload: usize,
    empty_at: Option<usize>,
    /// Uploads that replace withdraw others.
    replaces: bool,
}

pub(super) fn check(case: &mut Case) {
    let mut breaches = Vec::new();
    let mut stocks: BTreeMap<(DeviceId, u16), Stock<'_>> = BTreeMap::new();
    for exchange in &case.exchanges {
        match &exchange.what {
            What::Upload { device, upload, answer } => {
                let stock = stocks.entry((*device, upload.suite)).or_default();
                stock.offered.extend(&upload.key_packages);
                stock.offered.extend(&upload.last_resort);
                if matches!(answer, Some(Ok(_))) {
                    stock.uploaded.extend(&upload.key_packages);
                }
                stock.last_upload = exchange.asked;
                stock.replaces |= upload.replace;
            }
            What::Claim { device, suite, answer } => {
                let stock = stocks.entry((*device, *suite)).or_default();
                stock.claim((exchange.call, exchange.asked), answer, &mut breaches);
            }
            _ => {}
        }
    }
    for ((device, suite), stock) in &stocks {
        let strangers = stock.claimed.iter().filter(|(bytes, _)| !stock.offered.contains(*bytes));
        for (_, call) in strangers {
            let text = format!("call {call}: {device} never uploaded this key package");
            breaches.push(Breach { guarantee: Guarantee::G6, text });
        }
        let is_empty = stock.empty_at.is_some_and(|at| at > stock.last_upload);
        if stock.replaces || !is_empty {
            continue;
        }
        let claimed = |bytes: &&&Opaque| stock.claimed.contains_key(**bytes);
        let lost = stock.uploaded.len() - stock.uploaded.iter().filter(claimed).count();
        if lost > stock.unanswered {
            let text = format!(
                "{device}, suite {suite}: {lost} key packages are gone, by {} claims at most",
                stock.unanswered
            );
            breaches.push(Breach { guarantee: Guarantee::G3, text });
        }
    }
    case.breaches.append(&mut breaches);
}

impl<'a> Stock<'a> {
    fn claim(
        &mut self,
        (call, asked): (u64, usize),
        answer: &'a Answer<delivery_api::key_package::ClaimedKeyPackage>,
        breaches: &mut Vec<Breach>,
    ) {
        match answer {
            Some(Ok(claimed)) if claimed.last_resort => {}
            Some(Ok(claimed)) => {
                if let Some(first) = self.claimed.insert(&claimed.key_package, call) {
                    let text = format!("call {call}: handed out before, to call {first}");
                    breaches.push(Breach { guarantee: Guarantee::G6, text });
                }
            }
            Some(Err(Problem::NoKeyPackage)) => self.empty_at = Some(asked),
            Some(Err(Problem::Unavailable)) | None => self.unanswered += 1,
            Some(Err(_)) => {}
        }
    }
}
