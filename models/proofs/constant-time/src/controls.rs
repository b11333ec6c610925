//! The tasks of [`crate::checks`], done as nobody should do them.

use std::hint::black_box;

use crypto::Secret;
use protection::RatchetKind;

use crate::checks::{Check, DIFFERENCES, pair, secret_tree, suite};
use crate::provider::conceal_content;
use crate::valgrind::{conceal, reveal};
use crate::{Counts, count};

/// What a check allows, and valgrind must see more.
pub(crate) const ALL: &[Check] = &[
    ("comparison that ends at the first difference", 0, early_exit),
    ("comparison with the language's own equality: one verdict is allowed", 1, slices),
    ("use of a byte of a key that a ratchet gave", 0, key_of_ratchet),
    ("lookup of a key by its bytes", 0, lookup_by_key),
    ("lookup at an address that a secret byte says", 0, lookup_by_index),
    ("padding that is looked at byte by byte: one verdict is allowed", 1, padding),
    ("padding that is searched from the end: one verdict is allowed", 1, padding_from_end),
];

fn early_exit() -> Counts {
    let compare = |difference| {
        let [one, other] = black_box(pair(difference));
        let bytes = || one.expose().iter().zip(other.expose());
        let (decisions, verdict) = count(|| [u8::from(bytes().all(|(one, other)| one == other))]);
        reveal(&verdict);
        Ok(decisions)
    };
    DIFFERENCES.into_iter().map(compare).collect()
}

fn slices() -> Counts {
    let compare = |difference| {
        let [one, other] = black_box(pair(difference));
        let equal = || black_box(one.expose()) == black_box(other.expose());
        let (decisions, _) = count(|| if equal() { "accept" } else { "refuse" });
        Ok(decisions)
    };
    DIFFERENCES.into_iter().map(compare).collect()
}

/// That a ratchet's keys stay concealed is what makes the check of lookups worth something.
fn key_of_ratchet() -> Counts {
    let (_, suite) = suite()?;
    let tree = secret_tree()?;
    let leaf = tree.size().leaf(2).ok_or("a leaf")?;
    let key = tree.lookup(&suite, leaf, RatchetKind::Application, 3)?.key;
    Ok([key.key(), key.nonce()].map(use_as_index).to_vec())
}

fn lookup_by_key() -> Counts {
    let keys: Vec<Secret> = (0..8).map(|number| Secret::from_slice(&[number; 32])).collect();
    keys.iter().for_each(|key| conceal(key.expose()));
    let wanted = [5; 32];
    let position = || keys.iter().position(|key| key.expose() == black_box(&wanted));
    Ok(vec![count(position).0])
}

fn lookup_by_index() -> Counts {
    let [secret, _] = pair(None);
    Ok(vec![use_as_index(&secret)])
}

fn use_as_index(secret: &Secret) -> u64 {
    let table: Vec<u8> = black_box((0..=255).collect());
    let index = || secret.expose().first().and_then(|byte| table.get(usize::from(*byte)).copied());
    let (decisions, found) = count(|| [index().unwrap_or(0)]);
    reveal(&found);
    decisions
}

/// A decrypted content whose padding is zeros, concealed.
fn content() -> Secret {
    let content = [&[5][..], b"hello", &[0x40, 64], &[9; 64], &[0; 100]].concat();
    let content = Secret::from_vec(content);
    conceal_content(content.expose());
    content
}

fn padding() -> Counts {
    let content = black_box(content());
    let padding = content.expose().get(72..).unwrap_or_default();
    let (decisions, _) = count(|| padding.iter().any(|byte| *black_box(byte) != 0));
    Ok(vec![decisions])
}

fn padding_from_end() -> Counts {
    let content = black_box(content());
    let (decisions, _) = count(|| content.expose().iter().rposition(|byte| *black_box(byte) != 0));
    Ok(vec![decisions])
}
