//! Late messages: what past epochs open, what they refuse, and what stays in their rows.

use std::collections::BTreeMap;

use codec::Decode;
use crypto::Signer;
use protection::{
    Error, Limit, PastEpoch, PastEpochHead, PastEpochRow, PastEpochs, RatchetLimits, Violation,
};
use wire::{Content, ContentType, PrivateMessage};

use crate::epoch::{Epoch, application};

type Store = BTreeMap<(u64, PastEpochRow), Vec<u8>>;

fn save(past: &mut PastEpochs, store: &mut Store) {
    for (epoch, row, bytes) in past.drain_changes() {
        match bytes {
            Some(bytes) => store.insert((epoch, row), bytes.expose().to_vec()),
            None => store.remove(&(epoch, row)),
        };
    }
}

fn load(epochs_max: usize, store: &Store) -> PastEpochs {
    let heads = store.iter().filter(|((_, row), _)| *row == PastEpochRow::Head);
    let epochs = heads.map(|(&(epoch, _), head)| {
        let head = PastEpochHead::from_bytes(head).unwrap();
        let rows = store.iter().filter_map(|(&(of, row), bytes)| match row {
            PastEpochRow::Tree(row) if of == epoch => Some((row, bytes)),
            _ => None,
        });
        PastEpoch::from_rows(head, RatchetLimits::default(), rows).unwrap()
    });
    PastEpochs::from_epochs(epochs_max, epochs)
}

fn end(epoch: &Epoch) -> PastEpoch {
    PastEpoch::new(epoch.context.clone(), epoch.secrets())
}

fn hear(past: &mut PastEpochs, epoch: &Epoch, message: &PrivateMessage) -> Result<Content, Error> {
    let opened = past.unprotect(&epoch.suite, message)?;
    let key = epoch.members[0].public_key();
    let context = past.get(message.epoch).unwrap().context().clone();
    let (content, update) = opened.verify(&epoch.suite, key, &context)?;
    past.apply(message.epoch, update)?;
    Ok(content.into_inner().content.content)
}

/// Edge of `Violation::HandshakeInPastEpoch`.
#[test]
fn late_application_messages_are_heard_once_while_their_epoch_is_kept() {
    let epochs = [1, 2, 3, 4].map(Epoch::new);
    let mut past = PastEpochs::new(3);
    let mut late = Vec::new();
    for epoch in &epochs {
        late.push(epoch.say(&mut epoch.secrets(), "late"));
        past.push(end(epoch));
    }
    assert_eq!(past.epochs().collect::<Vec<_>>(), [2, 3, 4]);
    let gone = hear(&mut past, &epochs[0], &late[0]);
    assert_eq!(gone, Err(Limit::EpochNotKept.into()));
    for (epoch, message) in epochs.iter().zip(&late).skip(1) {
        assert_eq!(hear(&mut past, epoch, message), Ok(application("late")));
        let again = hear(&mut past, epoch, message);
        assert_eq!(again, Err(Violation::ReusedGeneration.into()));
    }
    let mut to_come = late[3].clone();
    to_come.epoch = 5;
    assert_eq!(hear(&mut past, &epochs[3], &to_come), Err(Limit::EpochNotKept.into()));
}

#[test]
fn handshake_messages_of_past_epochs_are_refused() {
    let epoch = Epoch::new(1);
    let mut past = PastEpochs::new(1);
    past.push(end(&epoch));
    let mut message = epoch.say(&mut epoch.secrets(), "late");
    for content_type in [ContentType::Proposal, ContentType::Commit] {
        message.content_type = content_type;
        let refused = hear(&mut past, &epoch, &message);
        assert_eq!(refused, Err(Violation::HandshakeInPastEpoch.into()));
    }
}

#[test]
fn a_policy_of_zero_keeps_and_stores_nothing() {
    let epoch = Epoch::new(1);
    let mut past = PastEpochs::new(0);
    // The epoch's tree was stored while it was current.
    let mut secrets = epoch.secrets();
    let tree = secrets.secret_tree_mut().drain_changes().into_iter();
    let mut store: Store = tree
        .map(|(row, bytes)| ((1, PastEpochRow::Tree(row)), bytes.unwrap().expose().to_vec()))
        .collect();
    assert_eq!(store.len(), 1, "the root");
    // The last message erased the root; the epoch ends before that is stored.
    epoch.say(&mut secrets, "last");
    past.push(PastEpoch::new(epoch.context.clone(), secrets));
    let changes = past.drain_changes();
    assert!(changes.iter().all(|(_, _, bytes)| bytes.is_none()), "no secret is written");
    changes.iter().for_each(|(epoch, row, _)| drop(store.remove(&(*epoch, *row))));
    assert!(store.is_empty() && past.epochs().next().is_none());
}

#[test]
fn past_epochs_survive_a_restart_and_leave_no_rows_behind() {
    let epochs = [1, 2, 3].map(Epoch::new);
    let mut store = Store::new();
    let mut past = PastEpochs::new(2);
    let mut late = Vec::new();
    for epoch in &epochs[..2] {
        let mut sender = epoch.secrets();
        late.push(["first", "second"].map(|text| epoch.say(&mut sender, text)));
        past.push(end(epoch));
        save(&mut past, &mut store);
    }
    // The second message first, so that there are skipped keys to store.
    for (epoch, messages) in epochs.iter().zip(&late) {
        let mut past = load(2, &store);
        assert_eq!(hear(&mut past, epoch, &messages[1]), Ok(application("second")));
        save(&mut past, &mut store);
    }
    let mut past = load(2, &store);
    assert_eq!(past.get(2).unwrap().context(), &epochs[1].context);
    let again = hear(&mut past, &epochs[1], &late[1][1]);
    assert_eq!(again, Err(Violation::ReusedGeneration.into()));
    assert_eq!(hear(&mut past, &epochs[1], &late[1][0]), Ok(application("first")));

    // One more epoch displaces the oldest with all its rows; so does a stricter policy.
    past.push(end(&epochs[2]));
    save(&mut past, &mut store);
    assert!(store.keys().all(|(epoch, _)| [2, 3].contains(epoch)));
    let mut past = load(1, &store);
    save(&mut past, &mut store);
    assert_eq!(past.epochs().collect::<Vec<_>>(), [3]);
    assert!(store.keys().all(|(epoch, _)| *epoch == 3) && !store.is_empty());
    save(&mut load(0, &store), &mut store);
    assert!(store.is_empty());
}

#[test]
fn a_head_that_does_not_fit_is_refused() {
    let epoch = Epoch::new(1);
    let mut past = PastEpochs::new(1);
    past.push(end(&epoch));
    let head = past.drain_changes().into_iter().find(|(_, row, _)| *row == PastEpochRow::Head);
    let head = head.unwrap().2.unwrap();
    let read = PastEpochHead::from_bytes(head.expose()).unwrap();
    assert_eq!((read.context, read.size), (epoch.context.clone(), epoch.size()));
    assert!(read.sender_data_secret == epoch.sender_data_secret());
    for short in testkit::truncations(head.expose()) {
        assert!(PastEpochHead::from_bytes(short).is_err());
    }
    let mut three_leaves = head.expose().to_vec();
    let place = three_leaves.len() - 33 - 1;
    assert_eq!(three_leaves[place], 2);
    three_leaves[place] = 3;
    assert!(PastEpochHead::from_bytes(&three_leaves).is_err());
}
