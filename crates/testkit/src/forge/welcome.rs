//! Forged Welcomes (RFC 9420, section 12.4.3.1): an honest one, opened with its recipient's keys,
//! changed, and sealed again.

use codec::{Decode as _, Encode, Opaque};
use crypto::{HpkeKeyPair, Random, Secret, Signer, Suite};
use mls::{RowKey, RowKind};
use treekem::{JoinerSecret, MemberSecret, psk_secret};
use wire::{
    EncryptedGroupSecrets, GroupInfo, GroupSecrets, KeyPackage, KeyPackageRef, MlsMessage,
    MlsMessageBody, PreSharedKeyId, Welcome,
};

use super::row;
use crate::Person;

/// A stored key package with its private keys.
struct StoredKeyPackage {
    key_package: KeyPackage,
    init_key_pair: HpkeKeyPair,
    leaf_key_pair: HpkeKeyPair,
}

codec::fields!(StoredKeyPackage { key_package, init_key_pair, leaf_key_pair });

/// A Welcome in the open. Change it, then [`WelcomeForge::confirm`] and [`WelcomeForge::sign`] as
/// needed, then [`WelcomeForge::seal`].
pub struct WelcomeForge {
    /// The suite.
    pub suite: Suite,
    /// What describes the group.
    pub group_info: GroupInfo,
    /// What the new member is told.
    pub joiner_secret: Secret,
    /// The path secret that the new member is told.
    pub path_secret: Option<Secret>,
    /// The pre-shared keys that are named, with their values.
    pub psks: Vec<(PreSharedKeyId, Secret)>,
    /// The recipient's key package.
    pub key_package: KeyPackage,
    /// How the recipient's key package is named.
    pub new_member: KeyPackageRef,
}

impl WelcomeForge {
    /// Opens a Welcome with what its recipient has stored; `psks` are the keys that it may name.
    #[must_use]
    pub fn open(person: &Person, welcome: &MlsMessage, psks: &[(PreSharedKeyId, Secret)]) -> Self {
        let MlsMessageBody::Welcome(welcome) = &welcome.0 else { panic!("not a Welcome") };
        let suite = person.client.config().crypto.suite(welcome.cipher_suite);
        let suite = suite.expect("the suite is supported");
        let reference = person.client.examine_welcome(&person.store, &wrap(welcome.clone()));
        let new_member = reference.expect("memory does not fail").expect("the Welcome is for them");
        let id = new_member.0.as_slice().to_vec();
        let key = RowKey { group_id: Vec::new(), kind: RowKind::KeyPackage, id };
        let stored: StoredKeyPackage = row(person, &key);
        let mut entries = welcome.secrets.iter();
        let entry = entries.find(|entry| entry.new_member == new_member).expect("was found before");
        let secrets = suite.decrypt_with_label(
            &stored.init_key_pair,
            "Welcome",
            &welcome.encrypted_group_info,
            &entry.encrypted_group_secrets,
        );
        let secrets = GroupSecrets::from_bytes(secrets.expect("the entry opens").expose());
        let GroupSecrets { joiner_secret, path_secret, psks: named } = secrets.expect("it decodes");
        let value = |id: &PreSharedKeyId| psks.iter().find(|(other, _)| other.kind == id.kind);
        let psks = named.into_iter().map(|id| {
            let (_, psk) = value(&id).expect("the key is known");
            (id, psk.duplicate())
        });
        let psks: Vec<_> = psks.collect();
        let welcome_secret = member_secret(&suite, &joiner_secret, &psks).welcome_secret(&suite);
        let opened = welcome_secret.expect("secrets derive");
        let opened = opened.open(&suite, &welcome.encrypted_group_info);
        let group_info = GroupInfo::from_bytes(opened.expect("the GroupInfo opens").expose());
        let group_info = group_info.expect("the GroupInfo decodes");
        let key_package = stored.key_package;
        Self { suite, group_info, joiner_secret, path_secret, psks, key_package, new_member }
    }

    fn member_secret(&self) -> MemberSecret {
        member_secret(&self.suite, &self.joiner_secret, &self.psks)
    }

    /// Sets the confirmation tag that follows from what the Welcome says now.
    pub fn confirm(&mut self) {
        let context = &self.group_info.group_context;
        let secrets = self.member_secret().into_epoch_secrets(&self.suite, &context.to_bytes());
        let transcript = context.confirmed_transcript_hash;
        let secrets = secrets.expect("secrets derive");
        let tag = secrets.confirmation_tag(&self.suite, transcript.as_slice());
        self.group_info.confirmation_tag = tag.expect("a MAC is made").into_opaque();
    }

    /// Signs the GroupInfo as it is now.
    pub fn sign(&mut self, signer: &dyn Signer) {
        let (label, signed) = (GroupInfo::SIGNATURE_LABEL, self.group_info.to_be_signed());
        let signature = self.suite.sign_with_label(signer, label, &signed);
        self.group_info.signature = signature.expect("a key signs").into();
    }

    /// The Welcome as it is now.
    pub fn seal(&self, random: &mut dyn Random) -> MlsMessage {
        let welcome_secret = self.member_secret().welcome_secret(&self.suite);
        let group_info = self.group_info.to_bytes();
        let sealed = welcome_secret.expect("secrets derive").seal(&self.suite, &group_info);
        let encrypted_group_info: Opaque = sealed.expect("a key encrypts");
        let group_secrets = GroupSecrets {
            joiner_secret: self.joiner_secret.duplicate(),
            path_secret: self.path_secret.as_ref().map(Secret::duplicate),
            psks: self.psks.iter().map(|(id, _)| id.clone()).collect(),
        };
        let encrypted_group_secrets = self.suite.encrypt_with_label(
            &self.key_package.init_key,
            ("Welcome", &encrypted_group_info),
            &Secret::encoding(&group_secrets),
            random,
        );
        let entry = EncryptedGroupSecrets {
            new_member: self.new_member,
            encrypted_group_secrets: encrypted_group_secrets.expect("a key encrypts"),
        };
        let cipher_suite = self.suite.id();
        wrap(Welcome { cipher_suite, secrets: vec![entry], encrypted_group_info })
    }
}

fn member_secret(
    suite: &Suite,
    joiner_secret: &Secret,
    psks: &[(PreSharedKeyId, Secret)],
) -> MemberSecret {
    let joiner_secret = JoinerSecret::from(joiner_secret.duplicate());
    let psk_secret = psk_secret(suite, psks).expect("keys derive");
    joiner_secret.member_secret(suite, &psk_secret).expect("secrets derive")
}

fn wrap(welcome: Welcome) -> MlsMessage {
    MlsMessage(MlsMessageBody::Welcome(welcome))
}
