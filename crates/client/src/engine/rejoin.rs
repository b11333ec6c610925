//! The way back into a group that this client has lost.
//!
//! It asks another member through its inbox, one at a time, each after a longer delay, and gives up
//! after [`ATTEMPTS_MAX`]. The member answers that both are in the same epoch, and what was
//! suspected is forgotten; or it shows the way into its epoch (`guide`), and this client comes back
//! by an external commit that removes its former self (RFC 9420, section 12.4.3.2). That commit is
//! stored before it is sent, like any other. Nothing that was wanted of the group is given up.

use super::accepted::Accepted;
use super::asked::Asked;
use super::keys::{access_public_key, access_seed};
use super::repair::note_segment;
use super::{Engine, OpenGroup, Task};
use crate::direct::{Carried, Direct, RejoinAnswer, RejoinRequest};
use crate::id::LogExtension;
use crate::identity::{Identity, identity_of};
use crate::message::LastSeen;
use crate::rescue::RescueExtension;
use crate::store::{
    GroupRecord, GroupStatus, MeansRecord, NewEvent, RejoinRecord, StoreTransaction, Submission,
};
use crate::{Error, EventKind, GroupId, Misuse, StoreError};
use codec::{Decode, Encode, Opaque};
use crypto::{Secret, Signer, Suite};
use delivery_api::inbox::PutItem;
use delivery_api::log::{CommitBundle, Receipt};
use delivery_api::request::{self, Failure};
use delivery_api::{DeviceId, Problem};
use mls::{CommitId, ExternalJoinOptions, PendingJoin};
use std::collections::BTreeSet;
use wire::MlsMessage;

/// How often others are asked before the group is given up: for some ten hours, if nobody answers.
const ATTEMPTS_MAX: u32 = 12;

/// How long the first answer is waited for; each time twice as long.
const ANSWER_SECONDS: u64 = 20;

/// Length of the secret behind an HPKE key.
const KEY_SECRET_LENGTH: usize = 32;

impl Engine {
    /// Whether a group was lost and may be found again; until then nothing is done for it. A group
    /// whose rows are not those of its place in the log is found to be lost here.
    pub(super) fn seeks_way_back(&mut self, record: &GroupRecord) -> Result<bool, Error> {
        match record.status {
            GroupStatus::Active => Ok(!self.is_whole(record)?),
            GroupStatus::Halted => Ok(self.store.transaction()?.rejoin(&record.id)?.is_some()),
            _ => Ok(false),
        }
    }

    /// Whether the rows of a group are those of its place in the log: they derive the access key
    /// that is stored with it. If not, following ends before anything is sent with them.
    pub(super) fn is_whole(&mut self, record: &GroupRecord) -> Result<bool, Error> {
        if self.open.contains_key(&record.id) {
            return Ok(true);
        }
        match self.take_open(&record.id) {
            Ok(open) if access_seed(&open.group, record.log)? == record.access_key => {
                self.open.insert(record.id.clone(), open);
                return Ok(true);
            }
            Ok(_)
            | Err(Error::Misuse(Misuse::NoSuchGroup(_)))
            | Err(Error::Store(StoreError::Corrupt("pending commit"))) => {}
            Err(error) => return Err(error),
        }
        self.halt(&record.id, "what is stored of it is not of its place in the log")?;
        Ok(false)
    }

    /// The next step on the way back into some group, if it is time for one.
    pub(super) fn rejoin_task(&mut self, now: u64) -> Result<Option<Task>, Error> {
        let transaction = self.store.transaction()?;
        let Some(group) = transaction.due_rejoin(now)? else { return Ok(None) };
        let has_way = transaction.rejoin(&group)?.is_some_and(|it| it.submission.is_some());
        Ok(Some(if has_way { Task::Rejoin(group) } else { Task::AskMember(group) }))
    }

