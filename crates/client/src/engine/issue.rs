//! From an intent to something to send: look up and claim what is missing, look at the group as it
//! is now, and make the commit or message. What was made is stored with its keys before anything is
//! sent.

use super::asked::Asked;
use super::keys::{SUITE, access_public_key, next_access_seed};
use super::leave;
use super::schedule::is_overdue;
use super::{Engine, OpenGroup, Task, check_usable, is_final, policy};
use crate::identity::{identity, identity_of};
use crate::message::{LastSeen, MessageId, encode_payload};
use crate::store::{
    GroupRecord, GroupStatus, Intent, IntentRecord, Invitee, OutboxRecord, Submission,
};
use crate::{Error, Misuse, StoreError};
use authentication::Violation;
use codec::{Decode, Encode, Opaque};
use crypto::Random;
use delivery_api::directory::NameRecord;
use delivery_api::key_package::{ClaimKeyPackage, ClaimedKeyPackage};
use delivery_api::log::{Append, CommitBundle, Lane, WelcomeDelivery};
use delivery_api::request::{self, Failure};
use delivery_api::{DeviceId, IdempotencyKey, Name, Position, Problem, PublicKey};
use mls::{CommitOptions, NewCommit, Propose, Suite};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use wire::{KeyPackage, KeyPackageRef, MlsMessage, MlsMessageBody};

/// Bytes of an idempotency key.
const IDEMPOTENCY_KEY_LENGTH: usize = 32;

/// An intent that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// The entry that did it; the last one read, if there was nothing to do.
    pub position: Position,
    /// The group's epoch behind it.
    pub epoch: u64,
}

/// Whose each key package is.
pub(super) type Recipients = BTreeMap<KeyPackageRef, DeviceId>;

/// What becomes of an intent in the group as it is.
enum Made {
    /// Something to send, which is in the outbox, and the candidate behind it if it is a commit.
    Submission(Option<Box<mls::PendingCommit>>),
    /// It is so already.
    Nothing,
}

impl Engine {
    /// The next step of an intent that has nothing in the outbox; `None` if it has ended.
    pub(super) fn prepare(
        &mut self,
        mut record: IntentRecord,
        now: u64,
    ) -> Result<Option<Task>, Error> {
        let group = self.store.transaction()?.group_record(&record.group)?;
        let Some(group) = group else {
            let unknown = Misuse::NoSuchGroup(record.group.to_string());
            return self.finish(&record, Err(unknown.into())).map(|()| None);
        };
        if self.seeks_way_back(&group)? {
            return self.wait_for_log(&group.id).map(|()| None);
        }
        if group.status == GroupStatus::Removed
            && let Some(outcome) = self.after_leaving(&record, &group)?
        {
            return self.finish(&record, outcome).map(|()| None);
        }
        if let Err(misuse) = check_usable(group.status) {
            return self.finish(&record, Err(misuse.into())).map(|()| None);
        }
        if let Some(task) = self.repair_task(&group)? {
            return Ok(Some(task));
        }
        let mut open = self.take_open(&record.group)?;
        if let Some(invitees) = record.intent.invitees_mut() {
            // Somebody else may have been faster.
            let present = devices_of(&open.group);
            invitees.retain(|it| it.device.is_none_or(|device| !present.contains(&device)));
            let missing = invitees.iter().find_map(|invitee| {
                let claim = || invitee.key_package.is_none().then_some(Task::Claim(record.number));
                invitee.device.is_none().then_some(Task::Lookup(record.number)).or_else(claim)
            });
            if missing.is_some() {
                self.open.insert(record.group.clone(), open);
                return Ok(missing);
            }
        }
        if let Intent::Evict(devices) = &mut record.intent {
            self.still_idle(&open, devices, now)?;
        }
        if record.intent == Intent::Leave && self.leave_quietly(&record, &group, &open)? {
            return Ok(None);
        }
        let made = self.make(&record, &group, &mut open, now);
        match made {
            Ok(Made::Submission(pending)) => {
                open.pending = pending.map(|pending| *pending);
                self.open.insert(record.group.clone(), open);
                self.before_submission(&record.group).map(Some)
            }
            Ok(Made::Nothing) => {
                let done = Done { position: group.position, epoch: open.group.epoch() };
                self.open.insert(record.group.clone(), open);
                self.finish(&record, Ok(done)).map(|()| None)
            }
            // The group in memory may be ahead of the store: it is loaded again when needed.
            Err(error) if is_about_the_intent(&error) => {
                self.finish(&record, Err(error)).map(|()| None)
            }
            Err(error) => Err(error),
        }
    }

