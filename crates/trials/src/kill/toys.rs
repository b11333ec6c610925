//! Toys: threads that do with the service whatever the protocol allows, and repeat themselves.
//!
//! A submission that was not answered is sent again until it is, with the same bytes, as a client
//! would. Everything else that was not answered is left at that.

use super::Arena;
use crate::history::Recording;
use crate::speaker::Speaker;
use crate::toy::{Member, idempotency_key, record_inbox, record_log, unique, window};
use crate::{Failure, Key};
use client::transport::HttpTransport;
use crypto::Random;
use delivery_api::inbox::{Acknowledge, PutItem};
use delivery_api::key_package::{ClaimKeyPackage, UploadKeyPackages};
use delivery_api::log::{Append, CommitBundle, WelcomeDelivery};
use delivery_api::request::{self, Failure as Refusal};
use delivery_api::{DeviceId, LogId, Position, Problem};
use std::sync::Arc;
use std::thread::{Scope, ScopedJoinHandle, sleep};
use std::time::Duration;
use testkit::SeededRandom;

/// Threads, and devices: each thread has one.
const TOYS: usize = 4;

/// Logs that the toys share.
const LOGS: usize = 2;

/// How long to wait when nothing comes back.
const PATIENCE: Duration = Duration::from_millis(4);

/// Submissions that a toy remembers to repeat.
const REMEMBERED_MAX: usize = 30;

/// The suite of the key packages. They hold nothing that the service would look at.
const SUITE: u16 = 1;

/// Key packages of one upload.
const UPLOAD: usize = 20;

/// All toys of a round.
pub(super) struct Toys {
    url: String,
    /// The logs with the keys of their first segments.
    logs: Vec<(LogId, Key)>,
    devices: Vec<Key>,
}

impl Toys {
    /// Registers devices and opens logs.
    pub(super) fn new(
        url: &str,
        arena: &Arena,
        random: &mut SeededRandom,
    ) -> Result<Self, Failure> {
        let mut toys = Self { url: url.to_owned(), logs: Vec::new(), devices: Vec::new() };
        let speaker = toys.speaker(arena, 0)?;
        for _ in 0..TOYS {
            let device = Key::fresh(&speaker.suite, random)?;
            let request = request::register_device(device.device());
            speaker.ask(&device, request)?.ok_or("no answer")??;
            toys.devices.push(device);
        }
        for _ in 0..LOGS {
            let mut log = [0; 32];
            random.fill(&mut log)?;
            let (log, first) = (LogId::new(log), Key::fresh(&speaker.suite, random)?);
            Member::at_the_start(log, &first, &speaker.suite)?.open(&speaker)?;
            toys.logs.push((log, first));
        }
        Ok(toys)
    }

    fn speaker(&self, arena: &Arena, client: u64) -> Result<Speaker, Failure> {
        let transport = HttpTransport::new(&self.url).map_err(|misuse| misuse.to_string())?;
        let transport = Recording::new(transport, Arc::clone(&arena.recorder), client);
        Speaker::meet(Arc::new(transport))
    }

    /// Lets them play until the round ends.
    pub(super) fn play<'s, 'e: 's>(
        &'e self,
        scope: &'s Scope<'s, 'e>,
        arena: &'e Arena,
        random: &mut SeededRandom,
    ) -> Vec<ScopedJoinHandle<'s, Result<(), Failure>>> {
        let play = |index: usize| {
            let random = SeededRandom::new(random.next_u64());
            scope.spawn(move || Toy::new(self, arena, index, random)?.play())
        };
        (0..TOYS).map(play).collect()
    }

    /// Records what the service serves in the end, with the last key package claimed.
    pub(super) fn record(&self, arena: &Arena) -> Result<(), Failure> {
        let speaker = self.speaker(arena, 0)?;
        for (log, first) in &self.logs {
            record_log(&speaker, (*log, first), &arena.recorder)?;
        }
        for device in &self.devices {
            record_inbox(&speaker, device, &arena.recorder)?;
            let claim = || {
                let claim = ClaimKeyPackage { suite: SUITE };
                request::claim_key_package(device.device(), &claim)
            };
            // In the pace of the service only the last-resort one is given after so many.
            for _ in 0..1000 {
                match speaker.ask(device, claim())?.ok_or("no answer in the end")? {
                    Ok(claimed) if !claimed.last_resort => {}
                    _ => break,
                }
            }
        }
        Ok(())
    }
}