    /// Asks the next member, or gives up.
    pub(super) fn ask_member(&mut self, id: &GroupId, now: u64) -> Result<Option<Asked>, Error> {
        let Some((record, mut rejoin)) = self.lost_group(id)? else { return Ok(None) };
        let transaction = self.store.transaction()?;
        let devices = transaction.means(id)?.map_or_else(Vec::new, |means| means.devices);
        let turn = usize::try_from(rejoin.attempts).unwrap_or_default();
        let device = (rejoin.attempts < ATTEMPTS_MAX).then(|| devices.iter().cycle().nth(turn));
        let Some(&device) = device.flatten() else {
            transaction.delete_rejoin(id)?;
            if record.status == GroupStatus::Halted {
                transaction.add_event(&event(&record, EventKind::RejoinFailed {}))?;
            }
            transaction.commit()?;
            return Ok(None);
        };
        drop(transaction);
        let key = match rejoin.key.take() {
            Some(key) => key,
            None => Secret::random(KEY_SECRET_LENGTH, &mut *self.random)?,
        };
        let item = self.request(&record, device, &key)?;
        let delay = ANSWER_SECONDS << rejoin.attempts;
        rejoin.attempts += 1;
        (rejoin.key, rejoin.not_before) = (Some(key), now.saturating_add(delay));
        let transaction = self.store.transaction()?;
        transaction.put_rejoin(&rejoin)?;
        transaction.commit()?;
        let idempotency_key = self.idempotency_key()?;
        let item = PutItem { idempotency_key, bytes: item.to_bytes().into() };
        let put = self.keys.sign_as_device(request::put_item(device, &item), now)?;
        Ok(Some(Asked::PutItem(put)))
    }

    /// The request to a member.
    fn request(
        &mut self,
        record: &GroupRecord,
        to: DeviceId,
        key: &Secret,
    ) -> Result<Direct, Error> {
        let id = &record.id;
        let mut nonce = [0; 16];
        self.random.fill(&mut nonce)?;
        let suite = &self.keys.suite;
        let transaction = self.store.transaction()?;
        let means = transaction.means(id)?.ok_or(StoreError::Corrupt("means"))?;
        let group = self.client.load_group(&transaction.mls(), id.as_slice());
        let request = RejoinRequest {
            group: id.as_slice().into(),
            from: self.keys.device_id(),
            to,
            // Rows that cannot be read are as good as none.
            place: group.ok().flatten().map_or_else(Vec::new, |group| place(&group)).into(),
            position: record.position,
            chain_hash: record.chain_hash,
            public_key: suite.derive_key_pair(key)?.public_key.as_slice().into(),
            signature: Opaque::default(),
        };
        let signer: &dyn Signer = &*self.keys.signature;
        request.sign(suite, signer)?.seal(suite, &means.secret, nonce)
    }

    /// A group that was lost or may be, unless a way back was found already.
    pub(super) fn lost_group(
        &mut self,
        id: &GroupId,
    ) -> Result<Option<(GroupRecord, RejoinRecord)>, Error> {
        let transaction = self.store.transaction()?;
        let (Some(record), Some(rejoin)) = (transaction.group_record(id)?, transaction.rejoin(id)?)
        else {
            return Ok(None);
        };
        if !matches!(record.status, GroupStatus::Active | GroupStatus::Halted) {
            transaction.delete_rejoin(id)?;
            transaction.commit()?;
            return Ok(None);
        }
        Ok(rejoin.submission.is_none().then_some((record, rejoin)))
    }

    /// Takes the answer of a member.
    pub(super) fn take_answer(
        &mut self,
        sealed: (&Opaque, &Opaque),
        now: u64,
    ) -> Result<(), Error> {
        let groups = self.store.transaction()?.group_records()?;
        for GroupRecord { id, .. } in groups {
            let Some((record, rejoin)) = self.lost_group(&id)? else { continue };
            let Some(key) = &rejoin.key else { continue };
            let key_pair = self.keys.suite.derive_key_pair(key)?;
            let answer = RejoinAnswer::open(&self.keys.suite, &key_pair, sealed);
            let Some(answer) = answer.filter(|it| *it.group == *id.as_slice()) else { continue };
            if !self.is_by_member(&answer, &id, key_pair.public_key.as_slice())? {
                return Ok(());
            }
            let carried = answer.way.as_ref().map(|way| way.group_info.clone());
            return match carried {
                Some(Carried::InBlobs(file)) => {
                    self.fetch_way(id, answer, file);
                    Ok(())
                }
                Some(Carried::Here(_)) => self.find_way((record, rejoin), &answer, now),
                None => self.find_followed(record, &answer),
            };
        }
        Ok(())
    }

