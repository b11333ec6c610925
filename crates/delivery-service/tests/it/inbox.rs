//! Inboxes (G5).

use crate::world::{Group, Key, World, bundle, idempotency_key, welcome, window};
use codec::Opaque;
use delivery_api::inbox::{Acknowledge, InboxPage, ItemKind, PutItem};
use delivery_api::log::WelcomeDelivery;
use delivery_api::request::{self, Failure, Window};
use delivery_api::{Position, Problem, limits};

fn item(text: &str) -> PutItem {
    PutItem { idempotency_key: idempotency_key(), bytes: Opaque::from(text.as_bytes()) }
}

fn numbers(page: &InboxPage) -> Vec<u64> {
    page.items.iter().map(|item| item.number).collect()
}

fn read(world: &World, owner: &Key, after: u64) -> InboxPage {
    world.get(owner, request::read_inbox(owner.device(), window(after)))
}

fn acknowledge(world: &World, owner: &Key, numbers: &[u64]) {
    let acknowledge = Acknowledge { numbers: numbers.to_vec() };
    world.get(owner, request::acknowledge(owner.device(), &acknowledge));
}

pub(crate) fn an_item_stays_until_it_is_acknowledged(world: &World) {
    let (owner, sender) = (world.device(), world.device());
    for text in ["one", "two", "three"] {
        world.get(&sender, request::put_item(owner.device(), &item(text)));
    }
    let all = read(world, &owner, 0);
    assert_eq!((numbers(&all), all.more), (vec![1, 2, 3], false));
    assert!(all.items.iter().all(|item| item.kind == ItemKind::Direct));
    // Reading and registering again delete nothing.
    world.get(&owner, request::register_device(owner.device()));
    assert_eq!(read(world, &owner, 0), all);
    assert_eq!(numbers(&read(world, &owner, 1)), [2, 3]);
    let window = Window { after: Position(0), limit: 2, wait_seconds: 0 };
    let part = world.get(&owner, request::read_inbox(owner.device(), window));
    assert_eq!((numbers(&part), part.more), (vec![1, 2], true));
    acknowledge(world, &owner, &[2]);
    assert_eq!(numbers(&read(world, &owner, 0)), [1, 3]);
    // Items that are gone or never were do no harm.
    acknowledge(world, &owner, &[0, 1, 2, 99, u64::MAX]);
    assert_eq!(numbers(&read(world, &owner, 0)), [3]);
    assert_eq!(numbers(&read(world, &owner, u64::MAX)), [0; 0]);
}

pub(crate) fn only_the_owner_reads_and_acknowledges(world: &World) {
    let (owner, other) = (world.device(), world.device());
    world.get(&other, request::put_item(owner.device(), &item("private")));
    let reading = request::read_inbox(owner.device(), window(0));
    assert_eq!(world.refusal(&other, reading.clone()), Problem::NotAllowed);
    let unsigned = world.service.ask(&reading, world.now());
    assert_eq!(crate::world::refusal(unsigned), Problem::SignatureRequired);
    let acknowledging = request::acknowledge(owner.device(), &Acknowledge { numbers: vec![1] });
    assert_eq!(world.refusal(&other, acknowledging), Problem::NotAllowed);
    assert_eq!(numbers(&read(world, &owner, 0)), [1]);
    let registering = request::register_device(owner.device());
    assert_eq!(world.refusal(&other, registering), Problem::NotAllowed);
    // Unregistered devices neither have an inbox nor put anything.
    let stranger = Key::fresh();
    let putting = request::put_item(owner.device(), &item("spam"));
    assert_eq!(world.refusal(&stranger, putting), Problem::NotAllowed);
    let putting = request::put_item(stranger.device(), &item("lost"));
    assert_eq!(world.refusal(&other, putting), Problem::UnknownDevice);
    let reading = request::read_inbox(stranger.device(), window(0));
    assert_eq!(world.refusal(&stranger, reading), Problem::UnknownDevice);
}

pub(crate) fn item_numbers_are_never_used_again(world: &World) {
    let (owner, sender) = (world.device(), world.device());
    world.get(&sender, request::put_item(owner.device(), &item("one")));
    acknowledge(world, &owner, &[1]);
    world.get(&sender, request::put_item(owner.device(), &item("two")));
    assert_eq!(numbers(&read(world, &owner, 0)), [2]);
}

pub(crate) fn putting_again_puts_once(world: &World) {
    let (owner, sender) = (world.device(), world.device());
    let mut put = item("once");
    for _ in 0..2 {
        world.get(&sender, request::put_item(owner.device(), &put));
    }
    acknowledge(world, &owner, &[1]);
    world.get(&sender, request::put_item(owner.device(), &put));
    assert!(read(world, &owner, 0).items.is_empty());
    put.bytes = Opaque::from(b"other");
    let problem = world.refusal(&sender, request::put_item(owner.device(), &put));
    assert_eq!(problem, Problem::IdempotencyMismatch);
}

