//! `conclave demo`: a whole conversation on this machine, told as it happens and checked as it
//! goes.
//!
//! The service listens on a free loopback port with its store in a temporary folder. Alice, Bob and
//! Carol are three clients, each with a durable store of its own, that talk to it over HTTP and
//! know nothing of each other but what comes from it. The story is in [`story`]; [`scene`] tells,
//! compares what each sees with what the story says, and ends everything at the first difference.

mod scene;
mod story;

use crate::failure::Failure;
use crate::output::Output;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Demo {
    /// Where to leave the stores instead of a new temporary folder
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

impl Demo {
    pub(crate) fn run(self, output: &mut Output) -> Result<(), Failure> {
        let folder = match self.keep {
            Some(folder) => folder,
            None => temporary_folder()?,
        };
        story::tell(&mut scene::Scene::open(folder, output)?)
    }
}

/// A new folder that only this user may enter.
fn temporary_folder() -> Result<PathBuf, Failure> {
    let mut name = [0; 8];
    let failed = |error: crypto::CryptoError| Failure::check(error.to_string());
    crypto::Random::fill(&mut crypto_aws_lc::SystemRandom, &mut name).map_err(failed)?;
    let name = format!("conclave-demo-{}", crate::output::hex(&name));
    let folder = std::env::temp_dir().join(name);
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&folder)?;
    Ok(folder)
}
