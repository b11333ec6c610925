//! Leaving a group: the leaver says so, and whoever is online lets it go.
//!
//! `cargo run -p conclave-client --example leave -- http://127.0.0.1:7420`

use client::{Account, Error, EventKind, Home};

fn main() -> Result<(), Error> {
    let server = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:7420".to_owned());
    let number = std::process::id();
    let account = |name: &str| {
        let name = format!("{name}-{number}");
        let folder = std::env::temp_dir().join(format!("conclave-{name}"));
        Account::create(&Home::unprotected(folder), &name, &server)
    };
    let (mut alice, mut bob) = (account("alice")?, account("bob")?);
    let group = alice.create_group("garden")?;
    let name = bob.name().to_string();
    alice.add(&group, &[&name])?;
    bob.receive()?;
    bob.leave(&group)?;
    println!("bob is {}", bob.group("garden")?.state);
    // Alice's client does what is to be done when it hears of the wish.
    for event in alice.receive()? {
        if let EventKind::MemberLeft { by, name } = event.kind {
            println!("{name} left; {by} saw to it");
        }
    }
    bob.receive()?;
    println!("bob has {}", bob.group("garden")?.state);
    Ok(())
}
