//! Names, blobs, and what the service says about itself.

use crate::world::{Key, World, refusal, sha256};
use delivery_api::directory::NameRecord;
use delivery_api::service::PROTOCOL_VERSION;
use delivery_api::{BlobId, Name, Problem, limits, request};

pub(crate) fn a_name_belongs_to_its_first_owner(world: &World) {
    let (owner, second, thief) = (world.device(), world.device(), world.device());
    let name = Name::new("alice").unwrap();
    let lookup = || world.service.ask(&request::get_name(name.clone()), world.now());
    assert_eq!(refusal(lookup()), Problem::UnknownName);
    let record =
        |keys: &[&Key]| NameRecord { devices: keys.iter().map(|key| key.device()).collect() };
    let put = |devices: &[&Key]| request::put_name(name.clone(), &record(devices));
    world.get(&owner, put(&[&owner]));
    assert_eq!(lookup(), Ok(record(&[&owner])));
    assert_eq!(world.refusal(&thief, put(&[&thief])), Problem::NameTaken);
    // Being listed does not make an owner.
    world.get(&owner, put(&[&owner, &second]));
    assert_eq!(world.refusal(&second, put(&[&second])), Problem::NameTaken);
    assert_eq!(lookup(), Ok(record(&[&owner, &second])));
    let stranger = Key::fresh();
    let other = request::put_name(Name::new("bob").unwrap(), &record(&[&stranger]));
    assert_eq!(world.refusal(&stranger, other), Problem::NotAllowed);
    let many = NameRecord { devices: vec![owner.device(); limits::DEVICES_PER_NAME_MAX + 1] };
    let too_many = request::put_name(name.clone(), &many);
    assert_eq!(world.refusal(&owner, too_many), Problem::TooLarge);
}

pub(crate) fn a_blob_is_stored_under_its_hash_only(world: &World) {
    let sender = world.device();
    let bytes = vec![5; 100_000];
    let id = BlobId::new(sha256(&bytes));
    let fetch = |id| world.service.ask(&request::get_blob(id), world.now());
    assert_eq!(refusal(fetch(id)), Problem::UnknownBlob);
    for _ in 0..2 {
        world.get(&sender, request::put_blob(id, bytes.clone()));
    }
    assert_eq!(fetch(id).unwrap().0, bytes);
    let wrong = BlobId::new([1; 32]);
    assert_eq!(world.refusal(&sender, request::put_blob(wrong, bytes.clone())), Problem::Malformed);
    assert_eq!(refusal(fetch(wrong)), Problem::UnknownBlob);
    let other = BlobId::new(sha256(b"other"));
    let putting = request::put_blob(other, b"other".to_vec());
    assert_eq!(world.refusal(&Key::fresh(), putting), Problem::NotAllowed);
    let empty = BlobId::new(sha256(b""));
    world.get(&sender, request::put_blob(empty, Vec::new()));
    assert!(fetch(empty).unwrap().0.is_empty());
    let large = vec![0; limits::BLOB_BYTES_MAX + 1];
    let putting = request::put_blob(BlobId::new(sha256(&large)), large);
    assert_eq!(world.refusal(&sender, putting), Problem::TooLarge);
}

pub(crate) fn the_service_tells_its_key_and_health(world: &World) {
    let info = world.service.ask(&request::service_info(), world.now()).unwrap();
    assert_eq!((info.version, info.key), (PROTOCOL_VERSION, world.service.public_key()));
    assert!(world.service.ask(&request::health(), world.now()).is_ok());
}
