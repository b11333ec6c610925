//! Wakes readers that wait for news of a log or an inbox.
//!
//! Only a hint: a reader reads again and waits again, so a wake-up too many does no harm, and one
//! that comes between its reading and its waiting is not lost, because it subscribes before it
//! reads. A long poll waits on a channel that many topics share; a stream has a [`Mailbox`] for all
//! that it subscribed, in which a topic lies once, however often there is news of it.

use crate::core::Topic;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, watch};

/// Topics share this many channels; fixed, so that topics cannot make it grow.
const CHANNELS: usize = 256;

/// What a stream has not looked at yet.
#[derive(Default)]
pub(crate) struct Mailbox {
    touched: Mutex<BTreeSet<Topic>>,
    arrived: Notify,
}

impl Mailbox {
    fn touch(&self, topic: Topic) {
        lock(&self.touched).insert(topic);
        self.arrived.notify_one();
    }

    /// Waits for news.
    pub(crate) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// What there is news of.
    pub(crate) fn take(&self) -> BTreeSet<Topic> {
        std::mem::take(&mut *lock(&self.touched))
    }
}

/// What waits for some topics.
struct Channel {
    polls: watch::Sender<()>,
    streams: Mutex<HashMap<Topic, Vec<Arc<Mailbox>>>>,
}

/// The channels.
pub(crate) struct News {
    channels: Vec<Channel>,
}

impl News {
    pub(crate) fn new() -> Self {
        let channel = |_| Channel { polls: watch::Sender::new(()), streams: Mutex::default() };
        Self { channels: (0..CHANNELS).map(channel).collect() }
    }

    fn channel(&self, topic: Topic) -> &Channel {
        &self.channels[usize::from(topic.channel())]
    }

    pub(crate) fn subscribe(&self, topic: Topic) -> watch::Receiver<()> {
        self.channel(topic).polls.subscribe()
    }

    /// From now on a mailbox hears of a topic.
    pub(crate) fn deliver_to(&self, topic: Topic, mailbox: &Arc<Mailbox>) {
        lock(&self.channel(topic).streams).entry(topic).or_default().push(Arc::clone(mailbox));
    }

    /// From now on a mailbox hears of a topic no more.
    pub(crate) fn forget(&self, topic: Topic, mailbox: &Arc<Mailbox>) {
        let mut streams = lock(&self.channel(topic).streams);
        if let Some(mailboxes) = streams.get_mut(&topic) {
            mailboxes.retain(|other| !Arc::ptr_eq(other, mailbox));
            if mailboxes.is_empty() {
                streams.remove(&topic);
            }
        }
    }

    /// Wakes the readers of a topic.
    pub(crate) fn publish(&self, topic: Topic) {
        let channel = self.channel(topic);
        channel.polls.send_replace(());
        if let Some(mailboxes) = lock(&channel.streams).get(&topic) {
            mailboxes.iter().for_each(|mailbox| mailbox.touch(topic));
        }
    }

    /// Wakes the readers of all topics of a [channel](Topic::channel): somewhere else there is news
    /// of one of them.
    pub(crate) fn publish_channel(&self, channel: u8) {
        let channel = &self.channels[usize::from(channel)];
        channel.polls.send_replace(());
        for (topic, mailboxes) in lock(&channel.streams).iter() {
            mailboxes.iter().for_each(|mailbox| mailbox.touch(*topic));
        }
    }
}

/// What is behind a lock is whole even if a thread died holding it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::{Mailbox, News};
    use crate::core::Topic;
    use std::sync::Arc;

    #[test]
    fn a_mailbox_holds_each_topic_once_and_only_what_was_asked_for() {
        let news = News::new();
        let (one, two, three) = (Topic([1; 32]), Topic([2; 32]), Topic([3; 32]));
        let (ours, theirs) = (Arc::new(Mailbox::default()), Arc::new(Mailbox::default()));
        news.deliver_to(one, &ours);
        news.deliver_to(two, &ours);
        news.deliver_to(two, &theirs);
        for topic in [one, two, two, three] {
            news.publish(topic);
        }
        assert_eq!(ours.take(), [one, two].into());
        assert!(ours.take().is_empty());
        news.forget(two, &ours);
        news.publish(two);
        assert!(ours.take().is_empty());
        assert_eq!(theirs.take(), [two].into());
        let near = Topic([vec![1; 31], vec![2]].concat().try_into().unwrap());
        news.deliver_to(near, &ours);
        news.publish_channel(1);
        assert_eq!(ours.take(), [one, near].into());
        news.forget(near, &ours);
        news.forget(two, &theirs);
        news.forget(one, &ours);
        assert!(news.channels.iter().all(|channel| channel.streams.lock().unwrap().is_empty()));
    }
}
