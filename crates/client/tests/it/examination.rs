//! Examining an account: a healthy one is found so, and each fault is found.

use crate::world::World;
use client::transport::HttpResponse;
use client::{Account, Finding, Verdict};

fn found(account: &mut Account, check: &str) -> Finding {
    let findings = account.examine();
    let finding = findings.iter().find(|finding| finding.check == check);
    finding.unwrap_or_else(|| panic!("no `{check}` in {findings:?}")).clone()
}

#[test]
fn a_healthy_account_is_found_so_and_stays_as_it_is() {
    let world = World::new();
    let (mut alice, mut bob) = (world.account("alice"), world.account("bob"));
    let group = alice.create_group("garden").unwrap();
    alice.add(&group, &["bob"]).unwrap();
    bob.receive().unwrap();
    alice.send(&group, "hello").unwrap();
    let findings = bob.examine();
    assert!(findings.iter().all(|it| it.verdict == Verdict::Good), "{findings:#?}");
    let checks: Vec<&str> = findings.iter().map(|finding| finding.check).collect();
    let expected = [
        "database",
        "rows",
        "group",
        "intents",
        "credential",
        "service",
        "clock",
        "key-packages",
        "log",
    ];
    assert_eq!(checks, expected);
    assert!(found(&mut bob, "log").text.ends_with("1 to go"), "it was looked at, not read");
}

#[test]
fn what_waits_and_a_service_that_is_away_are_told() {
    let world = World::new();
    let transport = world.transport();
    let mut alice = world.account_over("alice", transport.clone());
    let group = alice.create_group("garden").unwrap();
    transport.end_at(transport.requests(), false);
    assert!(alice.send(&group, "hello").is_err());
    let intents = found(&mut alice, "intents");
    assert_eq!((intents.verdict, &*intents.text), (Verdict::Warning, "waiting: send a message"));
    assert_eq!(found(&mut alice, "service").verdict, Verdict::Bad);
    assert!(alice.examine().iter().all(|finding| finding.check != "log"));
}

#[test]
fn a_service_with_another_key_is_not_asked_further() {
    let world = World::new();
    let transport = world.transport();
    let mut alice = world.account_over("alice", transport.clone());
    transport.tamper(Some(Box::new(|request, mut response: HttpResponse| {
        if request.path.starts_with("/.well-known") {
            response.body[10] ^= 1;
        }
        response
    })));
    assert_eq!(found(&mut alice, "service").verdict, Verdict::Bad);
    assert_eq!(alice.examine().last().unwrap().check, "service");
}

#[test]
fn a_log_with_another_past_is_found_out() {
    let world = World::new();
    let transport = world.transport();
    let mut alice = world.account_over("alice", transport.clone());
    let group = alice.create_group("garden").unwrap();
    alice.send(&group, "hello").unwrap();
    transport.tamper(Some(Box::new(|request, mut response: HttpResponse| {
        if request.path.contains("/entries?") {
            // The chain comes first, or in any case every byte counts.
            response.body.iter_mut().for_each(|byte| *byte ^= 1);
        }
        response
    })));
    assert_eq!(found(&mut alice, "log").verdict, Verdict::Bad);
}

#[cfg(unix)]
#[test]
fn a_folder_that_others_may_enter_is_found() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    for (mode, verdict) in [(0o700, Verdict::Good), (0o750, Verdict::Bad), (0o701, Verdict::Bad)] {
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(client::examine_folder(folder.path()).verdict, verdict, "{mode:o}");
    }
    assert_eq!(client::examine_folder(&folder.path().join("none")).verdict, Verdict::Bad);
}
