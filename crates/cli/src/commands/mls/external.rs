//! `conclave mls external-sender` and `propose-external`: proposals from outside a group (RFC 9420,
//! section 12.1.8), by a sender that the group names or by a client that asks to be added.
//!
//! The group is known from a GroupInfo and its tree, which are verified as by one who joins; the
//! proposal is verified as the members will before it is handed over.

use super::handover::{Item, Report};
use super::join::Input;
use super::propose::{Successor, To, code_point, extension};
use super::{Session, change, credential_name, find_member};
use crate::failure::Failure;
use crate::output::hex;
use crypto_aws_lc::SystemRandom;
use mls::{
    CipherSuite, Delta, Encode, Extension, ExtensionType, Extensions, GroupInfo, KeyPackageOptions,
    MlsMessage, MlsMessageBody, PreSharedKeyId, Proposal, PskKind, Random, ReInit, Signer,
};
use serde_json::json;
use std::path::PathBuf;
use tree::rules::LifetimeRules;
use tree::{Checks, PskPurpose, PublicGroup, PublicReceived};
use wire::ProtocolVersion;

#[derive(clap::Args)]
pub(super) struct ExternalSender {
    /// The cipher suite of the group
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = code_point)]
    suite: u16,
}

#[derive(clap::Args)]
pub(super) struct ProposeExternal {
    /// The GroupInfo of the group; `-` is standard input
    group_info: PathBuf,
    /// The ratchet tree, if it is not in the GroupInfo
    #[arg(long, value_name = "FILE")]
    tree: Option<PathBuf>,
    #[command(subcommand)]
    kind: Kind,
}

#[derive(clap::Subcommand)]
enum Kind {
    /// Ask to be added, with a new key package of this client: no external sender needs to be named
    Join {
        #[command(flatten)]
        to: To,
    },
    #[command(flatten)]
    Named(Named),
}

