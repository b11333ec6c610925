//! The engine by hand, with a clock and randomness of the test's.

use crate::world::World;
use client::engine::{Engine, Next, Setup};
use client::transport::{HttpRequest, HttpResponse};
use crypto::Crypto;
use delivery_api::Name;
use delivery_service::core::RawRequest;
use testkit::{NOW, SeededRandom};

pub(crate) fn setup(seed: u64) -> Setup {
    let crypto = Crypto::new(crypto_aws_lc::provider());
    Setup { crypto, random: Box::new(SeededRandom::new(seed)) }
}

pub(crate) fn ask(world: &World, now: u64, request: &HttpRequest) -> HttpResponse {
    let raw = RawRequest {
        method: request.method.as_str(),
        path: &request.path,
        authorization: request.authorization.as_deref(),
        body: &request.body,
    };
    let response = world.service.respond(&raw, now);
    HttpResponse { status: response.status, body: response.body }
}

/// Goes on until the engine plans nothing, or until a request that changes something and whose path
/// ends so, which is not sent.
pub(crate) fn drive(
    engine: &mut Engine,
    world: &World,
    now: u64,
    end: &str,
) -> Option<HttpRequest> {
    loop {
        match engine.next(now).unwrap() {
            Next::Idle => return None,
            Next::Wait(_) => {}
            Next::Ask(request) => {
                let changes = request.method != delivery_api::Method::Get;
                let ends = request.path.split('?').next().is_some_and(|path| path.ends_with(end));
                if changes && ends {
                    return Some(request);
                }
                let response = ask(world, now, &request);
                engine.answer(&response, now).unwrap();
            }
        }
    }
}

#[test]
fn what_is_about_to_be_sent_is_stored_already_byte_for_byte() {
    let world = World::new();
    let home = world.home("alice");
    let name = Name::new("alice").unwrap();
    let mut engine = Engine::create(&home, &name, "by hand", setup(1)).unwrap();
    let group = engine.create_group("garden", NOW).unwrap();
    assert!(drive(&mut engine, &world, NOW, "/none").is_none());
    for (end, wish) in [
        ("/entries", Engine::send as fn(&mut Engine, &_, &str) -> _),
        ("/commits", |engine: &mut Engine, group: &_, _: &str| engine.update_keys(group)),
    ] {
        wish(&mut engine, &group, "hello").unwrap();
        let about_to_be_sent = drive(&mut engine, &world, NOW, end).unwrap();
        drop(engine);
        // Other randomness: nothing of it must be in what goes out.
        engine = Engine::open(&home, setup(2)).unwrap();
        let sent_after_a_restart = drive(&mut engine, &world, NOW, end).unwrap();
        assert_eq!(sent_after_a_restart, about_to_be_sent);
        let response = ask(&world, NOW, &sent_after_a_restart);
        engine.answer(&response, NOW).unwrap();
        assert!(drive(&mut engine, &world, NOW, "/none").is_none());
    }
    let view = &engine.groups().unwrap()[0];
    assert_eq!((view.epoch, view.position.0), (Some(1), 2));
}

#[test]
fn an_engine_that_is_told_nothing_plans_the_same_again() {
    let world = World::new();
    let name = Name::new("alice").unwrap();
    let mut engine = Engine::create(&world.home("alice"), &name, "by hand", setup(1)).unwrap();
    assert!(drive(&mut engine, &world, NOW, "/none").is_none());
    let group = engine.create_group("garden", NOW).unwrap();
    let intent = engine.send(&group, "hello").unwrap();
    let first = drive(&mut engine, &world, NOW, "/entries").unwrap();
    assert!(engine.take_outcome(intent).is_none());
    engine.abandon();
    assert_eq!(drive(&mut engine, &world, NOW, "/entries").unwrap(), first);
}
