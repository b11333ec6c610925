//! Who may repair a group's log, and who does when that one is gone.
//!
//! A log has two anchor keys. The creator's client makes both, keeps one, and gives the other to a
//! *successor*: an item in that member's inbox, sealed and signed. So whoever of the two is there
//! repairs. When one of them is no member any more, the other replaces both keys, keeps one and
//! gives the other to a successor of its own: before its own commit if that removes the other, else
//! behind the commit that did. The service takes new keys from nobody who has missed a commit, and
//! locks nothing for them: who is removed, and does not know yet, is in nobody's way.
//!
//! The successor is the first member, in the order of the tree, of another account that may change
//! the group; if there is none, another device of the own account; if there is none, anybody.
//!
//! A member can give a key that is none. It is found out when it is to be used, and the next one is
//! taken, so nobody displaces the true one.

use super::asked::Asked;
use super::keys::{SEED_LENGTH, access_public_key};
use super::notice::{Contact, Notice, Purpose, send};
use super::policy::policy_of;
use super::{Engine, Task};
use crate::identity::{Identity, identity, identity_of};
use crate::rescue::{AnchorOffer, RESCUE_SECRET_LENGTH, RescueExtension};
use crate::store::{
    AnchorRecord, AnchorRole, GroupStatus, NextKeys, Reserve, StoreTransaction, Stored,
};
use crate::{Error, GroupId, Misuse};
use authentication::DeviceCredential;
use codec::Opaque;
use crypto::{Secret, Signer, Suite};
use delivery_api::repair::{Repair, Repaired};
use delivery_api::request::{self, Failure};
use delivery_api::{DeviceId, Position, Problem, PublicKey, limits};
use mls::{EpochChange, Group};
use std::collections::BTreeSet;

/// How many keys that others give are kept beside the one that is believed.
const OFFERS_MAX: usize = 16;

impl Engine {
    /// What a new group agrees on for bad days, and the seed of its first anchor key.
    pub(super) fn first_anchor(&mut self) -> Result<(RescueExtension, Secret, AnchorRole), Error> {
        let mut secret = [0; RESCUE_SECRET_LENGTH];
        self.random.fill(&mut secret)?;
        let own = Secret::random(SEED_LENGTH, &mut *self.random)?;
        let reserve = Secret::random(SEED_LENGTH, &mut *self.random)?;
        let keys = public_keys(&self.keys.suite, &own, &reserve)?;
        Ok((RescueExtension::new(secret), own, AnchorRole::with(keys, reserve)))
    }

    /// Gives the second key of each group that lacks a successor to one.
    pub(super) fn offer_anchors(&mut self) -> Result<(), Error> {
        let groups = self.store.transaction()?.spare_anchors()?;
        groups.iter().try_for_each(|group| self.offer_anchor(group))
    }

    fn offer_anchor(&mut self, group: &GroupId) -> Result<(), Error> {
        let open = match self.take_open(group) {
            // Its rows are lost, and the way back is sought.
            Err(Error::Misuse(Misuse::NoSuchGroup(_))) => return Ok(()),
            other => other?,
        };
        let successor = successor(&open.group, &self.keys.identity);
        self.open.insert(group.clone(), open);
        let transaction = self.store.transaction()?;
        let (Some(successor), Some(mut record)) = (successor, transaction.anchor(group)?) else {
            return Ok(());
        };
        let Some(reserve) = &mut record.role.reserve else { return Ok(()) };
        let to = Contact::of(&successor);
        reserve.holder = Some(to.device);
        let offer = AnchorOffer {
            group: group.as_slice().into(),
            giver: self.keys.device_id(),
            number: record.number,
            keys: record.role.keys.clone(),
            seed: reserve.seed.expose().into(),
            signature: Opaque::default(),
        };
        let signer: &dyn Signer = &*self.keys.signature;
        let offer = Box::new(offer.sign(&self.keys.suite, signer)?);
        let by = (&self.keys.suite, &mut *self.random as &mut dyn crypto::Random);
        send(&transaction, by, (&to, Purpose::Notice), &Notice::Anchor { offer })?;
        transaction.put_anchor(&record)?;
        Ok(transaction.commit()?)
    }

