//! `welcome`: opening a Welcome without a tree (RFC 9420, sections 12.4.3 and 12.4.3.1).

use codec::{Decode, Encode, Opaque};
use crypto::{Crypto, HpkeKeyPair, Random, Secret, SignatureKeyPair, Signer, Suite};
use serde::{Deserialize, Serialize};
use treekem::{EpochSecrets, JoinerSecret, MemberSecret, PskSecret};
use wire::{
    EncryptedGroupSecrets, Extensions, GroupContext, GroupInfo, GroupSecrets, KeyPackage,
    MlsMessage, MlsMessageBody, ProtocolVersion, Welcome,
};

use crate::failure::{At, expect_bytes};
use crate::keys::hpke_key_pair;
use crate::kind::{for_each_suite, random_bytes, random_u32, suite};
use crate::sample_tree::SampleMember;
use crate::{Failure, Hex, Scale, Vector};

/// A Welcome and the key package it was made for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The suite.
    pub cipher_suite: u16,
    /// The private key of the key package's `init_key`.
    pub init_priv: Hex,
    /// The key that verifies the GroupInfo.
    pub signer_pub: Hex,
    /// `MLSMessage` with the key package.
    pub key_package: Hex,
    /// `MLSMessage` with the Welcome.
    pub welcome: Hex,
}

/// The label of group secrets in HPKE (section 12.4.3.1).
const LABEL: &str = "Welcome";

impl Entry {
    fn key_package(&self) -> Result<KeyPackage, Failure> {
        match self.key_package.decode::<MlsMessage>()?.0 {
            MlsMessageBody::KeyPackage(key_package) => Ok(*key_package),
            _ => Err(Failure::new("is not a key package")),
        }
    }

    fn welcome(&self) -> Result<Welcome, Failure> {
        match self.welcome.decode::<MlsMessage>()?.0 {
            MlsMessageBody::Welcome(welcome) => Ok(welcome),
            _ => Err(Failure::new("is not a welcome")),
        }
    }

    fn group_secrets(&self, suite: &Suite, welcome: &Welcome) -> Result<GroupSecrets, Failure> {
        let key_package = self.key_package().at("key_package")?;
        let init = hpke_key_pair(suite, &self.init_priv).at("init_priv")?;
        let init_key = Hex::from(key_package.init_key.as_slice());
        expect_bytes("init_priv", init.public_key.as_slice(), &init_key)?;
        let reference = key_package.reference(suite)?;
        let mut secrets = welcome.secrets.iter();
        let own =
            secrets.find(|other| other.new_member == reference).at("secrets for key_package")?;
        let context = &welcome.encrypted_group_info;
        let opened =
            suite.decrypt_with_label(&init, LABEL, context, &own.encrypted_group_secrets)?;
        Ok(GroupSecrets::from_bytes(opened.expose())?)
    }
}

impl Vector for Entry {
    fn verify(&self, crypto: &Crypto, _: &mut dyn Random) -> Result<(), Failure> {
        let suite = &suite(crypto, self.cipher_suite)?;
        let welcome = self.welcome().at("welcome")?;
        let group_secrets = self.group_secrets(suite, &welcome)?;
        let joiner_secret = JoinerSecret::from(group_secrets.joiner_secret);
        let member_secret = || -> Result<MemberSecret, Failure> {
            Ok(joiner_secret.member_secret(suite, &PskSecret::none(suite))?)
        };
        let welcome_secret = member_secret()?.welcome_secret(suite)?;
        let opened = welcome_secret.open(suite, &welcome.encrypted_group_info);
        let group_info = GroupInfo::from_bytes(opened.at("encrypted_group_info")?.expose())?;
        let signed = group_info.to_be_signed();
        let signer_pub = self.signer_pub.signature_public_key();
        let signature = &group_info.signature;
        suite
            .verify_with_label(&signer_pub, GroupInfo::SIGNATURE_LABEL, &signed, signature)
            .at("signature of the group info")?;
        let context = &group_info.group_context;
        let epoch = member_secret()?.into_epoch_secrets(suite, &context.to_bytes())?;
        let hash = context.confirmed_transcript_hash.as_slice();
        epoch
            .verify_confirmation_tag(suite, hash, &group_info.confirmation_tag)
            .at("confirmation_tag")?;
        Ok(())
    }

