//! One run of a script: who plays whom, what was said in earlier steps.

use std::collections::BTreeMap;
use std::time::Duration;

use tonic::transport::Channel;
use tonic::{Request, Status};

use super::chance::Chance;
use super::{Handshakes, Outcome, Peer, Refusal, Scenario, StepFailure};
use crate::proto::FreeRequest;
use crate::proto::mls_client_client::MlsClientClient;

/// How long one call may take.
const CALL_SECONDS: u64 = 120;

/// Why a step fails.
pub(super) type Reason = String;

/// Calls an RPC of the client that plays an actor.
macro_rules! call {
    ($play:expr, $actor:expr, $rpc:ident($request:expr)) => {{
        let actor: &str = $actor;
        let mut rpc = $play.rpc(actor)?;
        let answer = rpc.$rpc($crate::runner::play::within_limit($request)).await;
        match answer {
            Ok(answer) => answer.into_inner(),
            Err(status) => return Err($play.refused(actor, stringify!($rpc), &status)),
        }
    }};
}
pub(super) use call;

/// A request that does not wait forever.
pub(super) fn within_limit<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(Duration::from_secs(CALL_SECONDS));
    request
}

/// A run.
pub(super) struct Play<'a> {
    peers: &'a [Peer],
    /// The client of each actor.
    cast: BTreeMap<String, usize>,
    first_suite: u32,
    pub(super) suite: u32,
    pub(super) handshakes: Handshakes,
    pub(super) chance: Chance,
    pub(super) states: BTreeMap<String, u32>,
    pub(super) transactions: BTreeMap<String, u32>,
    pub(super) signers: BTreeMap<String, u32>,
    /// What each step left behind, by name.
    messages: BTreeMap<(usize, &'static str), Vec<u8>>,
    /// States of actors who have got another one since.
    left: Vec<(usize, u32)>,
    /// The answer that ended the run.
    refusal: Option<Refusal>,
}

impl<'a> Play<'a> {
    pub(super) fn new(
        peers: &'a [Peer],
        cast: BTreeMap<String, usize>,
        (suite, handshakes): (u32, Handshakes),
        chance: Chance,
    ) -> Self {
        Self {
            peers,
            cast,
            first_suite: suite,
            suite,
            handshakes,
            chance,
            states: BTreeMap::new(),
            transactions: BTreeMap::new(),
            signers: BTreeMap::new(),
            messages: BTreeMap::new(),
            left: Vec::new(),
            refusal: None,
        }
    }

    /// Plays all steps, or up to the first that fails, and frees what the clients keep.
    pub(super) async fn run(mut self, scenario: &Scenario, number: usize) -> Outcome {
        let mut failure = None;
        for (index, step) in scenario.steps.iter().enumerate() {
            if let Err(reason) = self.step(index, step).await {
                let (step, refusal) = (step.json.to_string(), self.refusal.take());
                failure = Some(StepFailure { index, step, reason, refusal });
                break;
            }
        }
        self.free().await;
        let name = |peer: &usize| self.peers[*peer].name.clone();
        Outcome {
            script: scenario.name.clone(),
            suite: self.first_suite,
            handshakes: self.handshakes,
            number,
            cast: self.cast.iter().map(|(actor, peer)| (actor.clone(), name(peer))).collect(),
            failure,
        }
    }

    /// Frees every number that a client gave. That it may know one of them no more is no failure.
    async fn free(&mut self) {
        let given = self.states.iter().chain(&self.transactions).chain(&self.signers);
        let given = given.map(|(actor, id)| (self.cast[actor], *id));
        let mut given: Vec<(usize, u32)> = given.chain(self.left.iter().copied()).collect();
        given.sort_unstable();
        given.dedup();
        for (peer, state_id) in given {
            let mut rpc = self.peers[peer].rpc.clone();
            drop(rpc.free(within_limit(FreeRequest { state_id })).await);
        }
    }

    /// The connection to the client that plays an actor.
    pub(super) fn rpc(&self, actor: &str) -> Result<MlsClientClient<Channel>, Reason> {
        let peer = self.cast.get(actor).ok_or_else(|| format!("nobody plays {actor:?}"))?;
        Ok(self.peers[*peer].rpc.clone())
    }

    pub(super) fn refused(&mut self, actor: &str, rpc: &str, status: &Status) -> Reason {
        let peer = self.cast.get(actor).map_or("nobody", |&peer| &*self.peers[peer].name);
        let code = status.code();
        let reason = format!("{actor} ({peer}) refuses {rpc}: {code:?}: {}", status.message());
        self.refusal = Some(Refusal { peer: peer.to_owned(), rpc: rpc.to_owned(), code });
        reason
    }

    /// The state of an actor.
    pub(super) fn state(&self, actor: &str) -> Result<u32, Reason> {
        self.states.get(actor).copied().ok_or_else(|| format!("{actor} is in no group"))
    }

    pub(super) fn set_state(&mut self, actor: &str, state_id: u32) {
        let before = self.states.insert(actor.to_owned(), state_id);
        if let (Some(before), Some(peer)) = (before, self.cast.get(actor))
            && before != state_id
        {
            self.left.push((*peer, before));
        }
    }

    pub(super) fn set_transaction(&mut self, actor: &str, transaction_id: u32) {
        let before = self.transactions.insert(actor.to_owned(), transaction_id);
        if let (Some(before), Some(peer)) = (before, self.cast.get(actor)) {
            self.left.push((*peer, before));
        }
    }

    pub(super) fn transaction(&self, actor: &str) -> Result<u32, Reason> {
        self.transactions.get(actor).copied().ok_or_else(|| format!("{actor} has no key package"))
    }

    pub(super) fn keep(&mut self, index: usize, name: &'static str, message: Vec<u8>) {
        self.messages.insert((index, name), message);
    }

    /// What an earlier step left behind.
    pub(super) fn kept(&self, index: usize, name: &'static str) -> Result<Vec<u8>, Reason> {
        let message = self.messages.get(&(index, name));
        message.cloned().ok_or_else(|| format!("step {index} has left no {name}"))
    }

    /// The id of a successor group.
    pub(super) fn successor_id(&self, change: bool) -> Result<Vec<u8>, Reason> {
        let mut group_id = self.kept(0, "group_id")?;
        if change {
            group_id.extend_from_slice(b"++");
        }
        Ok(group_id)
    }

    /// A new group id. Readable, since reports may show it.
    pub(super) fn new_group_id(&mut self) -> Vec<u8> {
        format!("{:016x}{:016x}", self.chance.next(), self.chance.next()).into_bytes()
    }

    /// Goes over to another suite that all actors' clients support.
    pub(super) fn change_suite(&mut self) -> Result<(), Reason> {
        let supported =
            |suite: &u32| self.cast.values().all(|&peer| self.peers[peer].suites.contains(suite));
        let some = self.cast.values().next().map_or(&[][..], |&peer| &self.peers[peer].suites);
        let mut others: Vec<u32> = some.iter().copied().filter(supported).collect();
        others.retain(|&suite| suite != self.suite);
        others.sort_unstable();
        if others.is_empty() {
            return Err("the clients share no other suite".to_owned());
        }
        self.suite = others[self.chance.below(others.len())];
        Ok(())
    }
}

/// That an actor is where it should be.
pub(super) fn agree(actor: &str, expected: &[u8], actual: &[u8]) -> Result<(), Reason> {
    match expected == actual {
        true => Ok(()),
        false => Err(format!("{actor} has another epoch authenticator than the others")),
    }
}