    /// Takes the key that a member gives.
    pub(super) fn take_offer(&mut self, offer: AnchorOffer) -> Result<(), Error> {
        let id = GroupId::new(offer.group.to_vec());
        let record = self.store.transaction()?.group_record(&id)?;
        if record.is_none_or(|record| record.status == GroupStatus::Removed) {
            return Ok(());
        }
        let open = match self.take_open(&id) {
            Err(Error::Misuse(Misuse::NoSuchGroup(_))) => return Ok(()),
            other => other?,
        };
        let suite = &self.keys.suite;
        let is_giver = |member: &mls::Member| {
            identity_of(&member.leaf).is_some_and(|it| it.device == offer.giver)
        };
        let is_by_member =
            open.group.members().find(is_giver).is_some_and(|it| offer.is_by(suite, &it.leaf));
        self.open.insert(id.clone(), open);
        let seed = Secret::from_slice(&offer.seed);
        let fits = seed.len() == SEED_LENGTH
            && offer.keys.len() <= limits::ANCHORS_MAX
            && offer.keys.contains(&access_public_key(&self.keys.suite, &seed)?);
        if !is_by_member || !fits || offer.giver == self.keys.device_id() {
            return Ok(());
        }
        let transaction = self.store.transaction()?;
        let record = match transaction.anchor(&id)? {
            None => AnchorRecord::of(&id, offer, Vec::new()),
            Some(record) => record.and(offer),
        };
        transaction.put_anchor(&record)?;
        Ok(transaction.commit()?)
    }

    /// The next step where anchor keys are to be replaced.
    pub(super) fn renewal_task(&mut self) -> Result<Option<Task>, Error> {
        let due = self.store.transaction()?.due_renewals()?;
        let Some(group) = due.into_iter().find(|group| !self.waiting.contains(group)) else {
            return Ok(None);
        };
        let unread = self.read_before_sending(&group)?;
        Ok(Some(unread.unwrap_or(Task::RenewAnchors(group))))
    }

    /// What comes before an own commit is sent: if it removes the other anchor, that one's key goes
    /// first.
    pub(super) fn before_submission(&mut self, group: &GroupId) -> Result<Task, Error> {
        let open = self.take_open(group)?;
        let gone = open.pending.as_ref().map(|pending| departed(pending.change()));
        self.open.insert(group.clone(), open);
        let transaction = self.store.transaction()?;
        let anchor = transaction.anchor(group)?.filter(|anchor| anchor.locked.is_none());
        let Some(anchor) = anchor.zip(gone).and_then(|(anchor, gone)| anchor.after(&gone)) else {
            return Ok(Task::Submit(group.clone()));
        };
        transaction.put_anchor(&anchor)?;
        transaction.commit()?;
        Ok(Task::RenewAnchors(group.clone()))
    }

    pub(super) fn ask_renewal(&mut self, id: GroupId, now: u64) -> Result<Option<Asked>, Error> {
        let idempotency_key = self.idempotency_key()?;
        let transaction = self.store.transaction()?;
        let anchor = transaction.anchor(&id)?.filter(|it| it.renewal_due && it.locked.is_none());
        let record = transaction.group_record(&id)?;
        let record = record.filter(|record| record.status == GroupStatus::Active);
        let (Some(mut anchor), Some(record)) = (anchor, record) else { return Ok(None) };
        if anchor.role.next.is_none() {
            // A key that was given is known to who gave it.
            let own = match anchor.role.giver {
                None => anchor.key.duplicate(),
                Some(_) => Secret::random(SEED_LENGTH, &mut *self.random)?,
            };
            let reserve = Secret::random(SEED_LENGTH, &mut *self.random)?;
            anchor.role.next = Some(NextKeys { own, reserve });
            // They are durable before the service learns of them.
            transaction.put_anchor(&anchor)?;
        }
        transaction.commit()?;
        let Some(next) = &anchor.role.next else { return Ok(None) };
        let repair = Repair {
            number: anchor.number.saturating_add(1),
            idempotency_key,
            after: record.position,
            up_to: record.position,
            commits: Vec::new(),
            anchors: public_keys(&self.keys.suite, &next.own, &next.reserve)?,
            locks: false,
        };
        let request = request::repair(record.log, &repair);
        let request = self.keys.sign_as_member(request, &anchor.key, now)?;
        Ok(Some(Asked::RenewAnchors(request, id, record.position)))
    }

