//! Subscriptions of a stream: what was asked for, and what there is to tell.
//!
//! A subscription is a cursor and the key that signed it. Whether there is news for it is decided
//! by the same rules as reading, each time anew: whoever was removed is told of the commit that did
//! it, and of nothing behind it.

use super::call::{Owner, Topic, VerifiedKey, verify, verify_time};
use super::{Answer, ServiceCore, log};
use crate::store::{Outcome, Rows};
use codec::Decode;
use delivery_api::stream::{StreamEvent, Subject, Subscribe};
use delivery_api::{LogId, Position, Problem, limits};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A cursor behind which news is waited for.
#[derive(Debug)]
pub struct Subscription {
    target: Target,
    /// What the client has read, or was told of.
    after: AtomicU64,
}

#[derive(Debug)]
enum Target {
    Inbox(Owner),
    Log(LogId, VerifiedKey),
}

impl Subscription {
    /// What to wait for.
    #[must_use]
    pub fn topic(&self) -> Topic {
        match &self.target {
            Target::Inbox(owner) => Topic(*owner.device().as_bytes()),
            Target::Log(log, _) => Topic(*log.as_bytes()),
        }
    }

    /// Of what it is one.
    #[must_use]
    pub fn subject(&self) -> Subject {
        match &self.target {
            Target::Inbox(_) => Subject::Inbox,
            Target::Log(log, _) => Subject::Log(*log),
        }
    }

    /// Notes that the client was told of everything up to here.
    pub fn told(&self, end: u64) {
        self.after.fetch_max(end, Ordering::Relaxed);
    }

    /// What there is to tell, if anything.
    fn look(&self, rows: &mut dyn Rows) -> Result<Option<StreamEvent>, Problem> {
        let (subject, after) = (self.subject(), self.after.load(Ordering::Relaxed));
        let (end, stopped) = match &self.target {
            Target::Inbox(owner) => {
                let last = rows.device_for_update(owner.device())?.ok_or(Problem::UnknownDevice)?;
                (last, false)
            }
            Target::Log(log, key) => {
                let (end, stopped) = log::visible_end(rows, *log, key.key(), Position(after))?;
                (end.0, stopped)
            }
        };
        let news = end > after || stopped;
        Ok(news.then_some(StreamEvent::News { subject, end, stopped }))
    }
}

/// What a message of a client asks for.
#[derive(Debug, Default)]
pub struct Subscriptions {
    /// Those that begin.
    pub begun: Vec<Subscription>,
    /// Those that do not, and why.
    pub refused: Vec<StreamEvent>,
}

impl ServiceCore {
    /// Checks a client's message on a stream, with every check that needs no rows.
    ///
    /// # Errors
    /// The message is not carried out at all.
    pub fn subscribe(&self, message: &[u8], now_seconds: u64) -> Result<Subscriptions, Problem> {
        if message.len() > limits::STREAM_BYTES_MAX {
            return Err(Problem::TooLarge);
        }
        let Subscribe { time_seconds, logs, inbox } =
            Subscribe::from_bytes(message).map_err(|_| Problem::Malformed)?;
        if logs.len() > limits::SYNC_CURSORS_MAX {
            return Err(Problem::TooLarge);
        }
        let distinct: BTreeSet<_> = logs.iter().map(|signed| signed.log).collect();
        if distinct.len() != logs.len() {
            return Err(Problem::Malformed);
        }
        verify_time(time_seconds, now_seconds)?;
        let mut subscriptions = Subscriptions::default();
        let mut add = |subject, target: Result<Target, Problem>, after| match target {
            Ok(target) => {
                subscriptions.begun.push(Subscription { target, after: AtomicU64::new(after) });
            }
            Err(problem) => {
                subscriptions.refused.push(StreamEvent::Refused { subject, problem });
            }
        };
        for signed in &logs {
            let tbs = signed.cursor().to_be_signed(self.public_key(), time_seconds);
            let key = verify(signed.key, &tbs, &signed.signature);
            let target = key.map(|key| Target::Log(signed.log, key));
            add(Subject::Log(signed.log), target, signed.after.0);
        }
        if let Some(signed) = &inbox {
            let tbs = signed.cursor().to_be_signed(self.public_key(), time_seconds);
            let key = verify(signed.device.public_key(), &tbs, &signed.signature);
            let target = key.map(|key| Target::Inbox(Owner::of(&key)));
            add(Subject::Inbox, target, signed.after);
        }
        Ok(subscriptions)
    }

    /// What there is to tell to these subscriptions; the answer's body is a vector of
    /// [`StreamEvent`]s.
    ///
    /// # Errors
    /// The store failed.
    pub fn look(&self, subscriptions: &[Arc<Subscription>], rows: &mut dyn Rows) -> Outcome {
        let mut events = Vec::new();
        for subscription in subscriptions {
            match subscription.look(rows) {
                Ok(event) => events.extend(event),
                // The store's trouble is not the subscription's.
                Err(problem @ (Problem::Unavailable | Problem::Internal)) => return Err(problem),
                Err(problem) => {
                    let subject = subscription.subject();
                    events.push(StreamEvent::Refused { subject, problem });
                }
            }
        }
        Ok(Answer::new(&events))
    }
}
