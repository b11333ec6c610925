//! Waiting for news: one long poll per log and inbox, each on a thread of its own.
//!
//! A poll that is still waiting when another one has brought news goes on waiting, so that no log
//! has more than one at a time; its thread ends by itself when the service answers.

use crate::transport::{HttpRequest, Transport};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// How long to wait after a poll failed, so that a service that refuses at once is not asked at
/// once.
const FAILURE_DELAY: Duration = Duration::from_secs(1);

/// How much longer than the service to wait.
const MARGIN_SECONDS: u32 = 5;

/// Ends, from another thread, a wait of [`crate::Account::follow`]; or the next one, if there is none.
#[derive(Clone, Debug)]
pub struct Waker(Sender<(String, bool)>);

impl Waker {
    /// Ends the wait.
    pub fn wake(&self) {
        // Nobody waits if the account was closed. No poll has this topic.
        let _ = self.0.send((String::new(), true));
    }
}

/// Polls that wait.
pub(super) struct Watches {
    sender: Sender<(String, bool)>,
    receiver: Receiver<(String, bool)>,
    /// By path without query.
    waiting: BTreeSet<String>,
}

impl Default for Watches {
    fn default() -> Self {
        let (sender, receiver) = channel();
        Self { sender, receiver, waiting: BTreeSet::new() }
    }
}

fn topic(request: &HttpRequest) -> String {
    request.path.split('?').next().unwrap_or_default().to_owned()
}

impl Watches {
    /// What ends a wait.
    pub(super) fn waker(&self) -> Waker {
        Waker(self.sender.clone())
    }

    /// Starts the polls that are not waiting yet, and waits until one is answered.
    pub(super) fn wait(
        &mut self,
        transport: &Arc<dyn Transport>,
        requests: Vec<HttpRequest>,
        seconds: u32,
    ) {
        for request in requests {
            let topic = topic(&request);
            if self.waiting.insert(topic.clone()) {
                let (transport, sender) = (Arc::clone(transport), self.sender.clone());
                std::thread::spawn(move || {
                    let answered = transport.send(&request);
                    let succeeded = answered.is_ok_and(|response| response.status == 200);
                    // Nobody listens if the account was closed.
                    let _ = sender.send((topic, succeeded));
                });
            }
        }
        let patience = Duration::from_secs(u64::from(seconds + MARGIN_SECONDS));
        let Ok((topic, succeeded)) = self.receiver.recv_timeout(patience) else { return };
        self.waiting.remove(&topic);
        if !succeeded {
            std::thread::sleep(FAILURE_DELAY);
        }
        while let Ok((topic, _)) = self.receiver.try_recv() {
            self.waiting.remove(&topic);
        }
    }
}