    /// The keys are replaced, or there is more to read first.
    pub(super) fn anchors_renewed(
        &mut self,
        answer: Result<Repaired, Failure>,
        (group, up_to): (&GroupId, Position),
    ) -> Result<(), Error> {
        let again = Task::RenewAnchors(group.clone());
        let problem = match answer {
            Ok(Repaired { number, .. }) => {
                let transaction = self.store.transaction()?;
                let Some(anchor) = transaction.anchor(group)? else { return Ok(()) };
                transaction.put_anchor(&anchor.renewed(&self.keys.suite, number)?)?;
                // Who is about to be removed is no successor.
                let is_settled = transaction.outbox(group)?.is_none();
                transaction.commit()?;
                if is_settled {
                    self.plan.push_back(Task::OfferAnchors);
                }
                return Ok(());
            }
            Err(Failure::Problem(problem)) => problem,
            Err(failure) => return Err(failure.into()),
        };
        match problem {
            Problem::RepairRaced { number } => self.repair_raced(group, number, again),
            Problem::NotAllowed => self.key_refused(group, again),
            Problem::HeadMoved(moved) if moved.head > up_to => {
                self.plan.push_front(Task::ReadLog(group.clone()));
                Ok(())
            }
            // Another anchor has found the log closed.
            Problem::Locked => self.wait_for_log(group),
            Problem::BeyondEnd { .. } => self.halt(group, "the service has lost entries"),
            problem => Err(Failure::Problem(problem).into()),
        }
    }
}

impl AnchorRole {
    /// The role of who made the keys.
    fn with(keys: Vec<PublicKey>, reserve: Secret) -> Self {
        Self {
            keys,
            giver: None,
            reserve: Some(Reserve { seed: reserve, holder: None }),
            next: None,
            offers: Vec::new(),
        }
    }
}

impl AnchorRecord {
    /// The record of who was given a key.
    fn of(group: &GroupId, offer: AnchorOffer, offers: Vec<AnchorOffer>) -> Self {
        Self {
            group: group.clone(),
            key: Secret::from_slice(&offer.seed),
            number: offer.number,
            locked: None,
            renewal_due: false,
            role: AnchorRole {
                keys: offer.keys,
                giver: Some(offer.giver),
                reserve: None,
                next: None,
                offers,
            },
        }
    }

    /// The same with one more key that was given, which replaces an earlier one of the same giver.
    fn and(mut self, offer: AnchorOffer) -> Self {
        if self.role.giver == Some(offer.giver) && self.locked.is_none() {
            let (renewal_due, group) = (self.renewal_due, self.group.clone());
            return Self { renewal_due, ..Self::of(&group, offer, self.role.offers) };
        }
        self.role.offers.retain(|other| other.giver != offer.giver);
        if self.role.offers.len() < OFFERS_MAX {
            self.role.offers.push(offer);
        }
        self
    }

    /// The own key as it was given.
    fn to_offer(&self) -> Option<AnchorOffer> {
        Some(AnchorOffer {
            group: self.group.as_slice().into(),
            giver: self.role.giver?,
            number: self.number,
            keys: self.role.keys.clone(),
            seed: self.key.expose().into(),
            signature: Opaque::default(),
        })
    }

    /// What becomes of it when these devices are no members any more; `None` if nothing does.
    fn after(mut self, gone: &BTreeSet<DeviceId>) -> Option<Self> {
        let holder = self.role.reserve.as_ref().and_then(|reserve| reserve.holder);
        if [holder, self.role.giver].into_iter().flatten().any(|device| gone.contains(&device)) {
            self.renewal_due = true;
            return Some(self);
        }
        // If several members have given a key, the one who is gone may be the one who had one.
        let mine = self.to_offer()?;
        let index = self.role.offers.iter().position(|offer| gone.contains(&offer.giver))?;
        let offer = self.role.offers.remove(index);
        self.role.offers.push(mine);
        let group = self.group.clone();
        Some(Self { renewal_due: true, ..Self::of(&group, offer, self.role.offers) })
    }

