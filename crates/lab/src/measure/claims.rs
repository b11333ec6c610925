//! The claims of 2018, measured (CGKA-7). Every row is computed here and now; the verdict follows
//! from the numbers of its row.

use std::collections::BTreeMap;

use crate::attacker::{Deed, removed_member};
use crate::{Cell, Circle, Failure, Protocol, Seeded, Table, Tools, protocol};

use super::ops::ratio;
use super::{Progress, Recipients, UpdateOps, bytes, update_ops};

/// The protocols whose double joins are looked for.
const DOUBLE_JOINS: [&str; 5] = ["art-draft01", "art-modern", "treekem-draft01", "mkem", "rfc9420"];

/// What was said, what was found, and what that means.
struct Row {
    claim: &'static str,
    measured: String,
    verdict: String,
}

fn named(name: &'static str) -> Result<&'static dyn Protocol, Failure> {
    protocol(name).ok_or(Failure::Misuse("a protocol that is not in the list"))
}

fn ops(name: &'static str, size: u32) -> Result<UpdateOps, Failure> {
    update_ops(named(name)?, (size, 0), Recipients::All, 1)
}

/// A quotient of lengths.
fn quotient(dividend: usize, divisor: usize) -> f64 {
    let wide = |length| u64::try_from(length).unwrap_or(u64::MAX);
    ratio(wide(dividend), wide(divisor).max(1))
}

fn message_sizes() -> Result<Row, Failure> {
    let mut ratios = Vec::new();
    for size in [8, 64, 1000, 50_000] {
        let [art, treekem] =
            ["art-draft01", "treekem-draft01"].map(|name| bytes(named(name)?, size));
        ratios.push((size, quotient(treekem?.path, art?.path)));
    }
    // Each public key that is sent was made by one multiplication of the base point.
    let [art, treekem] = ["art-draft01", "treekem-draft01"].map(|name| ops(name, 1024));
    let keys = ratio(treekem?.sender.base, art?.sender.base);
    let shown: Vec<_> = ratios.iter().map(|(size, it)| format!("{it:.1} at {size}")).collect();
    let largest = ratios.last().map_or(0.0, |(_, ratio)| *ratio);
    let verdict = match (keys.round() == 2.0, largest.round() == 2.0) {
        (true, true) => "true".to_owned(),
        (true, false) => format!("true of keys; in bytes {largest:.1}"),
        (false, _) => format!("not confirmed: keys {keys:.1}, bytes {largest:.1}"),
    };
    Ok(Row {
        claim: "ART's updates are about two times smaller than TreeKEM's",
        measured: format!("bytes: {}; public keys: {keys:.1} at 1024", shown.join(", ")),
        verdict,
    })
}

fn recipients() -> Result<Row, Failure> {
    let [art, treekem, rfc] =
        ["art-draft01", "treekem-draft01", "rfc9420"].map(|name| ops(name, 1024));
    let (art, treekem, rfc) = (art?, treekem?, rfc?);
    let dh = [&art, &treekem, &rfc].map(|ops| ops.spread(|ops| ops.dh));
    let base = [&treekem, &rfc].map(|ops| ops.spread(|ops| ops.base));
    let measured = format!(
        "at 1024, DH: ART mean {:.2}, max {}; TreeKEM mean {:.2}, max {}; RFC 9420 mean {:.2}, max \
         {}. Key derivations: TreeKEM mean {:.2}, max {}; RFC 9420 mean {:.2}, max {}",
        dh[0].mean,
        dh[0].max,
        dh[1].mean,
        dh[1].max,
        dh[2].mean,
        dh[2].max,
        base[0].mean,
        base[0].max,
        base[1].mean,
        base[1].max,
    );
    let is_constant = dh[1].max == 1 && dh[2].max == 1;
    let verdict = match (is_constant, dh[0].mean < 2.0, base[1].max > 1) {
        (true, true, true) => {
            format!("true of the worst case and of DH alone; ART's mean is {:.2}", dh[0].mean)
        }
        (true, ..) => "true".to_owned(),
        (false, ..) => "false".to_owned(),
    };
    Ok(Row { claim: "TreeKEM costs a recipient O(1), ART O(log n)", measured, verdict })
}

fn encryption() -> Result<Row, Failure> {
    let art = named("art-draft01")?;
    let update = ops("art-draft01", 64)?;
    let opens = update.spread(|ops| ops.open).max;
    let tools = Tools::new()?;
    let mut random = Seeded::new(1);
    let mut circle = Circle::new(art, &tools, 8, &mut random)?;
    let (added, add) = tools.measure(|| circle.add(0, &mut random));
    added?;
    let measured = format!(
        "seals and opens of an update: {} and {opens}; of an add with its join: {} and {}",
        update.sender.seal, add.seal, add.open
    );
    let verdict = match (update.sender.seal + opens, add.seal) {
        (0, 0) => "true",
        (0, _) => "true of updates; who joins must be told a secret",
        _ => "false",
    };
    Ok(Row { claim: "ART needs no encryption", measured, verdict: verdict.to_owned() })
}

/// Whether two updates of one epoch merge, and whether an attacker who had stolen both members'
/// state is out afterwards.
fn merge_heals(name: &'static str) -> Result<Option<bool>, Failure> {
    let (tools, mut random) = (Tools::new()?, Seeded::new(1));
    let mut circle = Circle::new(named(name)?, &tools, 8, &mut random)?;
    for slot in 0..8 {
        circle.update(slot, &mut random)?;
    }
    let loot = vec![circle.member(1)?.compromise(), circle.member(6)?.compromise()];
    let mut attacker = named(name)?.adversary(&tools, loot)?;
    let mut updates = Vec::new();
    for slot in [1, 6] {
        updates.push(circle.member(slot)?.update(&mut random)?.message);
    }
    match circle.deliver_merged(&updates) {
        Ok(_) => {}
        Err(Failure::NotMergeable) => return Ok(None),
        Err(failure) => return Err(failure),
    }
    attacker.read_merged(&updates);
    let secret = circle.agreement()?;
    Ok(Some(attacker.epoch_secret().is_none_or(|guess| guess != secret)))
}

fn merging() -> Result<Row, Failure> {
    let names = ["art-draft01", "treekem-draft01", "mkem", "rfc9420"];
    let mut found = BTreeMap::new();
    for name in names {
        found.insert(name, merge_heals(name)?);
    }
    let shown = names.map(|name| match found[name] {
        None => format!("{name}: one update wins"),
        Some(true) => format!("{name}: merges, and heals two who were stolen from"),
        Some(false) => format!("{name}: merges, and the thief of both stays"),
    });
    let verdict = match (found["treekem-draft01"], found["art-draft01"]) {
        (Some(false), None) => "true, but two who merge do not heal; RFC 9420 gave it up",
        (Some(false), Some(_)) => "ART's merge too here; two who merge do not heal",
        (Some(true), _) => "true",
        (None, _) => "not shown",
    };
    Ok(Row {
        claim: "TreeKEM's updates of one epoch merge, ART's do not",
        measured: shown.join("; "),
        verdict: verdict.to_owned(),
    })
}

/// Whether a removed member who had added somebody can follow the group after its removal.
fn is_double_joined(name: &'static str) -> Result<bool, Failure> {
    let (tools, mut random) = (Tools::new()?, Seeded::new(2));
    let outcome = removed_member(named(name)?, &tools, (Deed::Add, 8), &mut random)?;
    Ok(outcome.when_removed)
}

fn double_join() -> Result<Row, Failure> {
    let mut joined = BTreeMap::new();
    for name in DOUBLE_JOINS {
        joined.insert(name, is_double_joined(name)?);
    }
    let side = |wanted| {
        let names: Vec<_> =
            DOUBLE_JOINS.into_iter().filter(|name| joined[name] == wanted).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    let measured = format!("the removed follows: {}; is out: {}", side(true), side(false));
    let as_said = joined["art-draft01"] && joined["treekem-draft01"] && !joined["rfc9420"];
    let verdict =
        if as_said { "true of both drafts; RFC 9420 is free of it" } else { "not as said" };
    Ok(Row {
        claim: "Who adds sets keys for another and stays double-joined when removed",
        measured,
        verdict: verdict.to_owned(),
    })
}

fn fracture() -> Result<Row, Failure> {
    let mut seals = Vec::new();
    for removed in [0, 1, 10, 100] {
        let (tools, mut random) = (Tools::new()?, Seeded::new(3));
        let warm = named("rfc9420")?.warm(&tools, 1024, &mut random)?;
        let mut member = warm.member(0)?;
        let mut left: Vec<u32> = (1..1024).collect();
        for _ in 0..removed {
            let slot = left.swap_remove(random.below(left.len()));
            let sent = member.remove(slot, &mut random)?;
            member.process(&sent.message)?;
        }
        let (sent, ops) = tools.measure(|| member.update(&mut random));
        sent?;
        seals.push((removed, ops.seal));
    }
    let shown: Vec<_> =
        seals.iter().map(|(removed, seals)| format!("{seals} after {removed}")).collect();
    let grows = seals.windows(2).all(|pair| pair[0].1 < pair[1].1);
    let factor = match (seals.first(), seals.last()) {
        (Some(first), Some(last)) => ratio(last.1, first.1),
        _ => 0.0,
    };
    let verdict = match grows {
        true => format!("true: {factor:.0} times the ciphertexts after 100 of 1024"),
        false => "not confirmed".to_owned(),
    };
    Ok(Row {
        claim: "Removing without a double join fractures the tree",
        measured: format!("RFC 9420, 1024 members, ciphertexts of an update: {}", shown.join(", ")),
        verdict,
    })
}

/// The members of the groups that are created.
const CREATED: u32 = 256;

fn creation() -> Result<Row, Failure> {
    let mut shown = Vec::new();
    let mut costs = BTreeMap::new();
    for name in ["art-draft01", "art-modern", "treekem-draft01", "rfc9420"] {
        let (tools, mut random) = (Tools::new()?, Seeded::new(4));
        let chosen = named(name)?;
        let mut people = Vec::new();
        for identity in 0..CREATED {
            people.push(chosen.newcomer(&tools, identity, &mut random)?);
        }
        let creator = people.remove(0);
        let packages: Vec<_> = people.iter().map(|person| person.key_package()).collect();
        let (created, creator) = tools.measure(|| creator.create(&packages, &mut random));
        let (_, setup) = created?;
        let last = people.pop().ok_or(Failure::Misuse("nobody joins"))?;
        let (joined, joiner) = tools.measure(|| last.join(&setup));
        joined?;
        let creator = creator.dh + creator.base;
        let joiner = joiner.dh + joiner.base;
        shown.push(format!("{name}: creator {creator}, joiner {joiner}"));
        costs.insert(name, (creator, joiner));
    }
    let few = |cost: &(u64, u64)| cost.1 < u64::from(CREATED) / 4;
    let verdict = match costs.values().all(few) {
        true => "linear for creators, logarithmic or less for joiners: the table's 2n is an error",
        false => "some joiners pay linearly",
    };
    Ok(Row {
        claim: "To create is O(n) for the creator; for a joiner O(log n), or 2n in one table",
        measured: format!("{CREATED} members, DH and base together: {}", shown.join("; ")),
        verdict: verdict.to_owned(),
    })
}

/// The table of claims.
pub fn claims_table(progress: Progress<'_>) -> Result<Table, Failure> {
    let columns = ["claim of 2018", "measured", "verdict"];
    let mut table = Table::new("claims", "The claims of 2018", &columns);
    let rows: [fn() -> Result<Row, Failure>; 7] =
        [message_sizes, recipients, encryption, merging, double_join, fracture, creation];
    for (done, row) in (1..).zip(rows) {
        let Row { claim, measured, verdict } = row()?;
        table.row([claim.into(), Cell::from(measured), Cell::from(verdict)]);
        progress(done, 7);
    }
    Ok(table)
}
