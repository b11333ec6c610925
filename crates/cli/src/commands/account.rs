//! `conclave account`: make an account, or show it.

use crate::Common;
use crate::failure::Failure;
use crate::output::Output;
use serde_json::json;

#[derive(clap::Subcommand)]
pub(crate) enum Account {
    /// Make an account in the home folder and register it
    Create {
        /// Its name: 1 to 64 of a-z, 0-9, `.`, `_`, `-`
        name: String,
        /// The delivery service
        #[arg(long, value_name = "URL")]
        server: String,
    },
    /// Show name, device and delivery service
    Show,
}

impl Account {
    pub(crate) fn run(self, common: &Common, output: &mut Output) -> Result<(), Failure> {
        let account = match self {
            Self::Create { name, server } => {
                client::Account::create(common.home()?, &name, &server)?
            }
            Self::Show => common.account()?,
        };
        let device = account.identity().device.to_string();
        let (name, server) = (account.name().as_str(), account.server());
        let text = format!("{name}\n  device {device}\n  service {server}");
        let value = json!({"type": "account", "name": name, "device": device, "server": server});
        output.print(&text, &value)
    }
}
