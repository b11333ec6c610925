//! Welcome (RFC 9420, section 12.4.3.1): making one with a commit, and joining by one.

use codec::{Decode, Encode};
use crypto::{Random, Secret, Suite};
use protection::PastEpochs;
use tree::{Added, LeafIndex};
use treekem::{JoinerSecret, PrivatePath, PskSecret, WelcomeSecret, psk_secret};
use wire::{
    EncryptedGroupSecrets, GroupInfo, GroupSecrets, KeyPackage, KeyPackageRef, MlsMessage,
    MlsMessageBody, PreSharedKeyId, PskKind, RatchetTreeNodes, ResumptionPskUsage, Welcome,
};

use crate::create::check_new_group;
use crate::epoch::{Confirmation, Epoch, EpochState};
use crate::group_info::verify_group_info;
use crate::key_package::KeyPackageBundle;
use crate::rows::{delete_group, first_version, put_first_epoch};
use crate::successor::{check_successor, keeps_group_id, stored_resumption_psk};
use crate::{Client, Delta, Effect, Error, Group, GroupStatus, Misuse, Storage, Violation};

/// What a Welcome says beside the group itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The member who signed the GroupInfo: as a rule, whoever added this client.
    pub signer: LeafIndex,
    /// The pre-shared keys that were mixed in. One with usage `ReInit` or `Branch` proves that the
    /// group succeeds another; that the group then is what such a successor must be has been
    /// checked.
    pub psks: Vec<PreSharedKeyId>,
}

/// What Welcomes are made from.
pub(crate) struct WelcomeInputs<'a> {
    pub(crate) suite: &'a Suite,
    pub(crate) group_info: &'a GroupInfo,
    pub(crate) joiner_secret: &'a JoinerSecret,
    pub(crate) welcome_secret: WelcomeSecret,
    pub(crate) added: &'a [(Added, Option<Secret>)],
    pub(crate) psks: &'a [PreSharedKeyId],
    /// One Welcome for each new member, instead of one for all.
    pub(crate) per_member: bool,
    pub(crate) random: &'a mut dyn Random,
}

/// The Welcomes of a commit, with the key packages they are for.
pub(crate) fn make_welcomes(
    inputs: WelcomeInputs<'_>,
) -> Result<Vec<(MlsMessage, Vec<KeyPackageRef>)>, Error> {
    let WelcomeInputs { suite, added, random, .. } = inputs;
    let group_info = inputs.group_info.to_bytes();
    let encrypted_group_info = inputs.welcome_secret.seal(suite, &group_info)?;
    let group_secrets = |path_secret: &Option<Secret>| GroupSecrets {
        joiner_secret: inputs.joiner_secret.as_secret().duplicate(),
        path_secret: path_secret.as_ref().map(Secret::duplicate),
        psks: inputs.psks.to_vec(),
    };
    let plaintexts: Vec<Secret> =
        added.iter().map(|(_, secret)| Secret::encoding(&group_secrets(secret))).collect();
    let key_packages: Vec<&KeyPackage> =
        added.iter().filter_map(|(added, _)| added.key_package()).collect();
    let recipients: Vec<_> =
        key_packages.iter().map(|new| &new.init_key).zip(&plaintexts).collect();
    let target = ("Welcome", &*encrypted_group_info);
    let ciphertexts = suite.encrypt_to_many(target, &recipients, random)?;
    let secrets = key_packages.iter().zip(ciphertexts).map(|(new, encrypted_group_secrets)| {
        let new_member = new.reference(suite)?;
        Ok(EncryptedGroupSecrets { new_member, encrypted_group_secrets })
    });
    let secrets: Vec<EncryptedGroupSecrets> = secrets.collect::<Result<_, Error>>()?;
    let batches: Vec<Vec<EncryptedGroupSecrets>> = match inputs.per_member {
        true => secrets.into_iter().map(|secret| vec![secret]).collect(),
        false => vec![secrets],
    };
    let welcomes = batches.into_iter().map(|secrets| {
        let key_packages = secrets.iter().map(|secret| secret.new_member).collect();
        let encrypted_group_info = encrypted_group_info.clone();
        let welcome = Welcome { cipher_suite: suite.id(), secrets, encrypted_group_info };
        (MlsMessage(MlsMessageBody::Welcome(welcome)), key_packages)
    });
    Ok(welcomes.collect())
}

