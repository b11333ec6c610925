//! `conclave device`: this device, and the others of its account.

use super::account::Beginning;
use crate::Common;
use crate::failure::Failure;
use crate::output::Output;
use client::Misuse;
use serde_json::json;

#[derive(clap::Subcommand)]
pub(crate) enum Device {
    /// Show the code of a new device once more, to be confirmed with `account link` on another one
    Code,
    /// Make a new device for an account that exists, and show its code
    Create(Beginning),
    /// List the devices of the account, this one first
    List,
}

impl Device {
    pub(crate) fn run(self, common: &Common, output: &mut Output) -> Result<(), Failure> {
        let mut account = match self {
            Self::Code => common.account()?,
            Self::Create(beginning) => beginning.run(common, client::Account::create_linked)?,
            Self::List => return list(common, output),
        };
        let Some(code) = account.link_code()? else {
            return Err(Failure::refused("this device belongs to its account already".to_owned()));
        };
        let device = account.identity().device.to_string();
        let name = account.name().as_str();
        let text = format!(
            "{code}\n  confirm it with `conclave account link` on the device of {name} that has \
             the root key"
        );
        let value = json!({"type": "link-code", "name": name, "device": device, "code": code});
        output.print(&text, &value)
    }
}

fn list(common: &Common, output: &mut Output) -> Result<(), Failure> {
    let account = common.account()?;
    if account.devices().is_empty() && account.account_key().is_err() {
        return Err(client::Error::Misuse(Misuse::NotLinked).into());
    }
    let mut devices = account.devices();
    devices.sort_by_key(|device| !device.is_this);
    for device in devices {
        let has_root = device.is_this && account.has_root();
        let note = match (device.is_this, has_root) {
            (true, true) => "  this device, with the root key",
            (true, false) => "  this device",
            _ => "",
        };
        let value = json!({
            "type": "device",
            "device": device.device.to_string(),
            "this": device.is_this,
            "root_key": has_root,
        });
        output.print(&format!("{}{note}", device.device), &value)?;
    }
    Ok(())
}
