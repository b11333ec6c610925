//! `conclave completions`: what a shell needs to complete the command line.

use crate::failure::Failure;
use crate::output::Output;
use clap::CommandFactory;
use clap_complete::{Shell, generate};

#[derive(clap::Args)]
pub(crate) struct Completions {
    /// For which shell; its own manual says where the script goes
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self, output: &mut Output) -> Result<(), Failure> {
        let mut script = Vec::new();
        generate(self.shell, &mut crate::Arguments::command(), "conclave", &mut script);
        output.bytes(&script)
    }
}
