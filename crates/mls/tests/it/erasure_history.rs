//! The deletion schedule of RFC 9420, section 9.2, and everything else that must be gone, looked
//! for in all rows after every step of random histories.
//!
//! Each member's provider remembers every secret it ever derived, and what from; so the tests can
//! ask of each secret that is still stored why it is. Secrets that must be there are looked for
//! too: a search that finds nothing proves nothing.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use mls::{HandshakeFormat, LeafNode, MemoryStorage, Proposal, ProposalSender, RowKind, Settings};

use crate::erasure_trace::{Derived, Trace};
use crate::rows_history::{EXTERNAL_PSK, History, Player};

/// Labels of the secrets that an epoch's members hold through the epoch.
const EPOCH_LABELS: [&str; 8] = [
    "authentication",
    "confirm",
    "exporter",
    "external",
    "init",
    "membership",
    "resumption",
    "sender data",
];

/// Labels of the secret tree; `key` and `nonce` only with a generation as context.
const TREE_LABELS: [&str; 7] =
    ["encryption", "tree", "application", "handshake", "secret", "key", "nonce"];

/// Labels of secrets that are never stored. What HMAC returns is among them, but for the tags.
const NEVER_STORED: [&str; 8] =
    ["derived psk", "dh", "epoch", "extract", "hpke", "joiner", "path", "welcome"];

/// Every run of bytes in some rows that is as long as a key, nonce or secret of the suite.
pub(crate) struct Haystack<'a>(HashSet<&'a [u8]>);

impl<'a> Haystack<'a> {
    pub(crate) fn new(store: &'a MemoryStorage, kinds: impl Fn(RowKind) -> bool) -> Self {
        let rows = store.rows().filter(|(key, _)| kinds(key.kind));
        let runs = rows.flat_map(|(_, value)| {
            let lengths = [12, 16, 32].into_iter();
            lengths.flat_map(|length| value.expose().windows(length))
        });
        Self(runs.collect())
    }

    pub(crate) fn has(&self, secret: &[u8]) -> bool {
        assert!([12, 16, 32].contains(&secret.len()), "a secret of {} bytes", secret.len());
        self.0.contains(secret)
    }
}

/// Whether it is a secret of the secret tree.
fn is_of_tree(derived: &Derived) -> bool {
    let label = derived.label.as_str();
    let per_generation = derived.context.len() == 4;
    TREE_LABELS.contains(&label) && (!matches!(label, "key" | "nonce") || per_generation)
}

/// What a player's rows are compared with.
struct Audit<'a> {
    player: &'a Player,
    trace: &'a Trace,
    origins: BTreeMap<&'a [u8], &'a Derived>,
    /// What is stored in all rows but those of candidates for the next epoch.
    stored: Vec<&'a Derived>,
    stored_bytes: HashSet<&'a [u8]>,
    past_epochs_max: usize,
}

impl<'a> Audit<'a> {
    fn new(player: &'a Player, trace: &'a Trace, past_epochs_max: usize) -> Self {
        let store = &player.person.store;
        let rows = Haystack::new(store, |kind| kind != RowKind::PendingCommit);
        let stored = trace.derived.iter().filter(|it| rows.has(&it.secret)).collect::<Vec<_>>();
        let stored_bytes = stored.iter().map(|it| it.secret.as_slice()).collect();
        Self { player, trace, origins: trace.origins(), stored, stored_bytes, past_epochs_max }
    }

