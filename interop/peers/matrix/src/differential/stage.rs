//! Where forged messages are shown: a group with all stacks in the same situation.
//!
//! Leaf 0 is the forger and leaf 1 its friend, both Conclave in the open; a seat for each stack
//! follows. Everyone is asked without sockets, through the interface of the harness.

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

use interop::proto::mls_client_server::MlsClient;
use interop::{Conclave, ServerOptions, proto};
use mls::{
    CommitOptions, Decode, Encode, GroupParams, HandshakeFormat, KeyPackage, KeyPackageOptions,
    MlsMessage, MlsMessageBody, NewCommit, PathChoice,
};
use testkit::{Person, Traits};
use tonic::{Code, Request, Status};

use crate::stacks::Stack;

/// Calls an RPC of a stack.
macro_rules! ask {
    ($jury:expr, $stack:expr, $rpc:ident($request:expr)) => {{
        let jury: &Jury = $jury;
        let answer = jury.service($stack).$rpc(Request::new($request));
        jury.runtime.block_on(answer).map(tonic::Response::into_inner)
    }};
}

/// All stacks.
pub(crate) struct Jury {
    runtime: tokio::runtime::Runtime,
    services: Vec<(Stack, Box<dyn MlsClient>)>,
    pub(crate) suite: u16,
    /// How many have made a key package. Each has a name of its own.
    joiners: Cell<u32>,
}

/// What a stack says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It accepts, and is where the sender is.
    Accepted,
    /// It accepts, but has another epoch or reads another text.
    Elsewhere,
    /// It refuses.
    Refused(String),
    /// It panics.
    Panicked(String),
    /// It cannot be asked.
    Lacking,
}

impl Verdict {
    pub(crate) fn of<T>(answer: Result<T, Status>, is_right: impl FnOnce(T) -> bool) -> Self {
        match answer {
            Ok(answer) => match is_right(answer) {
                true => Self::Accepted,
                false => Self::Elsewhere,
            },
            Err(status) if status.code() == Code::Unimplemented => Self::Lacking,
            Err(status) if status.message().contains("panic") => {
                Self::Panicked(status.message().to_owned())
            }
            Err(status) => Self::Refused(status.message().to_owned()),
        }
    }

    /// In one word.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Accepted => "accepts",
            Self::Elsewhere => "accepts, elsewhere",
            Self::Refused(_) => "refuses",
            Self::Panicked(_) => "panics",
            Self::Lacking => "lacks",
        }
    }
}

impl Jury {
    pub(crate) fn new(suite: u16) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let conclave = Conclave::new(ServerOptions { grease: false });
        let mut services: Vec<(Stack, Box<dyn MlsClient>)> = vec![
            (Stack::Conclave, Box::new(conclave)),
            (Stack::Openmls, Box::new(peer_openmls::Peer::new())),
            (Stack::MlsRs, Box::new(peer_mls_rs::Peer::new())),
        ];
        services.retain(|(_, service)| {
            let request = Request::new(proto::SupportedCiphersuitesRequest {});
            let suites = runtime.block_on(service.supported_ciphersuites(request));
            suites.is_ok_and(|it| it.into_inner().ciphersuites.contains(&u32::from(suite)))
        });
        Ok(Self { runtime, services, suite, joiners: Cell::new(0) })
    }

    pub(crate) fn stacks(&self) -> impl Iterator<Item = Stack> + '_ {
        self.services.iter().map(|(stack, _)| *stack)
    }

    fn service(&self, stack: Stack) -> &dyn MlsClient {
        let found = self.services.iter().find(|(other, _)| *other == stack);
        &*found.expect("only stacks of the jury are asked").1
    }

    /// A new key package of a stack, with its transaction.
    pub(crate) fn key_package(&self, stack: Stack) -> Result<(u32, KeyPackage), String> {
        let number = self.joiners.get() + 1;
        self.joiners.set(number);
        let identity = format!("{}, joiner {number}", stack.name()).into_bytes();
        let request = proto::CreateKeyPackageRequest { cipher_suite: self.suite.into(), identity };
        let made = ask!(self, stack, create_key_package(request)).map_err(|it| it.to_string())?;
        let message = MlsMessage::from_bytes(&made.key_package).map_err(|it| it.to_string())?;
        match message.0 {
            MlsMessageBody::KeyPackage(key_package) => Ok((made.transaction_id, *key_package)),
            _ => Err("not a key package".to_owned()),
        }
    }

    /// Whether a joiner joins by a Welcome, in the epoch of this authenticator if there is one.
    pub(crate) fn join(
        &self,
        (stack, transaction_id): (Stack, u32),
        welcome: Vec<u8>,
        expected: Option<&[u8]>,
    ) -> Verdict {
        let request = proto::JoinGroupRequest { transaction_id, welcome, ..Default::default() };
        let joined = ask!(self, stack, join_group(request));
        if let Ok(joined) = &joined {
            self.free(stack, joined.state_id);
        }
        Verdict::of(joined, |joined| {
            expected.is_none_or(|expected| joined.epoch_authenticator == expected)
        })
    }

    /// Whether a stack joins by an external commit with this GroupInfo.
    pub(crate) fn join_external(&self, stack: Stack, group_info: Vec<u8>) -> Verdict {
        let identity = b"somebody new".to_vec();
        let request = proto::ExternalJoinRequest { group_info, identity, ..Default::default() };
        let joined = ask!(self, stack, external_join(request));
        if let Ok(joined) = &joined {
            self.free(stack, joined.state_id);
        }
        Verdict::of(joined, |_| true)
    }

    pub(crate) fn free(&self, stack: Stack, state_id: u32) {
        drop(ask!(self, stack, free(proto::FreeRequest { state_id })));
    }
}

