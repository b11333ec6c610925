//! A client that sleeps until something is due, and then does it: renews keys, removes idle
//! members, lets members go who want to leave.
//!
//! `cargo run -p conclave-client --example schedule -- HOME` for an account that is there.

use client::{Account, Error, EventKind, Home};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn main() -> Result<(), Error> {
    let home = std::env::args().nth(1).unwrap_or_else(|| "alice-home".to_owned());
    let mut account = Account::open(&Home::unprotected(home))?;
    loop {
        for event in account.receive()? {
            match event.kind {
                EventKind::UpdateOverdue {} => {
                    println!("keys could not be renewed in time; messages wait");
                }
                EventKind::MemberEvicted { by, name } => println!("{by} removed {name}: idle"),
                other => println!("{other:?}"),
            }
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let wait = account.next_action()?.saturating_sub(now);
        println!("nothing is due for {wait} seconds");
        std::thread::sleep(Duration::from_secs(wait.max(1)));
    }
}
