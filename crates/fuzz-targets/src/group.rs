//! Messages that arrive in a live group: honest ones, changed by somebody who has no key.
//!
//! Only what is honest to the last bit is accepted.

use std::cell::OnceCell;

use codec::Encode;
use mls::HandshakeFormat;

use crate::Outcome;
use crate::input::Input;
use crate::scene::Scene;

thread_local! {
    static SCENES: OnceCell<[Scene; 2]> = const { OnceCell::new() };
}

/// Runs with a scene whose handshakes are public or encrypted, as the input chooses.
pub(crate) fn with_scene(
    input: &mut Input<'_>,
    run: impl FnOnce(&Scene, &mut Input<'_>) -> Outcome,
) -> Outcome {
    SCENES.with(|scenes| {
        let scenes = scenes
            .get_or_init(|| [HandshakeFormat::Public, HandshakeFormat::Private].map(Scene::new));
        run(input.choose(scenes), input)
    })
}

/// An octet chooses the form of handshakes, one the message; the rest are changes.
pub(crate) fn run(bytes: &[u8]) -> Outcome {
    with_scene(&mut Input::new(bytes), |scene, input| {
        let honest = input.choose(&scene.messages).to_bytes();
        let bytes = input.change(&honest);
        let outcome = scene.deliver(&bytes);
        if outcome == Outcome::Accepted {
            let mut honest = scene.messages.iter().map(Encode::to_bytes);
            assert!(honest.any(|message| message == bytes), "accepted, but nobody has sent it");
        }
        outcome
    })
}
