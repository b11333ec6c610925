//! What real members hold is what is said to be known on paper: the same lives, once with clients
//! and real cryptography, once with numbers for keys.

use lab::Seeded;
use lab::invariant::{Act, By, Client, ClientSet, Knowledge, PaperGroup};
use mls::{
    CommitOptions, ExternalJoinOptions, GroupInfoOptions, HandshakeFormat, LeafChanges, LeafIndex,
    MlsMessage, PathChoice, Propose,
};
use testkit::forge::Insider;
use testkit::{NOW, Person, Traits};

fn traits() -> Traits {
    Traits::new(1).handshakes(HandshakeFormat::Public)
}

/// The same group twice. The person at each place of `people` is the client of that number.
struct Twice {
    paper: PaperGroup,
    knowledge: Knowledge,
    people: Vec<Option<Person>>,
}

impl Twice {
    fn new() -> Self {
        let (paper, knowledge) = PaperGroup::new();
        let mut creator = Person::new("0", traits());
        creator.create();
        Self { paper, knowledge, people: vec![Some(creator)] }
    }

    fn at(&mut self, leaf: LeafIndex) -> &mut Person {
        let Client(number) = self.paper.at(leaf).unwrap();
        self.people[number].as_mut().unwrap()
    }

    fn newcomer(&mut self) -> Person {
        Person::new(&self.people.len().to_string(), traits())
    }

    /// Everybody but the sender follows; whoever is removed is gone.
    fn deliver(&mut self, commit: &MlsMessage, sender: Option<LeafIndex>) {
        let sender = sender.map(|leaf| self.paper.at(leaf).unwrap());
        for (number, place) in self.people.iter_mut().enumerate() {
            let Some(person) = place.as_mut().filter(|_| sender != Some(Client(number))) else {
                continue;
            };
            if person.follow(commit).self_removed {
                *place = None;
            }
        }
    }

    fn commit(&mut self, leaf: LeafIndex, act: &Act) {
        for updated in &act.updates {
            let Person { group, random, store, .. } = self.at(*updated);
            let propose = Propose::Update(LeafChanges::default());
            let made = group.as_mut().unwrap().propose(propose, b"", NOW, random).unwrap();
            let proposal = made.save(store).unwrap();
            let Client(proposer) = self.paper.at(*updated).unwrap();
            for (_, person) in self.people.iter_mut().enumerate().filter(|it| it.0 != proposer) {
                person.iter_mut().for_each(|person| drop(person.process(&proposal)));
            }
        }
        let mut options = CommitOptions::new();
        options.path = if act.path { PathChoice::Always } else { PathChoice::IfRequired };
        for removed in &act.removes {
            options = options.remove_member(*removed);
        }
        let mut joining = Vec::new();
        for _ in 0..act.adds {
            let name = (self.people.len() + joining.len()).to_string();
            let mut newcomer = Person::new(&name, traits());
            options = options.add_member(newcomer.key_package());
            joining.push(newcomer);
        }
        let sent = self.at(leaf).commit_and_advance(options);
        self.deliver(&sent.commit, Some(leaf));
        joining.iter_mut().for_each(|newcomer| newcomer.join(&sent.welcomes[0]));
        self.people.extend(joining.into_iter().map(Some));
    }

    fn join_from_outside(&mut self, former: Option<LeafIndex>) {
        let any = self.paper.members().next().unwrap();
        let options = GroupInfoOptions { ratchet_tree: true, external_pub: true };
        let Person { group, random, .. } = self.at(any);
        let info = group.as_ref().unwrap().group_info(options, random).unwrap();
        let mut joiner = self.newcomer();
        if let Some(leaf) = former {
            // Whoever has lost everything but its signature key: its name decides that here.
            let Client(number) = self.paper.at(leaf).unwrap();
            let credential = self.at(leaf).client.config().credential.clone();
            let name = (0..=number).map(|name| name.to_string());
            let is_name = |name: &String| mls::Credential::basic(name.as_bytes()) == credential;
            joiner = Person::new(&name.into_iter().find(is_name).unwrap(), traits());
        }
        let Person { client, store, random, .. } = &mut joiner;
        let resync = former.is_some();
        let options = ExternalJoinOptions { resync, ..ExternalJoinOptions::default() };
        let made = client.join_external(store, &info, options, NOW, random).unwrap();
        let made = made.save(store).unwrap();
        self.deliver(&made.commit, None);
        let joined = joiner.client.complete_join(&joiner.store, &made.pending);
        joiner.group = Some(joiner.save(joined));
        self.people.push(Some(joiner));
    }

    fn step(&mut self, act: &Act) {
        match act.by {
            By::Member(leaf) => self.commit(leaf, act),
            By::Joiner { former } => self.join_from_outside(former),
        }
        let done = self.paper.commit(act).unwrap();
        self.knowledge.follow(&done);
        self.compare();
    }

    /// Each member's stored keys are of the nodes whose keys it is said to know, and no others.
    fn compare(&self) {
        let size = self.paper.tree().size();
        let members: Vec<LeafIndex> = self.paper.members().collect();
        for leaf in &members {
            let client = self.paper.at(*leaf).unwrap();
            let Client(number) = client;
            let insider = Insider::of(self.people[number].as_ref().unwrap());
            assert_eq!(insider.leaf, *leaf);
            assert_eq!(insider.tree.size(), size);
            let nodes = (0..size.nodes()).filter_map(|index| size.node(index));
            let known = nodes.filter(|node| {
                let key = self.paper.key(*node);
                assert_eq!(key.is_some(), insider.tree.node(*node).is_some(), "{node:?}");
                key.is_some_and(|key| self.knowledge.holders(key).contains(client))
            });
            assert_eq!(insider.private.nodes().collect::<Vec<_>>(), known.collect::<Vec<_>>());
        }
        let inside = self.people.iter().enumerate().filter(|(_, person)| person.is_some());
        let mut expected = ClientSet::default();
        inside.for_each(|(number, _)| expected.insert(Client(number)));
        let seated: Vec<Client> = members.iter().filter_map(|leaf| self.paper.at(*leaf)).collect();
        assert!(seated.iter().all(|client| expected.contains(*client)));
        assert_eq!(seated.len(), expected.iter().count());
    }
}

#[test]
fn real_members_hold_the_keys_that_they_are_said_to_know() {
    for seed in 0..3 {
        let mut twice = Twice::new();
        let mut random = Seeded::new(seed);
        for _ in 0..25 {
            let act = lab::invariant::random_act(&twice.paper, 12, &mut random);
            twice.step(&act);
        }
    }
}
