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

    pub(crate) fn subscribe(&self, topic: Topic) -> watch::Receiver<()> {
        self.channels[usize::from(topic.channel())].subscribe()
    }

    /// Wakes the readers of a topic's [channel](Topic::channel).
    pub(crate) fn publish(&self, channel: u8) {
        self.channels[usize::from(channel)].send_replace(());
    }
}
