//! `conclave send`: say something in a group, or share a file.

use crate::Common;
use crate::failure::Failure;
use crate::files;
use crate::output::Output;
use serde_json::json;
use std::io::Read;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Send {
    /// The group: its name, its id, or the first digits of the id
    group: String,
    /// What to say; `-` reads it from standard input
    #[arg(required_unless_present = "file")]
    text: Option<String>,
    /// A file to share
    #[arg(long, value_name = "PATH", conflicts_with = "text")]
    file: Option<PathBuf>,
    /// The file's media type, if its name does not tell
    #[arg(long, value_name = "TYPE", requires = "file")]
    media_type: Option<String>,
}

impl Send {
    pub(crate) fn run(self, common: &Common, output: &mut Output) -> Result<(), Failure> {
        let mut text = self.text.unwrap_or_default();
        if text == "-" {
            text.clear();
            // One byte more than allowed is enough to be refused.
            let limit = u64::try_from(client::TEXT_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
            std::io::stdin().take(limit).read_to_string(&mut text)?;
        }
        let mut account = common.account()?;
        let group = account.group(&self.group)?;
        let done = match &self.file {
            Some(path) => {
                let media_type = self.media_type.as_deref();
                files::share(&mut account, &group.id, (path, media_type), output)?
            }
            None => account.send(&group.id, &text)?,
        };
        let value = json!({
            "type": "sent",
            "group": group.id.to_string(),
            "group_name": group.name,
            "epoch": done.epoch,
            "position": done.position.0,
        });
        output.print(&format!("sent to {} in epoch {}", group.name, done.epoch), &value)
    }
}