    /// Makes what the intent demands and stores it, with the keys it used, before it is sent.
    fn make(
        &mut self,
        record: &IntentRecord,
        group: &GroupRecord,
        open: &mut OpenGroup,
        now: u64,
    ) -> Result<Made, Error> {
        let seen = LastSeen::new(group.position, group.chain_hash).to_bytes();
        let idempotency_key = idempotency_key(&mut *self.random)?;
        let proposed = open.group.pending_proposals().next().is_some();
        let is_locked = self.holds_lock(&group.id)?;
        let transaction = self.store.transaction()?;
        let schedule = transaction.schedule(&group.id)?;
        // Before anything is said: what waits is committed, and keys that are too old renewed.
        let is_doubtful = transaction.is_doubtful(&group.id)?;
        let is_due = is_doubtful || is_overdue(&open.group, schedule.as_ref(), now);
        let is_blocked = proposed || is_locked || is_due;
        let append = |(lane, bytes): (Lane, Vec<u8>), idempotency_key| {
            let append = Append { head: group.head, idempotency_key, lane, bytes: bytes.into() };
            Submission::Message(Box::new(append))
        };
        let (submission, pending) = match &record.intent {
            Intent::Send { id, content } if !is_blocked => {
                let payload = encode_payload(*id, content.clone());
                let effect = open.group.protect(payload.expose(), &seen, &mut *self.random)?;
                let (message, delta) = effect.into_parts();
                transaction.apply(&delta)?;
                (append((Lane::Application, message.to_bytes()), idempotency_key), None)
            }
            Intent::Leave if !is_doubtful => {
                let (message, delta) =
                    leave::propose(&mut open.group, &seen, now, &mut *self.random)?;
                transaction.apply(&delta)?;
                (append((Lane::Proposal, message.to_bytes()), idempotency_key), None)
            }
            intent => {
                let mut options = CommitOptions { authenticated_data: seen, ..Default::default() };
                options.welcome_per_member = true;
                options.leaf.credential = self.keys.new_credential(&open.group);
                let suite = &self.keys.suite;
                let must_go = |leaf: &wire::LeafNode| self.policy.check_member(leaf, now).is_err();
                let of = (&open.group, suite);
                let Some((options, recipients)) = contents(options, intent, of, &must_go)? else {
                    return Ok(Made::Nothing);
                };
                let effect = open.group.commit(options, now, &mut *self.random)?;
                let (made, delta) = effect.into_parts();
                let verdict = policy::judge(&open.group, made.pending.change());
                verdict.map_err(Misuse::Policy)?;
                transaction.apply(&delta)?;
                let next = next_access_seed(&made.pending, suite, group.log)?;
                let next = access_public_key(suite, &next)?;
                let bundle = bundle((group.head, next), idempotency_key, &made, &recipients);
                (Submission::Commit(Box::new(bundle)), Some(Box::new(made.pending)))
            }
        };
        transaction.put_intent(record)?;
        let (group, intent) = (record.group.clone(), record.number);
        let outbox = OutboxRecord { group, intent, submission };
        transaction.put_outbox(&outbox)?;
        transaction.commit()?;
        Ok(Made::Submission(pending))
    }

