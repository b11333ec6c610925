//! `Welcome` (RFC 9420, section 12.4.3.1).

use codec::Opaque;
use crypto::{CipherSuite, HpkeCiphertext, Secret};

use crate::{KeyPackageRef, PreSharedKeyId, RATCHET_TREE_LEAVES_MAX};

/// The most pre-shared keys that a Welcome can name: PSKLabel counts them in 16 bits (section 8.4).
pub const GROUP_SECRETS_PSKS_MAX: usize = u16::MAX as usize;

/// The most new members that are accepted in a Welcome: as many as fit into the largest tree.
pub const WELCOME_SECRETS_MAX: usize = RATCHET_TREE_LEAVES_MAX;

/// `GroupSecrets`: what a new member is told in confidence.
#[derive(Debug, PartialEq, Eq)]
pub struct GroupSecrets {
    /// The `joiner_secret` of the new epoch.
    pub joiner_secret: Secret,
    /// The path secret of the lowest node above both the new member and the committer, if the
    /// commit has a path.
    pub path_secret: Option<Secret>,
    /// The pre-shared keys that the new epoch uses, in order.
    pub psks: Vec<PreSharedKeyId>,
}

codec::fields!(GroupSecrets { joiner_secret, path_secret, psks <= GROUP_SECRETS_PSKS_MAX });

/// `EncryptedGroupSecrets`: one new member's share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptedGroupSecrets {
    /// Which key package was used.
    pub new_member: KeyPackageRef,
    /// The [`GroupSecrets`], encrypted to its `init_key`.
    pub encrypted_group_secrets: HpkeCiphertext,
}

codec::fields!(EncryptedGroupSecrets { new_member, encrypted_group_secrets });

/// What new members need to join an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The group's cipher suite.
    pub cipher_suite: CipherSuite,
    /// One entry per new member.
    pub secrets: Vec<EncryptedGroupSecrets>,
    /// The [`crate::GroupInfo`], encrypted with a key from `joiner_secret`.
    pub encrypted_group_info: Opaque,
}

codec::fields!(Welcome { cipher_suite, secrets <= WELCOME_SECRETS_MAX, encrypted_group_info });
