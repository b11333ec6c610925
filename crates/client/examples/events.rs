//! Every change of a group is an event, and so is what a client does by itself: coming back into a
//! group that it lost, renewing keys after its folder was copied, opening a log that was closed.
//!
//! `cargo run -p conclave-client --example events -- HOME` for an account that is there.

use client::{Account, Error, EventKind, Home};

fn main() -> Result<(), Error> {
    let home = std::env::args().nth(1).unwrap_or_else(|| "alice-home".to_owned());
    let mut account = Account::open(&Home::unprotected(home))?;
    loop {
        for event in account.follow(60)? {
            let place = event.position.0;
            match event.kind {
                EventKind::Message { from, text, .. } => println!("{place} {from}: {text}"),
                EventKind::MemberAdded { by, name, device } => {
                    println!("{place} {by} added {name} with {device}");
                }
                EventKind::MemberRemoved { by, name } => println!("{place} {by} removed {name}"),
                EventKind::Halted { reason } => println!("{place} cannot go on: {reason}"),
                EventKind::Rejoined { after, at } => println!("back: {after} to {at} was missed"),
                EventKind::SentElsewhere {} => println!("this folder has a copy that speaks"),
                EventKind::LogRepaired {} => println!("an insider had closed the log"),
                other => println!("{place} {other:?}"),
            }
        }
        // What was printed counts as taken; if this process dies before, it comes again.
        account.set_read()?;
    }
}
