//! A group whose admins alone add and remove others, and which renews keys every two weeks.
//!
//! `cargo run -p conclave-client --example policy -- http://127.0.0.1:7420`

use client::{Account, Error, GroupPolicy, Home};

fn main() -> Result<(), Error> {
    let server = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:7420".to_owned());
    let folder = std::env::temp_dir().join(format!("conclave-policy-{}", std::process::id()));
    let home = Home::unprotected(folder);
    let mut alice = Account::create(&home, &format!("alice-{}", std::process::id()), &server)?;
    let policy = GroupPolicy {
        admins: vec![alice.name().clone()],
        update_interval_max_seconds: 14 * 86_400,
        ..GroupPolicy::default()
    };
    let group = alice.create_group_with("garden", &policy)?;
    alice.rename(&group, "kitchen garden")?;
    println!("{} lets {:?} change it", alice.group("kitchen garden")?.name, policy.admins);
    // Another policy is another commit; every member hears of it and of who made it.
    alice.set_policy(&group, &GroupPolicy { members_max: 20, ..policy })?;
    println!("at most {} devices", alice.policy(&group)?.members_max);
    Ok(())
}
