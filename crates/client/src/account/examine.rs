//! Examining an account: what is stored here, and whether the service agrees.

use super::{Account, now};
use crate::Error;
use crate::engine::{Engine, LogProbe, http};
use crate::examination::Finding;
use codec::Decode;
use delivery_api::log::LogPage;
use delivery_api::request::Failure;
use delivery_api::{Problem, Request, limits};

/// A difference between the clocks that is worth a word, in seconds.
const CLOCK_DIFFERENCE_SECONDS: u64 = 60;

/// With fewer key packages than this in stock, somebody may soon have to use the last-resort one.
const STOCK_FEW: u32 = 3;

/// What to do about a service that shows another log.
const OTHER_LOG_ADVICE: &str = "do not rely on this group: compare its authenticator with a member";

/// What an answer to a question was.
enum Answered<A> {
    /// This.
    Answer(A),
    /// The service refused.
    Refused(Problem),
    /// Nothing, or no answer of this protocol.
    Nothing(String),
}

impl Account {
    /// Looks at everything: the database and what is in it, the credential, the service's key and
    /// clock, the stock of key packages, and whether the service's logs continue what was read.
    /// Changes nothing and never fails: what cannot be looked at is a finding.
    pub fn examine(&mut self) -> Vec<Finding> {
        let mut findings = self.engine.examine_store(now());
        let (is_there, service) = self.examine_service();
        findings.push(service);
        if is_there && self.engine.service_key().is_some() {
            findings.push(self.examine_clock().unwrap_or_else(|error| failed("clock", &error)));
            // A device that is not linked yet has none, and needs none.
            if self.account_key().is_ok() {
                let stock = self.examine_stock();
                findings.push(stock.unwrap_or_else(|error| failed("key-packages", &error)));
            }
            let logs = self.engine.probe_logs(now());
            match logs {
                Ok(probes) => {
                    findings.extend(probes.iter().map(|probe| self.examine_log(probe)));
                }
                Err(error) => findings.push(failed("log", &error)),
            }
        }
        findings
    }

    fn put<A: Decode>(&self, request: &Request<A>) -> Answered<A> {
        let response = match self.transport.send(&http(request)) {
            Ok(response) => response,
            Err(error) => return Answered::Nothing(error.to_string()),
        };
        match request.answer(response.status, &response.body) {
            Ok(answer) => Answered::Answer(answer),
            Err(Failure::Problem(problem)) => Answered::Refused(problem),
            Err(other) => Answered::Nothing(other.to_string()),
        }
    }

    /// Whether the service is there, and the one that was seen first.
    fn examine_service(&self) -> (bool, Finding) {
        let server = self.server();
        let info = match self.put(&self.engine.probe_service()) {
            Answered::Answer(info) => info,
            Answered::Refused(problem) => {
                return (false, Finding::bad("service", problem.to_string()));
            }
            Answered::Nothing(why) => {
                let finding = Finding::bad("service", why);
                return (false, finding.advise("what is to be sent is kept until it is there"));
            }
        };
        match self.engine.service_key() {
            Some(key) if key != info.key => {
                let text = format!("{server} shows another key than when it was seen first");
                let advice = "somebody else answers there, or its store was made anew";
                (false, Finding::bad("service", text).advise(advice))
            }
            _ => (true, Finding::good("service", format!("{server} answers with its key"))),
        }
    }

    /// A request of long ago is refused, and the refusal says what time it is there.
    fn examine_clock(&self) -> Result<Finding, Error> {
        let answered = self.put(&self.engine.probe_stock(0)?);
        let Answered::Refused(Problem::StaleRequest { service_time_seconds }) = answered else {
            return Ok(Finding::warning("clock", "the service does not say what time it is there"));
        };
        let difference = service_time_seconds.abs_diff(now());
        let text = format!("{difference} s apart from the service's");
        let advice = "set this machine's clock";
        Ok(if difference <= CLOCK_DIFFERENCE_SECONDS {
            Finding::good("clock", text)
        } else if difference <= limits::CLOCK_SKEW_SECONDS_MAX {
            Finding::warning("clock", text).advise(advice)
        } else {
            Finding::bad("clock", text).advise(advice)
        })
    }

    fn examine_stock(&self) -> Result<Finding, Error> {
        let stock = match self.put(&self.engine.probe_stock(now())?) {
            Answered::Answer(stock) => stock,
            Answered::Refused(problem) => {
                return Ok(Finding::bad("key-packages", problem.to_string()));
            }
            Answered::Nothing(why) => return Ok(Finding::bad("key-packages", why)),
        };
        let (count, has_last_resort) = Engine::stock_left(&stock);
        let last = if has_last_resort { "one" } else { "none" };
        let text = format!("{count} in stock, {last} of last resort");
        let advice = "`conclave receive` makes more";
        Ok(match (count, has_last_resort) {
            (0, false) => Finding::bad("key-packages", text).advise(advice),
            (..STOCK_FEW, _) | (_, false) => Finding::warning("key-packages", text).advise(advice),
            _ => Finding::good("key-packages", text),
        })
    }

    /// Whether the service's log continues what was read of it.
    fn examine_log(&self, probe: &LogProbe) -> Finding {
        let read = probe.position;
        let finding = match self.put(&probe.request) {
            Answered::Answer(LogPage { chain_hash, .. }) if chain_hash != probe.chain_hash => {
                let text = format!("another past than was read up to entry {read}");
                Finding::bad("log", text).advise(OTHER_LOG_ADVICE)
            }
            Answered::Answer(page) => match page.end.0.saturating_sub(read.0) {
                0 => Finding::good("log", format!("read up to its end, entry {read}")),
                behind => Finding::good("log", format!("read up to entry {read}, {behind} to go")),
            },
            Answered::Refused(Problem::BeyondEnd { .. }) => {
                let text = format!("the service has lost entries that were read, up to {read}");
                Finding::bad("log", text).advise(OTHER_LOG_ADVICE)
            }
            Answered::Refused(problem) => Finding::bad("log", problem.to_string()),
            Answered::Nothing(why) => Finding::bad("log", why),
        };
        finding.about(&probe.name)
    }
}

/// What could not be looked at.
fn failed(check: &'static str, error: &Error) -> Finding {
    Finding::bad(check, error.to_string())
}
