//! The stages of the key schedule (RFC 9420, section 8).
//!
//! ```text
//! InitSecret, CommitSecret -> JoinerSecret     the old epoch's init secret, the new GroupContext
//! JoinerSecret, PskSecret  -> MemberSecret     members and joiners meet here
//! MemberSecret             -> WelcomeSecret    seals the GroupInfo for joiners
//! MemberSecret             -> EpochSecrets     `epoch_secret` lives only inside this step
//! ```
//!
//! Every group context here is the encoding of the *new* epoch's `GroupContext`.

use codec::Opaque;
use crypto::{Secret, Suite};

use crate::{EpochSecrets, Error, PskSecret, Violation};

secret_newtype! {
    /// `init_secret`: what one epoch hands to the next.
    InitSecret
}

codec::fields!(InitSecret { 0 });

secret_newtype! {
    /// `commit_secret`: what the path of a commit adds to the next epoch.
    CommitSecret
}

secret_newtype! {
    /// `joiner_secret`: what new members are told in a Welcome.
    JoinerSecret
}

codec::fields!(JoinerSecret { 0 });

secret_newtype! {
    /// The secret between `joiner_secret` and `epoch_secret`, to which the pre-shared keys are
    /// added.
    MemberSecret
}

secret_newtype! {
    /// `welcome_secret`: seals the GroupInfo of one epoch's Welcome (section 12.4.3.1).
    WelcomeSecret
}

impl CommitSecret {
    /// The secret of a commit without a path: all zero (section 12.4.1).
    #[must_use]
    pub fn without_path(suite: &Suite) -> Self {
        Self(Secret::zeros(suite.hash_length()))
    }
}

impl JoinerSecret {
    /// The first stage. The init secret is only borrowed, since one epoch may see several
    /// candidates for the next.
    pub fn derive(
        suite: &Suite,
        init_secret: &InitSecret,
        commit_secret: &CommitSecret,
        group_context: &[u8],
    ) -> Result<Self, Error> {
        let extracted = suite.extract(init_secret.as_secret(), commit_secret.as_secret())?;
        let length = suite.hash_length();
        Ok(Self(suite.expand_with_label(&extracted, "joiner", group_context, length)?))
    }

    /// The second stage. The joiner secret is only borrowed, since the committer still has to
    /// encrypt it to new members.
    pub fn member_secret(
        &self,
        suite: &Suite,
        psk_secret: &PskSecret,
    ) -> Result<MemberSecret, Error> {
        Ok(MemberSecret(suite.extract(&self.0, psk_secret.as_secret())?))
    }
}

impl MemberSecret {
    /// The side branch for new members.
    pub fn welcome_secret(&self, suite: &Suite) -> Result<WelcomeSecret, Error> {
        Ok(WelcomeSecret(suite.derive_secret(&self.0, "welcome")?))
    }

    /// The last stage.
    pub fn into_epoch_secrets(
        self,
        suite: &Suite,
        group_context: &[u8],
    ) -> Result<EpochSecrets, Error> {
        let length = suite.hash_length();
        let epoch_secret = suite.expand_with_label(&self.0, "epoch", group_context, length)?;
        EpochSecrets::derive(suite, &epoch_secret)
    }
}

impl WelcomeSecret {
    /// Seals the encoding of a GroupInfo; consumed, because its nonce serves once.
    pub fn seal(self, suite: &Suite, group_info: &[u8]) -> Result<Opaque, Error> {
        let (key, nonce) = self.key_and_nonce(suite)?;
        Ok(suite.aead_seal(&key, nonce.expose(), &[], group_info)?.into())
    }

    /// Opens `encrypted_group_info`.
    pub fn open(self, suite: &Suite, encrypted_group_info: &[u8]) -> Result<Secret, Error> {
        let (key, nonce) = self.key_and_nonce(suite)?;
        suite
            .aead_open(&key, nonce.expose(), &[], encrypted_group_info)
            .map_err(Error::blame(Violation::GroupInfoUndecryptable))
    }

    /// `welcome_key` and `welcome_nonce` (section 12.4.3.1).
    fn key_and_nonce(&self, suite: &Suite) -> Result<(Secret, Secret), Error> {
        let params = suite.params();
        let nonce = suite.expand_with_label(&self.0, "nonce", &[], params.aead_nonce_length)?;
        let key = suite.expand_with_label(&self.0, "key", &[], params.aead_key_length)?;
        Ok((key, nonce))
    }
}
