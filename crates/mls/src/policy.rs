//! What an application decides about its groups: settings with sensible defaults, and its
//! pre-shared keys.

use crypto::Secret;
use protection::{PAST_EPOCHS_MAX, PaddingPolicy, RatchetLimits};
use tree::rules::LifetimeRules;
use wire::{CredentialType, ExtensionType, ProposalType, WireFormat};

/// How proposals and commits travel. Application messages are always encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HandshakeFormat {
    /// As PrivateMessage: the delivery service sees neither who joins nor who leaves.
    #[default]
    Private,
    /// As PublicMessage: the delivery service can follow the group.
    Public,
}

impl HandshakeFormat {
    pub(crate) fn wire_format(self) -> WireFormat {
        match self {
            Self::Private => WireFormat::PRIVATE_MESSAGE,
            Self::Public => WireFormat::PUBLIC_MESSAGE,
        }
    }
}

/// Who may join by an external commit (section 12.4.3.2).
///
/// A resync lets whoever stole a member's signature key evict that member in one commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExternalCommitPolicy {
    /// Nobody.
    Refuse,
    /// New members, but no one may replace a former self.
    JoinOnly,
    /// Members who replace their former selves, and nobody else.
    ResyncOnly,
    /// New members, and former selves may be replaced if the commit uses a resumption PSK of the
    /// group.
    ResyncWithPsk,
    /// Whoever the identity policy accepts.
    #[default]
    Allow,
}

/// The application's choices. `Settings::default()` is meant to be right for a chat.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How handshake messages are sent. Both forms are received.
    pub handshakes: HandshakeFormat,
    /// Padding of encrypted messages.
    pub padding: PaddingPolicy,
    /// How far ratchets may stretch for late and lost messages.
    pub ratchet_limits: RatchetLimits,
    /// For how many ended epochs late application messages can still be read.
    pub past_epochs_max: usize,
    /// For how many epochs the resumption PSK is kept, the current one not counted.
    pub resumption_psks_max: usize,
    /// Rules about lifetimes of leaves.
    pub lifetimes: LifetimeRules,
    /// Who may join by an external commit.
    pub external_commits: ExternalCommitPolicy,
    /// How many proposals of an epoch are remembered. One more is refused: a member, or anyone who
    /// may propose from outside, could otherwise fill the memory of all.
    pub proposals_max: usize,
    /// How many own messages of an epoch are remembered so that an echo is recognised: the latest.
    pub sent_messages_max: usize,
    /// Whether to send random unknown values where the RFC asks for them (section 13.5).
    pub grease: bool,
    /// Extension types of the application that this client supports.
    pub extensions: Vec<ExtensionType>,
    /// Proposal types of the application that this client supports.
    pub proposals: Vec<ProposalType>,
    /// Credential types that this client understands.
    pub credentials: Vec<CredentialType>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            handshakes: HandshakeFormat::default(),
            padding: PaddingPolicy::default(),
            ratchet_limits: RatchetLimits::default(),
            past_epochs_max: PAST_EPOCHS_MAX,
            resumption_psks_max: 8,
            lifetimes: LifetimeRules::default(),
            external_commits: ExternalCommitPolicy::default(),
            proposals_max: 1024,
            sent_messages_max: 4096,
            grease: true,
            extensions: Vec::new(),
            proposals: Vec::new(),
            credentials: vec![CredentialType::BASIC, CredentialType::X509],
        }
    }
}

/// The application's pre-shared keys (section 8.4).
pub trait PskStore: Send + Sync {
    /// The external key with this id.
    fn external(&self, psk_id: &[u8]) -> Option<Secret>;

    /// The resumption PSK of an epoch of *another* group. Keys of the group itself are found
    /// without this; joining finds those of stored groups.
    fn resumption(&self, group_id: &[u8], epoch: u64) -> Option<Secret> {
        let _ = (group_id, epoch);
        None
    }
}

/// For applications without pre-shared keys.
pub struct NoPsks;

impl PskStore for NoPsks {
    fn external(&self, _psk_id: &[u8]) -> Option<Secret> {
        None
    }
}
