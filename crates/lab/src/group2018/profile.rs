//! The two profiles: how somebody who sets a leaf for another agrees with its owner on the secret,
//! and how epochs follow each other.
//!
//! * draft-01: the secret is drawn and sent under ECIES; `epoch_secret` is extracted from the init
//!   secret and the root's secret, the next init secret is derived from it.
//! * modern: the secret is what `AuthEncap` of RFC 9180 gives for the owner's init key and the
//!   setter's static key, so that no encryption is needed for it; the epoch is RFC 9420's key
//!   schedule with the root's secret as commit secret.

use codec::{Encode, Opaque, Writer};
use crypto::{
    CryptoError, Digest, HashAlgorithm, HpkeKeyPair, HpkePublicKey, Random, Secret, Suite,
};
use treekem::{CommitSecret, EpochSecrets, InitSecret, JoinerSecret, PskSecret};
use wire::{Extensions, GroupContext, ProtocolVersion};

use super::{Profile, Setup};
use crate::Failure;

/// The secrets that an epoch leaves behind.
pub(crate) struct EpochKeys {
    pub(crate) epoch_secret: Secret,
    pub(crate) init_secret: Secret,
    pub(crate) confirmation_tag: Opaque,
    /// What joiners of this epoch are told.
    pub(crate) joiner_secret: Secret,
}

/// What both sides of an epoch's derivation agree on.
#[derive(Clone, Copy)]
pub(crate) struct EpochContext<'a> {
    pub(crate) epoch: u64,
    pub(crate) transcript: &'a Digest,
    /// The root's public key, which stands for the tree.
    pub(crate) root_key: &'a HpkePublicKey,
}

impl Setup {
    /// The next epoch, for members.
    pub(crate) fn next_epoch(
        &self,
        context: EpochContext<'_>,
        init_secret: &Secret,
        update_secret: &Secret,
    ) -> Result<EpochKeys, Failure> {
        match self.profile {
            Profile::Draft01 => self.draft_epoch(context, init_secret.duplicate(), update_secret),
            Profile::Modern(_) => {
                let bytes = self.group_context(context)?.to_bytes();
                let init = InitSecret::from(init_secret.duplicate());
                let commit = CommitSecret::from(self.update_secret(update_secret)?);
                let joiner = JoinerSecret::derive(&self.suite, &init, &commit, &bytes);
                self.modern_epoch(context, joiner.map_err(schedule)?)
            }
        }
    }

    /// The same epoch, for somebody who joins in it.
    pub(crate) fn joined_epoch(
        &self,
        context: EpochContext<'_>,
        joiner_secret: Secret,
        update_secret: &Secret,
    ) -> Result<EpochKeys, Failure> {
        match self.profile {
            Profile::Draft01 => self.draft_epoch(context, joiner_secret, update_secret),
            Profile::Modern(_) => self.modern_epoch(context, JoinerSecret::from(joiner_secret)),
        }
    }

    /// draft-01: joiners are told the init secret of the epoch before.
    fn draft_epoch(
        &self,
        context: EpochContext<'_>,
        joiner_secret: Secret,
        update_secret: &Secret,
    ) -> Result<EpochKeys, Failure> {
        let suite = &self.suite;
        let epoch_secret = suite.extract(&joiner_secret, update_secret)?;
        let mut state = Writer::new();
        self.group_id.encode(&mut state);
        context.epoch.encode(&mut state);
        context.transcript.encode(&mut state);
        let init_secret = draft_derive(suite, &epoch_secret, b"init", state.as_slice())?;
        let confirmation_tag = Opaque::default();
        Ok(EpochKeys { epoch_secret, init_secret, confirmation_tag, joiner_secret })
    }

