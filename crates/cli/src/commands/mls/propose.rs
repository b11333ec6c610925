//! `conclave mls propose`: each kind of proposal (RFC 9420, section 12.1), as a message of its own.

use super::files::{read_bytes, read_message};
use super::handover::{Item, Report};
use super::{Session, change, member};
use crate::failure::Failure;
use crate::output::hex;
use crypto_aws_lc::SystemRandom;
use mls::{
    CipherSuite, Extension, ExtensionType, Extensions, KeyPackage, LeafChanges, MlsMessageBody,
    ProposalType, Propose,
};
use serde_json::json;
use std::path::{Path, PathBuf};
use tree::rules::{LifetimeRules, verify_key_package};

#[derive(clap::Subcommand)]
pub(super) enum Kind {
    /// Add a client
    Add {
        /// Its key package
        key_package: PathBuf,
        #[command(flatten)]
        to: To,
    },
    /// Replace the own keys
    Update {
        #[command(flatten)]
        to: To,
    },
    /// Remove a member
    Remove {
        /// Its leaf, or its name
        member: String,
        #[command(flatten)]
        to: To,
    },
    /// Mix in a key that all members keep (`conclave mls psk`)
    Psk {
        /// Its name
        id: String,
        #[command(flatten)]
        to: To,
    },
    /// Mix in the resumption key of an epoch of this or another group
    Resumption {
        /// The epoch
        epoch: u64,
        /// The other group
        #[arg(long, value_name = "ID", value_parser = digits)]
        of: Option<Bytes>,
        #[command(flatten)]
        to: To,
    },
    /// Close the group in favour of a new one with the same members
    Reinit {
        #[command(flatten)]
        successor: Successor,
        #[command(flatten)]
        to: To,
    },
    /// Replace the extensions of the group, all of them
    Gce {
        /// An extension: its type, and its contents in hexadecimal digits; may be repeated
        #[arg(long = "extension", value_name = "TYPE=HEX", value_parser = extension)]
        extensions: Vec<Extension>,
        #[command(flatten)]
        to: To,
    },
    /// A proposal of the application's own type
    Custom {
        /// The type
        #[arg(value_parser = code_point)]
        proposal_type: u16,
        /// The body; `-` is standard input
        body: PathBuf,
        #[command(flatten)]
        to: To,
    },
}

/// Where a message goes, and what it carries along.
#[derive(clap::Args)]
pub(super) struct To {
    /// Where to write the message; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// A file whose bytes are authenticated with the message, not encrypted
    #[arg(long, value_name = "FILE")]
    aad: Option<PathBuf>,
}

impl To {
    pub(super) fn authenticated_data(&self) -> Result<Vec<u8>, Failure> {
        self.aad.as_deref().map_or_else(|| Ok(Vec::new()), read_bytes)
    }
}

/// The parameters of the group that succeeds another.
#[derive(clap::Args)]
pub(super) struct Successor {
    /// Its cipher suite
    #[arg(long, value_name = "NUMBER", value_parser = code_point)]
    suite: u16,
    /// Its id, instead of a random one
    #[arg(long, value_name = "HEX", value_parser = digits)]
    id: Option<Bytes>,
    /// An extension of its GroupContext; may be repeated
    #[arg(long = "extension", value_name = "TYPE=HEX", value_parser = extension)]
    extensions: Vec<Extension>,
}

impl Successor {
    pub(super) fn into_parts(self) -> Result<(Vec<u8>, CipherSuite, Extensions), Failure> {
        let Self { suite, id, extensions } = self;
        let group_id = id.map_or_else(random_id, |id| Ok(id.0))?;
        Ok((group_id, CipherSuite(suite), Extensions(extensions)))
    }
}

/// Bytes on the command line.
#[derive(Clone)]
pub(super) struct Bytes(pub(super) Vec<u8>);

/// A number of a registry: decimal, or hexadecimal with `0x`.
pub(super) fn code_point(text: &str) -> Result<u16, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u16::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map_err(|_| "not a number from 0 to 65535".to_owned())
}

/// Bytes in hexadecimal digits.
pub(super) fn digits(text: &str) -> Result<Bytes, String> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    let bytes: Option<Vec<u8>> = pairs.collect();
    bytes.map(Bytes).ok_or_else(|| "not an even number of hexadecimal digits".to_owned())
}

