//! `receive --follow` goes on, and prints what others do as they do it.

use crate::program::{Running, Service};

#[test]
fn whoever_follows_hears_of_everything_as_it_happens() {
    let service = Service::start();
    for name in ["alice", "bob"] {
        let made = service.run(name, &["account", "create", name, "--server", &service.url]);
        assert!(made.status.success());
    }
    let mut following = Running::start(service.command("bob", &["receive", "--follow"]));
    for arguments in [
        &["group", "create", "garden"][..],
        &["group", "add", "garden", "bob"],
        &["send", "garden", "hello"],
        &["group", "update", "garden"],
        &["send", "garden", "again"],
    ] {
        assert!(service.run("alice", arguments).status.success());
    }
    let expected = [
        "garden  epoch 1   you joined: alice, bob",
        "garden  epoch 1   alice: hello",
        "garden  epoch 2   alice updated their keys",
        "garden  epoch 2   alice: again",
    ];
    for line in expected {
        assert_eq!(following.line(), line);
    }
    // One process at a time uses an account.
    let refused = service.run("bob", &["group", "list"]);
    assert_eq!(refused.status.code(), Some(6));
    following.interrupt();
    let shown = service.run("bob", &["receive"]);
    assert!(shown.status.success() && shown.stdout.is_empty(), "nothing is told twice");
}