    fn modern_epoch(
        &self,
        context: EpochContext<'_>,
        joiner: JoinerSecret,
    ) -> Result<EpochKeys, Failure> {
        let suite = &self.suite;
        let bytes = self.group_context(context)?.to_bytes();
        let member = joiner.member_secret(suite, &PskSecret::none(suite)).map_err(schedule)?;
        let epoch: EpochSecrets = member.into_epoch_secrets(suite, &bytes).map_err(schedule)?;
        let tag = epoch.confirmation_tag(suite, context.transcript.as_slice());
        let length = suite.hash_length();
        Ok(EpochKeys {
            epoch_secret: epoch.export(suite, "group key", &[], length).map_err(schedule)?,
            init_secret: epoch.init_secret().as_secret().duplicate(),
            confirmation_tag: tag.map_err(schedule)?.into_opaque(),
            joiner_secret: joiner.into_secret(),
        })
    }

    fn update_secret(&self, root_secret: &Secret) -> Result<Secret, CryptoError> {
        self.suite.expand_with_label(root_secret, "art root", &[], self.suite.hash_length())
    }

    fn group_context(&self, context: EpochContext<'_>) -> Result<GroupContext, Failure> {
        Ok(GroupContext {
            version: ProtocolVersion::MLS10,
            cipher_suite: self.suite.id(),
            group_id: self.group_id.clone(),
            epoch: context.epoch,
            tree_hash: self.suite.hash(context.root_key.as_slice())?,
            confirmed_transcript_hash: *context.transcript,
            extensions: Extensions::default(),
        })
    }
}

fn schedule(error: treekem::Error) -> Failure {
    Failure::Message(error.to_string())
}

/// `Derive-Secret(secret, label, state)`: HKDF-Expand with a label and the hash of the group's
/// state.
fn draft_derive(
    suite: &Suite,
    secret: &Secret,
    label: &[u8],
    state: &[u8],
) -> Result<Secret, CryptoError> {
    let hash = HashAlgorithm::Sha256;
    let state = suite.provider().hash(hash, state)?;
    let label = [b"mls10 ", label].concat();
    let lengths = [&label[..], state.as_slice()].map(|part| u8::try_from(part.len()));
    let [Ok(label_length), Ok(state_length)] = lengths else {
        return Err(CryptoError::InvalidLength);
    };
    let info: [&[u8]; 5] = [&[0, 32], &[label_length], &label, &[state_length], state.as_slice()];
    suite.provider().hkdf_expand(hash, secret.expose(), &info, 32)
}

/// `AuthEncap(pkR, skS)` of DHKEM (RFC 9180, section 4.1): the shared secret and its encapsulation.
pub(crate) fn auth_encap(
    suite: &Suite,
    recipient: &HpkePublicKey,
    sender: &HpkeKeyPair,
    random: &mut dyn Random,
) -> Result<(Secret, Opaque), CryptoError> {
    let ephemeral = suite.generate_key_pair(random)?;
    let dh =
        |key: &HpkeKeyPair| suite.provider().dh(suite.params().kem, &key.private_key, recipient);
    let shared = [dh(&ephemeral)?, dh(sender)?];
    let keys = [&ephemeral.public_key, recipient, &sender.public_key];
    Ok((auth_secret(suite, &shared, keys)?, ephemeral.public_key.0))
}

/// `AuthDecap(enc, skR, pkS)` of what [`auth_encap`] returns.
pub(crate) fn auth_decap(
    suite: &Suite,
    encapsulated: &Opaque,
    recipient: &HpkeKeyPair,
    sender: &HpkePublicKey,
) -> Result<Secret, CryptoError> {
    let ephemeral = HpkePublicKey(encapsulated.clone());
    let dh =
        |key: &HpkePublicKey| suite.provider().dh(suite.params().kem, &recipient.private_key, key);
    let shared = [dh(&ephemeral)?, dh(sender)?];
    auth_secret(suite, &shared, [&ephemeral, &recipient.public_key, sender])
}

