//! Code that handles secrets, run under valgrind with the secrets concealed: valgrind reports each
//! time that one of them decides about a branch or an address.
//!
//! A check names how often that may happen: never, or once where the secret's only use is a verdict
//! that everyone sees, such as "the tag is right". It must happen exactly so often, whatever the
//! secrets are and wherever they differ. Controls are the same tasks done carelessly; if valgrind
//! sees nothing there, the checks mean nothing, and the program fails.
//!
//! `valgrind -q --error-limit=no target/release/conclave-constant-time`

mod checks;
mod controls;
mod provider;
mod valgrind;

use std::error::Error;
use std::process::ExitCode;

/// How often concealed bytes decided, in each case of a check.
type Counts = Result<Vec<u64>, Box<dyn Error>>;

/// Runs something and counts how often concealed bytes decided.
fn count<T>(run: impl FnOnce() -> T) -> (u64, T) {
    let before = valgrind::errors();
    let result = std::hint::black_box(run());
    (valgrind::errors() - before, result)
}

fn report(name: &str, counts: &[u64], holds: bool) -> bool {
    println!("  {name}: {counts:?}{}", if holds { "" } else { "  FAILS" });
    holds
}

fn run() -> Result<bool, Box<dyn Error>> {
    let mut holds = true;
    println!("decisions on secrets, case by case");
    for (name, allowed, check) in checks::ALL {
        let counts = check()?;
        holds &= report(name, &counts, counts.iter().all(|count| count == allowed));
    }
    println!("the same done carelessly, where valgrind must see more");
    for (name, allowed, control) in controls::ALL {
        let counts = control()?;
        holds &= report(name, &counts, counts.iter().any(|count| count > allowed));
    }
    Ok(holds)
}

fn main() -> ExitCode {
    if !valgrind::is_running() {
        eprintln!("this shows something under valgrind only");
        return ExitCode::FAILURE;
    }
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
