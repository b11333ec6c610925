//! Scripts of attacks by members that were removed, for every group key agreement alike.
//!
//! A member does a deed for others while it is in the group: it creates the group, adds somebody,
//! or removes somebody. It keeps what its state held when it sent and when it left. Then it is
//! removed, and reads the wire. If it can go on deriving the group's secrets it was *joined twice*:
//! once at its own leaf, once where it had chosen secrets for others.

use std::collections::BTreeMap;

use crypto::Random;

use crate::measure::Progress;
use crate::{
    Adversary, Cell, Failure, Loot, Member, Ops, PROTOCOLS, Protocol, Seeded, Table, Tools,
};

/// What a member did before it was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// Added somebody to a group in which all had updated.
    Add,
    /// Created the group, in which nobody has updated since.
    Create,
    /// Removed somebody from a group in which all had updated.
    Remove,
}

impl Deed {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Add, Self::Create, Self::Remove];
}

/// Whether the removed member knows the group's secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// In the epoch that its removal began.
    pub when_removed: bool,
    /// After every remaining member has updated.
    pub when_all_updated: bool,
}

/// Members of one group by slot, and a reader of the wire.
struct Scene<'a> {
    protocol: &'a dyn Protocol,
    tools: &'a Tools,
    members: BTreeMap<u32, Box<dyn Member>>,
    attacker: Option<Box<dyn Adversary>>,
}

impl<'a> Scene<'a> {
    fn new(
        protocol: &'a dyn Protocol,
        tools: &'a Tools,
        size: u32,
        random: &mut dyn Random,
    ) -> Result<Self, Failure> {
        let creator = protocol.newcomer(tools, 0, random)?;
        let mut others = Vec::new();
        for identity in 1..size {
            others.push(protocol.newcomer(tools, identity, random)?);
        }
        let packages: Vec<_> = others.iter().map(|other| other.key_package()).collect();
        let (creator, welcome) = creator.create(&packages, random)?;
        let mut members = BTreeMap::from([(creator.slot(), creator)]);
        for other in others {
            let member = other.join(&welcome)?;
            members.insert(member.slot(), member);
        }
        Ok(Self { protocol, tools, members, attacker: None })
    }

    fn member(&mut self, slot: u32) -> Result<&mut Box<dyn Member>, Failure> {
        self.members.get_mut(&slot).ok_or(Failure::Misuse("an empty slot"))
    }

    fn deliver(&mut self, message: &[u8]) -> Result<(), Failure> {
        for (slot, mut member) in std::mem::take(&mut self.members) {
            match member.process(message) {
                Ok(()) => drop(self.members.insert(slot, member)),
                Err(Failure::Removed) => {}
                Err(failure) => return Err(failure),
            }
        }
        if let Some(attacker) = &mut self.attacker {
            attacker.read(message);
        }
        Ok(())
    }

    fn all_update(&mut self, random: &mut dyn Random) -> Result<(), Failure> {
        for slot in self.members.keys().copied().collect::<Vec<_>>() {
            let sent = self.member(slot)?.update(random)?;
            self.deliver(&sent.message)?;
        }
        Ok(())
    }

    fn remove(&mut self, slot: u32, removed: u32, random: &mut dyn Random) -> Result<(), Failure> {
        let sent = self.member(slot)?.remove(removed, random)?;
        self.deliver(&sent.message)
    }

    /// Whether the attacker has the secret that all members share.
    fn is_open(&self) -> Result<bool, Failure> {
        let mut members = self.members.values().map(|member| member.epoch_secret());
        let secret = members.next().ok_or(Failure::Misuse("a group without members"))?;
        if members.any(|other| other != secret) {
            return Err(Failure::Message("the members do not agree".into()));
        }
        let guess = self.attacker.as_ref().and_then(|attacker| attacker.epoch_secret());
        Ok(guess.is_some_and(|guess| guess == secret))
    }
}

/// The member that does the deed and is removed.
const MALLORY: u32 = 1;

/// Plays the script in a group of `size`, at least four, to begin with.
pub fn removed_member(
    protocol: &dyn Protocol,
    tools: &Tools,
    (deed, size): (Deed, u32),
    random: &mut dyn Random,
) -> Result<Outcome, Failure> {
    let mut scene = Scene::new(protocol, tools, size, random)?;
    let mut loot: Vec<Loot> = Vec::new();
    let (mallory, remover) = match deed {
        Deed::Create => (0, MALLORY),
        Deed::Add | Deed::Remove => (MALLORY, 0),
    };
    if deed != Deed::Create {
        scene.all_update(random)?;
    }
    match deed {
        Deed::Add => {
            let newcomer = protocol.newcomer(tools, size, random)?;
            let sent = scene.member(mallory)?.add(&newcomer.key_package(), random)?;
            loot.push(scene.member(mallory)?.compromise());
            scene.deliver(&sent.message)?;
            let member = newcomer.join(&sent.welcome)?;
            scene.members.insert(member.slot(), member);
        }
        Deed::Create => {}
        Deed::Remove => {
            let sent = scene.member(mallory)?.remove(3, random)?;
            loot.push(scene.member(mallory)?.compromise());
            scene.deliver(&sent.message)?;
        }
    }
    loot.push(scene.member(mallory)?.compromise());
    scene.attacker = Some(scene.protocol.adversary(scene.tools, loot)?);
    if !scene.is_open()? {
        return Err(Failure::Message("a member does not know its own epoch's secret".into()));
    }
    scene.remove(remover, mallory, random)?;
    let when_removed = scene.is_open()?;
    scene.all_update(random)?;
    Ok(Outcome { when_removed, when_all_updated: scene.is_open()? })
}

