//! Commands that are killed at random points: no output is lost or half-written, no key is used
//! twice.
//!
//! Whatever point is hit, every message whose key was used up is had in the end, from its file or
//! the outbox, and the other side, which refuses a generation that comes twice, decrypts it.

use crate::program::conclave;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

/// How often each command is killed.
const ROUNDS: u64 = 24;

struct Folder(tempfile::TempDir);

impl Folder {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, state: &str, arguments: &[&str]) -> std::process::Command {
        let mut command = conclave(&["mls", "--accept-any", "--state", state]);
        command.args(arguments).current_dir(self.0.path());
        command
    }

    /// Runs a command that must succeed.
    fn run(&self, state: &str, arguments: &[&str]) -> Output {
        let output = self.command(state, arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// Starts a command and kills it after a while, if it is not done before.
    fn kill_after(&self, state: &str, arguments: &[&str], delay: Duration) {
        let mut command = self.command(state, arguments);
        command.stderr(std::process::Stdio::null());
        let mut child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(delay);
        // It may be done.
        let _ = child.kill();
        child.wait().unwrap();
    }

    /// Takes everything out of a client's outbox, into files with these names and numbers.
    fn empty_outbox(&self, state: &str, name: &str) -> Vec<PathBuf> {
        let listed = String::from_utf8(self.run(state, &["outbox", "list"]).stdout).unwrap();
        let numbers = listed.lines().map(|line| line.split_once(' ').unwrap().0.to_owned());
        let take = |number: String| {
            let file = format!("{name}.{number}");
            self.run(state, &["outbox", "take", &number, "-o", &file]);
            self.path(&file)
        };
        numbers.map(take).collect()
    }
}

fn pair() -> Folder {
    let folder = Folder(tempfile::tempdir().unwrap());
    folder.run("alice", &["init", "alice"]);
    folder.run("bob", &["init", "bob"]);
    folder.run("bob", &["key-package", "-o", "bob.kp"]);
    folder.run("alice", &["create"]);
    let add = ["commit", "--add", "bob.kp", "-o", "commit", "--welcome", "welcome", "--apply"];
    folder.run("alice", &add);
    folder.run("bob", &["join", "welcome"]);
    folder
}

/// Delays spread over the time that a command takes, from before its start to past its end, in an
/// order without pattern.
fn delays(whole: Duration) -> impl Iterator<Item = Duration> {
    (0..ROUNDS).map(move |round| {
        let place = u32::try_from(round * 7919 % ROUNDS).unwrap();
        whole * place / u32::try_from(ROUNDS - 4).unwrap()
    })
}

fn read(path: &Path) -> Option<Vec<u8>> {
    std::fs::read(path).ok()
}

#[test]
fn a_killed_sender_uses_no_key_twice_and_loses_no_message() {
    let folder = pair();
    let start = Instant::now();
    folder.run("alice", &["protect", "bob.kp", "-o", "message.first"]);
    let whole = start.elapsed();
    let mut messages = BTreeSet::from([read(&folder.path("message.first")).unwrap()]);
    for (round, delay) in delays(whole).enumerate() {
        let (data, file) = (format!("data {round}"), format!("message {round}"));
        std::fs::write(folder.path("data"), &data).unwrap();
        folder.kill_after("alice", &["protect", "data", "-o", &file], delay);
        messages.extend(read(&folder.path(&file)));
    }
    // A message may be in its file and in the outbox: then it is the same.
    messages.extend(folder.empty_outbox("alice", "kept").iter().filter_map(|path| read(path)));
    assert!(messages.len() > 1, "some commands were done");
    let mut heard = BTreeSet::new();
    for message in &messages {
        std::fs::write(folder.path("message"), message).unwrap();
        // Fails if it is half a message, or if its key was used before.
        let said = folder.run("bob", &["unprotect", "message"]).stdout;
        assert!(heard.insert(said), "every message says something else");
    }
    // No generation is missing: whoever skips one has used up a key for a lost message.
    std::fs::write(folder.path("data"), "last").unwrap();
    folder.run("alice", &["protect", "data", "-o", "last"]);
    assert_eq!(folder.run("bob", &["unprotect", "last"]).stdout, b"last");
    let skipped = skipped_keys(&folder.path("bob").join("mls.sqlite3"));
    assert_eq!(skipped, 0, "keys that bob keeps for messages that never came");
}

/// How many rows of the secret trees hold keys of skipped generations. A row's id is the epoch and
/// the kind of the row, of which 3 is this one.
fn skipped_keys(file: &Path) -> i64 {
    let rows = rusqlite::Connection::open(file).unwrap();
    let sql = "SELECT count(*) FROM mls_rows WHERE kind = ? AND substr(id, 9, 1) = x'03'";
    rows.query_row(sql, [mls::RowKind::SecretTree as u8], |row| row.get(0)).unwrap()
}

#[test]
fn a_killed_receiver_loses_no_message() {
    let folder = pair();
    std::fs::write(folder.path("data"), "first").unwrap();
    folder.run("alice", &["protect", "data", "-o", "message"]);
    let start = Instant::now();
    folder.run("bob", &["unprotect", "message", "-o", "text"]);
    let whole = start.elapsed();
    for (round, delay) in delays(whole).enumerate() {
        let said = format!("said {round}").into_bytes();
        std::fs::write(folder.path("data"), &said).unwrap();
        folder.run("alice", &["protect", "data", "-o", "message"]);
        let text = folder.path("text");
        std::fs::remove_file(&text).ok();
        folder.kill_after("bob", &["unprotect", "message", "-o", "text"], delay);
        let kept = folder.empty_outbox("bob", &format!("kept {round}"));
        let found = read(&text).or_else(|| kept.iter().find_map(|path| read(path)));
        match found {
            Some(found) => assert_eq!(found, said, "whole or not at all"),
            // Nothing was done: the message can still be decrypted.
            None => assert_eq!(folder.run("bob", &["unprotect", "message"]).stdout, said),
        }
    }
}

#[test]
fn a_killed_committer_has_the_commit_or_never_made_it() {
    let folder = pair();
    let start = Instant::now();
    folder.run("alice", &["commit", "-o", "commit", "--apply"]);
    let whole = start.elapsed();
    folder.run("bob", &["process", "commit"]);
    for (round, delay) in delays(whole).enumerate() {
        std::fs::remove_file(folder.path("commit")).ok();
        folder.kill_after("alice", &["commit", "-o", "commit", "--apply"], delay);
        let kept = folder.empty_outbox("alice", &format!("kept {round}"));
        let commit = read(&folder.path("commit")).or_else(|| kept.iter().find_map(|it| read(it)));
        if let Some(commit) = commit {
            std::fs::write(folder.path("commit"), commit).unwrap();
            folder.run("bob", &["process", "commit"]);
        }
        let authenticator = |state| folder.run(state, &["authenticator"]).stdout;
        assert_eq!(authenticator("alice"), authenticator("bob"), "round {round}");
    }
}

/// More than a pipe holds.
const LONG: usize = 300_000;

/// Starts a command whose standard output nobody reads, and waits until its state is durable: it
/// cannot end by itself.
fn stuck(folder: &Folder, state: &str, arguments: &[&str]) -> std::process::Child {
    let mut command = folder.command(state, arguments);
    let child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let file = folder.path(state).join("mls.sqlite3");
    let waits = || {
        let rows = rusqlite::Connection::open(&file).unwrap();
        rows.query_row("SELECT count(*) FROM outbox", [], |row| row.get::<_, i64>(0)).unwrap() > 0
    };
    while !waits() {
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

#[test]
fn output_that_nobody_took_is_in_the_outbox() {
    let folder = pair();
    let data = vec![b'x'; LONG];
    std::fs::write(folder.path("data"), &data).unwrap();
    let mut sender = stuck(&folder, "alice", &["protect", "data"]);
    sender.kill().unwrap();
    sender.wait().unwrap();
    let [message] = &folder.empty_outbox("alice", "message")[..] else { panic!("one message") };
    let message = message.to_str().unwrap();
    let mut receiver = stuck(&folder, "bob", &["unprotect", message]);
    receiver.kill().unwrap();
    receiver.wait().unwrap();
    // Its key is erased, and the data is there.
    let again = folder.command("bob", &["unprotect", message]).output().unwrap();
    assert_eq!(again.status.code(), Some(5));
    let [text] = &folder.empty_outbox("bob", "text")[..] else { panic!("one text") };
    assert!(read(text).unwrap() == data);
    for state in ["alice", "bob"] {
        assert!(folder.run(state, &["outbox", "list"]).stdout.is_empty());
    }
}

#[test]
fn one_process_at_a_time_uses_a_state() {
    let folder = pair();
    std::fs::write(folder.path("data"), vec![b'x'; LONG]).unwrap();
    let mut first = stuck(&folder, "alice", &["protect", "data"]);
    let refused = folder.command("alice", &["groups"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(6));
    first.kill().unwrap();
    first.wait().unwrap();
    folder.run("alice", &["groups"]);
}
