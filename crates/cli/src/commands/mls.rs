//! `conclave mls`: an offline MLS client on files. Each command is one operation on the state in a
//! folder; messages are files or standard input and output, and carrying them is the caller's.

mod change;
mod commit;
mod external;
pub(crate) mod files;
mod group;
mod handover;
mod join;
mod outbox;
mod pending;
mod policy;
mod propose;
mod psk;
mod receive;
mod state;
pub(crate) mod visit;

pub(crate) use psk::name as psk_name;

use crate::failure::Failure;
use crate::output::{Output, hex};
use mls::{Client, Credential, Group, LeafNode};
use serde_json::json;
use state::{Identity, State};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(clap::Args)]
pub(crate) struct Mls {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The folder of the client's state
    #[arg(long, global = true, env = "CONCLAVE_STATE", value_name = "DIR")]
    state: Option<PathBuf>,
    /// The group, by its id or the first digits of it; not needed if there is only one
    #[arg(long, global = true, value_name = "ID")]
    group: Option<String>,
    /// Show a chain of DER certificates in new leaves: this client's own first, then each its
    /// issuer's, without the authority that others trust; may be repeated
    #[arg(long, global = true, value_name = "FILE")]
    certificate: Vec<PathBuf>,
    #[command(flatten)]
    acceptance: policy::Acceptance,
    /// Write base64 instead of raw bytes; on input either is recognised
    #[arg(long, global = true)]
    base64: bool,
    /// Send proposals and commits as PublicMessage instead of PrivateMessage
    #[arg(long, global = true)]
    public: bool,
    /// The time, in seconds since 1970, instead of the clock's
    #[arg(long, global = true, value_name = "SECONDS")]
    now: Option<u64>,
    /// Leave out the random unknown values of section 13.5
    #[arg(long, global = true)]
    no_grease: bool,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make a client with new signature keys in the state folder
    Init(Init),
    /// Make a key package, by which others can add this client (section 10)
    KeyPackage(join::KeyPackage),
    /// Create a group with this client as its only member (section 11)
    Create(group::Create),
    /// Propose a change of the group (section 12.1)
    #[command(subcommand)]
    Propose(propose::Kind),
    /// Propose from outside the group, as a sender it names or to be added (section 12.1.8)
    ProposeExternal(external::ProposeExternal),
    /// Show this client as an external sender, for `--extension` of a group (section 12.1.8.1)
    ExternalSender(external::ExternalSender),
    /// Commit changes: what was proposed, and what the options add (section 12.4)
    Commit(commit::Commit),
    /// List, apply or discard what waits for a decision: own commits, proposals
    #[command(subcommand)]
    Pending(pending::Pending),
    /// Take a proposal or commit that was received
    Process(receive::Process),
    /// Join a group by a Welcome (section 12.4.3.1)
    Join(join::Join),
    /// Make an external commit, to join by a GroupInfo (section 12.4.3.2)
    ExternalJoin(join::ExternalJoin),
    /// Make the group that a committed ReInit announced (section 11.2)
    Reinit(group::Reinit),
    /// Make a group of some members of this one (section 11.3)
    Branch(group::Branch),
    /// Describe the group for joiners (section 12.4.3)
    GroupInfo(group::GroupInfo),
    /// Write the ratchet tree, for joiners who do not get it in a message (section 12.4.3.3)
    Tree(group::Tree),
    /// Encrypt application data for the group (section 6.3)
    Protect(receive::Protect),
    /// Decrypt application data
    Unprotect(receive::Unprotect),
    /// Derive a secret of the epoch for use outside MLS (section 8.5)
    Export(group::Export),
    /// Show the epoch authenticator (section 8.7)
    Authenticator,
    /// Show the public half of a signature key, to be certified
    SignatureKey {
        /// A cipher suite that signs with it
        #[arg(long, default_value_t = 1)]
        suite: u16,
    },
    /// List the members
    Members,
    /// List the groups
    Groups,
    /// Keep pre-shared keys (section 8.4)
    #[command(subcommand)]
    Psk(psk::Psk),
    /// What was made and not handed over because a command was killed
    #[command(subcommand)]
    Outbox(outbox::Outbox),
}