/// A stack in the group.
#[derive(Clone, Copy)]
pub(crate) struct Seat {
    pub(crate) stack: Stack,
    state_id: u32,
}

/// The group.
pub(crate) struct Stage<'a> {
    pub(crate) jury: &'a Jury,
    pub(crate) forger: Person,
    pub(crate) friend: Person,
    pub(crate) seats: Vec<Seat>,
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        for seat in &self.seats {
            self.jury.free(seat.stack, seat.state_id);
        }
    }
}

impl<'a> Stage<'a> {
    /// A group in which forger and friend have each committed once.
    pub(crate) fn new(jury: &'a Jury, handshakes: HandshakeFormat) -> Result<Self, String> {
        let person = |name| Person::new(name, traits(jury.suite).handshakes(handshakes));
        let (mut forger, mut friend) = (person("forger"), person("friend"));
        let params = GroupParams::new(forger.suite);
        let Person { client, store, random, .. } = &mut forger;
        let made = client.create_group(store, params, now(), random);
        forger.group = Some(forger.save(made));
        let mut options = CommitOptions::new().add_member(key_package(&mut friend));
        let mut waiting = Vec::new();
        for stack in jury.stacks() {
            let (transaction, made) = jury.key_package(stack)?;
            options = options.add_member(made);
            waiting.push((stack, transaction));
        }
        let mut stage = Self { jury, forger, friend, seats: Vec::new() };
        let welcome = commit_and_advance(&mut stage.forger, options).1;
        let welcome = welcome.ok_or("a commit that adds has a Welcome")?;
        let joined = stage.friend.client.join(&stage.friend.store, &welcome, None, now());
        stage.friend.group = Some(stage.friend.save(joined));
        for (stack, transaction_id) in waiting {
            let request = proto::JoinGroupRequest {
                transaction_id,
                welcome: welcome.to_bytes(),
                encrypt_handshake: handshakes == HandshakeFormat::Private,
                identity: format!("{} joins", stack.name()).into_bytes(),
                ratchet_tree: Vec::new(),
            };
            let joined = ask!(jury, stack, join_group(request));
            let joined = joined.map_err(|it| format!("{} does not join: {it}", stack.name()))?;
            stage.seats.push(Seat { stack, state_id: joined.state_id });
        }
        stage.commit_of_forger()?;
        stage.commit_of_friend()?;
        Ok(stage)
    }

    /// An honest commit of the forger, which everyone must accept.
    pub(crate) fn commit_of_forger(&mut self) -> Result<(), String> {
        let (commit, _) = commit_and_advance(&mut self.forger, with_path());
        follow(&mut self.friend, &commit);
        self.everyone_follows(&commit)
    }

    /// An honest commit of the friend, which everyone must accept.
    pub(crate) fn commit_of_friend(&mut self) -> Result<(), String> {
        let (commit, _) = commit_and_advance(&mut self.friend, with_path());
        follow(&mut self.forger, &commit);
        self.everyone_follows(&commit)
    }

    fn everyone_follows(&mut self, commit: &MlsMessage) -> Result<(), String> {
        let expected = self.authenticator();
        for seat in &self.seats {
            let verdict = self.hear_commit(*seat, &[], &commit.to_bytes(), &expected);
            if verdict != Verdict::Accepted {
                return Err(format!("{} does not follow: {verdict:?}", seat.stack.name()));
            }
        }
        Ok(())
    }

