//! Reading a group's log, entry by entry, and what each entry does to the group.
//!
//! A page is taken in one transaction. For each entry, in order:
//!
//! 1. The chain: the entry continues what was read, or the service has forked the log and following
//!    ends.
//! 2. Is it ours, waiting in the outbox? Then it is accepted: a commit is merged, a message is
//!    done.
//! 3. Otherwise MLS processes it. An invalid entry is skipped, by every member alike. One that only
//!    *our* identity policy refuses cannot be skipped: the others go on without us, so following
//!    ends here.
//! 4. The place in the log moves behind it.
//!
//! A commit of others takes whatever waits in the outbox with it: it was made for an epoch, or a
//! head, that is over. The intent behind it stays, and is issued anew on top.

use super::accepted::Accepted;
use super::anchors::{departed, note_departed};
use super::asked::Asked;
use super::changes::name_of;
use super::desync::{self, Trace};
use super::issue::Done;
use super::keys::{Keys, access_seed};
use super::rejoin::note_means;
use super::repair::{log_key, note_segment, note_unlocked};
use super::schedule::{is_idle, note_commit};
use super::standing::learn;
use super::submit::is_behind;
use super::{Engine, OpenGroup, Task, changes, leave, policy};
use crate::id::LogExtension;
use crate::identity::identity_of;
use crate::message::{Content, LastSeen, MessageId, decode_payload};
use crate::store::{
    GroupRecord, GroupStatus, Intent, NewEvent, OutboxRecord, StoreTransaction, Submission,
};
use crate::{Error, EventKind, GroupId, MessageState, ServiceFault, StoreError};
use authentication::AccountPolicy;
use codec::Decode;
use crypto::CryptoError;
use delivery_api::log::{Entry, EntryKind, LogPage};
use delivery_api::request::{self, Failure, Window};
use delivery_api::{ChainHash, DeviceId, Position, Problem, limits};
use mls::{
    ApplicationMessage, BrokenRule, EpochChange, ProposalSender, Received, ReceivedProposal,
    Settings, StagedEpoch,
};
use wire::{MlsMessage, MlsMessageBody, PskKind};

impl Engine {
    pub(super) fn ask_log(&mut self, group: GroupId, now: u64) -> Result<Option<Asked>, Error> {
        let transaction = self.store.transaction()?;
        let record = transaction.group_record(&group)?;
        let Some(record) = record.filter(|record| record.status == GroupStatus::Active) else {
            return Ok(None);
        };
        let key = log_key(&transaction, &record)?;
        drop(transaction);
        if !self.is_whole(&record)? {
            return Ok(None);
        }
        let window =
            Window { after: record.position, limit: limits::PAGE_LIMIT_MAX, wait_seconds: 0 };
        let request = request::read_log(record.log, window);
        let request = self.keys.sign_as_member(request, &key, now)?;
        Ok(Some(Asked::ReadLog(request, group)))
    }

    /// Takes a page of a log, or the refusal to give one.
    pub(super) fn log_read(
        &mut self,
        answer: Result<LogPage, Failure>,
        group: &GroupId,
        now: u64,
    ) -> Result<(), Error> {
        let reason = match answer {
            Ok(page) => return self.take_page(&page, group, now),
            Err(Failure::Problem(Problem::BeyondEnd { .. })) => "the service has lost entries",
            Err(Failure::Problem(Problem::Gone { .. })) => {
                "the service no longer keeps what was missed"
            }
            Err(Failure::Problem(Problem::NotAllowed)) => return self.log_closed(group, now),
            Err(Failure::Problem(Problem::UnknownLog)) => "the service has lost the log",
            Err(failure) => return Err(failure.into()),
        };
        if self.left_unseen(group)? {
            return Ok(());
        }
        self.halt(group, reason)
    }