    pub(super) fn idempotency_key(&mut self) -> Result<IdempotencyKey, Error> {
        idempotency_key(&mut *self.random)
    }

    /// A new message id.
    pub(super) fn message_id(&mut self) -> Result<MessageId, Error> {
        let mut id = MessageId::default();
        self.random.fill(&mut id)?;
        Ok(id)
    }

    pub(super) fn ask_lookup(&mut self, intent: u64) -> Result<Option<Asked>, Error> {
        let Some(record) = self.intent(intent)? else { return Ok(None) };
        let name = record.intent.invitees().iter().find(|invitee| invitee.device.is_none());
        let Some(name) = name.map(|invitee| invitee.name.clone()) else { return Ok(None) };
        Ok(Some(Asked::Lookup(request::get_name(name.clone()), intent, name)))
    }

    /// Takes the directory's word for where to ask for a name.
    pub(super) fn looked_up(
        &mut self,
        answer: Result<NameRecord, Failure>,
        intent: u64,
        name: &Name,
    ) -> Result<(), Error> {
        let Some(mut record) = self.intent(intent)? else { return Ok(()) };
        let devices = match answer {
            Ok(record) => record.devices,
            Err(failure) => return self.fail_or_stop(&record, failure),
        };
        if devices.is_empty() {
            return self.finish(&record, Err(Error::Refused(Problem::UnknownName)));
        }
        // Whose devices they are, their key packages say, and whether these are all.
        if let Some(invitees) = record.intent.invitees_mut() {
            invitees.retain(|invitee| invitee.name != *name);
            invitees.extend(devices.into_iter().map(|device| invitee(name, device)));
        }
        self.put_intent(&record)
    }

    pub(super) fn ask_claim(&mut self, intent: u64, now: u64) -> Result<Option<Asked>, Error> {
        let Some(record) = self.intent(intent)? else { return Ok(None) };
        let lacks = |invitee: &&Invitee| invitee.key_package.is_none();
        let invitee = record.intent.invitees().iter().find(lacks).cloned();
        let Some(invitee) = invitee else { return Ok(None) };
        let Some(device) = invitee.device else { return Ok(None) };
        let request = request::claim_key_package(device, &ClaimKeyPackage { suite: SUITE.0 });
        Ok(Some(Asked::Claim(self.keys.sign_as_device(request, now)?, intent, invitee)))
    }

    /// Takes a key package, if it is of whom it should be. Its credential says which devices the
    /// account has: those that the service did not tell of are asked for as well, and those that
    /// are not listed are left out.
    pub(super) fn claimed(
        &mut self,
        answer: Result<ClaimedKeyPackage, Failure>,
        intent: u64,
        (asked, now): (&Invitee, u64),
    ) -> Result<(), Error> {
        let Some(mut record) = self.intent(intent)? else { return Ok(()) };
        let bytes = match answer {
            Ok(claimed) => claimed.key_package,
            Err(Failure::Problem(problem)) if is_final(&problem) => {
                return self.leave_out(record, asked, Error::Refused(problem));
            }
            Err(failure) => return Err(failure.into()),
        };
        let refused = |violation: Violation| Error::Untrusted(violation.to_string());
        let verified = read_key_package(&bytes)
            .and_then(|it| self.policy.verify(&it.leaf_node).map_err(refused));
        let vouched = match verified {
            Ok(vouched) => vouched,
            Err(error) => return self.finish(&record, Err(error)),
        };
        let identity = identity(vouched.credential());
        if (&identity.name, Some(identity.device)) != (&asked.name, asked.device) {
            let name = &asked.name;
            let text = format!("the service gave a key package of somebody else for {name}");
            return self.finish(&record, Err(Error::Untrusted(text)));
        }
        if let Err(violation) = self.policy.check_standing(&vouched, now) {
            return self.leave_out(record, asked, refused(violation));
        }
        let known = self.policy.known().learned(&vouched);
        let known = known.or_else(|| self.policy.known().get(&asked.name));
        let listed = known.map_or_else(Vec::new, |known| known.devices().to_vec());
        if let Some(invitees) = record.intent.invitees_mut() {
            let is_listed = |it: &Invitee| it.device.is_some_and(|it| listed.contains(&it));
            invitees.retain(|other| other.name != asked.name || is_listed(other));
            for device in &listed {
                match invitees.iter_mut().find(|other| other.device == Some(*device)) {
                    Some(found) if found.device == asked.device => {
                        found.key_package = Some(bytes.clone());
                    }
                    Some(_) => {}
                    None => invitees.push(invitee(&asked.name, *device)),
                }
            }
        }
        self.put_intent(&record)
    }

