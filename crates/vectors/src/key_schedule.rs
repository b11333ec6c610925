//! `key-schedule`: every secret of several epochs in a row (RFC 9420, section 8).

use codec::{Decode, Encode};
use crypto::{Crypto, Random, Secret, Suite};
use serde::{Deserialize, Serialize};
use treekem::{CommitSecret, EpochSecrets, InitSecret, JoinerSecret, PskSecret};
use wire::{Extensions, GroupContext, ProtocolVersion};

use crate::failure::{At, expect_bytes};
use crate::kind::{for_each_suite, random_bytes, suite};
use crate::{Failure, Hex, Scale, Vector};

/// The epochs of one group.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The suite.
    pub cipher_suite: u16,
    /// The group.
    pub group_id: Hex,
    /// What the first epoch starts from.
    pub initial_init_secret: Hex,
    /// The epochs, numbered from 0.
    pub epochs: Vec<Epoch>,
}

/// What goes into an epoch, and all that comes out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Epoch {
    /// Chosen, for the group context.
    pub tree_hash: Hex,
    /// Chosen, as if from a path.
    pub commit_secret: Hex,
    /// Chosen, as if from pre-shared keys.
    pub psk_secret: Hex,
    /// Chosen, for the group context.
    pub confirmed_transcript_hash: Hex,
    /// The encoding of the `GroupContext`.
    pub group_context: Hex,
    /// `joiner_secret`.
    pub joiner_secret: Hex,
    /// `welcome_secret`.
    pub welcome_secret: Hex,
    /// `init_secret`, for the next epoch.
    pub init_secret: Hex,
    /// `sender_data_secret`.
    pub sender_data_secret: Hex,
    /// `encryption_secret`.
    pub encryption_secret: Hex,
    /// `exporter_secret`.
    pub exporter_secret: Hex,
    /// `epoch_authenticator`.
    pub epoch_authenticator: Hex,
    /// `external_secret`.
    pub external_secret: Hex,
    /// `confirmation_key`.
    pub confirmation_key: Hex,
    /// `membership_key`.
    pub membership_key: Hex,
    /// `resumption_psk`.
    pub resumption_psk: Hex,
    /// The public key derived from `external_secret`.
    pub external_pub: Hex,
    /// A secret for use outside MLS.
    pub exporter: Exporter,
}

/// `secret == MLS-Exporter(label, context, length)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exporter {
    /// The label, as it is.
    pub label: String,
    /// The context.
    pub context: Hex,
    /// Length of `secret` in bytes.
    pub length: usize,
    /// The result.
    pub secret: Hex,
}

/// What the generator chooses for one epoch.
struct Chosen {
    tree_hash: Hex,
    commit_secret: Hex,
    psk_secret: Hex,
    confirmed_transcript_hash: Hex,
    exporter_label: String,
    exporter_context: Hex,
    exporter_length: usize,
}

/// The secrets of an epoch as `treekem` stores them: the only form that has all of them. Three
/// have no other way out.
struct StoredSecrets {
    _sender_data_secret: Secret,
    _encryption_secret: Option<Secret>,
    exporter_secret: Secret,
    external_secret: Secret,
    confirmation_key: Secret,
    _membership_key: Secret,
    _resumption_psk: Secret,
    _epoch_authenticator: Secret,
    _init_secret: Secret,
}

codec::fields!(StoredSecrets {
    _sender_data_secret,
    _encryption_secret,
    exporter_secret,
    external_secret,
    confirmation_key,
    _membership_key,
    _resumption_psk,
    _epoch_authenticator,
    _init_secret,
});

/// A group whose epochs are computed in order.
struct Group<'a> {
    suite: &'a Suite,
    group_id: &'a Hex,
    epoch: u64,
    init_secret: InitSecret,
}

