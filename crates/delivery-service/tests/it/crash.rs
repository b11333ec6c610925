//! What was acknowledged survives the process (G3, G4, G6): a real server, killed at some instant.
//!
//! The server is this test binary started again with [`child_server`] as its only test.

use crate::http::Client;
use crate::world::{Directory, Key, bundle, fresh_bytes, sha256, unpaced, welcome, window};
use codec::Opaque;
use delivery_api::key_package::{ClaimKeyPackage, UploadKeyPackages};
use delivery_api::log::{CommitBundle, EntryKind, Receipt};
use delivery_api::service::ServiceInfo;
use delivery_api::{LogId, Position, Problem, PublicKey, request};
use delivery_service::Server;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const DIRECTORY_VARIABLE: &str = "CONCLAVE_CRASH_TEST_DIRECTORY";

/// Not a test by itself: the process that the tests here kill.
#[test]
#[ignore = "started by the crash tests"]
fn child_server() {
    let Ok(directory) = std::env::var(DIRECTORY_VARIABLE) else { return };
    let directory = Path::new(&directory);
    let server = Server::bind_with("127.0.0.1:0", directory, unpaced()).unwrap();
    let draft = directory.join("address.new");
    std::fs::write(&draft, server.local_addr().to_string()).unwrap();
    std::fs::rename(draft, directory.join("address")).unwrap();
    // The parent's end of the pipe closes when the parent ends, however it ends.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

/// The process that serves; killed when the test is through with it, also if the test fails.
struct ChildServer(Child);

impl ChildServer {
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for ChildServer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(directory: &Path) -> (ChildServer, Client) {
    let address = directory.join("address");
    let _ = std::fs::remove_file(&address);
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child_server", "--ignored"])
        .env(DIRECTORY_VARIABLE, directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut child = ChildServer(child);
    let mut client = loop {
        if let Ok(text) = std::fs::read_to_string(&address) {
            let service = PublicKey::new([0; 32]);
            break Client { address: text.parse().unwrap(), service };
        }
        assert!(child.0.try_wait().unwrap().is_none(), "the server did not start");
        std::thread::sleep(Duration::from_millis(20));
    };
    let info = client.try_ask(&Key::fresh(), request::service_info()).unwrap().unwrap();
    let ServiceInfo { key, .. } = info;
    client.service = key;
    (child, client)
}

/// What one member did: every bundle it submitted, and the receipts it got.
struct Committed {
    log: LogId,
    first: Key,
    submitted: Vec<(CommitBundle, Key)>,
    receipts: Vec<Receipt>,
}

/// Commits one after the other until the server is gone.
fn commit_until_killed(client: &Client, invited: &Key, acknowledged: &AtomicUsize) -> Committed {
    let first = Key::fresh();
    let mut history = Committed {
        log: LogId::new(fresh_bytes()),
        first,
        submitted: Vec::new(),
        receipts: Vec::new(),
    };
    loop {
        let next = Key::fresh();
        let mut bundle = bundle(history.receipts.len() as u64, &next);
        let text = format!("welcome {}", history.receipts.len() + 1);
        bundle.welcomes = vec![welcome(invited, &text)];
        bundle.group_info = Opaque::from(text.into_bytes());
        let key = history.submitted.last().map_or(&history.first, |(_, key)| key);
        let request = request::commit(history.log, &bundle, None);
        let outcome = client.try_ask(key, request);
        history.submitted.push((bundle, next));
        match outcome {
            Ok(receipt) => history.receipts.push(receipt.unwrap()),
            Err(_) => return history,
        }
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
}

fn claim_until_killed(
    client: &Client,
    owner: &Key,
    acknowledged: &AtomicUsize,
) -> BTreeSet<Opaque> {
    let mut claimed = BTreeSet::new();
    let claim = || request::claim_key_package(owner.device(), &ClaimKeyPackage { suite: 1 });
    while let Ok(outcome) = client.try_ask(owner, claim()) {
        match outcome {
            Ok(answer) => assert!(claimed.insert(answer.key_package), "handed out twice"),
            Err(failure) => assert_eq!(failure, Problem::NoKeyPackage.into_failure()),
        }
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
    claimed
}

trait IntoFailure {
    fn into_failure(self) -> delivery_api::request::Failure;
}

impl IntoFailure for Problem {
    fn into_failure(self) -> delivery_api::request::Failure {
        delivery_api::request::Failure::Problem(self)
    }
}

/// Everything acknowledged is there, everything there is whole, and retries find their receipts.
fn check_history(client: &Client, invited: &Key, history: &Committed) {
    let Committed { log, first, submitted, receipts } = history;
    let page = client.try_ask(first, request::read_log(*log, window(0))).unwrap().unwrap();
    // At most the one submission whose answer never came may be there besides.
    assert!([receipts.len(), receipts.len() + 1].contains(&page.entries.len()));
    for (entry, (bundle, _)) in page.entries.iter().zip(submitted) {
        assert_eq!((entry.kind, &entry.bytes), (EntryKind::Commit, &bundle.commit));
    }
    for (receipt, (bundle, _)) in receipts.iter().zip(submitted) {
        assert_eq!(receipt.position, Position(bundle.expected_head.0 + 1));
    }
    // Wholeness: exactly the Welcomes and the GroupInfo of the commits that are there.
    let inbox = client.try_ask(invited, request::read_inbox(invited.device(), window(0)));
    let welcomes: Vec<_> =
        inbox.unwrap().unwrap().items.into_iter().map(|item| item.bytes).collect();
    let there = &submitted[..page.entries.len()];
    let expected: Vec<_> =
        there.iter().map(|(bundle, _)| bundle.welcomes[0].welcome.clone()).collect();
    assert_eq!(welcomes, expected);
    if let Some((bundle, key)) = there.last() {
        let info = client.try_ask(key, request::group_info(*log)).unwrap().unwrap();
        assert_eq!(info.group_info, bundle.group_info);
    }
    // Submitting everything again, also what was in flight, changes only what was not there.
    let mut key = first;
    for (index, (bundle, next)) in submitted.iter().enumerate() {
        let again = client.try_ask(key, request::commit(*log, bundle, None)).unwrap().unwrap();
        assert!(receipts.get(index).is_none_or(|receipt| *receipt == again));
        key = next;
    }
    let page = client.try_ask(first, request::read_log(*log, window(0))).unwrap().unwrap();
    assert_eq!(page.entries.len(), submitted.len());
}

#[test]
fn what_was_acknowledged_survives_being_killed() {
    for round in 0..4 {
        let directory = Directory::new();
        let (mut child, client) = start(directory.path());
        let (invited, owner) = (Key::fresh(), Key::fresh());
        for device in [&invited, &owner] {
            client.try_ask(device, request::register_device(device.device())).unwrap().unwrap();
        }
        let upload = UploadKeyPackages {
            suite: 1,
            not_after_seconds: u64::MAX,
            replace: false,
            key_packages: (0..200_u32).map(|n| Opaque::from(&sha256(&n.to_be_bytes()))).collect(),
            last_resort: None,
        };
        let uploading = request::upload_key_packages(owner.device(), &upload);
        client.try_ask(&owner, uploading).unwrap().unwrap();

        let acknowledged = AtomicUsize::new(0);
        let kill_after = 5 + usize::from(fresh_bytes()[0]) % 60;
        let (history, mut claimed) = std::thread::scope(|scope| {
            let committer = scope.spawn(|| commit_until_killed(&client, &invited, &acknowledged));
            let claimer = scope.spawn(|| claim_until_killed(&client, &owner, &acknowledged));
            // Both finish only if something went wrong; joining them says what.
            let running = || !committer.is_finished() || !claimer.is_finished();
            while acknowledged.load(Ordering::Relaxed) < kill_after && running() {
                std::thread::yield_now();
            }
            child.kill();
            (committer.join().unwrap(), claimer.join().unwrap())
        });

        let (mut child, client) = start(directory.path());
        check_history(&client, &invited, &history);
        let before = claimed.len();
        let claim = || request::claim_key_package(owner.device(), &ClaimKeyPackage { suite: 1 });
        while let Ok(answer) = client.try_ask(&owner, claim()).unwrap() {
            assert!(claimed.insert(answer.key_package), "handed out twice, round {round}");
        }
        // The answer of one claim may have been lost with the process, no more.
        assert!(claimed.len() >= 199 && before <= 200, "round {round}: {}", claimed.len());
        child.kill();
    }
}
