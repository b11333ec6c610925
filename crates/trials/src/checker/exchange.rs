//! Questions with their answers, read with the types of the protocol.

use super::{Breach, Guarantee};
use crate::Failure;
use crate::history::{Ask, Record};
use codec::Decode;
use delivery_api::inbox::{Acknowledge, InboxPage, PutItem};
use delivery_api::key_package::{ClaimedKeyPackage, Stock, UploadKeyPackages};
use delivery_api::log::{Append, CommitBundle, LogPage, PublishedGroupInfo, Receipt};
use delivery_api::request::Window;
use delivery_api::service::{Done, ServiceInfo};
use delivery_api::{DeviceId, LogId, Problem, PublicKey, Route};
use std::collections::BTreeMap;

/// What came back, if anything did.
pub(super) type Answer<A> = Option<Result<A, Problem>>;

/// A question and its answer.
pub(super) struct Exchange {
    /// When it was asked: the index of the record.
    pub(super) asked: usize,
    /// When it was answered.
    pub(super) answered: Option<usize>,
    /// Its number in the history, for messages.
    pub(super) call: u64,
    /// Who signed.
    pub(super) key: Option<PublicKey>,
    pub(super) what: What,
}

/// What was asked, with the answer.
pub(super) enum What {
    Acknowledge { device: DeviceId, numbers: Vec<u64>, answer: Answer<Done> },
    Append { log: LogId, append: Box<Append>, answer: Answer<Receipt> },
    Claim { device: DeviceId, suite: u16, answer: Answer<ClaimedKeyPackage> },
    Commit { log: LogId, bundle: Box<CommitBundle>, answer: Answer<Receipt> },
    CreateLog { log: LogId, answer: Answer<Done> },
    GroupInfo { log: LogId, answer: Answer<PublishedGroupInfo> },
    Other,
    PutItem { recipient: DeviceId, item: PutItem, answer: Answer<Done> },
    ReadInbox { device: DeviceId, window: Window, answer: Answer<InboxPage> },
    ReadLog { log: LogId, window: Window, answer: Answer<LogPage> },
    Repair { log: LogId },
    ServiceInfo(Answer<ServiceInfo>),
    Upload { device: DeviceId, upload: UploadKeyPackages, answer: Answer<Stock> },
}

/// Reads the exchanges of a history, and what is no answer of the protocol.
pub(super) fn read(records: &[Record]) -> Result<(Vec<Exchange>, Vec<Breach>), Failure> {
    let mut answers = BTreeMap::new();
    for (index, record) in records.iter().enumerate() {
        if let Record::Answered { call, status, body } = record
            && answers.insert(*call, (index, *status, body.as_slice())).is_some()
        {
            return Err(format!("call {call} is answered twice").into());
        }
    }
    let (mut exchanges, mut breaches) = (Vec::new(), Vec::new());
    for (asked, record) in records.iter().enumerate() {
        let Record::Asked(ask) = record else { continue };
        let answer = answers.remove(&ask.call);
        let mut raw = Raw { answer, breaches: &mut breaches, call: ask.call };
        let what = what(ask, &mut raw)?;
        let answered = answer.map(|(index, ..)| index);
        exchanges.push(Exchange { asked, answered, call: ask.call, key: ask.key, what });
    }
    match answers.keys().next() {
        Some(call) => Err(format!("call {call} is answered and was not asked").into()),
        None => Ok((exchanges, breaches)),
    }
}

/// An answer as it came.
struct Raw<'a> {
    answer: Option<(usize, u16, &'a [u8])>,
    breaches: &'a mut Vec<Breach>,
    call: u64,
}

impl Raw<'_> {
    fn read<A: Decode>(&mut self) -> Answer<A> {
        let (_, status, body) = self.answer?;
        let mut inconsistent = |text: &str| {
            let text = format!("call {}: {text}", self.call);
            self.breaches.push(Breach { guarantee: Guarantee::G8, text });
        };
        let answer = match status {
            200 => A::from_bytes(body).map(Ok),
            _ => Problem::from_bytes(body).map(Err),
        };
        match answer {
            Ok(Err(Problem::Internal)) => {
                inconsistent("the service found itself inconsistent");
                None
            }
            Ok(answer) => Some(answer),
            Err(error) => {
                inconsistent(&format!("status {status} with a body that is none: {error}"));
                None
            }
        }
    }
}

fn what(ask: &Ask, raw: &mut Raw<'_>) -> Result<What, Failure> {
    let (method, path) = (std::str::from_utf8(&ask.method)?, std::str::from_utf8(&ask.path)?);
    let route = Route::parse(method, path).ok_or_else(|| format!("{method} {path}: no route"))?;
    Ok(match route {
        Route::Acknowledge(device) => {
            let Acknowledge { numbers } = Decode::from_bytes(&ask.body)?;
            What::Acknowledge { device, numbers, answer: raw.read() }
        }
        Route::Append(log) => {
            let append = Box::new(Decode::from_bytes(&ask.body)?);
            What::Append { log, append, answer: raw.read() }
        }
        Route::ClaimKeyPackage(device) => {
            let claim = delivery_api::key_package::ClaimKeyPackage::from_bytes(&ask.body)?;
            What::Claim { device, suite: claim.suite, answer: raw.read() }
        }
        Route::Commit { log, .. } => {
            let bundle = Box::new(Decode::from_bytes(&ask.body)?);
            What::Commit { log, bundle, answer: raw.read() }
        }
        Route::CreateLog(log) => What::CreateLog { log, answer: raw.read() },
        Route::GroupInfo(log) => What::GroupInfo { log, answer: raw.read() },
        Route::PutItem(recipient) => {
            let item = Decode::from_bytes(&ask.body)?;
            What::PutItem { recipient, item, answer: raw.read() }
        }
        Route::ReadInbox { device, window } => {
            What::ReadInbox { device, window, answer: raw.read() }
        }
        Route::ReadLog { log, window } => What::ReadLog { log, window, answer: raw.read() },
        Route::Repair(log) => What::Repair { log },
        Route::ServiceInfo => What::ServiceInfo(raw.read()),
        Route::UploadKeyPackages(device) => {
            let upload = Decode::from_bytes(&ask.body)?;
            What::Upload { device, upload, answer: raw.read() }
        }
        _ => What::Other,
    })
}

/// Whether a refusal says nothing about the submission itself.
pub(super) fn is_passing(problem: &Problem) -> bool {
    matches!(
        problem,
        Problem::Unavailable
            | Problem::TooManyRequests { .. }
            | Problem::TooSlow
            | Problem::StaleRequest { .. }
    )
}
