//! The key-package directory (G6).

use crate::world::{Key, World, fresh_bytes};
use codec::Opaque;
use delivery_api::key_package::{
    ClaimKeyPackage, ClaimedKeyPackage, SuiteStock, UploadKeyPackages,
};
use delivery_api::request::{self, Failure};
use delivery_api::{Problem, limits};

pub(crate) fn upload(world: &World, suite: u16, texts: &[&str]) -> UploadKeyPackages {
    UploadKeyPackages {
        suite,
        not_after_seconds: world.now() + 1000,
        replace: false,
        key_packages: texts.iter().map(|text| Opaque::from(text.as_bytes())).collect(),
        last_resort: None,
    }
}

fn claim(
    world: &World,
    claimer: &Key,
    owner: &Key,
    suite: u16,
) -> Result<ClaimedKeyPackage, Failure> {
    world.ask(claimer, request::claim_key_package(owner.device(), &ClaimKeyPackage { suite }))
}

fn claimed(world: &World, claimer: &Key, owner: &Key) -> (String, bool) {
    let claimed = claim(world, claimer, owner, 1).unwrap();
    (String::from_utf8(claimed.key_package.into_vec()).unwrap(), claimed.last_resort)
}

fn stock(world: &World, owner: &Key) -> Vec<SuiteStock> {
    world.get(owner, request::stock(owner.device())).suites
}

pub(crate) fn each_is_handed_out_once_then_the_last_resort_flagged(world: &World) {
    let (owner, claimer) = (world.device(), world.device());
    let nothing = claim(world, &claimer, &owner, 1);
    assert_eq!(crate::world::refusal(nothing), Problem::NoKeyPackage);
    let mut packages = upload(world, 1, &["a", "b"]);
    packages.last_resort = Some(Opaque::from(b"last"));
    let answer = world.get(&owner, request::upload_key_packages(owner.device(), &packages));
    assert_eq!(answer.suites, [SuiteStock { suite: 1, count: 2, last_resort: true }]);
    assert_eq!(claimed(world, &claimer, &owner), ("a".to_owned(), false));
    assert_eq!(claimed(world, &claimer, &owner), ("b".to_owned(), false));
    assert_eq!(claimed(world, &claimer, &owner), ("last".to_owned(), true));
    assert_eq!(claimed(world, &claimer, &owner), ("last".to_owned(), true));
    assert_eq!(stock(world, &owner), [SuiteStock { suite: 1, count: 0, last_resort: true }]);
}

pub(crate) fn a_retried_upload_restocks_nothing(world: &World) {
    let (owner, claimer) = (world.device(), world.device());
    let packages = upload(world, 1, &["a", "b", "b"]);
    world.get(&owner, request::upload_key_packages(owner.device(), &packages));
    assert_eq!(claimed(world, &claimer, &owner).0, "a");
    let answer = world.get(&owner, request::upload_key_packages(owner.device(), &packages));
    assert_eq!(answer.suites[0].count, 1);
    assert_eq!(claimed(world, &claimer, &owner).0, "b");
    assert!(claim(world, &claimer, &owner, 1).is_err());
    assert!(stock(world, &owner).is_empty());
}

pub(crate) fn an_overtaken_last_resort_does_not_come_back(world: &World) {
    let (owner, claimer) = (world.device(), world.device());
    let mut old = upload(world, 1, &[]);
    old.last_resort = Some(Opaque::from(b"old"));
    let mut new = upload(world, 1, &[]);
    new.last_resort = Some(Opaque::from(b"new"));
    for packages in [&old, &old, &new, &old, &new] {
        world.get(&owner, request::upload_key_packages(owner.device(), packages));
    }
    assert_eq!(claimed(world, &claimer, &owner), ("new".to_owned(), true));
    // Neither can one that was used as a single one.
    let single = upload(world, 1, &["single"]);
    world.get(&owner, request::upload_key_packages(owner.device(), &single));
    assert_eq!(claimed(world, &claimer, &owner), ("single".to_owned(), false));
    let mut reused = upload(world, 1, &[]);
    reused.last_resort = Some(Opaque::from(b"single"));
    world.get(&owner, request::upload_key_packages(owner.device(), &reused));
    assert_eq!(claimed(world, &claimer, &owner), ("new".to_owned(), true));
}

