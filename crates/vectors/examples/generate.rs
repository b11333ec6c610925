//! Writes a file of every kind and checks it: `generate DIRECTORY [full]`.
//!
//! The small set in `crates/vectors/generated` was made with it.

use std::path::Path;
use std::process::ExitCode;

use crypto::Crypto;
use crypto_aws_lc::SystemRandom;
use vectors::{Scale, generate_dir, verify_dir};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(directory), scale) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: generate DIRECTORY [full]");
        return ExitCode::from(2);
    };
    let scale = if scale.as_deref() == Some("full") { Scale::Full } else { Scale::Small };
    let crypto = Crypto::new(crypto_aws_lc::provider());
    let directory = Path::new(&directory);
    let random = &mut SystemRandom;
    let verified = generate_dir(directory, &crypto, scale, random, |_| {})
        .and_then(|()| verify_dir(directory, &crypto, random, |report| println!("{report}")));
    match verified {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