#[derive(clap::Args)]
struct Init {
    /// The identity in the client's basic credential
    name: String,
    /// A proposal type of the application that the client supports; may be repeated
    #[arg(long, value_name = "NUMBER", value_parser = propose::code_point)]
    proposal_type: Vec<u16>,
    /// An extension type of the application that the client supports; may be repeated
    #[arg(long, value_name = "NUMBER", value_parser = propose::code_point)]
    extension_type: Vec<u16>,
}

/// A command at work.
struct Session<'a> {
    state: State,
    client: Client,
    now: u64,
    options: &'a Options,
    output: &'a mut Output,
}

impl Mls {
    pub(crate) fn run(self, output: &mut Output) -> Result<(), Failure> {
        let Self { options, command } = self;
        let mut session = match command {
            Command::Init(init) => return init.run(&options, output),
            // Input is read before the state is locked: it may come from a command on the same
            // state.
            Command::Process(process) => {
                let input = process.read()?;
                return process.run(input, &mut Session::open(&options, output)?);
            }
            Command::Protect(protect) => {
                let input = protect.read()?;
                return protect.run(input, &mut Session::open(&options, output)?);
            }
            Command::Psk(psk) => {
                let input = psk.read()?;
                return psk.run(input, &mut Session::open(&options, output)?);
            }
            Command::Unprotect(unprotect) => {
                let input = unprotect.read()?;
                return unprotect.run(input, &mut Session::open(&options, output)?);
            }
            Command::Join(join) => {
                let input = join.read()?;
                return join.run(input, &mut Session::open(&options, output)?);
            }
            Command::ExternalJoin(join) => {
                let input = join.read()?;
                return join.run(input, &mut Session::open(&options, output)?);
            }
            Command::ProposeExternal(propose) => {
                let input = propose.read()?;
                return propose.run(input, &mut Session::open(&options, output)?);
            }
            Command::Outbox(command) => {
                return command.run(&mut Session::quiet(&options, output)?);
            }
            _ => Session::open(&options, output)?,
        };
        command.run(&mut session)
    }
}

impl Command {
    fn run(self, session: &mut Session<'_>) -> Result<(), Failure> {
        match self {
            Self::KeyPackage(command) => command.run(session),
            Self::Create(command) => command.run(session),
            Self::Propose(kind) => kind.run(session),
            Self::ExternalSender(command) => command.run(session),
            Self::Commit(command) => command.run(session),
            Self::Pending(command) => command.run(session),
            Self::Reinit(command) => command.run(session),
            Self::Branch(command) => command.run(session),
            Self::GroupInfo(command) => command.run(session),
            Self::Tree(command) => command.run(session),
            Self::Export(command) => command.run(session),
            Self::Authenticator => group::authenticator(session),
            Self::Members => group::members(session),
            Self::SignatureKey { suite } => signature_key(session, suite),
            Self::Groups => group::groups(session),
            Self::Init(_)
            | Self::Protect(_)
            | Self::Psk(_)
            | Self::Outbox(_)
            | Self::Process(_)
            | Self::ProposeExternal(_)
            | Self::Unprotect(_)
            | Self::Join(_)
            | Self::ExternalJoin(_) => Ok(()),
        }
    }
}

impl Options {
    /// The time that the command is to use.
    pub(crate) fn now(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        self.now.unwrap_or_else(|| now.map_or(0, |time| time.as_secs()))
    }

    /// Takes this folder, if there is one, for the state.
    pub(crate) fn state_is(&mut self, folder: Option<&PathBuf>) {
        if let Some(folder) = folder {
            self.state = Some(folder.clone());
        }
    }

    /// Whether a state is given.
    pub(crate) fn has_state(&self) -> bool {
        self.state.is_some()
    }

    fn folder(&self) -> Result<&std::path::Path, Failure> {
        self.state.as_deref().ok_or_else(|| {
            Failure::usage("which client? Give --state DIR or set CONCLAVE_STATE".to_owned())
        })
    }
}