    /// What everyone says to an honest commit of Conclave's seat, which has used no key so far.
    pub(crate) fn honest_commit(&self) -> Vec<(Stack, Verdict)> {
        let Some(ours) = self.seats.iter().find(|seat| seat.stack == Stack::Conclave) else {
            return Vec::new();
        };
        let state_id = ours.state_id;
        let request = proto::CommitRequest { state_id, force_path: true, ..Default::default() };
        let made = ask!(self.jury, ours.stack, commit(request));
        let request = proto::HandlePendingCommitRequest { state_id };
        let moved = ask!(self.jury, ours.stack, handle_pending_commit(request));
        let (Ok(made), Ok(moved)) = (made, moved) else {
            return vec![(ours.stack, Verdict::Refused("it cannot commit".to_owned()))];
        };
        let others = self.seats.iter().filter(|seat| seat.stack != ours.stack);
        let expected = &moved.epoch_authenticator;
        others
            .map(|seat| (seat.stack, self.hear_commit(*seat, &[], &made.commit, expected)))
            .collect()
    }

    /// The epoch authenticator of the forger.
    pub(crate) fn authenticator(&mut self) -> Vec<u8> {
        self.forger.group().epoch_authenticator().expose().to_vec()
    }

    /// What a seat says of a commit that leads to this epoch authenticator.
    pub(crate) fn hear_commit(
        &self,
        seat: Seat,
        proposals: &[Vec<u8>],
        commit: &[u8],
        expected: &[u8],
    ) -> Verdict {
        let request = proto::HandleCommitRequest {
            state_id: seat.state_id,
            proposal: proposals.to_vec(),
            commit: commit.to_vec(),
        };
        let handled = ask!(self.jury, seat.stack, handle_commit(request));
        Verdict::of(handled, |handled| handled.epoch_authenticator == expected)
    }

    /// What a seat says of a message with this text.
    pub(crate) fn hear_text(&self, seat: Seat, ciphertext: &[u8], text: &[u8]) -> Verdict {
        let request =
            proto::UnprotectRequest { state_id: seat.state_id, ciphertext: ciphertext.to_vec() };
        let heard = ask!(self.jury, seat.stack, unprotect(request));
        Verdict::of(heard, |heard| heard.plaintext == text)
    }

    /// Whether a seat would propose to add the owner of a key package.
    pub(crate) fn consider(&self, seat: Seat, key_package: Vec<u8>) -> Verdict {
        let request = proto::AddProposalRequest { state_id: seat.state_id, key_package };
        Verdict::of(ask!(self.jury, seat.stack, add_proposal(request)), |_| true)
    }

    /// Gives everyone a pre-shared key.
    pub(crate) fn store_psk(&self, psk_id: &[u8], psk: &[u8]) -> Result<(), String> {
        for seat in &self.seats {
            let request = proto::StorePskRequest {
                state_or_transaction_id: seat.state_id,
                psk_id: psk_id.to_vec(),
                psk_secret: psk.to_vec(),
            };
            let stored = ask!(self.jury, seat.stack, store_psk(request));
            stored.map_err(|status| status.to_string())?;
        }
        Ok(())
    }

    /// The epoch authenticator that a seat names.
    pub(crate) fn state_of(&self, seat: Seat) -> Option<Vec<u8>> {
        let request = proto::StateAuthRequest { state_id: seat.state_id };
        ask!(self.jury, seat.stack, state_auth(request)).ok().map(|it| it.state_auth_secret)
    }
}

/// The time, in seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs())
}

/// Somebody without GREASE values, which not every stack can read.
pub(crate) fn traits(suite: u16) -> Traits {
    let mut traits = Traits::new(suite);
    traits.settings.grease = false;
    traits
}

/// A commit that always has a path.
pub(crate) fn with_path() -> CommitOptions {
    CommitOptions { path: PathChoice::Always, ..CommitOptions::new() }
}

/// A key package of a person, of this time.
pub(crate) fn key_package(person: &mut Person) -> KeyPackage {
    let options = KeyPackageOptions::default();
    let made = person.client.key_package(person.suite, options, now(), &mut person.random);
    person.save(made)
}

/// A commit, and the Welcome if somebody joins.
fn commit_and_advance(
    person: &mut Person,
    options: CommitOptions,
) -> (MlsMessage, Option<MlsMessage>) {
    let Person { group, random, .. } = person;
    let made = group.as_mut().expect("in a group").commit(options, now(), random);
    let NewCommit { pending, commit, welcomes, .. } = person.save(made);
    person.advance(pending);
    (commit, welcomes.into_iter().next().map(|(welcome, _)| welcome))
}

/// Processes an honest commit.
pub(crate) fn follow(person: &mut Person, commit: &MlsMessage) {
    let received = person.group().process(commit, now());
    match person.save(received) {
        mls::Received::Commit(staged) => drop(person.advance(*staged)),
        _ => panic!("not a commit"),
    }
}