    /// Goes on without a device that cannot be added. If no other of its account can be, an
    /// invitation is over; its account's other devices add it once it can be.
    fn leave_out(
        &mut self,
        mut record: IntentRecord,
        asked: &Invitee,
        error: Error,
    ) -> Result<(), Error> {
        let is_it = |other: &Invitee| other.device == asked.device;
        if let Intent::Add(invitees) = &record.intent {
            let mut others = invitees.iter().filter(|other| !is_it(other));
            if !others.any(|other| other.name == asked.name) {
                return self.finish(&record, Err(error));
            }
        }
        if let Some(invitees) = record.intent.invitees_mut() {
            invitees.retain(|other| !is_it(other));
        }
        self.put_intent(&record)
    }

    /// A refusal ends the intent; a service that cannot answer now ends the round.
    fn fail_or_stop(&mut self, record: &IntentRecord, failure: Failure) -> Result<(), Error> {
        match failure {
            Failure::Problem(problem) if is_final(&problem) => {
                self.finish(record, Err(Error::Refused(problem)))
            }
            other => Err(other.into()),
        }
    }

    fn put_intent(&mut self, record: &IntentRecord) -> Result<(), Error> {
        let transaction = self.store.transaction()?;
        transaction.put_intent(record)?;
        Ok(transaction.commit()?)
    }
}

/// A device to be added.
fn invitee(name: &Name, device: DeviceId) -> Invitee {
    Invitee { name: name.clone(), device: Some(device), key_package: None }
}

/// A new idempotency key.
pub(super) fn idempotency_key(random: &mut dyn Random) -> Result<IdempotencyKey, Error> {
    let mut bytes = [0; IDEMPOTENCY_KEY_LENGTH];
    random.fill(&mut bytes)?;
    // The length is within the type's bounds.
    IdempotencyKey::new(&bytes).ok_or(crypto::CryptoError::InvalidLength.into())
}

