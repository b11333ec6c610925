//! `conclave service`: look after the store of a delivery service.

use crate::failure::Failure;
use crate::output::Output;
use serde_json::json;
use std::path::PathBuf;

#[derive(clap::Subcommand)]
pub(crate) enum Service {
    /// Copy the database to a new file, also while the service runs; the service's key is not in it
    Backup {
        /// The folder of the service's store
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// The file to make
        #[arg(value_name = "FILE")]
        to: PathBuf,
    },
}

impl Service {
    pub(crate) fn run(self, output: &mut Output) -> Result<(), Failure> {
        let Self::Backup { data, to } = self;
        delivery_service::store::backup(&data, &to).map_err(delivery_service::Error::from)?;
        let bytes = std::fs::metadata(&to).map_err(delivery_service::Error::from)?.len();
        let value = json!({"type": "backup", "file": to, "bytes": bytes});
        output.print(&format!("{} bytes in {}", bytes, to.display()), &value)
    }
}