/// `ExtractAndExpand(dh, kem_context)`.
fn auth_secret(
    suite: &Suite,
    shared: &[Secret; 2],
    keys: [&HpkePublicKey; 3],
) -> Result<Secret, CryptoError> {
    let (hash, length) = (suite.params().hash, suite.hash_length());
    let suite_id = [b"KEM".as_slice(), &suite.params().kem.0.to_be_bytes()].concat();
    let dh = [shared[0].expose(), shared[1].expose()];
    let input: [&[u8]; 5] = [b"HPKE-v1", &suite_id, b"eae_prk", dh[0], dh[1]];
    let extracted = suite.provider().hmac(hash, &[], &input)?;
    let short = u16::try_from(length).map_err(|_| CryptoError::InvalidLength)?.to_be_bytes();
    let [ephemeral, recipient, sender] = keys.map(HpkePublicKey::as_slice);
    let info: [&[u8]; 7] =
        [&short, b"HPKE-v1", &suite_id, b"shared_secret", ephemeral, recipient, sender];
    suite.provider().hkdf_expand(hash, extracted.expose(), &info, length)
}

/// Seals what a newcomer is told beside the secret of its leaf, under that secret.
pub(crate) fn seal_under_leaf(
    suite: &Suite,
    leaf_secret: &Secret,
    plaintext: &Secret,
) -> Result<Opaque, CryptoError> {
    let (key, nonce) = joiner_key(suite, leaf_secret)?;
    Ok(suite.aead_seal(&key, nonce.expose(), &[], plaintext.expose())?.into())
}

/// Opens what [`seal_under_leaf`] returns.
pub(crate) fn open_under_leaf(
    suite: &Suite,
    leaf_secret: &Secret,
    sealed: &[u8],
) -> Result<Secret, CryptoError> {
    let (key, nonce) = joiner_key(suite, leaf_secret)?;
    suite.aead_open(&key, nonce.expose(), &[], sealed)
}

/// A leaf secret is agreed on once, so its key and nonce serve once.
fn joiner_key(suite: &Suite, leaf_secret: &Secret) -> Result<(Secret, Secret), CryptoError> {
    let params = suite.params();
    let expand = |label, length| suite.expand_with_label(leaf_secret, label, &[], length);
    Ok((
        expand("art joiner key", params.aead_key_length)?,
        expand("art joiner nonce", params.aead_nonce_length)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Seeded, Tools};

    // RFC 9180, appendix A.1.3.
    const PK_RM: &str = "1632d5c2f71c2b38d0a8fcc359355200caa8b1ffdf28618080466c909cb69b2e";
    const SK_RM: &str = "fdea67cf831f1ca98d8e27b1f6abeb5b7745e9d35348b80fa407ff6958f9137e";
    const PK_SM: &str = "8b0c70873dc5aecb7f9ee4e62406a397b350e57012be45cf53b7105ae731790b";
    const ENC: &str = "23fb952571a14a25e3d678140cd0e5eb47a0961bb18afcf85896e5453c312e76";
    const SHARED: &str = "2d6db4cf719dc7293fcbf3fa64690708e44e2bebc81f84608677958c0d4448a7";

    #[test]
    fn auth_decap_gives_the_shared_secret_of_rfc_9180() {
        let hex = testkit::hex;
        let tools = Tools::new().unwrap();
        let recipient = HpkeKeyPair::new(Secret::from_vec(hex(SK_RM)), hex(PK_RM).into());
        let shared = auth_decap(tools.suite(), &hex(ENC).into(), &recipient, &hex(PK_SM).into());
        assert_eq!(testkit::to_hex(shared.unwrap().expose()), SHARED);
    }

    #[test]
    fn both_sides_of_auth_encap_agree_and_nobody_else() {
        let tools = Tools::new().unwrap();
        let suite = tools.suite();
        let mut random = Seeded::new(1);
        let [sender, recipient, other] =
            [(); 3].map(|()| suite.generate_key_pair(&mut random).unwrap());
        let (secret, encapsulated) =
            auth_encap(suite, &recipient.public_key, &sender, &mut random).unwrap();
        let decap = |key: &HpkeKeyPair, sender: &HpkeKeyPair| {
            auth_decap(suite, &encapsulated, key, &sender.public_key).unwrap()
        };
        assert!(decap(&recipient, &sender) == secret);
        assert!(decap(&other, &sender) != secret);
        assert!(decap(&recipient, &other) != secret);
    }
}