    fn take_page(&mut self, page: &LogPage, group: &GroupId, now: u64) -> Result<(), Error> {
        let mut open = self.take_open(group)?;
        let transaction = self.store.transaction()?;
        let record = transaction.group_record(group)?;
        let Some(record) = record.filter(|record| record.status == GroupStatus::Active) else {
            return Ok(());
        };
        let outbox = transaction.outbox(group)?;
        let learned = Learned::default();
        let mut reading = Reading {
            keys: &self.keys,
            accounts: &self.policy,
            now,
            settings: self.client.settings(),
            transaction: &transaction,
            open: &mut open,
            record,
            outbox,
            learned,
        };
        if page.chain_hash != reading.record.chain_hash {
            reading.halt("the service shows another past than before")?;
        }
        for entry in &page.entries {
            if reading.record.status != GroupStatus::Active {
                break;
            }
            reading.entry(entry, now)?;
        }
        let advanced = !page.entries.is_empty();
        let Reading { record, learned, .. } = reading;
        if record.status == GroupStatus::Active {
            learned.trace.settle(&transaction, group, now)?;
        }
        transaction.put_group(&record)?;
        transaction.commit()?;
        let is_short = is_behind(open.receipt, record.position);
        self.wakes.remove(group);
        self.learn(learned);
        if record.status == GroupStatus::Active {
            self.note_read(group, record.position, page.end);
            self.open.insert(group.clone(), open);
            if advanced && (record.position < page.end || page.stopped || is_short) {
                self.plan.push_front(Task::ReadLog(group.clone()));
            } else if is_short {
                return Err(ServiceFault::Inconsistent("a receipt beyond the end").into());
            } else if page.stopped {
                // A commit is flagged as a removal, and was none of this client.
                return self.log_closed(group, now);
            } else {
                return self.check_log_open(&record, now);
            }
        }
        Ok(())
    }

    /// Takes what is ours, right behind what was read.
    pub(super) fn merge_taken(
        &mut self,
        group: &GroupId,
        accepted: &Accepted,
        now: u64,
    ) -> Result<(), Error> {
        let mut open = self.take_open(group)?;
        let transaction = self.store.transaction()?;
        let missing = || StoreError::Corrupt("outbox");
        let record = transaction.group_record(group)?.ok_or_else(missing)?;
        let outbox = transaction.outbox(group)?.ok_or_else(missing)?;
        let kind = match &outbox.submission {
            Submission::Commit(_) => EntryKind::Commit,
            Submission::Message(append) => append.lane.kind(),
        };
        let place = (accepted.position(), kind);
        let bytes = outbox.submission.entry_bytes();
        let chain_hash = self.keys.next_chain_hash(record.chain_hash, place, bytes)?;
        let mut reading = Reading {
            keys: &self.keys,
            accounts: &self.policy,
            now,
            settings: self.client.settings(),
            transaction: &transaction,
            open: &mut open,
            record,
            outbox: Some(outbox),
            learned: Learned::default(),
        };
        if chain_hash == accepted.chain_hash() {
            reading.own(accepted)?;
            reading.move_behind(place, chain_hash)?;
        } else {
            reading.halt("a receipt does not continue the log")?;
        }
        let Reading { record, learned, .. } = reading;
        transaction.put_group(&record)?;
        transaction.commit()?;
        self.wakes.remove(group);
        self.learn(learned);
        self.open.insert(group.clone(), open);
        Ok(())
    }

    /// Releases what a transaction taught, once it is durable.
    fn learn(&mut self, learned: Learned) {
        if learned.changed {
            self.tend_soon();
        }
        if learned.members {
            self.plan.push_back(Task::BackUp);
            self.plan.push_back(Task::OfferAnchors);
        }
        for (number, position) in learned.sent {
            self.message_changes.push((number, MessageState::Accepted(position)));
        }
        for (intent, done) in learned.done {
            if self.awaited.contains(&intent) {
                self.outcomes.insert(intent, Ok(done));
            }
        }
    }
}

