//! A folder that opens with a passphrase, which can be changed. One process at a time has it open.
//!
//! `cargo run -p conclave-client --example protected -- http://127.0.0.1:7420`

use client::{Account, Error, Home, StoreKey};
use crypto::Secret;

fn main() -> Result<(), Error> {
    let server = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:7420".to_owned());
    let name = format!("alice-{}", std::process::id());
    let folder = std::env::temp_dir().join(format!("conclave-{name}-protected"));
    let key = |passphrase: &str| StoreKey::Passphrase(Secret::from_slice(passphrase.as_bytes()));
    let home = |passphrase: &str| Home::new(&folder, key(passphrase));
    let mut alice = Account::create(&home("correct horse"), &name, &server)?;
    // While it is open here, nobody else gets in.
    if let Err(error) = Account::open(&home("correct horse")) {
        println!("a second one: {error}");
    }
    alice.change_key(&key("correct horse"), &key("battery staple"))?;
    drop(alice);
    if let Err(error) = Account::open(&home("correct horse")) {
        println!("the old passphrase: {error}");
    }
    let alice = Account::open(&home("battery staple"))?;
    println!("{} is open again", alice.name());
    Ok(())
}