    /// What the next repair is made with, when the service does not know the key.
    pub(super) fn fallback(mut self, suite: &Suite) -> Result<Option<Self>, Error> {
        if let Some(next) = self.role.next.take()
            && next.own != self.key
        {
            // The repair that brought these was carried out, and its answer lost.
            let keys = public_keys(suite, &next.own, &next.reserve)?;
            let offers = self.role.offers;
            let role = AnchorRole { offers, ..AnchorRole::with(keys, next.reserve) };
            return Ok(Some(Self { key: next.own, locked: None, role, ..self }));
        }
        let Some(offer) = self.role.offers.pop() else { return Ok(None) };
        let group = self.group.clone();
        Ok(Some(Self {
            renewal_due: self.renewal_due,
            ..Self::of(&group, offer, self.role.offers)
        }))
    }

    /// The same once the service knows the new keys.
    fn renewed(mut self, suite: &Suite, number: u64) -> Result<Self, Error> {
        let Some(next) = self.role.next.take() else { return Ok(Self { number, ..self }) };
        let keys = public_keys(suite, &next.own, &next.reserve)?;
        let offers = self.role.offers;
        let role = AnchorRole { offers, ..AnchorRole::with(keys, next.reserve) };
        Ok(Self { key: next.own, number, renewal_due: false, role, ..self })
    }
}

/// Notes that devices are no members any more.
pub(super) fn note_departed(
    transaction: &StoreTransaction<'_>,
    group: &GroupId,
    gone: &BTreeSet<DeviceId>,
) -> Stored<()> {
    let anchor = transaction.anchor(group)?;
    match anchor.and_then(|anchor| anchor.after(gone)) {
        Some(anchor) => transaction.put_anchor(&anchor),
        None => Ok(()),
    }
}

/// The same for a client that comes back into a group and has missed who went.
pub(super) fn note_absent(transaction: &StoreTransaction<'_>, group: &Group) -> Stored<()> {
    let id = GroupId::new(group.group_id());
    let Some(anchor) = transaction.anchor(&id)? else { return Ok(()) };
    let holder = anchor.role.reserve.as_ref().and_then(|reserve| reserve.holder);
    let known = anchor.role.offers.iter().map(|offer| offer.giver);
    let mut gone: BTreeSet<DeviceId> = known.chain(holder).chain(anchor.role.giver).collect();
    for member in group.members() {
        identity_of(&member.leaf).map(|identity| gone.remove(&identity.device));
    }
    note_departed(transaction, &id, &gone)
}

/// The devices that are in the group before a commit and not behind it.
pub(super) fn departed(change: &EpochChange) -> BTreeSet<DeviceId> {
    let device = |leaf: &wire::LeafNode| identity_of(leaf).map(|identity| identity.device);
    let mut gone: BTreeSet<DeviceId> =
        change.removed.iter().filter_map(|(_, leaf)| device(leaf)).collect();
    for (_, leaf) in &change.added {
        device(leaf).map(|device| gone.remove(&device));
    }
    gone
}

fn public_keys(suite: &Suite, own: &Secret, reserve: &Secret) -> Result<Vec<PublicKey>, Error> {
    Ok(vec![access_public_key(suite, own)?, access_public_key(suite, reserve)?])
}

/// Who is to repair the log when this client is gone.
fn successor(group: &Group, own: &Identity) -> Option<DeviceCredential> {
    let admins = policy_of(group).admins;
    let mut best: Option<(u8, DeviceCredential)> = None;
    for member in group.members().filter(|member| member.index != group.own_leaf()) {
        let Ok(credential) = DeviceCredential::read(&member.leaf.credential) else { continue };
        let name = identity(&credential).name;
        let rank = match name == own.name {
            true => 1,
            false if admins.is_empty() || admins.binary_search(&name).is_ok() => 0,
            false => 2,
        };
        if best.as_ref().is_none_or(|(other, _)| rank < *other) {
            best = Some((rank, credential));
        }
        if rank == 0 {
            break;
        }
    }
    best.map(|(_, credential)| credential)
}

#[cfg(test)]
mod tests {
    use super::{AnchorOffer, AnchorRecord, AnchorRole, OFFERS_MAX, public_keys};
    use crate::GroupId;
    use crate::store::NextKeys;
    use codec::Opaque;
    use crypto::{CipherSuite, Crypto, Secret, Suite};
    use delivery_api::DeviceId;
    use std::collections::BTreeSet;