    fn generate(crypto: &Crypto, _: Scale, random: &mut dyn Random) -> Result<Vec<Self>, Failure> {
        for_each_suite(crypto, |suite| Ok(vec![Self::of(suite, random)?]))
    }
}

impl Entry {
    fn of(suite: &Suite, random: &mut dyn Random) -> Result<Self, Failure> {
        let joiner = SampleMember::generate(suite, random)?;
        let (key_package, init) = joiner.key_package(suite, random)?;
        let HpkeKeyPair { private_key: init_priv, .. } = init;
        let signer = SignatureKeyPair::generate(suite, random)?;
        let welcome = welcome(suite, &key_package, &signer, random)?;
        let message = |body| Hex::encoding(&MlsMessage(body));
        Ok(Self {
            cipher_suite: suite.id().0,
            init_priv: (&init_priv).into(),
            signer_pub: signer.public_key().as_slice().into(),
            key_package: message(MlsMessageBody::KeyPackage(Box::new(key_package))),
            welcome: message(MlsMessageBody::Welcome(welcome)),
        })
    }
}

/// A Welcome to some group of which there is nothing else.
fn welcome(
    suite: &Suite,
    key_package: &KeyPackage,
    signer: &SignatureKeyPair,
    random: &mut dyn Random,
) -> Result<Welcome, Failure> {
    let context = GroupContext {
        version: ProtocolVersion::MLS10,
        cipher_suite: suite.id(),
        group_id: random_bytes(16, random)?.into(),
        epoch: random_u32(random)?.into(),
        tree_hash: suite.hash(&random_bytes(32, random)?)?,
        confirmed_transcript_hash: suite.hash(&random_bytes(32, random)?)?,
        extensions: Extensions::default(),
    };
    let joiner_secret = JoinerSecret::from(Secret::random(suite.hash_length(), random)?);
    let member_secret = joiner_secret.member_secret(suite, &PskSecret::none(suite))?;
    let welcome_secret = member_secret.welcome_secret(suite)?;
    let epoch = member_secret.into_epoch_secrets(suite, &context.to_bytes())?;
    let group_info = group_info(suite, context, &epoch, signer)?;
    let encrypted_group_info = welcome_secret.seal(suite, &group_info.to_bytes())?;
    let group_secrets = GroupSecrets {
        joiner_secret: joiner_secret.into_secret(),
        path_secret: None,
        psks: Vec::new(),
    };
    let target = (LABEL, encrypted_group_info.as_slice());
    let plaintext = Secret::encoding(&group_secrets);
    let encrypted_group_secrets =
        suite.encrypt_with_label(&key_package.init_key, target, &plaintext, random)?;
    let new_member = key_package.reference(suite)?;
    let secrets = vec![EncryptedGroupSecrets { new_member, encrypted_group_secrets }];
    Ok(Welcome { cipher_suite: suite.id(), secrets, encrypted_group_info })
}

fn group_info(
    suite: &Suite,
    group_context: GroupContext,
    epoch: &EpochSecrets,
    signer: &SignatureKeyPair,
) -> Result<GroupInfo, Failure> {
    let hash = group_context.confirmed_transcript_hash;
    let tag = epoch.confirmation_tag(suite, hash.as_slice())?;
    let mut group_info = GroupInfo {
        group_context,
        extensions: Extensions::default(),
        confirmation_tag: tag.into_opaque(),
        signer: 0,
        signature: Opaque::default(),
    };
    let signed = group_info.to_be_signed();
    group_info.signature =
        suite.sign_with_label(signer, GroupInfo::SIGNATURE_LABEL, &signed)?.into();
    Ok(group_info)
}
