//! `conclave fetch`: fetch a file that somebody shared.

use crate::Common;
use crate::failure::Failure;
use crate::files;
use crate::output::{self, Output};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct Fetch {
    /// The group: its name, its id, or the first digits of the id
    group: String,
    /// The file: its name, of which the latest is meant, or the number that `receive` shows
    file: String,
    /// Where to put it; nothing may be there yet
    #[arg(short, long, value_name = "PATH", conflicts_with = "save")]
    output: Option<PathBuf>,
    /// The folder to put it in under its own name; the current one if nothing is said
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
}

impl Fetch {
    pub(crate) fn run(self, common: &Common, output: &mut Output) -> Result<(), Failure> {
        let mut account = common.account()?;
        let group = account.group(&self.group)?;
        let event = account.find_file(&group.id, &self.file)?;
        let path = match self.output {
            Some(path) => {
                files::fetch_to(&mut account, &event, &path, output)?;
                path
            }
            None => {
                let folder = self.save.unwrap_or_else(|| Path::new(".").to_owned());
                files::fetch_into(&mut account, &event, &folder, output)?
            }
        };
        let value = output::saved(&event, Some(&group.name), &path);
        output.print(&format!("saved {}", path.display()), &value)
    }
}
