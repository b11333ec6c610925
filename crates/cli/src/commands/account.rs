//! `conclave account`: make an account, show it, look after its keys, and be sure of others.

use super::recovery::Recovery;
use crate::Common;
use crate::failure::Failure;
use crate::output::Output;
use crate::passphrase;
use client::transport::ServiceAddress;
use client::{Home, KeySource, Protection, StoreKey};
use serde_json::json;
use std::io::Read;
use std::path::{Path, PathBuf};

/// More than a code has that is written by hand.
const CODE_BYTES_MAX: u64 = 4096;

/// What makes an account's folder and registers its device.
#[derive(clap::Args)]
pub(crate) struct Beginning {
    /// Its name: 1 to 64 of a-z, 0-9, `.`, `_`, `-`
    name: String,
    /// The delivery service, as it prints its address
    #[arg(long, env = "CONCLAVE_SERVER", value_name = "URL")]
    server: Option<String>,
    /// Believe the service if one of these authorities certifies it (PEM)
    #[arg(long, value_name = "FILE", conflicts_with = "fingerprint")]
    ca: Option<PathBuf>,
    /// Believe the service by its certificate's SHA-256, in hexadecimal digits
    #[arg(long, value_name = "HEX")]
    fingerprint: Option<String>,
    /// Ask for a passphrase that protects the folder
    #[arg(long, conflicts_with = "passphrase_file")]
    passphrase: bool,
}

/// Makes an account, or a device for one, in a folder, with a name, at a service.
type Make = fn(&Home, &str, &str) -> Result<client::Account, client::Error>;

impl Beginning {
    pub(super) fn run(self, common: &Common, make: Make) -> Result<client::Account, Failure> {
        let server = common.server(self.server)?;
        let server = address(&server, self.ca.as_deref(), self.fingerprint.as_deref())?;
        let home = common.new_home(self.passphrase)?;
        let account = make(&home, &self.name, &server)?;
        passphrase::warn_unprotected(&home, common.json);
        Ok(account)
    }
}

#[derive(clap::Subcommand)]
pub(crate) enum Account {
    /// Make an account in the home folder and register it
    Create(Beginning),
    /// Make the device that shows a code one of this account's
    Link {
        /// The code, as `device create` prints it there; `-` reads it from standard input
        code: String,
    },
    /// Give the account's folder another passphrase, or none
    Protect {
        /// The file whose first line is the new passphrase; without it, it is asked for
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
        /// Let everything lie open from now on
        #[arg(long, conflicts_with = "new_passphrase_file")]
        unprotected: bool,
    },
    /// Come back with nothing but the recovery code: a new device takes the place of the lost ones
    Recover {
        /// The file with the recovery code
        file: PathBuf,
        /// A device that is not lost, and stays
        #[arg(long, value_name = "DEVICE")]
        keep: Vec<String>,
        /// Ask for a passphrase that protects the folder
        #[arg(long, conflicts_with = "passphrase_file")]
        passphrase: bool,
    },
    /// Keep the root key elsewhere, for when this device is lost
    #[command(subcommand)]
    Recovery(Recovery),
    /// Take this account's word back for one of its devices: others remove it from their groups
    Revoke {
        /// The device, as `account show` and `group show` print it
        device: String,
    },
    /// Make a new root key for this account; who knows the old one follows
    RotateRoot,
    /// Show the safety number with another account: compare it with what its owner sees
    SafetyNumber {
        /// The other account
        name: String,
    },
    /// Show name, device, root key and delivery service
    Show,
    /// Believe that a root key is another account's
    Trust {
        /// The other account
        name: String,
        /// Its root key, as `account show` prints it there
        key: String,
    },
}

