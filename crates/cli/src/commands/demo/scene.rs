//! The stage of the demo: the service, the three people, the narrator, and the checks.

use crate::failure::Failure;
use crate::output::{self, Output};
use client::{Account, Attachment, GroupId, GroupSummary, Home};
use delivery_service::Server;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

/// The group of the story.
pub(super) const GROUP_NAME: &str = "garden";

/// What it is called in the end.
pub(super) const NEW_NAME: &str = "greenhouse";

/// The service, the people, and what was told.
pub(super) struct Scene<'a> {
    folder: PathBuf,
    server: Option<Server>,
    url: String,
    people: BTreeMap<&'static str, Account>,
    group: Option<GroupId>,
    /// What each must have seen, in order, in the words of [`output::line`].
    expected: BTreeMap<&'static str, Vec<String>>,
    checks: u32,
    started: Instant,
    output: &'a mut Output,
}

impl<'a> Scene<'a> {
    /// Starts the service.
    pub(super) fn open(folder: PathBuf, output: &'a mut Output) -> Result<Self, Failure> {
        let started = Instant::now();
        let server = Server::bind("127.0.0.1:0", &folder.join("service"))?;
        let url = format!("http://{}", server.local_addr());
        let scene = Self {
            folder,
            server: Some(server),
            url,
            people: BTreeMap::new(),
            group: None,
            expected: BTreeMap::new(),
            checks: 0,
            started,
            output,
        };
        let value = json!({"type": "service", "url": scene.url});
        scene.output.print(&format!("The delivery service listens at {}.", scene.url), &value)?;
        Ok(scene)
    }

    /// Where somebody's account is. Nothing protects it: it goes with the demo.
    fn home(&self, name: &str) -> Home {
        Home::unprotected(self.folder.join(name))
    }

    /// Somebody makes an account.
    pub(super) fn enter(&mut self, name: &'static str) -> Result<(), Failure> {
        let account = Account::create(&self.home(name), name, &self.url)?;
        self.people.insert(name, account);
        self.step(&format!("{name} makes an account and leaves key packages at the service."))
    }

    /// Somebody's process ends, and another one opens what it left on disk.
    pub(super) fn restart(&mut self, name: &'static str) -> Result<(), Failure> {
        self.people.remove(name);
        self.people.insert(name, Account::open(&self.home(name))?);
        self.step(&format!("{name}'s client is closed, and opened again from what is on disk."))
    }

    pub(super) fn create_group(&mut self, name: &'static str) -> Result<(), Failure> {
        self.group = Some(self.person(name)?.create_group(GROUP_NAME)?);
        self.expect(name, 0, "you created the group");
        self.step(&format!("{name} creates the group \"{GROUP_NAME}\"."))
    }

