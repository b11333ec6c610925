//! Looking at the account without changing it: what is stored, and requests that only ask.

use super::Engine;
use crate::examination::Finding;
use crate::store::GroupStatus;
use crate::{Error, StoreError};
use authentication::DeviceCredential;
use delivery_api::key_package::Stock;
use delivery_api::log::LogPage;
use delivery_api::request::{self, Window};
use delivery_api::service::ServiceInfo;
use delivery_api::{ChainHash, Position, PublicKey, Request};

/// Seconds of a day.
const DAY: u64 = 86_400;

/// A credential is renewed with a third of its life left, so with less than this renewal fails.
const CREDENTIAL_LEFT_DAYS: u64 = 14;

/// How often an intent may lose a race before it is worth a word.
const ATTEMPTS_MANY: u32 = 10;

/// A question about a group's log, and what the answer must continue.
pub(crate) struct LogProbe {
    pub(crate) name: String,
    pub(crate) position: Position,
    pub(crate) chain_hash: ChainHash,
    pub(crate) request: Request<LogPage>,
}

impl Engine {
    /// Looks at everything that is stored.
    pub(crate) fn examine_store(&mut self, now: u64) -> Vec<Finding> {
        let mut findings = vec![
            self.examine_database().unwrap_or_else(|error| failed("database", &error)),
            self.examine_rows().unwrap_or_else(|error| failed("rows", &error.into())),
        ];
        findings
            .extend(self.examine_groups().unwrap_or_else(|error| vec![failed("group", &error)]));
        findings.push(self.examine_intents().unwrap_or_else(|error| failed("intents", &error)));
        findings.push(self.examine_credential(now));
        findings
    }

    fn examine_database(&mut self) -> Result<Finding, Error> {
        let faults = self.store.transaction()?.faults()?;
        Ok(match faults.as_slice() {
            [] => Finding::good("database", "whole"),
            faults => Finding::bad("database", faults.join("; "))
                .advise("do not go on with this folder: make a new device of the account"),
        })
    }

    fn examine_rows(&mut self) -> Result<Finding, StoreError> {
        let (groups, events) = self.store.transaction()?.decode_all()?;
        Ok(Finding::good("rows", format!("groups {groups}, events {events}, all readable")))
    }

    /// Every group loads, and can be followed.
    fn examine_groups(&mut self) -> Result<Vec<Finding>, Error> {
        let records = self.store.transaction()?.group_records()?;
        let mut findings = Vec::new();
        for record in records {
            let finding = match record.status {
                GroupStatus::Removed => continue,
                GroupStatus::Halted => {
                    Finding::bad("group", "it is not followed any more: that would not be safe")
                        .advise("its history says why; ask a member to remove and add this account")
                }
                GroupStatus::Creating | GroupStatus::Locating => {
                    Finding::warning("group", "the service has not been asked about it yet")
                        .advise("`conclave receive` settles it")
                }
                _ => match self.take_open(&record.id) {
                    Ok(open) => {
                        let epoch = open.group.epoch();
                        self.open.insert(record.id.clone(), open);
                        Finding::good("group", format!("epoch {epoch}"))
                    }
                    Err(error) => failed("group", &error),
                },
            };
            findings.push(finding.about(&record.name));
        }
        Ok(findings)
    }

    fn examine_intents(&mut self) -> Result<Finding, Error> {
        let intents = self.store.transaction()?.intents()?;
        let lost = intents.iter().map(|record| record.attempts).max().unwrap_or_default();
        let wishes: Vec<String> = intents.iter().map(|it| it.intent.to_string()).collect();
        let waiting = || format!("waiting: {}", wishes.join("; "));
        Ok(match lost {
            _ if intents.is_empty() => Finding::good("intents", "nothing waits to be sent"),
            ATTEMPTS_MANY.. => Finding::bad("intents", format!("{}; {lost} times late", waiting()))
                .advise("others are always faster: try when the group is quieter"),
            _ => Finding::warning("intents", waiting()).advise("`conclave receive` sends them"),
        })
    }

    fn examine_credential(&self, now: u64) -> Finding {
        let Some(credential) = self.keys.credential.as_ref().map(DeviceCredential::statement)
        else {
            return match self.keys.root.is_some() {
                true => Finding::warning("credential", "none yet: the first exchange makes it"),
                false => Finding::warning("credential", "none: this device is not linked yet")
                    .advise("confirm its code, as `conclave device code` prints it, on another"),
            };
        };
        let left = credential.not_after.saturating_sub(now) / DAY;
        let text = format!("{left} days left");
        match left {
            0 => {
                Finding::bad("credential", "it has expired").advise("`conclave receive` renews it")
            }
            1..CREDENTIAL_LEFT_DAYS => {
                Finding::warning("credential", text).advise("`conclave receive` renews it")
            }
            _ => Finding::good("credential", text),
        }
    }

    /// The key of the service that was seen first.
    pub(crate) fn service_key(&self) -> Option<PublicKey> {
        self.keys.service
    }

    /// Asks the service about itself.
    pub(crate) fn probe_service(&self) -> Request<ServiceInfo> {
        request::service_info()
    }

    /// Asks for the own stock of key packages, at a time. At a wrong one the service says what its
    /// own is.
    pub(crate) fn probe_stock(&self, now: u64) -> Result<Request<Stock>, Error> {
        self.keys.sign_as_device(request::stock(self.keys.device_id()), now)
    }

    /// How many single-use key packages there are of the suite in use, and whether there is one of
    /// last resort.
    pub(crate) fn stock_left(stock: &Stock) -> (u32, bool) {
        let ours = stock.suites.iter().find(|other| other.suite == super::keys::SUITE.0);
        ours.map_or((0, false), |ours| (ours.count, ours.last_resort))
    }

    /// Asks for what is behind the last entry that was read, of every log that is followed.
    pub(crate) fn probe_logs(&mut self, now: u64) -> Result<Vec<LogProbe>, Error> {
        let mut probes = Vec::new();
        for record in self.store.transaction()?.group_records()? {
            if record.status != GroupStatus::Active {
                continue;
            }
            let window = Window { after: record.position, limit: 1, wait_seconds: 0 };
            let request = request::read_log(record.log, window);
            let request = self.keys.sign_as_member(request, &record.access_key, now)?;
            let (name, chain_hash) = (record.name, record.chain_hash);
            probes.push(LogProbe { name, position: record.position, chain_hash, request });
        }
        Ok(probes)
    }
}

/// What could not be looked at.
fn failed(check: &'static str, error: &Error) -> Finding {
    Finding::bad(check, error.to_string())
}