    fn stored(&self, wanted: impl Fn(&Derived) -> bool) -> Vec<&'a Derived> {
        self.stored.iter().copied().filter(|derived| wanted(derived)).collect()
    }

    /// The secret tree's secrets above one, nearest first, and the `epoch_secret` above them.
    fn ancestors(&self, secret: &'a [u8]) -> (Vec<&'a [u8]>, Option<&'a [u8]>) {
        let mut above = Vec::new();
        let mut at = secret;
        while let Some(&derived) = self.origins.get(at).filter(|derived| is_of_tree(derived)) {
            at = &derived.from;
            if derived.label == "encryption" {
                return (above, Some(at));
            }
            above.push(at);
        }
        (above, None)
    }

    /// The `epoch_secret`s of the current epoch and of those before it, latest first, as far as the
    /// player derived them.
    fn epoch_secrets(&self) -> Vec<&'a [u8]> {
        let group = self.player.person.group.as_ref().unwrap();
        let of_secret = |secret: &[u8]| self.origins.get(secret).map(|it| it.from.as_slice());
        let current = of_secret(group.epoch_authenticator().expose()).unwrap();
        let before = (0..group.epoch())
            .rev()
            .map_while(|epoch| of_secret(group.resumption_psk(epoch)?.expose()));
        std::iter::once(current).chain(before).collect()
    }

    fn nothing_is_stored_that_never_is(&self) {
        let mac_keys = ["confirm", "membership"].map(|label| self.trace.labelled(label));
        let found = self.stored(|derived| {
            let label = derived.label.as_str();
            let is_sender_data = matches!(label, "key" | "nonce") && derived.context.len() != 4;
            let known = EPOCH_LABELS.contains(&label) || TREE_LABELS.contains(&label);
            let exported = !known && label != "private key";
            let never = NEVER_STORED.contains(&label) || label == "node" || exported;
            (never || is_sender_data) && !mac_keys.iter().any(|keys| keys.contains(&derived.from))
        });
        assert!(found.is_empty(), "{} is stored", found[0].label);
        assert!(!contains(&self.player.person.store, EXTERNAL_PSK));
    }

    fn secrets_of_epochs_go_with_them(&self) {
        let epochs = self.epoch_secrets();
        for label in EPOCH_LABELS {
            let kept = match label {
                "sender data" => 1 + self.past_epochs_max,
                "resumption" => epochs.len(),
                _ => 1,
            };
            let found = self.stored(|derived| derived.label == label);
            assert!(!found.is_empty(), "no {label} secret is found");
            let kept = &epochs[..kept.min(epochs.len())];
            let stale = found.iter().filter(|it| !kept.contains(&it.from.as_slice())).count();
            assert_eq!(stale, 0, "{label} secrets of ended epochs");
        }
    }

    fn used_keys_and_their_sources_are_gone(&self) {
        let stored: Vec<&[u8]> =
            self.stored(is_of_tree).into_iter().map(|it| it.secret.as_slice()).collect();
        assert!(!stored.is_empty(), "nothing of the secret tree is found");
        for key in &self.player.consumed {
            assert!(!self.stored_bytes.contains(key.as_slice()), "a used key is stored");
            let Some((key, _)) = self.origins.get_key_value(key.as_slice()) else { continue };
            for above in self.ancestors(key).0 {
                assert!(
                    !self.stored_bytes.contains(above),
                    "what a used key is derived from is stored"
                );
            }
        }
        let epochs = self.epoch_secrets();
        let kept = &epochs[..epochs.len().min(1 + self.past_epochs_max)];
        for secret in &stored {
            let (above, epoch) = self.ancestors(secret);
            for above in above {
                assert!(!stored.contains(&above), "a secret and its source are both stored");
            }
            let epoch = epoch.expect("all of the tree comes from an epoch secret");
            assert!(kept.contains(&epoch), "the secret tree of an ended epoch is stored");
        }
    }

    fn private_keys_are_those_of_public_keys_in_use(&self) {
        let person = &self.player.person;
        let group = person.group.as_ref().unwrap();
        let tree = group.ratchet_tree().0;
        let nodes = tree.iter().flatten().map(|node| match node {
            wire::Node::Leaf(leaf) => leaf.encryption_key.as_slice().to_vec(),
            wire::Node::Parent(parent) => parent.encryption_key.as_slice().to_vec(),
        });
        let own_updates = group.pending_proposals().filter_map(|(_, sender, proposal)| {
            let own = sender == ProposalSender::Member(group.own_leaf());
            match proposal {
                Proposal::Update(leaf) if own => Some(key_of(leaf)),
                _ => None,
            }
        });
        let packages = person.client.key_packages(&person.store).unwrap();
        let packages = packages
            .iter()
            .flat_map(|package| [package.init_key.as_slice().to_vec(), key_of(&package.leaf_node)]);
        let in_use: BTreeSet<Vec<u8>> = nodes.chain(own_updates).chain(packages).collect();
        let found = self.stored(|derived| derived.label == "private key");
        for derived in &found {
            assert!(in_use.contains(&derived.context), "an old private key is stored");
        }
        let own = key_of(&group.member(group.own_leaf().as_u32()).unwrap().leaf);
        assert!(
            found.iter().any(|derived| derived.context == own),
            "the own leaf's key is missing"
        );
    }
}

fn key_of(leaf: &LeafNode) -> Vec<u8> {
    leaf.encryption_key.as_slice().to_vec()
}

pub(crate) fn contains(store: &MemoryStorage, bytes: &[u8]) -> bool {
    store.rows().any(|(_, value)| value.expose().windows(bytes.len()).any(|run| run == bytes))
}

/// Audits two of the members, by turns: what should be gone and is not stays.
fn audit(history: &History, past_epochs_max: usize, turn: usize) {
    let members = history.members();
    for turn in [2 * turn, 2 * turn + 1] {
        let who = members[turn % members.len()];
        let player = &history.players[who];
        let trace = player.provider.trace();
        let audit = Audit::new(player, &trace, past_epochs_max);
        audit.nothing_is_stored_that_never_is();
        audit.secrets_of_epochs_go_with_them();
        audit.used_keys_and_their_sources_are_gone();
        audit.private_keys_are_those_of_public_keys_in_use();
        let store = &player.person.store;
        assert!(history.texts.iter().all(|text| !contains(store, text.as_bytes())));
    }
}

fn history(seed: u64, handshakes: HandshakeFormat, past_epochs_max: usize) {
    let settings = Settings {
        handshakes,
        past_epochs_max,
        // All of them, so that the audit knows every epoch by its own.
        resumption_psks_max: usize::MAX,
        ..Settings::default()
    };
    let mut history = History::new(4, seed, false, &settings);
    for turn in 0..150 {
        audit(&history, past_epochs_max, turn);
        history.step();
    }
    assert!(history.taken.iter().all(|&count| count > 0), "{:?}", history.taken);
    assert!(history.gaps_filled > 2, "{} gaps", history.gaps_filled);
}

#[test]
fn what_is_used_or_outdated_is_erased_encrypted_handshakes() {
    history(11, HandshakeFormat::Private, 0);
    history(12, HandshakeFormat::Private, 3);
}

#[test]
fn what_is_used_or_outdated_is_erased_public_handshakes() {
    history(13, HandshakeFormat::Public, 0);
    history(14, HandshakeFormat::Public, 2);
}
