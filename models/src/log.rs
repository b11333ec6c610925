//! The service: one log, its segments, its inbox, and what it answers to each request.
//!
//! [`Log`] is what one transaction sees. The service compares positions, keys and flags; what a
//! commit really is ([`Content`]) it cannot see and never looks at.

use crate::design::{Design, Repair};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// A place in the log; the first entry is at 1.
pub type Position = u8;

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// An honest member who holds an anchor key.
    Alice,
    /// An honest member without one.
    Bob,
    /// Somebody who is invited.
    Carol,
    /// A member who is removed and would like to read on.
    Dave,
    /// A member who wants to do harm, and goes on when she is removed.
    Mallory,
}

/// Names a submission, and the epoch that it opens if it is a commit that clients accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// Who made it.
    pub by: Who,
    /// The how-manieth of its maker.
    pub number: u8,
}

/// The epoch in which the log was opened.
pub const FIRST_EPOCH: Id = Id { by: Who::Alice, number: 0 };

/// A public key, named by who can know the private half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// The anchor key of somebody.
    Anchor(Who),
    /// Of Mallory alone.
    Bogus(u8),
    /// Derived by the members of an epoch.
    Epoch(Id),
}

/// What an entry holds, which only members can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Content {
    /// An application message.
    Application,
    /// A commit that was made in the epoch `parent`.
    Commit {
        /// The epoch that it follows.
        parent: Id,
        /// Whom it removes.
        removes: Option<Who>,
    },
    /// Bytes that no client accepts as a commit.
    Garbage,
}

impl Content {
    /// Whether it is a commit that truly removes somebody.
    #[must_use]
    pub fn removes_somebody(&self) -> bool {
        matches!(self, Self::Commit { removes: Some(_), .. })
    }
}

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// The submission.
    pub id: Id,
    /// The commit head that it was accepted under.
    pub head: Position,
    /// What it holds.
    pub content: Content,
}

impl Entry {
    /// Whether it is in the lane of commits.
    #[must_use]
    pub fn is_commit(&self) -> bool {
        self.content != Content::Application
    }
}

/// What the commit at `head` opened; `head` is 0 for the creation of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Segment {
    /// The commit.
    pub head: Position,
    /// The key that the commit stated, or that a repair restated.
    pub key: Key,
    /// Whether reading with earlier keys ends here.
    pub removes: bool,
}

/// What an anchor says of a commit that clients accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Restated {
    /// The commit.
    pub head: Position,
    /// Its true access key.
    pub key: Key,
    /// Whether it truly removed somebody.
    pub removes: bool,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ask {
    /// Append a message under this head.
    Append {
        /// The commit head that it was made under.
        head: Position,
    },
    /// Commit.
    Commit {
        /// The commit head that it was made under.
        expected_head: Position,
        /// What the commit is; the service does not look.
        content: Content,
        /// The access key of the segment that it opens.
        next_key: Key,
        /// Whether it claims to remove somebody.
        removes: bool,
        /// Whether a Welcome for Carol comes with it.
        welcome: bool,
    },
    /// Lock the log and restate the truth about its beginning.
    Repair {
        /// One more than the last repair's number.
        number: u8,
        /// What lies up to here is left alone.
        after: Position,
        /// The last entry that the sender had read.
        up_to: Position,
        /// The commits between these that clients accepted.
        commits: Vec<Restated>,
        /// The anchors from now on.
        anchors: Vec<Who>,
    },
}

/// A signed request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Request {
    /// Names it.
    pub id: Id,
    /// The key that signed.
    pub signer: Key,
    /// What is asked.
    pub ask: Ask,
}

impl Request {
    /// Whether it is a commit that claims to remove somebody.
    #[must_use]
    pub fn claims_removal(&self) -> bool {
        matches!(self.ask, Ask::Commit { removes: true, .. })
    }

    /// Whether it is a commit that nobody accepts and that claims to remove somebody.
    #[must_use]
    pub fn spoils(&self) -> bool {
        matches!(self.ask, Ask::Commit { content: Content::Garbage, removes: true, .. })
    }
}

