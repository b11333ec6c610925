//! Showing another member the way back into a group: who asks is a member by the own tree, and
//! proves it by its leaf's signature key. It gets what every member has, sealed to it.

use super::asked::Asked;
use super::rejoin::place;
use super::{Engine, Task};
use crate::direct::{Carried, Direct, RejoinAnswer, RejoinRequest, Way};
use crate::identity::identity_of;
use crate::store::{GroupRecord, GroupStatus};
use crate::{Error, GroupId};
use codec::Encode;
use crypto::Signer;
use delivery_api::inbox::PutItem;
use delivery_api::request::Failure;
use delivery_api::service::Done;
use mls::GroupInfoOptions;
use wire::LeafNode;

/// How often the same member is answered about the same group.
const ANSWER_SECONDS: u64 = 20;

/// How many answers are remembered.
const ANSWERS_KEPT: usize = 1000;

impl Engine {
    /// Plans to answer a request, if it is of a group that this client follows.
    pub(super) fn take_request(
        &mut self,
        (nonce, sealed): (&[u8; 16], &[u8]),
        now: u64,
    ) -> Result<(), Error> {
        let transaction = self.store.transaction()?;
        for record in transaction.group_records()? {
            let Some(means) = transaction.means(&record.id)? else { continue };
            let opened = RejoinRequest::open(&self.keys.suite, &means.secret, nonce, sealed)?;
            let Some(request) = opened.filter(|it| *it.group == *record.id.as_slice()) else {
                continue;
            };
            drop(transaction);
            if request.to == self.keys.device_id() && self.may_answer(&record.id, &request, now) {
                // An answer from behind the group would be of no use.
                self.plan.push_back(Task::ReadLog(record.id));
                self.plan.push_back(Task::Answer(Box::new(request)));
            }
            return Ok(());
        }
        Ok(())
    }

    /// Whoever asks again and again is answered now and then.
    fn may_answer(&mut self, group: &GroupId, request: &RejoinRequest, now: u64) -> bool {
        let key = (group.clone(), request.from);
        let last = self.answered.get(&key).copied();
        if last.is_some_and(|last| now.saturating_sub(last) < ANSWER_SECONDS) {
            return false;
        }
        if self.answered.len() >= ANSWERS_KEPT {
            self.answered.clear();
        }
        self.answered.insert(key, now);
        true
    }

    pub(super) fn ask_answer(
        &mut self,
        request: &RejoinRequest,
        now: u64,
    ) -> Result<Option<Asked>, Error> {
        let id = GroupId::new(request.group.to_vec());
        let Some(record) = self.store.transaction()?.group_record(&id)? else { return Ok(None) };
        if !matches!(record.status, GroupStatus::Active | GroupStatus::Halted) {
            return Ok(None);
        }
        let Ok(open) = self.take_open(&id) else { return Ok(None) };
        let answer = self.answer_to(request, &record, &open.group);
        self.open.insert(id, open);
        let Some(mut answer) = answer? else { return Ok(None) };
        let before = self.take_out(&mut answer)?;
        let signer: &dyn Signer = &*self.keys.signature;
        let item = answer.seal(&self.keys.suite, signer, &request.public_key, &mut *self.random)?;
        let idempotency_key = self.idempotency_key()?;
        let item = PutItem { idempotency_key, bytes: item.to_bytes().into() };
        if before.is_empty() {
            return self.ask_put_item(request.from, &item, now).map(Some);
        }
        self.plan.push_front(Task::PutItem(request.from, item));
        before.into_iter().rev().for_each(|step| self.plan.push_front(step));
        Ok(None)
    }

    /// The answer to a member, if there is one.
    fn answer_to(
        &mut self,
        request: &RejoinRequest,
        record: &GroupRecord,
        group: &mls::Group,
    ) -> Result<Option<RejoinAnswer>, Error> {
        let is_of = |leaf: &LeafNode| identity_of(leaf).is_some_and(|it| it.device == request.from);
        let mut members = group.members().filter(|member| is_of(&member.leaf));
        let is_member = members.any(|member| request.is_by(&self.keys.suite, &member.leaf));
        let ours = self.store.transaction()?.chain_hash(&record.id, request.position)?;
        let is_same_log = ours.is_none_or(|ours| ours == request.chain_hash);
        let is_same = is_same_log && *request.place == *place(group);
        // Whoever has lost the group itself leads nobody anywhere.
        if !is_member || (!is_same && record.status == GroupStatus::Halted) {
            return Ok(None);
        }
        let way = match is_same {
            true => None,
            false => {
                let options = GroupInfoOptions { ratchet_tree: true, external_pub: true };
                let group_info = group.group_info(options, &mut *self.random)?;
                Some(Way {
                    head: record.head,
                    access_key: record.access_key.expose().into(),
                    group_info: Carried::Here(group_info.to_bytes().into()),
                })
            }
        };
        Ok(Some(RejoinAnswer {
            group: request.group.clone(),
            from: self.keys.device_id(),
            position: record.position,
            chain_hash: record.chain_hash,
            way,
            signature: codec::Opaque::default(),
        }))
    }

    /// What became of an item that was put into somebody's inbox: whoever asked asks again if it
    /// did not arrive.
    pub(super) fn item_put(answer: Result<Done, Failure>) -> Result<(), Error> {
        match answer {
            Ok(_) | Err(Failure::Problem(_)) => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Takes what another device has put into the inbox; what a later version sends is not for this
    /// one.
    pub(super) fn take_direct(&mut self, bytes: &[u8], now: u64) -> Result<(), Error> {
        match codec::Decode::from_bytes(bytes) {
            Ok(Direct::RejoinRequest { nonce, sealed }) => {
                self.take_request((&nonce, &sealed), now)
            }
            Ok(Direct::RejoinAnswer { kem_output, sealed }) => {
                self.take_answer((&kem_output, &sealed), now)
            }
            Err(_) => Ok(()),
        }
    }
}
