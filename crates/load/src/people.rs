//! Somebody who uses the service: keys, a connection, and groups as the service knows them.

use codec::{Decode, Opaque};
use crypto_aws_lc::SystemRandom;
use delivery_api::log::{Append, CommitBundle, CreateLog, Lane, LogPage};
use delivery_api::request::Window;
use delivery_api::sync::{Cursor, SignedCursor, Sync};
use delivery_api::{IdempotencyKey, LogId, Position, Request, request};
use std::sync::Arc;
use trials::speaker::Speaker;
use trials::{Failure, Key};

/// Bytes of a message as clients seal short texts.
pub(crate) const MESSAGE_BYTES: usize = 256;

/// Somebody with a connection of their own.
pub(crate) struct Person {
    speaker: Speaker,
}

/// A group: its log, its head, and the key of its current segment.
#[derive(Clone)]
pub(crate) struct Group {
    pub(crate) log: LogId,
    pub(crate) head: Position,
    pub(crate) key: Arc<Key>,
}

impl Person {
    pub(crate) fn new(speaker: Speaker) -> Self {
        Self { speaker }
    }

    pub(crate) fn key(&self) -> Result<Key, Failure> {
        Ok(Key::fresh(&self.speaker.suite, &mut SystemRandom)?)
    }

    /// Asks, signed by a key, and expects an answer.
    pub(crate) fn get<A: Decode>(&self, key: &Key, request: Request<A>) -> Result<A, Failure> {
        Ok(self.speaker.ask(key, request)?.ok_or("no answer")??)
    }

    /// Opens a log.
    pub(crate) fn open(&self) -> Result<Group, Failure> {
        let key = Arc::new(self.key()?);
        let group = Group { log: LogId::new(random()?), head: Position::START, key };
        let create = CreateLog { join_key: None, anchors: Vec::new() };
        self.get(&group.key, request::create_log(group.log, &create))?;
        Ok(group)
    }

    /// Commits, as large as a commit among a few members.
    pub(crate) fn commit(&self, group: &mut Group) -> Result<(), Failure> {
        let next = Arc::new(self.key()?);
        let bundle = CommitBundle {
            expected_head: group.head,
            idempotency_key: idempotency_key()?,
            commit: Opaque::from(vec![7; 1024]),
            next_access_key: next.public(),
            join_key: None,
            removes: false,
            welcomes: Vec::new(),
            group_info: Opaque::default(),
            tree: None,
        };
        let receipt = self.get(&group.key, request::commit(group.log, &bundle, None))?;
        (group.head, group.key) = (receipt.head, next);
        Ok(())
    }

    /// Sends a message.
    pub(crate) fn send(&self, group: &Group) -> Result<Position, Failure> {
        let append = Append {
            head: group.head,
            idempotency_key: idempotency_key()?,
            lane: Lane::Application,
            bytes: Opaque::from(vec![7; MESSAGE_BYTES]),
        };
        Ok(self.get(&group.key, request::append(group.log, &append))?.position)
    }

    /// Reads what is behind a position, and waits for it if there is nothing yet.
    pub(crate) fn read(
        &self,
        group: &Group,
        after: Position,
        wait_seconds: u32,
    ) -> Result<LogPage, Failure> {
        let window = Window { after, limit: 100, wait_seconds };
        self.get(&group.key, request::read_log(group.log, window))
    }

    /// A request for the news of many groups behind their heads.
    pub(crate) fn sync_request(&self, groups: &[Group]) -> Result<Sync, Failure> {
        let time_seconds = self.speaker.now();
        let cursors = groups.iter().map(|group| {
            let cursor = Cursor { log: group.log, after: group.head, key: group.key.public() };
            let tbs = cursor.to_be_signed(self.speaker.service(), time_seconds);
            let signature = Opaque::from(group.key.sign(&tbs)?);
            Ok(SignedCursor { log: cursor.log, after: cursor.after, key: cursor.key, signature })
        });
        Ok(Sync { time_seconds, cursors: cursors.collect::<Result<_, Failure>>()? })
    }
}

/// 32 random bytes.
pub(crate) fn random() -> Result<[u8; 32], Failure> {
    let mut bytes = [0; 32];
    crypto::Random::fill(&mut SystemRandom, &mut bytes)?;
    Ok(bytes)
}

pub(crate) fn idempotency_key() -> Result<IdempotencyKey, Failure> {
    IdempotencyKey::new(&random()?).ok_or_else(|| "an idempotency key has 32 bytes".into())
}