/// What a successful request is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Receipt {
    /// The last position of the log.
    pub position: Position,
    /// The last commit.
    pub head: Position,
    /// The last repair.
    pub repair: u8,
}

/// The request is refused; nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// What a commit bundle writes besides the entry itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rest {
    segment: Segment,
    welcome: Option<Id>,
}

/// The rows of a log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Log {
    /// The entries; the first is at position 1.
    pub entries: Vec<Entry>,
    /// The segments in order.
    pub segments: Vec<Segment>,
    /// Answers already given.
    pub answers: BTreeMap<Id, Receipt>,
    /// Carol's inbox: the commits whose Welcomes wait there.
    pub inbox: Vec<Id>,
    /// Who may repair.
    pub anchors: Vec<Who>,
    /// Number of the last repair.
    pub repair: u8,
    /// The anchor that has locked the log.
    pub locked_by: Option<Who>,
}

impl Log {
    /// A log without entries, opened in the first epoch.
    #[must_use]
    pub fn new(anchors: &[Who]) -> Self {
        let first = Segment { head: 0, key: Key::Epoch(FIRST_EPOCH), removes: false };
        Self {
            entries: Vec::new(),
            segments: vec![first],
            answers: BTreeMap::new(),
            inbox: Vec::new(),
            anchors: anchors.to_vec(),
            repair: 0,
            locked_by: None,
        }
    }

    /// The last position.
    #[must_use]
    pub fn end(&self) -> Position {
        position(self.entries.len())
    }

    /// Position of the last commit.
    #[must_use]
    pub fn head(&self) -> Position {
        position(self.entries.iter().rposition(Entry::is_commit).map_or(0, |index| index + 1))
    }

    /// Whether a request signed by this key may append or commit under the current head.
    #[must_use]
    pub fn may_write(&self, design: &Design, key: Key) -> bool {
        if let Some(anchor) = self.locked_by {
            return key == Key::Anchor(anchor);
        }
        let mut latest = self.segments.iter().rev();
        let Some(current) = latest.next().filter(|at| at.head == self.head()) else {
            return false;
        };
        let closed = latest.next();
        let grace = design.grace && !current.removes;
        current.key == key || (grace && closed.is_some_and(|closed| closed.key == key))
    }

    /// The last position that this key may read, for a reader who has read up to `cursor`.
    #[must_use]
    pub fn may_read(&self, design: &Design, key: Key, cursor: Position) -> Option<Position> {
        if let Key::Anchor(anchor) = key {
            return (self.locked_by == Some(anchor)).then(|| self.end());
        }
        let own = self.segments.iter().rev().find(|segment| segment.key == key)?;
        if own.head > cursor {
            return None;
        }
        let removal = self.segments.iter().find(|at| at.head > own.head && at.removes);
        match removal {
            Some(removal) if design.reading_ends => Some(removal.head),
            _ => Some(self.end()),
        }
    }

    /// Answers a request.
    ///
    /// # Errors
    /// It is refused.
    pub fn answer(&mut self, design: &Design, request: &Request) -> Result<Receipt, Refused> {
        let rest = self.begin(design, request)?;
        self.finish(rest);
        Ok(self.remember(design, request.id))
    }

    /// The first part of [`Log::answer`]; the rest of a bundle is returned.
    ///
    /// # Errors
    /// It is refused.
    pub fn begin(&mut self, design: &Design, request: &Request) -> Result<Option<Rest>, Refused> {
        if design.idempotency && self.answers.contains_key(&request.id) {
            return Ok(None);
        }
        self.allows(design, request)?;
        Ok(self.apply(design, request))
    }

    /// The second part of [`Log::answer`].
    pub fn finish(&mut self, rest: Option<Rest>) {
        if let Some(Rest { segment, welcome }) = rest {
            self.segments.push(segment);
            self.inbox.extend(welcome);
        }
    }