/// What it takes to remove the creator of a group in which nobody has updated.
#[derive(Clone, Copy, Debug)]
pub struct Eviction {
    /// Operations of whoever created the group.
    pub creation: Ops,
    /// Bytes of the message that sets the group up.
    pub creation_bytes: usize,
    /// Operations of the remover.
    pub removal: Ops,
    /// Bytes of the removal.
    pub removal_bytes: usize,
    /// Operations of a remover after everybody has updated.
    pub ordinary_removal: Ops,
    /// Bytes of such a removal.
    pub ordinary_removal_bytes: usize,
}

/// Measures [`Eviction`] in a group of `size`.
pub fn eviction_of_the_creator(
    protocol: &dyn Protocol,
    tools: &Tools,
    size: u32,
    random: &mut dyn Random,
) -> Result<Eviction, Failure> {
    let creator = protocol.newcomer(tools, 0, random)?;
    let mut others = Vec::new();
    for identity in 1..size {
        others.push(protocol.newcomer(tools, identity, random)?);
    }
    let packages: Vec<_> = others.iter().map(|other| other.key_package()).collect();
    let (created, creation) = tools.measure(|| creator.create(&packages, random));
    let welcome = created?.1;
    let remover = others.into_iter().next().ok_or(Failure::Misuse("nobody to remove"))?;
    let mut remover = remover.join(&welcome)?;
    let (removed, removal) = tools.measure(|| remover.remove(0, random));
    let warm = protocol.warm(tools, size, random)?;
    let mut member = warm.member(1)?;
    let (ordinary, ordinary_removal) = tools.measure(|| member.remove(0, random));
    Ok(Eviction {
        creation,
        creation_bytes: welcome.len(),
        removal,
        removal_bytes: removed?.message.len(),
        ordinary_removal,
        ordinary_removal_bytes: ordinary?.message.len(),
    })
}

/// Every protocol whose groups change, and ART without its book.
fn dynamic_protocols() -> Vec<&'static dyn Protocol> {
    let listed = PROTOCOLS.iter().copied().filter(|protocol| protocol.is_dynamic());
    listed.chain([&crate::art::MODERN_WITHOUT_BOOK as &dyn Protocol]).collect()
}

/// What members that were removed know, for each protocol and deed.
pub fn double_join_table(size: u32, progress: Progress<'_>) -> Result<Table, Failure> {
    let title = format!("What a member of {size} who is removed still knows");
    let columns = ["protocol", "had", "next epoch's secret", "when all have updated"];
    let mut table = Table::new("double-join", &title, &columns);
    let protocols = dynamic_protocols();
    let played = protocols.iter().flat_map(|protocol| Deed::ALL.map(|deed| (*protocol, deed)));
    let of = Cell::from(protocols.len() * Deed::ALL.len());
    let Cell::Count(of) = of else { return Ok(table) };
    for (done, (protocol, deed)) in (1..).zip(played) {
        let (tools, mut random) = (Tools::new()?, Seeded::new(u64::from(size)));
        let outcome = removed_member(protocol, &tools, (deed, size), &mut random)?;
        let known = |known| if known { "known" } else { "not known" };
        let had = match deed {
            Deed::Add => "added somebody",
            Deed::Create => "created the group",
            Deed::Remove => "removed somebody",
        };
        table.row([
            protocol.name().into(),
            had.into(),
            known(outcome.when_removed).into(),
            known(outcome.when_all_updated).into(),
        ]);
        progress(done, of);
    }
    Ok(table)
}

/// What the book of owners costs: the removal of a creator before anybody has updated, beside the
/// creation and beside a removal after everybody has.
pub fn eviction_table(sizes: &[u32], progress: Progress<'_>) -> Result<Table, Failure> {
    let columns = ["members", "of", "DH", "base", "bytes"];
    let title = "ART with a book of owners: what it costs to remove the creator";
    let mut table = Table::new("eviction", title, &columns);
    let Cell::Count(of) = Cell::from(sizes.len()) else { return Ok(table) };
    for (done, &size) in (1..).zip(sizes) {
        let (tools, mut random) = (Tools::new()?, Seeded::new(u64::from(size)));
        let it = eviction_of_the_creator(&crate::art::MODERN, &tools, size, &mut random)?;
        let rows = [
            ("creation", it.creation, it.creation_bytes),
            ("removal at once", it.removal, it.removal_bytes),
            ("removal when all have updated", it.ordinary_removal, it.ordinary_removal_bytes),
        ];
        for (what, ops, bytes) in rows {
            let (dh, base) = (ops.dh.into(), ops.base.into());
            table.row([size.into(), what.into(), dh, base, bytes.into()]);
        }
        progress(done, of);
    }
    Ok(table)
}