/// What the commit of an intent contains, and whose each key package is; `None` if there is nothing
/// to do. `must_go` says of a leaf whether it has lost its standing.
fn contents(
    mut options: CommitOptions,
    intent: &Intent,
    (group, suite): (&mls::Group, &Suite),
    must_go: &dyn Fn(&wire::LeafNode) -> bool,
) -> Result<Option<(CommitOptions, Recipients)>, Error> {
    let own_leaf = group.own_leaf();
    let leaves = match intent {
        // A message waits for the proposals before it; a commit of these alone is an update.
        // So does a wish to leave, if the keys are to be changed first.
        Intent::Leave | Intent::Send { .. } | Intent::Update => {
            return Ok(Some((options, Recipients::new())));
        }
        Intent::Evict(devices) => {
            let of = |leaf: &wire::LeafNode| identity_of(leaf).map(|identity| identity.device);
            let is_idle =
                |leaf: &wire::LeafNode| of(leaf).is_some_and(|device| devices.contains(&device));
            let members = group.members().filter(|member| is_idle(&member.leaf));
            members.map(|member| member.index).collect()
        }
        Intent::SetPolicy(_) | Intent::Rename(_) => {
            let extensions = policy::with_change(group, intent)?;
            let propose = |extensions| options.propose(Propose::GroupContextExtensions(extensions));
            return Ok(extensions.map(|extensions| (propose(extensions), Recipients::new())));
        }
        Intent::Add(_) => Vec::new(),
        Intent::Reconcile { name, .. } => {
            let leaves = leaves_of(group, name);
            if leaves.is_empty() {
                // Who is out of the group stays out.
                return Ok(None);
            }
            let leaving = leaves.into_iter().filter(|(_, leaf)| must_go(leaf));
            leaving.map(|(index, _)| index).filter(|index| *index != own_leaf).collect()
        }
        Intent::Remove(names) => {
            let leaves = names.iter().flat_map(|name| leaves_of(group, name));
            leaves.map(|(index, _)| index).collect::<Vec<_>>()
        }
    };
    if leaves.is_empty() && intent.invitees().is_empty() {
        return Ok(None);
    }
    options = leaves.into_iter().fold(options, CommitOptions::remove_member);
    let mut recipients = Recipients::new();
    for Invitee { device, key_package, .. } in intent.invitees() {
        let (Some(device), Some(bytes)) = (device, key_package) else {
            return Err(StoreError::Corrupt("intent").into());
        };
        let key_package = read_key_package(bytes)?;
        recipients.insert(key_package.reference(suite)?, *device);
        options = options.add_member(key_package);
    }
    Ok(Some((options, recipients)))
}

/// A commit and everything that exists exactly if it wins.
pub(super) fn bundle(
    (expected_head, next_access_key): (Position, PublicKey),
    idempotency_key: IdempotencyKey,
    made: &NewCommit,
    recipients: &Recipients,
) -> CommitBundle {
    let mut welcomes = Vec::new();
    for (message, references) in &made.welcomes {
        let welcome = Opaque::from(message.to_bytes());
        for recipient in references.iter().filter_map(|reference| recipients.get(reference)) {
            welcomes.push(WelcomeDelivery { recipient: *recipient, welcome: welcome.clone() });
        }
    }
    CommitBundle {
        expected_head,
        idempotency_key,
        commit: made.commit.to_bytes().into(),
        next_access_key,
        // Joining from outside is to come.
        join_key: None,
        removes: !made.pending.change().removed.is_empty(),
        welcomes,
        group_info: Opaque::default(),
        tree: None,
    }
}

/// The leaves of an account: one for each of its devices.
pub(super) fn leaves_of(
    group: &mls::Group,
    name: &Name,
) -> Vec<(tree::LeafIndex, Arc<wire::LeafNode>)> {
    let is_it =
        |leaf: &wire::LeafNode| identity_of(leaf).is_some_and(|identity| identity.name == *name);
    let members = group.members().filter(|member| is_it(&member.leaf));
    members.map(|member| (member.index, member.leaf)).collect()
}

/// The devices in a group.
fn devices_of(group: &mls::Group) -> BTreeSet<DeviceId> {
    let identities = group.members().filter_map(|member| identity_of(&member.leaf));
    identities.map(|identity| identity.device).collect()
}

fn read_key_package(bytes: &[u8]) -> Result<KeyPackage, Error> {
    match MlsMessage::from_bytes(bytes) {
        Ok(MlsMessage(MlsMessageBody::KeyPackage(key_package))) => Ok(*key_package),
        Ok(_) => Err(mls::Error::Misuse(mls::Misuse::WrongMessageKind).into()),
        Err(error) => Err(mls::Error::Malformed(error).into()),
    }
}

/// Whether an error says something about what was wanted, rather than about this machine.
fn is_about_the_intent(error: &Error) -> bool {
    match error {
        Error::Mls(error) => !matches!(error, mls::Error::Storage(_) | mls::Error::Crypto(_)),
        Error::Misuse(_) | Error::Untrusted(_) => true,
        _ => false,
    }
}
