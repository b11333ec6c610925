//! Long random scripts: hundreds of operations of one group, by actors of all clients.
//!
//! A script follows from its seed. It consists of the steps that scenario files have, so that what
//! fails can be printed and played anywhere, and of comparisons of all members. What a client is
//! said not to be able to do it is not asked for; the others do it all the same.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Scenario;
use super::chance::Chance;
use super::scenario::Step;

/// Members are compared in full after so many operations; the authenticators after each.
const OPERATIONS_PER_COMPARISON: usize = 10;

/// What a random script shall be like.
pub struct RandomGroup<'a> {
    /// It follows from this.
    pub seed: u64,
    /// How many operations; a commit of several proposals is one.
    pub operations: usize,
    /// How many clients take part.
    pub clients: usize,
    /// The group grows to about this many members.
    pub members_max: usize,
    /// Whether a client (by number) can do what the service or a proposal by value is called:
    /// `UpdateProposal`, `Commit:externalPSK`.
    pub able: &'a dyn Fn(usize, &str) -> bool,
}

impl RandomGroup<'_> {
    /// The script, and for each actor the number of its client.
    #[must_use]
    pub fn script(&self) -> (Scenario, BTreeMap<String, usize>) {
        let mut writer = Writer {
            order: self,
            chance: Chance::of(self.seed, &[b"random group"]),
            steps: Vec::new(),
            cast: BTreeMap::new(),
            members: Vec::new(),
            epoch: 0,
            signer: None,
            late: Vec::new(),
        };
        writer.write();
        let Writer { steps, cast, .. } = writer;
        (Scenario { name: format!("random/{}", self.seed), steps }, cast)
    }
}

#[derive(Clone)]
struct Member {
    name: String,
    client: usize,
    /// The first epoch it has seen.
    since: u64,
}

/// A message that is delivered after the next commit.
struct Late {
    step: usize,
    sender: String,
    epoch: u64,
}

/// Everything that a commit is to hold.
#[derive(Default)]
struct Batch {
    by_reference: Vec<usize>,
    by_value: Vec<Value>,
    joiners: Vec<Member>,
    removed: Vec<String>,
    /// Members whose leaf is changed by a proposal, or who must stay where they are.
    touched: Vec<String>,
    replaces_extensions: bool,
    /// Whether a pre-shared key is in it. Whoever were to join after it would not have it.
    is_closed: bool,
}

struct Writer<'a> {
    order: &'a RandomGroup<'a>,
    chance: Chance,
    steps: Vec<Step>,
    cast: BTreeMap<String, usize>,
    members: Vec<Member>,
    epoch: u64,
    /// The external sender that the group names.
    signer: Option<String>,
    late: Vec<Late>,
}

