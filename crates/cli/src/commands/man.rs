//! `conclave man`: manual pages, from the same description as the help texts.

use crate::failure::Failure;
use crate::output::Output;
use clap::CommandFactory;
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct Man {
    /// Write the pages of all commands into this folder, which is made if needed; without it, the
    /// program's own page goes to standard output
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl Man {
    pub(crate) fn run(self, output: &mut Output) -> Result<(), Failure> {
        let mut command = crate::Arguments::command();
        command.build();
        let Some(folder) = self.folder else { return output.bytes(&page(command, "conclave")?) };
        std::fs::create_dir_all(&folder)?;
        write(&folder, command, output)
    }
}

fn page(command: clap::Command, title: &str) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).title(title).render(&mut page)?;
    Ok(page)
}

/// Writes the page of a command and those of the commands below it.
fn write(folder: &Path, command: clap::Command, output: &mut Output) -> Result<(), Failure> {
    let below: Vec<_> = command.get_subcommands().filter(|it| it.get_name() != "help").collect();
    for command in below {
        write(folder, command.clone(), output)?;
    }
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let path = folder.join(format!("{name}.1"));
    std::fs::write(&path, page(command, &name)?)?;
    let path = path.display().to_string();
    output.print(&path, &json!({"type": "file", "file": path}))
}