pub(crate) fn replacing_withdraws_what_is_not_uploaded(world: &World) {
    let (owner, claimer) = (world.device(), world.device());
    let mut packages = upload(world, 1, &["a", "b"]);
    packages.last_resort = Some(Opaque::from(b"last"));
    world.get(&owner, request::upload_key_packages(owner.device(), &packages));
    let other_suite = upload(world, 2, &["untouched"]);
    world.get(&owner, request::upload_key_packages(owner.device(), &other_suite));
    let mut replacing = upload(world, 1, &["b", "c"]);
    replacing.replace = true;
    let answer = world.get(&owner, request::upload_key_packages(owner.device(), &replacing));
    let expected = [
        SuiteStock { suite: 1, count: 2, last_resort: false },
        SuiteStock { suite: 2, count: 1, last_resort: false },
    ];
    assert_eq!(answer.suites, expected);
    assert_eq!(claimed(world, &claimer, &owner).0, "b");
    assert_eq!(claimed(world, &claimer, &owner).0, "c");
    assert!(claim(world, &claimer, &owner, 1).is_err());
}

pub(crate) fn suites_and_devices_are_apart(world: &World) {
    let (owner, other) = (world.device(), world.device());
    for (device, suite) in [(&owner, 1), (&owner, 2), (&other, 1)] {
        let packages = upload(world, suite, &["same bytes"]);
        world.get(device, request::upload_key_packages(device.device(), &packages));
    }
    // The same bytes of one device count once: the second suite's upload was a repetition.
    assert_eq!(stock(world, &owner).len(), 1);
    assert!(claim(world, &other, &owner, 2).is_err());
    assert!(claim(world, &other, &owner, 1).is_ok());
    assert!(claim(world, &owner, &other, 1).is_ok());
}

pub(crate) fn only_the_owner_uploads_and_sees_the_stock(world: &World) {
    let (owner, other, stranger) = (world.device(), world.device(), Key::fresh());
    let packages = upload(world, 1, &["forged"]);
    let uploading = request::upload_key_packages(owner.device(), &packages);
    assert_eq!(world.refusal(&other, uploading), Problem::NotAllowed);
    assert_eq!(world.refusal(&other, request::stock(owner.device())), Problem::NotAllowed);
    assert!(stock(world, &owner).is_empty());
    let uploading = request::upload_key_packages(stranger.device(), &packages);
    assert_eq!(world.refusal(&stranger, uploading), Problem::UnknownDevice);
    world.get(&owner, request::upload_key_packages(owner.device(), &packages));
    let claiming = claim(world, &stranger, &owner, 1);
    assert_eq!(crate::world::refusal(claiming), Problem::NotAllowed);
    let claiming = claim(world, &other, &stranger, 1);
    assert_eq!(crate::world::refusal(claiming), Problem::UnknownDevice);
    assert_eq!(stock(world, &owner)[0].count, 1);
}

pub(crate) fn expired_ones_are_not_handed_out(world: &World) {
    let (owner, claimer) = (world.device(), world.device());
    let mut packages = upload(world, 1, &["a"]);
    packages.last_resort = Some(Opaque::from(b"last"));
    world.get(&owner, request::upload_key_packages(owner.device(), &packages));
    world.advance(999);
    assert_eq!(stock(world, &owner)[0].count, 1);
    world.advance(1);
    assert!(stock(world, &owner).is_empty());
    assert!(claim(world, &claimer, &owner, 1).is_err());
    let late = request::upload_key_packages(owner.device(), &packages);
    assert_eq!(world.refusal(&owner, late), Problem::Malformed);
    world.advance(1);
    world.service.housekeep(world.now()).unwrap();
    // The service believes no lifetime beyond its limit.
    let mut endless = upload(world, 1, &["endless"]);
    endless.not_after_seconds = u64::MAX;
    world.get(&owner, request::upload_key_packages(owner.device(), &endless));
    world.advance(limits::KEY_PACKAGE_LIFETIME_SECONDS_MAX);
    assert!(claim(world, &claimer, &owner, 1).is_err());
}

pub(crate) fn stock_is_limited(world: &World) {
    let owner = world.device();
    let max = usize::try_from(limits::STOCK_MAX).unwrap();
    let fill = |suite, count| {
        let mut packages = upload(world, suite, &[]);
        packages.key_packages = (0..count).map(|_| Opaque::from(&fresh_bytes())).collect();
        world.ask(&owner, request::upload_key_packages(owner.device(), &packages))
    };
    assert_eq!(crate::world::refusal(fill(1, max + 1)), Problem::StockFull);
    assert!(stock(world, &owner).is_empty());
    assert!(fill(1, max).is_ok());
    assert_eq!(crate::world::refusal(fill(1, 1)), Problem::StockFull);
    for suite in 2..=u16::try_from(limits::SUITES_MAX).unwrap() {
        assert!(fill(suite, 1).is_ok());
    }
    assert_eq!(crate::world::refusal(fill(1000, 1)), Problem::StockFull);
    let mut large = upload(world, 1, &[]);
    large.key_packages = vec![Opaque::from(vec![0; limits::KEY_PACKAGE_BYTES_MAX + 1])];
    let uploading = request::upload_key_packages(owner.device(), &large);
    assert_eq!(world.refusal(&owner, uploading), Problem::TooLarge);
}