impl Writer<'_> {
    fn write(&mut self) {
        let founder = self.newcomer();
        self.step(json!({"action": "createGroup", "actor": founder.name}));
        self.members.push(founder);
        // Everyone takes part from the start.
        let mut batch = Batch::default();
        for client in 1..self.order.clients.max(2) {
            let joiner = self.newcomer_of(client % self.order.clients);
            self.add_by_value(&mut batch, joiner);
        }
        self.commit(0, batch);
        for operation in 1..=self.order.operations {
            match self.chance.below(100) {
                0..60 => self.random_commit(),
                60..72 => self.external_join(),
                72..80 => self.self_add(),
                80..88 => self.external_signer(),
                _ => self.talk(),
            }
            if operation % OPERATIONS_PER_COMPARISON == 0 || operation == self.order.operations {
                self.compare();
            }
        }
    }

    /// Writes a step; its number.
    fn step(&mut self, step: Value) -> usize {
        self.steps.push(Step::parse(step).expect("the steps written here are steps"));
        self.steps.len() - 1
    }

    fn newcomer(&mut self) -> Member {
        let client = self.chance.below(self.order.clients);
        self.newcomer_of(client)
    }

    fn newcomer_of(&mut self, client: usize) -> Member {
        let name = format!("actor{}", self.cast.len());
        self.cast.insert(name.clone(), client);
        Member { name, client, since: 0 }
    }

    fn able(&self, client: usize, what: &str) -> bool {
        (self.order.able)(client, what)
    }

    /// A member at random whose client can do something, and who is none of these.
    fn someone(&mut self, what: &str, not: &[String]) -> Option<Member> {
        let fit = |member: &&Member| {
            !not.contains(&member.name) && (self.order.able)(member.client, what)
        };
        let fitting: Vec<Member> = self.members.iter().filter(fit).cloned().collect();
        let chosen = self.chance.below(fitting.len());
        fitting.into_iter().nth(chosen)
    }

    fn odds(&mut self, one_in: usize) -> bool {
        self.chance.below(one_in) == 0
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.members.iter().position(|member| member.name == name)
    }

    fn others(&self, names: &[String]) -> Vec<String> {
        let names = self.members.iter().map(|it| &it.name).filter(|name| !names.contains(name));
        names.cloned().collect()
    }

    /// A commit of up to four proposals, and some of nothing.
    fn random_commit(&mut self) {
        let Some(committer) = self.someone("Commit", &[]) else { return };
        let mut batch = Batch { touched: vec![committer.name.clone()], ..Batch::default() };
        for _ in 0..self.chance.below(5) {
            match self.chance.below(100) {
                0..30 if self.members.len() < self.order.members_max => {
                    self.add(&mut batch, &committer);
                }
                0..50 => self.remove(&mut batch, &committer),
                50..72 => self.update(&mut batch),
                72..84 => self.external_psk(&mut batch, &committer),
                84..92 => self.resumption_psk(&mut batch, &committer),
                _ => self.replace_extensions(&mut batch, &committer),
            }
        }
        let place = self.place(&committer.name).unwrap_or_default();
        self.commit(place, batch);
        if self.odds(3) {
            self.talk();
        }
    }

    /// Writes a commit and moves to the epoch it makes.
    fn commit(&mut self, committer: usize, batch: Batch) {
        let committer = self.members[committer].name.clone();
        let mut away = batch.removed.clone();
        away.push(committer.clone());
        let joiners: Vec<String> = batch.joiners.iter().map(|it| it.name.clone()).collect();
        let step = json!({
            "action": "fullCommit",
            "actor": committer,
            "byReference": batch.by_reference,
            "byValue": batch.by_value,
            "members": self.others(&away),
            "joiners": joiners,
            "forcePath": self.odds(3),
            "externalTree": !joiners.is_empty() && self.odds(2),
        });
        self.step(step);
        self.members.retain(|member| !batch.removed.contains(&member.name));
        if batch.replaces_extensions {
            self.signer = None;
        }
        self.next_epoch(batch.joiners);
    }

    fn next_epoch(&mut self, joiners: Vec<Member>) {
        self.epoch += 1;
        let since = self.epoch;
        self.members.extend(joiners.into_iter().map(|joiner| Member { since, ..joiner }));
        for late in std::mem::take(&mut self.late) {
            self.deliver(&late);
        }
    }

    /// By the committer's value, or by reference to the proposal of a member, whichever the clients
    /// can do; whether any.
    fn propose(
        &mut self,
        batch: &mut Batch,
        committer: &Member,
        (rpc, by_value, by_reference): (&str, Value, Value),
    ) -> bool {
        let kind = by_value["proposalType"].as_str().unwrap_or_default().to_owned();
        let can_value = self.able(committer.client, &format!("Commit:{kind}"));
        let proposer = self.someone(rpc, &[]);
        let use_value = self.odds(2);
        match proposer {
            Some(proposer) if !use_value || !can_value => {
                let mut step = by_reference;
                step["actor"] = json!(proposer.name);
                let step = self.step(step);
                batch.by_reference.push(step);
            }
            _ if can_value => batch.by_value.push(by_value),
            _ => return false,
        }
        true
    }

    fn key_package(&mut self, joiner: &Member) -> usize {
        self.step(json!({"action": "createKeyPackage", "actor": joiner.name}))
    }

    fn add_by_value(&mut self, batch: &mut Batch, joiner: Member) {
        let key_package = self.key_package(&joiner);
        batch.by_value.push(json!({"proposalType": "add", "keyPackage": key_package}));
        batch.joiners.push(joiner);
    }

    fn add(&mut self, batch: &mut Batch, committer: &Member) {
        if batch.is_closed {
            return;
        }
        let joiner = self.newcomer();
        let key_package = self.key_package(&joiner);
        let by_value = json!({"proposalType": "add", "keyPackage": key_package});
        let by_reference = json!({"action": "addProposal", "keyPackage": key_package});
        if self.propose(batch, committer, ("AddProposal", by_value, by_reference)) {
            batch.joiners.push(joiner);
        }
    }

    fn remove(&mut self, batch: &mut Batch, committer: &Member) {
        if self.members.len() < self.order.clients + 2 {
            return;
        }
        let Some(removed) = self.someone("", &batch.touched) else { return };
        let by_value = json!({"proposalType": "remove", "removed": removed.name});
        let by_reference = json!({"action": "removeProposal", "removed": removed.name});
        if self.propose(batch, committer, ("RemoveProposal", by_value, by_reference)) {
            batch.touched.push(removed.name.clone());
            batch.removed.push(removed.name);
        }
    }

    fn update(&mut self, batch: &mut Batch) {
        let Some(updater) = self.someone("UpdateProposal", &batch.touched) else { return };
        batch.touched.push(updater.name.clone());
        let step = self.step(json!({"action": "updateProposal", "actor": updater.name}));
        batch.by_reference.push(step);
    }

    /// A pre-shared key that all members and whoever joins by the commit have.
    fn install_psk(&mut self, joiners: &[Member]) -> usize {
        let names = self.members.iter().chain(joiners).map(|it| it.name.clone());
        let clients: Vec<String> = names.collect();
        self.step(json!({"action": "installExternalPSK", "clients": clients}))
    }

    fn external_psk(&mut self, batch: &mut Batch, committer: &Member) {
        if batch.is_closed {
            return;
        }
        let psk = self.install_psk(&batch.joiners);
        let by_value = json!({"proposalType": "externalPSK", "pskID": psk});
        let by_reference = json!({"action": "externalPSKProposal", "pskID": psk});
        self.propose(batch, committer, ("ExternalPSKProposal", by_value, by_reference));
        batch.is_closed = true;
    }

    /// The key of an epoch that all members have seen, at most four back.
    fn resumption_psk(&mut self, batch: &mut Batch, committer: &Member) {
        let staying = self.members.iter().filter(|member| !batch.removed.contains(&member.name));
        let oldest = staying.map(|member| member.since).max().unwrap_or(self.epoch);
        let oldest = oldest.max(self.epoch.saturating_sub(4));
        if !batch.joiners.is_empty() || batch.is_closed || oldest > self.epoch {
            return;
        }
        let span = usize::try_from(self.epoch - oldest).unwrap_or_default() + 1;
        let epoch = self.epoch - u64::try_from(self.chance.below(span)).unwrap_or_default();
        let by_value = json!({"proposalType": "resumptionPSK", "epochID": epoch});
        let by_reference = json!({"action": "resumptionPSKProposal", "epochID": epoch});
        self.propose(batch, committer, ("ResumptionPSKProposal", by_value, by_reference));
        batch.is_closed = true;
    }

    /// None, or required_capabilities that demand nothing.
    fn replace_extensions(&mut self, batch: &mut Batch, committer: &Member) {
        if std::mem::replace(&mut batch.replaces_extensions, true) {
            return;
        }
        let extensions = match self.odds(2) {
            true => json!([]),
            false => json!([{"extension_type": 3, "extension_data": "AAAA"}]),
        };
        let by_value = json!({"proposalType": "groupContextExtensions", "extensions": extensions});
        let by_reference =
            json!({"action": "groupContextExtensionsProposal", "extensions": extensions});
        let rpc = "GroupContextExtensionsProposal";
        self.propose(batch, committer, (rpc, by_value, by_reference));
    }

    /// Someone joins by an external commit, or a member replaces itself by one.
    fn external_join(&mut self) {
        let resync = self.odds(3) || self.members.len() >= self.order.members_max;
        let joiner = match resync {
            true => self.someone("ExternalJoin", &[]),
            false => Some(self.newcomer()),
        };
        let joiner = joiner.filter(|it| self.able(it.client, "ExternalJoin"));
        let Some(joiner) = joiner else { return };
        let by = std::slice::from_ref(&joiner.name);
        let Some(host) = self.someone("GroupInfo", by) else { return };
        let psks = match self.odds(3) && self.able(joiner.client, "ExternalJoin:psks") {
            true => vec![self.install_psk(&[])],
            false => Vec::new(),
        };
        self.members.retain(|member| member.name != joiner.name);
        let step = json!({
            "action": "externalJoin",
            "actor": host.name,
            "joiner": joiner.name,
            "members": self.others(std::slice::from_ref(&host.name)),
            "externalTree": self.odds(2),
            "removePrior": resync,
            "psks": psks,
        });
        self.step(step);
        self.next_epoch(vec![joiner]);
    }

    /// Someone outside proposes to be added, and a member commits it.
    fn self_add(&mut self) {
        let joiner = self.newcomer();
        let host = self.someone("GroupInfo", &[]);
        let (Some(host), true) = (host, self.able(joiner.client, "NewMemberAddProposal")) else {
            return;
        };
        let proposal = self.step(json!({
            "action": "newMemberAddProposal", "actor": host.name, "joiner": joiner.name,
        }));
        let batch =
            Batch { by_reference: vec![proposal], joiners: vec![joiner], ..Batch::default() };
        let committer = self.chance.below(self.members.len());
        self.commit(committer, batch);
    }

    /// A server is named as external sender, or proposes something as such.
    fn external_signer(&mut self) {
        let committer = self.chance.below(self.members.len());
        let keeper = self.members[committer].name.clone();
        let mut batch = Batch { touched: vec![keeper.clone()], ..Batch::default() };
        let Some(signer) = self.signer.clone() else {
            let signer = self.newcomer();
            let member = self.someone("AddExternalSigner", &[]);
            let able = self.able(signer.client, "CreateExternalSigner");
            let (Some(member), true) = (member, able) else { return };
            let proposal = self.step(json!({
                "action": "addExternalSigner", "actor": member.name, "signer": signer.name,
            }));
            batch.by_reference.push(proposal);
            self.commit(committer, batch);
            self.signer = Some(signer.name);
            return;
        };
        if !self.able(self.cast[&signer], "ExternalSignerProposal") {
            return;
        }
        let description = match self.someone("", &batch.touched) {
            Some(member) if self.odds(2) && self.members.len() > self.order.clients + 2 => {
                batch.removed.push(member.name.clone());
                json!({"proposalType": "remove", "removed": member.name})
            }
            _ => {
                let joiner = self.newcomer();
                let key_package = self.key_package(&joiner);
                batch.joiners.push(joiner);
                json!({"proposalType": "add", "keyPackage": key_package})
            }
        };
        let proposal = self.step(json!({
            "action": "externalSignerProposal",
            "actor": signer,
            "member": keeper,
            "description": description,
        }));
        batch.by_reference.push(proposal);
        self.commit(committer, batch);
    }

    /// Some messages of a member, read by the others at once, in any order, or in the next epoch.
    fn talk(&mut self) {
        let Some(sender) = self.someone("Protect", &[]) else { return };
        let mut said = Vec::new();
        for _ in 0..=self.chance.below(3) {
            let data = if self.odds(2) { "data" } else { "" };
            let step = self.step(json!({
                "action": "protect",
                "actor": sender.name,
                "plaintext": format!("epoch {}, message {}", self.epoch, said.len()),
                "authenticatedData": data,
            }));
            said.push(Late { step, sender: sender.name.clone(), epoch: self.epoch });
        }
        if self.odds(2) {
            said.reverse();
        }
        for message in said {
            match self.odds(4) {
                true => self.late.push(message),
                false => self.deliver(&message),
            }
        }
    }

    fn deliver(&mut self, message: &Late) {
        let listeners = self.members.iter().filter(|it| it.since <= message.epoch);
        let listeners: Vec<String> = listeners.map(|it| it.name.clone()).collect();
        for listener in listeners.iter().filter(|name| **name != message.sender) {
            self.step(json!({
                "action": "unprotect", "actor": listener, "ciphertext": message.step,
            }));
        }
    }

    fn compare(&mut self) {
        let members = self.others(&[]);
        self.step(json!({"action": "compare", "members": members}));
    }
}
