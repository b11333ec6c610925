//! The curves and policies as tables.

use super::{
    Cost, Helped, Point, at_ietf_103, first_days, healing, late_joiners, rfc_9420,
    warm_up_with_book, worst_case,
};
use crate::measure::Progress;
use crate::{Cell, Failure, Table};

/// How many random lives the curves of IETF 103 are the mean of.
const LIVES: u64 = 100;

/// The levels that a creator may warm up.
const LEVELS_MAX: u32 = 6;

/// How many commits a group may see before everybody has renewed their keys once.
const COMMITS: [usize; 4] = [5, 20, 50, 200];

fn cells(cost: Cost) -> [Cell; 3] {
    [cost.mean.into(), cost.max.into(), cost.min.into()]
}

fn rows(table: &mut Table, name: &str, points: &[Point]) {
    for point in points {
        let [mean, max, min] = cells(point.cost);
        table.row([name.into(), point.at.into(), mean, max, min]);
    }
}

/// All curves, policies and remedies, for groups of so many members.
pub fn tables(members: usize, progress: Progress<'_>) -> Result<Vec<Table>, Failure> {
    const STEPS: u64 = 7;
    let failed = |error: tree::Error| Failure::Message(error.to_string());
    let columns = ["curve", "after", "mean", "max", "min"];
    let title = "Ciphertexts of the next update, IETF 103: 1000 members come online at random";
    let mut ietf = Table::new("ietf-103", title, &columns);
    for (name, points) in ["top filled", "empty"].into_iter().zip(at_ietf_103(LIVES)) {
        rows(&mut ietf, name, &points);
    }
    progress(1, STEPS);
    let title = format!("Ciphertexts of the next commit, RFC 9420, {members} members");
    let mut today = Table::new("rfc-9420", &title, &columns);
    for curve in rfc_9420(members, 1).map_err(failed)? {
        rows(&mut today, curve.name, &curve.points);
    }
    progress(2, STEPS);
    let policies = policies(members).map_err(failed)?;
    progress(3, STEPS);
    let early = early(members).map_err(failed)?;
    progress(4, STEPS);
    let book = book(members);
    progress(5, STEPS);
    let title = format!("Add-storm, then silence, and what helps: {members} members");
    let worst = helped("worst-case", &title, worst_case(members).map_err(failed)?);
    progress(6, STEPS);
    let title = format!("Many join a filled group without a path: {members} members");
    let late = helped("late-joiners", &title, late_joiners(members).map_err(failed)?);
    progress(STEPS, STEPS);
    Ok(vec![ietf, today, policies, early, book, worst, late])
}

fn policies(members: usize) -> Result<Table, tree::Error> {
    let title = format!("Who updates when: {members} members, each has its turn once");
    let columns = [
        "policy",
        "who",
        "messages",
        "bytes",
        "largest",
        "next mean",
        "next max",
        "next bytes",
        "blanks",
        "stale leaves",
        "double joins",
    ];
    let mut table = Table::new("policies", &title, &columns);
    for row in healing(members)? {
        table.row([
            row.name.into(),
            row.title.into(),
            row.messages.into(),
            row.bytes.into(),
            row.largest.into(),
            row.after.mean.into(),
            row.after.max.into(),
            row.after_bytes.into(),
            row.blanks.into(),
            row.stale.into(),
            row.double_joins.into(),
        ]);
    }
    Ok(table)
}

fn early(members: usize) -> Result<Table, tree::Error> {
    let title = format!("Early renewals, then commits of three others: {members} members, bytes");
    let columns = ["early", "commits", "early bytes", "commit bytes", "bytes"];
    let mut table = Table::new("first-days", &title, &columns);
    for row in first_days(members, &COMMITS)? {
        let bytes = [row.early_bytes, row.commit_bytes, row.early_bytes + row.commit_bytes];
        let counts = [row.early, row.commits].map(Cell::from);
        table.row(counts.into_iter().chain(bytes.map(Cell::from)));
    }
    Ok(table)
}

fn book(members: usize) -> Table {
    let title = format!("Warm-up by the creator, with a book of owners: {members} members");
    let columns = [
        "levels",
        "bytes",
        "next mean",
        "double joins",
        "updates until clean",
        "next mean if evicted",
        "updates until filled",
        "their ciphertexts",
    ];
    let mut table = Table::new("book", &title, &columns);
    for levels in 1..=LEVELS_MAX {
        let row = warm_up_with_book(members, levels);
        table.row([
            row.levels.into(),
            row.bytes.into(),
            row.warm.mean.into(),
            row.double_joins.into(),
            row.updates_until_clean.into(),
            row.after_eviction.mean.into(),
            row.updates_until_filled.into(),
            row.ciphertexts_until_filled.into(),
        ]);
    }
    table
}

fn helped(name: &'static str, title: &str, rows: Vec<Helped>) -> Table {
    let columns =
        ["then", "members", "first's next", "its bytes", "next mean", "next max", "next min"];
    let mut table = Table::new(name, title, &columns);
    for row in rows {
        let [mean, max, min] = cells(row.cost);
        let head = [row.title.into(), row.members.into(), row.creator.into()];
        table.row(head.into_iter().chain([row.creator_bytes.into(), mean, max, min]));
    }
    table
}
