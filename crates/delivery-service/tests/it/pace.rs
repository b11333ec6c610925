//! How often the same key may do the same thing, and the same thing be done to one target.

use crate::key_packages::upload;
use crate::world::{Group, Key, UNPACED, World, idempotency_key, message, refusal};
use codec::{Decode, Opaque};
use delivery_api::inbox::PutItem;
use delivery_api::key_package::ClaimKeyPackage;
use delivery_api::request::{self, Failure};
use delivery_api::{BlobId, Problem, Request};
use delivery_service::Service;
use delivery_service::core::{Config, Pace, Paces};

/// Twice at once, then once a minute, of everything.
fn slow(world: &World) -> Service {
    let pace = Some(Pace { burst: 2, per_minute: 1 });
    let paces = Paces {
        blobs: pace,
        blob_mebibytes: Some(Pace { burst: 5, per_minute: 1 }),
        claims: pace,
        items_received: pace,
        items_sent: pace,
        uploads: pace,
        writes: pace,
    };
    world.service_with(Config { paces, ..UNPACED })
}

fn too_many<A>(result: Result<A, Failure>) {
    let refused = refusal(result);
    assert_eq!(refused, Problem::TooManyRequests { retry_after_seconds: 60 });
    assert!(refused.entry().retryable && refused.entry().status == 429);
}

/// Asks three times, of which the third is too much, and again after a minute.
fn twice_then_one_a_minute<A: Decode>(
    world: &World,
    service: &Service,
    key: &Key,
    mut request: impl FnMut() -> Request<A>,
) {
    for _ in 0..2 {
        assert!(world.ask_of(service, key, request()).is_ok());
    }
    too_many(world.ask_of(service, key, request()));
    world.advance(60);
    assert!(world.ask_of(service, key, request()).is_ok());
    too_many(world.ask_of(service, key, request()));
    world.advance(600);
}

fn item() -> PutItem {
    PutItem { idempotency_key: idempotency_key(), bytes: Opaque::from(b"item") }
}

pub(crate) fn each_key_keeps_its_pace(world: &World) {
    let service = slow(world);
    let group = Group::new(world);
    let sending = || request::append(group.log, &message(0, "x"));
    twice_then_one_a_minute(world, &service, &group.key, sending);
    let device = world.device();
    let blob = Opaque::from(b"blob");
    let id = BlobId::new(crate::world::sha256(&blob));
    let storing = || request::put_blob(id, blob.as_slice().to_vec());
    twice_then_one_a_minute(world, &service, &device, storing);
    let stocking = || request::upload_key_packages(device.device(), &upload(world, 1, &["a"]));
    twice_then_one_a_minute(world, &service, &device, stocking);
    let recipients: Vec<_> = (0..5).map(|_| world.device()).collect();
    let mut next = recipients.iter().map(Key::device);
    let putting = || request::put_item(next.next().unwrap(), &item());
    twice_then_one_a_minute(world, &service, &device, putting);
    // Somebody else is not held up, in the same group or elsewhere.
    let other = Group::new(world);
    assert!(world.ask_of(&service, &group.key, sending()).is_ok());
    let elsewhere = request::append(other.log, &message(0, "x"));
    assert!(world.ask_of(&service, &other.key, elsewhere).is_ok());
}

pub(crate) fn blobs_are_counted_by_size_too(world: &World) {
    let pace = Some(Pace { burst: 4, per_minute: 1 });
    let paces = Paces { blob_mebibytes: pace, ..Paces::UNLIMITED };
    let service = world.service_with(Config { paces, ..UNPACED });
    let (device, other) = (world.device(), world.device());
    let put = |key: &Key, bytes: usize| {
        let blob = vec![7; bytes];
        let id = BlobId::new(crate::world::sha256(&blob));
        world.ask_of(&service, key, request::put_blob(id, blob))
    };
    // One and two begun ones, three in all; two more are too many, and are not counted.
    assert!(put(&device, 1).is_ok() && put(&device, (1 << 20) + 1).is_ok());
    too_many(put(&device, 2 << 20));
    assert!(put(&other, 2 << 20).is_ok());
    assert!(put(&device, 1 << 20).is_ok());
    too_many(put(&device, 1));
    world.advance(60);
    assert!(put(&device, 1).is_ok());
}

pub(crate) fn one_inbox_is_not_flooded_by_many_senders(world: &World) {
    let service = slow(world);
    let (recipient, other) = (world.device(), world.device());
    let put =
        |to: &Key| world.ask_of(&service, &world.device(), request::put_item(to.device(), &item()));
    assert!(put(&recipient).is_ok() && put(&recipient).is_ok());
    too_many(put(&recipient));
    assert!(put(&other).is_ok());
    // Who sends too fast is refused before the recipient is charged.
    let eager = world.device();
    world.advance(600);
    for target in [&other, &other, &recipient, &recipient, &recipient] {
        let _ = world.ask_of(&service, &eager, request::put_item(target.device(), &item()));
    }
    assert!(put(&recipient).is_ok());
}

pub(crate) fn claims_beyond_the_pace_get_the_last_resort(world: &World) {
    let service = slow(world);
    let owner = world.device();
    let mut packages = upload(world, 1, &["a", "b", "c"]);
    packages.not_after_seconds += 1_000_000;
    world.get(&owner, request::upload_key_packages(owner.device(), &packages));
    let claim = || {
        let request = request::claim_key_package(owner.device(), &ClaimKeyPackage { suite: 1 });
        world.ask_of(&service, &world.device(), request)
    };
    for text in ["a", "b"] {
        let claimed = claim().unwrap();
        assert_eq!((claimed.key_package, claimed.last_resort), (text.as_bytes().into(), false));
    }
    too_many(claim());
    packages.last_resort = Some(Opaque::from(b"last"));
    world.get(&owner, request::upload_key_packages(owner.device(), &packages));
    for _ in 0..3 {
        let claimed = claim().unwrap();
        assert_eq!((claimed.key_package, claimed.last_resort), (Opaque::from(b"last"), true));
    }
    world.advance(60);
    assert_eq!(claim().unwrap().key_package, Opaque::from(b"c"));
}
