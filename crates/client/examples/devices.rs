//! An account with two devices: the second is linked by a code, comes into all groups, and is
//! revoked.
//!
//! `cargo run -p conclave-client --example devices -- http://127.0.0.1:7420`

use client::{Account, Error, EventKind, Home};

fn main() -> Result<(), Error> {
    let server = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:7420".to_owned());
    let name = format!("alice-{}", std::process::id());
    let home = |device: &str| {
        Home::unprotected(std::env::temp_dir().join(format!("conclave-{name}-{device}")))
    };
    let mut laptop = Account::create(&home("laptop"), &name, &server)?;
    laptop.create_group("garden")?;
    let mut phone = Account::create_linked(&home("phone"), &name, &server)?;
    // What the phone shows, and the laptop is told.
    let code = phone.link_code()?.unwrap_or_default();
    println!("the phone shows {code}");
    laptop.link(&code)?;
    phone.receive()?;
    laptop.receive()?;
    phone.receive()?;
    println!("the phone is in {} group(s)", phone.groups()?.len());
    // The phone is lost. Whoever finds it is told, and can send nothing.
    laptop.revoke(&phone.identity().device.to_string())?;
    for event in phone.receive()? {
        if event.kind == (EventKind::DeviceRevoked {}) {
            println!("the phone is revoked");
        }
    }
    println!("{} device(s) left", laptop.devices().len());
    Ok(())
}