/// `TYPE=HEX`.
pub(super) fn extension(text: &str) -> Result<Extension, String> {
    let (extension_type, data) = text.split_once('=').ok_or("not TYPE=HEX")?;
    let extension_type = ExtensionType(code_point(extension_type)?);
    Ok(Extension { extension_type, extension_data: digits(data)?.0.into() })
}

impl Session<'_> {
    /// A key package in a file. It is verified here so that what is wrong with it is its maker's
    /// fault, and what is wrong with a commit of it the caller's.
    pub(super) fn read_key_package(&self, path: &Path) -> Result<KeyPackage, Failure> {
        let MlsMessageBody::KeyPackage(key_package) = read_message(path)?.0 else {
            return Err(Failure::refused(format!("{} is not a key package", path.display())));
        };
        if let Some(suite) = self.state.crypto.suite(key_package.cipher_suite) {
            let lifetimes = (LifetimeRules::default(), Some(self.now));
            let verified = verify_key_package(&suite, &key_package, lifetimes, None);
            verified.map_err(mls::Error::from)?;
        }
        Ok(*key_package)
    }
}

/// Random bytes for the id of a group.
pub(super) fn random_id() -> Result<Vec<u8>, Failure> {
    let mut id = vec![0; 32];
    mls::Random::fill(&mut SystemRandom, &mut id).map_err(mls::Error::from)?;
    Ok(id)
}

impl Kind {
    pub(super) fn run(self, session: &mut Session<'_>) -> Result<(), Failure> {
        let mut group = session.group()?;
        let (propose, to) = self.into_propose(session, &group)?;
        let aad = to.authenticated_data()?;
        let effect = group.propose(propose, &aad, session.now, &mut SystemRandom);
        let effect = effect.map_err(Failure::of_own_making)?;
        let (message, delta) = effect.into_parts();
        let proposed = group.pending_proposals().last();
        let (reference, what) = proposed
            .map(|(reference, _, proposal)| {
                (hex(reference.0.as_slice()), change::proposal_line(&group, proposal))
            })
            .unwrap_or_default();
        let fields = json!({
            "group": hex(group.group_id()), "epoch": group.epoch(),
            "reference": reference, "proposal": what,
        });
        let report = Report::new("proposed", format!("proposed: {what}"), fields);
        session.finish(&delta, vec![Item::message("message", &message, to.output)], report)
    }

    fn into_propose(
        self,
        session: &Session<'_>,
        group: &mls::Group,
    ) -> Result<(Propose, To), Failure> {
        Ok(match self {
            Self::Add { key_package, to } => {
                (Propose::Add(Box::new(session.read_key_package(&key_package)?)), to)
            }
            Self::Update { to } => (Propose::Update(LeafChanges::default()), to),
            Self::Remove { member: wanted, to } => (Propose::Remove(member(group, &wanted)?), to),
            Self::Psk { id, to } => (Propose::ExternalPsk(id.into_bytes()), to),
            Self::Resumption { epoch, of, to } => {
                let group_id = of.map_or_else(|| group.group_id().to_vec(), |of| of.0);
                (Propose::ResumptionPsk { group_id, epoch }, to)
            }
            Self::Reinit { successor, to } => {
                let (group_id, cipher_suite, extensions) = successor.into_parts()?;
                (Propose::ReInit { group_id, cipher_suite, extensions }, to)
            }
            Self::Gce { extensions, to } => {
                (Propose::GroupContextExtensions(Extensions(extensions)), to)
            }
            Self::Custom { proposal_type, body, to } => {
                (Propose::Other(ProposalType(proposal_type), read_bytes(&body)?), to)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{code_point, digits, extension};

    #[test]
    fn numbers_and_bytes_are_what_they_look_like() {
        assert_eq!((code_point("10"), code_point("0xf001")), (Ok(10), Ok(0xf001)));
        assert!(code_point("65536").is_err() && code_point("x").is_err());
        assert_eq!(digits("00fF").unwrap().0, [0, 255]);
        assert!(digits("0").is_err() && digits("+f").is_err() && digits("ä").is_err());
        let made = extension("0xff01=0102").unwrap();
        assert_eq!((made.extension_type.0, &*made.extension_data), (0xff01, &[1, 2][..]));
        assert!(extension("1").is_err());
    }
}
