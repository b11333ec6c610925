//! A group that is loaded from its rows does and knows what the one in memory does and knows, after
//! every operation of random histories.

use mls::{HandshakeFormat, Settings};

use crate::rows_history::History;

fn history(seed: u64, handshakes: HandshakeFormat, past_epochs_max: usize) {
    let settings = Settings { handshakes, past_epochs_max, ..Settings::default() };
    let mut history = History::new(4, seed, true, &settings);
    for _ in 0..150 {
        history.step();
    }
    assert!(history.taken.iter().all(|&count| count > 0), "{:?}", history.taken);
    assert!(history.members().len() > 1);
}

#[test]
fn loaded_groups_are_twins_of_those_in_memory_encrypted_handshakes() {
    history(1, HandshakeFormat::Private, 3);
    history(2, HandshakeFormat::Private, 0);
}

#[test]
fn loaded_groups_are_twins_of_those_in_memory_public_handshakes() {
    history(3, HandshakeFormat::Public, 3);
    history(4, HandshakeFormat::Public, 1);
}