impl Client {
    /// The stored key package that a Welcome is for, if any.
    pub fn examine_welcome(
        &self,
        storage: &dyn Storage,
        welcome: &MlsMessage,
    ) -> Result<Option<KeyPackageRef>, Error> {
        let MlsMessageBody::Welcome(welcome) = &welcome.0 else {
            return Err(Misuse::WrongMessageKind.into());
        };
        Ok(find_key_package(storage, welcome)?.map(|(_, secrets)| secrets.new_member))
    }

    /// Joins a group by a Welcome, with the ratchet tree beside it if it is not inside.
    ///
    /// The effect stores the group and erases the key package's private keys, in one.
    pub fn join(
        &self,
        storage: &dyn Storage,
        welcome: &MlsMessage,
        tree: Option<RatchetTreeNodes>,
        now: u64,
    ) -> Result<Effect<Group>, Error> {
        let MlsMessageBody::Welcome(welcome) = &welcome.0 else {
            return Err(Misuse::WrongMessageKind.into());
        };
        // "Identify an entry in the secrets array where the new_member value corresponds to one of
        // this client's KeyPackages".
        let (bundle, entry) =
            find_key_package(storage, welcome)?.ok_or(Violation::WelcomeNotForThisClient)?;
        if bundle.key_package.cipher_suite != welcome.cipher_suite {
            return Err(Violation::CipherSuiteMismatch.into());
        }
        let suite = self.suite(welcome.cipher_suite)?;
        let opened = self.open_welcome(storage, &suite, welcome, (&bundle, entry))?;
        let OpenedWelcome { group_info, group_secrets, psk_secret } = opened;
        let group_id = group_info.group_context.group_id.clone();
        if !keeps_group_id(&group_secrets.psks, &group_id) {
            check_new_group(storage, &group_id)?;
        }
        let tree = verify_group_info(self, &suite, &group_info, tree, now)?.into_tree();
        // "Identify a leaf whose LeafNode is identical to the one in the KeyPackage."
        let leaf_node = &bundle.key_package.leaf_node;
        let my_leaf = tree.find_signature_key(&leaf_node.signature_key);
        let my_leaf = my_leaf.filter(|&leaf| tree.leaf(leaf).is_some_and(|it| *it == *leaf_node));
        let my_leaf = my_leaf.ok_or(Violation::LeafNotInTree)?;
        let signer = tree.size().leaf(group_info.signer).ok_or(Violation::GroupInfoSigner)?;
        let path_secret = group_secrets.path_secret.map(|secret| (signer, secret));
        let leaf_key_pair = bundle.leaf_key_pair.duplicate();
        let private = PrivatePath::join(&suite, &tree, my_leaf, leaf_key_pair, path_secret)?;
        // "Use the joiner_secret from the GroupSecrets object to generate the epoch secret and
        // other derived secrets", "Verify the confirmation tag in the GroupInfo".
        let joiner_secret = JoinerSecret::from(group_secrets.joiner_secret);
        let member_secret = joiner_secret.member_secret(&suite, &psk_secret)?;
        let state = EpochState { context: group_info.group_context.clone(), tree, private };
        let confirmation = Confirmation::Verify(&group_info.confirmation_tag);
        let limits = self.settings().ratchet_limits;
        let epoch = Epoch::start(&suite, limits, member_secret, state, confirmation)?;
        // "If a PreSharedKeyID was used that has type resumption with usage reinit or branch".
        check_successor(self, storage, &epoch, &group_secrets.psks)?;
        let mut delta = Delta::default();
        if !bundle.is_last_resort() {
            delta.delete(KeyPackageBundle::row(&entry.new_member));
        }
        let invitation = Invitation { signer, psks: group_secrets.psks };
        let joined = self.first_group(suite, epoch, delta);
        Ok(joined.map(|group| Group { invitation: Some(invitation), ..group }))
    }

    /// A group that was not stored before, with the rows that store it.
    pub(crate) fn first_group(
        &self,
        suite: Suite,
        mut epoch: Epoch,
        mut delta: Delta,
    ) -> Effect<Group> {
        // Candidates to join the same group, or what an earlier membership left.
        delete_group(&epoch.context.group_id, &mut delta);
        put_first_epoch(&mut epoch, &mut delta);
        let version = first_version(&epoch);
        let group = Group {
            client: self.clone(),
            suite,
            status: GroupStatus::Active,
            epoch,
            proposals: Default::default(),
            past: PastEpochs::new(self.settings().past_epochs_max),
            past_leaves: Default::default(),
            sent: Default::default(),
            resumption_psks: Default::default(),
            signers: Vec::new(),
            opened_commits: Default::default(),
            invitation: None,
            unsaved: Default::default(),
            version,
        };
        Effect::new(group, delta)
    }