/// Something that was submitted, and by which key.
enum Submission {
    Append(LogId, Key, Append),
    Commit(LogId, Key, CommitBundle),
    Put(DeviceId, PutItem),
}

struct Toy<'a> {
    toys: &'a Toys,
    arena: &'a Arena,
    index: usize,
    speaker: Speaker,
    members: Vec<Member>,
    submitted: Vec<Submission>,
    random: SeededRandom,
}

impl<'a> Toy<'a> {
    fn new(
        toys: &'a Toys,
        arena: &'a Arena,
        index: usize,
        random: SeededRandom,
    ) -> Result<Self, Failure> {
        let speaker = loop {
            // The service may be away already.
            match toys.speaker(arena, index as u64 + 1) {
                Ok(speaker) => break speaker,
                Err(failure) if arena.ends() => return Err(failure),
                Err(_) => sleep(PATIENCE),
            }
        };
        let at_the_start =
            |(log, first): &(LogId, Key)| Member::at_the_start(*log, first, &speaker.suite);
        let members = toys.logs.iter().map(at_the_start).collect::<Result<_, _>>()?;
        Ok(Self { toys, arena, index, speaker, members, submitted: Vec::new(), random })
    }

    fn play(mut self) -> Result<(), Failure> {
        while !self.arena.ends() {
            match self.random.below(100) {
                0..40 => self.append()?,
                40..60 => self.commit()?,
                60..70 => self.look_back()?,
                70..80 => self.repeat()?,
                80..86 => self.put_item()?,
                86..92 => self.empty_inbox()?,
                92..97 => self.claim()?,
                97..99 => self.upload()?,
                _ => self.look_at_group_info()?,
            }
            sleep(Duration::from_millis(self.random.below(4) as u64));
        }
        Ok(())
    }