    pub(super) fn add(&mut self, by: &'static str, names: &[&'static str]) -> Result<u64, Failure> {
        let group = self.group()?;
        let epoch = self.person(by)?.add(&group, names)?.epoch;
        self.step(&format!("{by} adds {}.", names.join(" and ")))?;
        Ok(epoch)
    }

    pub(super) fn remove(&mut self, by: &'static str, name: &'static str) -> Result<u64, Failure> {
        let group = self.group()?;
        let epoch = self.person(by)?.remove(&group, &[name])?.epoch;
        self.step(&format!("{by} removes {name}."))?;
        Ok(epoch)
    }

    pub(super) fn update(&mut self, name: &'static str) -> Result<u64, Failure> {
        let group = self.group()?;
        let epoch = self.person(name)?.update_keys(&group)?.epoch;
        self.step(&format!("{name} changes his keys."))?;
        Ok(epoch)
    }

    pub(super) fn rename(&mut self, by: &'static str, name: &str) -> Result<u64, Failure> {
        let group = self.group()?;
        let epoch = self.person(by)?.rename(&group, name)?.epoch;
        self.step(&format!("{by} renames the group to \"{name}\"."))?;
        Ok(epoch)
    }

    pub(super) fn leave(&mut self, name: &'static str) -> Result<(), Failure> {
        let group = self.group()?;
        self.person(name)?.leave(&group)?;
        self.step(&format!("{name} wants to leave."))
    }

    /// Somebody shares a file, and these fetch it. The service has none of it in clear.
    pub(super) fn share(
        &mut self,
        from: &'static str,
        name: &str,
        contents: &str,
        hearers: &[&'static str],
    ) -> Result<(), Failure> {
        let group = self.group()?;
        let path = self.folder.join(name);
        std::fs::write(&path, contents)?;
        let attachment = Attachment { path: &path, name, media_type: "text/plain" };
        let done = self.person(from)?.send_file(&group, attachment, &mut |_, _| ())?;
        self.step(&format!("{from} shares the file {name}."))?;
        for &person in [from].iter().chain(hearers) {
            let account = self.person(person)?;
            account.receive()?;
            let number = account.find_file(&group, name)?.number;
            let mut fetched = Vec::new();
            account.save_file(number, &mut fetched, &mut |_, _| ())?;
            let what = format!("{from} shares file {number}: {name}, {} bytes", contents.len());
            self.expect(person, done.epoch, &what);
            self.look(person)?;
            self.check(fetched == contents.as_bytes(), || {
                format!("{person} has another file than {from} shared")
            })?;
        }
        let in_clear = self.has_on_disk("service", contents)?;
        self.check(!in_clear, || "the service has the file in clear".to_owned())?;
        self.step("  Checked: the others have the file, and the service cannot read it.")
    }

    /// Somebody says something, which they themselves must find in their history.
    pub(super) fn say(&mut self, name: &'static str, text: &str) -> Result<(), Failure> {
        let group = self.group()?;
        let done = self.person(name)?.send(&group, text)?;
        self.expect(name, done.epoch, &format!("{name}: {text}"));
        let value = json!({
            "type": "said",
            "from": name,
            "text": text,
            "epoch": done.epoch,
            "position": done.position.0,
        });
        self.output.print(&format!("  epoch {:<3} {name}: {text}", done.epoch), &value)
    }

    /// Notes what somebody must see next.
    pub(super) fn expect(&mut self, name: &'static str, epoch: u64, what: &str) {
        self.expected.entry(name).or_default().push(format!("epoch {epoch:<3} {what}"));
    }

    /// Somebody fetches what is new; it must be what was noted, no more and no less.
    pub(super) fn look(&mut self, name: &'static str) -> Result<(), Failure> {
        let group = self.group()?;
        let account = self.person(name)?;
        account.receive()?;
        account.set_read()?;
        let history = account.history(&group)?;
        let seen: Vec<String> = history.iter().map(output::line).collect();
        let expected = self.expected.get(name).cloned().unwrap_or_default();
        self.check(seen == expected, || {
            format!("{name} sees\n{}\ninstead of\n{}", seen.join("\n"), expected.join("\n"))
        })
    }

    /// These, and nobody else, are in the group, all in the same epoch with the same secrets.
    pub(super) fn agree(&mut self, names: &[&'static str], epoch: u64) -> Result<(), Failure> {
        let mut views = Vec::new();
        for &name in names {
            self.look(name)?;
            views.push((name, self.view(name)?));
        }
        for (name, view) in &views {
            let mut members: Vec<&str> =
                view.members.iter().map(|member| member.name.as_str()).collect();
            members.sort_unstable();
            let mut expected = names.to_vec();
            expected.sort_unstable();
            self.check(members == expected, || format!("{name} sees the members {members:?}"))?;
            self.check(view.epoch == Some(epoch), || {
                format!("{name} is in epoch {:?} and not {epoch}", view.epoch)
            })?;
            let same = view.epoch_authenticator == views[0].1.epoch_authenticator;
            self.check(same && !view.epoch_authenticator.is_empty(), || {
                format!("{name} and {} have different secrets", views[0].0)
            })?;
        }
        self.step(&format!("  Checked: {} agree on epoch {epoch}.", list(names)))
    }

    /// What somebody sees of the group.
    pub(super) fn view(&mut self, name: &'static str) -> Result<GroupSummary, Failure> {
        let group = self.group()?;
        Ok(self.person(name)?.group(&group.to_string())?)
    }

    /// Ends everything if something is not so.
    pub(super) fn check(
        &mut self,
        holds: bool,
        what: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        self.checks += 1;
        match holds {
            true => Ok(()),
            false => Err(Failure::check(format!("the demo failed: {}", what()))),
        }
    }

    /// Whether somebody's history contains a text.
    pub(super) fn remembers(&mut self, name: &'static str, text: &str) -> Result<bool, Failure> {
        let group = self.group()?;
        let history = self.person(name)?.history(&group)?;
        Ok(history.iter().any(|event| output::line(event).contains(text)))
    }

    /// Whether what somebody has on disk contains a text.
    pub(super) fn has_on_disk(&self, name: &str, text: &str) -> Result<bool, Failure> {
        for file in std::fs::read_dir(self.folder.join(name))? {
            let path = file?.path();
            let bytes = if path.is_file() { std::fs::read(path)? } else { Vec::new() };
            if bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Tells what happens.
    pub(super) fn step(&mut self, text: &str) -> Result<(), Failure> {
        self.output.print(text, &json!({"type": "step", "text": text.trim_start()}))
    }

    pub(super) fn person(&mut self, name: &'static str) -> Result<&mut Account, Failure> {
        let missing = || Failure::check(format!("the demo failed: there is no {name}"));
        self.people.get_mut(name).ok_or_else(missing)
    }

    pub(super) fn group(&self) -> Result<GroupId, Failure> {
        let missing = || Failure::check("the demo failed: there is no group".to_owned());
        self.group.clone().ok_or_else(missing)
    }

    /// Shows the conversation as each person saw it, and what was left where.
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        let group = self.group()?;
        for name in self.people.keys().copied().collect::<Vec<_>>() {
            let history = self.person(name)?.history(&group)?;
            let lines: Vec<String> =
                history.iter().map(|event| format!("  {}", output::line(event))).collect();
            let events: Vec<Value> =
                history.iter().map(|event| output::event(event, Some(NEW_NAME))).collect();
            let value = json!({"type": "view", "name": name, "events": events});
            let text = format!("\nAs {name} saw it:\n{}", lines.join("\n"));
            self.output.print(&text, &value)?;
        }
        self.people.clear();
        if let Some(server) = self.server.take() {
            server.shutdown()?;
        }
        let (seconds, folder) = (self.started.elapsed().as_secs_f64(), self.folder.display());
        let address = self.url.trim_start_matches("http://");
        let text = format!(
            "\nAll {} checks hold, after {seconds:.1} seconds. Left in {folder}:\n  \
             service  the service's store; go on with\n           \
             conclave serve --data {folder}/service --listen {address}\n  \
             alice, bob, carol  their accounts; with the service running, for example\n           \
             conclave send {NEW_NAME} hello --home {folder}/bob",
            self.checks
        );
        let value = json!({
            "type": "end",
            "checks": self.checks,
            "seconds": seconds,
            "folder": self.folder.display().to_string(),
            "server": self.url,
        });
        self.output.print(&text, &value)
    }
}

/// Names as people list them.
fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
