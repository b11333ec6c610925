//! People: accounts of the program `conclave`, one process per command, some of them killed.

use super::Arena;
use super::service::Process;
use crate::Failure;
use crate::agreement::View;
use client::{Account, EventKind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::thread::{Scope, ScopedJoinHandle, sleep};
use std::time::{Duration, Instant};
use testkit::SeededRandom;

/// The accounts. The first makes the group and decides who is in it.
const NAMES: [&str; 3] = ["alice", "bob", "carol"];

/// The one who comes and goes.
const GUEST: &str = "carol";

/// The group.
const GROUP: &str = "garden";

/// How often everybody fetches what is new in the end before that must be all.
const SETTLING_ROUNDS: usize = 12;

/// What somebody said, and whether the program said that it was sent.
pub(super) struct Said {
    name: &'static str,
    texts: Vec<(String, bool)>,
}

/// The accounts and their group.
pub(super) struct Conversation {
    program: PathBuf,
    folder: PathBuf,
}

/// Where an account lives.
fn home(folder: &Path, name: &str) -> PathBuf {
    folder.join(name)
}

impl Conversation {
    /// Makes the accounts, and the group with everybody in it.
    pub(super) fn begin(program: &Path, folder: &Path, url: &str) -> Result<Self, Failure> {
        let conversation = Self { program: program.to_owned(), folder: folder.to_owned() };
        for name in NAMES {
            conversation.must(name, &["account", "create", name, "--server", url])?;
        }
        conversation.must("alice", &["group", "create", GROUP])?;
        conversation.must("alice", &["group", "add", GROUP, "bob", "carol"])?;
        for name in ["bob", "carol"] {
            conversation.must(name, &["receive"])?;
        }
        Ok(conversation)
    }

    fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).env("CONCLAVE_HOME", home(&self.folder, name));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Runs a command that must succeed.
    fn must(&self, name: &str, arguments: &[&str]) -> Result<(), Failure> {
        let output = self.command(name, arguments).stderr(Stdio::piped()).output()?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("{name}: conclave {}: {said}", arguments.join(" ")).into())
    }

    /// Lets everybody talk until the round ends.
    pub(super) fn talk<'s, 'e: 's>(
        &'e self,
        scope: &'s Scope<'s, 'e>,
        arena: &'e Arena,
        random: &mut SeededRandom,
    ) -> Vec<ScopedJoinHandle<'s, Result<Said, Failure>>> {
        let talk = |name| {
            let random = SeededRandom::new(random.next_u64());
            scope.spawn(move || self.person(name, arena, random))
        };
        NAMES.into_iter().map(talk).collect()
    }

    fn person(
        &self,
        name: &'static str,
        arena: &Arena,
        mut random: SeededRandom,
    ) -> Result<Said, Failure> {
        let mut said = Said { name, texts: Vec::new() };
        let mut usual = Duration::from_millis(80);
        while !arena.ends() {
            let text = format!("{name} {}", said.texts.len());
            let (is_text, arguments) = match random.below(20) {
                0..10 => (true, vec!["send", GROUP, &*text]),
                10..13 => (false, vec!["receive"]),
                13..17 => (false, vec!["group", "update", GROUP]),
                17 => (false, vec!["group", "list"]),
                18 if name == NAMES[0] => (false, vec!["group", "remove", GROUP, GUEST]),
                19 if name == NAMES[0] => (false, vec!["group", "add", GROUP, GUEST]),
                _ => (false, vec!["receive"]),
            };
            let start = Instant::now();
            let mut process = Process(self.command(name, &arguments).spawn()?);
            if random.below(2) == 0 {
                // At any instant of what it usually takes.
                let longest = usize::try_from(usual.as_micros()).unwrap_or(usize::MAX).max(1);
                sleep(Duration::from_micros(random.below(longest) as u64));
                if process.0.try_wait()?.is_none() {
                    process.kill()?;
                    arena.clients_killed.fetch_add(1, Ordering::Relaxed);
                }
            }
            let status = process.0.wait()?;
            if status.success() {
                usual = (usual + start.elapsed()) / 2;
            }
            arena.commands.fetch_add(u64::from(status.code().is_some()), Ordering::Relaxed);
            if is_text {
                said.texts.push((text, status.success()));
            }
        }
        Ok(said)
    }

    /// Everybody fetches what is new until there is nothing new; how things are then.
    pub(super) fn settle(&self) -> Result<Vec<View>, Failure> {
        let mut before = Vec::new();
        for _ in 0..SETTLING_ROUNDS {
            for name in NAMES {
                self.must(name, &["receive"])?;
            }
            let views = NAMES.map(|name| self.view(name));
            let views = views.into_iter().collect::<Result<Vec<View>, _>>()?;
            let now: Vec<_> = views.iter().map(|view| view.group.clone()).collect();
            if now == before {
                return Ok(views);
            }
            before = now;
        }
        Err(format!("after {SETTLING_ROUNDS} rounds there is still something new").into())
    }

    fn view(&self, name: &str) -> Result<View, Failure> {
        let mut account = Account::open(&client::Home::unprotected(home(&self.folder, name)))?;
        let group = account.groups()?.into_iter().find(|group| group.name == GROUP);
        let events = match &group {
            Some(group) => account.history(&group.id)?,
            None => Vec::new(),
        };
        Ok(View { name: name.to_owned(), group, events })
    }
}

/// What was said to be sent and is nowhere, and what is somewhere and was never said.
pub(super) fn missing(views: &[View], said: &[Said]) -> Vec<String> {
    let mut faults = Vec::new();
    for Said { name, texts } in said {
        let Some(view) = views.iter().find(|view| view.name == *name) else { continue };
        let mine: Vec<_> = view
            .messages()
            .into_iter()
            .filter(|(_, _, from, _)| from == name)
            .map(|(.., text)| text.to_owned())
            .collect();
        for (text, sent) in texts {
            if *sent && !mine.contains(text) {
                faults.push(format!("`{text}` was sent and is lost"));
            }
        }
        for text in &mine {
            if !texts.iter().any(|(said, _)| said == text) {
                faults.push(format!("nobody said `{text}`"));
            }
        }
        // Who was removed cannot send what waited; nothing else may fail.
        for event in &view.events {
            if let EventKind::IntentFailed { what, reason } = &event.kind
                && *name != GUEST
                && what.starts_with("send")
            {
                faults.push(format!("{name}: failed to {what}: {reason}"));
            }
        }
    }
    faults
}