/// The epoch that a message is of.
fn epoch_of(message: &MlsMessage) -> Option<u64> {
    match &message.0 {
        MlsMessageBody::PublicMessage(message) => Some(message.content.epoch),
        MlsMessageBody::PrivateMessage(message) => Some(message.epoch),
        _ => None,
    }
}

/// What is to be released when the transaction is durable.
#[derive(Default)]
struct Learned {
    /// The devices of an account have changed.
    changed: bool,
    /// Somebody came or went.
    members: bool,
    done: Vec<(u64, Done)>,
    /// Own messages that are in the log.
    sent: Vec<(u64, Position)>,
    trace: Trace,
    /// Why following ends behind the entry.
    alarm: Option<&'static str>,
}

/// A group while its log is read, within one transaction.
struct Reading<'a> {
    keys: &'a Keys,
    accounts: &'a AccountPolicy,
    /// When the page was read.
    now: u64,
    settings: &'a Settings,
    transaction: &'a StoreTransaction<'a>,
    open: &'a mut OpenGroup,
    record: GroupRecord,
    outbox: Option<OutboxRecord>,
    learned: Learned,
}

impl Reading<'_> {
    fn entry(&mut self, entry: &Entry, now: u64) -> Result<(), Error> {
        if entry.position != self.record.position.next() {
            return Err(ServiceFault::Inconsistent("a page with a gap").into());
        }
        let chain_hash = self.keys.chain_over(self.record.chain_hash, entry)?;
        let outbox = self.outbox.as_ref().map(|outbox| &outbox.submission);
        let accepted = outbox.and_then(|ours| Accepted::by_entry(ours, entry, chain_hash));
        match accepted {
            Some(accepted) => self.own(&accepted)?,
            None => self.of_others(entry, now)?,
        }
        if self.record.status != GroupStatus::Halted {
            self.move_behind((entry.position, entry.kind), chain_hash)?;
        }
        // What the entry does counts all the same: its sender may have made the alarm up.
        match self.learned.alarm.take() {
            Some(alarm) => self.halt(alarm),
            None => Ok(()),
        }
    }

    /// The place in the log moves behind an entry.
    fn move_behind(
        &mut self,
        (position, kind): (Position, EntryKind),
        chain_hash: ChainHash,
    ) -> Result<(), Error> {
        self.record.position = position;
        self.record.chain_hash = chain_hash;
        if kind == EntryKind::Commit {
            self.record.head = position;
        }
        if self.open.receipt.is_some_and(|receipt| receipt <= position) {
            self.open.receipt = None;
        }
        Ok(self.transaction.put_chain_hash(&self.record)?)
    }

    /// What waits in the outbox is in the log.
    fn own(&mut self, accepted: &Accepted) -> Result<(), Error> {
        let Some(outbox) = self.outbox.take() else { return Ok(()) };
        let position = accepted.position();
        let intents = self.transaction.intents()?;
        let intent = intents.into_iter().find(|record| record.number == outbox.intent);
        let intent = intent.ok_or(StoreError::Corrupt("outbox"))?;
        self.transaction.delete_outbox(&self.record.id)?;
        match (&outbox.submission, intent.intent) {
            (Submission::Commit(_), wish) => {
                let pending = self.open.pending.take();
                let pending = pending.ok_or(StoreError::Corrupt("pending commit"))?;
                let change = pending.change().clone();
                self.advance(pending.into(), &change, position)?;
                self.transaction.delete_doubt(&self.record.id)?;
                let event = self.event(position, EventKind::LogRepaired {}, true);
                note_unlocked(self.transaction, event)?;
                if matches!(wish, Intent::Leave | Intent::Send { .. }) {
                    // Only the proposals that stood before it are out of the way.
                    return Ok(());
                }
            }
            (Submission::Message(_), Intent::Send { id, content }) => {
                let me = &self.keys.identity;
                let message = (Some((me.device, id)), self.open.group.epoch());
                let from = (me.name.to_string(), position);
                self.said(from, message, content, false)?;
                self.transaction.set_message_accepted(outbox.intent, position)?;
                self.learned.sent.push((outbox.intent, position));
            }
            (Submission::Message(_), Intent::Leave) => {
                leave::note_proposed(self.transaction, &self.record.id)?;
                let kind = EventKind::MemberLeaving { name: self.keys.identity.name.to_string() };
                self.transaction.add_event(&self.event(position, kind, false))?;
            }
            (Submission::Message(_), _) => return Err(StoreError::Corrupt("outbox").into()),
        }
        self.transaction.delete_intent(outbox.intent)?;
        let done = Done { position, epoch: self.open.group.epoch() };
        self.learned.done.push((outbox.intent, done));
        Ok(())
    }

    fn of_others(&mut self, entry: &Entry, now: u64) -> Result<(), Error> {
        if entry.kind == EntryKind::Commit {
            // Made for a head that is no more.
            self.outbox = None;
            self.transaction.delete_outbox(&self.record.id)?;
        }
        if self.transaction.has_own_message(&self.record.id, entry.position)? {
            return Ok(());
        }
        let message = MlsMessage::from_bytes(&entry.bytes);
        let epoch = message.as_ref().ok().and_then(epoch_of);
        let received = match message {
            Ok(message) => self.open.group.process(&message, now),
            Err(error) => Err(mls::Error::Malformed(error)),
        };
        let (received, delta) = match received {
            Ok(effect) => effect.into_parts(),
            Err(error) => return self.invalid(entry, error),
        };
        self.transaction.apply(&delta)?;
        match received {
            Received::OtherEpoch { epoch } if epoch < self.open.group.epoch() => {}
            Received::OtherEpoch { .. } => self.learned.trace = Trace::Later,
            _ => self.learned.trace = Trace::Followed,
        }
        match (entry.kind, received) {
            (EntryKind::Commit, Received::Commit(staged)) => {
                self.drop_candidate()?;
                if let Err(violation) = policy::judge(&self.open.group, staged.change()) {
                    return self.skip(entry, &violation.to_string());
                }
                let change = staged.change().clone();
                self.compare_past(entry, &change.authenticated_data)?;
                self.advance((*staged).into(), &change, entry.position)
            }
            (EntryKind::Commit, Received::OwnCommit(id))
                if epoch == Some(self.open.group.epoch()) =>
            {
                self.forgotten_commit(id, entry)
            }
            // Too late: to us it is what it is to everybody.
            (_, Received::OwnCommit(_)) => self.skip(entry, "it is of another epoch"),
            (EntryKind::Application, Received::Application(message)) => {
                self.message(entry, &message)
            }
            (EntryKind::Proposal, Received::Proposal(proposal)) => self.proposal(entry, &proposal),
            (_, Received::OwnMessage { .. }) => Ok(()),
            (_, Received::OtherEpoch { .. }) => self.skip(entry, "it is of another epoch"),
            _ => self.skip(entry, "it is not of the kind that the log says"),
        }
    }

    /// The candidate of our own that lost, if there is one.
    fn drop_candidate(&mut self) -> Result<(), Error> {
        if let Some(pending) = self.open.pending.take() {
            let ((), delta) = self.open.group.discard(pending).into_parts();
            self.transaction.apply(&delta)?;
        }
        Ok(())
    }

    /// An own commit of this epoch that was given up here, and was taken all the same. The others
    /// follow it, and so does this client: what it leads to is kept for as long as the epoch lasts.
    /// Should it be gone nevertheless, the way back leads there.
    fn forgotten_commit(&mut self, id: mls::CommitId, entry: &Entry) -> Result<(), Error> {
        self.open.pending = None;
        let candidates = self.open.group.pending_commits(&self.transaction.mls())?;
        match candidates.into_iter().find(|pending| pending.id() == id) {
            Some(pending) => {
                let change = pending.change().clone();
                self.advance(pending.into(), &change, entry.position)
            }
            None => self.halt("an own commit was taken that is not known any more"),
        }
    }

    /// The group moves to the next epoch.
    fn advance(
        &mut self,
        next: StagedEpoch,
        change: &EpochChange,
        position: Position,
    ) -> Result<(), Error> {
        let by = changes::committer(&self.open.group, change);
        let name = changes::name_of(by.clone());
        let (group, transaction, now) = (&self.open.group, self.transaction, self.now);
        let is_idle = |leaf| is_idle(transaction, group, (leaf, now)).unwrap_or(false);
        let mut kinds = changes::before(group, change, &name, is_idle);
        let (_, delta) = self.open.group.advance(next)?.into_parts();
        self.transaction.apply(&delta)?;
        let changed = change.added.iter().chain(&change.updated).map(|(index, _)| index.as_u32());
        let leaves = changed.filter_map(|index| self.open.group.member(index));
        let learned = learn(
            (self.accounts, &self.keys.identity),
            self.transaction,
            leaves.map(|member| member.leaf),
        )?;
        self.learned.changed |= learned;
        self.learned.members |= !change.added.is_empty() || !change.removed.is_empty();
        changes::after(&self.open.group, change, &name, &mut kinds);
        if note_commit(self.transaction, &self.open.group, change, self.now)? {
            self.transaction.add_event(&self.event(position, EventKind::UpdateLanded {}, true))?;
        }
        // What another device of the account did is news here.
        let is_mine = by.as_ref() == Some(&self.keys.identity);
        for kind in kinds {
            let unread = changes::is_news(&kind, is_mine);
            let event = NewEvent { epoch: change.epoch, ..self.event(position, kind, unread) };
            self.transaction.add_event(&event)?;
        }
        if change.self_removed {
            self.record.status = GroupStatus::Removed;
            self.transaction.delete_anchor(&self.record.id)?;
        } else {
            note_departed(self.transaction, &self.record.id, &departed(change))?;
            self.record.access_key = access_seed(&self.open.group, self.record.log)?;
            let commit = (position, !change.removed.is_empty());
            note_segment(self.transaction, &self.keys.suite, &self.record, commit)?;
            if !(change.added.is_empty() && change.removed.is_empty()) {
                note_means(self.transaction, &self.open.group)?;
            }
        }
        if change.extensions.is_some() && !change.self_removed {
            policy::apply(&mut self.open.group, self.settings);
            let name = LogExtension::read(self.open.group.extensions()).map(|(_, name)| name);
            self.record.name = name.ok_or(StoreError::Corrupt("group"))?;
        }
        Ok(())
    }

    /// A proposal that waits for a commit; any that may not be made is forgotten, here and by
    /// everybody.
    fn proposal(&mut self, entry: &Entry, received: &ReceivedProposal) -> Result<(), Error> {
        if let Err(violation) = policy::judge_proposal(received) {
            let ((), delta) = self.open.group.forget_proposal(received.reference).into_parts();
            self.transaction.apply(&delta)?;
            return self.skip(entry, &violation.to_string());
        }
        leave::note_wish(self.transaction, &self.record.id, self.now)?;
        let ProposalSender::Member(leaf) = received.sender else { return Ok(()) };
        let leaver = self.open.group.member(leaf.as_u32());
        let name = name_of(leaver.and_then(|member| identity_of(&member.leaf)));
        let kind = EventKind::MemberLeaving { name };
        self.transaction.add_event(&self.event(entry.position, kind, true))?;
        Ok(())
    }

    fn message(&mut self, entry: &Entry, message: &ApplicationMessage) -> Result<(), Error> {
        self.compare_past(entry, &message.authenticated_data)?;
        let identity = identity_of(&message.leaf);
        let (Some((id, content)), Some(identity)) = (decode_payload(&message.data), identity)
        else {
            return self.skip(entry, "a message in a form that this version does not know");
        };
        let message = (Some((identity.device, id)), message.epoch);
        self.said((identity.name.to_string(), entry.position), message, content, true)
    }

    /// Notes what somebody said, and how to fetch it if it is a file.
    fn said(
        &mut self,
        (from, position): (String, Position),
        (message_id, epoch): (Option<(DeviceId, MessageId)>, u64),
        content: Content,
        unread: bool,
    ) -> Result<(), Error> {
        let file = content.file().cloned();
        let device = message_id.map_or_else(String::new, |(device, _)| device.to_string());
        let event = self.event(position, content.into_event((from, device)), unread);
        let is_new = self.transaction.add_event(&NewEvent { message_id, epoch, ..event })?;
        if let (true, Some(file)) = (is_new, file) {
            self.transaction.put_file_of_last_event(&file)?;
        }
        Ok(())
    }

    /// Raises the alarm if the sender of an entry saw another log than we do.
    fn compare_past(&mut self, entry: &Entry, authenticated_data: &[u8]) -> Result<(), Error> {
        let Some(seen) = LastSeen::read(authenticated_data) else { return Ok(()) };
        // What is older than what we keep, or than our joining, cannot be compared.
        let ours = self.transaction.chain_hash(&self.record.id, seen.position)?;
        let is_other = ours.is_some_and(|ours| ours != seen.chain_hash);
        if is_other || seen.position >= entry.position {
            self.learned.alarm = Some("a member saw another past in the log");
        }
        Ok(())
    }

    /// What an error means: the fault of who wrote the entry is everybody's to skip.
    fn invalid(&mut self, entry: &Entry, error: mls::Error) -> Result<(), Error> {
        use mls::Error as E;
        if entry.kind == EntryKind::Commit {
            self.drop_candidate()?;
        }
        match error {
            E::Violation(BrokenRule::Group(mls::Violation::NotSentByThisClient)) => {
                self.sent_elsewhere(entry)
            }
            E::Malformed(_) | E::Violation(_) | E::Limit(_) => self.skip(entry, &error.to_string()),
            E::Misuse(mls::Misuse::WrongMessageKind) => self.skip(entry, &error.to_string()),
            E::Crypto(
                CryptoError::AeadOpen
                | CryptoError::InvalidLength
                | CryptoError::InvalidPublicKey
                | CryptoError::InvalidSignature,
            ) => self.skip(entry, &error.to_string()),
            // The policy has no place for it, whoever has the key.
            E::MissingPsk(PskKind::External { .. }) => {
                self.skip(entry, &policy::Violation::ExternalPsk.to_string())
            }
            // Others may have what we lack, and go on.
            E::MissingPsk(_) => self.halt(&error.to_string()),
            E::Refused(refusal) => self.halt(&refusal.0),
            other => Err(other.into()),
        }
    }

    /// Somebody else has this client's keys: see [`super::fencing`].
    fn sent_elsewhere(&mut self, entry: &Entry) -> Result<(), Error> {
        if entry.kind == EntryKind::Commit {
            return self.halt("a commit was made with this client's keys, and not by it");
        }
        self.drop_candidate()?;
        self.outbox = None;
        self.transaction.delete_outbox(&self.record.id)?;
        self.transaction.put_doubt(&self.record.id)?;
        let event = self.event(entry.position, EventKind::SentElsewhere {}, true);
        self.transaction.add_event(&event)?;
        Ok(())
    }

    fn skip(&mut self, entry: &Entry, reason: &str) -> Result<(), Error> {
        let kind = EventKind::EntrySkipped { reason: reason.to_owned() };
        self.transaction.add_event(&self.event(entry.position, kind, true))?;
        Ok(())
    }

    fn halt(&mut self, reason: &str) -> Result<(), Error> {
        self.outbox = None;
        Ok(desync::halt(self.transaction, &mut self.record, reason)?)
    }

    fn event(&self, position: Position, kind: EventKind, unread: bool) -> NewEvent {
        NewEvent {
            group: Some(self.record.id.clone()),
            position,
            epoch: self.open.group.epoch(),
            kind,
            message_id: None,
            unread,
        }
    }
}