    /// Decrypts the two parts of a Welcome.
    fn open_welcome(
        &self,
        storage: &dyn Storage,
        suite: &Suite,
        welcome: &Welcome,
        (bundle, entry): (&KeyPackageBundle, &EncryptedGroupSecrets),
    ) -> Result<OpenedWelcome, Error> {
        let encrypted_group_info = &welcome.encrypted_group_info;
        let group_secrets = suite
            .decrypt_with_label(
                &bundle.init_key_pair,
                "Welcome",
                encrypted_group_info,
                &entry.encrypted_group_secrets,
            )
            .map_err(|_| Violation::GroupSecretsUndecryptable)?;
        let group_secrets = GroupSecrets::from_bytes(group_secrets.expose())?;
        // "if a PreSharedKeyID has type resumption with usage reinit or branch, verify that it is
        // the only such PSK".
        if group_secrets.psks.iter().filter(|id| is_successor(id)).count() > 1 {
            return Err(Violation::SeveralSuccessorPsks.into());
        }
        let mut psks = Vec::with_capacity(group_secrets.psks.len());
        for id in &group_secrets.psks {
            psks.push((id.clone(), self.find_joining_psk(storage, id)?));
        }
        let psk_secret = psk_secret(suite, &psks)?;
        let joiner_secret = JoinerSecret::from(group_secrets.joiner_secret.duplicate());
        let welcome_secret =
            joiner_secret.member_secret(suite, &psk_secret)?.welcome_secret(suite)?;
        let group_info = welcome_secret.open(suite, encrypted_group_info)?;
        let group_info = GroupInfo::from_bytes(group_info.expose())?;
        Ok(OpenedWelcome { group_info, group_secrets, psk_secret })
    }

    /// A pre-shared key that is named by a group that this client is not in yet.
    pub(crate) fn find_joining_psk(
        &self,
        storage: &dyn Storage,
        id: &PreSharedKeyId,
    ) -> Result<Secret, Error> {
        let found = match &id.kind {
            PskKind::External { psk_id } => self.config.psks.external(psk_id),
            PskKind::Resumption { psk_group_id, psk_epoch, .. } => {
                match stored_resumption_psk(storage, psk_group_id, *psk_epoch)? {
                    Some(psk) => Some(psk),
                    None => self.config.psks.resumption(psk_group_id, *psk_epoch),
                }
            }
        };
        found.ok_or_else(|| Error::MissingPsk(id.kind.clone()))
    }

    /// Loads a stored group; `None` if there is none with this id. O(N).
    ///
    /// Have a group once at a time: drop it before it is loaded again. Of two that were loaded from
    /// the same rows only the first to change can be saved; the other is [`crate::Misuse::Stale`].
    pub fn load_group(
        &self,
        storage: &dyn Storage,
        group_id: &[u8],
    ) -> Result<Option<Group>, Error> {
        Group::load(self, storage, group_id)
    }

    /// Forgets a group: all its rows are deleted, and with them every secret. For groups that were
    /// left or closed; the other members are not told.
    pub fn delete_group(&self, group_id: &[u8]) -> Effect<()> {
        let mut delta = Delta::default();
        delete_group(group_id, &mut delta);
        Effect::new((), delta)
    }

    /// The ids of all stored groups.
    pub fn group_ids(&self, storage: &dyn Storage) -> Result<Vec<Vec<u8>>, Error> {
        Ok(storage.groups()?)
    }
}

struct OpenedWelcome {
    group_info: GroupInfo,
    group_secrets: GroupSecrets,
    psk_secret: PskSecret,
}

/// Whether a key links a group to the one it succeeds.
pub(crate) fn is_successor(id: &PreSharedKeyId) -> bool {
    matches!(
        id.kind,
        PskKind::Resumption { usage: ResumptionPskUsage::ReInit | ResumptionPskUsage::Branch, .. }
    )
}

fn find_key_package<'a>(
    storage: &dyn Storage,
    welcome: &'a Welcome,
) -> Result<Option<(KeyPackageBundle, &'a EncryptedGroupSecrets)>, Error> {
    let references = welcome.secrets.iter().map(|entry| &entry.new_member);
    let found = KeyPackageBundle::find(storage, references)?;
    Ok(found.and_then(|(place, bundle)| Some((bundle, welcome.secrets.get(place)?))))
}