impl Group<'_> {
    fn context(&self, chosen: &Chosen) -> Result<Vec<u8>, Failure> {
        let context = GroupContext {
            version: ProtocolVersion::MLS10,
            cipher_suite: self.suite.id(),
            group_id: self.group_id.opaque(),
            epoch: self.epoch,
            tree_hash: chosen.tree_hash.digest().at("tree_hash")?,
            confirmed_transcript_hash: chosen
                .confirmed_transcript_hash
                .digest()
                .at("confirmed_transcript_hash")?,
            extensions: Extensions::default(),
        };
        Ok(context.to_bytes())
    }

    /// Moves to the next epoch and returns all of the one it leaves.
    fn next(&mut self, chosen: Chosen) -> Result<Epoch, Failure> {
        let (suite, context) = (self.suite, self.context(&chosen)?);
        let commit_secret = CommitSecret::from(chosen.commit_secret.secret());
        let psk_secret = PskSecret::from(chosen.psk_secret.secret());
        let joiner = JoinerSecret::derive(suite, &self.init_secret, &commit_secret, &context)?;
        let member = joiner.member_secret(suite, &psk_secret)?;
        let welcome_secret = member.welcome_secret(suite)?;
        let mut secrets = member.into_epoch_secrets(suite, &context)?;
        let stored = StoredSecrets::from_bytes(&secrets.to_bytes())?;
        let encryption_secret = secrets.take_encryption_secret().at("encryption_secret")?;
        let hash = chosen.confirmed_transcript_hash.as_slice();
        let tag = suite.mac(&stored.confirmation_key, hash)?;
        let own_tag = secrets.confirmation_tag(suite, hash)?;
        expect_bytes("confirmation tag", own_tag.as_opaque(), &Hex::from(&tag))?;
        let exporter = exporter(suite, &secrets, &chosen)?;
        self.epoch += 1;
        self.init_secret = secrets.init_secret().as_secret().duplicate().into();
        Ok(Epoch {
            tree_hash: chosen.tree_hash,
            commit_secret: chosen.commit_secret,
            psk_secret: chosen.psk_secret,
            confirmed_transcript_hash: chosen.confirmed_transcript_hash,
            group_context: context.into(),
            joiner_secret: joiner.as_secret().into(),
            welcome_secret: welcome_secret.as_secret().into(),
            init_secret: secrets.init_secret().as_secret().into(),
            sender_data_secret: secrets.sender_data_secret().into(),
            encryption_secret: (&encryption_secret).into(),
            exporter_secret: (&stored.exporter_secret).into(),
            epoch_authenticator: secrets.epoch_authenticator().into(),
            external_secret: (&stored.external_secret).into(),
            confirmation_key: (&stored.confirmation_key).into(),
            membership_key: secrets.membership_key().into(),
            resumption_psk: secrets.resumption_psk().into(),
            external_pub: secrets.external_key_pair(suite)?.public_key.as_slice().into(),
            exporter,
        })
    }
}

fn exporter(suite: &Suite, secrets: &EpochSecrets, chosen: &Chosen) -> Result<Exporter, Failure> {
    let (label, context) = (&chosen.exporter_label, &chosen.exporter_context);
    let length = chosen.exporter_length;
    let secret = secrets.export(suite, label, context.as_slice(), length).at("exporter")?;
    Ok(Exporter {
        label: label.clone(),
        context: context.clone(),
        length,
        secret: (&secret).into(),
    })
}

impl Chosen {
    fn of(epoch: &Epoch) -> Self {
        Self {
            tree_hash: epoch.tree_hash.clone(),
            commit_secret: epoch.commit_secret.clone(),
            psk_secret: epoch.psk_secret.clone(),
            confirmed_transcript_hash: epoch.confirmed_transcript_hash.clone(),
            exporter_label: epoch.exporter.label.clone(),
            exporter_context: epoch.exporter.context.clone(),
            exporter_length: epoch.exporter.length,
        }
    }

    fn generate(suite: &Suite, random: &mut dyn Random) -> Result<Self, Failure> {
        let length = suite.hash_length();
        let mut hex = |length| random_bytes(length, random).map(Hex);
        Ok(Self {
            tree_hash: hex(length)?,
            commit_secret: hex(length)?,
            psk_secret: hex(length)?,
            confirmed_transcript_hash: hex(length)?,
            exporter_label: hex(16)?.to_string(),
            exporter_context: hex(32)?,
            exporter_length: 64,
        })
    }
}

impl Epoch {
    fn verify(&self, group: &mut Group<'_>) -> Result<(), Failure> {
        let computed = group.next(Chosen::of(self))?;
        macro_rules! expect {
            ($($field:ident),*) => {
                $(expect_bytes(stringify!($field), &computed.$field, &self.$field)?;)*
            };
        }
        expect!(group_context, joiner_secret, welcome_secret, init_secret);
        expect!(sender_data_secret, encryption_secret, exporter_secret, epoch_authenticator);
        expect!(external_secret, confirmation_key, membership_key, resumption_psk, external_pub);
        expect_bytes("exporter.secret", &computed.exporter.secret, &self.exporter.secret)
    }
}

impl Vector for Entry {
    fn verify(&self, crypto: &Crypto, _: &mut dyn Random) -> Result<(), Failure> {
        let suite = &suite(crypto, self.cipher_suite)?;
        let init_secret = self.initial_init_secret.secret().into();
        let mut group = Group { suite, group_id: &self.group_id, epoch: 0, init_secret };
        for (number, epoch) in self.epochs.iter().enumerate() {
            epoch.verify(&mut group).at(format_args!("epochs[{number}]"))?;
        }
        Ok(())
    }

    fn generate(
        crypto: &Crypto,
        scale: Scale,
        random: &mut dyn Random,
    ) -> Result<Vec<Self>, Failure> {
        let count = match scale {
            Scale::Small => 2,
            Scale::Full => 5,
        };
        for_each_suite(crypto, |suite| {
            let group_id = Hex(random_bytes(16, random)?);
            let first = Secret::random(suite.hash_length(), random)?;
            let initial_init_secret = Hex::from(&first);
            let init_secret = first.into();
            let mut group = Group { suite, group_id: &group_id, epoch: 0, init_secret };
            let epochs = (0..count)
                .map(|_| group.next(Chosen::generate(suite, random)?))
                .collect::<Result<_, Failure>>()?;
            Ok(vec![Self { cipher_suite: suite.id().0, group_id, initial_init_secret, epochs }])
        })
    }
}