    /// The third part of [`Log::answer`]: the receipt, now or from before.
    pub fn remember(&mut self, design: &Design, id: Id) -> Receipt {
        let receipt = Receipt { position: self.end(), head: self.head(), repair: self.repair };
        if !design.idempotency {
            self.answers.remove(&id);
        }
        *self.answers.entry(id).or_insert(receipt)
    }

    /// Whether a request would be carried out, were it new.
    ///
    /// # Errors
    /// It would be refused.
    pub fn allows(&self, design: &Design, request: &Request) -> Result<(), Refused> {
        let signer = request.signer;
        let allowed = match &request.ask {
            Ask::Append { head } => {
                let open = self.locked_by.is_none() && self.may_write(design, signer);
                let current = *head == self.head() && open;
                current || (!design.strict_segments && self.knows(signer))
            }
            Ask::Commit { expected_head, next_key, .. } => {
                *expected_head == self.head()
                    && self.may_write(design, signer)
                    && !self.knows(*next_key)
            }
            Ask::Repair { number, up_to, .. } => {
                let anchor = self.anchors.iter().any(|anchor| signer == Key::Anchor(*anchor));
                let at_head = match design.repair {
                    Repair::Off => false,
                    Repair::HandBack { at_head } => !at_head || *up_to == self.end(),
                    Repair::Lock => true,
                };
                anchor && *number == self.repair + 1 && *up_to <= self.end() && at_head
            }
        };
        if allowed { Ok(()) } else { Err(Refused) }
    }

    /// Whether the key is or was the access key of a segment.
    #[must_use]
    pub fn knows(&self, key: Key) -> bool {
        self.segments.iter().any(|segment| segment.key == key)
    }

    /// Carries a request out without asking whether it is allowed.
    pub fn apply(&mut self, design: &Design, request: &Request) -> Option<Rest> {
        let id = request.id;
        match &request.ask {
            Ask::Append { head } => {
                self.entries.push(Entry { id, head: *head, content: Content::Application });
                None
            }
            Ask::Commit { expected_head, content, next_key, removes, welcome } => {
                self.entries.push(Entry { id, head: *expected_head, content: *content });
                self.locked_by = None;
                let segment = Segment { head: self.end(), key: *next_key, removes: *removes };
                Some(Rest { segment, welcome: welcome.then_some(id) })
            }
            Ask::Repair { number, after, up_to, commits, anchors } => {
                self.repair = *number;
                if self.head() <= *up_to {
                    self.anchors.clone_from(anchors);
                }
                self.restate(design, *after..=*up_to, commits);
                match (design.repair, request.signer) {
                    (Repair::HandBack { .. }, _) => self.hand_back(commits),
                    (_, Key::Anchor(anchor)) => self.locked_by = Some(anchor),
                    _ => (),
                }
                None
            }
        }
    }

    /// Takes over the truth about the commits behind the range's start, up to its end.
    fn restate(&mut self, design: &Design, range: RangeInclusive<Position>, commits: &[Restated]) {
        let concerned = |head: Position| {
            head > *range.start() && (head <= *range.end() || !design.bounded_repair)
        };
        let truth = |head| commits.iter().find(|commit| commit.head == head);
        if design.drop_keys {
            self.segments.retain(|at| !concerned(at.head) || truth(at.head).is_some());
        }
        for segment in self.segments.iter_mut().filter(|segment| concerned(segment.head)) {
            let truth = truth(segment.head);
            segment.removes = truth.is_some_and(|truth| truth.removes);
            if let (true, Some(truth)) = (design.restate_keys, truth) {
                segment.key = truth.key;
            }
        }
    }

    /// The key of the last accepted commit becomes the key of the current segment.
    fn hand_back(&mut self, commits: &[Restated]) {
        let key = commits.last().map_or(Key::Epoch(FIRST_EPOCH), |commit| commit.key);
        if let Some(current) = self.segments.last_mut() {
            current.key = key;
        }
    }
}

/// A count as a position; the model's logs have a handful of entries.
fn position(count: usize) -> Position {
    Position::try_from(count).unwrap_or(Position::MAX)
}