impl Account {
    pub(crate) fn run(self, common: &Common, output: &mut Output) -> Result<(), Failure> {
        let account = match self {
            Self::Create(beginning) => beginning.run(common, client::Account::create)?,
            Self::Protect { new_passphrase_file, unprotected } => {
                let (mut account, home) = common.account_and_home()?;
                let new = match new_passphrase_file {
                    Some(file) => passphrase::from_file(&file)?,
                    None if unprotected => StoreKey::Unprotected,
                    None => passphrase::ask_new()?,
                };
                account.change_key(home.key(), &new)?;
                let protection = new.protection();
                let value = json!({
                    "type": "protected",
                    "by": match protection {
                        Protection::Passphrase => "passphrase",
                        Protection::Key => "key",
                        Protection::Unprotected => "nothing",
                    },
                });
                return output.print(&format!("the folder is protected {protection}"), &value);
            }
            Self::Link { code } => return link(common, output, &code),
            Self::Recover { file, keep, passphrase } => {
                let home = common.new_home(passphrase)?;
                let account = super::recovery::recover(&home, &file, &keep)?;
                passphrase::warn_unprotected(&home, common.json);
                account
            }
            Self::Recovery(command) => return command.run(common, output),
            Self::Revoke { device } => {
                let mut account = common.account()?;
                account.revoke(&device)?;
                let value = json!({"type": "revoked", "device": device});
                return output.print(&format!("revoked {device}"), &value);
            }
            Self::RotateRoot => {
                let mut account = common.account()?;
                account.rotate_root()?;
                output.warn(
                    "recovery codes for the old root key are of no use now: write a new one with \
                     `conclave account recovery export`",
                );
                account
            }
            Self::SafetyNumber { name } => return safety_number(common, output, &name),
            Self::Show => common.account()?,
            Self::Trust { name, key } => {
                common.account()?.trust(&name, &key)?;
                return safety_number(common, output, &name);
            }
        };
        let device = account.identity().device.to_string();
        let key = account.account_key()?.to_string();
        let (name, server) = (account.name().as_str(), account.server());
        let text = format!("{name}\n  root key {key}\n  device {device}\n  service {server}");
        let value = json!({
            "type": "account", "name": name, "root_key": key, "device": device, "server": server,
        });
        output.print(&text, &value)
    }
}

fn link(common: &Common, output: &mut Output, code: &str) -> Result<(), Failure> {
    let mut account = common.account()?;
    let mut read = String::new();
    if code == "-" {
        std::io::stdin().take(CODE_BYTES_MAX).read_to_string(&mut read)?;
    }
    account.link(if code == "-" { &read } else { code })?;
    let devices: Vec<String> = account.devices().iter().map(|it| it.device.to_string()).collect();
    let text = format!("linked; the account has {} devices", devices.len());
    output.print(&text, &json!({"type": "linked", "devices": devices}))
}

/// The service's address together with what its certificate is held against.
fn address(server: &str, ca: Option<&Path>, fingerprint: Option<&str>) -> Result<String, Failure> {
    let address = ServiceAddress::parse(server).map_err(client::Error::from)?;
    let address = match (ca, fingerprint) {
        (Some(file), _) => {
            let bytes = std::fs::read(file).map_err(|error| Failure::file(file, &error))?;
            address.with_authorities(&bytes)
        }
        (None, Some(digits)) => address.with_fingerprint(digits),
        (None, None) => Ok(address),
    };
    Ok(address.map_err(client::Error::from)?.to_string())
}

fn safety_number(common: &Common, output: &mut Output, name: &str) -> Result<(), Failure> {
    let account = common.account()?;
    let known = account.known_account(name)?;
    let number = account.safety_number(name)?;
    let (source, why) = match known.source {
        KeySource::ByHand => ("by-hand", "given by hand"),
        _ => ("first-use", "believed at first use; compare the number with its owner"),
    };
    let text = format!("{number}\n  {name}  root key {}\n  {why}", known.key);
    let value = json!({
        "type": "safety-number",
        "name": name,
        "number": number,
        "root_key": known.key.to_string(),
        "source": source,
    });
    output.print(&text, &value)
}
