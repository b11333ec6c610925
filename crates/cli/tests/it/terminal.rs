//! `conclave chat` in a real terminal: tmux holds it, types, and reads the screen.
//!
//! Without tmux these tests say that they are skipped; in CI they fail.

use crate::program::Service;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long something may take to appear; a test that passes never waits as long.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many terminals there were.
static TERMINALS: AtomicU32 = AtomicU32::new(0);

/// Whether there is a tmux.
fn is_tmux_here() -> bool {
    if Command::new("tmux").arg("-V").output().is_ok() {
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "tmux is needed to test `chat`");
    eprintln!("SKIPPED: without tmux `chat` is not tested in a terminal");
    false
}

/// A terminal of 80 by 24 with a program in it, on a tmux server of its own.
struct Terminal {
    socket: PathBuf,
}

impl Terminal {
    /// Runs `conclave chat` for an account.
    fn chat(service: &Service, name: &str, arguments: &str) -> Self {
        // A server that ends may still hold its socket.
        let number = TERMINALS.fetch_add(1, Ordering::Relaxed);
        let terminal = Self { socket: service.folder().join(format!("{number}.tmux")) };
        let home = service.home(name);
        let program = env!("CARGO_BIN_EXE_conclave");
        // The shell stays, so that what the program leaves on the screen can be read.
        let run = format!(
            "cd {home:?}; CONCLAVE_CONFIG= CONCLAVE_HOME={home:?} NO_COLOR=1 {program:?} \
             chat {arguments}; echo ended $?; cat"
        );
        let arguments = ["new-session", "-d", "-x", "80", "-y", "24", &run];
        let started = terminal.tmux(&arguments);
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(&self.socket).args(["-f", "/dev/null"]).args(arguments);
        command.env_remove("TMUX").env("LC_ALL", "C.UTF-8").env("TERM", "xterm");
        command.output().unwrap()
    }

    /// What is on the screen.
    fn screen(&self) -> String {
        String::from_utf8(self.tmux(&["capture-pane", "-p"]).stdout).unwrap()
    }

    /// Types text, and enters it.
    fn enter(&self, text: &str) {
        assert!(self.tmux(&["send-keys", "-l", text]).status.success());
        self.press("Enter");
    }

    fn press(&self, key: &str) {
        assert!(self.tmux(&["send-keys", key]).status.success());
    }

    /// Waits until the screen shows all of these.
    fn shows(&self, texts: &[&str]) {
        let start = Instant::now();
        loop {
            let screen = self.screen();
            let missing: Vec<_> = texts.iter().filter(|text| !screen.contains(**text)).collect();
            if missing.is_empty() {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "{missing:?} is not on the screen:\n{screen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

fn people(service: &Service, names: &[&str]) {
    for name in names {
        let made = service.run(name, &["account", "create", name, "--server", &service.url]);
        assert!(made.status.success());
    }
}

/// The numbers to compare that a terminal shows.
fn numbers(terminal: &Terminal) -> Vec<String> {
    terminal.shows(&["Epoch authenticator", "(believed at first use)"]);
    let screen = terminal.screen();
    let panes = screen.lines().map(|line| line.chars().skip(22).collect::<String>());
    let is_number = |line: &String| line.chars().all(|it| it.is_ascii_digit() || it == ' ');
    let digits = panes.map(|pane| pane.trim().to_owned()).filter(is_number);
    digits.filter(|line| !line.is_empty()).collect()
}

#[test]
fn two_people_talk_in_two_terminals() {
    if !is_tmux_here() {
        return;
    }
    let service = Service::start();
    people(&service, &["alice", "bob"]);
    std::fs::write(service.home("alice").join("plan.txt"), "beans left").unwrap();
    let alice = Terminal::chat(&service, "alice", "");
    alice.shows(&["conclave  alice  online", "/create NAME makes one"]);
    alice.enter("/create garden");
    alice.shows(&[">garden", "garden: 1 members, epoch 0", "-- you created the group"]);
    let bob = Terminal::chat(&service, "bob", "");
    bob.shows(&["conclave  bob  online"]);

    alice.enter("/add bob");
    alice.shows(&["-- alice added bob", "garden: 2 members, epoch 1"]);
    bob.shows(&[">garden", "-- you joined: alice, bob"]);
    alice.enter("hello, bob");
    alice.shows(&["you: hello, bob  [sent #2]"]);
    bob.shows(&["alice: hello, bob"]);
    bob.enter("hello, alice");
    alice.shows(&["bob: hello, alice"]);

    // Two conversations: what is said in the one that is not shown is counted.
    bob.enter("/create shed");
    bob.shows(&["\n shed "]);
    bob.press("Tab");
    bob.shows(&[">shed", "shed: 1 members, epoch 0"]);
    // Behind this, it is known what bob looks at.
    bob.enter("empty so far");
    bob.shows(&["you: empty so far  [sent #1]"]);
    alice.enter("are you there?");
    bob.shows(&["garden (1)"]);
    bob.press("Tab");
    bob.shows(&[">garden", "alice: are you there?"]);

    // A file, both ways through the service.
    alice.enter("/file plan.txt");
    bob.shows(&["plan.txt, 10 bytes"]);
    bob.enter("/save plan.txt");
    bob.shows(&["saved ./plan.txt"]);
    let saved = std::fs::read_to_string(service.home("bob").join("plan.txt")).unwrap();
    assert_eq!(saved, "beans left");

    // The numbers that both compare are the same.
    alice.press("F3");
    bob.press("F3");
    let seen = numbers(&alice);
    assert!(seen.len() >= 3 && seen == numbers(&bob), "{seen:?}");
    alice.press("F2");
    alice.shows(&["alice  (you)", "bob"]);
    alice.press("F1");
    alice.shows(&["Commands", "/remove NAME..."]);
    alice.press("Escape");
    // A key right behind Escape would be one with Alt.
    alice.shows(&["you: hello, bob"]);

    // The command line sees the same, once the account is free.
    alice.enter("/remove bob");
    bob.press("Escape");
    bob.shows(&["-- alice removed you", "garden: removed"]);
    alice.press("C-c");
    alice.shows(&["ended 0"]);
    let shown = service.run("alice", &["group", "show", "garden"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("epoch 2, 1 members"));
}

#[test]
fn what_is_said_offline_is_kept_and_goes_out_when_the_service_is_back() {
    if !is_tmux_here() {
        return;
    }
    let mut service = Service::start();
    people(&service, &["alice"]);
    assert!(service.run("alice", &["group", "create", "garden"]).status.success());
    service.stop();
    let alice = Terminal::chat(&service, "alice", "garden");
    alice.shows(&["OFFLINE, trying again", ">garden"]);
    alice.enter("into the silence");
    alice.shows(&["you: into the silence  [pending]"]);
    alice.enter("/quit");
    alice.shows(&["ended 0"]);
    drop(alice);
    // Still so after a restart.
    let alice = Terminal::chat(&service, "alice", "");
    alice.shows(&["OFFLINE, trying again", "you: into the silence  [pending]"]);
    service.restart();
    alice.shows(&["conclave  alice  online", "you: into the silence  [sent #1]"]);
    alice.enter("/quit");
    alice.shows(&["ended 0"]);
}

#[test]
fn without_a_terminal_chat_says_so() {
    let service = Service::start();
    people(&service, &["alice"]);
    let refused = service.run("alice", &["chat"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("needs a terminal"));
}