    /// Whether an answer is of a member of the group, as far as this client knows. Without any rows
    /// left it must be of somebody whom it could ask; that it is a member, the GroupInfo shows.
    fn is_by_member(
        &mut self,
        answer: &RejoinAnswer,
        id: &GroupId,
        public_key: &[u8],
    ) -> Result<bool, Error> {
        let transaction = self.store.transaction()?;
        let Ok(Some(group)) = self.client.load_group(&transaction.mls(), id.as_slice()) else {
            let means = transaction.means(id)?;
            let was_known = means.is_some_and(|means| means.devices.contains(&answer.from));
            return Ok(was_known && answer.way.is_some());
        };
        let mut members = group.members();
        Ok(members.any(|member| {
            identity_of(&member.leaf).is_some_and(|it| it.device == answer.from)
                && answer.is_by(&self.keys.suite, &member.leaf, public_key)
        }))
    }

    /// A member is in the same epoch: if it has read the same log, nothing was lost.
    fn find_followed(
        &mut self,
        mut record: GroupRecord,
        answer: &RejoinAnswer,
    ) -> Result<(), Error> {
        let transaction = self.store.transaction()?;
        let ours = transaction.chain_hash(&record.id, answer.position)?;
        if ours.is_some_and(|ours| ours != answer.chain_hash) {
            // One epoch and two logs: the service lies to one of us. Others are asked.
            return Ok(());
        }
        if record.status == GroupStatus::Halted {
            // What was asked so far still counts: if the service does not go on from here, the next
            // member is asked, and not this one for ever. The next entry that is followed ends it.
            record.status = GroupStatus::Active;
            transaction.put_group(&record)?;
            transaction.add_event(&event(&record, EventKind::Resumed {}))?;
            self.plan.push_back(Task::ReadLog(record.id.clone()));
        } else {
            transaction.delete_rejoin(&record.id)?;
        }
        Ok(transaction.commit()?)
    }

    /// A member is in another epoch: makes the external commit that leads there.
    pub(super) fn find_way(
        &mut self,
        (record, mut rejoin): (GroupRecord, RejoinRecord),
        answer: &RejoinAnswer,
        now: u64,
    ) -> Result<(), Error> {
        let Some(way) = &answer.way else { return Ok(()) };
        if answer.position < record.head {
            // It leads behind a commit that this client has read, which may have removed somebody.
            return Ok(());
        }
        let Carried::Here(group_info) = &way.group_info else { return Ok(()) };
        let Ok(group_info) = MlsMessage::from_bytes(group_info) else { return Ok(()) };
        let seen = LastSeen::new(answer.position, answer.chain_hash);
        let options = ExternalJoinOptions {
            resync: true,
            authenticated_data: seen.to_bytes(),
            ..ExternalJoinOptions::default()
        };
        let idempotency_key = self.idempotency_key()?;
        let transaction = self.store.transaction()?;
        let (client, random) = (&self.client, &mut *self.random);
        let made = client.join_external(&transaction.mls(), &group_info, options, now, random);
        let (made, delta) = match made {
            Ok(made) => made.into_parts(),
            Err(error @ mls::Error::Storage(_)) => return Err(error.into()),
            // Of no use, or with members whom this client does not accept. Others are asked.
            Err(_) => return Ok(()),
        };
        if made.pending.group_id != record.id.as_slice() {
            return Ok(());
        }
        transaction.apply(&delta)?;
        let group = client.complete_join(&transaction.mls(), &made.pending)?.into_parts().0;
        if LogExtension::read(group.extensions()).is_none_or(|(log, _)| log != record.log) {
            return Ok(());
        }
        let next = access_seed(&group, record.log)?;
        let bundle = CommitBundle {
            expected_head: way.head,
            idempotency_key,
            commit: made.commit.to_bytes().into(),
            next_access_key: access_public_key(&self.keys.suite, &next)?,
            join_key: None,
            // The former self: whoever has its keys reads no further.
            removes: true,
            welcomes: Vec::new(),
            group_info: Opaque::default(),
            tree: None,
        };
        rejoin.submission = Some((bundle, Secret::from_slice(&way.access_key)));
        transaction.put_rejoin(&rejoin)?;
        if record.status == GroupStatus::Active {
            // What was suspected is proven: the answer is signed by a member.
            let mut record = record;
            super::desync::halt(
                &transaction,
                &mut record,
                "the group went on without this client",
            )?;
            transaction.put_group(&record)?;
            self.open.remove(&record.id);
        }
        Ok(transaction.commit()?)
    }

