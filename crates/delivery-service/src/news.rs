//! Wakes readers that wait for news of a log or an inbox.
//!
//! Only a hint: a reader reads again and waits again, so a wake-up too many does no harm, and one
//! that comes between its reading and its waiting is not lost, because it subscribes before it
//! reads.

use crate::core::Topic;
use tokio::sync::watch;

/// Readers share this many channels; fixed, so that topics cannot make it grow.
const CHANNELS: usize = 256;

/// The channels.
pub(crate) struct News {
    channels: Vec<watch::Sender<()>>,
}

impl News {
    pub(crate) fn new() -> Self {
        Self { channels: (0..CHANNELS).map(|_| watch::Sender::new(())).collect() }
    }

    fn channel(&self, topic: Topic) -> &watch::Sender<()> {
        // Device ids are public keys and log ids random, so the first byte spreads them.
        &self.channels[usize::from(topic.0[0])]
    }

    pub(crate) fn subscribe(&self, topic: Topic) -> watch::Receiver<()> {
        self.channel(topic).subscribe()
    }

    pub(crate) fn publish(&self, topic: Topic) {
        self.channel(topic).send_replace(());
    }
}