/// What only a sender that the group names may propose.
#[derive(clap::Subcommand)]
enum Named {
    /// Add a client
    Add {
        /// Its key package
        key_package: PathBuf,
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
    /// Mix in a key that all members keep
    Psk {
        /// Its name
        id: String,
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
}

impl ExternalSender {
    pub(super) fn run(self, session: &mut Session<'_>) -> Result<(), Failure> {
        let suite = session.state.crypto.suite(CipherSuite(self.suite));
        let scheme = suite.map(|suite| suite.params().signature);
        let signer = session.state.keys.iter().find(|key| Some(key.scheme()) == scheme);
        let signer = signer.ok_or_else(|| {
            Failure::refused("this client has no key for the cipher suite".to_owned())
        })?;
        let sender = mls::ExternalSender {
            signature_key: signer.public_key().clone(),
            credential: session.client.config().credential.clone(),
        };
        let key = hex(sender.signature_key.as_slice());
        let contents = hex(&vec![sender].to_bytes());
        let argument = format!("{}={contents}", ExtensionType::EXTERNAL_SENDERS.0);
        let value = json!({
            "type": "external-sender", "suite": self.suite, "signature_key": key,
            "extension": argument,
        });
        session.say(&argument, value)
    }
}

/// The members' view of a proposal, for one who is none.
fn checks<'a>(session: &'a Session<'_>) -> Checks<'a> {
    Checks {
        identity: &*session.client.config().identity,
        lifetimes: LifetimeRules::default(),
        now: session.now,
        sending: false,
        psk_purpose: PskPurpose::Ordinary,
    }
}

impl ProposeExternal {
    pub(super) fn read(&self) -> Result<Input, Failure> {
        Input::read(&self.group_info, self.tree.as_deref())
    }

    pub(super) fn run(self, input: Input, session: &mut Session<'_>) -> Result<(), Failure> {
        let Input { message: MlsMessage(MlsMessageBody::GroupInfo(info)), tree } = input else {
            return Err(Failure::refused("this is not a GroupInfo".to_owned()));
        };
        let inside = info.extensions.find(ExtensionType::RATCHET_TREE);
        if tree.is_none() && inside.is_none() {
            let text = "there is no ratchet tree in the GroupInfo: give it with --tree";
            return Err(Failure::refused(text.to_owned()));
        }
        let group = PublicGroup::new(&session.state.crypto, &info, tree, &checks(session));
        let mut group = group.map_err(mls::Error::from)?;
        let (message, delta, to) = match self.kind {
            Kind::Join { to } => {
                let (message, delta) = ask(session, &info, &to)?;
                (message, delta, to)
            }
            Kind::Named(named) => {
                let (proposal, to) = named.into_proposal(session, &group)?;
                (propose(session, &group, proposal, &to)?, Delta::default(), to)
            }
        };
        // What the members would refuse is not worth sending.
        let seen = group.process(&message, &checks(session)).map_err(mls::Error::from);
        let PublicReceived::Proposal(seen) = seen.map_err(Failure::of_own_making)? else {
            return Err(Failure::check("what was made is not a proposal".to_owned()));
        };
        let what = change::proposal_text(&seen.proposal, |leaf| match group.tree().member(leaf) {
            Some((_, leaf)) => credential_name(&leaf.credential),
            None => "nobody".to_owned(),
        });
        let fields = json!({
            "group": hex(&group.context().group_id), "epoch": group.epoch(),
            "reference": hex(seen.reference.0.as_slice()), "proposal": what,
        });
        let report = Report::new("proposed", format!("proposed: {what}"), fields);
        session.finish(&delta, vec![Item::message("message", &message, to.output)], report)
    }
}

/// A proposal to add this client, and the rows of its new key package.
fn ask(session: &Session<'_>, info: &GroupInfo, to: &To) -> Result<(MlsMessage, Delta), Failure> {
    let (context, options) = (&info.group_context, KeyPackageOptions::default());
    let suite = context.cipher_suite;
    let made = session.client.key_package(suite, options, session.now, &mut SystemRandom)?;
    let (key_package, delta) = made.into_parts();
    let aad = to.authenticated_data()?;
    Ok((session.client.propose_self(context, key_package, &aad)?, delta))
}

/// A proposal of the external sender that this client is.
fn propose(
    session: &Session<'_>,
    group: &PublicGroup,
    proposal: Proposal,
    to: &To,
) -> Result<MlsMessage, Failure> {
    let named = group.context().extensions.external_senders().map_err(mls::Error::from)?;
    let places = (0..).zip(named.unwrap_or_default());
    let own = places.filter_map(|(place, sender)| {
        let key = session.state.keys.iter().find(|key| *key.public_key() == sender.signature_key);
        Some((place, &**key?))
    });
    let (place, signer): (u32, &dyn Signer) = own.into_iter().next().ok_or_else(|| {
        Failure::refused("the group does not name this client as an external sender".to_owned())
    })?;
    let aad = to.authenticated_data()?;
    let sender = (place, signer);
    Ok(mls::external_proposal(group.suite(), group.context(), sender, proposal, &aad)?)
}

impl Named {
    fn into_proposal(
        self,
        session: &Session<'_>,
        group: &PublicGroup,
    ) -> Result<(Proposal, To), Failure> {
        Ok(match self {
            Self::Add { key_package, to } => {
                (Proposal::Add(Box::new(session.read_key_package(&key_package)?)), to)
            }
            Self::Remove { member, to } => {
                let members = group.members();
                (Proposal::Remove(find_member(members, &member)?.as_u32()), to)
            }
            Self::Psk { id, to } => {
                let mut nonce = vec![0; group.suite().hash_length()];
                SystemRandom.fill(&mut nonce).map_err(mls::Error::from)?;
                let kind = PskKind::External { psk_id: id.into_bytes().into() };
                (Proposal::PreSharedKey(PreSharedKeyId { kind, psk_nonce: nonce.into() }), to)
            }
            Self::Reinit { successor, to } => {
                let (group_id, cipher_suite, extensions) = successor.into_parts()?;
                let (group_id, version) = (group_id.into(), ProtocolVersion::MLS10);
                (Proposal::ReInit(ReInit { group_id, version, cipher_suite, extensions }), to)
            }
            Self::Gce { extensions, to } => {
                (Proposal::GroupContextExtensions(Extensions(extensions)), to)
            }
        })
    }
}