pub(crate) fn a_full_inbox_refuses_and_recovers(world: &World) {
    let (owner, sender) = (world.device(), world.device());
    let mut group = Group::new(world);
    group.commit(|bundle| {
        let count = usize::try_from(limits::INBOX_ITEMS_MAX).unwrap();
        bundle.welcomes = std::iter::repeat_with(|| welcome(&owner, "w")).take(count).collect();
    });
    let put = item("one too many");
    let problem = world.refusal(&sender, request::put_item(owner.device(), &put));
    assert_eq!(problem, Problem::InboxFull);
    assert!(problem.entry().retryable);
    acknowledge(world, &owner, &[1]);
    world.get(&sender, request::put_item(owner.device(), &put));
}

pub(crate) fn an_inbox_holds_so_many_bytes(world: &World) {
    use delivery_service::core::Config;
    assert_eq!(Config::default().inbox_bytes_max, limits::INBOX_BYTES_MAX);
    let large = limits::SMALL_ITEM_BYTES_MAX + 1;
    let config =
        Config { inbox_bytes_max: 3 * u64::try_from(large).unwrap(), ..crate::world::UNPACED };
    let service = world.service_with(config);
    let (owner, sender) = (world.device(), world.device());
    let put = |bytes: usize| {
        let bytes = Opaque::from(vec![1; bytes]);
        let item = PutItem { idempotency_key: idempotency_key(), bytes };
        world.ask_of(&service, &sender, request::put_item(owner.device(), &item))
    };
    let mut group = Group::new(world);
    let mut invite = |bytes: usize| {
        let next = Key::fresh();
        let mut bundle = bundle(group.head, &next);
        let welcome = Opaque::from(vec![2; bytes]);
        bundle.welcomes = vec![WelcomeDelivery { recipient: owner.device(), welcome }];
        let asking = request::commit(group.log, &bundle, None);
        let receipt = world.ask_of(&service, &group.key, asking)?;
        (group.head, group.key) = (receipt.head.0, next);
        Ok::<(), Failure>(())
    };
    // Welcomes count like all others.
    invite(large).unwrap();
    put(large - 1).unwrap();
    acknowledge(world, &owner, &[2]);
    put(large).unwrap();
    invite(large).unwrap();
    // Full to the last byte; small items have a limit of their own.
    assert_eq!(crate::world::refusal(put(large)), Problem::InboxFull);
    assert_eq!(crate::world::refusal(invite(large)), Problem::InboxFull);
    put(large - 1).unwrap();
    acknowledge(world, &owner, &[1]);
    // The small item has taken nearly all of what became free.
    assert_eq!(crate::world::refusal(put(large)), Problem::InboxFull);
    acknowledge(world, &owner, &[5]);
    put(large).unwrap();
    assert_eq!(crate::world::refusal(put(large)), Problem::InboxFull);
}

pub(crate) fn only_the_invited_register(world: &World) {
    use delivery_service::core::Admission;
    let token = b"a token that nobody guesses";
    let admission = Admission::Tokens(vec![crate::world::sha256(token)]);
    let before = world.device();
    let service = world.service_for(admission);
    let guest = Key::fresh();
    for wrong in [&b""[..], b"a token that nobody guesseS", &token[1..]] {
        let asking = request::register_invited(guest.device(), wrong);
        let refused = crate::world::refusal(world.ask_of(&service, &guest, asking));
        assert_eq!(refused, Problem::AdmissionRequired);
        assert!(!refused.entry().retryable);
    }
    // Who is not registered may do nothing that takes a device.
    let putting = request::put_item(before.device(), &item("spam"));
    let refused = crate::world::refusal(world.ask_of(&service, &guest, putting));
    assert_eq!(refused, Problem::NotAllowed);
    let asking = request::register_invited(guest.device(), token);
    world.ask_of(&service, &guest, asking).unwrap();
    // Once registered, again without a token; and whoever was there before stays.
    for device in [&guest, &before] {
        let again = request::register_device(device.device());
        world.ask_of(&service, device, again).unwrap();
    }
    let long = vec![7; limits::TOKEN_BYTES_MAX + 1];
    let asking = request::register_invited(guest.device(), &long);
    let refused = crate::world::refusal(world.ask_of(&service, &guest, asking));
    assert_eq!(refused, Problem::TooLarge);
}

pub(crate) fn a_bundle_has_a_limited_number_of_welcomes(world: &World) {
    let (owner, group) = (world.device(), Group::new(world));
    let mut bundle = bundle(0, &Key::fresh());
    bundle.welcomes =
        std::iter::repeat_with(|| welcome(&owner, "w")).take(limits::WELCOMES_MAX + 1).collect();
    let problem = world.refusal(&group.key, request::commit(group.log, &bundle, None));
    assert_eq!(problem, Problem::TooLarge);
    assert!(read(world, &owner, 0).items.is_empty());
}