    pub(super) fn ask_rejoin(&mut self, id: GroupId, now: u64) -> Result<Option<Asked>, Error> {
        let transaction = self.store.transaction()?;
        let (record, rejoin) = (transaction.group_record(&id)?, transaction.rejoin(&id)?);
        let submission = rejoin.and_then(|rejoin| rejoin.submission);
        let (Some(record), Some((bundle, key))) = (record, submission) else { return Ok(None) };
        let request = request::commit(record.log, &bundle, None);
        let request = self.keys.sign_as_member(request, &key, now)?;
        Ok(Some(Asked::Rejoin(request, id)))
    }

    /// The service took the external commit, or did not.
    pub(super) fn rejoined(
        &mut self,
        answer: Result<Receipt, Failure>,
        id: &GroupId,
        now: u64,
    ) -> Result<(), Error> {
        let receipt = match answer {
            Ok(receipt) => receipt,
            Err(Failure::Problem(problem)) if !is_unknown(&problem) => {
                return self.way_is_closed(id, now);
            }
            Err(failure) => return Err(failure.into()),
        };
        let transaction = self.store.transaction()?;
        let (record, rejoin) = (transaction.group_record(id)?, transaction.rejoin(id)?);
        let submission = rejoin.and_then(|rejoin| rejoin.submission);
        let (Some(mut record), Some((bundle, _))) = (record, submission) else { return Ok(()) };
        let pending = pending_join(&self.keys.suite, id, &bundle)?;
        let submission = Submission::Commit(Box::new(bundle));
        let accepted = Accepted::by_receipt(&self.keys, &record, &submission, &receipt)?;
        // Rows that cannot be read tell nothing of who was there.
        let before = self.client.load_group(&transaction.mls(), id.as_slice()).ok().flatten();
        let joined = self.client.complete_join(&transaction.mls(), &pending)?;
        let (mut group, delta) = joined.into_parts();
        super::policy::apply(&mut group, self.client.settings());
        let missed = EventKind::Rejoined { after: record.position.0, at: accepted.position().0 };
        transaction.forget_followed(id)?;
        transaction.apply(&delta)?;
        record.status = GroupStatus::Active;
        (record.position, record.head) = (accepted.position(), accepted.position());
        record.chain_hash = accepted.chain_hash();
        record.access_key = access_seed(&group, record.log)?;
        if let Some((_, name)) = LogExtension::read(group.extensions()) {
            record.name = name;
        }
        transaction.put_group(&record)?;
        note_segment(&transaction, &self.keys.suite, &record, (record.position, true))?;
        note_means(&transaction, &group)?;
        super::anchors::note_absent(&transaction, &group)?;
        super::schedule::begin_again(&transaction, id, now)?;
        let leaves = group.members().map(|member| member.leaf);
        let revoked =
            super::standing::learn((&self.policy, &self.keys.identity), &transaction, leaves)?;
        let rejoined = NewEvent { epoch: group.epoch(), ..event(&record, missed) };
        transaction.add_event(&rejoined)?;
        for kind in before.map_or_else(Vec::new, |before| missed_changes(&before, &group)) {
            transaction.add_event(&NewEvent { epoch: group.epoch(), ..event(&record, kind) })?;
        }
        transaction.commit()?;
        if revoked {
            self.tend_soon();
        }
        self.open.insert(id.clone(), OpenGroup { group, pending: None, receipt: None });
        self.waiting.remove(id);
        self.plan.push_back(Task::ReadLog(id.clone()));
        Ok(())
    }