impl Init {
    fn run(self, options: &Options, output: &mut Output) -> Result<(), Failure> {
        let Self { name, proposal_type, extension_type } = self;
        let identity = Identity {
            name: name.clone().into_bytes(),
            extensions: extension_type,
            proposals: proposal_type,
        };
        State::create(options.folder()?, &identity)?;
        let state = State::open(options.folder()?)?;
        let keys: Vec<_> = state.keys.iter().map(|key| hex(key.public_key().as_slice())).collect();
        let value = json!({"type": "client", "name": name, "signature_keys": keys});
        output.print(&format!("{name}: a client with {} signature keys", keys.len()), &value)
    }
}

impl<'a> Session<'a> {
    fn open(options: &'a Options, output: &'a mut Output) -> Result<Self, Failure> {
        let session = Self::quiet(options, output)?;
        session.remind()?;
        Ok(session)
    }

    /// The same without a word about the outbox.
    fn quiet(options: &'a Options, output: &'a mut Output) -> Result<Self, Failure> {
        let state = State::open(options.folder()?)?;
        options.acceptance.warning().into_iter().for_each(|text| output.warn(text));
        let client = state.client(options.folder()?, options)?;
        Ok(Self { state, client, now: options.now(), options, output })
    }

    /// Says that something waits in the outbox.
    fn remind(&self) -> Result<(), Failure> {
        let count = self.state.outbox()?.len();
        if count > 0 {
            self.output.warn(&format!("in the outbox: {count}; see `conclave mls outbox list`"));
        }
        Ok(())
    }

    /// The group that the command is about.
    fn group(&self) -> Result<Group, Failure> {
        self.state.group(&self.client, self.options.group.as_deref())
    }
}

/// The public key with which the client signs in groups of a suite.
fn signature_key(session: &mut Session<'_>, suite: u16) -> Result<(), Failure> {
    let known = session.state.crypto.suite(mls::CipherSuite(suite));
    let scheme = known.map(|suite| suite.params().signature);
    let key = session.state.keys.iter().find(|key| Some(key.scheme()) == scheme);
    let key = key.ok_or_else(|| Failure::refused(format!("suite {suite} is not known")))?;
    let key = hex(key.public_key().as_slice());
    session.output.print(&key, &json!({"type": "signature-key", "suite": suite, "key": key}))
}

/// Who a credential says it is, for people.
pub(crate) fn credential_name(credential: &Credential) -> String {
    match credential {
        Credential::Basic(name) => match std::str::from_utf8(name) {
            Ok(name) if !name.chars().any(char::is_control) => name.to_owned(),
            _ => format!("0x{}", hex(name)),
        },
        Credential::X509(certificates) => format!("a chain of {} certificates", certificates.len()),
        Credential::Other(credential_type, _) => {
            format!("a credential of type {:#06x}", credential_type.0)
        }
    }
}

/// The member that an argument means: a leaf index, or a name that only one has.
fn member(group: &Group, wanted: &str) -> Result<mls::LeafIndex, Failure> {
    let members = group.members().map(|member| (member.index, member.leaf));
    find_member(members, wanted)
}

/// The same among these.
fn find_member(
    members: impl Iterator<Item = (mls::LeafIndex, Arc<LeafNode>)>,
    wanted: &str,
) -> Result<mls::LeafIndex, Failure> {
    let wanted_index: Option<u32> = wanted.parse().ok();
    let credential = Credential::basic(wanted.as_bytes());
    let mut named = Vec::new();
    for (index, leaf) in members {
        if Some(index.as_u32()) == wanted_index {
            return Ok(index);
        }
        named.extend((leaf.credential == credential).then_some(index));
    }
    match named[..] {
        [index] => Ok(index),
        [] => Err(Failure::refused(format!("there is no member `{wanted}`"))),
        _ => Err(Failure::refused(format!("several members are called `{wanted}`: use the leaf"))),
    }
}
