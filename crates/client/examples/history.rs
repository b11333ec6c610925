//! What was said, page by page, and what became of each own message.
//!
//! `cargo run -p conclave-client --example history -- http://127.0.0.1:7420`

use client::{Account, Error, HistoryQuery, Home};

fn main() -> Result<(), Error> {
    let server = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:7420".to_owned());
    let name = format!("alice-{}", std::process::id());
    let folder = std::env::temp_dir().join(format!("conclave-{name}-history"));
    let mut alice = Account::create(&Home::unprotected(folder), &name, &server)?;
    let group = alice.create_group("diary")?;
    for day in 1..=5 {
        let done = alice.send(&group, &format!("day {day}"))?;
        println!("day {day} is entry {} of the group's log", done.position.0);
    }
    // The latest two first, then what is before them.
    let mut before = u64::MAX;
    loop {
        let query = HistoryQuery { before, limit: 2, ..HistoryQuery::default() };
        let page = alice.history_page(&group, &query)?;
        let Some(first) = page.first() else { break };
        before = first.number;
        for event in &page {
            println!("{}: {:?}", event.number, event.kind);
        }
    }
    for message in alice.own_messages(&group)? {
        println!("{}: {:?}", message.text, message.state);
    }
    Ok(())
}