    /// The external commit was not taken: others were faster, or the way led nowhere.
    fn way_is_closed(&mut self, id: &GroupId, now: u64) -> Result<(), Error> {
        let transaction = self.store.transaction()?;
        let Some(mut rejoin) = transaction.rejoin(id)? else { return Ok(()) };
        if let Some((bundle, _)) = rejoin.submission.take() {
            let pending = pending_join(&self.keys.suite, id, &bundle)?;
            let ((), delta) = self.client.discard_join(&pending).into_parts();
            transaction.apply(&delta)?;
        }
        rejoin.not_before = now.saturating_add(1);
        transaction.put_rejoin(&rejoin)?;
        Ok(transaction.commit()?)
    }
}

/// Who came and went while the group was lost.
fn missed_changes(before: &mls::Group, after: &mls::Group) -> Vec<EventKind> {
    let members = |group: &mls::Group| -> BTreeSet<Identity> {
        group.members().filter_map(|member| identity_of(&member.leaf)).collect()
    };
    let (before, after) = (members(before), members(after));
    let parts = |identity: &Identity| (identity.name.to_string(), identity.device.to_string());
    let gone = before.difference(&after).map(parts);
    let gone = gone.map(|(name, device)| EventKind::MemberDisappeared { name, device });
    let new = after.difference(&before).map(parts);
    gone.chain(new.map(|(name, device)| EventKind::MemberAppeared { name, device })).collect()
}

fn pending_join(suite: &Suite, id: &GroupId, bundle: &CommitBundle) -> Result<PendingJoin, Error> {
    let commit = CommitId(suite.hash(&bundle.commit)?);
    Ok(PendingJoin { group_id: id.as_slice().to_vec(), id: commit })
}

/// Whether a refusal leaves open what becomes of the same request.
fn is_unknown(problem: &Problem) -> bool {
    matches!(problem, Problem::Unavailable | Problem::TooManyRequests { .. })
}

fn event(record: &GroupRecord, kind: EventKind) -> NewEvent {
    NewEvent {
        group: Some(record.id.clone()),
        position: record.position,
        epoch: 0,
        kind,
        message_id: None,
        unread: true,
    }
}

/// The epoch of a group and how it came about: equal for two members exactly if they are in the
/// same one.
pub(super) fn place(group: &mls::Group) -> Vec<u8> {
    let context = group.context();
    [&context.epoch.to_be_bytes(), context.confirmed_transcript_hash.as_slice()].concat()
}

/// How many other members' devices are remembered.
const DEVICES_KEPT: usize = 16;

/// Remembers whom to ask, should this client lose the group: the members in the leaves behind its
/// own, so that each member is asked by about as many.
pub(super) fn note_means(
    transaction: &StoreTransaction<'_>,
    group: &mls::Group,
) -> Result<(), Error> {
    let Some(rescue) = RescueExtension::read(group.extensions()) else { return Ok(()) };
    // One at a time: a group is large, and a few are enough.
    let own = group.own_leaf().as_u32();
    let others = (own.saturating_add(1)..group.leaf_count()).chain(0..own);
    let others = others.filter_map(|index| group.member(index));
    let devices = others.filter_map(|member| identity_of(&member.leaf)).map(|it| it.device);
    let devices = devices.take(DEVICES_KEPT).collect();
    let secret = Secret::from_slice(&rescue.secret);
    let id = GroupId::new(group.group_id());
    Ok(transaction.put_means(&id, &MeansRecord { secret, devices })?)
}