    fn suite() -> Suite {
        Crypto::new(crypto_aws_lc::provider()).suite(CipherSuite(1)).unwrap()
    }

    fn device(number: u8) -> DeviceId {
        DeviceId::new([number; 32])
    }

    fn gone(number: u8) -> BTreeSet<DeviceId> {
        BTreeSet::from([device(number)])
    }

    fn offer(giver: u8, seed: u8) -> AnchorOffer {
        AnchorOffer {
            group: b"group".as_slice().into(),
            giver: device(giver),
            number: 0,
            keys: Vec::new(),
            seed: [seed; 32].as_slice().into(),
            signature: Opaque::default(),
        }
    }

    fn given(giver: u8, seed: u8) -> AnchorRecord {
        AnchorRecord::of(&GroupId::new(b"group".to_vec()), offer(giver, seed), Vec::new())
    }

    fn seed(record: &AnchorRecord) -> u8 {
        record.key.expose()[0]
    }

    #[test]
    fn a_key_that_is_none_displaces_no_other() {
        // Whoever was first, the key of each giver is there when it is needed.
        for (first, second) in [((1, 10), (2, 20)), ((2, 20), (1, 10))] {
            let record = given(first.0, first.1).and(offer(second.0, second.1));
            assert_eq!(seed(&record), first.1);
            let other = record.fallback(&suite()).unwrap().unwrap();
            assert_eq!(seed(&other), second.1);
            assert!(other.fallback(&suite()).unwrap().is_none());
            // And at once when its giver is the one who goes.
            for giver in [1, 2] {
                let record = given(first.0, first.1).and(offer(second.0, second.1));
                let record = record.after(&gone(giver)).unwrap();
                assert_eq!((seed(&record), record.renewal_due), (giver * 10, true));
                let other = record.fallback(&suite()).unwrap().unwrap();
                assert_eq!((seed(&other), other.renewal_due), (30 - giver * 10, true));
            }
            assert!(given(1, 10).and(offer(2, 20)).after(&gone(3)).is_none());
        }
    }

    #[test]
    fn so_many_keys_are_kept_and_one_of_each_giver() {
        let record = (0..100).fold(given(200, 1), |record, giver| record.and(offer(giver, giver)));
        assert_eq!(record.role.offers.len(), OFFERS_MAX);
        assert_eq!(seed(&record), 1);
        let record = record.and(offer(0, 77)).and(offer(200, 78));
        assert_eq!((record.role.offers.len(), seed(&record)), (OFFERS_MAX, 78));
        let of_first = record.role.offers.iter().filter(|offer| offer.giver == device(0));
        assert_eq!(of_first.map(|offer| offer.seed[0]).collect::<Vec<_>>(), [77]);
    }

    #[test]
    fn a_key_that_was_given_is_replaced() {
        let mut record = given(1, 10).after(&gone(1)).unwrap();
        let next =
            NextKeys { own: Secret::from_slice(&[2; 32]), reserve: Secret::from_slice(&[3; 32]) };
        let keys = public_keys(&suite(), &next.own, &next.reserve).unwrap();
        record.role.next = Some(next);
        let record = record.renewed(&suite(), 5).unwrap();
        assert_eq!((seed(&record), record.number, record.renewal_due), (2, 5, false));
        assert_eq!((&record.role.keys, record.role.giver), (&keys, None));
        assert!(record.locked.is_none());
        assert!(record.role.reserve.is_some_and(|reserve| reserve.holder.is_none()));
    }

    #[test]
    fn keys_that_were_brought_by_a_repair_without_an_answer_are_taken() {
        let mut record = given(1, 10).after(&gone(1)).unwrap();
        let key = |number| Secret::from_slice(&[number; 32]);
        record.role.next = Some(NextKeys { own: key(2), reserve: key(3) });
        let record = record.fallback(&suite()).unwrap().unwrap();
        assert_eq!((seed(&record), record.renewal_due), (2, true));
        assert!(record.role.giver.is_none() && record.role.reserve.is_some());
        // Who made its own key has no other to try.
        let mut own = AnchorRecord { role: AnchorRole::with(Vec::new(), key(4)), ..record };
        own.role.next = Some(NextKeys { own: key(2), reserve: key(5) });
        assert!(own.fallback(&suite()).unwrap().is_none());
    }
}