    fn device(&self) -> &'a Key {
        &self.toys.devices[self.index]
    }

    fn anybody(&mut self) -> DeviceId {
        self.toys.devices[self.random.below(TOYS)].device()
    }

    fn member(&mut self) -> &mut Member {
        let index = self.random.below(LOGS);
        &mut self.members[index]
    }

    fn append(&mut self) -> Result<(), Failure> {
        let index = self.random.below(LOGS);
        let member = &self.members[index];
        let append = member.message("message", &mut self.random)?;
        let key = Key::of_seed(&self.speaker.suite, *member.key.seed())?;
        self.submit(Submission::Append(member.log, key, append))?;
        self.follow(index)
    }

    fn commit(&mut self) -> Result<(), Failure> {
        let index = self.random.below(LOGS);
        let mut bundle = self.members[index].bundle(&self.speaker.suite, &mut self.random)?;
        bundle.removes = self.random.below(6) == 0;
        let mut recipients: Vec<DeviceId> = self.toys.devices.iter().map(Key::device).collect();
        recipients.truncate(self.random.below(3));
        for recipient in recipients {
            let welcome = unique("welcome", &mut self.random)?;
            bundle.welcomes.push(WelcomeDelivery { recipient, welcome });
        }
        let member = &self.members[index];
        let key = Key::of_seed(&self.speaker.suite, *member.key.seed())?;
        self.submit(Submission::Commit(member.log, key, bundle))?;
        self.follow(index)
    }

    /// Sends until something comes back.
    fn submit(&mut self, submission: Submission) -> Result<(), Failure> {
        while !self.send(&submission)? && !self.arena.ends() {
            sleep(PATIENCE);
        }
        if self.submitted.len() == REMEMBERED_MAX {
            let index = self.random.below(REMEMBERED_MAX);
            self.submitted.swap_remove(index);
        }
        self.submitted.push(submission);
        Ok(())
    }

    /// Whether an answer came.
    fn send(&self, submission: &Submission) -> Result<bool, Failure> {
        fn answered<A>(answer: Option<Result<A, Refusal>>) -> bool {
            !matches!(answer, None | Some(Err(Refusal::Problem(Problem::Unavailable))))
        }
        let speaker = &self.speaker;
        Ok(match submission {
            Submission::Append(log, key, append) => {
                answered(speaker.ask(key, request::append(*log, append))?)
            }
            Submission::Commit(log, key, bundle) => {
                answered(speaker.ask(key, request::commit(*log, bundle, None))?)
            }
            Submission::Put(recipient, item) => {
                answered(speaker.ask(self.device(), request::put_item(*recipient, item))?)
            }
        })
    }

    /// Reads what others did; a member who does not know the head submits in vain.
    fn follow(&mut self, index: usize) -> Result<(), Failure> {
        self.members[index].follow(&self.speaker).map(drop)
    }

    /// Reads from somewhere in the past, with the first key, whose reading may have ended.
    fn look_back(&mut self) -> Result<(), Failure> {
        let index = self.random.below(LOGS);
        let (log, first) = &self.toys.logs[index];
        let known = usize::try_from(self.members[index].position.0)?;
        let after = Position(self.random.below(known + 1) as u64);
        self.speaker.ask(first, request::read_log(*log, window(after))).map(drop)
    }

    fn repeat(&mut self) -> Result<(), Failure> {
        if self.submitted.is_empty() {
            return Ok(());
        }
        let index = self.random.below(self.submitted.len());
        self.send(&self.submitted[index]).map(drop)
    }

    fn put_item(&mut self) -> Result<(), Failure> {
        let item = PutItem {
            idempotency_key: idempotency_key(&mut self.random)?,
            bytes: unique("item", &mut self.random)?,
        };
        let recipient = self.anybody();
        self.submit(Submission::Put(recipient, item))
    }

    /// Reads the own inbox and acknowledges some of it.
    fn empty_inbox(&mut self) -> Result<(), Failure> {
        let device = self.device();
        let read = request::read_inbox(device.device(), window(Position::START));
        let Some(Ok(page)) = self.speaker.ask(device, read)? else { return Ok(()) };
        let mut numbers: Vec<u64> = page.items.iter().map(|item| item.number).collect();
        numbers.retain(|_| self.random.below(3) > 0);
        let request = request::acknowledge(device.device(), &Acknowledge { numbers });
        self.speaker.ask(device, request).map(drop)
    }

    fn claim(&mut self) -> Result<(), Failure> {
        let claim = ClaimKeyPackage { suite: SUITE };
        let request = request::claim_key_package(self.anybody(), &claim);
        self.speaker.ask(self.device(), request).map(drop)
    }

    fn upload(&mut self) -> Result<(), Failure> {
        let random = &mut self.random;
        let upload = UploadKeyPackages {
            suite: SUITE,
            not_after_seconds: u64::MAX,
            replace: false,
            key_packages: (0..UPLOAD)
                .map(|_| unique("key package", random))
                .collect::<Result<_, _>>()?,
            last_resort: None,
        };
        let device = self.device();
        let request = || request::upload_key_packages(device.device(), &upload);
        while self.speaker.ask(device, request())?.is_none() && !self.arena.ends() {
            sleep(PATIENCE);
        }
        Ok(())
    }

    fn look_at_group_info(&mut self) -> Result<(), Failure> {
        let member = self.member();
        let (log, seed) = (member.log, *member.key.seed());
        let key = Key::of_seed(&self.speaker.suite, seed)?;
        self.speaker.ask(&key, request::group_info(log)).map(drop)
    }
}
